"""The spec and the status of CallCheck: test calls between phones, and what became of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from softphone_agent.contract.fields import Model
from softphone_operator.api.spec import MAX_PBX_LABEL, NameText, Spec, UriText
from softphone_operator.api.status import Condition, ObjectStatus, conditions_field

MAX_PAIRS = 360
"""So many pairs of phones the CallChecks of a namespace may have in all: their entries must fit the agents' files."""
MAX_FAILURES_KEPT = 10

MAX_SELECTOR = 512

SITE_TEXT = Annotated[str, Field(max_length=63)]


class Callers(Spec):
    """Phones that call: a softphone by its name, or all that a label selector selects."""

    softphone: NameText | None = Field(
        default=None,
        description="Name of a Softphone of the same namespace, in a pool or not, or of a phone of a fleet: the "
        "fleet's name, a dash, and its index.",
    )
    selector: Annotated[str, Field(max_length=MAX_SELECTOR)] | None = Field(
        default=None,
        description="Label selector as kubectl's -l has it: Softphones with such labels, and SoftphoneFleets by their "
        "first phone each. Stands instead of softphone.",
    )


class Called(Callers):
    """Phones that are called, or an address."""

    uri: UriText | None = Field(
        default=None,
        description="SIP URI that is called, such as sip:4711@acme.example: somebody else's phone. Stands instead of "
        "softphone and selector. Only what the caller sees and hears is known then.",
    )


class Expectation(Spec):
    """What is expected of each call. The first thing that is not so is told first."""

    code: int = Field(default=200, ge=200, le=699, description="Final answer to INVITE.")
    answered_by: NameText | None = Field(
        default=None,
        description="The phone that is to answer, where it is not the one that is called: calls may be forwarded. A "
        "phone of the same namespace, as softphone names it.",
    )
    audio: Literal["Both", "None"] = Field(
        default="Both",
        description="Both: each end must hear the other's tone; of a URI, the caller must get audio. None: audio is "
        "not looked at.",
    )
    mos_at_least: Annotated[float, Field(ge=1, le=4.5)] | None = Field(
        default=None,
        description="Least MOS (ITU-T G.107) at both ends, where it was measured. Default: any.",
    )
    set_up_seconds_at_most: Annotated[float, Field(gt=0, le=120)] | None = Field(
        default=None, description="From INVITE to its answer, in seconds. Default: any time."
    )


class CallCheckSpec(Spec):
    """Who calls whom, how often, and what is expected."""

    mode: Literal["Pairs", "Mesh"] = Field(
        default="Pairs",
        description="Pairs: each phone of from calls each phone of to. Mesh: of the phones of from, and of to, one "
        "stands for each site, and each site calls each other one.",
    )
    from_: Callers = Field(alias="from", description="Who calls.")
    to: Called | None = Field(
        default=None, description="Who is called. Required in mode Pairs; default in mode Mesh: the phones of from."
    )
    site_label: Annotated[str, Field(max_length=317)] | None = Field(
        default=None,
        description="Label of Softphones and SoftphoneFleets whose value names the site. Default, also where it is "
        "missing: phys, else the location of the primary (or current) PBX.",
    )
    every_seconds: float = Field(
        default=60.0, ge=5, le=86400, description="From one call of a pair to its next one, in seconds."
    )
    hold_seconds: float = Field(
        default=5.0,
        ge=1,
        le=86400,
        description="How long an answered call lasts, in seconds. Both ends listen. A call of more than 30 s is "
        "watched by OPTIONS within it.",
    )
    ring_seconds: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="How long the callee rings before it answers, in seconds; not that of a URI. When it has not "
        "answered 20 s later, the call is cancelled.",
    )
    rescue: bool = Field(
        default=False,
        description="A call whose PBX does not answer any more, while its caller is registered at another one, is made "
        "anew by that one, in place of the old one (INVITE with Replaces, RFC 3891).",
    )
    times: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="So many calls for each pair, and no more. Default: without end."
    )
    expect: Expectation = Field(default_factory=Expectation, description="What is expected of each call.")
    after: tuple[Literal["FailedOver"], ...] = Field(
        default=(),
        max_length=1,
        description="FailedOver: when a phone of a pair has moved to another PBX, it calls at once, and again until a "
        "call is answered with audio both ways: this is the time until people can be called again.",
    )
    suspend: bool = Field(default=False, description="Make no calls until this is false again.")


class PairCounts(Model):
    """Pairs of phones by how their last calls were."""

    total: int = Field(description="All that are called.")
    passing: int = Field(default=0, description="Those whose last call was as expected.")
    failing: int = Field(default=0, description="Those whose last call was not.")
    unknown: int = Field(default=0, description="Those without a call that tells.")


class CallFailure(Model):
    """A call that was not as expected."""

    time: str = Field(description="When it ended.", json_schema_extra={"format": "date-time"})
    caller: NameText = Field(description="The phone that called.")
    callee: UriText = Field(description="The phone, or the URI, that was called.")
    from_site: SITE_TEXT | None = Field(default=None, description="Site of the caller.")
    to_site: SITE_TEXT | None = Field(default=None, description="Site of the phone that was called.")
    reason: Annotated[str, Field(max_length=64)] = Field(description="What was wrong, as the condition Passing has it.")
    message: Annotated[str, Field(max_length=512)] = Field(description="What was wrong, for people.")
    code: int = Field(default=0, description="Final answer to INVITE, 0 where there was none.")
    pbx: Annotated[str, Field(max_length=MAX_PBX_LABEL)] | None = Field(
        default=None, description="PBX at which the caller was registered."
    )


class TimeToCallable(Model):
    """How long it took after a fail-over until a call was answered with audio both ways."""

    time: str = Field(description="When that call ended.", json_schema_extra={"format": "date-time"})
    caller: NameText = Field(description="The phone that called.")
    callee: UriText = Field(description="The phone, or the URI, that was called.")
    seconds: float = Field(description="From the loss of the registration, in seconds.")


class CallCheckStatus(ObjectStatus):
    """What became of the calls. It is written on transitions only: not for each call."""

    conditions: tuple[Condition, ...] = conditions_field(
        "Accepted: the spec makes sense. Passing: the last call of each pair was as expected; the message "
        "has the worst pair. Ready: that of Accepted. Only while they are true: Reconciling and Stalled."
    )
    pairs: PairCounts | None = Field(default=None, description="Pairs by how their last calls were.")
    failures: tuple[CallFailure, ...] = Field(
        default=(),
        max_length=MAX_FAILURES_KEPT,
        description="The last failures, the newest first: one for each time that a pair began to fail, or to fail in "
        "another way.",
    )
    callable: TimeToCallable | None = Field(
        default=None, description="The last fail-over of a phone: how long until it could call or be called again."
    )
