"""Reconciles CallChecks: plans who calls whom in a namespace, has the agents told, and joins what both ends report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import NamedTuple

from softphone_agent.contract.call_check import CallCheck, Callee
from softphone_operator.api.call_checks import MAX_FAILURES_KEPT, MAX_PAIRS, CallFailure
from softphone_operator.decide import call_plan, call_status, call_verdicts, desired_call_check, outcome, status
from softphone_operator.decide.call_phones import split_name
from softphone_operator.decide.call_plan import NO_CALLS, CallPlan
from softphone_operator.decide.call_verdicts import UNKNOWN, Verdict
from softphone_operator.decide.decisions import DesiredAgent, Refusal
from softphone_operator.decide.desired_call_check import DesiredCallCheck, Pair
from softphone_operator.decide.facts import Reported
from softphone_operator.kubernetes.resources import CALL_CHECKS, CONFIG_MAPS, FLEETS, PBXS, POOLS, SOFTPHONES
from softphone_operator.observe.observed import ObjectKey, Observed, WorkKey
from softphone_operator.observe.phone_book import PhoneBook
from softphone_operator.reconcile.listening import Listening
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.writing import Writer

MADE_OF = (SOFTPHONES.kind, FLEETS.kind, PBXS.kind)
"""The kinds of the objects that a plan depends on, beside CallChecks themselves."""

Decided = Mapping[str, DesiredCallCheck | Refusal]


@dataclass(frozen=True, slots=True)
class _Planned:
    """What is decided on the CallChecks of a namespace."""

    decided: Decided
    plan: CallPlan


@dataclass(slots=True)
class _Memory:
    """What is known of a CallCheck's pairs: the verdicts by entry, and the failures that were noted."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    failures: list[CallFailure] = field(default_factory=list)
    pairs: dict[str, Pair] = field(default_factory=dict)


class PairCount(NamedTuple):
    """What pairs are counted by, for the metrics."""

    namespace: str
    check: str
    from_site: str
    to_site: str
    state: str
    reason: str
    after_fail_over: str


