"""What is known about one phone: its attempt, binding, round, and the health of its PBXes. Data, and no rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from softphone_agent.registration.actions import Action
from softphone_agent.registration.plan import Entry, Plan, Registrar
from softphone_agent.registration.policy import Reason, Role


class Phase(Enum):
    """What the phone is doing. The head of `machine` describes each."""

    IDLE = "Idle"
    TRYING = "Trying"
    REGISTERED = "Registered"
    REFRESHING = "Refreshing"
    WAITING = "Waiting"
    STOPPING = "Stopping"
    UNREGISTERING = "Unregistering"
    STOPPED = "Stopped"


@dataclass(frozen=True, slots=True)
class Hop:
    """One redirect that was followed."""

    source: Registrar
    target: Registrar
    code: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to register, from its entry PBX along the redirects. Times as `now`, in seconds."""

    entry: Entry
    target: Registrar
    asked_at: float
    deadline: float
    aor: str
    register_digest: str
    """As in Plan."""
    credentials: str
    hops: tuple[Hop, ...] = ()
    others: tuple[Registrar, ...] = ()
    """The last redirect's other Contacts, best first: asked where the target cannot serve (RFC 3261, 8.1.3.4)."""
    passed: tuple[Registrar, ...] = ()
    """Targets of redirects that could not serve, so that another Contact was asked."""

    @property
    def start(self) -> Registrar:
        """The PBX at which the attempt started."""
        return self.hops[0].source if self.hops else self.target

    @property
    def visited(self) -> tuple[Registrar, ...]:
        """Every PBX asked so far."""
        return (*(hop.source for hop in self.hops), *self.passed, self.target)

    @property
    def redirects(self) -> int:
        """How many targets of redirects were chosen so far: what `max_redirects` of the plan limits."""
        return len(self.hops) + len(self.passed)

    def is_of(self, plan: Plan) -> bool:
        """Whether it shows to a PBX what a new attempt would show."""
        return (self.aor, self.register_digest, self.credentials) == (plan.aor, plan.register_digest, plan.credentials)

    @property
    def redirecting(self) -> frozenset[Registrar]:
        """The PBXes that redirected, when the last one that was asked has done so, too."""
        return frozenset([*(hop.source for hop in self.hops), self.target])


@dataclass(frozen=True, slots=True)
class Binding:
    """A registration that a PBX has granted. Times as `now`, in seconds."""

    registrar: Registrar
    entry: Entry
    start: Registrar
    hops: tuple[Hop, ...]
    role: Role
    aor: str
    register_digest: str
    """As in Plan."""
    since: float
    refresh_at: float
    expires_at: float
    tried: frozenset[Entry] = frozenset()
    """Entry PBXes that its round had tried, and `failed_rounds` before it: if it flaps, that round goes on."""
    failed_rounds: int = 0
    credentials: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """The last thing that went wrong. `code` 0: no answer."""

    reason: Reason
    registrar: Registrar
    at: float
    code: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """A binding that was lost, while no other was granted yet."""

    binding: Binding
    reason: Reason
    at: float
    """Since when the PBX is known to have been silent: the time of the first request that it did not answer."""


@dataclass(frozen=True, slots=True)
class Round:
    """One pass over the entry PBXes, which ends with a binding or with a wait."""

    tried: frozenset[Entry] = frozenset()
    """Entry PBXes that were asked, or passed over."""
    silent: frozenset[Registrar] = frozenset()
    """PBXes that did not answer."""
    rejected: bool = False
    """Whether a PBX rejected the phone."""
    refusals: tuple[Failure, ...] = ()
    """The PBXes that rejected the phone as it is now, with what they answered: asking them again would tell nothing."""
    back: bool = False
    """Whether an entry PBX that was dead answered a ping meanwhile."""
    patient: bool = False
    """Whether the wait is for the PBX that closed its connection, which is asked again before any other."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is known about PBXes from one round to the next."""

    dead: frozenset[Registrar] = frozenset()
    """PBXes that answer no pings."""
    not_before: tuple[tuple[Registrar, float], ...] = ()
    """Retry-After: PBXes that must not be asked before a time, each once."""
    primary_since: float | None = None
    """Since when the primary PBX is known to answer. Kept only where the plan has a `fail_back_after`."""


@dataclass(frozen=True, slots=True)
class Returns:
    """What came of the tries to return to the primary PBX from the present binding."""

    failed: int = 0
    """In a row."""
    not_before: float = 0.0
    """When the next one may come."""


NEW_ROUND = Round()
"""Nobody was asked. One object for all phones, of which most are in this state: they are registered."""
NOTHING_KNOWN = Health()
"""One object for all phones that know of no PBX that is dead or wants time."""

NEVER_TRIED = Returns()
"""One object for all phones that have not tried to return."""


@dataclass(frozen=True, slots=True)
class State:
    """All there is to know about one phone. `machine.begin` makes the first one."""

    plan: Plan
    phase: Phase = Phase.IDLE
    serial: int = 0
    """Of the last request. Answers to others are ignored."""
    attempt: Attempt | None = None
    """The REGISTER in flight: while Trying, Refreshing and Stopping."""
    binding: Binding | None = None
    loss: Loss | None = None
    """The binding before, from its loss to the next binding."""
    round: Round = NEW_ROUND
    failed_rounds: int = 0
    """In a row."""
    flapping: int = 0
    """Bindings in a row that were lost soon after they were made."""
    health: Health = NOTHING_KNOWN
    home: Registrar | None = None
    """Learned from redirects."""
    returns: Returns = NEVER_TRIED
    former: Registrar | None = None
    """Where a binding was left by a return to the primary PBX, until its un-REGISTER is sent."""
    wake_at: float = 0.0
    """Counts while Idle, Waiting, Stopping and Unregistering."""
    failure: Failure | None = None
    ended: bool = False
    """StopRequested was seen: nothing starts any more."""

    @property
    def in_flight(self) -> Attempt:
        """The attempt, in phases that have one."""
        assert self.attempt is not None
        return self.attempt

    @property
    def held(self) -> Binding:
        """The binding, in phases that have one."""
        assert self.binding is not None
        return self.binding

    @property
    def is_returning(self) -> bool:
        """Whether the primary PBX is being asked while the binding elsewhere is good (fail-back)."""
        return self.binding is not None and self.attempt is not None and self.attempt.entry is not Entry.CURRENT

    @property
    def tried(self) -> frozenset[Entry]:
        """As in Round."""
        return self.round.tried

    @property
    def silent(self) -> frozenset[Registrar]:
        """As in Round."""
        return self.round.silent

    @property
    def rejected(self) -> bool:
        """As in Round."""
        return self.round.rejected

    def refusal(self, at: Registrar) -> Failure | None:
        """How this PBX rejected the phone in this round."""
        return next((refusal for refusal in self.round.refusals if refusal.registrar == at), None)

    @property
    def dead(self) -> frozenset[Registrar]:
        """As in Health."""
        return self.health.dead


Step = tuple[State, tuple[Action, ...]]
"""The next state, and what is to be done."""
