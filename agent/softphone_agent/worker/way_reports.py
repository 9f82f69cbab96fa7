"""From a way as it was checked to what is reported of it; and which phones check theirs. Pure."""

from __future__ import annotations

from softphone_agent.contract.phone import NEVER, Phone
from softphone_agent.contract.report import PathReport, Redirect
from softphone_agent.paths.states import Way
from softphone_agent.registration.plan import Plan
from softphone_agent.worker.reporting import Label, Wall, rfc3339


def checks_ways(config: Phone) -> bool:
    """Whether a phone is to check its ways."""
    return 0 < config.registration.path_check_seconds < NEVER


def unchecked(config: Phone, plan: Plan) -> tuple[PathReport, ...]:
    """The ways of a phone that has not checked them yet."""
    if not checks_ways(config):
        return ()
    return tuple(PathReport(via=entry.value, result="Unchecked") for entry, _ in plan.entries)  # type: ignore[arg-type]


def described(way: Way, label: Label, wall: Wall) -> PathReport:
    """The report of one way."""
    return PathReport(
        via=way.entry.value,  # type: ignore[arg-type]
        result=way.result,
        pbx=label(way.end.uri) if way.end else None,
        redirects=tuple(
            Redirect(pbx=label(hop.source.uri), target=label(hop.target.uri), code=hop.code) for hop in way.hops
        ),
        code=way.code,
        message=way.message,
        since=rfc3339(wall(way.since)) if way.since is not None else None,
    )


def without_times(way: Way) -> Way:
    """What its report is made of, but for the moment since when: that is the first of the same."""
    return Way(way.entry, way.start, result=way.result, end=way.end, hops=way.hops, code=way.code, message=way.message)
