"""Test calls, as the configuration file has them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from softphone_agent.contract.fields import Model, Name, SipUriText

Hears = Literal["Tone", "Echo", "Anything"]


class CallExpectation(Model):
    """What is expected of a test call. The first thing that is not so is told first."""

    code: int = Field(default=200, ge=200, le=699, description="Final answer to INVITE.")
    answer_seconds: float | None = Field(
        default=None, gt=0, le=120, description="It must have come within this time, in seconds. Default: any time."
    )
    hears: Hears = Field(
        default="Tone",
        description="What the caller must hear. Tone: that of a phone with `answer: Tone`. Echo: its own tone, sent "
        "back. Anything: packets, whatever is in them.",
    )
    max_loss_percent: float | None = Field(
        default=1.0,
        ge=0,
        le=100,
        description="Packets that may be lost. Not looked at where the agent was late itself.",
    )
    min_mos: float | None = Field(
        default=None, ge=1, le=4.5, description="Least MOS (ITU-T G.107), where loss and round trip were measured."
    )


class CallCheck(Model):
    """A test call that a phone makes again and again."""

    name: Name = Field(description="Its name; metrics carry it.")
    caller: Name = Field(description="The phone that calls.")
    to: SipUriText = Field(description="SIP URI that it calls, by the PBX at which it is registered.")
    every_seconds: float = Field(default=60.0, ge=5, le=86400, description="From one call to the next, in seconds.")
    answer_timeout_seconds: float = Field(
        default=20.0,
        gt=0,
        le=120,
        description="When nobody has answered for so long the call is cancelled, in seconds.",
    )
    talk_seconds: float = Field(default=5.0, ge=1, le=600, description="How long an answered call lasts, in seconds.")
    expected: CallExpectation = Field(default_factory=CallExpectation, description="What is expected of the call.")
