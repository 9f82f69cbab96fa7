"""The record of a run: whole, bounded, read back as it was written; the objects of a run; what is in the way of one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.reports import report
from softphone_agent.contract.report import PathReport
from softphone_operator.api.rehearsal import RehearsalRun
from softphone_operator.rehearsals import manifests, record, telling
from softphone_operator.rehearsals.drill import Drill, Part, Result
from softphone_operator.rehearsals.obstacles import obstacles
from softphone_operator.rehearsals.record import Record, RecordError

OWNER = {"metadata": {"name": "monthly", "namespace": "demo", "uid": "u-1"}}
RUN = RehearsalRun(
    phase="Watching",
    began="2026-11-30T02:00:00Z",
    ends="2026-11-30T02:10:00Z",
    cause="Request",
    pbxs=("vienna",),
    record="rehearsal-monthly-20261130-020000",
)
PARTS = st.dictionaries(
    st.from_regex(r"demo/[a-z0-9]{1,8}", fullmatch=True),
    st.builds(
        Part,
        began_before=st.sampled_from([None, "2026-11-01T00:00:00Z"]),
        registered=st.just(True),
        pbx=st.sampled_from(["graz", "vienna"]),
        outages=st.dictionaries(
            st.sampled_from(["2026-11-30T02:00:10Z", "2026-11-30T02:01:00Z"]), st.integers(0, 90).map(float)
        ),
        lost=st.sampled_from([None, "2026-11-30T02:02:00Z"]),
        moved=st.booleans(),
    ),
    max_size=30,
)


def made(parts: dict[str, Part]) -> Record:
    drill = Drill.resumed(["vienna"], parts, 0.0)
    return record.with_outcome(Record(namespace="demo", rehearsal="monthly", run=RUN), parts, drill.result())


def config_map(text: str) -> dict[str, Any]:
    return manifests.config_map(OWNER, "rehearsal-monthly-20261130-020000", text)


@given(PARTS)
def test_what_is_written_is_read_back(parts: dict[str, Part]) -> None:
    kept = made(parts)
    again = record.read(config_map(record.dump(kept)))
    assert again == kept
    assert record.parts(again.phones) == parts


@given(PARTS, st.integers(1200, 4000))
def test_a_record_that_is_too_long_says_how_many_are_left_out(parts: dict[str, Part], room: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "MAX_BYTES", room)
        text = record.dump(made(parts))
    again = record.read(config_map(text))
    assert len(text.encode()) <= room
    assert len(again.phones) + again.left_out == len(parts)
    assert again.phones == record.rows(parts)[: len(again.phones)], "those that were out longest stay"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "it has no record.json"),
        ({"other": "x"}, "it has no record.json"),
        ({"record.json": "[]"}, "record.json: : Input should be an object"),
        ({"record.json": '{"version": 2}'}, "record.json: version: Input should be 1"),
    ],
)
def test_what_is_no_record_says_why(data: Any, words: str) -> None:
    with pytest.raises(RecordError, match=f"^{words}$"):
        record.read({"data": data})


def test_times_of_an_outage_that_lasts_count() -> None:
    parts = [
        Part(None, outages={"2026-11-30T02:00:10Z": 2.5, "2026-11-30T02:00:20Z": 1.0}),
        Part(None, registered=False, lost="2026-11-30T02:00:05Z"),
    ]
    assert record.span(parts) == (
        datetime.fromisoformat("2026-11-30T02:00:05Z"),
        datetime.fromisoformat("2026-11-30T02:00:21Z"),
    )
    assert record.span([]) == (None, None)
    assert record.worst({"demo/a": parts[0], "demo/b": parts[1]}) == ("demo/a", 2.5)
    assert record.worst({"demo/b": parts[1]}) is None


def test_the_config_map_goes_with_its_rehearsal() -> None:
    assert config_map("{}") == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "rehearsal-monthly-20261130-020000",
            "namespace": "demo",
            "labels": {
                "app.kubernetes.io/name": "softphone-rehearsal",
                "app.kubernetes.io/component": "record",
                "app.kubernetes.io/part-of": "softphone-fleet",
                "app.kubernetes.io/managed-by": "softphone-operator",
                "softphone-fleet.io/rehearsal": "monthly",
            },
            "ownerReferences": [
                {
                    "apiVersion": "softphone-fleet.io/v1alpha1",
                    "kind": "Rehearsal",
                    "name": "monthly",
                    "uid": "u-1",
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "data": {"record.json": "{}"},
    }


def test_a_job_is_as_pod_security_wants_it_where_the_template_says_nothing() -> None:
    template = {"spec": {"containers": [{"name": "break", "image": "tools:1"}], "initContainers": [{"name": "key"}]}}
    job = manifests.job(OWNER, "rehearsal-monthly-20261130-020000", template, 600)
    labels = {**config_map("{}")["metadata"]["labels"], "app.kubernetes.io/component": "job"}
    hardened = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert job["metadata"]["labels"] == labels
    assert job["spec"] == {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "activeDeadlineSeconds": 600,
        "ttlSecondsAfterFinished": 604800,
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"name": "break", "image": "tools:1", "securityContext": hardened}],
                "initContainers": [{"name": "key", "securityContext": hardened}],
            },
        },
    }
    assert "securityContext" not in template["spec"], "the template of the spec stays as it is"


def test_what_the_template_says_wins() -> None:
    template = {
        "metadata": {"annotations": {"a": "b"}, "labels": {"team": "voice"}},
        "spec": {
            "serviceAccountName": "breaker",
            "restartPolicy": "OnFailure",
            "securityContext": {"runAsUser": 1000},
            "containers": [{"name": "a", "image": "b", "securityContext": {"readOnlyRootFilesystem": True}}],
        },
    }
    made = manifests.job(OWNER, "x", template, 0)["spec"]["template"]
    assert made["metadata"]["annotations"] == {"a": "b"}
    assert made["metadata"]["labels"]["team"] == "voice"
    spec = made["spec"]
    assert (spec["serviceAccountName"], spec["restartPolicy"]) == ("breaker", "OnFailure")
    assert "automountServiceAccountToken" not in spec
    assert spec["securityContext"]["runAsUser"] == 1000
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False


LOST = PathReport(via="sec", result="Unreachable", pbx="graz")
UNCHECKED = PathReport(via="sec", result="Unchecked")


@pytest.mark.parametrize(
    ("phones", "unheard", "unreachable", "job", "expected"),
    [
        ({"demo/a": report()}, {}, [], True, ()),
        ({"demo/a": report(paths=[UNCHECKED])}, {}, [], True, ()),
        ({}, {}, [], False, ("no phone is registered at vienna",)),
        (
            {"demo/a": report()},
            {"fleet-load-1": "it was not asked yet"},
            [],
            False,
            ("the agents fleet-load-1 cannot be heard: it was not asked yet",),
        ),
        ({"demo/a": report()}, {}, ["graz"], True, ("graz of the same system cannot be reached",)),
        ({"demo/a": report()}, {}, ["graz"], False, ()),
        (
            {"demo/a": report(paths=[LOST]), "demo/b": report()},
            {},
            [],
            True,
            ("1 of 2 phones have lost a way already: demo/a",),
        ),
        ({"demo/a": report(paths=[LOST])}, {}, [], False, ()),
    ],
)
def test_what_is_in_the_way(
    phones: Any, unheard: dict[str, str], unreachable: list[str], job: bool, expected: tuple[str, ...]
) -> None:
    assert obstacles(["vienna"], phones, unheard, unreachable, job=job) == expected


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, {}, (False, None, None, None)),
        ({"everyDays": 1}, {}, (False, None, None, 172800.0)),
        ({"everyDays": 1, "suspend": True}, {}, (False, None, None, None)),
        (
            {"everyDays": 2},
            {"lastPassed": "1970-01-03T00:00:00Z", "history": [{"verdict": "Failed"}], "run": {}},
            (True, False, 172800.0, 345600.0),
        ),
        (None, {"history": [{"verdict": "Passed"}]}, (False, True, None, None)),
    ],
)
def test_what_is_measured(spec: Any, status: dict[str, Any], expected: tuple[Any, ...]) -> None:
    obj = {"metadata": {"creationTimestamp": "1970-01-02T00:00:00Z"}, "spec": spec, "status": status}
    assert telling.measured(obj) == expected


def test_a_status_of_another_version_is_no_fault() -> None:
    assert telling.read({"phase": "Dancing"}) == telling.read({})


def test_the_text_is_read_by_people_too() -> None:
    parts = {"demo/a": Part(None, pbx="graz", outages={"2026-11-30T02:00:10Z": 2.5})}
    text = record.dump(made(parts))
    row = text.splitlines()[1]
    assert json.loads(row) == {
        "name": "demo/a",
        "pbx": "graz",
        "outages": [{"began": "2026-11-30T02:00:10Z", "seconds": 2.5}],
    }


def test_results_have_no_percentiles_without_outages() -> None:
    assert Result("vienna", 0, 0, 0, 0, (), (), {}).percentiles == {}
