"""Counts phones: from the reports of all to the few numbers that many are told by. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from softphone_agent.contract.report import (
    GOOD_PATHS,
    UNKNOWN_PATHS,
    ConfigReport,
    Counts,
    PathCounts,
    PathReport,
    PathResult,
    PathVia,
    PbxCounts,
    PbxReport,
    PhoneReport,
)

VIAS: tuple[PathVia, ...] = ("pri", "sec", "cur")
AT_REST = frozenset({"Unregistering", "Stopped", "Suspended"})
"""States in which a phone wants no binding."""


def count(version: str, config: ConfigReport, phones: Iterable[PhoneReport], pbxs: Iterable[PbxReport]) -> Counts:
    """The counts of these phones, and of all PBXes that they are registered at or that `pbxs` tells of."""
    states: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    places: Counter[tuple[str, str | None]] = Counter()
    paths: list[PathReport] = []
    for phone in phones:
        paths += phone.paths
        states[phone.state] += 1
        if phone.registered:
            places[phone.pbx or "", phone.role] += 1
        elif phone.last_failure and phone.state not in AT_REST:
            failures[phone.last_failure.reason] += 1
    registered: Counter[str] = Counter()
    for (pbx, _), number in places.items():
        registered[pbx] += number
    seen = {pbx.name: pbx for pbx in pbxs}
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
                reachable=seen[name].reachable if name in seen else None,
                answers_options=seen[name].answers_options if name in seen else None,
                certificate_expires=seen[name].certificate_expires if name in seen else None,
            )
            for name in sorted(registered.keys() | seen.keys())
        ),
        paths=count_paths(paths),
    )


def count_paths(paths: Iterable[PathReport]) -> tuple[PathCounts, ...]:
    """The ways of many phones, by the entry PBX at which they begin; `worst` is the one that fails for longest."""
    results: dict[PathVia, Counter[PathResult]] = {}
    worst: dict[PathVia, PathReport] = {}
    for path in paths:
        results.setdefault(path.via, Counter())[path.result] += 1
        if path.result not in GOOD_PATHS | UNKNOWN_PATHS:
            known = worst.setdefault(path.via, path)
            if (path.since or "") < (known.since or ""):
                worst[path.via] = path
    return tuple(
        PathCounts(via=via, results=dict(sorted(results[via].items())), worst=worst.get(via))
        for via in VIAS
        if via in results
    )
