"""Suspend and resume: of a phone, a fleet and a pool; who was suspended by itself stays so when its pool is resumed."""

from __future__ import annotations

from typing import Any

import pytest

from plugin.reports import fleet, softphone
from softphone_operator.api.kinds import CALL_CHECK, REHEARSAL, SOFTPHONE, SOFTPHONE_FLEET
from softphone_plugin.suspending import WITH_POOL, Change, of_one, of_pool


def phone(name: str, *, suspended: bool = False, pool: str = "people", by: str = "") -> dict[str, Any]:
    made = softphone(name, spec={"aor": "sip:a@b", "agent": {"pool": pool}, **({"suspend": True} if suspended else {})})
    made["metadata"]["annotations"] = {WITH_POOL: by} if by else {}
    return made


UNMARKED = {"annotations": {WITH_POOL: None}}


@pytest.mark.parametrize(
    ("obj", "suspend", "patch", "words"),
    [
        (phone("anna"), True, {"spec": {"suspend": True}}, "suspended"),
        (phone("anna", suspended=True), True, None, "is suspended already"),
        (phone("anna", suspended=True), False, {"spec": {"suspend": None}}, "resumed"),
        (phone("anna"), False, None, "is not suspended"),
        (
            phone("anna", suspended=True, by="people"),
            False,
            {"spec": {"suspend": None}, "metadata": UNMARKED},
            "resumed",
        ),
        (
            phone("anna", suspended=True, by="people"),
            True,
            {"spec": {"suspend": True}, "metadata": UNMARKED},
            "suspended",
        ),
    ],
)
def test_of_a_softphone(obj: dict[str, Any], suspend: bool, patch: dict[str, Any] | None, words: str) -> None:
    assert of_one(SOFTPHONE, obj, suspend=suspend) == Change(SOFTPHONE, "anna", patch, words)


def test_of_a_fleet_the_template_changes() -> None:
    assert of_one(SOFTPHONE_FLEET, fleet(), suspend=True).patch == {"spec": {"template": {"suspend": True}}}


def test_of_a_call_check_and_a_rehearsal_the_field_of_that_name_changes() -> None:
    for kind in (CALL_CHECK, REHEARSAL):
        assert "suspend" in kind.spec.model_fields
        change = of_one(kind, {"metadata": {"name": "nightly"}, "spec": {}}, suspend=True)
        assert change == Change(kind, "nightly", {"spec": {"suspend": True}}, "suspended")


def test_of_a_pool_its_members_change_and_are_marked() -> None:
    there = [phone("ben"), phone("anna"), phone("carl", suspended=True), phone("dora", pool="others"), softphone("eva")]
    marked = {"spec": {"suspend": True}, "metadata": {"annotations": {WITH_POOL: "people"}}}
    assert of_pool("people", there, suspend=True) == [
        Change(SOFTPHONE, "anna", marked, "suspended"),
        Change(SOFTPHONE, "ben", marked, "suspended"),
        Change(SOFTPHONE, "carl", None, "is suspended already"),
    ]


def test_resuming_a_pool_leaves_those_alone_that_were_suspended_by_themselves() -> None:
    there = [
        phone("anna", suspended=True, by="people"),
        phone("ben", suspended=True),
        phone("carl"),
        phone("dora", suspended=True, by="others"),
    ]
    assert [(one.name, one.patch is not None, one.words) for one in of_pool("people", there, suspend=False)] == [
        ("anna", True, "resumed"),
        ("ben", False, "was suspended by itself, and stays so"),
        ("carl", False, "is not suspended"),
        ("dora", False, "was suspended by itself, and stays so"),
    ]
