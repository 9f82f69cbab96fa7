"""A SIP engine without a network: it notes what a worker asks of it, and tells what a test gives it to tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

from softphone_agent.dns.targets import Place
from softphone_agent.sip.happenings import FromStrangers, Happening
from softphone_agent.sip.request import RegisterRequest, TlsFiles
from softphone_agent.sip.settings import EngineSettings
from softphone_agent.sip.unsolicited import Unsolicited


@dataclass
class RecordingCalls:
    """A `CallEngine` that makes no call: it notes what it is asked."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    registered: bool = True
    moved: bool = False
    last: int = 100

    def answer(self, phones: Set[str], most: int) -> None:
        self.asked.append(("answer", frozenset(phones), most))

    def host(self, phone: str) -> str:
        if not self.registered:
            raise OSError("the phone is not registered")
        return "127.0.0.1"

    def ring(self, call: int) -> None:
        self.asked.append(("ring", call))

    def accept(self, call: int, sdp: str, mark: str = "") -> None:
        self.asked.append(("accept", call, sdp, mark))

    def answer_again(self, call: int) -> None:
        self.asked.append(("answer_again", call))

    def refuse(self, call: int, code: int, *, last: bool = True) -> None:
        self.asked.append(("refuse", call, code, last))

    def invite(self, phone: str, to: str, sdp: str, mark: str = "", replaces: int = 0) -> int:
        self.last += 1
        self.asked.append(("invite", phone, to, sdp, mark, replaces))
        return self.last

    def ask(self, call: int) -> None:
        self.asked.append(("ask", call))

    def has_moved(self, call: int) -> bool:
        return self.moved

    def acknowledge(self, call: int) -> None:
        self.asked.append(("acknowledge", call))

    def cancel(self, call: int) -> None:
        self.asked.append(("cancel", call))

    def bye(self, call: int) -> None:
        self.asked.append(("bye", call))

    def forget(self, call: int) -> None:
        self.asked.append(("forget", call))


@dataclass
class RecordingEngine:
    """A `SipEngine` whose `poll` gives out `happenings` and waits for nothing."""

    settings: EngineSettings = field(default_factory=lambda: EngineSettings("test"))
    unsolicited: Unsolicited = field(default_factory=Unsolicited)
    happenings: deque[Happening] = field(default_factory=deque)
    strangers: FromStrangers = field(default_factory=FromStrangers)
    connections: set[tuple[str, int]] = field(default_factory=set)
    calling: RecordingCalls = field(default_factory=RecordingCalls)
    goes_on: bool = True
    """Whether a phone has a registration that a refresh can go on with."""
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    """What was asked: the name of the method, and its arguments in their order."""

    def of(self, *methods: str) -> list[tuple[Any, ...]]:
        """The calls of these methods."""
        return [call for call in self.calls if call[0] in methods]

    def poll(self, seconds: float) -> Iterator[Happening]:
        while self.happenings:
            yield self.happenings.popleft()

    def set_answer_time(self, seconds: float) -> None:
        self.calls.append(("set_answer_time", seconds))

    def trace(self, phones: Set[str]) -> None:
        self.calls.append(("trace", phones))

    def register(self, phone: str, serial: int, request: RegisterRequest, *, unregister_old: bool = False) -> None:
        self.calls.append(("register", phone, serial, request, unregister_old))

    def refresh(self, phone: str, serial: int) -> bool:
        self.calls.append(("refresh", phone, serial))
        return self.goes_on

    def unregister(self, phone: str, serial: int) -> None:
        self.calls.append(("unregister", phone, serial))

    def abandon(self, phone: str) -> None:
        self.calls.append(("abandon", phone))

    def fetch(self, phone: str, serial: int, request: RegisterRequest, *, anew: bool = False) -> None:
        self.calls.append(("fetch", phone, serial, request, anew))

    def drop_fetch(self, phone: str) -> None:
        self.calls.append(("drop_fetch", phone))

    def remove(self, phone: str) -> None:
        self.calls.append(("remove", phone))

    def ping(self, place: Place, aor: str, tls: TlsFiles | None = None) -> None:
        self.calls.append(("ping", place, aor, tls))

    def watch(self, places: Set[Place]) -> None:
        self.calls.append(("watch", places))

    def reopen_udp(self, address: str) -> None:
        self.calls.append(("reopen_udp", address))

    def connected_to(self) -> Set[tuple[str, int]]:
        return self.connections

    def take_from_strangers(self) -> FromStrangers:
        taken, self.strangers = self.strangers, FromStrangers()
        return taken
