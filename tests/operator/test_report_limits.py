"""Whatever an agent says, a status is made of it that the API server takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from softphone_agent.contract.report import (
    STATES,
    Heartbeat,
    LastFailure,
    PhoneChanged,
    PhoneReport,
    Reason,
    Redirect,
    Role,
    parse_line,
)
from softphone_operator.api.crd import crd
from softphone_operator.api.kinds import PBX, SOFTPHONE, SOFTPHONE_FLEET, Kind
from softphone_operator.api.status import PbxPhones, PbxUsers
from softphone_operator.decide import event_rules, fleet_status, status
from softphone_operator.decide.facts import Statement
from softphone_operator.decide.fleet_status import AgentFacts
from softphone_operator.decide.report_limits import MAX_COUNT, fitting
from softphone_operator.observe.agents import View

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AVAILABLE = Statement("True", "Available", "the pod x runs")


def server(kind: Kind) -> jsonschema.Draft4Validator:
    """What of the API server refuses a status: the schema, and that a time is one."""
    times = jsonschema.FormatChecker(formats=())

    @times.checks("date-time", raises=ValueError)
    def is_time(text: object) -> bool:
        return datetime.fromisoformat(str(text)).tzinfo is not None

    @times.checks("int64")
    def is_int64(number: object) -> bool:
        return -(1 << 63) <= int(str(number)) < 1 << 63

    schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    return jsonschema.Draft4Validator(_without_unknown_fields(schema), format_checker=times)


def _without_unknown_fields(schema: Any) -> Any:
    """The API server drops unknown fields; here they are a fault. Whole numbers are those of 64 bits."""
    if isinstance(schema, list):
        return [_without_unknown_fields(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _without_unknown_fields(part) for key, part in schema.items()}
    if "properties" in made:
        made.setdefault("additionalProperties", False)
    if made.get("type") == "integer":
        made["format"] = "int64"
    return made


SERVERS = {kind.name: server(kind) for kind in (SOFTPHONE, SOFTPHONE_FLEET, PBX)}

TEXTS = st.text(max_size=20) | st.text(min_size=60, max_size=70) | st.text("x", min_size=600, max_size=700)
TIMES = TEXTS | st.sampled_from(
    [
        *("2026-01-02T03:04:05.500Z", "2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05", "2026-01-02", "20260102"),
        *("2026-13-02T03:04:05Z", "2026-01-02 03:04:05Z", "2026-W01-1T00:00:00Z", "0000-01-01T00:00:00Z"),
    ]
)
NUMBERS = st.integers() | st.integers(min_value=1 << 63)
SHORT = st.text(max_size=300)
REASONS = st.sampled_from(list(Reason))
FAILURES = st.fixed_dictionaries(
    {"code": NUMBERS, "reason": REASONS, "pbx": SHORT, "time": TIMES}, optional={"message": SHORT}
)
PHONES = st.fixed_dictionaries(
    {"name": st.just("anna"), "state": st.sampled_from(STATES), "registered": st.booleans(), "since": TIMES},
    optional={
        "pbx": TEXTS,
        "registrar": TEXTS,
        "via": st.sampled_from(["pri", "sec", "cur", "redirect"]),
        "role": st.sampled_from(["Home", "Standby", "Unknown"]),
        "redirects": st.lists(
            st.fixed_dictionaries({"pbx": SHORT, "target": SHORT, "code": NUMBERS}), max_size=3
        ).flatmap(lambda some: st.sampled_from([some, some * 20])),
        "physicalLocation": TEXTS,
        "contact": TEXTS,
        "lastFailure": FAILURES,
    },
)
CONFIGS = st.fixed_dictionaries({"digest": TEXTS}, optional={"refused": st.lists(TEXTS, max_size=3)})
COUNTS = st.fixed_dictionaries(
    {"type": st.just("counts"), "version": TEXTS, "config": CONFIGS, "phones": NUMBERS},
    optional={
        "registered": NUMBERS,
        "states": st.dictionaries(st.sampled_from(STATES), NUMBERS),
        "failures": st.dictionaries(REASONS, NUMBERS),
        "pbxs": st.lists(
            st.fixed_dictionaries({"name": TEXTS}, optional=dict.fromkeys(("registered", "home", "standby"), NUMBERS)),
            max_size=3,
        ),
    },
)


def heard_from(line: dict[str, Any]) -> View | None:
    """What is known after such a line; None where it is not understood, and its agent is not heard."""
    try:
        understood = parse_line(json.dumps(line))
    except ValidationError:
        return None
    view = View(0.0)
    view.apply(fitting(understood), 0.0)
    return view


@settings(deadline=None)
@given(PHONES, CONFIGS, PHONES, st.sampled_from(["connected", "stored"]))
def test_whatever_an_agent_says_of_a_phone_its_status_can_be_written(
    first: dict[str, Any], config: dict[str, Any], then: dict[str, Any], memory: str
) -> None:
    previous: dict[str, Any] = {}
    for phone in (first, then):
        view = heard_from({"type": "snapshot", "version": "1", "config": config, "phones": [phone]})
        if view is None:
            continue
        for reported in (view.reported("anna", 0.0), View(0.0).reported("anna", 1.0), View(0.0).reported("anna", 99.0)):
            made = status.softphone(
                previous,
                generation=1,
                accepted=status.ACCEPTED,
                agent=AVAILABLE,
                reported=reported,
                wanted_digest="x",
                now=NOW,
            )
            event_rules.softphone_events(previous, made)
            dumped = status.dump(made)
            SERVERS["Softphone"].validate(dumped)
            previous = dumped if memory == "stored" else {}


@settings(deadline=None)
@given(st.lists(COUNTS, max_size=3))
def test_whatever_the_agents_of_a_fleet_say_its_status_and_that_of_a_pbx_can_be_written(
    said: list[dict[str, Any]],
) -> None:
    views = [view for line in said if (view := heard_from(line)) is not None]
    facts = [AgentFacts("a", AVAILABLE, view.reported("", 0.0), view.counts, "x", 1, updated=True) for view in views]
    made = fleet_status.fleet(
        {},
        generation=1,
        accepted=status.ACCEPTED,
        agents=facts,
        wanted=1,
        suspended=False,
        selector="",
        now=NOW,
    )
    fleet_status.events({}, made)
    SERVERS["SoftphoneFleet"].validate(status.dump(made))
    held = [pbx for view in views if view.counts for pbx in view.counts.pbxs]
    told = status.pbx(
        {},
        generation=1,
        accepted=status.ACCEPTED,
        inconsistent=None,
        location="x",
        phones=PbxPhones(
            registered=sum(p.registered for p in held),
            home=sum(p.home for p in held),
            standby=sum(p.standby for p in held),
        ),
        reachable=None,
        users=PbxUsers(softphones=0),
        now=NOW,
    )
    SERVERS["PBX"].validate(status.dump(told))


STATUSES = st.fixed_dictionaries(
    {},
    optional={
        "registration": st.fixed_dictionaries(
            {}, optional={"state": TEXTS | st.just("Registered"), "lastFailure": FAILURES, "ofNextYear": TEXTS}
        ),
        "phones": st.dictionaries(st.sampled_from(["registered", "home", "standby", "away"]), NUMBERS),
    },
)


@settings(deadline=None)
@given(STATUSES, st.floats(0, 10))
def test_a_status_that_another_version_left_stops_nobody(previous: dict[str, Any], since: float) -> None:
    for reported in (View(0.0).reported("anna", since), View(0.0).reported("anna", 99.0)):
        status.softphone(
            previous,
            generation=1,
            accepted=status.ACCEPTED,
            agent=AVAILABLE,
            reported=reported,
            wanted_digest=None,
            now=NOW,
        )
    status.pbx(
        previous,
        generation=1,
        accepted=status.ACCEPTED,
        inconsistent=None,
        location=None,
        phones=None,
        reachable=None,
        users=PbxUsers(softphones=0),
        now=NOW,
    )


FAILURE = LastFailure(code=403, reason=Reason.REJECTED, message="no", pbx="master", time="2026-01-02T03:04:00.123Z")
PHONE = PhoneReport(
    name="anna",
    state="Registered",
    registered=True,
    pbx="master",
    registrar="sip:10.0.0.1:5060",
    via="redirect",
    role=Role.HOME,
    redirects=(Redirect(pbx="slave", target="master", code=302),),
    physical_location="vienna",
    contact="sip:anna@10.1.0.5:5060",
    since="2026-01-02T03:04:05.500Z",
    last_failure=FAILURE,
)


def of(**changes: Any) -> PhoneChanged:
    return PhoneChanged(phone=PHONE.model_copy(update=changes))


def test_what_fits_is_taken_as_it_is() -> None:
    assert fitting(of()) == of()
    assert fitting(Heartbeat()) == Heartbeat()


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({"physical_location": "x" * 64}, {"physical_location": "x" * 63}),
        ({"pbx": "x" * 301}, {"pbx": "x" * 300}),
        ({"registrar": "x" * 513, "contact": "y" * 513}, {"registrar": "x" * 512, "contact": "y" * 512}),
        ({"since": "yesterday"}, {"since": ""}),
        ({"since": "2026-01-02T03:04:05"}, {"since": ""}),
        ({"redirects": PHONE.redirects * 33}, {"redirects": PHONE.redirects * 32}),
        (
            {"last_failure": FAILURE.model_copy(update={"code": -1, "time": "now"})},
            {"last_failure": FAILURE.model_copy(update={"code": 0, "time": ""})},
        ),
    ],
)
def test_what_does_not_fit_is_cut_off_or_left_out(said: dict[str, Any], taken: dict[str, Any]) -> None:
    assert fitting(of(**said)) == of(**taken)


def test_counts_beyond_belief_are_bounded() -> None:
    view = heard_from({"type": "counts", "version": "1", "config": {"digest": ""}, "phones": 1 << 70, "registered": -1})
    assert view is not None
    assert view.counts is not None
    assert (view.counts.phones, view.counts.registered) == (MAX_COUNT, 0)
