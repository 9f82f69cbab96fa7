"""What is in the way of breaking a PBX: a fail-over that cannot succeed is an outage, and is not begun. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from softphone_agent.contract.report import GOOD_PATHS, UNKNOWN_PATHS, PhoneReport
from softphone_operator.rehearsals.verdict import listed

Lost = Mapping[str, str]
"""Agents that run and cannot be heard, with the reason."""


def obstacles(
    pbxs: Sequence[str], phones: Mapping[str, PhoneReport], lost: Lost, unreachable: Sequence[str], *, job: bool
) -> tuple[str, ...]:
    """Why a rehearsal is not begun; () where nothing is in the way.

    `phones`: those registered at the PBXes, by namespace/name. `unreachable`: other PBXes of the system that no agent
    reaches. A person who breaks a PBX by hand may want to see a fail-over that must fail; a `job` is not started then.
    """
    return tuple(_obstacles(pbxs, phones, lost, unreachable, job=job))


def _obstacles(
    pbxs: Sequence[str], phones: Mapping[str, PhoneReport], lost: Lost, unreachable: Sequence[str], *, job: bool
) -> Iterator[str]:
    if lost:
        first = next(iter(sorted(lost)))
        yield f"the agents {listed(sorted(lost))} cannot be heard: {lost[first]}"
    if not phones:
        yield f"no phone is registered at {', '.join(pbxs)}"
    if not job:
        return
    if unreachable:
        yield f"{listed(unreachable)} of the same system cannot be reached"
    if bad := sorted(name for name, report in phones.items() if _has_lost_a_way(report)):
        yield f"{len(bad)} of {len(phones)} phones have lost a way already: {listed(bad)}"


def _has_lost_a_way(report: PhoneReport) -> bool:
    return any(path.result not in GOOD_PATHS | UNKNOWN_PATHS for path in report.paths)
