"""The calls of the engine: INVITE, ACK, CANCEL and BYE of both sides, and their dialogs (RFC 3261, 9 and 12 to 15).

Why own dialogs, on pjsip's transactions for what we send, and none for what comes: what is decided stands in Python,
where it is tested without a network; the client still calls nothing back; and a flood of INVITEs makes no state.
A final answer is repeated by the word of the call's machine (calls/machine.py), 180 only where the INVITE comes again.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Set

from softphone_agent.dns.targets import Place
from softphone_agent.registration.pacing import TokenBucket
from softphone_agent.sip import binding, chain, dialog, digest, sip_message
from softphone_agent.sip.binding import Registration
from softphone_agent.sip.call_protocol import MARK
from softphone_agent.sip.call_requests import (
    ALLOW_HEADER,
    SUPPORTED_HEADER,
    Call,
    CallRequests,
    contact_of,
    lines_of,
)
from softphone_agent.sip.callee import Callee
from softphone_agent.sip.client import SipClient
from softphone_agent.sip.dialog import Dialog, DialogError
from softphone_agent.sip.happenings import CallNews, CallOffered, CallSignal, Happening

CALLS_PER_SECOND = 20.0
"""INVITEs of strangers that one process looks at in a second; others get 486."""
CALLS_OF_PBXES_PER_SECOND = 100.0
"""The same from addresses of PBXes in use: after a fail-over test calls come together."""
BAD_REQUEST, NOT_FOUND, BAD_EXTENSION, UNAVAILABLE, NO_SUCH_CALL, BUSY, WRONG_ORDER = 400, 404, 420, 480, 481, 486, 500
RINGING = 180


class Calling:
    """What happens goes to `happenings`.

    `find` gives the phone of ours with a Request-URI, `registered` the registration of the phone with a name,
    `host` our own address towards a PBX.
    """

    def __init__(
        self,
        client: SipClient,
        requests: CallRequests,
        happenings: deque[Happening],
        find: Callable[[str], Callee | None],
        registered: Callable[[str], Registration | None],
        host: Callable[[Place], str],
    ) -> None:
        self._client = client
        self._happenings = happenings
        self._find = find
        self._registered = registered
        self._host = host
        self._requests = requests
        self._answering: frozenset[str] = frozenset()
        self._most = 0
        self._buckets = {True: TokenBucket(CALLS_OF_PBXES_PER_SECOND), False: TokenBucket(CALLS_PER_SECOND)}
        """By whether a PBX in use sends."""
        self._calls: dict[int, Call] = {}
        self._of_dialog: dict[tuple[str, str], Call] = {}
        """By Call-ID and our tag."""
        self._last = 0

    # What the worker asks

    def answer(self, phones: Set[str], most: int) -> None:
        """These phones answer calls."""
        self._answering, self._most = frozenset(phones), most

    def host(self, phone: str) -> str:
        """Our own address for its media."""
        registration = self._registered(phone)
        if registration is None:
            raise OSError("the phone is not registered")
        return registration.request.public_address or self._host(registration.place)

    def ring(self, call: int) -> None:
        """180 to the INVITE."""
        known = self._calls.get(call)
        if known is not None and known.invite:
            known.answer = (RINGING, lines_of([ALLOW_HEADER, ("Contact", contact_of(known.registration))]))
            self._respond(known, last=False)

    def accept(self, call: int, sdp: str, mark: str = "") -> None:
        """200 to the INVITE."""
        known = self._calls.get(call)
        if known is not None and known.invite:
            marks = [(MARK, mark)] if mark else []
            contact = ("Contact", contact_of(known.registration))
            known.answer = (200, lines_of([ALLOW_HEADER, SUPPORTED_HEADER, contact, *marks], sdp))
            self._respond(known, last=False)

    def answer_again(self, call: int) -> None:
        """The same once more."""
        known = self._calls.get(call)
        if known is not None and known.invite and known.answer:
            self._respond(known, last=False)

    def refuse(self, call: int, code: int, *, last: bool = True) -> None:
        """Another final answer to the INVITE."""
        known = self._calls.get(call)
        if known is not None and known.invite:
            known.answer = (code, lines_of([ALLOW_HEADER]))
            self._respond(known, last=last)

    def invite(self, phone: str, to: str, sdp: str, mark: str = "", replaces: int = 0) -> int:
        """A new call of ours. What prevents it comes as its refusal."""
        self._last += 1
        registration = self._registered(phone)
        if registration is None:
            self._happenings.append(CallSignal(self._last, CallNews.REFUSED, 0, "the phone is not registered"))
            return self._last
        local_tag, aor = uuid.uuid4().hex[:16], registration.request.aor
        new = Dialog(uuid.uuid4().hex, f"<{aor}>", local_tag, f"<{to}>", "", to)
        more = [(MARK, mark)] if mark else []
        old = self._calls.get(replaces)
        if old is not None:
            tags = f"to-tag={old.dialog.remote_tag};from-tag={old.dialog.local_tag}"
            more += [("Require", "replaces"), ("Replaces", f"{old.dialog.call_id};{tags}")]
        call = Call(self._last, phone, registration, new, offer=sdp, headers=tuple(more))
        call.chain = chain.Chain(0, binding.new_session(registration.request))
        self._keep(call)
        self._invite(call)
        return call.number

    def ask(self, call: int) -> None:
        """OPTIONS within it."""
        known = self._calls.get(call)
        if known is None:
            return
        known.dialog.local_cseq += 1
        if fault := self._requests.send(known, "OPTIONS", known.dialog.local_cseq):
            self._tell(known, CallNews.ASK_ANSWERED, 0, fault)

    def has_moved(self, call: int) -> bool:
        """Whether the registration leads elsewhere by now."""
        known = self._calls.get(call)
        present = self._registered(known.phone) if known is not None else None
        return known is not None and present is not None and present.place != known.registration.place

    def acknowledge(self, call: int) -> None:
        """ACK to the 2xx."""
        known = self._calls.get(call)
        if known is not None:
            known.acknowledged = known.dialog.local_cseq
            self._requests.send(known, "ACK", known.dialog.local_cseq)

    def cancel(self, call: int) -> None:
        """CANCEL; before anything was heard of the INVITE none may be sent, and it is dropped (RFC 3261, 9.1)."""
        known = self._calls.get(call)
        if known is None:
            return
        known.is_cancelled = True
        for number, method in list(known.in_flight.items()):
            if method != "INVITE":
                continue
            if not known.has_progressed:
                self._client.cancel(number)
                self._requests.done(number)
                self._tell(known, CallNews.REFUSED, 0, "given up")
            else:
                self._requests.cancel(known, number)

    def bye(self, call: int) -> None:
        """BYE to the other end."""
        known = self._calls.get(call)
        if known is None:
            return
        known.dialog.local_cseq += 1
        if fault := self._requests.send(known, "BYE", known.dialog.local_cseq):
            self._tell(known, CallNews.BYE_ANSWERED, 0, fault)

    def forget(self, call: int) -> None:
        """It is over."""
        known = self._calls.pop(call, None)
        if known is None:
            return
        self._of_dialog.pop((known.dialog.call_id, known.dialog.local_tag), None)
        if known.invite:
            self._client.reply(known.invite, 0)
        for number in list(known.in_flight):
            self._client.cancel(number)
            self._requests.done(number)

    # What comes

    def phone_of(self, call_id: str) -> str | None:
        """Whose call this is."""
        return next((call.phone for call in self._calls.values() if call.dialog.call_id == call_id), None)

    def took(self, number: int, method: str, text: str) -> bool:
        """A request came; whether it was one of a call that is known."""
        call_id = sip_message.call_id(text)
        if not any(call.dialog.call_id == call_id for call in self._calls.values()):
            return False  # a flood is not read further
        to_tag = dialog.tag_of(dialog.header(text, "To"))
        call = self._of_dialog.get((call_id, to_tag)) if to_tag else self._invited(call_id, text)
        if call is None:
            return False
        if to_tag and dialog.tag_of(dialog.header(text, "From")) != call.dialog.remote_tag:
            return False
        handler = {"ACK": self._acked, "BYE": self._bye_came, "INVITE": self._invite_came, "CANCEL": self._cancel_came}
        handler.get(method, self._other)(call, number, method, text)
        return True

    def invited(self, number: int, text: str, now: float, *, from_pbx: bool = False) -> int:
        """An INVITE came that makes a new dialog; the code of the answer, 0 where the worker is to answer it."""
        if not self._buckets[from_pbx].take(now):
            return BUSY
        callee = self._find(dialog.request_uri(text))
        if callee is None:
            return NOT_FOUND
        if callee.name not in self._answering or callee.registration is None:
            return UNAVAILABLE
        if set(_required(text)) - {"replaces"}:
            return BAD_EXTENSION
        try:
            made, replaces = dialog.of_invite(text, uuid.uuid4().hex[:16]), dialog.replaces_of(text)
        except DialogError:
            return BAD_REQUEST
        replaced = self._replaced(replaces, callee.name) if replaces is not None else 0
        if replaces is not None and not replaced:
            return NO_SUCH_CALL
        if not replaced and len(self._calls) >= self._most:
            return BUSY
        self._last += 1
        call = Call(self._last, callee.name, callee.registration, made, invite=number)
        self._keep(call)
        caller, mark = dialog.uri_of(made.remote), dialog.header(text, MARK) or ""
        self._happenings.append(
            CallOffered(call.number, call.phone, caller, dialog.body(text), mark, from_pbx, replaced)
        )
        return 0

    def _replaced(self, wanted: dialog.Replaces, phone: str) -> int:
        """The call of this phone that is to be replaced (RFC 3891, section 3); 0 for none."""
        old = self._of_dialog.get((wanted.call_id, wanted.local_tag))
        if old is None or old.phone != phone or wanted.early_only or wanted.remote_tag != old.dialog.remote_tag:
            return 0
        return old.number

    def answered(self, number: int, code: int, reason: str, text: str) -> None:
        """The final answer to a request of ours; code 0: none."""
        call = self._requests.call_of(number)
        if call is None:
            return
        method = self._requests.done(number)
        if method == "BYE":
            self._tell(call, CallNews.BYE_ANSWERED, code)
        elif method == "OPTIONS":
            self._tell(call, CallNews.ASK_ANSWERED, code)
        elif method == "INVITE" and 200 <= code < 300:
            self._accepted(call, code, text)
        elif method == "INVITE" and not self._asks_again(call, code, text):
            self._tell(call, CallNews.REFUSED, code, reason)

    def progressed(self, number: int, code: int) -> None:
        """A provisional answer above 100 came to an INVITE of ours."""
        call = self._requests.call_of(number)
        if call is not None:
            call.has_progressed = True
            self._tell(call, CallNews.PROGRESSED, code)

    def came_late(self, text: str) -> bool:
        """A 2xx to an INVITE of ours that is through came again; whether it was one of a call that is known."""
        key = dialog.header(text, "Call-ID") or "", dialog.tag_of(dialog.header(text, "From"))
        call = self._of_dialog.get(key)
        if call is None or dialog.cseq_of(text)[0] != call.acknowledged:
            return False
        if dialog.tag_of(dialog.header(text, "To")) != call.dialog.remote_tag:
            return False  # another branch has answered, too: who forks an INVITE ends it there (RFC 3261, 16.7)
        self._requests.send(call, "ACK", call.acknowledged)
        return True

    def _invited(self, call_id: str, text: str) -> Call | None:
        """The call whose INVITE, without a tag of ours yet, this is again, or is to be cancelled by this."""
        from_tag, (cseq, _) = dialog.tag_of(dialog.header(text, "From")), dialog.cseq_of(text)
        for call in self._calls.values():
            known = call.dialog
            if (known.call_id, known.remote_tag, known.remote_cseq) == (call_id, from_tag, cseq):
                return call
        return None

    def _acked(self, call: Call, number: int, method: str, text: str) -> None:
        self._client.reply(number, 0)
        is_final = call.answer is not None and call.answer[0] >= 200
        if dialog.cseq_of(text)[0] != call.dialog.remote_cseq or not call.invite or not is_final:
            return
        self._client.reply(call.invite, 0)
        call.invite = 0
        self._tell(call, CallNews.ACKNOWLEDGED, sdp=dialog.body(text))

    def _bye_came(self, call: Call, number: int, method: str, text: str) -> None:
        self._client.respond(number, 200, "", lines_of([ALLOW_HEADER]), True)
        self._tell(call, CallNews.BYE_CAME)

    def _invite_came(self, call: Call, number: int, method: str, text: str) -> None:
        cseq, _ = dialog.cseq_of(text)
        if cseq == call.dialog.remote_cseq:  # the same again
            self._client.reply(number, 0)
            if call.invite and call.answer:
                self._respond(call, last=False)
            return
        if cseq < call.dialog.remote_cseq or call.invite or not dialog.tag_of(dialog.header(text, "To")):
            self._client.respond(number, WRONG_ORDER, "", lines_of([("Retry-After", "1")]), True)
            return
        if _required(text):
            self._client.respond(number, BAD_EXTENSION, "", lines_of(_unsupported(text)), True)
            return
        call.dialog.remote_cseq = cseq
        dialog.retarget(call.dialog, text)
        call.invite, call.answer = number, None
        self._tell(call, CallNews.REOFFERED, sdp=dialog.body(text))

    def _cancel_came(self, call: Call, number: int, method: str, text: str) -> None:
        """It means nothing to an INVITE that was answered (RFC 3261, section 9.2)."""
        self._client.respond(number, 200, call.dialog.local_tag, lines_of([ALLOW_HEADER]), True)
        if call.invite and call.answer is not None and call.answer[0] == RINGING:
            self._tell(call, CallNews.CANCELLED)

    def _other(self, call: Call, number: int, method: str, text: str) -> None:
        self._client.respond(number, 200 if method == "OPTIONS" else 405, "", lines_of([ALLOW_HEADER]), True)

    def _accepted(self, call: Call, code: int, text: str) -> None:
        try:
            made = dialog.answered(call.dialog, text)
        except DialogError as fault:
            self._tell(call, CallNews.REFUSED, code, str(fault))
            return
        call.dialog, call.is_answered = made, True
        self._tell(call, CallNews.ANSWERED, code, sdp=dialog.body(text), mark=dialog.header(text, MARK) or "")

    def _asks_again(self, call: Call, code: int, text: str) -> bool:
        """Whether the PBX wants credentials, and gets them. Another realm than that of its REGISTERs gets none."""
        if code not in (401, 407) or call.chain is None or call.is_cancelled:
            return False
        known = call.registration.session
        if (
            known is not None
            and known.realms
            and not known.realms.issuperset(one.realm for one in digest.challenges(text))
        ):
            return False
        if isinstance(chain.step(call.chain, code, text), chain.Final):
            return False
        self._invite(call)
        return True

    # How it goes out

    def _invite(self, call: Call) -> None:
        call.dialog.local_cseq += 1
        call.has_progressed = False
        if fault := self._requests.send(call, "INVITE", call.dialog.local_cseq):
            self._tell(call, CallNews.REFUSED, 0, fault)

    def _keep(self, call: Call) -> None:
        self._calls[call.number] = call
        self._of_dialog[call.dialog.call_id, call.dialog.local_tag] = call

    def _tell(self, call: Call, news: CallNews, code: int = 0, reason: str = "", sdp: str = "", mark: str = "") -> None:
        self._happenings.append(CallSignal(call.number, news, code, reason, sdp, mark))

    def _respond(self, call: Call, *, last: bool) -> None:
        assert call.answer is not None
        code, lines = call.answer
        self._client.respond(call.invite, code, call.dialog.local_tag, lines, last)
        if last:
            call.invite = 0


def _unsupported(text: str) -> list[tuple[str, str]]:
    return [("Unsupported", ", ".join(_required(text)))]


def _required(text: str) -> list[str]:
    """The extensions that a request demands (RFC 3261, section 20.32)."""
    return [one.strip() for value in dialog.headers(text, "Require") for one in value.split(",") if one.strip()]
