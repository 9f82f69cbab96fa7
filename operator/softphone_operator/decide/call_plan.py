"""What the agents' files have of test calls: who calls whom, and who is called. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from softphone_agent.contract.call_check import CallCheck, Callee
from softphone_operator.decide.call_phones import split_name
from softphone_operator.decide.decisions import DesiredAgent
from softphone_operator.decide.desired_call_check import DesiredCallCheck


@dataclass(frozen=True, slots=True)
class CallPlan:
    """The test calls of a namespace: the entries of those who call, and what those who are called must know."""

    checks: Mapping[str, tuple[CallCheck, ...]] = field(default_factory=dict)
    callees: Mapping[str, tuple[Callee, ...]] = field(default_factory=dict)
    callers: Mapping[str, str] = field(default_factory=dict)
    """The AOR of who calls, by the name of the entry."""

    @property
    def phones(self) -> frozenset[str]:
        """All phones of it."""
        return frozenset(self.checks) | frozenset(self.callees)

    def of(self, phone: str) -> tuple[tuple[CallCheck, ...], tuple[Callee, ...]]:
        """What there is of one phone."""
        return self.checks.get(phone, ()), self.callees.get(phone, ())


NO_CALLS = CallPlan()


def plan(checks: Iterable[DesiredCallCheck]) -> CallPlan:
    """The test calls of all accepted CallChecks of a namespace."""
    entries: dict[str, list[CallCheck]] = {}
    aors_of_entries: dict[str, str] = {}
    callees: dict[str, list[Callee]] = {}
    for check in checks:
        by_name = {pair.entry: pair for pair in check.pairs}
        callers: dict[str, set[str]] = {}
        for entry in check.entries():
            pair = by_name[entry.name]
            entries.setdefault(pair.caller.name, []).append(entry)
            aors_of_entries[entry.name] = pair.caller.aor
            if pair.answers:
                callers.setdefault(pair.answers.name, set()).add(pair.caller.aor)
        for phone, aors in callers.items():
            callees.setdefault(phone, []).append(
                Callee(
                    phone=phone,
                    check=check.name,
                    token=check.token,
                    callers=tuple(sorted(aors)),
                    ring_seconds=check.spec.ring_seconds,
                )
            )
    return CallPlan(
        {phone: tuple(sorted(some, key=lambda one: one.name)) for phone, some in entries.items()},
        {phone: tuple(sorted(some, key=lambda one: one.check)) for phone, some in callees.items()},
        aors_of_entries,
    )


def changed(before: CallPlan, after: CallPlan) -> frozenset[str]:
    """The phones of which agents must be told something else."""
    return frozenset(phone for phone in before.phones | after.phones if before.of(phone) != after.of(phone))


def is_expected(entry: CallCheck, of: CallPlan, known: Mapping[tuple[str, str], Callee], file: str = "") -> bool:
    """Whether a test call may be made: its callee knows of it, or it is in the agent's `file` already.

    Else the first call of a new CallCheck would be refused as a stranger's. `known`: what agents have told that they
    have taken over, by phone and check.
    """
    if entry.callee is None or f'"name":"{entry.name}"' in file:
        return True
    callee = known.get((entry.callee, entry.check or entry.name))
    return callee is not None and callee.token == entry.token and of.callers.get(entry.name) in callee.callers


def with_calls(
    agent: DesiredAgent,
    of: CallPlan,
    callers: frozenset[str] | None = None,
    expected: Callable[[CallCheck], bool] = lambda entry: True,
) -> DesiredAgent:
    """The agent, with the test calls of its phones in its file; of those who call, what is `expected`.

    `callers`: those of its phones that call from there; None: all. A phone that moves is in two files for a while.
    """
    here = {phone for phone in of.phones if _has(agent, phone)}
    calling = here if callers is None else here & callers
    checks = tuple(entry for phone in sorted(calling) for entry in of.checks.get(phone, ()) if expected(entry))
    callees = tuple(callee for phone in sorted(here) for callee in of.callees.get(phone, ()))
    if not checks and not callees:
        return agent
    return replace(agent, config=agent.config.model_copy(update={"call_checks": checks, "callees": callees}))


def without_calls(agent: DesiredAgent) -> DesiredAgent:
    """The agent, with no test calls in its file."""
    return replace(agent, config=agent.config.model_copy(update={"call_checks": (), "callees": ()}))


def _has(agent: DesiredAgent, phone: str) -> bool:
    if phone in agent.entries or any(one.name == phone for one in agent.config.phones):
        return True
    split = split_name(phone)
    return split is not None and any(
        (one.name or agent.config.fleet) == split[0] and one.first_index <= split[1] < one.first_index + one.count
        for one in agent.config.fleets
    )
