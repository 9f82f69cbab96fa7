"""The calls of a worker: gives events to their machines, carries out what these ask for, and moves their media."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from softphone_agent.calls import answering, machine, mark, sdes, sdp, tone
from softphone_agent.calls.actions import (
    Accept,
    AcceptAgain,
    Acknowledge,
    Action,
    Ask,
    Bye,
    Cancel,
    FallSilent,
    Refuse,
    RefuseAgain,
    RefuseChange,
    Ring,
    Talk,
)
from softphone_agent.calls.answering import Offer, Rule, Taken
from softphone_agent.calls.events import Event, FellSilent, HangUpRequested, Replaced, TimePassed
from softphone_agent.calls.session import Heard, Numbers, Session
from softphone_agent.calls.states import Limits, Phase
from softphone_agent.phone.observations import CallDone
from softphone_agent.sip.call_protocol import CallEngine
from softphone_agent.sip.happenings import CallOffered, CallSignal
from softphone_agent.worker import call_events, call_reporting
from softphone_agent.worker.call_media import MediaSockets
from softphone_agent.worker.outbox import Outbox
from softphone_agent.worker.reports import wall
from softphone_agent.worker.running_call import OfCheck, RunningCall

PATIENCE_WITH_SILENCE = 30.0
"""Seconds without a packet of one who is to send, after which a call ends: his BYE was lost, or he never was there."""
LONGEST_CALL = 3600.0
"""Seconds. Nobody holds a place for ever."""
LONGEST_TEST = 90000.0
"""The same of a call of a check, which has an end that the check says."""
LONGEST_REPORT_WAIT = 60.0
NOT_ACCEPTABLE, NO_MEDIA_HERE, NO_SUCH_CALL, UNAVAILABLE = 488, 503, 481, 480

log = structlog.get_logger()


class Calls:
    """All calls, by number.

    `traced` tells whether a phone's calls are logged, `pbx_of` where a phone is registered, `encryption` whether its
    media is encrypted; `bind_address`: empty for any.
    """

    def __init__(
        self,
        engine: CallEngine,
        outbox: Outbox,
        traced: Callable[[str], bool],
        pbx_of: Callable[[str], str | None],
        encryption: Callable[[str], sdes.Encryption],
        bind_address: str,
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._traced = traced
        self.pbx_of = pbx_of
        self._encryption = encryption
        self._bind_address = bind_address
        self._rules: dict[str, Rule] = {}
        self._most = 0
        self._calls: dict[int, RunningCall] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, number: int) -> RunningCall | None:
        """The call with this number; None where it has ended."""
        return self._calls.get(number)

    @property
    def has_room(self) -> bool:
        """Whether another call may be made now: half of the places are for calls that come, which may be ours."""
        return sum(call.direction == "Out" for call in self._calls.values()) < max(1, self._most // 2)

    def has_moved(self, number: int) -> bool:
        """Whether the phone of this call is registered at another PBX than the one by which it was made."""
        return self._engine.has_moved(number)

    @property
    def next_wakeup(self) -> float | None:
        """When `wake` is to be called; None for never."""
        return min((call.wakes_at for call in self._calls.values()), default=None)

    def configured(self, rules: Mapping[str, Rule], most: int) -> None:
        """These phones answer from now on, by these rules."""
        self._rules, self._most = dict(rules), most
        self._engine.answer(self._rules.keys(), most)

    def hang_up(self, phones: Callable[[str], bool]) -> None:
        """End the calls of the phones with such names."""
        for call in list(self._calls.values()):
            if phones(call.phone):
                self.step(call.number, HangUpRequested(), time.monotonic())

    def offered(self, offer: CallOffered, now: float) -> None:
        """An INVITE came for a phone of ours."""
        taken = self._taken(offer)
        if isinstance(taken, int):
            self._refuse(offer, taken, "not a call that the phone answers")
            return
        try:
            theirs = sdp.read(offer.sdp, self._encryption(offer.phone)) if offer.sdp.strip() else None
        except sdp.SdpError as fault:
            self._refuse(offer, NOT_ACCEPTABLE, str(fault))
            return
        try:
            host, sockets, session = self._media(
                offer.phone, tone.CALLEE if taken.plays == "Tone" else None, tone.CALLER
            )
        except OSError as error:
            self._refuse(offer, NO_MEDIA_HERE, error.strerror or str(error))
            return
        ours = self._ours(offer.phone, host, sockets.port)
        limits = Limits(talk=LONGEST_TEST if taken.check else LONGEST_CALL, ring=taken.ring_seconds)
        state, actions = machine.is_called(limits, now)
        call = RunningCall(offer.call, offer.phone, "In", state, session, sockets, ours, theirs, taken.plays)
        if taken.check:
            call.of = self._of_check(offer, taken)
        self._calls[call.number] = call
        if self._traced(call.phone):
            log.info("call taken", softphone=call.phone, caller=offer.caller, plays=taken.plays, check=taken.check)
        self._carry_out(call, actions, now)
        self.step(offer.replaces, Replaced(), now)

    def _taken(self, offer: CallOffered) -> Taken | int:
        """How this call is answered, or the code with which it is refused."""
        if offer.replaces:
            old = self._calls.get(offer.replaces)
            if old is None or old.state.phase is not Phase.TALKING:
                return NO_SUCH_CALL
            of = old.of
            return Taken(old.plays, of.check, of.call, of.token) if of is not None else Taken(old.plays)
        rule = self._rules.get(offer.phone)
        if rule is None:
            return UNAVAILABLE
        return answering.decide(rule, Offer(call_events.user_of(offer.caller), offer.mark, offer.from_pbx), time.time())

    def _of_check(self, offer: CallOffered, taken: Taken) -> OfCheck:
        peer, pbx = offer.caller.partition(";")[0], self.pbx_of(offer.phone)
        return OfCheck(
            "Callee",
            taken.check,
            taken.call,
            peer,
            token=taken.token,
            pbx=pbx,
            began=time.time(),
            answered_by=offer.phone,
            rescued=bool(offer.replaces),
        )

    def place(
        self,
        phone: str,
        to: str,
        limits: Limits,
        listens_for: int | None,
        of: OfCheck,
        ended: Callable[[RunningCall, Heard], None],
        now: float,
        replaces: int = 0,
    ) -> int:
        """Call this URI as this phone, with the caller's tone; `ended` is told of its end. Returns the call's number.

        `replaces`: the call of ours whose place it is to take, 0 for none. Raises OSError.
        """
        host, sockets, session = self._media(phone, tone.CALLER, listens_for)
        ours = self._ours(phone, host, sockets.port)
        of.began, of.pbx = time.time(), self.pbx_of(phone)
        number = self._engine.invite(phone, to, sdp.offer(ours), self._mark(phone, of), replaces)
        call = RunningCall(number, phone, "Out", machine.calls(limits, now), session, sockets, ours.following())
        call.ended, call.of = ended, of
        self._calls[number] = call
        self._report(call, now)
        self._set_wakeup(call)
        return number

    def _mark(self, phone: str, of: OfCheck | None) -> str:
        """The header by which the other end knows the call; empty for none."""
        if of is None or not of.token or not of.call:
            return ""
        return mark.written(mark.Mark(of.check, of.call, int(time.time()), phone), of.token)

    def _media(self, phone: str, plays: int | None, listens_for: int | None) -> tuple[str, MediaSockets, Session]:
        """Our address, the sockets and the session for a call of this phone. Raises OSError."""
        host = self._engine.host(phone)
        sockets = MediaSockets(self._bind_address or ("::" if ":" in host else ""))
        source = random.getrandbits(32)
        numbers = Numbers(source, random.getrandbits(16), random.getrandbits(32), f"{source:08x}@{host}")
        return host, sockets, Session(numbers, plays, listens_for)

    def _ours(self, phone: str, host: str, port: int) -> sdp.Ours:
        encryption = self._encryption(phone)
        never = encryption is sdes.Encryption.NEVER
        keys = sdes.Keys(encryption, () if never else tuple(os.urandom(sdes.KEY_BYTES) for _ in sdes.Suite))
        return sdp.Ours(host, port, random.getrandbits(31), keys=keys)

    def signalled(self, signal: CallSignal, now: float) -> None:
        """Something came for a call."""
        call = self._calls.get(signal.call)
        if call is None:
            return
        if call.of is not None and call.of.token and signal.mark:
            answer = mark.read(signal.mark, {call.of.check: call.of.token}, time.time())
            call.of.answered_by = answer.phone if answer is not None else ""
        event = call_events.event_of(call, signal, self._traced(call.phone))
        self.step(call.number, event, now)

    def wake(self, now: float) -> None:
        """Move media, and wake machines whose time has come."""
        for call in list(self._calls.values()):
            if now < call.wakes_at:
                continue
            self._move_media(call, now)
            if now >= call.machine_wakes_at:
                self.step(call.number, TimePassed(), now)
            silent_since = call.session.silent_since()
            if silent_since is not None and now - silent_since >= PATIENCE_WITH_SILENCE:
                self.step(call.number, FellSilent(), now)
            if now >= call.report_at:
                self._report(call, now, again=True)
            call.wakes_at = min(call.machine_wakes_at, call.session.next_at, call.report_at)

    def step(self, number: int, event: Event, now: float) -> None:
        """Give an event to the machine of this call, if it is there still, and do what follows."""
        call = self._calls.get(number)
        if call is None:
            return
        call.state, actions = machine.step(call.state, event, now)
        self._carry_out(call, actions, now)

    def _carry_out(self, call: RunningCall, actions: list[Action], now: float) -> None:
        for action in actions:
            match action:
                case Ring():
                    self._engine.ring(call.number)
                case Accept():
                    theirs = call.theirs
                    text = sdp.answer(call.ours, theirs) if theirs else sdp.offer(call.ours)
                    self._engine.accept(call.number, text, self._mark(call.phone, call.of))
                    call.ours = call.ours.following()
                case AcceptAgain() | RefuseAgain():
                    self._engine.answer_again(call.number)
                case Refuse(code):
                    self._engine.refuse(call.number, code, last=False)
                case RefuseChange(code):
                    self._engine.refuse(call.number, code)
                case Acknowledge():
                    self._engine.acknowledge(call.number)
                case Cancel():
                    self._engine.cancel(call.number)
                case Bye():
                    self._engine.bye(call.number)
                case Ask():
                    self._engine.ask(call.number)
                case Talk() if call.theirs is not None:
                    call.sockets.lead_to(call.theirs.address, call.theirs.port, call.theirs.rtcp_port)
                    call.encryption.agreed(call.ours.encrypts_with(call.theirs), call.theirs.crypto)
                    call.session.agreed(call.theirs, now)
                case FallSilent():
                    self._fall_silent(call, now)
        if call.state.has_ended:
            self._ended(call)
        else:
            self._report(call, now)
            self._set_wakeup(call)

    def _report(self, call: RunningCall, now: float, *, again: bool = False) -> None:
        """Report a test call whose state is another one, or which goes on."""
        state = call_reporting.state_of(call.state)
        if call.of is None or (state == call.reported and not again):
            return
        if state == "Talking":
            call.report_wait = min(2 * call.report_wait, LONGEST_REPORT_WAIT) if again else 1.0
            call.report_at = now + call.report_wait
        call.reported = state
        report = call_reporting.report_of(call.phone, call.of, call.state, call.session.heard(), wall)
        self._outbox.news.calls.append(report)

    def _set_wakeup(self, call: RunningCall) -> None:
        """After each step; a frame of media changes only its own time."""
        wakeup = machine.next_wakeup(call.state)
        call.machine_wakes_at = math.inf if wakeup is None else wakeup
        call.wakes_at = min(call.machine_wakes_at, call.session.next_at, call.report_at)

    def _move_media(self, call: RunningCall, now: float) -> None:
        if not call.session.is_on:
            return
        unix = time.time()
        rtp, rtcp = call.encryption.decrypted(*call.sockets.received(unix))
        for data, at in rtp:
            call.session.rtp_came(data, at - unix + now)
        for data, at in rtcp:
            call.session.rtcp_came(data, at - unix + now, at)
        call.sockets.send(*call.encryption.encrypted(*call.session.due(now, unix)))

    def _fall_silent(self, call: RunningCall, now: float) -> None:
        if call.session.is_on:
            self._move_media(call, now)
            call.sockets.send(*call.encryption.encrypted([], [call.session.farewell(now, time.time())]))
            call.session.stop()

    def _ended(self, call: RunningCall) -> None:
        del self._calls[call.number]
        call.sockets.close()
        self._engine.forget(call.number)
        state, heard = call.state, replace(call.session.heard(), undecipherable=call.encryption.refused)
        # The metric knows no tone.
        sound = "" if state.answered_at is None else call_reporting.sound_of(heard).replace("Tone", "Audio")
        self._outbox.observe(CallDone(call.direction, str(state.code or ""), sound))
        if call.ended is not None:
            call.ended(call, heard)
        elif call.of is not None:
            self._outbox.tested(call_reporting.report_of(call.phone, call.of, state, heard, wall))
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
        self._outbox.observe(CallDone("In", str(code), ""))
        if self._traced(offer.phone):
            log.info("call refused", softphone=offer.phone, code=code, fault=fault)
