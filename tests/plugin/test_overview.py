"""What `status` shows."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from plugin.reports import NOW, SPEC, at, fleet, known, known_of_fleet, report, softphone
from softphone_agent.contract.call_report import CallReport
from softphone_plugin import calls, overview, pages, rendering
from softphone_plugin.output import Format, listed
from softphone_plugin.phones import Measured

DATA = Path(__file__).parent / "data"
FAILURE = {"code": 403, "reason": "Rejected", "message": "Forbidden", "pbx": "master", "time": at(30)}


def check(name: str, passing: str, reason: str, accepted: str = "True", **status: Any) -> dict[str, Any]:
    """A CallCheck with its conditions."""
    said = [
        ("Accepted", accepted, "PhoneNotFound" if accepted == "False" else "Accepted"),
        ("Passing", passing, reason),
    ]
    conditions = [{"type": t, "status": s, "reason": r, "message": f"it is {r}"} for t, s, r in said]
    metadata = {"name": name, "namespace": "demo"}
    return {"kind": "CallCheck", "metadata": metadata, "status": {"conditions": conditions, **status}}


AGAIN = {"time": at(30), "caller": "anna", "callee": "ben", "seconds": 2.345}
DEAF = {"time": at(20), "caller": "anna", "callee": "ben", "fromSite": "vienna", "toSite": "graz"}
CHECKS = [
    check("sites", "True", "Passing", pairs={"total": 6, "passing": 6}, callable=AGAIN),
    check(
        "pair",
        "False",
        "OneWayAudio",
        pairs={"total": 1, "failing": 1},
        failures=[{**DEAF, "reason": "OneWayAudio", "message": "ben: ben heard nothing"}],
    ),
    check("odd", "Unknown", "NotAccepted", accepted="False"),
    {"kind": "CallCheck", "metadata": {"name": "new", "namespace": "demo"}},
]


def drawn(*of: RenderableType) -> str:
    """As a wide terminal shows it."""
    console = Console(file=io.StringIO(), width=200, highlight=False)
    console.print(*of)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def test_all_kinds_have_their_tables() -> None:
    pbx = {
        "kind": "PBX",
        "metadata": {"name": "slave", "namespace": "demo"},
        "spec": {"address": "sip:10.0.0.2"},
        "status": {"reachable": False, "location": "branch", "phones": {"registered": 5, "home": 4, "standby": 1}},
    }
    load = {**fleet(), "status": {"replicas": 10, "registered": 9, "agents": {"wanted": 2, "ready": 2}}}
    pool = {
        "kind": "SoftphonePool",
        "metadata": {"name": "vienna", "namespace": "demo"},
        "status": {"phones": 300, "registered": 299, "standby": 2, "agents": {"wanted": 2, "ready": 2}},
    }
    in_pool = softphone("anna", said=report())
    in_pool["status"]["agent"] = "pool-vienna-0"
    phones = [
        in_pool,
        softphone("ben", said=report("ben", "master", role="Standby", redirects=())),
        softphone("cleo", said=report("cleo", None, last_failure=FAILURE), ready="False"),
        softphone("dora"),
    ]
    for of, said in ((phones[0], "True"), (phones[1], "False"), (load, "Unknown")):
        of["status"].setdefault("conditions", []).append({"type": "Redundant", "status": said})
    shown = overview.tables(overview.Shown([pbx], phones, [load], [pool], CHECKS), NOW, wide=True, namespaces=True)
    assert drawn(rendering.tables(shown)) == (DATA / "tables.txt").read_text().rstrip("\n")
    assert [row.mood for row in shown[1].rows] == ["well", "standby", "ill", "unknown"]
    assert [row.mood for table in (shown[0], *shown[2:]) for row in table.rows] == [
        *("ill", "ill", "ill"),
        *("well", "ill", "ill", "unknown"),
    ]


def test_a_way_is_drawn_from_the_entry_to_the_registrar() -> None:
    said = report(
        contact="sip:anna@10.1.0.7:5060",
        observed_address="192.0.2.1:6000",
        last_outage={"began": at(1), "ended": at(4.25), "pbx": "master", "reason": "PingFailed"},
        last_failure={"code": 0, "reason": "PingFailed", "pbx": "master", "time": at(3)},
    )
    measured = Measured({"anna": NOW.timestamp() + 42}, {"master": 0.0004, "slave": 0.15}, {"slave": 0.0021})
    way = overview.way(known(said, measured=measured, pbxs={"master": False}), NOW)
    assert drawn(rendering.way(way)) == (DATA / "way.txt").read_text().rstrip("\n")


def test_without_a_registration_the_way_shows_what_is_tried() -> None:
    way = overview.way(known(report(pbx=None, last_failure=FAILURE)), NOW)
    assert [(stop.pbx, stop.words, stop.code) for stop in way.stops] == [
        ("master", "pri", None),
        ("standby", "sec", None),
    ]
    assert way.mood == "ill"
    assert way.notes[0] == ("state", "Waiting, for 60s")
    assert ("last failure", "Rejected at master (403 Forbidden), 30s ago") in way.notes


def test_in_browser_mode_only_the_current_pbx_is_on_the_way() -> None:
    spec = {**SPEC, "mode": "Browser", "cur": "slave"}
    way = overview.way(known(report(pbx=None), spec=spec), NOW)
    assert [stop.pbx for stop in way.stops] == ["slave"]


def test_an_agent_that_is_not_heard_is_said_to_be_so() -> None:
    way = overview.way(known(report(), heard=False), NOW)
    assert [stop.pbx for stop in way.stops] == ["master", "slave"]
    assert way.notes[-1] == ("agent", "not heard (its agent has no pod); this is what the object says")


def test_an_outage_that_lasts_is_told_as_such() -> None:
    said = report(pbx=None, last_outage={"began": at(50), "pbx": "slave", "reason": "PingFailed"})
    notes = dict(overview.way(known(said), NOW).notes)
    assert notes["last outage"] == "lasts, since 11:59:50 UTC (10.0 s); PingFailed at slave"


def test_a_phone_of_a_fleet_is_known_by_its_agent_alone() -> None:
    way = overview.way(known_of_fleet(report("load-7"), 7), NOW)
    assert way.title == "load-7  sip:load07@acme.example  Launcher"
    assert way.stops[-1].pbx == "slave"
    nothing = overview.way(known_of_fleet(None, 7), NOW)
    assert nothing.mood == "unknown"
    assert nothing.notes[-1] == ("agent", "does not know this phone yet")


def test_objects_come_as_kubectl_gives_them() -> None:
    anna = softphone()
    assert listed([anna], Format.NAME) == "softphone.softphone-fleet.io/anna"
    assert listed([anna], Format.JSON, one=True).startswith('{\n    "apiVersion": "softphone-fleet.io/v1alpha1"')
    assert listed([anna], Format.YAML).startswith("apiVersion: v1\nkind: List\nitems:\n- apiVersion:")


def test_a_page_of_metrics_gives_times_and_places() -> None:
    page = """\
