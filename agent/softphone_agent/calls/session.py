"""The media of one call: what is sent each 20 ms, and what is made of what comes. Pure: datagrams in, datagrams out.

Times are seconds of one clock; only where a report needs the time of day it is another argument.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from softphone_agent.calls import rtcp, rtp, tone
from softphone_agent.calls.echo import Echo
from softphone_agent.calls.g711 import FRAME, FRAME_SECONDS, SAMPLE_RATE, Codec
from softphone_agent.calls.sdp import Description

REPORT_SECONDS = 5.0
"""Between two RTCP reports (RFC 3550, section 6.2); the first comes after half of it."""
FIRST_HEARD = 5
"""When so many packets were heard a first report says so: in a call of two it may be sent at once (RFC 3550, 6.2)."""
QUIET_SECONDS = 1.0
"""Who is to send and sent nothing for so long at the end of a call was not heard at its end."""
LISTEN_FRAMES = 25
"""The last half second is listened to."""
CATCH_UP = 10
"""So many frames are sent at once at most, where the process was late; those before are left out."""
TRUSTED_LATENESS = 0.02
"""Who sent later than this by himself gave jitter to others, and may have been as late in all that he does."""
LOSS_TRUSTED_LATENESS = 1.0
"""What comes waits in the kernel, with the time at which it came: who is late loses none of it, and measures the same
jitter and round trip. It has room for more than a second, but not for ever (test_call_media.py)."""

_ROUNDING = 1e-6


class Numbers(NamedTuple):
    """What a stream begins with, drawn at random (RFC 3550, section 5.1), and its CNAME."""

    source: int
    sequence: int
    timestamp: int
    name: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the other end has told of what it hears of us."""

    part_lost: float
    """0 to 1, since its report before."""
    lost: int
    jitter_seconds: float
    hears_us: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What was measured of a call's media until now."""

    sent: int
    """Packets."""
    packets: int
    expected: int
    """Packets that came or should have come."""
    lost: int
    late: int
    jitter_seconds: float
    """The worst."""
    silent: bool
    """Whether the last half second was silence, or nothing came at the end."""
    tone_part: float | None
    """The part of the last half second in which the expected tone was heard; None where none is expected."""
    round_trip_seconds: float | None
    """None until the other end has answered a report."""
    told: Told | None
    own_lateness_seconds: float
    """The most by which this process sent late."""
    quiet_seconds: float = 0.0
    """How long nothing came at the end of the call, of one who was to send."""
    undecipherable: int = 0
    """Packets that came encrypted in another way than was agreed upon."""

    @property
    def trusted(self) -> bool:
        """Whether this agent was in time with all that it sent."""
        return self.own_lateness_seconds <= TRUSTED_LATENESS

    @property
    def loss_is_trusted(self) -> bool:
        """Whether loss and round trip are those of the network."""
        return self.own_lateness_seconds <= LOSS_TRUSTED_LATENESS


