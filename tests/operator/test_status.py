"""What is said in status: conditions, their reasons and times, the registration, Events, urgency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from softphone_agent.contract.report import ConfigReport, LastFailure, PhoneReport, Reason, Redirect, Role
from softphone_operator.api.reasons import REASONS
from softphone_operator.api.status import PbxPhones, PbxUsers
from softphone_operator.decide import availability, event_rules, status
from softphone_operator.decide.facts import Reported, Statement

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
DIGEST = "0123456789abcdef"
CONFIG = ConfigReport(digest=DIGEST)
AVAILABLE = Statement("True", "Available", "the pod x runs")
REFUSED = Statement("False", "PBXNotFound", 'pri: there is no PBX "x"')
FAILURE = LastFailure(code=0, reason=Reason.UNREACHABLE, message="no answer", pbx="master", time="2026-01-02T03:04:00Z")
HOME = PhoneReport(
    name="anna",
    state="Registered",
    registered=True,
    pbx="slave",
    registrar="sip:10.0.0.2:5060",
    via="redirect",
    role=Role.HOME,
    redirects=(Redirect(pbx="master", target="slave", code=302),),
    physical_location="vienna",
    contact="sip:anna@10.1.0.5:5060",
    since="2026-01-02T03:04:05.500Z",
)


def phone(**changes: Any) -> PhoneReport:
    return HOME.model_copy(update=changes)


def away(**changes: Any) -> PhoneReport:
    return PhoneReport(**{"name": "anna", "state": "Waiting", "registered": False, "since": HOME.since, **changes})


def made(
    reported: Reported,
    *,
    previous: dict[str, Any] | None = None,
    accepted: Statement = status.ACCEPTED,
    agent: Statement = AVAILABLE,
    digest: str | None = DIGEST,
    now: datetime = NOW,
    generation: int = 3,
) -> dict[str, Any]:
    return status.dump(
        status.softphone(
            previous or {},
            generation=generation,
            accepted=accepted,
            agent=agent,
            reported=reported,
            wanted_digest=digest,
            now=now,
        )
    )


def said(wanted: dict[str, Any], kind: str) -> tuple[str, str]:
    found = next(c for c in wanted["conditions"] if c["type"] == kind)
    return found["status"], found["reason"]


def test_a_registered_phone_in_full() -> None:
    condition = {"lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 3, "status": "True"}
    where = "registered at slave as Home, redirected by master"
    assert made(Reported("connected", HOME, CONFIG)) == {
        "observedGeneration": 3,
        "conditions": [
            {"type": "Accepted", "reason": "Accepted", "message": "the spec is accepted", **condition},
            {"type": "AgentAvailable", "reason": "Available", "message": "the pod x runs", **condition},
            {"type": "Registered", "reason": "Registered", "message": where, **condition},
            {"type": "Ready", "reason": "Registered", "message": where, **condition},
        ],
        "registration": {
            "state": "Registered",
            "pbx": "slave",
            "registrar": "sip:10.0.0.2:5060",
            "via": "redirect",
            "role": "Home",
            "redirects": [{"pbx": "master", "target": "slave", "code": 302}],
            "physicalLocation": "vienna",
            "contact": "sip:anna@10.1.0.5:5060",
            "since": "2026-01-02T03:04:05.500Z",
        },
    }


OLD = ConfigReport(digest="ffffffffffffffff")
REJECTED_FILE = ConfigReport(digest="ffffffffffffffff", refused=("phones[0].aor: bad",))
STARTING = Statement("False", "Starting", "the pod x is starting")
TABLE: list[tuple[str, dict[str, Any], tuple[str, str], tuple[str, str]]] = [
    ("registered", {"reported": Reported("connected", HOME, CONFIG)}, ("True", "Registered"), ("True", "Registered")),
    (
        "moving keeps the binding",
        {"reported": Reported("connected", phone(state="Registering"), CONFIG)},
        ("True", "Registered"),
        ("True", "Registered"),
    ),
    (
        "first attempt",
        {"reported": Reported("connected", away(state="Registering"), CONFIG)},
        ("False", "Registering"),
        ("False", "Registering"),
    ),
    (
        "failing",
        {"reported": Reported("connected", away(last_failure=FAILURE), CONFIG)},
        ("False", "Unreachable"),
        ("False", "Unreachable"),
    ),
    (
        "trying again",
        {"reported": Reported("connected", away(state="Registering", last_failure=FAILURE), CONFIG)},
        ("False", "Unreachable"),
        ("False", "Unreachable"),
    ),
    (
        "suspended",
        {"reported": Reported("connected", away(state="Suspended"), CONFIG)},
        ("False", "Suspended"),
        ("False", "Suspended"),
    ),
    (
        "phone not known yet",
        {"reported": Reported("connected", None, OLD)},
        ("False", "Registering"),
        ("False", "ConfigPending"),
    ),
    (
        "an earlier configuration runs",
        {"reported": Reported("connected", HOME, OLD)},
        ("True", "Registered"),
        ("False", "ConfigPending"),
    ),
    (
        "the agent refuses the configuration",
        {"reported": Reported("connected", HOME, REJECTED_FILE)},
        ("True", "Registered"),
        ("False", "ConfigRefused"),
    ),
    (
        "the agent is not heard",
        {"reported": Reported("lost", why="it was silent")},
        ("Unknown", "AgentUnreachable"),
        ("False", "AgentUnreachable"),
    ),
    (
        "the agent starts",
        {"reported": Reported("connecting"), "agent": STARTING},
        ("Unknown", "NoAgent"),
        ("False", "Starting"),
    ),
    (
        "refused, with an agent that goes on",
        {"reported": Reported("connected", HOME, CONFIG), "accepted": REFUSED, "digest": None},
        ("True", "Registered"),
        ("False", "PBXNotFound"),
    ),
    (
        "refused from the start",
        {"reported": Reported("lost"), "accepted": REFUSED, "agent": availability.NO_AGENT, "digest": None},
        ("Unknown", "NoAgent"),
        ("False", "PBXNotFound"),
    ),
]


@pytest.mark.parametrize(("given", "registered", "ready"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_registered_and_ready(given: dict[str, Any], registered: tuple[str, str], ready: tuple[str, str]) -> None:
    wanted = made(given.pop("reported"), **given)
    assert (said(wanted, "Registered"), said(wanted, "Ready")) == (registered, ready)


def test_what_is_not_known_is_not_told() -> None:
    before = made(Reported("connected", phone(last_failure=FAILURE), CONFIG))
    after = made(Reported("lost", why="it was silent"), previous=before)
    assert after["registration"] == {"state": "Unknown", "lastFailure": before["registration"]["lastFailure"]}


def test_for_a_moment_of_silence_what_was_said_last_counts() -> None:
    before = made(Reported("connected", HOME, CONFIG))
    assert made(Reported("connecting"), previous=before, now=NOW + timedelta(seconds=3)) == before


def test_transition_times_move_with_the_status_only() -> None:
    before = made(Reported("connected", away(state="Registering"), CONFIG))
    later = made(
        Reported("connected", away(last_failure=FAILURE), CONFIG), previous=before, now=NOW + timedelta(seconds=9)
    )
    assert {c["lastTransitionTime"] for c in later["conditions"]} == {"2026-01-02T03:04:05Z"}
    last = made(Reported("connected", HOME, CONFIG), previous=later, now=NOW + timedelta(seconds=20), generation=4)
    times = {c["type"]: c["lastTransitionTime"] for c in last["conditions"]}
    assert times == {
        "Accepted": "2026-01-02T03:04:05Z",
        "AgentAvailable": "2026-01-02T03:04:05Z",
        "Registered": "2026-01-02T03:04:25Z",
        "Ready": "2026-01-02T03:04:25Z",
    }
    assert {c["observedGeneration"] for c in last["conditions"]} == {4}


def test_the_same_facts_give_the_same_status() -> None:
    before = made(Reported("connected", HOME, CONFIG))
    assert made(Reported("connected", HOME, CONFIG), previous=before, now=NOW + timedelta(hours=1)) == before


def pod(name: str = "x", *, created: str = "1", deleted: bool = False, **state: Any) -> dict[str, Any]:
    metadata = {"name": name, "creationTimestamp": created}
    return {"metadata": metadata | ({"deletionTimestamp": "2"} if deleted else {}), "status": state}


def container(state: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"containerStatuses": [{"image": "agent:1", "state": state, "lastState": last or {}}]}


QUOTA = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
OOM = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
COMPLETED = {"terminated": {"reason": "Completed", "exitCode": 0}}
DISRUPTED = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "TerminationByKubelet",
    "message": "The node was low on resource: memory.",
}
NOT_DISRUPTED = {**DISRUPTED, "status": "False"}
AVAILABILITY: list[tuple[str, Any, list[dict[str, Any]], Statement]] = [
    ("nothing", None, [], availability.NO_AGENT),
    ("no pod yet", {}, [], Statement("False", "Starting", "the agent's pod is being made")),
    ("quota", {"status": {"conditions": [QUOTA]}}, [], Statement("False", "FailedCreate", "exceeded quota")),
    ("starting", {}, [pod(phase="Pending")], Statement("False", "Starting", "the pod x is starting")),
    (
        "container creating",
        {},
        [pod(**container({"waiting": {"reason": "ContainerCreating"}}))],
        Statement("False", "Starting", "the pod x is starting"),
    ),
    (
        "ready",
        {},
        [pod(conditions=[{"type": "Ready", "status": "True"}])],
        Statement("True", "Available", "the pod x runs"),
    ),
    (
        "no image",
        {},
        [pod(**container({"waiting": {"reason": "ErrImagePull", "message": "long"}}))],
        Statement("False", "ImagePullBackOff", "the pod x: cannot pull the image agent:1"),
    ),
    (
        "crash loop",
        {},
        [pod(**container(BACK_OFF, OOM))],
        Statement("False", "CrashLoopBackOff", "the pod x: back-off 10s; it ended before: OOMKilled, exit code 137"),
    ),
    (
        "container ended",
        {},
        [pod(**container(OOM))],
        Statement("False", "OOMKilled", "the pod x: its container ended: OOMKilled, exit code 137"),
    ),
    ("no node", {}, [pod(conditions=[NO_NODE])], Statement("False", "Unschedulable", "the pod x: 0/1 nodes")),
    (
        "evicted",
        {},
        [pod(phase="Failed", reason="Evicted", message="low on memory")],
        Statement("False", "Evicted", "the pod x: low on memory"),
    ),
    (
        "evicted, after its agent ended in an orderly way",
        {},
        [pod(phase="Succeeded", conditions=[DISRUPTED], **container(COMPLETED))],
        Statement("False", "Evicted", "the pod x: The node was low on resource: memory."),
    ),
    (
        "evicted, and only an Event tells why",
        {},
        [pod(phase="Succeeded", conditions=[NOT_DISRUPTED], **container(COMPLETED))],
        Statement("False", "Evicted", "the pod x: its node ended it; its events tell why"),
    ),
    ("stopping", {}, [pod(deleted=True)], Statement("False", "Terminating", "the pod x is being stopped")),
    (
        "the new pod counts",
        {},
        [pod("old", created="9", deleted=True), pod("new", created="1")],
        Statement("False", "Starting", "the pod new is starting"),
    ),
    (
        "the newest pod counts",
        {},
        [pod("a", created="2"), pod("b", created="1")],
        Statement("False", "Starting", "the pod a is starting"),
    ),
]


@pytest.mark.parametrize(
    ("deployment", "pods", "statement"), [row[1:] for row in AVAILABILITY], ids=[row[0] for row in AVAILABILITY]
)
def test_agent_available(deployment: Any, pods: list[dict[str, Any]], statement: Statement) -> None:
    assert availability.availability(deployment, pods, Reported("lost")) == statement


MOUNTING = pod(phase="Pending", **container({"waiting": {"reason": "ContainerCreating"}}))


@pytest.mark.parametrize(
    ("pods", "reason"),
    [
        ([MOUNTING], "FailedMount"),
        ([pod(phase="Pending")], "FailedMount"),
        ([pod(phase="Pending", conditions=[NO_NODE])], "Unschedulable"),
        ([pod(phase="Running")], "Starting"),
        ([pod(phase="Pending", deleted=True)], "Terminating"),
        ([], "Starting"),
    ],
)
def test_a_pod_that_cannot_mount_is_told_as_such(pods: list[dict[str, Any]], reason: str) -> None:
    why = 'the Secret "anna" that it mounts does not exist'
    told = availability.availability({}, pods, Reported("lost"), why)
    assert told.reason == reason
    if reason == "FailedMount":
        assert told == Statement("False", reason, f"the pod x cannot start: {why}")
        assert availability.availability({}, pods, Reported("lost"), None).reason == "Starting"


READY_POD = pod(phase="Running", conditions=[{"type": "Ready", "status": "True"}])


@pytest.mark.parametrize(
    ("seen", "updated"), [(1, 1), (2, 0)], ids=["the edit is not seen yet", "the old pod still runs"]
)
def test_a_pod_that_is_about_to_be_replaced_is_not_available(seen: int, updated: int) -> None:
    deployment = {
        "metadata": {"generation": 2},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": seen, "updatedReplicas": updated},
    }
    told = availability.availability(deployment, [READY_POD], Reported("connected"))
    assert told == Statement("False", "Starting", "the pod x is being replaced")
    deployment["status"] = {"observedGeneration": 2, "updatedReplicas": 1}
    assert availability.availability(deployment, [READY_POD], Reported("connected")).status == "True"


def test_an_agent_whose_pod_kubectl_shows_as_0_of_1_is_not_available_though_it_is_heard() -> None:
    told = availability.availability({}, [pod(phase="Running")], Reported("connected"))
    assert told == Statement("False", "NotReady", "the agent is heard, but its pod x is not ready")
    assert told.reason in REASONS["Softphone"]["AgentAvailable"]


def pbx(previous: dict[str, Any] | None = None, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "generation": 1,
        "accepted": status.ACCEPTED,
        "inconsistent": None,
        "location": "master",
        "phones": PbxPhones(registered=3, home=2, standby=1),
        "reachable": True,
        "certificate_expires": "2026-12-24T00:00:00Z",
        "users": PbxUsers(softphones=4),
        "now": NOW,
    }
    return status.pbx(previous or {}, **(given | changes))


def test_a_pbx_in_full() -> None:
    condition = {"lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 1, "status": "True"}
    consistent = "noPhysicalLocation is the same on all PBXes of the system"
    assert status.dump(pbx()) == {
        "observedGeneration": 1,
        "conditions": [
            {"type": "Accepted", "reason": "Accepted", "message": "the spec is accepted", **condition},
            {"type": "Consistent", "reason": "Consistent", "message": consistent, **condition},
            {"type": "Ready", "reason": "Accepted", "message": "the spec is accepted", **condition},
        ],
        "location": "master",
        "phones": {"registered": 3, "home": 2, "standby": 1},
        "users": {"softphones": 4},
        "reachable": True,
        "certificateExpires": "2026-12-24T00:00:00Z",
    }


def test_counts_that_are_not_known_yet_stay_as_they_were() -> None:
    before = status.dump(pbx())
    assert status.dump(pbx(before, phones=None, reachable=None, certificate_expires=None)) == before


def test_reachable_is_left_out_while_nobody_knows() -> None:
    assert "reachable" not in status.dump(pbx(reachable=None))
    assert status.dump(pbx(reachable=False))["reachable"] is False


@pytest.mark.parametrize(
    ("answers", "told"), [([], None), ([None], None), ([None, False], False), ([False, True], True)]
)
def test_reachable(answers: list[bool | None], told: bool | None) -> None:
    assert status.reachable(answers) is told


@pytest.mark.parametrize(
    ("times", "first"),
    [
        ([], None),
        ([None, "", "soon", "2026-12-24T00:00:00"], None),
        (["2027-01-01T00:00:00Z", "2026-12-24T02:00:00+02:00", None], "2026-12-24T00:00:00Z"),
    ],
)
def test_of_several_certificates_the_first_to_end_counts(times: list[str | None], first: str | None) -> None:
    assert status.first_to_end(times) == first


def softphone_status(reported: Reported, **more: Any) -> Any:
    given: dict[str, Any] = {
        "generation": 3,
        "accepted": status.ACCEPTED,
        "agent": AVAILABLE,
        "wanted_digest": DIGEST,
        "now": NOW,
    }
    return status.softphone({}, reported=reported, **(given | more))


MOVED = phone(pbx="standby", role="Standby", redirects=())
ELSEWHERE = phone(pbx="third", redirects=())
EVENTS: list[tuple[str, Any, Any, list[tuple[str, str, str]]]] = [
    (
        "first registration",
        None,
        softphone_status(Reported("connected", HOME, CONFIG)),
        [("Normal", "Registered", "registered at slave as Home, redirected by master")],
    ),
    (
        "nothing new",
        softphone_status(Reported("connected", HOME, CONFIG)),
        softphone_status(Reported("connected", HOME, CONFIG)),
        [],
    ),
    (
        "moved",
        softphone_status(Reported("connected", HOME, CONFIG)),
        softphone_status(Reported("connected", ELSEWHERE, CONFIG)),
        [("Normal", "Moved", "moved from slave: registered at third as Home")],
    ),
    (
        "a standby keeps it: a Warning, as with a fleet",
        softphone_status(Reported("connected", HOME, CONFIG)),
        softphone_status(Reported("connected", MOVED, CONFIG)),
        [("Warning", "Standby", "moved from slave: registered at standby as Standby")],
    ),
    (
        "home again",
        softphone_status(Reported("connected", MOVED, CONFIG)),
        softphone_status(Reported("connected", HOME, CONFIG)),
        [("Normal", "Home", "moved from standby: registered at slave as Home, redirected by master")],
    ),
    (
        "lost, and then kept by a standby",
        softphone_status(Reported("connected", away(last_failure=FAILURE), CONFIG)),
        softphone_status(Reported("connected", MOVED, CONFIG)),
        [
            ("Normal", "Registered", "registered at standby as Standby"),
            ("Warning", "Standby", "registered at standby as Standby"),
        ],
    ),
    (
        "lost",
        softphone_status(Reported("connected", HOME, CONFIG)),
        softphone_status(Reported("connected", away(last_failure=FAILURE), CONFIG)),
        [("Warning", "Unreachable", "Unreachable at master: no answer")],
    ),
    (
        "another failure is no news",
        softphone_status(Reported("connected", away(last_failure=FAILURE), CONFIG)),
        softphone_status(
            Reported("connected", away(last_failure=FAILURE.model_copy(update={"reason": "Unavailable"})), CONFIG)
        ),
        [],
    ),
    (
        "refused",
        softphone_status(Reported("connected", HOME, CONFIG)),
        softphone_status(Reported("connected", HOME, CONFIG), accepted=REFUSED),
        [("Warning", "PBXNotFound", 'pri: there is no PBX "x"')],
    ),
    (
        "mended",
        softphone_status(Reported("connected", HOME, CONFIG), accepted=REFUSED),
        softphone_status(Reported("connected", HOME, CONFIG)),
        [("Normal", "Accepted", "the spec is accepted")],
    ),
    (
        "the agent crashes",
        softphone_status(Reported("lost"), agent=STARTING),
        softphone_status(Reported("lost"), agent=Statement("False", "CrashLoopBackOff", "the pod x: back-off")),
        [("Warning", "CrashLoopBackOff", "the pod x: back-off")],
    ),
]


@pytest.mark.parametrize(("before", "after", "events"), [row[1:] for row in EVENTS], ids=[row[0] for row in EVENTS])
def test_events_of_softphones(before: Any, after: Any, events: list[tuple[str, str, str]]) -> None:
    previous = status.dump(before) if before else {}
    assert [event[:3] for event in event_rules.softphone_events(previous, after)] == events


PBX_EVENTS: list[tuple[str, Any, Any, list[str]]] = [
    ("accepted at first is no news", None, pbx(), []),
    ("inconsistent", pbx(), pbx(inconsistent="a and b differ"), ["Inconsistent"]),
    ("consistent again", pbx(inconsistent="a and b differ"), pbx(), ["Consistent"]),
    ("unreachable", pbx(), pbx(reachable=False), ["Unreachable"]),
    ("reachable again", pbx(reachable=False), pbx(), ["Reachable"]),
    ("refused", pbx(), pbx(accepted=Statement("False", "InvalidSpec", "address: bad")), ["InvalidSpec"]),
]


@pytest.mark.parametrize(
    ("before", "after", "reasons"), [row[1:] for row in PBX_EVENTS], ids=[row[0] for row in PBX_EVENTS]
)
@pytest.mark.proves("P3")
def test_events_of_pbxs(before: Any, after: Any, reasons: list[str]) -> None:
    assert [e.reason for e in event_rules.pbx_events(status.dump(before) if before else {}, after)] == reasons


def test_a_new_count_of_users_is_told_at_once() -> None:
    assert event_rules.is_urgent(status.dump(pbx()), status.dump(pbx(users=PbxUsers(softphones=5))))


def test_a_pbx_that_goes_unused_is_no_news() -> None:
    assert event_rules.pbx_deleted_events("") == []


def test_a_pbx_that_goes_while_in_use_is_told() -> None:
    (event,) = event_rules.pbx_deleted_events("named by 1 Softphone (anna)")
    assert event[:3] == (
        "Warning",
        "DeletedInUse",
        "deleted while in use: named by 1 Softphone (anna); running phones that name it keep its last known address",
    )
    assert not event.personal


@pytest.mark.parametrize(("generation", "personal"), [(3, True), (2, False)], ids=["a PBX went", "the spec was edited"])
def test_only_what_others_bring_about_may_be_left_out(generation: int, personal: bool) -> None:
    before = softphone_status(Reported("connected", HOME, CONFIG), generation=generation)
    (event,) = event_rules.softphone_events(
        status.dump(before), softphone_status(Reported("connected", HOME, CONFIG), accepted=REFUSED)
    )
    assert (event.reason, event.personal) == ("PBXNotFound", personal)


LATER = FAILURE.model_copy(update={"time": "2026-01-02T03:05:00Z", "pbx": "standby", "reason": Reason.UNAVAILABLE})
URGENCY: list[tuple[str, Reported, Reported, bool]] = [
    (
        "yet another failure",
        Reported("connected", away(last_failure=FAILURE), CONFIG),
        Reported("connected", away(last_failure=LATER), CONFIG),
        False,
    ),
    (
        "an attempt after a failure",
        Reported("connected", away(last_failure=FAILURE), CONFIG),
        Reported("connected", away(state="Registering", last_failure=FAILURE), CONFIG),
        False,
    ),
    (
        "the first failure",
        Reported("connected", away(state="Registering"), CONFIG),
        Reported("connected", away(last_failure=FAILURE), CONFIG),
        True,
    ),
    ("lost", Reported("connected", HOME, CONFIG), Reported("connected", away(last_failure=FAILURE), CONFIG), True),
    ("found", Reported("connected", away(last_failure=FAILURE), CONFIG), Reported("connected", HOME, CONFIG), True),
    ("moved", Reported("connected", HOME, CONFIG), Reported("connected", MOVED, CONFIG), True),
]


@pytest.mark.parametrize(("before", "after", "urgent"), [row[1:] for row in URGENCY], ids=[row[0] for row in URGENCY])
def test_urgency(before: Reported, after: Reported, urgent: bool) -> None:
    assert event_rules.is_urgent(made(before), made(after)) is urgent


def test_every_reason_that_is_given_is_documented() -> None:
    documented = {
        kind: {name.strip() for names in REASONS["Softphone"][kind] for name in names.split(",")}
        for kind in ("Registered", "AgentAvailable", "Ready")
    }
    for _, given, registered, _ in TABLE:
        assert registered[1] in documented["Registered"], given
    kubelets = {"CrashLoopBackOff", "OOMKilled"}
    for _, _, _, statement in AVAILABILITY:
        assert statement.reason in documented["AgentAvailable"] | kubelets
    assert status.FAILURES | {"Rejected"} <= documented["Registered"]
