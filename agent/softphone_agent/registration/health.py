"""What is known of PBXes and outlives a round: which are dead, and which asked for time (Retry-After)."""

from __future__ import annotations

from dataclasses import replace

from softphone_agent.registration.plan import Registrar
from softphone_agent.registration.policy import TRUSTED_ROUNDS
from softphone_agent.registration.states import Health, State


def may_ask_at(state: State, at: Registrar) -> float:
    """From when on this PBX may be asked."""
    return dict(state.health.not_before).get(at, float("-inf"))


def is_useless(state: State, at: Registrar) -> bool:
    """Whether asking this PBX would only cost a time-out."""
    return at in state.silent or (at in state.dead and state.failed_rounds < TRUSTED_ROUNDS)


def with_dead(health: Health, at: Registrar) -> Health:
    """It answers no pings."""
    return replace(health, dead=health.dead | {at})


def with_alive(health: Health, at: Registrar) -> Health:
    """It answers."""
    return replace(health, dead=health.dead - {at}) if at in health.dead else health


def with_primary(health: Health, since: float | None) -> Health:
    """The primary PBX is known to answer since then, or not (None). Who knows the earlier time keeps it."""
    if since is not None and health.primary_since is not None:
        return health
    return health if since is health.primary_since else replace(health, primary_since=since)


def with_retry_after(health: Health, at: Registrar, until: float, now: float) -> Health:
    """It must not be asked before `until`. Times that are over are forgotten."""
    others = tuple((other, when) for other, when in health.not_before if other != at and when > now)
    return replace(health, not_before=(*others, (at, until)))


def without_past(health: Health, now: float) -> Health:
    """Retry-After times that are over are forgotten."""
    if not health.not_before:
        return health
    return replace(health, not_before=tuple((at, when) for at, when in health.not_before if when > now))
