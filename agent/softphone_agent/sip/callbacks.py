"""What pjsua2 calls back: its own classes, derived so that they tell the engine."""

from __future__ import annotations

import re
from collections import deque
from typing import Any, Protocol

import pjsua2 as pj

from softphone_agent.dns.targets import Target
from softphone_agent.sip import sip_message
from softphone_agent.sip.happenings import Answer, Happening

_NO_ANSWER = frozenset({408, 503})
_BAD_CERTIFICATE = "PJSIP_TLS_ECERTVERIF"
_LOGGED_MESSAGE = re.compile(
    r"(?P<way>TX|RX) [0-9]+ bytes .*? (?:to|from) (?P<peer>\w+ \S+):\r?\n(?P<message>.*?)\s*(?:--end msg--|\Z)",
    re.DOTALL,
)


class Listener(Protocol):
    """The engine, as far as these classes know it."""

    happenings: deque[Happening]

    def abandon(self, phone: str) -> None:
        """Forget the phone's REGISTER in flight."""

    def ponged(self, token: int, *, alive: bool) -> None:
        """A ping is over."""

    def connected(self, transport: int) -> None:
        """A TCP or TLS connection is there."""

    def disconnected(self, transport: int) -> None:
        """A TCP or TLS connection is no more."""

    def overheard(self, sent: bool, peer: str, message: str) -> None:
        """A SIP message went over the wire."""


class PhoneAccount(pj.Account):  # type: ignore[misc]
    """One phone's account. `live` guards it: shutting an account down twice would hit another one's slot."""

    def __init__(self, engine: Listener, name: str) -> None:
        super().__init__()
        self.engine, self.name = engine, name
        self.live = False
        self.bound = False
        """Whether its last answer granted a binding: a refresh can go on with that registration."""
        self.leaving = False
        """Whether it is being ended: what pjsua2 says now is about no request that the agent waits for."""
        self.serial = 0
        self.unregistering = False
        self.own_binding = sip_message.NOBODY
        """How its present binding is known in an answer."""
        self.call_id = self.former_call_id = ""
        """Of its registration and of the one before, which may still be un-REGISTERed."""
        self.transport = -1
        self.tls_name = ""
        self.handled: tuple[str, Target] | None = None
        """The name and the target for which it uses a handle of the name table."""
        self.earlier: list[int] = []
        """Answers of the present chain of REGISTERs that the SIP stack sees to by itself."""
        self.former: list[int] = []
        """The same of the registration before."""

    def onRegState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """The final answer to a REGISTER or un-REGISTER."""
        if self.leaving:
            return
        answer = _answer(self, prm.status, prm.code, str(prm.reason), int(prm.expiration), str(prm.rdata.wholeMsg))
        self.bound = answer.expires > 0
        if prm.code // 100 == 2 and not self.bound and not self.unregistering:
            self.engine.abandon(self.name)  # else the SIP stack would refresh a binding that is not the phone's
        self.engine.happenings.append(answer)


class Pinger(pj.Account):  # type: ignore[misc]
    """The one account that never registers and sends the pings of all."""

    def __init__(self, engine: Listener) -> None:
        super().__init__()
        self.engine = engine

    def onSendRequest(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """A ping is over."""
        state = prm.e.body.tsxState
        from_peer = state.type == pj.PJSIP_EVENT_RX_MSG
        self.engine.ponged(int(prm.userData), alive=from_peer or state.tsx.statusCode not in _NO_ANSWER)


class Endpoint(pj.Endpoint):  # type: ignore[misc]
    """The endpoint, for its transports' news."""

    def __init__(self, engine: Listener) -> None:
        super().__init__()
        self.engine = engine

    def onTransportState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """A transport has another state."""
        if prm.state == pj.PJSIP_TP_STATE_CONNECTED:
            self.engine.connected(int(prm.hnd))
        elif prm.state in (pj.PJSIP_TP_STATE_DISCONNECTED, pj.PJSIP_TP_STATE_DESTROY):
            self.engine.disconnected(int(prm.hnd))


class Trace(pj.LogWriter):  # type: ignore[misc]
    """Takes the SIP messages out of the SIP stack's log."""

    def __init__(self, engine: Listener) -> None:
        super().__init__()
        self.engine = engine

    def write(self, entry: Any) -> None:
        """One entry of the log."""
        found = _LOGGED_MESSAGE.search(str(entry.msg))
        if found:
            self.engine.overheard(found["way"] == "TX", found["peer"], found["message"])


def _answer(phone: PhoneAccount, status: int, code: int, reason: str, expiration: int, message: str) -> Answer:
    """pjsua2's registration state in our words."""
    no_peer = not message and code in _NO_ANSWER
    if _BAD_CERTIFICATE in reason:
        reason += f', checked for "{phone.tls_name}"'
    granted = None
    if status == 0 and code // 100 == 2 and not phone.unregistering:
        granted = sip_message.granted(message, phone.own_binding, max(0, expiration))
    return Answer(
        phone.name,
        phone.serial,
        phone.unregistering,
        0 if no_peer or not code else code,
        reason or ("no answer" if no_peer else ""),
        granted.expires if granted else 0,
        granted.contact if granted else "",
        message,
        superseded(phone.earlier, code if message else 0),
    )


def superseded(seen: list[int], final: int) -> tuple[int, ...]:
    """What was seen on the way, without the final answer itself."""
    return tuple(seen[:-1] if seen and seen[-1] == final else seen)
