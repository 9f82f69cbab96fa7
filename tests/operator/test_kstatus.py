"""What kstatus says of our statuses, by its own code: so do Flux, Helm 4 with --wait, and kubectl's kin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lab import kstatus
from softphone_agent.contract.report import ConfigReport, Counts, LastFailure, PhoneReport, Reason, Role
from softphone_operator.api import crd
from softphone_operator.api.kinds import API_VERSION
from softphone_operator.api.status import PbxPhones, PbxUsers
from softphone_operator.decide import fleet_status, status
from softphone_operator.decide.facts import Reported, Statement
from softphone_operator.decide.fleet_status import AgentFacts

pytestmark = pytest.mark.lab

GENERATION = 3
NOW = datetime(2026, 1, 2, tzinfo=UTC)
CONFIG = ConfigReport(digest="0123456789abcdef")
HOME = PhoneReport(name="anna", state="Registered", registered=True, pbx="slave", role=Role.HOME, since="x")
AWAY = HOME.model_copy(update={"state": "Waiting", "registered": False, "pbx": None, "role": None})
FAILURE = LastFailure(code=0, reason=Reason.UNREACHABLE, message="no answer", pbx="master", time="2026-01-02T03:04:00Z")
AVAILABLE = Statement("True", "Available", "the pod x runs")
STARTING = Statement("False", "Starting", "the pod x is starting")
INVALID = Statement("False", "InvalidSpec", 'aor: "anna" is no address of record')
WAITS = Statement("False", "SecretNotFound", 'credentials.secretName: there is no Secret "anna"')


def softphone(phone: PhoneReport | None = HOME, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "accepted": status.ACCEPTED,
        "agent": AVAILABLE,
        "reported": Reported("connected", phone, CONFIG),
    }
    made = status.softphone({}, generation=GENERATION, wanted_digest=CONFIG.digest, now=NOW, **(given | changes))
    return of("Softphone", status.dump(made))


def fleet(registered: int, **changes: Any) -> dict[str, Any]:
    accepted = changes.pop("accepted", status.ACCEPTED)
    counts = Counts(version="1", phones=10, registered=registered, states={"Registered": registered}, config=CONFIG)
    given: dict[str, Any] = {"available": AVAILABLE, "updated": True} | changes
    agent = AgentFacts(
        "a", reported=Reported("connected", None, CONFIG), counts=counts, digest=CONFIG.digest, phones=10, **given
    )
    made = fleet_status.fleet(
        {}, generation=GENERATION, accepted=accepted, agents=[agent], wanted=10, suspended=False, selector="", now=NOW
    )
    return of("SoftphoneFleet", status.dump(made))


def pbx(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"accepted": status.ACCEPTED, "inconsistent": None}
    made = status.pbx(
        {},
        generation=GENERATION,
        location="master",
        phones=PbxPhones(registered=0, home=0, standby=0),
        reachable=False,
        users=PbxUsers(softphones=0),
        now=NOW,
        **(given | changes),
    )
    return of("PBX", status.dump(made))


def of(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "anna", "namespace": "demo", "generation": GENERATION}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "status": said}


def edited(seen: dict[str, Any]) -> dict[str, Any]:
    return {**seen, "metadata": {**seen["metadata"], "generation": GENERATION + 1}}


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    **{f"new {kind}": (of(kind, crd.UNSEEN), "InProgress", "-1") for kind in ("PBX", "Softphone", "SoftphoneFleet")},
    "registered": (softphone(), "Current", ""),
    "edited a moment ago": (edited(softphone()), "InProgress", "generation is 4"),
    "its pod starts": (softphone(None, agent=STARTING, reported=Reported("connecting")), "InProgress", "is starting"),
    "its first REGISTER is under way": (softphone(AWAY), "InProgress", "first attempt"),
    "no PBX answers": (softphone(AWAY.model_copy(update={"last_failure": FAILURE})), "InProgress", "no answer"),
    "its Secret may still come": (softphone(None, accepted=WAITS), "InProgress", "there is no Secret"),
    "refused": (softphone(None, accepted=INVALID), "Failed", "no address of record"),
    "refused while it runs on": (softphone(accepted=INVALID), "Failed", "no address of record"),
    "fleet, all registered": (fleet(10), "Current", ""),
    "fleet, some registered": (fleet(4), "InProgress", "4 of 10"),
    "fleet, an agent still to be changed": (fleet(10, updated=False), "InProgress", "still to be changed"),
    "fleet, an agent starts": (fleet(0, available=STARTING), "InProgress", "0 of 1 agents run"),
    "fleet, refused": (fleet(10, accepted=INVALID), "Failed", "no address of record"),
    "PBX": (pbx(), "Current", ""),
    "PBX, refused": (pbx(accepted=INVALID), "Failed", "no address of record"),
    "PBX, its Secret may still come": (pbx(accepted=WAITS), "InProgress", "there is no Secret"),
    "PBX, unlike the others of its system": (pbx(inconsistent="it is true on x"), "InProgress", "true on x"),
}


def test_what_kstatus_says_of_every_kind_of_status() -> None:
    said = kstatus.compute([seen for seen, _, _ in CASES.values()])
    assert {name: statement.status for name, statement in zip(CASES, said, strict=True)} == {
        name: expected for name, (_, expected, _) in CASES.items()
    }
    for (name, (_, _, why)), statement in zip(CASES.items(), said, strict=True):
        assert why in statement.message, name
