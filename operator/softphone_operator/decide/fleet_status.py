"""The status of a SoftphoneFleet, from the counts that its agents report. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from softphone_agent.contract.report import Counts
from softphone_operator.api.status import ManyAgents, ManyPhonesStatus, SoftphoneFleetStatus
from softphone_operator.decide import availability, event_rules, fleet_redundancy, progress, redundancy, status
from softphone_operator.decide.event_rules import Event
from softphone_operator.decide.facts import Reported, Statement
from softphone_operator.decide.status import Object

SETTLED = ("Rejected", "Suspended", "Stopped")
"""States of phones that no waiting will change."""


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What is known of one agent. `phones`: how many its file has. `updated`: its pod is as it should be."""

    name: str
    available: Statement
    reported: Reported
    counts: Counts | None
    digest: str | None
    phones: int
    updated: bool

    @property
    def told(self) -> Counts | None:
        """What it reports of its phones, None while its stream is lost."""
        return None if self.reported.stream == "lost" else self.counts

    @property
    def carried(self) -> int:
        """How many phones it carries: as many as it says, else as many as its file has."""
        return self.phones if self.told is None else self.told.phones

    @property
    def up(self) -> bool:
        """Whether it runs and its phones are registered again, but for those that a PBX refuses."""
        if self.available.status != "True" or self.reported.stream != "connected" or self.counts is None:
            return False
        done = self.counts.registered + sum(self.counts.states.get(state, 0) for state in SETTLED)  # type: ignore[call-overload]
        return bool(done >= self.phones)


def fleet(
    previous: Object,
    *,
    generation: int,
    accepted: Statement,
    agents: Sequence[AgentFacts],
    wanted: int | None,
    suspended: bool,
    selector: str,
    asked: redundancy.Asked | None = None,
    now: datetime,
) -> SoftphoneFleetStatus:
    """The status of a fleet. `wanted`: how many phones; None where the spec is refused: as many as the agents carry.

    `asked`: what the template asks for, None where it is refused or makes no phones.

    The phones of an agent whose stream is lost count among those that it carries, not among those that are registered.
    While a stream is just coming back, the earlier counts stay.
    """
    counts = [a.told for a in agents if a.told is not None]
    failures: Counter[str] = Counter()
    for one in counts:
        failures.update(one.failures)
    replicas = sum(a.carried for a in agents)
    registered = sum(one.registered for one in counts)
    standby = sum(pbx.standby for one in counts for pbx in one.pbxs)
    if any(a.counts is None and a.reported.stream == "connecting" for a in agents) and previous.get("agents"):
        replicas, registered, standby = (previous.get(key, 0) for key in ("replicas", "registered", "standby"))
        failures = Counter(previous.get("failures") or {})
    of = replicas if wanted is None else wanted
    available = _available(agents)
    statement = _registered(agents, of, registered, standby, failures, suspended=suspended)
    ready = _ready(accepted, available, statement, agents)
    ways = fleet_redundancy.ways(counts, len(agents))
    redundant = _redundant(previous, asked, ways, statement, generation)
    return SoftphoneFleetStatus(
        observed_generation=generation,
        conditions=status.conditions(
            previous,
            {
                "Accepted": accepted,
                "AgentsAvailable": available,
                "Registered": statement,
                "Ready": ready,
            }
            | redundant
            | progress.progress(accepted, available, ready),
            generation,
            now,
        ),
        replicas=replicas,
        registered=registered,
        standby=standby,
        redundant=fleet_redundancy.redundant(ways.paths) if ways.paths else None,
        paths=ways.paths or None,
        failures=dict(sorted(failures.items())) or None,
        agents=ManyAgents(
            wanted=len(agents),
            ready=sum(a.available.status == "True" and a.reported.stream != "lost" for a in agents),
            updated=sum(a.updated for a in agents),
        ),
        selector=selector,
    )


