"""The calls to the API server, against an HTTP server that notes them and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client

from softphone_operator.kubernetes import cluster, resources
from softphone_operator.kubernetes.cluster import (
    Cluster,
    ClusterError,
    SecretChanged,
    SecretDeleted,
    SecretMark,
    SecretsListed,
)
from softphone_operator.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, LEASES, SOFTPHONES, Access

PASSWORD = "aHVudGVyMg=="


@dataclass
class Api:
    """A pretended API server: answers by method and path, and the requests that came."""

    answers: dict[tuple[str, str], list[web.Response | bytes]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    deaf: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.deaf:
            return await self.deaf(request)
        text = await request.text()
        self.requests.append(
            {
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "type": request.headers.get("Content-Type"),
                "accept": request.headers.get("Accept"),
                "token": request.headers.get("Authorization"),
                "body": json.loads(text) if text else None,
            }
        )
        answers = self.answers.get((request.method, request.path))
        if not answers:
            return status(404, "NotFound", "not found")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(body=answer) if isinstance(answer, bytes) else answer

    def answer(self, method: str, path: str, *answers: Any) -> None:
        made = [a if isinstance(a, web.Response | bytes) else web.json_response(a) for a in answers]
        self.answers[method, path] = made


def status(code: int, reason: str, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "reason": reason, "message": message}, status=code)


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Api, Cluster]]:
    api = Api()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    configuration = client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
    configuration.api_key["BearerToken"] = "bearer token-1"
    made = Cluster(client.ApiClient(configuration), concurrency=2)
    try:
        yield api, made
    finally:
        await made.close()
        await runner.cleanup()


async def test_apply_is_server_side() -> None:
    desired = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": "demo"}}
    path = "/apis/apps/v1/namespaces/demo/deployments/x"
    async with connected() as (api, it):
        api.answer("PATCH", path, {"there": "now"})
        assert await it.apply(DEPLOYMENTS, desired) == {"there": "now"}
    assert api.requests == [
        {
            "method": "PATCH",
            "path": path,
            "query": {"fieldManager": "softphone-operator", "force": "true"},
            "type": "application/apply-patch+yaml",
            "accept": "application/json",
            "token": "bearer token-1",
            "body": desired,
        }
    ]


async def test_status_goes_through_its_subresource_and_says_whose_it_is() -> None:
    path = "/apis/softphone-fleet.io/v1alpha1/namespaces/demo/softphones/anna/status"
    async with connected() as (api, it):
        api.answer("PATCH", path, {"a": 1})
        assert await it.write_status(SOFTPHONES, "demo", "anna", "uid-1", {"observedGeneration": 2}) == {"a": 1}
    assert api.requests[0]["body"] == {
        "apiVersion": "softphone-fleet.io/v1alpha1",
        "kind": "Softphone",
        "metadata": {"name": "anna", "namespace": "demo", "uid": "uid-1"},
        "status": {"observedGeneration": 2},
    }


SAID = {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}
LEFT = {"status": {"conditions": [{"type": "Ready"}, {"type": "Reconciling"}]}}


@pytest.mark.parametrize(
    "odd",
    [status(422, "Invalid", "status.conditions.message: Required value"), web.json_response(LEFT)],
    ids=["refused", "with a condition that is said no more"],
)
async def test_a_status_of_which_the_api_server_makes_something_odd_is_replaced(odd: web.Response) -> None:
    path = "/apis/softphone-fleet.io/v1alpha1/namespaces/demo/softphones/anna/status"
    async with connected() as (api, it):
        api.answer("PATCH", path, odd, {"a": 1})
        assert await it.write_status(SOFTPHONES, "demo", "anna", "uid-1", SAID) == {"a": 1}
    assert [request["type"] for request in api.requests] == [
        "application/apply-patch+yaml",
        "application/json-patch+json",
    ]
    assert api.requests[1]["query"] == {"fieldManager": "softphone-operator"}
    assert api.requests[1]["body"] == [
        {"op": "test", "path": "/metadata/uid", "value": "uid-1"},
        {"op": "add", "path": "/status", "value": SAID},
    ]


@pytest.mark.parametrize("code", [404, 409], ids=["gone", "another object of this name"])
async def test_the_status_of_what_is_gone_is_not_written(code: int) -> None:
    path = "/apis/softphone-fleet.io/v1alpha1/namespaces/demo/softphones/anna/status"
    async with connected() as (api, it):
        api.answer("PATCH", path, status(code, "x", "y"))
        assert await it.write_status(SOFTPHONES, "demo", "anna", "uid-1", {}) is None


async def test_lists_come_in_pages_and_know_their_kind() -> None:
    path = "/api/v1/configmaps"
    async with connected() as (api, it):
        api.answer(
            "GET",
            path,
            {"metadata": {"continue": "next"}, "items": [{"metadata": {"name": "a"}}]},
            {"metadata": {}, "items": [{"metadata": {"name": "b"}}]},
        )
        found = [obj async for obj in it.each(CONFIG_MAPS, None)]
    assert found == [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}},
    ]
    selector = "app.kubernetes.io/managed-by=softphone-operator,app.kubernetes.io/component=agent"
    assert [request["query"] for request in api.requests] == [
        {"limit": "500", "labelSelector": selector},
        {"limit": "500", "labelSelector": selector, "continue": "next"},
    ]


async def test_of_a_list_no_more_than_a_page_is_in_memory() -> None:
    async with connected() as (api, it):
        pages: list[dict[str, Any]] = [{"metadata": {"continue": "next"}, "items": [{"metadata": {"name": "a"}}]}, {}]
        api.answer("GET", "/api/v1/configmaps", *pages)
        async for _ in it.each(CONFIG_MAPS, None):
            assert len(api.requests) == 1, "the next page is asked for when this one is done with"
        assert len(api.requests) == 2


async def test_of_the_names_of_others_only_metadata_come_from_the_servers_memory() -> None:
    path = "/api/v1/namespaces/demo/configmaps"
    async with connected() as (api, it):
        api.answer("GET", path, {"metadata": {}, "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]})
        assert await it.names(CONFIG_MAPS, "demo", "x!=y") == frozenset({"a", "b"})
    assert api.requests[0]["query"] == {"labelSelector": "x!=y", "resourceVersion": "0"}
    assert api.requests[0]["accept"] == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


async def test_a_list_of_one_namespace() -> None:
    async with connected() as (api, it):
        api.answer("GET", "/apis/apps/v1/namespaces/demo/deployments", {"metadata": {}, "items": None})
        assert [obj async for obj in it.each(DEPLOYMENTS, "demo")] == []


async def test_of_secrets_only_the_names_of_keys_leave() -> None:
    async with connected() as (api, it):
        api.answer("GET", "/api/v1/namespaces/demo/secrets/anna", {"data": {"password": PASSWORD, "username": ""}})
        assert await it.secret_keys("demo", "anna") == frozenset({"password", "username"})
        assert await it.secret_keys("demo", "nobody") is None


async def test_secrets_are_followed_as_bare_metadata() -> None:
    def secret(name: str, version: str) -> dict[str, Any]:
        return {"metadata": {"namespace": "demo", "name": name, "resourceVersion": version}}

    listed = {"metadata": {"resourceVersion": "7"}, "items": [secret("a", "1")]}
    changes = [
        {"type": "ADDED", "object": secret("b", "8")},
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}},
        {"type": "DELETED", "object": secret("a", "10")},
        {"type": "ERROR", "object": {"code": 410}},
        {"type": "ADDED", "object": secret("c", "11")},
    ]
    stream = b"".join(json.dumps(change).encode() + b"\n" for change in changes)
    async with connected() as (api, it):
        api.answer("GET", "/api/v1/secrets", listed, stream)
        news = [found async for found in it.follow_secrets(None, 60)]
    assert news == [
        SecretsListed((SecretMark("demo", "a", "1"),)),
        SecretChanged(SecretMark("demo", "b", "8")),
        SecretDeleted(SecretMark("demo", "a", "10")),
    ]
    assert [request["accept"] for request in api.requests] == [
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    ]
    assert api.requests[1]["query"]["resourceVersion"] == "7"
    assert api.requests[1]["query"]["timeoutSeconds"] == "60"


async def test_a_watch_that_tells_nothing_and_ends_in_its_time_is_normal() -> None:
    async with connected() as (api, it):
        api.answer("GET", "/api/v1/secrets", {"metadata": {"resourceVersion": "7"}, "items": []}, b"")
        assert [found async for found in it.follow_secrets(None, 60)] == [SecretsListed(())]


async def test_a_watch_that_does_not_end_in_its_time_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "lifetime", lambda watch_seconds: 0.05)
    over = asyncio.Event()

    async def deaf(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await over.wait()
        return response

    async with connected() as (api, it):
        api.answer("GET", "/api/v1/secrets", {"metadata": {"resourceVersion": "7"}, "items": []})
        news = it.follow_secrets(None, 60)
        assert await anext(news) == SecretsListed(())
        api.deaf = deaf
        with pytest.raises(ClusterError) as caught:
            await anext(news)
        assert caught.value.status == 0
        over.set()


async def test_an_operator_that_leads_no_more_writes_no_more() -> None:
    lease = {"metadata": {"namespace": "here", "name": "operator"}}
    async with connected() as (api, it):
        it.may_write = lambda: False
        for answered in (("GET", "/api/v1/namespaces/demo/configmaps/x"), ("PUT", LEASES.path("here", "operator"))):
            api.answer(*answered, {})
        for write in (
            it.apply(CONFIG_MAPS, {"metadata": {"namespace": "demo", "name": "x"}}),
            it.write_status(SOFTPHONES, "demo", "anna", "uid-1", {}),
            it.annotate_pod("demo", "x", {}),
        ):
            with pytest.raises(ClusterError, match="leads no more"):
                await write
        assert await it.get(CONFIG_MAPS, "demo", "x") == {}
        assert await it.replace(LEASES, lease) == {}
    assert [request["method"] for request in api.requests] == ["GET", "PUT"]


async def test_volumes_are_synced_by_an_annotation() -> None:
    async with connected() as (api, it):
        api.answer("PATCH", "/api/v1/namespaces/demo/pods/x", {})
        await it.annotate_pod("demo", "x", {"a": "b"})
        await it.annotate_pod("demo", "gone", {"a": "b"})
    assert api.requests[0]["type"] == "application/merge-patch+json"
    assert api.requests[0]["body"] == {"metadata": {"annotations": {"a": "b"}}}


async def test_events_are_posted_about_an_object() -> None:
    about = {"kind": "Softphone", "namespace": "demo", "name": "anna", "uid": "uid-1"}
    async with connected() as (api, it):
        api.answer("POST", "/api/v1/namespaces/demo/events", {})
        await it.post_event(about, kind="Warning", reason="Bad", message="x" * 2000, name="anna.1", time="now")
    body = api.requests[0]["body"]
    assert (body["involvedObject"], body["type"], body["reason"]) == (about, "Warning", "Bad")
    assert len(body["message"]) == 1024


async def test_an_event_that_is_there_is_counted_up() -> None:
    async with connected() as (api, it):
        api.answer("PATCH", "/api/v1/namespaces/demo/events/anna.1", {})
        assert await it.count_event("demo", "anna.1", "again", 2, "now")
        assert not await it.count_event("demo", "anna.gone", "again", 2, "now")
    assert api.requests[0]["type"] == "application/merge-patch+json"
    assert api.requests[0]["body"] == {"message": "again", "count": 2, "lastTimestamp": "now"}


async def test_deleting_names_the_one_object_that_is_meant() -> None:
    path = "/apis/apps/v1/namespaces/demo/deployments/fleet-load-3"
    async with connected() as (api, it):
        api.answer("DELETE", path, {"kind": "Status"}, status(409, "Conflict", "another uid"))
        await it.delete(DEPLOYMENTS, "demo", "fleet-load-3", "uid-7")
        assert api.requests[-1]["body"] == {"preconditions": {"uid": "uid-7"}, "propagationPolicy": "Background"}
        await it.delete(DEPLOYMENTS, "demo", "fleet-load-3", "uid-7")
        await it.delete(DEPLOYMENTS, "demo", "gone", "uid-7")


@pytest.mark.parametrize(("served", "version"), [(["v1beta1"], "v1beta1"), (["v1", "v1beta1"], "v1"), (["v1"], "v1")])
async def test_budgets_come_in_the_version_that_the_api_server_has(served: list[str], version: str) -> None:
    async with connected() as (api, it):
        api.answer("GET", "/apis/policy", {"versions": [{"version": name} for name in served]})
        found = await it.budgets()
        assert found is not None
        assert found.path("demo", "x") == f"/apis/policy/{version}/namespaces/demo/poddisruptionbudgets/x"


async def test_an_api_server_without_budgets() -> None:
    async with connected() as (_, it):
        assert await it.budgets() is None


async def test_missing_kinds() -> None:
    path = "/apis/softphone-fleet.io/v1alpha1"
    async with connected() as (api, it):
        assert await it.missing_kinds() == [
            "pbxs.softphone-fleet.io",
            "softphones.softphone-fleet.io",
            "softphonefleets.softphone-fleet.io",
            "softphonepools.softphone-fleet.io",
            "callchecks.softphone-fleet.io",
            "rehearsals.softphone-fleet.io",
        ]
        api.answer("GET", path, {"resources": [{"name": "pbxs"}, {"name": "pbxs/status"}]})
        others = ("softphones", "softphonefleets", "softphonepools", "callchecks", "rehearsals")
        assert await it.missing_kinds() == [f"{name}.softphone-fleet.io" for name in others]
        served = [{"name": name} for name in ("pbxs", *others)]
        api.answer("GET", path, {"resources": served})
        assert await it.missing_kinds() == []


@pytest.mark.parametrize(
    ("answer", "code", "reason", "message", "refusal"),
    [
        (status(422, "Invalid", "spec.x: bad"), 422, "Invalid", "spec.x: bad", True),
        (status(403, "Forbidden", "exceeded quota"), 403, "Forbidden", "exceeded quota", True),
        (status(500, "InternalError", "etcd"), 500, "InternalError", "etcd", False),
        (web.Response(status=502, text="bad gateway"), 502, "502", "bad gateway", False),
    ],
    ids=["invalid", "forbidden", "server error", "no API server"],
)
async def test_refusals(answer: web.Response, code: int, reason: str, message: str, refusal: bool) -> None:
    async with connected() as (api, it):
        api.answer("GET", "/api/v1/namespaces/demo/configmaps/x", answer)
        with pytest.raises(ClusterError) as caught:
            await it.get(CONFIG_MAPS, "demo", "x")
    error = caught.value
    assert (error.status, error.reason, str(error), error.is_refusal) == (code, reason, message, refusal)


async def test_nobody_there() -> None:
    made = Cluster(client.ApiClient(client.Configuration(host="http://127.0.0.1:9")), 1)
    try:
        with pytest.raises(ClusterError, match="9") as caught:
            await made.get(CONFIG_MAPS, "demo", "x")
        assert caught.value.status == 0
    finally:
        await made.close()


async def test_no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(ClusterError, match="neither service account nor kubeconfig"):
        await Cluster.connect(1)


def test_no_access_is_wild() -> None:
    assert all("*" not in part for access in resources.ACCESS for part in access)
    assert Access("", "secrets", "get") in resources.ACCESS
