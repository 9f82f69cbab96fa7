"""What became of a call that was up while something failed. Pure."""

from __future__ import annotations

from enum import StrEnum

from softphone_agent.calls.states import Ending, State


class Survival(StrEnum):
    """How it ended."""

    UNTOUCHED = "Untouched"
    """It lasted as long as it was to last, and both ends know that it is over: signalling and media have held."""
    RESCUED = "Rescued"
    """Another PBX has made it anew in place of the old one, and it lasted."""
    LOST = "Lost"
    """It was cut off, fell silent, or could not be ended: the other end may think that it goes on."""


def survival(state: State, *, failed: bool, rescued: bool, heard: bool) -> Survival | None:
    """Of an answered call that has ended; None where nothing failed meanwhile.

    `failed`: its phone lost its binding while it was up. `rescued`: it took the place of one whose way had failed.
    `heard`: whether the other end was heard at the end.
    """
    if state.answered_at is None or not (failed or rescued or state.broken_at is not None):
        return None
    lasted = state.ending is Ending.HUNG_UP and heard
    ended_well = lasted and not state.is_broken and state.bye_code in range(200, 300)
    if not ended_well:
        return Survival.LOST
    return Survival.RESCUED if rescued else Survival.UNTOUCHED
