"""Counts phones: from the reports of all to the few numbers that many are told by. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from softphone_agent.contract.report import ConfigReport, Counts, PbxCounts, PbxReport, PhoneReport

AT_REST = frozenset({"Unregistering", "Stopped", "Suspended"})
"""States in which a phone wants no binding."""


def count(version: str, config: ConfigReport, phones: Iterable[PhoneReport], pbxs: Iterable[PbxReport]) -> Counts:
    """The counts of these phones, and of all PBXes that they are registered at or that `pbxs` tells of."""
    states: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    places: Counter[tuple[str, str | None]] = Counter()
    for phone in phones:
        states[phone.state] += 1
        if phone.registered:
            places[phone.pbx or "", phone.role] += 1
        elif phone.last_failure and phone.state not in AT_REST:
            failures[phone.last_failure.reason] += 1
    registered: Counter[str] = Counter()
    for (pbx, _), number in places.items():
        registered[pbx] += number
    reachable = {pbx.name: pbx.reachable for pbx in pbxs}
    return Counts(
        version=version,
        config=config,
        phones=states.total(),
        registered=registered.total(),
        states=dict(sorted(states.items())),  # type: ignore[arg-type]
        failures=dict(sorted(failures.items())),  # type: ignore[arg-type]
        pbxs=tuple(
            PbxCounts(
                name=name,
                registered=registered[name],
                home=places[name, "Home"],
                standby=places[name, "Standby"],
                reachable=reachable.get(name),
            )
            for name in sorted(registered.keys() | reachable.keys())
        ),
    )
