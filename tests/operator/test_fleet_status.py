"""What is said of a fleet, from what its agents tell in counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from softphone_agent.contract.report import ConfigReport, Counts, LastFailure, PbxCounts, PhoneReport, Reason, Role
from softphone_operator.decide import availability, event_rules, fleet_status, status
from softphone_operator.decide.facts import Reported, Statement
from softphone_operator.decide.fleet_status import AgentFacts

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RUNS = Statement("True", "Available", "the pod x runs")
REFUSED = Statement("False", "InvalidSpec", "aor: bad")


def agent(registered: int = 10, *, name: str = "fleet-load-0", **fields: Any) -> AgentFacts:
    config = ConfigReport(digest=fields.pop("running", "abc"), refused=fields.pop("refused", ()))
    counts = Counts(
        version="1",
        config=config,
        phones=10,
        registered=registered,
        states=fields.pop("states", {}),
        failures=fields.pop("failures", {}),
        pbxs=(PbxCounts(name="master", registered=registered, standby=fields.pop("standby", 0)),),
    )
    facts: dict[str, Any] = {
        "available": RUNS,
        "reported": Reported("connected", None, config),
        "counts": counts,
        "updated": True,
    } | fields
    return AgentFacts(name=name, digest="abc", phones=10, **facts)


def made(*agents: AgentFacts, previous: Any = None, wanted: int | None = None, **fields: Any) -> dict[str, Any]:
    of = fleet_status.fleet(
        previous or {},
        generation=3,
        accepted=status.ACCEPTED,
        agents=agents,
        wanted=10 * len(agents) if wanted is None else wanted,
        suspended=False,
        selector="a=b",
        now=NOW,
        **fields,
    )
    return status.dump(of)


def said(of: dict[str, Any], kind: str) -> tuple[str, str, str]:
    (found,) = [c for c in of["conditions"] if c["type"] == kind]
    return found["status"], found["reason"], found["message"]


def test_the_counts_of_all_agents_are_added() -> None:
    of = made(agent(10, standby=4), agent(10))
    assert (of["replicas"], of["registered"], of["standby"]) == (20, 20, 4)
    assert of["agents"] == {"wanted": 2, "ready": 2, "updated": 2}
    assert said(of, "Ready") == ("True", "Registered", "20 of 20 phones are registered, 4 of them as Standby")


def test_the_most_frequent_failure_is_the_reason() -> None:
    of = made(agent(2, failures={"Rejected": 3, "Unreachable": 5}))
    assert of["failures"] == {"Rejected": 3, "Unreachable": 5}
    told = "2 of 10 phones are registered; failures: 5 Unreachable, 3 Rejected"
    assert said(of, "Registered") == said(of, "Ready") == ("False", "Unreachable", told)


def test_phones_that_have_not_failed_are_registering() -> None:
    assert said(made(agent(2)), "Registered") == ("False", "Registering", "2 of 10 phones are registered")


def test_an_agent_in_trouble_gives_the_reason() -> None:
    away = agent(
        available=Statement("False", "ImagePullBackOff", "no image"), reported=Reported("lost"), name="fleet-load-1"
    )
    starting = agent(available=Statement("False", "Starting", "starts"), reported=Reported("lost"))
    of = made(starting, away, agent())
    assert said(of, "AgentsAvailable") == ("False", "ImagePullBackOff", "1 of 3 agents run; fleet-load-1: no image")
    assert of["agents"] == {"wanted": 3, "ready": 1, "updated": 3}
    assert of["registered"] == 10, "who is not heard does not count"


def test_an_agent_that_is_away_still_carries_its_phones() -> None:
    """Else half a fleet would count as a whole one, and no alert for its ratio would ever fire."""
    away = agent(reported=Reported("lost"), available=Statement("False", "Unschedulable", "no node"), counts=None)
    of = made(agent(), away)
    assert (of["replicas"], of["registered"]) == (20, 10)
    refused = fleet_status.fleet(
        {},
        generation=3,
        accepted=Statement("False", "SecretNotFound", "there is no Secret"),
        agents=[agent(), away],
        wanted=None,
        suspended=False,
        selector="",
        now=NOW,
    )
    told = ("False", "Registering", "10 of 20 phones are registered")
    assert said(status.dump(refused), "Registered") == told


def test_an_agent_that_is_just_being_heard_again_leaves_the_numbers_as_they_were() -> None:
    before = made(agent(), agent())
    after = made(agent(), agent(reported=Reported("connecting"), counts=None), previous=before)
    assert (after["replicas"], after["registered"]) == (20, 20)


def test_agents_that_are_being_changed_or_refuse_their_file_are_told() -> None:
    assert said(made(agent(), agent(updated=False)), "Ready")[:2] == ("False", "Updating")
    assert said(made(agent(running="old")), "Ready")[:2] == ("False", "ConfigPending")
    assert said(made(agent(running="old", refused=("bad",))), "Ready")[1:] == (
        "ConfigRefused",
        "fleet-load-0 refused its configuration: bad",
    )


def test_no_agent_is_heard() -> None:
    unheard = agent(reported=Reported("lost", why="it was silent"), counts=None)
    assert said(made(unheard), "Registered") == ("Unknown", "AgentUnreachable", "no agent can be heard: it was silent")


def test_no_phones_are_no_trouble() -> None:
    of = made()
    assert said(of, "Ready")[0] == "True"
    assert (of["replicas"], of["registered"]) == (0, 0), "kubectl scale reads it"


def test_an_agent_is_up_when_its_phones_are_back_or_refused() -> None:
    assert agent(10).up
    assert not agent(9).up
    assert agent(9, states={"Rejected": 1}).up
    assert not agent(10, reported=Reported("connecting")).up
    assert not agent(10, available=Statement("False", "Starting", "")).up


def events(before: dict[str, Any], *agents: AgentFacts) -> list[tuple[str, str]]:
    of = fleet_status.fleet(
        before,
        generation=3,
        accepted=status.ACCEPTED,
        agents=agents,
        wanted=10 * len(agents),
        suspended=False,
        selector="",
        now=NOW,
    )
    return [(event.type, event.reason) for event in fleet_status.events(before, of)]


def test_an_outage_of_all_phones_is_one_event() -> None:
    well = made(agent(), agent())
    assert events({}, agent(), agent()) == [("Normal", "Registered")]
    assert events(well, agent(), agent()) == []
    out = made(agent(3, failures={"PingFailed": 7}), agent(0, failures={"Unreachable": 10}), previous=well)
    assert events(well, agent(3, failures={"PingFailed": 7}), agent()) == [("Warning", "PingFailed")]
    assert events(out, agent(2, failures={"PingFailed": 8}), agent()) == []
    assert events(well, agent(standby=10), agent()) == [("Warning", "Standby")]
    assert events(made(agent(standby=10), agent()), agent(), agent()) == [("Normal", "Home")]


def test_an_agent_whose_pod_is_0_of_1_is_missing_though_it_is_heard() -> None:
    pod = {
        "metadata": {"name": "x"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]},
    }
    available = availability.availability({}, [pod], Reported("connected"))
    of = made(agent(), agent(name="fleet-load-1", available=available))
    told = "1 of 2 agents run; fleet-load-1: the agent is heard, but its pod x is not ready"
    assert said(of, "AgentsAvailable") == ("False", "NotReady", told)
    assert events(made(agent(), agent()), agent(), agent(name="fleet-load-1", available=available)) == []


@pytest.mark.parametrize("reason", ["Unreachable", "Standby", "Home", "Registered", "CrashLoopBackOff", "InvalidSpec"])
def test_a_phone_and_a_fleet_of_one_are_told_of_by_events_of_the_same_type(reason: str) -> None:
    """By the change from each of these states to each other."""
    assert types_of_a_softphone()[reason] == types_of_a_fleet()[reason]


def types_of_a_softphone() -> dict[str, str]:
    home = PhoneReport(name="a", state="Registered", registered=True, pbx="slave", role=Role.HOME, since="x")
    standby = home.model_copy(update={"pbx": "master", "role": "Standby"})
    failure = LastFailure(code=0, reason=Reason.UNREACHABLE, message="", pbx="master", time="x")
    lost = PhoneReport(name="a", state="Waiting", registered=False, since="x", last_failure=failure)
    crashed = Statement("False", "CrashLoopBackOff", "")
    states = [
        status.softphone(
            {}, generation=3, accepted=accepted, agent=available, reported=reported, wanted_digest="abc", now=NOW
        )
        for accepted, available, reported in [
            (status.ACCEPTED, RUNS, Reported("connected", home)),
            (status.ACCEPTED, RUNS, Reported("connected", standby)),
            (status.ACCEPTED, RUNS, Reported("connected", lost)),
            (status.ACCEPTED, crashed, Reported("lost")),
            (REFUSED, RUNS, Reported("connected", home)),
        ]
    ]
    changes = [(a, b) for a in states for b in states]
    return {e.reason: e.type for a, b in changes for e in event_rules.softphone_events(status.dump(a), b)}


def types_of_a_fleet() -> dict[str, str]:
    crashed = Statement("False", "CrashLoopBackOff", "")
    states = [
        fleet_status.fleet(
            {}, generation=3, accepted=accepted, agents=[one], wanted=10, suspended=False, selector="", now=NOW
        )
        for accepted, one in [
            (status.ACCEPTED, agent()),
            (status.ACCEPTED, agent(standby=10)),
            (status.ACCEPTED, agent(0, failures={"Unreachable": 10})),
            (status.ACCEPTED, agent(available=crashed, reported=Reported("lost"), counts=None)),
            (REFUSED, agent()),
        ]
    ]
    changes = [(a, b) for a in states for b in states]
    return {e.reason: e.type for a, b in changes for e in fleet_status.events(status.dump(a), b)}
