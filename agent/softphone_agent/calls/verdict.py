"""What a call was like, and whether it was as expected. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.calls import e_model
from softphone_agent.calls.session import QUIET_SECONDS, Heard
from softphone_agent.calls.states import Ending, State

LEAST_PACKETS = 50
"""A second of them: from fewer nothing is told of quality."""
PACKET_SECONDS, BUFFER_SECONDS = 0.02, 0.04
"""Of the delay from mouth to ear, what is not the network's: a packet is filled, and a small jitter buffer."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of a test call."""

    code: int = 200
    """Of the final answer to INVITE."""
    answer_seconds: float | None = None
    """Until then it must have come; None for any time."""
    audio: bool = True
    """Whether audio is looked at at all."""
    tone: bool = True
    """Whether the other end's tone must be heard."""
    least_tone_part: float = 0.8
    part_lost: float | None = 0.01
    """0 to 1; None for any."""
    mos: float | None = None
    """At least so much; None for any."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How the call sounded here. Each is None until it was measured."""

    part_lost: float | None
    jitter_seconds: float | None
    round_trip_seconds: float | None
    mos: float | None
    trusted: bool
    """False where this agent was late itself: then jitter may be its own."""


def quality(heard: Heard) -> Quality:
    """What the numbers say. MOS needs a measured loss and a measured round trip: it is never assumed."""
    measured = heard.expected >= LEAST_PACKETS
    part_lost = heard.lost / heard.expected if measured else None
    mos = None
    if part_lost is not None and heard.round_trip_seconds is not None and heard.loss_is_trusted:
        # By as much as this agent was late, the round trip may be its own: a report goes out after its time was noted.
        of_the_network = max(0.0, heard.round_trip_seconds - heard.own_lateness_seconds)
        delay = of_the_network / 2 + PACKET_SECONDS + BUFFER_SECONDS
        mos = e_model.mos(e_model.rating(part_lost, delay))
    jitter = heard.jitter_seconds if measured else None
    return Quality(part_lost, jitter, heard.round_trip_seconds, mos, heard.trusted)


def faults(state: State, heard: Heard, expected: Expected) -> list[str]:
    """What was not as expected, for people, the first cause first; [] where all was."""
    found: list[str] = []
    if state.code != expected.code:
        what = f"{state.code} {state.reason}".strip() if state.code else "nothing"
        if state.ending is Ending.UNANSWERED:  # its 487 says only that it was cancelled
            what = "nothing in time"
        return [f"answer: {expected.code} was expected, came: {what}"]
    if state.answered_at is None or expected.code >= 300:
        return found
    took = state.answered_at - state.began_at
    if expected.answer_seconds is not None and took > expected.answer_seconds:
        found.append(f"answer: came after {took:.3f} s, later than {expected.answer_seconds:g} s")
    if state.ending not in (Ending.HUNG_UP, None):
        found.append(f"end: {_ENDINGS.get(state.ending, state.ending)}")
    elif state.bye_code == 0:
        found.append("end: BYE was not answered")
    return found + (_audio_faults(heard, expected) if expected.audio else [])


def _audio_faults(heard: Heard, expected: Expected) -> list[str]:
    if not heard.packets and heard.undecipherable:
        return [f"audio: {heard.undecipherable} packets came, and none could be decrypted"]
    if not heard.packets:
        return ["audio: nothing was heard, no packet came"]
    found, measured = [], quality(heard)
    if expected.tone and heard.tone_part is not None and heard.tone_part < expected.least_tone_part:
        if heard.quiet_seconds >= QUIET_SECONDS:
            found.append(f"audio: nothing came for the last {heard.quiet_seconds:.1f} s")
        elif heard.silent:
            found.append("audio: packets came, and they were silent")
        else:
            found.append(f"audio: the other end's tone was in {heard.tone_part:.0%} of what was heard")
    if heard.told is not None and not heard.told.hears_us:
        found.append("audio: the other end reports that it hears nothing of us")
    if heard.loss_is_trusted and expected.part_lost is not None and (measured.part_lost or 0.0) > expected.part_lost:
        found.append(f"audio: {measured.part_lost:.1%} of the packets were lost")
    if expected.mos is not None and measured.mos is not None and measured.mos < expected.mos:
        found.append(f"audio: MOS {measured.mos:.2f}, less than {expected.mos:g}")
    return found


_ENDINGS = {
    Ending.REMOTE: "the other end hung up before it was time",
    Ending.NO_ACK: "no ACK came",
    Ending.NO_MEDIA: "the descriptions of the two ends do not fit",
    Ending.SILENT: "nothing was heard any more",
}
