"""What a worker keeps of one phone while it runs, and what it has to do for it at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from softphone_agent.contract.phone import Phone
from softphone_agent.contract.report import Outage, PathReport, PhoneReport
from softphone_agent.dns.targets import Place, Target
from softphone_agent.registration.actions import Register, Unregister
from softphone_agent.registration.states import Phase, State
from softphone_agent.sip.request import Secret


@dataclass(slots=True)
class Due:
    """Something to do at a time: wake a phone, or send a REGISTER or un-REGISTER that waited for its turn."""

    at: float
    phone: str
    request: Register | Unregister | None = None


@dataclass(slots=True)
class RunningPhone:
    """One phone: its configuration, the state of its machine, its REGISTER in flight, its registration and report.

    Times are monotonic seconds, unless a comment says otherwise.
    """

    config: Phone
    secret: Secret | None
    state: State
    removed: bool = False
    """Whether the configuration has it no more: it is forgotten when it has stopped."""
    alarm: Due | None = None
    """When the machine is to be woken."""
    is_held: bool = False
    """Whether its connection was closed and another phone waits for their PBX, so that a failed ping is no news."""

    # The REGISTER in flight
    request: Register | None = None
    """What the machine asked for and has no answer to yet. A name may make several REGISTERs of it, or none yet."""
    asked_at: float = 0.0
    asked: Place | None = None
    """Where it was sent; None while the name is being looked up."""
    other_servers: tuple[Target, ...] = ()
    """Servers of the name that are asked if that one does not answer."""
    sockets: int = 0
    """How many times its UDP socket was replaced. Another number is another plan: it registers from the new one."""
    sent_secret: Secret | None = None
    """The credentials of the present registration."""
    sent_location: str | None = None
    """The physical location that the REGISTERs of the present registration carry."""

    # The registration
    bound_at: Place | None = None
    """Where a PBX accepted the phone last."""
    former_at: Place | None = None
    """Where one had accepted it before."""
    engine_at: Place | None = None
    """Where the engine's present registration of the phone leads; None where it was abandoned."""
    location: str | None = None
    """The physical location with which the binding was made."""
    contact: str | None = None
    observed_address: str | None = None
    outage: Outage | None = None
    paths: tuple[PathReport, ...] = ()
    """Its ways from each entry PBX, as checked last; none where it does not check them."""

    # The report
    reported: PhoneReport | None = None
    reported_from: tuple[Any, ...] | None = None
    """What that report was made of, besides the configuration."""
    reported_expiry: float = 0.0
    """Unix time."""

    @property
    def name(self) -> str:
        """The name under which the phone is known everywhere."""
        return self.config.name

    @property
    def is_awaiting(self) -> bool:
        """Whether the machine still waits for the REGISTER that it asked for."""
        return self.request is not None and self.request.serial == self.state.serial

    @property
    def has_stopped(self) -> bool:
        """Whether the phone has no binding and nothing in flight, and begins nothing by itself."""
        return self.state.phase is Phase.STOPPED

    def is_bound_at(self, uri: str) -> bool:
        """Whether this registrar has the binding, and it is known which server of it."""
        binding, place = self.state.binding, self.bound_at
        return place is not None and binding is not None and place.uri == binding.registrar.uri == uri

    def server_of(self, uri: str) -> Target | None:
        """The server of this registrar's name that accepted the phone last."""
        return self.bound_at.target if self.bound_at is not None and self.bound_at.uri == uri else None
