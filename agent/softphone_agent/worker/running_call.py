"""What a worker keeps of one call while it lasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from softphone_agent.calls import sdp
from softphone_agent.calls.answering import Plays
from softphone_agent.calls.session import Heard, Session
from softphone_agent.calls.states import State
from softphone_agent.contract.call_report import CallEnd, CallState
from softphone_agent.worker.call_encryption import MediaEncryption
from softphone_agent.worker.call_media import MediaSockets


@dataclass(slots=True)
class OfCheck:
    """What belongs to a call because it is the test call of a check."""

    end: CallEnd
    check: str
    call: str
    """Its identity at both ends; empty where a PBX dropped the mark."""
    peer: str
    """The URI that is called, or the AOR of the caller."""
    entry: str = ""
    """Name of the entry of callChecks; empty at the callee's end."""
    token: str = ""
    """By which its answers are marked; empty for no marks."""
    pbx: str | None = None
    """Where the phone was registered when it began."""
    began: float = 0.0
    """Unix time."""
    after_fail_over: bool = False
    answered_by: str = ""
    """The phone of ours that says so in its answer."""
    callable_seconds: float | None = None
    has_failed: bool = False
    """Whether its phone lost its binding while it was up."""
    rescued: bool = False
    """Whether it took the place of a call whose way had failed."""


@dataclass(slots=True)
class RunningCall:
    """One call."""

    number: int
    phone: str
    direction: Literal["In", "Out"]
    state: State
    session: Session
    sockets: MediaSockets
    ours: sdp.Ours
    theirs: sdp.Description | None = None
    """What the other end has described last; None where our description is the offer, until its answer is there."""
    plays: Plays = "Tone"
    ended: Callable[[RunningCall, Heard], None] | None = None
    """Is told when it has ended."""
    of: OfCheck | None = None
    reported: CallState | None = None
    """The state that was reported last."""
    report_at: float = field(default=float("inf"))
    """When it is reported again, though its state is the same."""
    report_wait: float = 1.0
    wakes_at: float = 0.0
    machine_wakes_at: float = float("inf")
    encryption: MediaEncryption = field(default_factory=MediaEncryption)