def _redundant(
    previous: Object,
    asked: redundancy.Asked | None,
    ways: fleet_redundancy.FleetWays,
    registered: Statement,
    generation: int,
) -> dict[str, Statement]:
    """The condition Redundant, where the fleet has one."""
    before = status.condition({"status": previous}, redundancy.REDUNDANT)
    same = before.get("observedGeneration") == generation
    said = fleet_redundancy.statement(asked, ways, registered, before, same=same)
    return {redundancy.REDUNDANT: said} if said else {}


def _available(agents: Sequence[AgentFacts]) -> Statement:
    missing = [a for a in agents if a.available.status != "True"]
    if not missing:
        return Statement("True", "Available", f"{len(agents)} of {len(agents)} agents run")
    first = missing[0]
    loud = next((a for a in missing if a.available.reason not in availability.QUIET_REASONS), first)
    told = f"{len(agents) - len(missing)} of {len(agents)} agents run; {loud.name}: {loud.available.message}"
    return Statement("False", loud.available.reason, told)


def _registered(
    agents: Sequence[AgentFacts],
    wanted: int,
    registered: int,
    standby: int,
    failures: Counter[str],
    *,
    suspended: bool,
) -> Statement:
    if suspended and registered == 0:
        return Statement("False", "Suspended", "the phones are suspended")
    if agents and all(a.reported.stream == "lost" for a in agents):
        if all(a.available.status == "True" for a in agents):
            return Statement("Unknown", "AgentUnreachable", f"no agent can be heard: {agents[0].reported.why}")
        return Statement("Unknown", "NoAgent", "there is no agent that could tell")
    told = f"{registered} of {wanted} phones are registered"
    if standby:
        told += f", {standby} of them as Standby"
    if registered >= wanted:
        return Statement("True", "Registered", told)
    if not failures:
        return Statement("False", "Registering", told)
    reasons = ", ".join(f"{number} {reason}" for reason, number in failures.most_common())
    return Statement("False", failures.most_common(1)[0][0], f"{told}; failures: {reasons}")


def _ready(accepted: Statement, available: Statement, registered: Statement, agents: Sequence[AgentFacts]) -> Statement:
    for statement in (accepted, available):
        if statement.status != "True":
            return Statement("False", statement.reason, statement.message)
    outdated = sum(not a.updated for a in agents)
    if outdated:
        return Statement("False", "Updating", f"{outdated} of {len(agents)} agents are still to be changed")
    for a in agents:
        running = a.reported.config if a.reported.stream == "connected" else None
        if running is None or a.digest is None or running.digest == a.digest:
            continue
        if running.refused:
            faults = "; ".join(running.refused)
            return Statement("False", "ConfigRefused", f"{a.name} refused its configuration: {faults}")
        return Statement("False", "ConfigPending", f"{a.name} still runs an earlier configuration")
    return Statement("True" if registered.status == "True" else "False", registered.reason, registered.message)


def events(previous: Object, made: ManyPhonesStatus) -> list[Event]:
    """The Events for a change of the status of a fleet or a pool: one for all phones."""
    before = {c["type"]: c for c in previous.get("conditions") or ()}
    after = {c.type: c for c in made.conditions}
    found = list(event_rules.accepted_events(before.get("Accepted", {}), after["Accepted"]))
    agents, was = after["AgentsAvailable"], before.get("AgentsAvailable", {})
    if (
        agents.status == "False"
        and agents.reason not in availability.QUIET_REASONS
        and agents.reason != was.get("reason")
    ):
        found.append(Event("Warning", agents.reason, agents.message))
    registered, was = after["Registered"], before.get("Registered", {})
    if registered.status == "True" and was.get("status") != "True":
        found.append(Event("Normal", "Registered", registered.message))
    elif registered.reason in status.LOSSES and was.get("reason") not in status.LOSSES:
        found.append(Event("Warning", registered.reason, registered.message))
    if made.standby and not previous.get("standby"):
        found.append(Event("Warning", "Standby", f"{made.standby} phones are kept by a PBX that is not their home"))
    elif previous.get("standby") and not made.standby and made.registered:
        found.append(Event("Normal", "Home", "no phone is kept by a PBX that is not its home any more"))
    return [*found, *event_rules.redundant_events(before, after, personal=False)]
