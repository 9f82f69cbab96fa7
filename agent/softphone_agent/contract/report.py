"""What the agent reports: the contract of `/status` and `/status?watch=1`.

A snapshot holds everything; the watch sends one JSON object a line: first a snapshot, then what changed, and a
heartbeat where nothing does, so that a reader knows a dead stream from a quiet one.

`/status?watch=1&view=counts` is for who wants no line for each phone: every line holds all counts, at most one line
in COUNTS_SECONDS, and heartbeats. `/status?view=counts` is one such line.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from softphone_agent.contract.call_report import MAX_CALL_REPORTS, CallReport
from softphone_agent.contract.fields import Model
from softphone_agent.registration.policy import Reason as Reason
from softphone_agent.registration.policy import Role as Role

State = Literal["Starting", "Registering", "Registered", "Waiting", "Rejected", "Unregistering", "Stopped", "Suspended"]
Via = Literal["pri", "sec", "cur", "redirect"]

PathVia = Literal["pri", "sec", "cur"]
PathResult = Literal[
    "Holds",
    "WouldKeep",
    "Unreachable",
    "Refused",
    "Loop",
    "TooManyRedirects",
    "OtherHome",
    "Forbidden",
    "CheckNotSupported",
    "Unchecked",
]
GOOD_PATHS: frozenset[PathResult] = frozenset({"Holds", "WouldKeep"})
UNKNOWN_PATHS: frozenset[PathResult] = frozenset({"CheckNotSupported", "Unchecked"})
"""All others are ways that would not hold: the phone is not redundant."""

STATES: tuple[State, ...] = State.__args__  # type: ignore[attr-defined]
HEARTBEAT_SECONDS = 5.0
COUNTS_SECONDS = 0.5


class Redirect(Model):
    """One redirect that the registration walked through."""

    pbx: str = Field(max_length=300, description="PBX that redirected: the object's name, or host:port.")
    target: str = Field(max_length=300, description="PBX it pointed to: the object's name, or host:port.")
    code: int = Field(description="SIP status code, 300 to 399.")


class LastFailure(Model):
    """The last thing that went wrong."""

    code: int = Field(description="SIP status code, 0 where there was no answer.")
    reason: Reason = Field(description="What kind of failure it was.")
    message: str = Field(default="", max_length=256, description="The PBX's own words, or ours.")
    pbx: str = Field(max_length=300, description="Where: the PBX object's name, or host:port.")
    time: str = Field(
        max_length=40,
        description="When, RFC 3339 UTC. Of the same failure again and again: the first since the state changed.",
    )


class Outage(Model):
    """A time without registration that nobody asked for. Going home by a redirected refresh is none."""

    began: str = Field(max_length=40, description="When the first request was sent that was not answered, RFC 3339.")
    ended: str | None = Field(
        default=None, max_length=40, description="When a PBX had accepted the phone again; missing while it lasts."
    )
    pbx: str = Field(max_length=300, description="PBX that held the registration: name, or host:port.")
    reason: Reason = Field(description="Why the registration was lost.")


class PathReport(Model):
    """The way from one entry PBX to its end, as the last path check found it."""

    via: PathVia = Field(description="Entry PBX at which the way begins.")
    result: PathResult = Field(
        description="Holds: its end holds the phone and lists its binding. WouldKeep: its end would keep the phone, "
        "and lists no binding. Unreachable: no answer somewhere on the way. Refused: a final answer that refuses. "
        "Loop, TooManyRedirects: its redirects lead nowhere. OtherHome: it ends at another PBX than the phone's home. "
        "Forbidden: a redirect to a place that TLS or redirectPolicy forbids. CheckNotSupported: a PBX answers a "
        "REGISTER without Contact in a way that tells nothing. Unchecked: not checked yet, or not within two intervals."
    )
    pbx: str | None = Field(
        default=None, max_length=300, description="PBX at which the way ended, good or not: name, or host:port."
    )
    redirects: tuple[Redirect, ...] = Field(default=(), description="Redirects walked, in order.")
    code: int = Field(default=0, description="SIP status code of the last answer, 0 where there was none.")
    message: str = Field(default="", max_length=256, description="The PBX's own words, or ours.")
    since: str | None = Field(
        default=None, max_length=40, description="Since when this is the result, RFC 3339 UTC; missing while Unchecked."
    )


class PhoneReport(Model):
    """One phone. The fields change on transitions only; nothing in here ticks."""

    name: str = Field(description="Name of the Softphone object.")
    state: State = Field(description="What the phone is doing.")
    registered: bool = Field(description="Whether a binding is valid now, also while it is refreshed or moved.")
    pbx: str | None = Field(default=None, description="PBX that holds the binding: name, or host:port.")
    registrar: str | None = Field(default=None, description="SIP URI of that registrar.")
    via: Via | None = Field(default=None, description="How the phone came there.")
    role: Role | None = Field(default=None, description="Home, Standby, or Unknown.")
    redirects: tuple[Redirect, ...] = Field(default=(), description="Redirects walked, in order.")
    physical_location: str | None = Field(
        default=None, description="Location sent in the REGISTER that made the binding."
    )
    contact: str | None = Field(default=None, description="Contact that was registered.")
    observed_address: str | None = Field(
        default=None,
        description="Where the PBX saw the REGISTER come from, as host:port, where that is not our own address.",
    )
    since: str = Field(description="When the present state of affairs began, RFC 3339 UTC.")
    last_failure: LastFailure | None = Field(default=None, description="The last thing that went wrong.")
    last_outage: Outage | None = Field(default=None, description="The last outage since the agent has the phone.")
    paths: tuple[PathReport, ...] = Field(
        default=(), max_length=3, description="Its ways, one for each entry PBX; none where path checks are off."
    )


class PbxReport(Model):
    """One PBX as this agent sees it."""

    name: str = Field(description="The PBX object's name, or host:port.")
    reachable: bool | None = Field(default=None, description="Whether it answers; missing while nothing is known.")
    answers_options: bool | None = Field(
        default=None, description="Whether it answers OPTIONS. One that does not may take REGISTER all the same."
    )
    certificate_expires: str | None = Field(
        default=None, max_length=40, description="When the certificate that it showed ends, RFC 3339 UTC; TLS only."
    )


class ConfigReport(Model):
    """Which configuration runs, and why a newer one does not."""

    digest: str = Field(description="Digest of the configuration that runs (config.digest).")
    refused: tuple[str, ...] = Field(default=(), description="Faults of a newer file that was refused.")


class Snapshot(Model):
    """Everything, at one moment."""

    type: Literal["snapshot"] = "snapshot"
    version: str = Field(description="Version of the agent.")
    config: ConfigReport
    phones: tuple[PhoneReport, ...] = ()
    pbxs: tuple[PbxReport, ...] = ()
    calls: tuple[CallReport, ...] = Field(
        default=(), max_length=MAX_CALL_REPORTS, description="The last of each test call and end."
    )


class PhoneChanged(Model):
    """A phone changed."""

    type: Literal["phone"] = "phone"
    phone: PhoneReport


class PhoneRemoved(Model):
    """A phone is gone from the configuration."""

    type: Literal["removed"] = "removed"
    name: str


class PbxChanged(Model):
    """A PBX became reachable or unreachable, or nothing is known of it any more, since no phone has to do with it."""

    type: Literal["pbx"] = "pbx"
    pbx: PbxReport


class CallChanged(Model):
    """A test call began, went on, or ended."""

    type: Literal["call"] = "call"
    call: CallReport


class ConfigChanged(Model):
    """Another configuration runs, or one was refused."""

    type: Literal["config"] = "config"
    config: ConfigReport


class Heartbeat(Model):
    """Nothing changed for HEARTBEAT_SECONDS."""

    type: Literal["heartbeat"] = "heartbeat"


class PbxCounts(Model):
    """The phones that one PBX holds, and whether this agent reaches it."""

    name: str = Field(description="The PBX object's name, or host:port.")
    registered: int = Field(default=0, description="Phones registered there.")
    home: int = Field(default=0, description="Those at home there.")
    standby: int = Field(default=0, description="Those whose home is elsewhere.")
    reachable: bool | None = Field(default=None, description="Whether it answers; missing while nothing is known.")
    answers_options: bool | None = Field(default=None, description="As in PbxReport.")
    certificate_expires: str | None = Field(default=None, max_length=40, description="As in PbxReport.")


class PathCounts(Model):
    """The checked ways from one kind of entry PBX, of all phones that are to check theirs."""

    via: PathVia = Field(description="Entry PBX at which the ways begin.")
    results: dict[PathResult, int] = Field(default={}, description="Phones by result; results of nobody are left out.")
    worst: PathReport | None = Field(default=None, description="One of the ways that would not hold, if any.")


class Counts(Model):
    """How many phones are in which state. Nothing in here ticks."""

    type: Literal["counts"] = "counts"
    version: str = Field(description="Version of the agent.")
    config: ConfigReport
    phones: int = Field(description="Phones that the agent carries.")
    registered: int = Field(default=0, description="Those with a valid binding.")
    states: dict[State, int] = Field(default={}, description="Phones by state; states without phones are left out.")
    failures: dict[Reason, int] = Field(
        default={}, description="Phones that want a binding and have none, by their last failure."
    )
    pbxs: tuple[PbxCounts, ...] = ()
    paths: tuple[PathCounts, ...] = ()
    calls: tuple[CallReport, ...] = Field(default=(), max_length=MAX_CALL_REPORTS, description="As in Snapshot.")


WatchLine = Annotated[
    Snapshot | Counts | PhoneChanged | PhoneRemoved | PbxChanged | CallChanged | ConfigChanged | Heartbeat,
    Field(discriminator="type"),
]
_watch_line: TypeAdapter[WatchLine] = TypeAdapter(WatchLine)


def parse_line(line: bytes | str) -> WatchLine:
    """Parse one line of the watch; raises pydantic's ValidationError."""
    return _watch_line.validate_json(line)


def to_line(message: WatchLine) -> bytes:
    """One line of the watch."""
    return message.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n"
