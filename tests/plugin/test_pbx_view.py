"""One PBX's view: its phones by role, who is out although it should come here, and what failed here."""

from __future__ import annotations

from typing import Any

from plugin.reports import NOW, at, fleet, report, softphone
from softphone_plugin.pbx_view import SHOWN, View, data, notes, of_fleet, of_softphone, tables

FAILED = {"reason": "Unreachable", "code": 0, "message": "no answer", "pbx": "master", "time": at(30)}
PBX: dict[str, Any] = {
    "metadata": {"name": "master"},
    "spec": {"address": "sip:10.0.0.1", "system": "acme", "location": "vienna"},
    "status": {
        "reachable": True,
        "location": "vienna",
        "conditions": [
            {"type": "Redundant", "status": "False", "reason": "RedundancyLost", "message": "2 of 3 phones"}
        ],
    },
}


def view(**pbx: Any) -> View:
    kept = report("anna", "master", role="Standby", via="pri")
    lost = report("ben", None, last_failure=FAILED)
    elsewhere = report("carl", "slave", last_failure={**FAILED, "time": at(40), "code": 503, "message": "overload"})
    softphones = [
        softphone("anna", said=kept),
        softphone("ben", said=lost, ready="False"),
        softphone("carl", said=elsewhere),
        softphone("dora", spec={"aor": "sip:d@e", "cur": "other"}),
    ]
    phones = [of_softphone(obj) for obj in softphones]
    phones += of_fleet(fleet(), [report("load-3", "master", last_failure={**FAILED, "reason": "PingFailed"})])
    return View({**PBX, **pbx}, phones, ["fleet-load-1: its agent has no pod"])


def test_the_notes_count_who_is_here_and_who_names_it() -> None:
    assert notes(view()) == [
        ("address", "sip:10.0.0.1"),
        ("system", "acme"),
        ("location", "vienna"),
        ("reachable", "as the agents see it"),
        ("registered", "2 phones: 1 home, 1 standby"),
        ("named as", "primary of 4"),
        ("redundant", "no: RedundancyLost: 2 of 3 phones"),
        ("not heard", "fleet-load-1: its agent has no pod"),
    ]


def test_a_pbx_of_which_nothing_is_known_says_so() -> None:
    told = dict(notes(View({"metadata": {"name": "new"}, "spec": {"address": "sip:n"}}, [])))
    assert told == {
        "address": "sip:n",
        "system": "none",
        "location": "new",
        "reachable": "not known",
        "registered": "0 phones",
        "named as": "nothing by any phone",
    }
    assert tables(View({"metadata": {"name": "new"}}, []), NOW) == []


def test_the_tables_tell_who_is_here_who_is_out_and_what_failed() -> None:
    here, out, failed = tables(view(), NOW)
    assert here.title == "Registered here (2)"
    assert [row.cells for row in here.rows] == [
        ("anna", "Standby", "pri", "headquarters", "60s"),
        ("load-3", "Home", "redirect", "headquarters", "60s"),
    ]
    assert [row.mood for row in here.rows] == ["standby", "well"]
    assert [row.cells for row in out.rows] == [("ben", "Waiting", "Unreachable at master", "60s")]
    assert [row.cells for row in failed.rows] == [
        ("Unreachable", "2", "503", "overload", "20s"),
        ("PingFailed", "1", "", "no answer", "30s"),
    ]


def test_a_phone_of_which_nothing_is_known_is_out() -> None:
    (out,) = tables(View(PBX, [of_softphone(softphone())]), NOW)
    assert [(row.cells, row.mood) for row in out.rows] == [(("anna", "Unknown", "", ""), "unknown")]


def test_a_long_table_says_what_it_leaves_out_and_programs_get_all() -> None:
    many = View(PBX, list(of_fleet(fleet(), (report(f"load-{index:03}", "master") for index in range(SHOWN + 5)))))
    (here,) = tables(many, NOW)
    assert here.title == f"Registered here ({SHOWN + 5}, 5 more are not shown)"
    assert len(here.rows) == SHOWN
    assert len(data(many)["registered"]) == SHOWN + 5


def test_programs_get_all_of_it() -> None:
    told = data(view())
    assert (told["name"], told["users"], told["unheard"]) == ("master", {"pri": 4}, view().unheard)
    assert [one["name"] for one in told["registered"]] == ["anna", "load-3"]
    assert told["registered"][0]["registration"]["role"] == "Standby"
    assert told["out"][0]["pri"] == "master"
    assert told["failures"] == {"Unreachable": ["ben", "carl"], "PingFailed": ["load-3"]}
