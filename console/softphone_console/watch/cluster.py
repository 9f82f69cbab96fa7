"""The Kubernetes API server, as far as the console asks it: lists and watches. Only here its client is imported.

Errors leave as ClusterError. Nothing is written, and no Secret and no ConfigMap is ever asked for.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio import client, config

from softphone_console.view.raw import Object, part, parts, text

PAGE = 500
REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
WATCH_SECONDS = 300
MOST_BYTES = 16 * 1024 * 1024
"""Of one line of a watch."""
GONE = 410
EXPECTED = (aiohttp.ClientError, OSError, TimeoutError, config.ConfigException)


class ClusterError(Exception):
    """The API server could not be asked, or refused. `status` is its HTTP status, 0 where there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(" ".join(message.split())[:500])
        self.status = status


class Collection(NamedTuple):
    """Objects of a kind, in a namespace or in all, of which some may be selected."""

    kind: str
    group: str
    """With its version, such as softphone-fleet.io/v1alpha1; of the core v1."""
    plural: str
    namespace: str | None = None
    labels: str = ""
    fields: str = ""

    @property
    def path(self) -> str:
        """Where the API server has them."""
        root = "/api/v1" if self.group == "v1" else f"/apis/{self.group}"
        return f"{root}{f'/namespaces/{quote(self.namespace)}' if self.namespace else ''}/{self.plural}"

    @property
    def query(self) -> dict[str, str]:
        """Which of them are meant."""
        return {
            **({"labelSelector": self.labels} if self.labels else {}),
            **({"fieldSelector": self.fields} if self.fields else {}),
        }


BEGAN = "BEGAN"
"""Our own first line of a watch: the API server has accepted it."""


class Change(NamedTuple):
    """A line of a watch: BEGAN, ADDED, MODIFIED, DELETED or BOOKMARK, the object, and from where to go on."""

    type: str
    object: Object
    version: str


class Cluster:
    """The calls."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    @classmethod
    async def connect(cls, kubeconfig: str = "") -> Cluster:
        """With this kubeconfig; else with the service account of the pod, or the user's own. Raises ClusterError."""
        configuration = client.Configuration()
        try:
            if kubeconfig or not _has_account(configuration):
                await config.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=kubeconfig or None, client_configuration=configuration
                )
        except (config.ConfigException, OSError) as error:
            raise ClusterError(0, f"neither service account nor kubeconfig: {error}") from error
        return cls(client.ApiClient(configuration))

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def each(self, of: Collection) -> AsyncGenerator[tuple[list[Object], str]]:
        """The objects of a collection, page by page, each with the version from which a watch goes on."""
        query = {"limit": str(PAGE), **of.query}
        while True:
            page = await self._json(of.path, query)
            yield list(parts(page, "items")), text(page, "metadata", "resourceVersion")
            if not (more := text(page, "metadata", "continue")):
                return
            query["continue"] = more

    async def watch(self, of: Collection, version: str) -> AsyncGenerator[Change]:
        """Changes since a version, until the API server ends the watch. Raises ClusterError; 410: list anew."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
            **of.query,
        }
        limits = aiohttp.ClientTimeout(total=WATCH_SECONDS + REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        response = await self._send(of.path, query, limits)
        try:
            yield Change(BEGAN, {}, "")
            async for line in _lines(response):
                said = _object(line)
                kind, obj = text(said, "type"), part(said, "object")
                if kind == "ERROR":
                    code = obj.get("code")
                    raise ClusterError(code if isinstance(code, int) else 0, text(obj, "message") or "the watch ended")
                yield Change(kind, obj, text(obj, "metadata", "resourceVersion"))
        except EXPECTED as error:
            raise ClusterError(0, f"the watch broke: {error or type(error).__name__}") from None
        finally:
            response.close()

    async def _json(self, path: str, query: Mapping[str, str]) -> Object:
        limits = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        response = await self._send(path, query, limits)
        try:
            return _object(await response.read())
        except EXPECTED as error:
            raise ClusterError(0, str(error) or type(error).__name__) from None

    async def _send(self, path: str, query: Mapping[str, str], limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json"}
        try:
            await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
            answer = await self._api.rest_client.request(  # type: ignore[no-untyped-call]
                "GET",
                f"{self._api.configuration.host}{path}?{urlencode(query)}",
                headers=headers,
                _request_timeout=limits,
            )
            if answer.status < 300:
                return answer.response  # type: ignore[no-any-return]
            body = await answer.read()
        except EXPECTED as error:
            raise ClusterError(0, str(error) or type(error).__name__) from None
        raise ClusterError(answer.status, _refusal(answer.status, body))


def _has_account(configuration: client.Configuration) -> bool:
    """Use the service account of the pod that this runs in, if it runs in one."""
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        return False
    return True


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MOST_BYTES:
            raise ClusterError(0, "the watch has a line without end")
        for line in lines:
            if line:
                yield line


def _object(body: bytes) -> Object:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ClusterError(0, "the answer is no JSON object")
    return found


def _refusal(status: int, body: bytes) -> str:
    try:
        said = str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError, RecursionError):
        said = ""
    return said or f"the API server answers {status}"
