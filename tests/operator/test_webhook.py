"""The admission webhook over HTTPS: real certificates, observed objects, an API server that knows better."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from lab.certificates import Authority
from softphone_operator.kubernetes.cluster import ClusterError
from softphone_operator.kubernetes.resources import Resource
from softphone_operator.observe.observed import Observed
from softphone_operator.program import webhook as subject
from softphone_operator.program.webhook import Certificate, Webhook


class Asked:
    """An API server's present objects, and which were asked for."""

    def __init__(self, *objects: dict[str, Any], away: bool = False) -> None:
        self.objects = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects}
        self.away = away
        self.names: list[str] = []

    async def find(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        self.names.append(name)
        if self.away:
            raise ClusterError(0, "Unreachable", "nobody there")
        return self.objects.get((resource.kind, name))


def obj(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "demo", "uid": name, "resourceVersion": "1"}
    return {"kind": kind, "metadata": metadata, "spec": spec}


ANNA = obj("Softphone", "anna", aor="sip:x@acme.example", pri="master")
BOB = obj("Softphone", "bob", aor="sip:x@acme.example", pri="master")
MASTER = obj("PBX", "master", address="sip:10.0.0.1")


CLARA = obj("Softphone", "clara", aor="sip:c@acme.example", pri="slave", agent={"pool": "vienna"})
VIENNA = obj("SoftphonePool", "vienna", credentials={"secretNames": ["vienna"]})


def asked(kind: str, operation: str, wanted: Any, present: Any) -> dict[str, Any]:
    request = {"uid": "7", "kind": {"kind": kind}, "operation": operation, "namespace": "demo"}
    request |= {"name": (wanted or present)["metadata"]["name"], "object": wanted, "oldObject": present}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


CREATE_CAROL = asked("Softphone", "CREATE", obj("Softphone", "carol", aor="sip:x@acme.example"), None)
DELETE_MASTER = asked("PBX", "DELETE", None, MASTER)
DELETE_VIENNA = asked("SoftphonePool", "DELETE", None, VIENNA)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def put(authority: Authority, folder: Path, name: str) -> None:
    made = authority.issue(name, "IP:127.0.0.1")
    shutil.copy(made.certificate, folder / "tls.crt")
    shutil.copy(made.key, folder / "tls.key")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "CERTIFICATE_SECONDS", 0.01)


@asynccontextmanager
async def serving(folder: Path, cluster: Asked) -> AsyncIterator[Webhook]:
    observed = Observed()
    for known in (MASTER, ANNA, BOB, CLARA, VIENNA):
        observed.take(known["kind"], known)
    made = Webhook(observed, cluster, Certificate(folder), "127.0.0.1", 0)  # type: ignore[arg-type]
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_serving(webhook: Webhook) -> str:
    async with asyncio.timeout(10):
        while not webhook.addresses:
            await asyncio.sleep(0.005)
    return f"https://127.0.0.1:{webhook.addresses[0][1]}/validate"


async def post(url: str, authority: Authority, body: Any) -> tuple[int, Any]:
    context = ssl.create_default_context(cafile=str(authority.ca))
    async with aiohttp.ClientSession() as session, session.post(url, json=body, ssl=context) as response:
        return response.status, await response.json() if response.status == 200 else await response.text()


async def served(url: str, authority: Authority) -> str:
    """The name in the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    _, writer = await asyncio.open_connection("127.0.0.1", URL(url).port, ssl=context)
    subject_of = writer.get_extra_info("peercert")["subject"]
    writer.close()
    await writer.wait_closed()
    return str(dict(part[0] for part in subject_of)["commonName"])


async def said(tmp_path: Path, authority: Authority, cluster: Asked, body: Any) -> tuple[bool, str]:
    put(authority, tmp_path, "first")
    async with serving(tmp_path, cluster) as webhook:
        code, answer = await post(await until_serving(webhook), authority, body)
    assert code == 200
    assert answer["response"]["uid"] == "7"
    return answer["response"]["allowed"], answer["response"].get("status", {}).get("message", "")


async def test_a_second_softphone_of_an_aor_is_refused(tmp_path: Path, authority: Authority) -> None:
    told = 'aor: "sip:x@acme.example" is already that of the Softphone "anna"'
    assert await said(tmp_path, authority, Asked(ANNA, BOB), CREATE_CAROL) == (False, told)


async def test_what_a_watch_has_not_told_yet_refuses_nothing(tmp_path: Path, authority: Authority) -> None:
    moved = obj("Softphone", "bob", aor="sip:y@acme.example", pri="master")
    cluster = Asked(moved)
    assert await said(tmp_path, authority, cluster, CREATE_CAROL) == (True, "")
    assert cluster.names == ["anna", "bob"]
    allowed, told = await said(tmp_path, authority, cluster, DELETE_MASTER)
    assert (allowed, told.partition(";")[0]) == (False, 'the PBX "master" is in use: named by 1 Softphone (bob)')
    assert await said(tmp_path, authority, Asked(), DELETE_MASTER) == (True, "")


async def test_a_pool_that_a_softphone_names_stays(tmp_path: Path, authority: Authority) -> None:
    allowed, told = await said(tmp_path, authority, Asked(CLARA), DELETE_VIENNA)
    assert (allowed, told.partition(";")[0]) == (
        False,
        'the SoftphonePool "vienna" is in use: named by 1 Softphone (clara)',
    )
    elsewhere = obj("Softphone", "clara", aor="sip:c@acme.example", pri="slave", agent={"pool": "linz"})
    assert await said(tmp_path, authority, Asked(elsewhere), DELETE_VIENNA) == (True, "")
    assert await said(tmp_path, authority, Asked(), DELETE_VIENNA) == (True, "")


async def test_where_it_cannot_be_checked_what_was_observed_counts(tmp_path: Path, authority: Authority) -> None:
    assert (await said(tmp_path, authority, Asked(away=True), CREATE_CAROL))[0] is False


async def test_what_is_no_review_is_a_bad_request(tmp_path: Path, authority: Authority) -> None:
    put(authority, tmp_path, "first")
    async with serving(tmp_path, Asked()) as webhook:
        code, text = await post(await until_serving(webhook), authority, {"kind": "Pod"})
    assert (code, text) == (400, "not an AdmissionReview of admission.k8s.io/v1\n")


async def test_a_certificate_may_come_late_and_a_new_one_is_taken(tmp_path: Path, authority: Authority) -> None:
    async with serving(tmp_path, Asked(ANNA)) as webhook:
        put(authority, tmp_path, "first")
        url = await until_serving(webhook)
        assert await served(url, authority) == "first"
        put(authority, tmp_path, "second")
        async with asyncio.timeout(10):
            while await served(url, authority) != "second":
                await asyncio.sleep(0.01)


def test_a_key_that_does_not_fit_leaves_the_old_pair_in_use(tmp_path: Path, authority: Authority) -> None:
    certificate = Certificate(tmp_path)
    assert not certificate.refresh()
    put(authority, tmp_path, "first")
    assert certificate.refresh()
    shutil.copy(authority.issue("other").key, tmp_path / "tls.key")
    assert certificate.refresh(), "the old one still serves"
    handshake(certificate.context, authority)


def handshake(context: ssl.SSLContext, authority: Authority) -> None:
    """A TLS handshake in memory; raises where the server's pair does not fit."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = ssl.create_default_context(cafile=str(authority.ca)).wrap_bio(
        to_client, to_server, server_hostname="127.0.0.1"
    )
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    assert done == {client, server}
