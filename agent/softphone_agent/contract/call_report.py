"""One end of a test call, as the agent reports it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from softphone_agent.contract.fields import Model

CallEnd = Literal["Caller", "Callee"]
CallState = Literal["Calling", "Ringing", "Talking", "Ended"]
HeardSound = Literal["Tone", "Audio", "Silence", "Nothing"]
Survival = Literal["Untouched", "Rescued", "Lost"]

MAX_CALL_REPORTS = 2000
"""So many of them an agent keeps at most: the last one of each test call and end."""
MAX_FAULTS = 8


class CallReport(Model):
    """What one end knows of a test call. It is sent again with each change of `state`."""

    end: CallEnd = Field(description="Caller: the phone that a check makes call. Callee: the one that is called.")
    check: str = Field(default="", max_length=253, description="The check that the call belongs to; empty: not known.")
    entry: str = Field(
        default="", max_length=253, description="Name of the entry of callChecks; empty at the callee's end."
    )
    call: str = Field(
        default="",
        max_length=64,
        description="Identity of this one call, the same at both ends; empty at the callee's where a PBX dropped it.",
    )
    phone: str = Field(max_length=253, description="Phone of this end.")
    peer: str = Field(
        default="",
        max_length=512,
        description="The other end: at the caller's the URI that is called, at the callee's the AOR of the caller.",
    )
    state: CallState = Field(description="Where the call stands.")
    began: str = Field(max_length=40, description="When the INVITE was sent, or came, RFC 3339 UTC.")
    ended: str | None = Field(default=None, max_length=40, description="When the call ended; missing while it goes on.")
    pbx: str | None = Field(
        default=None, max_length=300, description="PBX at which the phone is registered: name, or host:port."
    )
    passed: bool | None = Field(
        default=None,
        description="Whether this end saw all that was expected of it; missing while the call goes on, at the callee's "
        "end, and of calls after a fail-over before the first that was answered with audio both ways.",
    )
    faults: tuple[str, ...] = Field(
        default=(), max_length=MAX_FAULTS, description="What was not as expected, the first cause first."
    )
    code: int = Field(default=0, description="Final answer to INVITE, 0 where there was none.")
    reason: str = Field(default="", max_length=256, description="Its words, or ours, where it is no 2xx.")
    answered_by: str = Field(
        default="",
        max_length=253,
        description="The phone of ours that answered, as its answer says; empty where it says nothing.",
    )
    ring_seconds: float | None = Field(
        default=None, description="From INVITE to the first answer that is not 100 (SRD of RFC 6076), in seconds."
    )
    answer_seconds: float | None = Field(default=None, description="From INVITE to its 2xx, in seconds.")
    talk_seconds: float | None = Field(
        default=None, description="From the 2xx to BYE (SDT of RFC 6076), in seconds; missing before."
    )
    hang_up_seconds: float | None = Field(
        default=None, description="From our BYE to its 2xx (SDD of RFC 6076), in seconds; missing where none came."
    )
    heard: HeardSound | None = Field(
        default=None,
        description="What this end heard. Tone: that of the other end. Audio: something else. Silence: packets "
        "without sound. Nothing: no packet. Missing where nobody answered.",
    )
    heard_there: bool | None = Field(
        default=None,
        description="Whether the other end reports by RTCP that it hears us; missing where it reports nothing.",
    )
    lost_percent: float | None = Field(default=None, description="Packets that did not come here; missing: not known.")
    jitter_seconds: float | None = Field(default=None, description="Jitter here (RFC 3550); missing: not known.")
    round_trip_seconds: float | None = Field(default=None, description="By RTCP; missing: not measured.")
    mos: float | None = Field(default=None, description="MOS here (ITU-T G.107); missing until it was measured.")
    own_lateness: bool = Field(
        default=False, description="Whether this agent was late itself: then jitter may be its own."
    )
    survived: Survival | None = Field(
        default=None,
        description="Of a call that was up while its PBX failed. Untouched: it went on, media and signalling. Rescued: "
        "it was made anew by another PBX. Lost: it could not be ended or was silent. Missing where nothing failed.",
    )
    after_fail_over: bool = Field(
        default=False, description="Whether a phone of the check had moved, and so the call was made at once."
    )
    callable_seconds: float | None = Field(
        default=None,
        description="After a fail-over, of the first call that was answered with audio both ways: from the loss of "
        "the binding to that audio, in seconds.",
    )


def key(report: CallReport) -> tuple[str, str, str, str]:
    """What there is one last report of: end, entry or check, phone, and at the callee's end the caller."""
    peer = report.peer if report.end == "Callee" else ""
    return report.end, report.entry or report.check, report.phone, peer


def supersedes(new: CallReport, old: CallReport) -> bool:
    """Whether a report takes the place of an earlier one with the same key.

    After a fail-over several calls are made at a time. When one is answered with audio both ways the others are hung
    up: what they end with says nothing.
    """
    is_one_of_several = new.after_fail_over and new.passed is None and new.end == "Caller"
    return not (is_one_of_several and old.state == "Ended" and new.began <= (old.ended or ""))
