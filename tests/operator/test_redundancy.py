"""Would it hold: what the condition Redundant says of a phone, of a fleet, and of the system of a PBX."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.contract.fields import Mode
from softphone_agent.contract.phone import Phone, Registration
from softphone_agent.contract.report import (
    GOOD_PATHS,
    UNKNOWN_PATHS,
    ConfigReport,
    Counts,
    PathCounts,
    PathReport,
    PathResult,
    PhoneReport,
    Redirect,
)
from softphone_operator.api.reasons import REASONS
from softphone_operator.api.status import FleetPath, PathStatus
from softphone_operator.decide import (
    decisions,
    desired_fleet,
    event_rules,
    fleet_redundancy,
    fleet_status,
    redundancy,
    status,
)
from softphone_operator.decide.facts import Reported, Statement
from softphone_operator.decide.redundancy import Asked, Verdict

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SINCE = "2026-01-02T03:04:05Z"
RESULTS: tuple[PathResult, ...] = PathResult.__args__  # type: ignore[attr-defined]
BAD = [result for result in RESULTS if result not in GOOD_PATHS | UNKNOWN_PATHS]
REGISTERED = Statement("True", "Registered", "registered at slave")
LOST = Statement("False", "Unreachable", "Unreachable at master")
UNHEARD = Statement("Unknown", "AgentUnreachable", "the agent cannot be heard: timeout")
TWO = Asked(launcher=True, two_ways=True, checks=True, suspended=False, entries={"pri": "master", "sec": "standby"})
CONFIG = ConfigReport(digest="abc")


def way(via: Any, result: PathResult, pbx: str | None = "slave", *hops: str, **more: Any) -> PathReport:
    """A way that begins at the first of the hops, or at the PBX itself."""
    walked = tuple(Redirect(pbx=a, target=b, code=302) for a, b in zip(hops, [*hops[1:], pbx or ""], strict=False))
    since = None if result == "Unchecked" else SINCE
    return PathReport(via=via, result=result, pbx=pbx, redirects=walked, since=since, **more)


def phone(*paths: PathReport) -> PhoneReport:
    return PhoneReport(name="anna", state="Registered", registered=True, pbx="slave", since=SINCE, paths=paths)


HOLDS = way("pri", "Holds", "slave", "master")
KEEPS = way("sec", "WouldKeep", "standby")
DEAD = way("sec", "Unreachable", "standby", code=408, message="no answer")
OPEN = PathReport(via="sec", result="Unchecked")
PRI_OPEN = PathReport(via="pri", result="Unchecked")


def kept(path: PathReport) -> PathStatus:
    (made,) = redundancy.of_report(
        PhoneReport(name="anna", state="Registered", registered=True, since="", paths=(path,))
    )
    return made


def stored(*paths: PathReport, generation: int = 3) -> dict[str, Any]:
    return {
        "observedGeneration": generation,
        "paths": [kept(path).model_dump(mode="json", by_alias=True, exclude_none=True) for path in paths],
    }


@pytest.mark.parametrize(
    ("of", "paths", "registered", "said"),
    [
        (TWO, (HOLDS, KEEPS), REGISTERED, ("True", "Redundant")),
        (TWO, (HOLDS, DEAD), REGISTERED, ("False", "Unreachable")),
        (TWO, (HOLDS, OPEN), REGISTERED, ("Unknown", "Unchecked")),
        (TWO, (), REGISTERED, ("Unknown", "Unchecked")),
        (TWO, (HOLDS, way("sec", "CheckNotSupported", "standby")), REGISTERED, ("Unknown", "CheckNotSupported")),
        (TWO, (HOLDS, KEEPS), LOST, ("Unknown", "NotRegistered")),
        (TWO, (HOLDS, DEAD), LOST, ("False", "Unreachable")),
        (TWO, (HOLDS, KEEPS), UNHEARD, ("Unknown", "AgentUnreachable")),
        (TWO, (HOLDS, DEAD), UNHEARD, ("False", "Unreachable")),
        (TWO._replace(two_ways=False), (HOLDS,), REGISTERED, ("False", "OneWay")),
        (TWO._replace(two_ways=False, checks=False), (), REGISTERED, ("False", "OneWay")),
        (TWO._replace(checks=False), (), REGISTERED, ("Unknown", "ChecksOff")),
        (TWO._replace(suspended=True), (), LOST, ("Unknown", "Suspended")),
        (TWO._replace(launcher=False), (way("cur", "Holds"),), REGISTERED, None),
        (None, (way("cur", "Holds"),), REGISTERED, None),
        (None, (), REGISTERED, None),
        (None, (HOLDS, DEAD), REGISTERED, ("False", "Unreachable")),
        (None, (HOLDS, KEEPS), REGISTERED, ("True", "Redundant")),
    ],
)
def test_what_is_said_of_a_phone(
    of: Asked | None, paths: tuple[PathReport, ...], registered: Statement, said: tuple[str, str] | None
) -> None:
    made = redundancy.phone(of, [kept(path) for path in paths], registered)
    assert (made and made[:2]) == said
    if made is not None:
        told = {reason for reasons in REASONS["Softphone"]["Redundant"] for reason in reasons.split(", ")}
        assert made.reason in told, "the reference explains it"


@pytest.mark.parametrize("result", BAD)
def test_a_way_that_would_not_hold_is_named_with_its_end_and_the_reason(result: PathResult) -> None:
    made = redundancy.phone(TWO, [kept(HOLDS), kept(way("sec", result, "standby", "edge"))], REGISTERED)
    assert made is not None
    assert made[:2] == ("False", result)
    assert made.message.startswith("sec: ")
    assert "standby" in made.message
    assert made.message.endswith(", redirected by edge")


def test_the_message_of_a_loss_has_the_pbxs_own_words_and_both_ways_where_both_are_lost() -> None:
    made = redundancy.phone(
        TWO, [kept(way("pri", "Refused", "master", code=403, message="Forbidden")), kept(DEAD)], LOST
    )
    assert made == Statement(
        "False",
        "Refused",
        "pri: master refuses the phone (403 Forbidden); sec: standby does not answer (408 no answer)",
    )


def test_what_is_well_is_told_with_both_ends() -> None:
    made = redundancy.phone(TWO, [kept(HOLDS), kept(KEEPS)], REGISTERED)
    both = "pri: ends at slave, which holds the phone, redirected by master; sec: ends at standby, which would keep"
    assert made == Statement("True", "Redundant", f"{both} the phone")


def test_what_a_phone_is_asked_for_is_read_from_its_configuration() -> None:
    one = Phone(name="anna", id="u", aor="sip:anna@acme.example", pri="master", sec="standby")
    assert redundancy.asked(one) == TWO
    off = one.model_copy(update={"sec": None, "registration": Registration(path_check_seconds=0), "suspend": True})
    assert redundancy.asked(off) == Asked(True, False, False, True, {"pri": "master"})
    assert not redundancy.asked(one.model_copy(update={"mode": Mode.BROWSER})).launcher


# Nothing that was known gets better by being forgotten.


ONLY_LOSS, BEFORE = ["pri Unchecked", "sec Unreachable"], stored(HOLDS, DEAD)
BOTH = ["pri Holds", "sec Unreachable"]


def paths(reported: Reported, previous: dict[str, Any], of: Asked | None = TWO, generation: int = 3) -> list[str]:
    return [f"{path.via} {path.result}" for path in redundancy.paths(reported, of, previous, generation)]


@pytest.mark.parametrize(
    ("reported", "previous", "told"),
    [
        # A new agent has not checked yet: what was bad stays, what was good is not claimed.
        (
            Reported("connected", phone(PRI_OPEN, OPEN)),
            BEFORE,
            ONLY_LOSS,
        ),
        # It has checked: that counts.
        (Reported("connected", phone(HOLDS, KEEPS)), BEFORE, ["pri Holds", "sec WouldKeep"]),
        # It does not know the phone yet, or is of a version that checks nothing.
        (Reported("connected", phone()), BEFORE, ONLY_LOSS),
        (Reported("connected", None), BEFORE, ONLY_LOSS),
        # It is away for good, or for a moment.
        (Reported("lost"), BEFORE, ONLY_LOSS),
        (Reported("connecting"), BEFORE, BOTH),
        # An edit that has nothing to do with it; the secondary is still the same PBX.
        (
            Reported("connected", phone(HOLDS, OPEN)),
            stored(HOLDS, DEAD, generation=2),
            BOTH,
        ),
        # Another secondary: the old one's fault is not the new one's.
        (
            Reported("connected", phone(HOLDS, OPEN)),
            stored(HOLDS, way("sec", "Unreachable", "far"), generation=2),
            ["pri Holds", "sec Unchecked"],
        ),
        (Reported("lost"), {}, []),
        (Reported("lost"), {"paths": [{"via": "tertiary"}]}, []),
    ],
)
def test_what_was_bad_stays_until_it_is_checked_again(
    reported: Reported, previous: dict[str, Any], told: list[str]
) -> None:
    assert paths(reported, previous) == told


def test_a_loss_of_a_refused_spec_stays_too() -> None:
    assert paths(Reported("connected", phone(HOLDS, OPEN)), BEFORE, of=None) == [
        "pri Holds",
        "sec Unreachable",
    ]


def test_checks_that_were_turned_off_leave_nothing_behind() -> None:
    off = TWO._replace(checks=False)
    assert paths(Reported("connected", phone()), BEFORE, of=off) == []
    assert paths(Reported("lost"), BEFORE, of=off) == []


@given(st.sampled_from(RESULTS), st.sampled_from(RESULTS), st.sampled_from(["connected", "lost", "connecting"]))
def test_a_loss_ends_only_by_a_check(before: PathResult, now: PathResult, stream: Any) -> None:
    old, new = way("sec", before, "standby"), way("sec", now, "standby")
    reported = Reported(stream, phone(HOLDS, new) if stream == "connected" else None)
    made = redundancy.paths(reported, TWO, stored(HOLDS, old), 3)
    after = redundancy.phone(TWO, made, REGISTERED)
    assert after is not None
    if redundancy.is_bad(before) and after.status != "False":
        assert stream == "connected"
        assert now != "Unchecked"
    if after.status == "True" and stream != "connecting":
        assert now in GOOD_PATHS


# Status and Events of a Softphone.


def whole(reported: Reported, previous: dict[str, Any] | None = None, of: Asked | None = TWO) -> dict[str, Any]:
    made = status.softphone(
        previous or {},
        generation=3,
        accepted=status.ACCEPTED,
        agent=Statement("True", "Available", "the pod x runs"),
        reported=reported,
        wanted_digest="abc",
        asked=of,
        now=NOW,
    )
    return status.dump(made)


def condition(of: dict[str, Any]) -> tuple[str, str] | None:
    found = [(c["status"], c["reason"]) for c in of["conditions"] if c["type"] == "Redundant"]
    return found[0] if found else None


def test_the_ways_in_the_status_in_full() -> None:
    made = whole(Reported("connected", phone(HOLDS, DEAD), CONFIG))
    assert made["paths"] == [
        {
            "via": "pri",
            "result": "Holds",
            "pbx": "slave",
            "redirects": [{"pbx": "master", "target": "slave", "code": 302}],
            "since": SINCE,
        },
        {
            "via": "sec",
            "result": "Unreachable",
            "pbx": "standby",
            "code": 408,
            "message": "no answer",
            "since": SINCE,
        },
    ]
    assert condition(made) == ("False", "Unreachable")
    assert [(c["type"], c["status"]) for c in made["conditions"]] == [
        ("Accepted", "True"),
        ("AgentAvailable", "True"),
        ("Registered", "True"),
        ("Ready", "True"),
        ("Redundant", "False"),
    ], "a phone that is registered is Ready, redundant or not"


def test_a_phone_in_mode_browser_has_no_such_condition() -> None:
    assert condition(whole(Reported("connected", phone(), CONFIG), of=TWO._replace(launcher=False))) is None


WELL, ILL = Reported("connected", phone(HOLDS, KEEPS), CONFIG), Reported("connected", phone(HOLDS, DEAD), CONFIG)
NEW_AGENT = Reported("connected", phone(PRI_OPEN, OPEN), CONFIG)


@pytest.mark.parametrize(
    ("course", "told"),
    [
        ([WELL], []),
        ([ILL], ["RedundancyLost"]),
        ([WELL, ILL, ILL, WELL], ["RedundancyLost", "RedundancyBack"]),
        ([ILL, NEW_AGENT, ILL], ["RedundancyLost"]),
        ([ILL, Reported("lost"), NEW_AGENT, WELL], ["RedundancyLost", "RedundancyBack"]),
        ([WELL, NEW_AGENT, WELL], []),
    ],
)
def test_a_loss_is_told_once_and_its_end_too(course: list[Reported], told: list[str]) -> None:
    previous: dict[str, Any] = {}
    said = []
    for reported in course:
        made = status.softphone(
            previous,
            generation=3,
            accepted=status.ACCEPTED,
            agent=Statement("True", "Available", "the pod x runs"),
            reported=reported,
            wanted_digest="abc",
            asked=TWO,
            now=NOW,
        )
        said += [event.reason for event in event_rules.softphone_events(previous, made) if "Redundan" in event.reason]
        previous = status.dump(made)
    assert said == told


def test_a_phone_without_a_secondary_pbx_has_lost_nothing() -> None:
    made = status.softphone(
        {},
        generation=3,
        accepted=status.ACCEPTED,
        agent=Statement("True", "Available", "the pod x runs"),
        reported=WELL,
        wanted_digest="abc",
        asked=TWO._replace(two_ways=False),
        now=NOW,
    )
    assert "RedundancyLost" not in [event.reason for event in event_rules.softphone_events({}, made)]


def test_a_loss_is_written_at_once() -> None:
    assert event_rules.is_urgent(whole(WELL), whole(ILL))


# A fleet.


def ways(pri: dict[PathResult, int], sec: dict[PathResult, int], worst: PathReport | None = None) -> Counts:
    told = (PathCounts(via="pri", results=pri), PathCounts(via="sec", results=sec, worst=worst))
    return Counts(version="1", config=CONFIG, phones=100, registered=100, states={}, paths=told)


GOOD = ways({"Holds": 3}, {"WouldKeep": 2, "Holds": 1})
SOME_DEAD = ways({"Holds": 3}, {"WouldKeep": 1, "Unreachable": 2}, DEAD)
NOT_YET = ways({"Unchecked": 3}, {"Unchecked": 3})


def statement(*told: Counts, agents: int | None = None, previous: Any = None, of: Asked | None = TWO) -> Any:
    found = fleet_redundancy.ways(told, len(told) if agents is None else agents)
    registered = REGISTERED if told else UNHEARD
    return fleet_redundancy.statement(of, found, registered, previous or {}, same=True)


def test_the_ways_of_all_agents_are_added() -> None:
    found = fleet_redundancy.ways([GOOD, SOME_DEAD], 2)
    assert found.paths == (
        FleetPath(via="pri", results={"Holds": 6}),
        FleetPath(via="sec", results={"Holds": 1, "Unreachable": 2, "WouldKeep": 3}),
    )
    assert (found.worst, found.whole) == (DEAD, True)
    assert fleet_redundancy.redundant(found.paths) == 4


def test_a_fleet_without_a_loss_is_redundant() -> None:
    assert statement(GOOD) == Statement(
        "True", "Redundant", "pri: 3 of 3 phones that check it would hold; sec: 3 of 3 phones that check it would hold"
    )


def test_a_loss_of_a_fleet_is_told_with_its_share_and_one_of_the_ways() -> None:
    assert statement(GOOD, SOME_DEAD) == Statement(
        "False",
        "Unreachable",
        "pri: 6 of 6 phones that check it would hold; sec: 4 of 6 phones that check it would hold, 2 Unreachable, "
        "such as sec: standby does not answer (408 no answer)",
    )


def test_more_is_never_claimed_than_is_known() -> None:
    both = (
        FleetPath(via="pri", results={"Holds": 1, "Unchecked": 1}),
        FleetPath(via="sec", results={"Holds": 1, "Loop": 1}),
    )
    assert fleet_redundancy.redundant(both) == 0, "it may be another phone's way that would not hold"
    assert fleet_redundancy.redundant(()) == 0
    some = (FleetPath(via="pri", results={"Holds": 9}), FleetPath(via="sec", results={"WouldKeep": 4}))
    assert fleet_redundancy.redundant(some) == 4, "the others, of a pool, have one way only"
    assert fleet_redundancy.redundant(some[:1]) == 0


WAS_TRUE = {"status": "True", "reason": "Redundant", "message": "well"}
WAS_FALSE = {"status": "False", "reason": "Unreachable", "message": "sec is dead"}
ONE_WAY = {"status": "False", "reason": "OneWay", "message": "there is no secondary PBX"}
NOTHING_TOLD = ways({"CheckNotSupported": 3}, {"Holds": 3})


@pytest.mark.parametrize(
    ("told", "agents", "previous", "said"),
    [
        # Nobody knows yet.
        ((NOT_YET,), 1, {}, ("Unknown", "Unchecked")),
        ((), 1, {}, ("Unknown", "AgentUnreachable")),
        ((GOOD, NOT_YET), 2, {}, ("Unknown", "Unchecked")),
        ((NOTHING_TOLD,), 1, WAS_FALSE, ("Unknown", "CheckNotSupported")),
        # An agent is new, or away: True stays while others know, a loss stays in any case.
        ((GOOD, NOT_YET), 2, WAS_TRUE, ("True", "Redundant")),
        ((GOOD,), 2, WAS_TRUE, ("True", "Redundant")),
        ((NOT_YET,), 1, WAS_TRUE, ("Unknown", "Unchecked")),
        ((), 1, WAS_TRUE, ("Unknown", "AgentUnreachable")),
        ((GOOD, NOT_YET), 2, WAS_FALSE, ("False", "Unreachable")),
        ((GOOD,), 2, WAS_FALSE, ("False", "Unreachable")),
        ((), 1, WAS_FALSE, ("False", "Unreachable")),
        # All have checked.
        ((GOOD, GOOD), 2, WAS_FALSE, ("True", "Redundant")),
        ((NOT_YET,), 1, ONE_WAY, ("Unknown", "Unchecked")),
    ],
)
def test_what_is_said_of_a_fleet_while_agents_come_and_go(
    told: tuple[Counts, ...], agents: int, previous: dict[str, str], said: tuple[str, str]
) -> None:
    assert statement(*told, agents=agents, previous=previous)[:2] == said


@pytest.mark.parametrize(
    ("of", "told", "said"),
    [
        (TWO._replace(launcher=False), (), None),
        (TWO._replace(two_ways=False), (GOOD,), ("False", "OneWay")),
        (TWO._replace(checks=False), (), ("Unknown", "ChecksOff")),
        (None, (), None),
        (None, (SOME_DEAD,), ("False", "Unreachable")),
    ],
)
def test_what_the_template_decides(of: Asked | None, told: tuple[Counts, ...], said: tuple[str, str] | None) -> None:
    made = statement(*told, of=of)
    assert (made and made[:2]) == said


def test_the_status_of_a_fleet_has_the_ways_and_the_events() -> None:
    facts = fleet_status.AgentFacts(
        "fleet-load-0",
        Statement("True", "Available", "the pod x runs"),
        Reported("connected", None, CONFIG),
        SOME_DEAD,
        "abc",
        100,
        updated=True,
    )
    made = fleet_status.fleet(
        {},
        generation=3,
        accepted=status.ACCEPTED,
        agents=[facts],
        wanted=100,
        suspended=False,
        selector="a=b",
        asked=TWO,
        now=NOW,
    )
    written = status.dump(made)
    assert (written["redundant"], written["paths"]) == (
        1,
        [
            {"via": "pri", "results": {"Holds": 3}},
            {"via": "sec", "results": {"Unreachable": 2, "WouldKeep": 1}},
        ],
    )
    assert condition(written) == ("False", "Unreachable")
    assert "RedundancyLost" in [event.reason for event in fleet_status.events({}, made)]


def test_how_many_phones_of_a_fleet_check_their_ways_reaches_the_agents() -> None:
    spec = {"pathChecksOneIn": 7, "template": {"aor": "sip:load{index}@acme.example", "pri": "sip:10.0.0.1"}}
    made = desired_fleet.fleet("load", "demo", "u", spec, {}, {})
    assert isinstance(made, decisions.DesiredFleet)
    assert [part.path_checks_one_in for part in made.agents[0].config.fleets] == [7]


# The system of a PBX.


def one(said: str, reason: str = "Redundant") -> Verdict:
    return Verdict(said, reason, f"it is {reason}")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([], None),
        ([("anna", one("True"))], ("True", "Redundant", "1 of 1 Softphones and fleets of the system are redundant")),
        (
            [("anna", one("True")), ("bob", one("Unknown", "Unchecked"))],
            (
                "True",
                "Redundant",
                "1 of 2 Softphones and fleets of the system are redundant; of the others it is not known",
            ),
        ),
        (
            [("carol", one("False", "Loop")), ("bob", one("False", "Refused")), ("anna", one("True"))],
            (
                "False",
                "NotRedundant",
                "2 of 3 Softphones and fleets of the system are not redundant, such as bob: it is Refused",
            ),
        ),
        (
            [("anna", one("Unknown", "Unchecked"))],
            (
                "Unknown",
                "Unchecked",
                "0 of 1 Softphones and fleets of the system are redundant; of none it is known that it is not",
            ),
        ),
    ],
)
def test_what_is_said_of_a_system(verdicts: list[tuple[str, Verdict]], said: tuple[str, str, str] | None) -> None:
    assert redundancy.system(verdicts) == (Statement(*said) if said else None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "metadata", "counts"),
    [
        (("Redundant", "False", "Loop"), {}, Verdict("False", "Loop", "m")),
        (("Redundant", "False", "OneWay"), {}, None),
        (("Redundant", "Unknown", "ChecksOff"), {}, None),
        (("Redundant", "True", "Redundant"), {"deletionTimestamp": "t"}, None),
        (("Ready", "True", "Registered"), {}, None),
    ],
)
def test_who_counts_in_the_sum(said: tuple[str, str, str], metadata: dict[str, str], counts: Verdict | None) -> None:
    kind, value, reason = said
    conditions = [{"type": kind, "status": value, "reason": reason, "message": "m"}]
    assert redundancy.verdict({"metadata": metadata, "status": {"conditions": conditions}}) == counts