class Session:
    """`plays`: a frequency in Hz, or None for an echo of what is heard. `listens_for`: the other end's, or None."""

    def __init__(self, numbers: Numbers, plays: int | None, listens_for: int | None = None) -> None:
        self._name = numbers.name
        self._sender = rtp.Sender(numbers.source, numbers.sequence, numbers.timestamp)
        self._receiver = rtp.Receiver()
        self._plays = plays
        self._tone = b""
        self._echo = Echo()
        self._listens_for = listens_for
        self._last: deque[bytes] = deque(maxlen=LISTEN_FRAMES)
        self._with: Description | None = None
        self._codec: Codec | None = None
        """Of the media that was, once it is stopped."""
        self._frame = 0
        """The number of the next frame, counted from 0 of the clock."""
        self._report_at = 0.0
        self._has_said_that_it_hears = False
        self._came_at: float | None = None
        self._began_to_wait_at = 0.0
        self._sender_report: tuple[int, float] | None = None
        """The middle of the NTP time in the other end's last one, and when it came."""
        self._told: Told | None = None
        self._round_trip: float | None = None
        self._lateness = 0.0
        self._quiet = 0.0

    @property
    def is_on(self) -> bool:
        """Whether media is agreed upon."""
        return self._with is not None

    @property
    def next_at(self) -> float:
        """When `due` is to be called; infinite while nothing is agreed upon."""
        return math.inf if self._with is None else min(self._frame_at, self._report_at)

    @property
    def _frame_at(self) -> float:
        return self._frame * FRAME_SECONDS

    def agreed(self, description: Description, now: float) -> None:
        """The other end has described where and how it takes media. Also in the midst of a call."""
        if self._with is None:
            self._frame = math.ceil(now / FRAME_SECONDS - _ROUNDING)  # all calls at one time: one wake for all
            self._report_at = now + REPORT_SECONDS / 2
        if self._with is None or not self._with.direction.sends:
            self._began_to_wait_at = now
        self._with = description
        if self._plays is not None:
            self._tone = tone.frame(self._plays, description.codec)

    def silent_since(self) -> float | None:
        """Since when nothing is heard of the other end, though it is to send; None while it is not."""
        if self._with is None or not self._with.direction.sends:
            return None
        return max(self._began_to_wait_at, self._came_at or 0.0)

    def rtp_came(self, data: bytes, at: float) -> None:
        """A datagram came from where the other end's media comes from."""
        packet = rtp.parse(data)
        if packet is None or self._with is None or packet.payload_type != self._with.payload_type:
            return
        if self._receiver.take(packet, at):
            self._came_at = at
            self._last.append(packet.payload[: 2 * FRAME])
            if self._plays is None:
                self._echo.put(packet.payload)

    def rtcp_came(self, data: bytes, at: float, unix: float) -> None:
        """A datagram came from where the other end's reports come from."""
        report = rtcp.parse(data)
        if report is None:
            return
        if report.ntp is not None:
            self._sender_report = (report.ntp, at)
        if not report.blocks and self._sender.packets:  # who hears somebody says so (RFC 3550, section 6.4)
            self._told = Told(0.0, 0, 0.0, hears_us=False)
        for block in report.blocks:
            about_us = block.source == self._sender.source
            if about_us or block.source == 0:  # 0: it hears nobody
                self._told = Told(block.fraction_lost / 256, block.lost, block.jitter / SAMPLE_RATE, about_us)
            if about_us:
                round_trip = rtcp.round_trip(block, unix)
                self._round_trip = self._round_trip if round_trip is None else round_trip

    def due(self, now: float, unix: float) -> tuple[list[bytes], list[bytes]]:
        """What is to be sent by now: RTP and RTCP."""
        if self._with is None:
            return [], []
        frames, reports = [], []
        behind = math.floor(now / FRAME_SECONDS + _ROUNDING) - self._frame + 1
        if behind > 0:
            if self._sender.packets:
                self._lateness = max(self._lateness, now - self._frame_at)
            left_out = max(0, behind - CATCH_UP)
            if left_out:
                self._sender.pass_over(left_out * FRAME)
            frames = [frame for frame in (self._next_frame() for _ in range(behind - left_out)) if frame]
            self._frame += behind
        hears = self._receiver.packets >= FIRST_HEARD and not self._has_said_that_it_hears
        if now >= self._report_at or hears:
            reports.append(self._report(now, unix))
            self._has_said_that_it_hears = self._has_said_that_it_hears or hears
        if now >= self._report_at:
            self._report_at = now + REPORT_SECONDS
        return frames, reports

    def farewell(self, now: float, unix: float) -> bytes:
        """The last report, with RTCP's BYE: nothing more is sent."""
        silent_since = self.silent_since()
        self._quiet = 0.0 if silent_since is None else max(0.0, now - silent_since)
        return self._report(now, unix) + rtcp.goodbye(self._sender.source)

    def stop(self) -> None:
        """No media any more; what was measured stays."""
        self._codec = self._with.codec if self._with else self._codec
        self._with = None

    def heard(self) -> Heard:
        """What was measured until now."""
        receiver, codec = self._receiver, self._with.codec if self._with else self._codec
        last = () if self._quiet >= QUIET_SECONDS else self._last
        tone_part = None
        if self._listens_for is not None:
            tone_part = tone.part_heard(last, self._listens_for, codec) if codec else 0.0
        return Heard(
            sent=self._sender.packets,
            packets=receiver.packets,
            expected=receiver.expected,
            lost=receiver.lost,
            late=receiver.late,
            jitter_seconds=receiver.worst_jitter_seconds,
            silent=codec is None or tone.is_silent(last, codec),
            tone_part=tone_part,
            round_trip_seconds=self._round_trip,
            told=self._told,
            own_lateness_seconds=self._lateness,
            quiet_seconds=self._quiet,
        )

    def _next_frame(self) -> bytes | None:
        """The next packet; None while the other end takes none (RFC 3264, sections 5.1 and 8.4)."""
        assert self._with is not None
        payload = self._echo.take(self._with.codec) if self._plays is None else self._tone
        if not self._with.direction.receives:
            self._sender.pass_over(FRAME)
            return None
        return self._sender.packet(self._with.payload_type, payload)

    def _report(self, now: float, unix: float) -> bytes:
        block = None
        if self._receiver.source is not None:
            ntp, came_at = self._sender_report or (0, now)
            block = rtcp.Block(
                self._receiver.source,
                self._receiver.fraction_lost(),
                self._receiver.lost_of_source,
                self._receiver.highest,
                round(self._receiver.jitter_seconds * SAMPLE_RATE),
                ntp,
                min(0xFFFFFFFF, max(0, round((now - came_at) * 65536))),
            )
        sender = self._sender
        if not sender.packets:
            return rtcp.receiver_report(sender.source, block, self._name)
        return rtcp.sender_report(
            sender.source, unix, sender.timestamp, sender.packets, sender.octets, block, self._name
        )
