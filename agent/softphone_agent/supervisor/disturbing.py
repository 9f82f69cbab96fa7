"""Whether another configuration disturbs phones that run: may cost them their registrations. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.phone import Pbx, Phone


def disturbs(running: AgentConfig, wanted: AgentConfig) -> bool:
    """Whether it does; more phones, and more PBXes, disturb none of those that run.

    Phones that go count as disturbed: who takes phones away and brings them back again and again makes them register
    anew each time.
    """
    if _beside(running) != _beside(wanted):
        return True
    return _is_another(running.pbxs, wanted.pbxs) or _is_another(running.phones, wanted.phones)


def _beside(config: AgentConfig) -> AgentConfig:
    """What a configuration has beside PBXes and phones."""
    return config.model_copy(update={"pbxs": (), "phones": ()})


def _is_another(before: Iterable[Pbx | Phone], now: Iterable[Pbx | Phone]) -> bool:
    """Whether one of these is not any more as it was."""
    there = {one.name: one for one in now}
    return any(there.get(one.name) != one for one in before)