# HELP softphone_pbx_ping_seconds x
softphone_pbx_ping_seconds{pbx="master"} 0.0004
softphone_registration_expiry_timestamp_seconds{softphone="anna"} 1.7e+09
softphone_register_duration_seconds_bucket{le="0.5",pbx="master"} 3.0
softphone_register_duration_seconds_sum{pbx="master"} 0.006
softphone_register_duration_seconds_count{pbx="master"} 3.0
softphone_register_duration_seconds_count{pbx="slave"} 0.0
softphone_registrations{fleet="load",location="",pbx="master",role="Standby"} 2.0
softphone_registrations{fleet="load",location="graz",pbx="slave",role="Home"} 3.0
"""
    assert pages.measured(page) == Measured({"anna": 1.7e9}, {"master": 0.0004}, {"master": 0.002})
    assert pages.whereabouts(page) == {
        pages.Whereabouts("master", "Standby", ""): 2,
        pages.Whereabouts("slave", "Home", "graz"): 3,
    }


def test_the_story_of_a_call_check() -> None:
    assert list(calls.notes(CHECKS[0], NOW)) == [
        ("passing", "it is Passing"),
        ("callable", "2.345 s after a loss, 30s ago: anna called ben"),
    ]
    assert list(calls.notes(CHECKS[1], NOW)) == [
        ("passing", "it is OneWayAudio"),
        ("failed", "40s ago, anna (vienna to graz): OneWayAudio, ben: ben heard nothing"),
    ]
    assert next(calls.notes(CHECKS[2], NOW)) == ("accepted", "it is PhoneNotFound")


def half(**more: Any) -> CallReport:
    said: dict[str, Any] = {"end": "Caller", "check": "daily", "phone": "anna", "peer": "sip:ben@x", "state": "Ended"}
    return CallReport.model_validate(said | {"began": at(10), "ended": at(20)} | more)


def test_the_last_calls_of_a_phone_in_sentences() -> None:
    reports = [
        half(code=200, answer_seconds=0.02, heard="Tone", mos=4.41, lost_percent=0.0),
        half(code=486, faults=("answer: 200 was expected, came: 486 Busy Here",)),
        half(code=486),
        half(),
        half(end="Callee", peer="sip:ben@x", code=200, heard="Silence"),
        half(end="Callee", peer="", check="", state="Ringing"),
    ]
    assert list(calls.sentences(reports, NOW)) == [
        "daily: calls sip:ben@x, 40s ago: heard the other end's tone, 0 % lost, MOS 4.41.",
        "daily: calls sip:ben@x, 40s ago: answer: 200 was expected, came: 486 Busy Here.",
        "daily: calls sip:ben@x, 40s ago: answered 486.",
        "daily: calls sip:ben@x, 40s ago: not answered.",
        "daily: called by sip:ben@x, 40s ago: heard silence: packets without sound.",
        "called by somebody now: ringing.",
    ]
