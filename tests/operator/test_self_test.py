"""What `helm test` runs: the responder's answers, and when the test is passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from softphone_operator.kubernetes.cluster import ClusterError
from softphone_operator.kubernetes.resources import PBXS, SOFTPHONES, Resource
from softphone_operator.program import trial as self_test

REGISTER = "\r\n".join(
    [
        "REGISTER sip:10.0.0.1:5060 SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.2:5060;rport;branch=z9hG4bK1",
        "From: <sip:a@b>;tag=1",
        "To: <sip:a@b>",
        "Call-ID: c",
        "CSeq: 7 REGISTER",
        "Contact: <sip:a@10.0.0.2:5060>",
        "Expires: 60",
        "Content-Length: 0",
        "",
        "",
    ]
)


def test_a_register_is_kept_as_it_was_asked_for() -> None:
    assert (self_test.answer(REGISTER) or "").split("\r\n") == [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 10.0.0.2:5060;rport;branch=z9hG4bK1",
        "From: <sip:a@b>;tag=1",
        "To: <sip:a@b>;tag=test",
        "Call-ID: c",
        "CSeq: 7 REGISTER",
        "Contact: <sip:a@10.0.0.2:5060>",
        "Expires: 60",
        "Content-Length: 0",
        "",
        "",
    ]


def test_a_ping_is_answered_without_a_binding() -> None:
    back = self_test.answer(REGISTER.replace("REGISTER", "OPTIONS")) or ""
    assert back.startswith("SIP/2.0 200 OK\r\n")
    assert "Contact" not in back


@pytest.mark.parametrize(
    "request_", ["", "\0", REGISTER.replace("REGISTER", "INVITE"), REGISTER.replace("Call-ID", "X"), "SIP/2.0 200 OK"]
)
def test_nothing_else_is_answered(request_: str) -> None:
    assert self_test.answer(request_) is None


class Fake:
    """Objects in memory; a Softphone's condition Ready is as told."""

    def __init__(self, ready: str, *, refuses: Resource | None = None) -> None:
        self.ready, self.refuses = ready, refuses
        self.objects: dict[Resource, dict[str, Any]] = {}
        self.seen: dict[Resource, dict[str, Any]] = {}

    async def create(self, resource: Resource, obj: Mapping[str, Any]) -> dict[str, Any]:
        if resource is self.refuses:
            raise ClusterError(403, "Forbidden", "may not")
        made = {**obj, "metadata": {**obj["metadata"], "uid": resource.kind}}
        self.objects[resource] = self.seen[resource] = made
        return made

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        condition = {"type": "Ready", "status": self.ready, "reason": "Because", "message": "of this"}
        return {**self.objects[resource], "status": {"conditions": [condition]}}

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        assert self.objects.pop(resource)["metadata"]["uid"] == uid


async def test_a_softphone_that_becomes_ready_passes_and_nothing_is_left() -> None:
    cluster, said = Fake("True"), list[str]()
    labels = {"softphone-fleet.io/shard": "a"}
    assert await self_test.try_a_softphone(cluster, "telephony", "fd00::1", 5, said.append, labels)
    assert cluster.objects == {}
    phone = cluster.seen[SOFTPHONES]
    name = phone["metadata"]["name"]
    assert phone["spec"] == {"aor": f"sip:{name}@softphone-fleet.invalid", "pri": name}
    assert cluster.seen[PBXS]["spec"] == {"address": "sip:[fd00::1]:5060;transport=udp"}
    assert cluster.seen[PBXS]["metadata"] == {"name": name, "namespace": "telephony", "labels": labels, "uid": "PBX"}
    assert phone["metadata"]["labels"] == labels, "or the operator would not see it"


async def test_one_that_does_not_fails_with_what_the_operator_says_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_POLL_SECONDS", 0.0)
    cluster, said = Fake("False"), list[str]()
    assert not await self_test.try_a_softphone(cluster, "telephony", "10.0.0.1", 0.01, said.append)
    assert said == ["Ready: False (Because) of this", "not Ready within 0.01 s"]
    assert cluster.objects == {}


async def test_what_was_made_is_removed_where_the_rest_is_refused() -> None:
    cluster = Fake("True", refuses=SOFTPHONES)
    with pytest.raises(ClusterError):
        await self_test.try_a_softphone(cluster, "telephony", "10.0.0.1", 1, print)
    assert cluster.objects == {}
    assert PBXS in cluster.seen
