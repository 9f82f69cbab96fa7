"""What the supervisor and its workers say to each other over a pipe."""

from __future__ import annotations

from dataclasses import dataclass, field

from softphone_agent.contract.call_check import CallCheck, Callee
from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.config import Sip
from softphone_agent.contract.phone import Pbx, Phone
from softphone_agent.contract.report import PbxReport, PhoneReport
from softphone_agent.dns.targets import Server
from softphone_agent.phone.observations import Observation
from softphone_agent.worker.moves import Back


@dataclass(frozen=True, slots=True)
class Configure:
    """To a worker: these are your phones now. Read the files of credentials again."""

    sip: Sip
    pbxs: tuple[Pbx, ...]
    phones: tuple[Phone, ...]
    max_calls: int = 32
    """At a time."""
    checks: tuple[CallCheck, ...] = ()
    """Of these phones, and of others."""
    callees: tuple[Callee, ...] = ()
    """The same."""


@dataclass(frozen=True, slots=True)
class Share:
    """To a worker: this part of each PBX's rate is yours, since the rate is that of the whole agent."""

    part: float


@dataclass(frozen=True, slots=True)
class Stop:
    """To a worker: un-REGISTER all phones and end."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """From a worker: where does this registrar's name lead? The answer is wanted within `seconds`."""

    uri: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LookedUp:
    """To a worker: the servers of the registrar at this canonical URI, or why there are none."""

    uri: str
    servers: tuple[Server, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """To a worker: this phone of another worker, which phones of yours call, is registered again."""

    move: Back


ToWorker = Configure | Share | Stop | LookedUp | Moved


@dataclass(slots=True)
class News:
    """From a worker: what happened since the last news. Sent at least once a second, as a sign of life."""

    phones: list[PhoneReport] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    pbxs: list[PbxReport] = field(default_factory=list)
    unwatched: list[str] = field(default_factory=list)
    """PBXes with which no phone has to do any more; what was said of them before, also in `pbxs`, counts no more."""
    expiries: dict[str, float] = field(default_factory=dict)
    """Phone -> Unix time at which its binding ends, where that changed; 0 for no binding."""
    calls: list[CallReport] = field(default_factory=list)
    """Test calls that began, went on or ended, in their order."""
    moves: list[Back] = field(default_factory=list)
    """Of phones that are called after a fail-over by phones of other workers."""
    observations: list[Observation] = field(default_factory=list)

    @property
    def urgent(self) -> bool:
        """Whether somebody who looks at the agent would see something else now."""
        return bool(self.phones or self.removed or self.pbxs or self.unwatched or self.calls or self.moves)

    def __bool__(self) -> bool:
        return self.urgent or bool(self.expiries or self.observations)
