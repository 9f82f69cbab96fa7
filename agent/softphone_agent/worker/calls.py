"""The calls of a worker: gives events to their machines, carries out what these ask for, and moves their media."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import structlog

from softphone_agent.calls import machine, sdp, tone
from softphone_agent.calls.actions import (
    Accept,
    AcceptAgain,
    Acknowledge,
    Action,
    Bye,
    Cancel,
    FallSilent,
    RefuseChange,
    Talk,
)
from softphone_agent.calls.events import (
    Acknowledged,
    Answered,
    ByeAnswered,
    ByeCame,
    Event,
    FellSilent,
    HangUpRequested,
    Progressed,
    Refused,
    Reoffered,
    TimePassed,
)
from softphone_agent.calls.session import Heard, Numbers, Session
from softphone_agent.calls.states import Limits, State
from softphone_agent.phone.observations import CallDone
from softphone_agent.sip.call_protocol import CallEngine
from softphone_agent.sip.happenings import CallNews, CallOffered, CallSignal
from softphone_agent.worker.call_media import MediaSockets
from softphone_agent.worker.outbox import Outbox

PATIENCE_WITH_SILENCE = 30.0
"""Seconds without a packet of one who is to send, after which a call ends: his BYE was lost, or he never was there."""
LONGEST_CALL = 3600.0
"""Seconds. Nobody holds a place for ever."""
NOT_ACCEPTABLE, NO_MEDIA_HERE = 488, 503

Ended = Callable[[State, Heard], None]
Mode = Literal["Echo", "Tone"]

log = structlog.get_logger()


@dataclass(slots=True)
class _Running:
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
    ended: Ended | None = None
    """Is told when it has ended."""
    wakes_at: float = 0.0


class Calls:
    """All calls, by number. `traced` tells whether a phone's calls are logged; `bind_address`: empty for any."""

    def __init__(self, engine: CallEngine, outbox: Outbox, traced: Callable[[str], bool], bind_address: str) -> None:
        self._engine = engine
        self._outbox = outbox
        self._traced = traced
        self._bind_address = bind_address
        self._answers: dict[str, Mode] = {}
        self._calls: dict[int, _Running] = {}

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def next_wakeup(self) -> float | None:
        """When `wake` is to be called; None for never."""
        return min((call.wakes_at for call in self._calls.values()), default=None)

    def configured(self, answers: Mapping[str, Mode], most: int) -> None:
        """These phones answer from now on, in this way. Calls of others, or in another way, end."""
        self._answers = dict(answers)
        self._engine.answer(self._answers.keys(), most)

    def hang_up(self, phones: Callable[[str], bool]) -> None:
        """End the calls of the phones with such names."""
        for call in list(self._calls.values()):
            if phones(call.phone):
                self._step(call, HangUpRequested(), time.monotonic())

    def offered(self, offer: CallOffered, now: float) -> None:
        """An INVITE came for a phone of ours."""
        try:
            theirs = sdp.read(offer.sdp) if offer.sdp.strip() else None
        except sdp.SdpError as fault:
            self._refuse(offer, NOT_ACCEPTABLE, str(fault))
            return
        mode = self._answers.get(offer.phone)
        try:
            host, sockets, session = self._media(offer.phone, tone.CALLEE if mode == "Tone" else None, tone.CALLER)
        except OSError as error:
            self._refuse(offer, NO_MEDIA_HERE, error.strerror or str(error))
            return
        ours = sdp.Ours(host, sockets.port, random.getrandbits(31))
        state, actions = machine.is_called(Limits(talk=LONGEST_CALL), now)
        call = _Running(offer.call, offer.phone, "In", state, session, sockets, ours, theirs)
        self._calls[call.number] = call
        if self._traced(call.phone):
            log.info("call answered", softphone=call.phone, caller=offer.caller, mode=mode)
        self._carry_out(call, actions, now)

    def place(self, phone: str, to: str, limits: Limits, listens_for: int | None, ended: Ended, now: float) -> None:
        """Call this URI as this phone, with the caller's tone; `ended` is told of its end. Raises OSError."""
        host, sockets, session = self._media(phone, tone.CALLER, listens_for)
        ours = sdp.Ours(host, sockets.port, random.getrandbits(31))
        number = self._engine.invite(phone, to, sdp.offer(ours))
        call = _Running(number, phone, "Out", machine.calls(limits, now), session, sockets, ours.following())
        call.ended = ended
        self._calls[number] = call
        self._set_wakeup(call)

    def _media(self, phone: str, plays: int | None, listens_for: int | None) -> tuple[str, MediaSockets, Session]:
        """Our address, the sockets and the session for a call of this phone. Raises OSError."""
        host = self._engine.host(phone)
        sockets = MediaSockets(self._bind_address or ("::" if ":" in host else ""))
        source = random.getrandbits(32)
        numbers = Numbers(source, random.getrandbits(16), random.getrandbits(32), f"{source:08x}@{host}")
        return host, sockets, Session(numbers, plays, listens_for)

    def signalled(self, signal: CallSignal, now: float) -> None:
        """Something came for a call."""
        call = self._calls.get(signal.call)
        if call is not None:
            self._step(call, self._event(call, signal), now)

    def wake(self, now: float) -> None:
        """Move media, and wake machines whose time has come."""
        for call in list(self._calls.values()):
            if now < call.wakes_at:
                continue
            self._move_media(call, now)
            wakeup = machine.next_wakeup(call.state)
            if wakeup is not None and now >= wakeup:
                self._step(call, TimePassed(), now)
            silent_since = call.session.silent_since()
            if silent_since is not None and now - silent_since >= PATIENCE_WITH_SILENCE:
                self._step(call, FellSilent(), now)
            self._set_wakeup(call)

    def _event(self, call: _Running, signal: CallSignal) -> Event:
        match signal.news:
            case CallNews.PROGRESSED:
                return Progressed(signal.code)
            case CallNews.ANSWERED:
                return Answered(signal.code, self._described(call, signal.sdp))
            case CallNews.REFUSED:
                return Refused(signal.code, signal.reason)
            case CallNews.ACKNOWLEDGED:
                return Acknowledged(call.theirs is not None or self._described(call, signal.sdp))
            case CallNews.REOFFERED:
                if not signal.sdp.strip():
                    call.theirs = None  # our answer makes the offer, its ACK has theirs
                    return Reoffered(True)
                return Reoffered(self._described(call, signal.sdp))
            case CallNews.BYE_CAME:
                return ByeCame()
            case CallNews.BYE_ANSWERED:
                return ByeAnswered(signal.code)

    def _described(self, call: _Running, text: str) -> bool:
        """Take over what the other end describes; whether it makes a call of ours."""
        try:
            call.theirs = sdp.read(text)
        except sdp.SdpError as fault:
            if self._traced(call.phone):
                log.info("description not usable", softphone=call.phone, fault=str(fault))
            return False
        return True

    def _step(self, call: _Running, event: Event, now: float) -> None:
        if call.number not in self._calls:
            return
        call.state, actions = machine.step(call.state, event, now)
        self._carry_out(call, actions, now)

    def _carry_out(self, call: _Running, actions: list[Action], now: float) -> None:
        for action in actions:
            match action:
                case Accept():
                    theirs = call.theirs
                    self._engine.accept(call.number, sdp.answer(call.ours, theirs) if theirs else sdp.offer(call.ours))
                    call.ours = call.ours.following()
                case AcceptAgain():
                    self._engine.accept_again(call.number)
                case RefuseChange(code):
                    self._engine.refuse(call.number, code)
                case Acknowledge():
                    self._engine.acknowledge(call.number)
                case Cancel():
                    self._engine.cancel(call.number)
                case Bye():
                    self._engine.bye(call.number)
                case Talk() if call.theirs is not None:
                    call.sockets.lead_to(call.theirs.address, call.theirs.port, call.theirs.rtcp_port)
                    call.session.agreed(call.theirs, now)
                case FallSilent():
                    self._fall_silent(call, now)
        if call.state.has_ended:
            self._ended(call)
        else:
            self._set_wakeup(call)

    def _set_wakeup(self, call: _Running) -> None:
        times = [time for time in (machine.next_wakeup(call.state), call.session.next_at) if time is not None]
        call.wakes_at = min(times, default=float("inf"))

    def _move_media(self, call: _Running, now: float) -> None:
        if not call.session.is_on:
            return
        unix = time.time()
        rtp, rtcp = call.sockets.received()
        for data, at in rtp:
            call.session.rtp_came(data, at - unix + now)
        for data, at in rtcp:
            call.session.rtcp_came(data, at - unix + now, at)
        call.sockets.send(*call.session.due(now, unix))

    def _fall_silent(self, call: _Running, now: float) -> None:
        if call.session.is_on:
            self._move_media(call, now)
            call.sockets.send([], [call.session.farewell(now, time.time())])
            call.session.stop()

    def _ended(self, call: _Running) -> None:
        del self._calls[call.number]
        call.sockets.close()
        self._engine.forget(call.number)
        state, heard = call.state, call.session.heard()
        sound = "" if state.answered_at is None else _sound(heard.packets, silent=heard.silent)
        took = None if call.direction == "In" or state.answered_at is None else state.answered_at - state.began_at
        self._outbox.observe(CallDone(call.direction, str(state.code or ""), took, sound))
        if call.ended is not None:
            call.ended(state, heard)
        if self._traced(call.phone):
            log.info(
                "call ended",
                direction=call.direction,
                softphone=call.phone,
                ending=str(state.ending),
                code=state.code,
                sent=heard.sent,
                received=heard.packets,
                lost=heard.lost,
                jitter_seconds=round(heard.jitter_seconds, 4),
                heard=sound,
                own_lateness_seconds=round(heard.own_lateness_seconds, 4),
            )

    def _refuse(self, offer: CallOffered, code: int, fault: str) -> None:
        self._engine.refuse(offer.call, code)
        self._engine.forget(offer.call)
        self._outbox.observe(CallDone("In", str(code), None, ""))
        if self._traced(offer.phone):
            log.info("call refused", softphone=offer.phone, code=code, fault=fault)


def _sound(packets: int, *, silent: bool) -> str:
    """What was heard, as the metric says it."""
    if not packets:
        return "Nothing"
    return "Silence" if silent else "Audio"
