"""What the SIP engine tells of: answers, ends of pings, connections, messages of traced phones, strangers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from softphone_agent.dns.targets import Place
from softphone_agent.sip.unsolicited import Reply


@dataclass(frozen=True, slots=True)
class Answer:
    """The final answer to a REGISTER or un-REGISTER. `code` 0: none, and `reason` says why."""

    phone: str
    serial: int
    unregister: bool
    code: int
    reason: str
    expires: int
    """Granted expiry in seconds; 0 where the answer grants none."""
    contact: str
    """Of the binding that it grants, as the PBX lists it."""
    message: str
    """The whole answer, for its headers."""
    earlier: tuple[int, ...] = ()
    """Codes of the answers before it, which were answered with another REGISTER (401, 407, 423)."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The final answer to a REGISTER without Contact. `code` 0: none, and `reason` says why."""

    phone: str
    serial: int
    code: int
    reason: str
    message: str
    """The whole answer: a 200 lists the bindings of the AOR (RFC 3261, section 10.3, step 8)."""
    was_sent: bool = True
    """Whether it went out: False where no connection came about."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The end of an OPTIONS ping: any final answer of the PBX itself counts as alive."""

    place: Place
    alive: bool


@dataclass(frozen=True, slots=True)
class SentAgain:
    """Another REGISTER went there for an answer that does not count yet (401, 407, 423): it is to be paid for."""

    place: Place


@dataclass(frozen=True, slots=True)
class Refused:
    """The kernel was told by ICMP that nobody listens at this UDP place."""

    address: str
    """IP address, IPv6 without brackets."""
    port: int


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """This process has a new TCP or TLS connection."""

    address: str = ""
    """IP address of the PBX, IPv6 without brackets."""
    port: int = 0
    certificate_expires: float | None = None
    """Unix time at which the certificate ends that the PBX has shown; None where it has shown none."""


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """A TCP or TLS connection of this process was closed."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A SIP message of a phone that is traced, without its credentials."""

    phone: str
    sent: bool
    peer: str
    """Transport, host and port, as in `UDP 192.0.2.1:5060`."""
    message: str


@dataclass(frozen=True, slots=True)
class CallOffered:
    """An INVITE came for a phone that answers calls."""

    call: int
    """Its number from now on."""
    phone: str
    caller: str
    """The URI in From, which anybody may write there."""
    sdp: str
    """Empty: the offer is to be in the answer."""
    mark: str = ""
    """What the header of test calls has (call_protocol.py), which anybody may send; empty for none."""
    from_pbx: bool = False
    """Whether it came from the address of a PBX in use."""
    replaces: int = 0
    """The call of ours whose place it is to take (RFC 3891): who asks for that knows its tags; 0 for none."""


class CallNews(Enum):
    """What a CallSignal tells."""

    PROGRESSED = "Progressed"
    """A provisional answer to our INVITE: `code`."""
    ANSWERED = "Answered"
    """A 2xx to it: `code`, `sdp`, `mark`."""
    REFUSED = "Refused"
    """Another final answer, or none (`code` 0): `code`, `reason`."""
    ACKNOWLEDGED = "Acknowledged"
    """The ACK to our 2xx, or to a refusal that waits for it: `sdp`, where it has one."""
    REOFFERED = "Reoffered"
    """A re-INVITE: `sdp`, where it has one."""
    CANCELLED = "Cancelled"
    """The caller has given up. It was answered."""
    BYE_CAME = "ByeCame"
    """It was answered."""
    BYE_ANSWERED = "ByeAnswered"
    """`code`; 0 for no answer."""
    ASK_ANSWERED = "AskAnswered"
    """`code` of the answer to OPTIONS; 0 for no answer."""


@dataclass(frozen=True, slots=True)
class CallSignal:
    """Something came for a call."""

    call: int
    news: CallNews
    code: int = 0
    reason: str = ""
    sdp: str = ""
    mark: str = ""
    """Of a 2xx, as in CallOffered."""


@dataclass(slots=True)
class FromStrangers:
    """What came from others than the PBXes that were asked, counted since it was last taken."""

    requests: Counter[Reply] = field(default_factory=Counter)
    discarded: Counter[str] = field(default_factory=Counter)
    """By reason: NotSip, TooLong, Slow, TooMany (connections), Stray (an answer to nothing)."""


Happening = (
    Answer
    | Fetched
    | Pong
    | Refused
    | SentAgain
    | ConnectionOpened
    | ConnectionClosed
    | Signal
    | CallOffered
    | CallSignal
)
