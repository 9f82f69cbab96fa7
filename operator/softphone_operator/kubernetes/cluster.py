"""The Kubernetes API, as far as the operator calls it by itself. kopf watches; this file does all the rest.

Only here the Kubernetes client is imported; its errors leave as ClusterError. Values of Secrets end here: `secret_keys`
returns names only, and Secrets are listed and watched as bare metadata, so that values do not even arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from urllib.request import getproxies

import aiohttp
from kubernetes.aio import client, config

from softphone_operator.api.kinds import GROUP, KINDS, VERSION
from softphone_operator.decide.names import FIELD_MANAGER
from softphone_operator.kubernetes import status_bodies
from softphone_operator.kubernetes.resources import BUDGETS, EVENTS, LEASES, METADATA_ONLY, PODS, SECRETS, Resource
from softphone_operator.kubernetes.watching import lifetime

Object = dict[str, Any]


PAGE = 500
REQUEST_SECONDS = 30.0
MAX_EVENT_MESSAGE = 1024
INVALID = 422


class ClusterError(Exception):
    """The API server could not be asked, or refused. `status` is its HTTP status, 0 where there was no answer."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    @property
    def is_refusal(self) -> bool:
        """Whether the API server understood and said no: asking again alone does not help."""
        return self.status in (400, 403, 422)


@dataclass(frozen=True, slots=True)
class SecretMark:
    """A Secret, without its contents: which one, and in what version."""

    namespace: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class SecretsListed:
    """All Secrets that there are."""

    marks: tuple[SecretMark, ...]


@dataclass(frozen=True, slots=True)
class SecretChanged:
    """A Secret appeared or changed."""

    mark: SecretMark


@dataclass(frozen=True, slots=True)
class SecretDeleted:
    """A Secret is gone."""

    mark: SecretMark


SecretNews = SecretsListed | SecretChanged | SecretDeleted


