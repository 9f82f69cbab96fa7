"""The API server as the plugin asks it, with the rights of the person who types. Only here the client is imported.

Every error leaves as a PluginError of one line. Nothing is changed but by `patch`, `create` and `delete`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import yaml
from kubernetes.aio import client, config
from kubernetes.aio.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION

from softphone_agent.contract.yaml_text import YamlFault, documents, text_of
from softphone_operator.api.kinds import API_VERSION, GROUP, Kind
from softphone_plugin.errors import CLUSTER, NOT_FOUND, PluginError

Object = dict[str, Any]

PAGE = 500
REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
WATCH_SECONDS = 300
MAX_LINE_BYTES = 16 * 1024 * 1024
MERGE_PATCH, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
_MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
FIELD_MANAGER = "kubectl-softphone"
NO_CRD = "the cluster does not know our kinds: the chart softphone-fleet brings them"


class RefusedError(PluginError):
    """The API server, or the agent behind it, said no. `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, NOT_FOUND if status == 404 else CLUSTER)
        self.status = status


def objects(kind: Kind, namespace: str | None, name: str | None = None) -> str:
    """The path of our objects of a kind: in a namespace or in all, or of one of them."""
    place = f"/namespaces/{quote(namespace)}" if namespace else ""
    return f"/apis/{API_VERSION}{place}/{kind.plural}" + (f"/{quote(name)}" if name else "")


NAMESPACES = "/api/v1/namespaces"
VERSION = "/version"


def others(version: str, namespace: str | None, plural: str, name: str | None = None) -> str:
    """The path of objects of Kubernetes' own kinds, such as `apps/v1` and `deployments`."""
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = f"/namespaces/{quote(namespace)}" if namespace else ""
    return f"{root}{place}/{plural}" + (f"/{quote(name)}" if name else "")


def pods(namespace: str | None, name: str | None = None, part: str = "") -> str:
    """The path of pods, of one, or of a part of it such as `log` or `proxy/status`."""
    place = f"/namespaces/{quote(namespace)}" if namespace else ""
    return f"/api/v1{place}/pods" + (f"/{quote(name, safe=':')}" if name else "") + (f"/{part}" if part else "")


def contexts(kubeconfig: Path | None) -> list[str]:
    """The contexts of a kubeconfig. Raises PluginError."""
    try:
        path = _checked(kubeconfig)
        found, _ = config.list_kube_config_contexts(config_file=path)  # type: ignore[no-untyped-call]
        return [str(one["name"]) for one in found]
    except (config.ConfigException, yaml.YAMLError, OSError, *_MALFORMED) as error:
        raise PluginError(f"the kubeconfig is of no use: {_one_line(error)}") from None


class Cluster:
    """The calls. `namespace` is that of the kubeconfig's context."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self._api = api
        self.namespace = namespace

    @classmethod
    async def connect(cls, kubeconfig: Path | None, context: str | None) -> Cluster:
        """With the user's kubeconfig, or the service account of the pod that this runs in. Raises PluginError."""
        configuration = client.Configuration()
        path = _checked(kubeconfig)
        if path is None:
            if kubeconfig or context:
                raise PluginError(f"no cluster: there is no kubeconfig {kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION}")
            namespace = _own_account(configuration)
            return cls(client.ApiClient(configuration), namespace)
        try:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=path, context=context, client_configuration=configuration
            )
            contexts, active = config.list_kube_config_contexts(config_file=path)  # type: ignore[no-untyped-call]
            chosen = active if context is None else next(one for one in contexts if one["name"] == context)
            namespace = str(chosen["context"].get("namespace") or "default")
        except StopIteration:
            raise PluginError(f'no cluster: the kubeconfig has no context "{context}"') from None
        except (config.ConfigException, yaml.YAMLError, OSError, *_MALFORMED) as error:
            raise PluginError(f"no cluster: the kubeconfig is of no use: {_one_line(error)}") from None
        return cls(client.ApiClient(configuration), namespace)

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        """One answer of the API server."""
        return _object(await self._text("GET", path, query), path)

    async def text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """A page that is no JSON, such as an agent's metrics."""
        return (await self._text("GET", path, query)).decode(errors="replace")

    async def find_all(self, path: str, selector: str = "") -> list[Object]:
        """All objects of a collection, page by page."""
        found, _ = await self._listed(path, selector)
        return found

    async def _listed(self, path: str, selector: str = "") -> tuple[list[Object], str]:
        """All objects of a collection, and the version from which a watch goes on."""
        query = {"limit": str(PAGE), **({"labelSelector": selector} if selector else {})}
        found: list[Object] = []
        while True:
            page = await self.get(path, query)
            found += page.get("items") or []
            metadata = page.get("metadata", {})
            if not metadata.get("continue"):
                return found, str(metadata.get("resourceVersion", ""))
            query["continue"] = metadata["continue"]

    async def keep(self, path: str, into: dict[tuple[str, str], Object], listed: Callable[[], None]) -> None:
        """Keep the objects of a collection, by namespace and name, until a watch of them ends; then ask again.

        `listed` is told when all that there are have come.
        """
        found, version = await self._listed(path)
        into.clear()
        into.update({_place(obj): obj for obj in found})
        listed()
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
        async for line in self.lines(path, query):
            change = json.loads(line)
            obj = change["object"]
            match change["type"]:
                case "ADDED" | "MODIFIED":
                    into[_place(obj)] = obj
                case "DELETED":
                    into.pop(_place(obj), None)
                case _:
                    return

    async def patch(self, path: str, change: Any, content_type: str = MERGE_PATCH) -> Object:
        """Change an object. Raises RefusedError, with status 422 where the test of a JSON patch does not hold."""
        query = {"fieldManager": FIELD_MANAGER}
        return _object(await self._text("PATCH", path, query, change, content_type), path)

    async def create(self, path: str, obj: Object) -> Object:
        """Make an object in a collection. Raises RefusedError."""
        made = await self._text("POST", path, {"fieldManager": FIELD_MANAGER}, obj, "application/json")
        return _object(made, path)

    async def delete(self, path: str, uid: str) -> None:
        """Delete just this object, and all that it owns. Raises RefusedError, with status 409 where it is another."""
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        await self._text("DELETE", path, None, options, "application/json")

    async def lines(self, path: str, query: Mapping[str, str], silence: float | None = None) -> AsyncGenerator[bytes]:
        """The lines of a stream as they come, until it ends. Raises PluginError, also after `silence` seconds."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        response = await self._send("GET", path, query, None, "", limits)
        stream: aiohttp.ClientResponse = response.response
        rest = b""
        try:
            async for chunk in stream.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > MAX_LINE_BYTES:
                    raise PluginError("the stream has a line without end")
                for line in lines:
                    yield line
        except TimeoutError:
            raise PluginError(f"silent for {silence:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise PluginError(f"the stream broke: {_one_line(error)}") from None
        finally:
            stream.close()

    async def _text(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "",
    ) -> bytes:
        limits = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        response = await self._send(method, path, query, body, content_type, limits)
        try:
            return bytes(await response.read())
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error, path) from None

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        limits: aiohttp.ClientTimeout,
    ) -> Any:
        headers = {"Accept": "application/json, */*"}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, None)
            response = await self._api.rest_client.request(  # type: ignore[no-untyped-call]
                method,
                f"{self._api.configuration.host}{path}" + (f"?{urlencode(query)}" if query else ""),
                headers=headers,
                body=body,
                _request_timeout=limits,
            )
            if response.status < 300:
                return response
            text = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error, path) from None
        except config.ConfigException as error:
            raise PluginError(f"no cluster: {_one_line(error)}") from None
        raise refusal(response.status, text, path)

    def _unreachable(self, error: BaseException, path: str) -> PluginError:
        """Who did not answer: once the API server is connected, what lies behind `/proxy/` is an agent's silence."""
        if "/proxy/" in path and not isinstance(error, _NOT_CONNECTED):
            said = "" if isinstance(error, TimeoutError) else f": {_one_line(error)}"
            return PluginError(f"the agent does not answer through the API server{said}")
        host = self._api.configuration.host
        return PluginError(f"the API server at {host} cannot be reached: {_one_line(error)}")


def refusal(status: int, text: bytes, path: str) -> RefusedError:
    """The API server's refusal in a line: its own words, or what is known to be behind it."""
    try:
        message = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        if status == 404 and path.startswith(f"/apis/{GROUP}/"):
            return RefusedError(status, NO_CRD)
        message = text.decode(errors="replace")
    if status == 401:
        return RefusedError(status, "the API server does not know you: it refuses the credentials of the kubeconfig")
    return RefusedError(status, _one_line(message)[:500])


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _checked(kubeconfig: Path | None) -> str | None:
    """The kubeconfigs as the client takes them, read before: it names no place, and falls over empty ones.

    None: there is none. Raises PluginError.
    """
    given = str(kubeconfig) if kubeconfig else KUBE_CONFIG_DEFAULT_LOCATION or str(Path.home() / ".kube" / "config")
    found = [path for one in given.split(os.pathsep) if one and (path := Path(one).expanduser()).exists()]
    held = {path: _document(path) for path in found}
    for path, value in held.items():
        if value is not None and not isinstance(value, dict):
            raise PluginError(f"no cluster: the kubeconfig {path} is of no use: it holds no fields")
    filled = [str(path) for path, value in held.items() if value]
    if found and not filled:
        raise PluginError(f"no cluster: the kubeconfig {os.pathsep.join(map(str, found))} is empty")
    return os.pathsep.join(filled) or None


def _document(file: Path) -> Any:
    """What a kubeconfig holds, None where it is empty. Raises PluginError."""
    try:
        return next((one.value for one in documents(text_of(file.read_bytes()), secret=True)), None)
    except OSError as error:
        raise PluginError(f"no cluster: the kubeconfig {file} cannot be read: {error.strerror}") from None
    except YamlFault as fault:
        place = f"{file}:{fault.line}:{fault.column}"
        raise PluginError(f"no cluster: the kubeconfig is of no use: {place}: {fault.message}") from None


def _own_account(configuration: client.Configuration) -> str:
    """Use the service account of the pod that this runs in; its namespace."""
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read_text().strip()
    except (config.ConfigException, OSError):
        raise PluginError(f"no cluster: there is no kubeconfig {KUBE_CONFIG_DEFAULT_LOCATION}") from None


def _object(text: bytes, path: str) -> Object:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        raise PluginError(f"the answer for {path} is no JSON object") from None


def _one_line(error: object) -> str:
    said = " ".join(str(error).split())
    return said or type(error).__name__


async def gather_bounded(work: Sequence[Any], at_once: int) -> list[Any]:
    """The results of awaitables in their order, so many at a time; a PluginError stands in its place."""
    slots = asyncio.Semaphore(at_once)

    async def one(of: Any) -> Any:
        async with slots:
            try:
                return await of
            except PluginError as error:
                return error

    return list(await asyncio.gather(*(one(of) for of in work)))
