"""Would it hold: both ways of a phone, as they are drawn and told."""

from __future__ import annotations

from typing import Any

import pytest

from plugin.reports import NOW, at, known, known_of_fleet, report, softphone
from softphone_agent.contract.report import PhoneReport
from softphone_plugin import overview, rendering, ways
from softphone_plugin.explaining import explain
from softphone_plugin.phones import Known, of_softphone

PBXS = [
    {"kind": "PBX", "metadata": {"name": name, "namespace": "demo"}, "spec": {"address": f"sip:10.0.0.{n}"}}
    for n, name in enumerate(("master", "standby", "slave"), 1)
]
HOP = {"pbx": "master", "target": "slave", "code": 302}
HOLDS = {"via": "pri", "result": "Holds", "pbx": "slave", "redirects": [HOP], "since": at(0)}
KEEPS = {"via": "sec", "result": "WouldKeep", "pbx": "standby", "since": at(30)}
DEAD = {"via": "sec", "result": "Unreachable", "pbx": "standby", "since": at(30), "message": "no answer"}
OPEN = {"via": "sec", "result": "Unchecked"}


def checked(*paths: dict[str, Any], **more: Any) -> PhoneReport:
    return report(paths=paths, **more)


def drawn(of: Known) -> list[str]:
    console = rendering.console()
    with console.capture() as written:
        console.print(rendering.way(overview.way(of, NOW)))
    _, mark, rest = written.get().partition("Would it hold?\n")
    return [line.rstrip() for line in rest.splitlines()] if mark else []


def test_both_ways_are_drawn_with_what_their_last_check_found() -> None:
    assert drawn(known(checked(HOLDS, DEAD))) == [
        "  pri  ✓  master → slave",
        "       Holds, for 60s: ends at slave, which holds the phone, redirected by master",
        "  sec  ✗  standby",
        "       Unreachable, for 30s: standby does not answer (no answer)",
    ]
    assert drawn(known(checked(HOLDS, OPEN)))[2:] == [
        "  sec  ?  not walked yet",
        "       Unchecked: not checked yet, or not within two intervals",
    ]


def test_nothing_is_drawn_where_nothing_is_checked() -> None:
    assert drawn(known(report())) == []
    assert drawn(known_of_fleet(None, 3)) == []


def with_status(*paths: dict[str, Any], said: PhoneReport | None) -> Known:
    """A Softphone whose object tells of earlier checks; its agent says this, or is not heard."""
    obj = softphone(said=checked())
    obj["metadata"]["generation"] = 3
    obj["status"] |= {"observedGeneration": 3, "paths": list(paths)}
    of = known(said).heard if said else None
    return Known(of_softphone(obj), of, "" if said else "its agent has no pod")


def test_a_new_agent_does_not_make_a_loss_forgotten() -> None:
    found = ways.checks(with_status(HOLDS, DEAD, said=checked(HOLDS, OPEN)), NOW)
    assert [(way.via, way.holds) for way in found] == [("pri", True), ("sec", False)]


def test_without_its_agent_the_object_tells() -> None:
    found = ways.checks(with_status(HOLDS, DEAD, said=None), NOW)
    assert [(way.via, way.holds) for way in found] == [("pri", True), ("sec", False)]


BROWSER = {"aor": "sip:anna@acme.example", "mode": "Browser", "cur": "master"}
ALONE = {"aor": "sip:anna@acme.example", "pri": "master"}
OFF = {**ALONE, "sec": "standby", "registration": {"pathCheckSeconds": 0}}


@pytest.mark.parametrize(
    ("of", "first"),
    [
        (known(checked(HOLDS, KEEPS)), "Yes, as far as checks can tell: each way leads to a PBX that has the phone"),
        (known(checked(HOLDS, DEAD)), "No: if its PBX failed now, the phone could not rely on the other way."),
        (known(checked(HOLDS, OPEN)), "Nobody knows now: sec: not checked yet"),
        (known(checked(HOLDS), spec=ALONE), "No: there is no secondary PBX."),
        (known(checked(), spec=OFF), "Nobody knows now: registration.pathCheckSeconds is 0"),
        (known(None, heard=False), "Nobody knows now: its agent is not heard."),
        (
            known(report(pbx=None, paths=[HOLDS, KEEPS])),
            "Nobody knows now: ways are checked while the phone is registered",
        ),
        (known_of_fleet(report("load-3"), 3), "This phone checks no ways; of a fleet one phone in so many does"),
        (known(report(via="cur", redirects=()), spec=BROWSER), ""),
    ],
)
def test_explain_says_whether_it_would_hold(of: Known, first: str) -> None:
    said = explain(of, PBXS, NOW)
    assert (said.holds[0] if said.holds else "").startswith(first)
    assert bool(said.holds) is bool(first)
    assert said.data()["redundancy"] == list(said.holds)


def test_each_way_has_its_sentence() -> None:
    assert explain(known(checked(HOLDS, DEAD)), PBXS, NOW).holds[1:] == (
        "From its primary PBX (pri: ends at slave, which holds the phone, redirected by master), for 60s.",
        "From its secondary PBX (sec: standby does not answer (no answer)), for 30s.",
    )