class Cluster:
    """The calls. `concurrency` bounds those that are under way at the same time, watches apart.

    `may_write` is asked before every write but those of Leases: an operator that leads no more must not write.
    `counted` is told of every answer: HTTP method and status, 0 where none came.
    """

    def __init__(self, api: client.ApiClient, concurrency: int) -> None:
        self._api = api
        self._slots = asyncio.Semaphore(concurrency)
        self.may_write: Callable[[], bool] = lambda: True
        self.counted: Callable[[str, int], None] = lambda verb, code: None

    @classmethod
    async def connect(cls, concurrency: int) -> Cluster:
        """With the service account of the pod, else with the user's kubeconfig. Raises ClusterError."""
        configuration = client.Configuration()
        configuration.connection_pool_maxsize = concurrency + 16
        # Without proxies there is nothing to be had from the environment, and aiohttp would look anew for each request.
        configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
        try:
            try:
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            except config.ConfigException:
                await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError) as error:
            raise ClusterError(0, "NoConfiguration", f"neither service account nor kubeconfig: {error}") from error
        return cls(client.ApiClient(configuration), concurrency)

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def missing_kinds(self) -> list[str]:
        """Names of the CRDs that the API server does not serve yet."""
        try:
            served = await self._json("GET", f"/apis/{GROUP}/{VERSION}")
        except ClusterError as error:
            if error.status != 404:
                raise
            served = {}
        found = {entry["name"] for entry in served.get("resources", ())}
        return [f"{kind.plural}.{GROUP}" for kind in KINDS if kind.plural not in found]

    async def budgets(self) -> Resource | None:
        """PodDisruptionBudgets in the version that the API server has: v1 from 1.21 on, v1beta1 before. None: none."""
        try:
            group = await self._json("GET", f"/apis/{BUDGETS.group}")
        except ClusterError as error:
            if error.status == 404:
                return None
            raise
        served = {entry["version"] for entry in group.get("versions", ())}
        return next((BUDGETS._replace(version=v) for v in ("v1", "v1beta1") if v in served), None)

    async def each(self, resource: Resource, namespace: str | None) -> AsyncGenerator[Object, None]:
        """All objects of a watched kind, in a namespace or in all. They carry apiVersion and kind.

        One after the other: a thousand Deployments as dictionaries take 20 MB, which the process would never give back.
        """
        query = {"limit": str(PAGE)} | ({"labelSelector": resource.selector} if resource.selector else {})
        version = f"{resource.group}/{resource.version}" if resource.group else resource.version
        async for page in self._pages(resource.path(namespace), query, {}):
            for item in page.pop("items", None) or ():
                yield {"apiVersion": version, "kind": resource.kind, **item}

    async def names(self, resource: Resource, namespace: str, selector: str) -> frozenset[str]:
        """The names of the objects of a kind that a label selector finds, as the API server remembers them.

        Only metadata come, and in one page: the API server's memory knows no pages.
        """
        query = {"labelSelector": selector, "resourceVersion": "0"}
        accept = {"Accept": METADATA_ONLY.format("List")}
        page = await self._json("GET", resource.path(namespace), query, headers=accept)
        return frozenset(item["metadata"]["name"] for item in page.get("items") or ())

    async def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object of a kind that may only be listed, as it is at this moment; None where it does not exist."""
        page = await self._json("GET", resource.path(namespace), {"fieldSelector": f"metadata.name={name}"})
        return next(iter(page.get("items") or ()), None)

    async def get(self, resource: Resource, namespace: str, name: str, *, cached: bool = False) -> Object | None:
        """One object, None where it does not exist. `cached`: as the API server remembers it, which may be old."""
        try:
            return await self._json("GET", resource.path(namespace, name), {"resourceVersion": "0"} if cached else None)
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    async def apply(self, resource: Resource, desired: Mapping[str, Any]) -> Object:
        """Server-side apply of an object that is ours; returns what there is now."""
        metadata = desired["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        path = resource.path(metadata["namespace"], metadata["name"])
        return await self._json("PATCH", path, query, desired, "application/apply-patch+yaml")

    async def create(self, resource: Resource, obj: Mapping[str, Any]) -> Object:
        """Make an object that must not exist yet."""
        return await self._json("POST", resource.path(obj["metadata"]["namespace"]), {}, obj)

    async def replace(self, resource: Resource, obj: Mapping[str, Any]) -> Object:
        """Put an object in the place of the one that was read; fails with a conflict where that changed since."""
        metadata = obj["metadata"]
        return await self._json("PUT", resource.path(metadata["namespace"], metadata["name"]), {}, obj)

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Delete an object and, after it, what it owns. One that is gone, or another of its name, is no error."""
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._json("DELETE", resource.path(namespace, name), {}, body)
        except ClusterError as error:
            if error.status not in (404, 409):
                raise

    async def write_status(
        self, resource: Resource, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> Object | None:
        """Write the status of one of our kinds; returns the object, None where it is gone.

        Where the API server cannot make of it what its own schema allows, or leaves a condition that is said no more,
        the status is replaced as a whole: else the object would never be told of again. Seen with Kubernetes 1.20:
        `status.conditions.message: Required value`, when a condition was to go.
        """
        path, query = resource.path(namespace, name) + "/status", {"fieldManager": FIELD_MANAGER}
        body = status_bodies.applied(resource, namespace, name, uid, status)
        try:
            made = await self._json("PATCH", path, query | {"force": "true"}, body, "application/apply-patch+yaml")
        except ClusterError as error:
            if error.status in (404, 409):
                return None
            if error.status != INVALID:
                raise
        else:
            if not status_bodies.left_over(made, status):
                return made
        try:
            replaced = status_bodies.replaced(uid, status)
            return await self._json("PATCH", path, query, replaced, "application/json-patch+json")
        except ClusterError as error:
            if error.status in (404, 409):
                return None
            raise

    async def annotate_pod(self, namespace: str, name: str, annotations: Mapping[str, str]) -> None:
        """Set annotations of a pod; a pod that is gone is no error."""
        body = {"metadata": {"annotations": dict(annotations)}}
        try:
            await self._json("PATCH", PODS.path(namespace, name), {}, body, "application/merge-patch+json")
        except ClusterError as error:
            if error.status != 404:
                raise

    async def post_event(
        self, about: Mapping[str, str], *, kind: str, reason: str, message: str, name: str, time: str
    ) -> None:
        """Post an Event about an object. `kind` is Normal or Warning, `about` an object reference."""
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": about["namespace"]},
            "involvedObject": dict(about),
            "type": kind,
            "reason": reason,
            "message": message[:MAX_EVENT_MESSAGE],
            "count": 1,
            "firstTimestamp": time,
            "lastTimestamp": time,
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": FIELD_MANAGER,
        }
        await self._json("POST", EVENTS.path(about["namespace"]), {}, body)

    async def count_event(self, namespace: str, name: str, message: str, count: int, time: str) -> bool:
        """Say that what an Event tells happened again; False where that Event is gone."""
        body = {"message": message[:MAX_EVENT_MESSAGE], "count": count, "lastTimestamp": time}
        try:
            await self._json("PATCH", EVENTS.path(namespace, name), {}, body, "application/merge-patch+json")
        except ClusterError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def secret_keys(self, namespace: str, name: str) -> frozenset[str] | None:
        """The names of a Secret's keys, None where the Secret does not exist. Its values go no further."""
        secret = await self.get(SECRETS, namespace, name)
        return None if secret is None else frozenset(secret.get("data") or ())

    async def follow_secrets(self, namespace: str | None, watch_seconds: float) -> AsyncGenerator[SecretNews, None]:
        """All Secrets of a namespace, or of all, as bare metadata: first the list, then what changes.

        Ends when the watch must begin anew; raises ClusterError when it cannot be asked.
        """
        marks: list[SecretMark] = []
        accept = {"Accept": METADATA_ONLY.format("List")}
        version = ""
        async for page in self._pages(SECRETS.path(namespace), {"limit": str(PAGE)}, accept):
            marks += [_mark(item) for item in page.get("items") or ()]
            version = page["metadata"]["resourceVersion"]
        yield SecretsListed(tuple(marks))
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": f"{watch_seconds:.0f}",
        }
        watch = self._watch(
            SECRETS.path(namespace), query, {"Accept": METADATA_ONLY.format("")}, lifetime(watch_seconds)
        )
        async with contextlib.aclosing(watch) as changes:
            async for change in changes:
                match change["type"]:
                    case "ADDED" | "MODIFIED":
                        yield SecretChanged(_mark(change["object"]))
                    case "DELETED":
                        yield SecretDeleted(_mark(change["object"]))
                    case "BOOKMARK":
                        continue
                    case _:
                        return

    async def _pages(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncGenerator[Object, None]:
        query = dict(query)
        while True:
            page = await self._json("GET", path, query, headers=headers)
            yield page
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def _watch(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], longest: float
    ) -> AsyncGenerator[Object, None]:
        limits = aiohttp.ClientTimeout(total=longest, sock_connect=REQUEST_SECONDS)
        response = await self._send("GET", path, query, None, "", headers, limits)
        stream: aiohttp.ClientResponse = response.response
        try:
            rest = b""
            async for chunk in stream.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)
        except TimeoutError:
            raise ClusterError(0, "WatchBroken", f"the API server did not end it within {longest:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ClusterError(0, "WatchBroken", str(error) or type(error).__name__) from error
        finally:
            stream.close()

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        async with self._slots:
            if method != "GET" and f"/{LEASES.plural}" not in path and not self.may_write():
                raise ClusterError(0, "NotLeading", "this operator leads no more, so it writes no more")
            limits = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
            response = await self._send(method, path, query, body, content_type, headers, limits)
            try:
                return dict(json.loads(await response.read()))
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
                raise ClusterError(0, "Unreachable", str(error) or type(error).__name__) from error

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | Sequence[Any] | None,
        content_type: str,
        headers: Mapping[str, str] | None,
        limits: aiohttp.ClientTimeout,
    ) -> Any:
        sent = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = content_type
        try:
            await self._api.update_params_for_auth(sent, [], ["BearerToken"], path, method, None)
            response = await self._api.rest_client.request(  # type: ignore[no-untyped-call]
                method,
                f"{self._api.configuration.host}{path}" + (f"?{urlencode(query)}" if query else ""),
                headers=sent,
                body=body,
                _request_timeout=limits,
            )
            self.counted(method, response.status)
            if response.status < 300:
                return response
            text = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self.counted(method, 0)
            raise ClusterError(0, "Unreachable", str(error) or type(error).__name__) from error
        raise _refusal(response.status, text)


def _mark(item: Mapping[str, Any]) -> SecretMark:
    metadata = item["metadata"]
    return SecretMark(metadata["namespace"], metadata["name"], metadata["resourceVersion"])


def _refusal(status: int, text: bytes) -> ClusterError:
    try:
        answer = json.loads(text)
        return ClusterError(status, answer.get("reason") or str(status), answer.get("message") or str(status))
    except (ValueError, AttributeError):
        return ClusterError(status, str(status), text.decode(errors="replace")[:200])
