"""Whether the redundancy of a fleet would hold, from the phones that check their ways for all. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from softphone_agent.contract.report import GOOD_PATHS, Counts, PathReport, PathVia
from softphone_operator.api.status import FleetPath
from softphone_operator.decide.facts import Statement
from softphone_operator.decide.redundancy import CHOSEN, REDUNDANT, WORDS, Asked, Object, chosen, is_bad, words


class FleetWays(NamedTuple):
    """The ways of all phones of a fleet that check theirs, by entry PBX, and one that would not hold, if any.

    `whole`: no agent is missing in it.
    """

    paths: tuple[FleetPath, ...]
    worst: PathReport | None
    whole: bool = True


def ways(told: Sequence[Counts], agents: int) -> FleetWays:
    """The sum of what the agents of a fleet report, of so many."""
    results: dict[PathVia, Counter[str]] = {}
    worst: PathReport | None = None
    for counts in told:
        for path in counts.paths:
            results.setdefault(path.via, Counter()).update(path.results)
            worst = worst or path.worst
    order: tuple[PathVia, ...] = ("pri", "sec", "cur")
    made = [FleetPath(via=via, results=dict(sorted(results[via].items()))) for via in order if via in results]
    return FleetWays(tuple(made), worst, whole=len(told) == agents)


def redundant(paths: Sequence[FleetPath]) -> int:
    """Phones of which both ways are known to hold, at least: each other way may be that of a phone of its own."""
    checked = {path.via: sum(path.results.values()) for path in paths}
    both = min(checked.get("pri", 0), checked.get("sec", 0))
    others = sum(number for path in paths for result, number in path.results.items() if result not in GOOD_PATHS)
    return max(0, both - others)


def statement(
    of: Asked | None, found: FleetWays, registered: Statement, previous: Object, *, same: bool
) -> Statement | None:
    """What the condition Redundant says of a fleet, None where it has none.

    `previous`: the condition as it is, {} where there is none; `same`: it is about the present spec.
    """
    paths = found.paths
    if (of is None and not paths) or (of is not None and not of.launcher):
        return None
    if of is not None and (decided := chosen(of)) is not None:
        return decided
    bad: Counter[str] = Counter()
    for path in paths:
        bad.update({result: number for result, number in path.results.items() if is_bad(result)})
    told = "; ".join(filter(None, map(_words, paths)))
    if bad:
        such = f", such as {words(found.worst)}" if found.worst else ""
        return Statement("False", bad.most_common(1)[0][0], f"{told}{such}")
    if not (found.whole and paths and _complete(paths)):
        return _kept(previous, paths, same=same) or _unknown(registered, told)
    return Statement("True", REDUNDANT, told)


def _words(path: FleetPath) -> str:
    total = sum(path.results.values())
    good = sum(number for result, number in path.results.items() if result in GOOD_PATHS)
    rest = ", ".join(f"{number} {result}" for result, number in path.results.items() if result not in GOOD_PATHS)
    return f"{path.via}: {good} of {total} phones that check it would hold{f', {rest}' if rest else ''}"


def _complete(paths: Sequence[FleetPath]) -> bool:
    """Whether all that check their ways are known to hold."""
    return all(path.results and set(path.results) <= GOOD_PATHS for path in paths)


def _kept(previous: Object, paths: Sequence[FleetPath], *, same: bool) -> Statement | None:
    """The condition as it was, where agents that are new or away just do not know yet.

    A loss stays until the ways are checked again; and True stays while some of each are still known to hold, so that an
    agent that is replaced makes no noise.
    """
    if not same or any("CheckNotSupported" in path.results for path in paths):
        return None
    was = Statement(previous.get("status", "Unknown"), previous.get("reason", ""), previous.get("message", ""))
    some = bool(paths) and all(GOOD_PATHS & set(path.results) for path in paths)
    if (was.status == "False" and was.reason not in CHOSEN) or (was.status == "True" and some):
        return was
    return None


def _unknown(registered: Statement, told: str) -> Statement:
    if registered.status == "Unknown":
        return Statement("Unknown", registered.reason, registered.message)
    reason = "CheckNotSupported" if "CheckNotSupported" in told else "Unchecked"
    return Statement("Unknown", reason, told or WORDS["Unchecked"])
