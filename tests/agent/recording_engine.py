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
class RecordingEngine:
    """A `SipEngine` whose `poll` gives out `happenings` and waits for nothing."""

    settings: EngineSettings = field(default_factory=lambda: EngineSettings("test"))
    unsolicited: Unsolicited = field(default_factory=Unsolicited)
    happenings: deque[Happening] = field(default_factory=deque)
    strangers: FromStrangers = field(default_factory=FromStrangers)
    connections: set[tuple[str, int]] = field(default_factory=set)
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
