"""Test calls, as the configuration file has them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from softphone_agent.contract.fields import ID_PATTERN, AorText, Location, Model, Name, SipUriText

Hears = Literal["Tone", "Echo", "Anything", "Unasked"]


class CallExpectation(Model):
    """What is expected of a test call. The first thing that is not so is told first."""

    code: int = Field(default=200, ge=200, le=699, description="Final answer to INVITE.")
    answer_seconds: float | None = Field(
        default=None, gt=0, le=120, description="It must have come within this time, in seconds. Default: any time."
    )
    hears: Hears = Field(
        default="Tone",
        description="What the caller must hear. Tone: that of a phone with `answer: Tone`. Echo: its own tone, sent "
        "back. Anything: packets, whatever is in them. Unasked: audio is not looked at.",
    )
    max_loss_percent: float | None = Field(
        default=1.0,
        ge=0,
        le=100,
        description="Packets that may be lost. Not looked at where the agent was late itself by a second.",
    )
    min_mos: float | None = Field(
        default=None, ge=1, le=4.5, description="Least MOS (ITU-T G.107), where loss and round trip were measured."
    )


class CallCheck(Model):
    """A test call that a phone makes again and again."""

    name: Name = Field(description="Its name.")
    check: Name | None = Field(
        default=None, description="What metrics call it: several entries may be one check. Default: the name."
    )
    caller: Name = Field(description="The phone that calls.")
    to: SipUriText = Field(description="SIP URI that it calls, by the PBX at which it is registered.")
    callee: Name | None = Field(
        default=None, description="The phone that is to answer, of this agent or another; none: somebody else."
    )
    token: str = Field(
        default="",
        max_length=64,
        pattern=ID_PATTERN,
        description="Text that both ends know and strangers cannot guess: from it each call gets a mark, in a header, "
        "by which the callee knows it. The text itself is not sent. Empty: calls have no mark.",
    )
    from_site: Location | None = Field(default=None, description="Site of the caller, for metrics.")
    to_site: Location | None = Field(default=None, description="Site of the callee, for metrics.")
    times: int | None = Field(
        default=None, ge=1, le=1000, description="So many calls are made, and no more. Default: without end."
    )
    after_fail_over: bool = Field(
        default=False,
        description="Call at once when the caller or a callee in the same file has moved to another PBX, and again "
        "until a call is answered with audio both ways.",
    )
    every_seconds: float = Field(default=60.0, ge=5, le=86400, description="From one call to the next, in seconds.")
    answer_timeout_seconds: float = Field(
        default=20.0,
        gt=0,
        le=120,
        description="When nobody has answered for so long the call is cancelled, in seconds.",
    )
    talk_seconds: float = Field(
        default=5.0,
        ge=1,
        le=86400,
        description="How long an answered call lasts, in seconds. OPTIONS within it watch one of more than 30 s.",
    )
    rescue: bool = Field(
        default=False,
        description="A call in which the other end cannot be reached any more, since a PBX on the way has failed, is "
        "made anew by the PBX where the caller is registered then, in place of the old one (INVITE with Replaces, "
        "RFC 3891).",
    )
    expected: CallExpectation = Field(default_factory=CallExpectation, description="What is expected of the call.")

    @property
    def label(self) -> str:
        """What metrics call it."""
        return self.check or self.name


class Callee(Model):
    """A phone that a check calls: with `answer: Checks` it answers the calls of such checks, and no others."""

    phone: Name = Field(description="The phone, one of this file.")
    check: Name = Field(description="The check.")
    token: str = Field(default="", max_length=64, pattern=ID_PATTERN, description="As in callChecks.")
    callers: tuple[AorText, ...] = Field(
        default=(),
        max_length=1000,
        description="AORs of the phones that call it: by these it knows a call without a mark, where that comes from a "
        "PBX in use. Some PBXes drop headers that they do not know.",
    )
    ring_seconds: float = Field(
        default=0.0, ge=0, le=60, description="For so long it rings (180) before it answers, in seconds."
    )
