"""What became of a call that was up while something failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from softphone_agent.calls.states import Ending, Limits, Phase, State
from softphone_agent.calls.survival import Survival, survival

LASTED = State(
    Phase.ENDED, Limits(), 0.0, 0.0, answered_at=1.0, ended_at=60.0, code=200, ending=Ending.HUNG_UP, bye_code=200
)
"""A call that was hung up by us when it was time, and whose BYE was answered."""


def of(state: State = LASTED, *, failed: bool = True, rescued: bool = False, heard: bool = True) -> Survival | None:
    return survival(state, failed=failed, rescued=rescued, heard=heard)


def test_where_nothing_failed_nothing_is_told() -> None:
    assert of(failed=False) is None


def test_who_was_not_answered_was_not_up() -> None:
    assert of(replace(LASTED, answered_at=None)) is None


def test_untouched_are_calls_whose_end_both_know() -> None:
    assert of() is Survival.UNTOUCHED
    assert of(replace(LASTED, broken_at=5.0), failed=False) is Survival.UNTOUCHED, "the way was broken and is back"


def test_rescued_are_calls_that_another_pbx_has_made_anew() -> None:
    assert of(rescued=True, failed=False) is Survival.RESCUED


@pytest.mark.parametrize(
    "changes",
    [
        {"bye_code": 0},
        {"bye_code": 300},
        {"bye_code": 481},
        {"bye_code": None},
        {"ending": Ending.SILENT},
        {"ending": Ending.REMOTE},
        {"ending": Ending.GONE},
        {"is_broken": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("rescued", [False, True])
def test_all_others_are_lost(changes: dict[str, object], rescued: bool) -> None:
    assert of(replace(LASTED, **changes), rescued=rescued) is Survival.LOST  # type: ignore[arg-type]


def test_a_call_that_goes_on_in_silence_is_lost() -> None:
    assert of(heard=False) is Survival.LOST
