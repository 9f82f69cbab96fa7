"""Who asks first when a connection was closed that phones share: one of them, and the others go by what it finds. Pure.

Else every phone would knock at a dead PBX before the first of them is anywhere else.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Connection = TypeVar("Connection", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Finding(Generic[Connection]):
    """What a phone is to be told now."""

    phone: str
    connection: Connection
    closed_at: float
    refused: bool
    """Whether the scout asked in vain."""


@dataclass
class _Closing:
    at: float
    waiting: dict[str, None] = field(default_factory=dict)
    """In the order in which they are told."""
    scout: str | None = None
    refused: bool | None = None
    """What the scout found; None while that is not known."""


class Scouting(Generic[Connection]):
    """The closed connections whose phones were not all told yet. Times in seconds."""

    def __init__(self) -> None:
        self._closings: dict[Connection, _Closing] = {}

    def closed(self, connection: Connection, phone: str, now: float) -> None:
        """This phone was registered over that connection. It may be said again."""
        self._closings.setdefault(connection, _Closing(now)).waiting[phone] = None

    def scouts(self) -> Iterator[tuple[Connection, str]]:
        """Those that ask now, while others wait for what they find."""
        for connection, closing in list(self._closings.items()):
            if closing.scout is not None and closing.refused is None:
                yield connection, closing.scout

    def found(self, connection: Connection, *, refused: bool) -> None:
        """The scout's PBX does not take it; or it does, or cannot be asked by this phone."""
        closing = self._closings.get(connection)
        if closing is not None:
            closing.refused = refused

    def next(self, most: int) -> list[Finding[Connection]]:
        """The phones to be told now, up to so many: first a scout, and the others when it has found something."""
        findings: list[Finding[Connection]] = []
        for connection, closing in list(self._closings.items()):
            number = 1 if closing.scout is None else 0 if closing.refused is None else most
            for phone in list(closing.waiting)[: min(number, most - len(findings))]:
                del closing.waiting[phone]
                closing.scout = closing.scout or phone
                findings.append(Finding(phone, connection, closing.at, closing.refused is True))
            if not closing.waiting:
                del self._closings[connection]
        return findings

    def ready(self) -> bool:
        """Whether `next` has something to say."""
        return any(closing.scout is None or closing.refused is not None for closing in self._closings.values())