class CallChecks:
    """Reconciles CallChecks by the parts that the controller has made. `wake` has the users of agents reconciled."""

    def __init__(
        self,
        observed: Observed,
        prerequisites: Prerequisites,
        listening: Listening,
        writer: Writer,
        *,
        wake: Callable[[Iterable[WorkKey]], None],
        now: Callable[[], datetime],
    ) -> None:
        self._observed = observed
        self._prerequisites = prerequisites
        self._listening = listening
        self._writer = writer
        self._wake = wake
        self._now = now
        self._book = PhoneBook(observed)
        self._planned: dict[str, _Planned] = {}
        self._told: dict[str, CallPlan] = {}
        """What the owners of agents were last woken for."""
        self._marks: dict[str, dict[WorkKey, object]] = {}
        self._changes: Counter[str] = Counter()
        self._memory: dict[ObjectKey, _Memory] = {}
        self._known: dict[str, dict[tuple[str, str], Callee]] = {}
        """By namespace, what agents have told that they have taken over, by phone and check."""

    # What others ask.

    def touched(self, key: WorkKey) -> set[WorkKey]:
        """An object has changed; returns the CallChecks that must be looked at again, since their plan may change."""
        kind, namespace, name = key
        if kind == CALL_CHECKS.kind:
            return self._outdated(namespace)
        if kind not in MADE_OF or not self._has_checks(namespace):
            return set()
        obj = self._observed.get(kind, (namespace, name))
        metadata = obj["metadata"] if obj else {}
        mark = obj and (
            metadata.get("uid"),
            metadata.get("generation"),
            metadata.get("labels"),
            "deletionTimestamp" in metadata,
        )
        marks = self._marks.setdefault(namespace, {})
        if key in marks and marks[key] == mark:
            return set()
        marks[key] = mark
        return self._outdated(namespace)

    async def plan(self, namespace: str) -> CallPlan:
        """The test calls of a namespace. Raises ClusterError."""
        return (await self._plan(namespace)).plan

    async def with_calls(
        self, namespace: str, agent: DesiredAgent, home: Mapping[str, str] | None = None
    ) -> DesiredAgent:
        """An agent with the test calls of its phones in its file. Raises ClusterError.

        `home`: the agent that each phone belongs to, where several may have it.
        """
        plan = await self.plan(namespace)
        if not plan.phones:
            return agent
        known = self._known.get(namespace, {})

        @cache
        def file() -> str:
            there = self._observed.get(CONFIG_MAPS.kind, (namespace, agent.agent)) or {}
            return "".join((there.get("data") or {}).values())

        def expected(entry: CallCheck) -> bool:
            return call_plan.is_expected(entry, plan, known) or call_plan.is_expected(entry, plan, known, file())

        callers = None if home is None else frozenset(p for p in plan.phones if home.get(p) == agent.agent)
        return call_plan.with_calls(agent, plan, callers, expected)

    def runs(self, namespace: str, agent: DesiredAgent, reported: Reported, digest: str | None) -> None:
        """What an agent has told: where it runs the file with this digest, who is called in it knows of it.

        Those who call them are told then.
        """
        if reported.config is None or reported.config.digest != digest:
            return
        known = self._known.setdefault(namespace, {})
        new = {(one.phone, one.check): one for one in agent.config.callees if known.get((one.phone, one.check)) != one}
        known.update(new)
        planned = self._planned.get(namespace)
        if new and planned is not None:
            entries = (entry for some in planned.plan.checks.values() for entry in some)
            waiting = {one.caller for one in entries if (one.callee or "", one.check or one.name) in new}
            self._wake(self._owners(namespace, waiting))

    def checks_of(self, namespace: str, names: Iterable[str]) -> Iterator[WorkKey]:
        """The CallChecks of these names that there are."""
        for name in names:
            if self._observed.has(CALL_CHECKS.kind, (namespace, name)):
                yield (CALL_CHECKS.kind, namespace, name)

    def counts(self) -> Mapping[tuple[str, str, str, str, str, str, str], int]:
        """Pairs by check, sites, and how their last calls were, for the metrics."""
        counts: Counter[tuple[str, str, str, str, str, str, str]] = Counter()
        for (namespace, check), memory in self._memory.items():
            for entry, pair in memory.pairs.items():
                one = memory.verdicts.get(entry, UNKNOWN)
                after = "true" if one.half is not None and one.half.after_fail_over else "false"
                reason = one.reason if one.state == "failing" else ""
                counts[PairCount(namespace, check, pair.from_site, pair.to_site, one.state, reason, after)] += 1
        return counts

    # What is done.

    async def reconcile(self, namespace: str, name: str) -> tuple[str, float | None]:
        """Bring a CallCheck about; returns the result, and the seconds after which to look again."""
        key: WorkKey = (CALL_CHECKS.kind, namespace, name)
        planned = await self._plan(namespace)
        obj = self._observed.get(CALL_CHECKS.kind, (namespace, name))
        decided = planned.decided.get(name)
        if obj is None or decided is None:
            self._memory.pop((namespace, name), None)
            self._writer.forget(key)
            return "gone", None
        memory = self._memory.setdefault((namespace, name), _Memory())
        waits: list[float | None] = []
        judged = []
        desired = decided if isinstance(decided, DesiredCallCheck) else None
        if desired is not None and not desired.spec.suspend:
            halves = self._halves(namespace, desired)
            for pair in desired.pairs:
                last = memory.verdicts.get(pair.entry, UNKNOWN)
                verdict, wait = call_verdicts.verdict(desired, pair, halves, last, self._now())
                waits.append(wait)
                if failure := call_status.noted(obj["status"], pair, last, verdict):
                    memory.failures = [*memory.failures, failure][-MAX_FAILURES_KEPT:]
                judged.append((pair, verdict))
        memory.verdicts = {pair.entry: verdict for pair, verdict in judged}
        memory.pairs = {pair.entry: pair for pair, _ in judged}
        made = call_status.call_check(
            obj["status"],
            generation=obj["metadata"]["generation"],
            accepted=outcome.accepted(decided),
            decided=desired,
            judged=judged,
            failures=memory.failures,
            now=self._now(),
        )
        events = call_status.events(obj["status"], made)
        waits.append(await self._writer.write_status(CALL_CHECKS, key, obj, status.dump(made), events))
        return outcome.result(decided), min((wait for wait in waits if wait is not None), default=None)

    def _halves(self, namespace: str, check: DesiredCallCheck) -> call_verdicts.Halves:
        views = self._listening.views(namespace)
        answering = {pair.answers.name for pair in check.pairs if pair.answers}
        heard = (phone for phone in answering if self._is_heard(namespace, phone))
        return call_verdicts.halves((report for view in views for report in view.calls.values()), heard)

    def _is_heard(self, namespace: str, phone: str) -> bool:
        """Whether the agents that may carry a phone are heard."""
        if not self._observed.has(SOFTPHONES.kind, (namespace, phone)) and (split := split_name(phone)):
            agents = self._observed.groups.agents((FLEETS.kind, namespace, split[0]))
            views = [self._listening.view((namespace, agent)) for agent in agents]
            return bool(views) and all(view is not None and view.connected for view in views)
        return any(view.connected and phone in view.phones for view in self._listening.views(namespace))

    def _has_checks(self, namespace: str) -> bool:
        return next(self._observed.all(CALL_CHECKS.kind, namespace), None) is not None

    def _outdated(self, namespace: str) -> set[WorkKey]:
        self._changes[namespace] += 1
        self._planned.pop(namespace, None)
        return {(CALL_CHECKS.kind, *object_key) for object_key, _ in self._observed.all(CALL_CHECKS.kind, namespace)}

    async def _plan(self, namespace: str) -> _Planned:
        """The plan of a namespace; where it is another one than before, the owners of the agents are woken."""
        while (known := self._planned.get(namespace)) is None:
            changes = self._changes[namespace]
            made = await self._made(namespace)
            if self._changes[namespace] == changes:
                self._planned[namespace] = known = made
                before, self._told[namespace] = self._told.get(namespace, NO_CALLS), made.plan
                self._wake(self._owners(namespace, call_plan.changed(before, made.plan)))
                break
        return known

    async def _made(self, namespace: str) -> _Planned:
        if not self._has_checks(namespace):
            return _Planned({}, NO_CALLS)
        pbxs = await self._prerequisites.decisions_on_pbxs(namespace)
        decided: dict[str, DesiredCallCheck | Refusal] = {}
        room = MAX_PAIRS
        checks = self._observed.all(CALL_CHECKS.kind, namespace)
        for (_, name), obj in sorted(checks, key=lambda one: self._observed.age(namespace, one[0][1], CALL_CHECKS)):
            if obj["metadata"].get("deletionTimestamp"):
                continue
            found = self._book.found(namespace, desired_call_check.asked(obj["spec"]), pbxs)
            one = desired_call_check.call_check(name, namespace, obj["metadata"]["uid"], obj["spec"], found, room)
            decided[name] = one
            room -= len(one.pairs) if isinstance(one, DesiredCallCheck) else 0
        accepted = [one for one in decided.values() if isinstance(one, DesiredCallCheck)]
        return _Planned(decided, call_plan.plan(accepted))

    def _owners(self, namespace: str, phones: Iterable[str]) -> Iterator[WorkKey]:
        """The objects whose agents carry these phones."""
        for phone in sorted(phones):
            if self._observed.has(SOFTPHONES.kind, (namespace, phone)):
                pool = self._observed.pool_of((namespace, phone))
                yield (POOLS.kind, namespace, pool) if pool else (SOFTPHONES.kind, namespace, phone)
            elif (split := split_name(phone)) and self._observed.has(FLEETS.kind, (namespace, split[0])):
                yield (FLEETS.kind, namespace, split[0])
