"""Reconciles a Rehearsal: gives its machine what has happened, and carries out what that wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

import aiohttp
import structlog

from softphone_operator.api.rehearsal import JobOutcome, RehearsalRun
from softphone_operator.decide import availability, event_rules, names, outcome
from softphone_operator.decide.decisions import DesiredPbx, Refusal
from softphone_operator.decide.event_rules import Event as Posted
from softphone_operator.decide.facts import Statement
from softphone_operator.decide.settings import Settings
from softphone_operator.decide.status import ACCEPTED, condition, dump
from softphone_operator.kubernetes.cluster import Cluster, ClusterError
from softphone_operator.kubernetes.resources import JOBS, PBXS, PODS, REHEARSALS
from softphone_operator.observe.observed import ObjectKey, Observed, WorkKey
from softphone_operator.observe.slimming import Object
from softphone_operator.reconcile.listening import agent_url
from softphone_operator.reconcile.prerequisites import Prerequisites
from softphone_operator.reconcile.records import Records
from softphone_operator.reconcile.run_watch import RunWatch, clock
from softphone_operator.reconcile.writing import Writer
from softphone_operator.rehearsals import manifests, record, states, telling
from softphone_operator.rehearsals.actions import Action, Close, KeepBaseline, StartJob, Tell
from softphone_operator.rehearsals.calls import Call, Calls
from softphone_operator.rehearsals.desired import DesiredRehearsal, Pbxs, rehearsal
from softphone_operator.rehearsals.drill import Drill
from softphone_operator.rehearsals.events import Asked, Counted, Elapsed, Event, JobAbsent, JobRan, RecordLost
from softphone_operator.rehearsals.machine import step
from softphone_operator.rehearsals.obstacles import obstacles
from softphone_operator.rehearsals.record import Record, RecordedPbx, Versions
from softphone_operator.rehearsals.states import State

LOOK_SECONDS = 1.0
"""While one is under way."""
POINT_SECONDS = 1.0
"""So often it looks for agents that are new or have another pod: there may be thousands, and phones tell more often."""
LONGEST_SLEEP_SECONDS = 3600.0
RECORD_SECONDS = 15.0
"""So often the record is written while phones come back: an operator that starts goes on from there."""
CONFLICT = 409
VERSION = version("softphone-fleet")

log = structlog.get_logger()


class Rehearsals:
    """Reconciles them by the parts that the controller has made. `wake` has them reconciled."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        session: aiohttp.ClientSession,
        observed: Observed,
        prerequisites: Prerequisites,
        writer: Writer,
        *,
        wake: Callable[[Iterable[WorkKey]], None],
        now: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        self._jobs_allowed = settings.rehearsal_jobs
        self._cluster = cluster
        self._session = session
        self._observed = observed
        self._prerequisites = prerequisites
        self._writer = writer
        self._wake = wake
        self._now = now
        self._jitter = jitter
        self._records = Records(cluster)
        self._watches: dict[ObjectKey, RunWatch] = {}

    async def close(self) -> None:
        """Follow no agents any more."""
        for object_key in list(self._watches):
            await self._unwatch(object_key)

    async def reconcile(self, namespace: str, name: str) -> tuple[str, float | None]:
        """Bring a Rehearsal forward; returns the result, and the seconds after which to look again."""
        key: WorkKey = (REHEARSALS.kind, namespace, name)
        obj = self._observed.get(REHEARSALS.kind, (namespace, name))
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            await self._unwatch((namespace, name))
            self._writer.forget(key)
            return "gone", None
        pbxs = await self._prerequisites.decisions_on_pbxs(namespace)
        decided = rehearsal(namespace, obj["spec"], pbxs, jobs_allowed=self._jobs_allowed)
        accepted = outcome.accepted(decided) if isinstance(decided, Refusal) else ACCEPTED
        now, stored = self._now(), telling.read(obj["status"])
        generation = obj["metadata"]["generation"]
        planned = decided if isinstance(decided, DesiredRehearsal) else None
        state = states.resume(stored, planned, now, same_spec=stored.observed_generation == generation)
        turn = _Turn(name, state, now)
        self._at_rest(turn, obj, (namespace, name))
        if turn.state.run is None:
            await self._unwatch((namespace, name))
        else:
            await self._bring_forward(turn, obj, turn.state.run, pbxs, told=stored.run is not None)
        kept = {one.record for one in turn.state.history}
        await self._records.remove(obj, {one.record for one in stored.history if one.record} - kept)
        again = await self._write(turn, obj, key, accepted, generation)
        return ("refused" if planned is None else "accepted"), again

    def _at_rest(self, turn: _Turn, obj: Object, object_key: ObjectKey) -> None:
        """What may begin one."""
        busy = self._busy(object_key)
        asked = (obj["metadata"].get("annotations") or {}).get(names.REQUEST_ANNOTATION, "")
        if asked:
            turn.take(Asked(asked, busy))
        turn.take(Elapsed(busy))
        if turn.state.run is not None and object_key not in self._watches and turn.state.run.phase == "Preparing":
            # From now on no other one of the namespace begins.
            self._watch(object_key, turn.state.run, Drill(*turn.state.run.pbxs))

    async def _bring_forward(self, turn: _Turn, obj: Object, run: RehearsalRun, pbxs: Pbxs, *, told: bool) -> None:
        """What happened to the one that is under way. `told`: its status says so already."""
        object_key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        watch = await self._the_watch(obj, run)
        if watch is None:
            turn.take(RecordLost())
            return
        if clock() - watch.pointed_at >= POINT_SECONDS:
            watch.point(self._pods(object_key[0]))
        if run.phase == "Preparing":
            if told and watch.is_complete:
                turn.take(await self._counted(obj, run, watch, pbxs))
        else:
            if run.trigger == "Job":
                turn.take(await self._job(obj, run))
            turn.take(watch.looked(with_calls=run.limits.callable_within_seconds is not None))
        await self._carry_out(turn, obj, run, watch, pbxs)

    async def _counted(self, obj: Object, run: RehearsalRun, watch: RunWatch, pbxs: Pbxs) -> Counted:
        phones = watch.begin()
        found = obstacles(run.pbxs, phones, watch.lost, self._unreachable(obj, run, pbxs), job=run.trigger == "Job")
        if taken := await self._records.taken(obj, run.record):
            found = (*found, taken)
        return Counted(len(phones), found)

    async def _job(self, obj: Object, run: RehearsalRun) -> Event:
        """What there is of the Job. Raises ClusterError."""
        found = await self._cluster.get(JOBS, obj["metadata"]["namespace"], run.record)
        if found is None:
            return JobAbsent()
        conditions = {c["type"]: c for c in found.get("status", {}).get("conditions") or () if c["status"] == "True"}
        if failed := conditions.get("Failed"):
            return JobRan("Failed", str(failed.get("message") or failed.get("reason") or "its pod has failed"))
        ended: JobOutcome = "Succeeded" if "Complete" in conditions else "Running"
        return JobRan(ended)

    async def _carry_out(self, turn: _Turn, obj: Object, run: RehearsalRun, watch: RunWatch, pbxs: Pbxs) -> None:
        now = turn.state.run or run
        for action in list(turn.actions):
            match action:
                case KeepBaseline():
                    await self._keep(obj, self._record(obj, now, watch, pbxs), watch)
                case StartJob():
                    await self._start_job(turn, obj, now)
                case Close(result=result, run=ended_run) if result.record is not None:
                    ended = self._record(obj, ended_run, watch, pbxs).model_copy(update={"result": result})
                    await self._keep(obj, ended, watch)
        late = clock() - watch.written_at >= RECORD_SECONDS
        if turn.state.run is not None and turn.state.run.phase == "Watching" and late:
            await self._keep(obj, self._record(obj, turn.state.run, watch, pbxs), watch)

    async def _keep(self, obj: Object, of: Record, watch: RunWatch) -> None:
        text = record.dump(of)
        if text != watch.written:
            await self._records.write(obj, of.run.record, text)
        watch.written, watch.written_at = text, clock()

    async def _start_job(self, turn: _Turn, obj: Object, run: RehearsalRun) -> None:
        assert turn.state.desired is not None
        assert turn.state.desired.spec.job is not None
        seconds = int((datetime.fromisoformat(run.ends) - turn.now).total_seconds())
        made = manifests.job(obj, run.record, turn.state.desired.spec.job.template, seconds)
        try:
            await self._cluster.create(JOBS, made)
        except ClusterError as error:
            if error.status == CONFLICT:
                return
            if not error.is_refusal:
                raise
            turn.take(JobRan("Failed", f"it could not be made: {error}"))
            return
        log.info("created", object=f"Job/{run.record}")
        turn.take(JobRan("Running"))

    async def _write(
        self, turn: _Turn, obj: Object, key: WorkKey, accepted: Statement, generation: int
    ) -> float | None:
        written = telling.told(obj["status"], turn.state, accepted, generation, turn.now)
        before = condition(obj, "Accepted")
        events = list(event_rules.accepted_events(before, written.conditions[0]))
        events += [Posted(one.type, one.reason, one.message) for one in turn.actions if isinstance(one, Tell)]
        later = await self._writer.write_status(REHEARSALS, key, obj, dump(written), events)
        waits = [later] if later is not None else []
        if turn.state.run is not None:
            waits.append(LOOK_SECONDS)
        elif turn.state.next is not None:
            left = (turn.state.next - turn.now).total_seconds()
            # It is due and does not begin while another one of the namespace is under way.
            waits.append(min(LONGEST_SLEEP_SECONDS, left if left > 0 else LOOK_SECONDS))
        return min(waits, default=None)

    def measured(self) -> Mapping[ObjectKey, telling.Measured]:
        """What is measured of each."""
        return {object_key: telling.measured(obj) for object_key, obj in self._observed.all(REHEARSALS.kind)}

    # What is watched.

    def _watch(self, object_key: ObjectKey, run: RehearsalRun, drill: Drill, calls: Iterable[Call] = ()) -> RunWatch:
        made = RunWatch(
            run.record,
            object_key[0],
            drill,
            Calls(datetime.fromisoformat(run.began), calls),
            self._session,
            news=lambda: self._wake([(REHEARSALS.kind, *object_key)]),
            jitter=self._jitter,
        )
        self._watches[object_key] = made
        return made

    async def _the_watch(self, obj: Object, run: RehearsalRun) -> RunWatch | None:
        """The watch of the run; where another operator began it, it goes on from its record. None: that is gone."""
        object_key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        watch = self._watches.get(object_key)
        if watch is not None and watch.name == run.record:
            return watch
        await self._unwatch(object_key)
        if run.phase == "Preparing":
            return self._watch(object_key, run, Drill(*run.pbxs))
        kept = await self._records.read(obj, run.record)
        if kept is None:
            return None
        log.info("a rehearsal goes on", record=run.record)
        drill = Drill.resumed(run.pbxs, record.parts(kept.phones), clock())
        return self._watch(object_key, run, drill, record.calls(kept.calls))

    async def _unwatch(self, object_key: ObjectKey) -> None:
        if (watch := self._watches.pop(object_key, None)) is not None:
            await watch.close()

    def _pods(self, namespace: str) -> dict[str, Mapping[str, Any]]:
        """The pods whose agents can be asked, by agent."""
        of: dict[str, list[Object]] = {}
        for _, pod in self._observed.all(PODS.kind, namespace):
            of.setdefault(names.instance(pod), []).append(pod)
        current = {agent: availability.current_pod(pods) for agent, pods in of.items()}
        return {agent: pod for agent, pod in current.items() if pod is not None and agent_url(pod) is not None}

    def _busy(self, object_key: ObjectKey) -> str:
        """Another Rehearsal of the namespace that is under way, empty for none."""
        for other, obj in self._observed.all(REHEARSALS.kind, object_key[0]):
            if other != object_key and (other in self._watches or (obj["status"] or {}).get("run")):
                return other[1]
        return ""

    def _unreachable(self, obj: Object, run: RehearsalRun, pbxs: Pbxs) -> list[str]:
        """The other PBXes of the system that no agent reaches."""
        namespace = obj["metadata"]["namespace"]
        others = [one.name for one in _of_systems(run.pbxs, pbxs) if not one.failed]
        seen = {name: self._observed.get(PBXS.kind, (namespace, name)) for name in others}
        return [name for name, pbx in seen.items() if pbx is not None and pbx["status"].get("reachable") is False]

    def _record(self, obj: Object, run: RehearsalRun, watch: RunWatch, pbxs: Pbxs) -> Record:
        made = Record(
            namespace=obj["metadata"]["namespace"],
            rehearsal=obj["metadata"]["name"],
            run=run,
            versions=Versions(operator=VERSION, agents=watch.versions),
            pbxs=tuple(_of_systems(run.pbxs, pbxs)),
        )
        return record.with_outcome(made, watch.drill.parts, watch.drill.result(), watch.calls.all)


class _Turn:
    """One reconcile: the state, and what the machine wants."""

    def __init__(self, name: str, state: State, now: datetime) -> None:
        self.state = state
        self.now = now
        self.actions: list[Action] = []
        self._name = name

    def take(self, event: Any) -> None:
        """Give the machine an event."""
        self.state, actions = step(self.state, event, self.now, self._name)
        self.actions += actions


def _of_systems(failing: Iterable[str], pbxs: Pbxs) -> list[RecordedPbx]:
    """The PBXes that are to fail, and the others of their systems."""
    meant = set(failing)
    accepted = {name: one.pbx for name, one in sorted(pbxs.items()) if isinstance(one, DesiredPbx)}
    systems = {pbx.system for name, pbx in accepted.items() if name in meant} - {""}
    return [
        RecordedPbx(
            name=name, address=pbx.address, location=pbx.location or name, system=pbx.system, failed=name in meant
        )
        for name, pbx in accepted.items()
        if name in meant or pbx.system in systems
    ]
