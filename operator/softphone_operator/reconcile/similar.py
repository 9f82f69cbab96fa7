"""Which Events only count up one that is there, as Kubernetes' own recorder does. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

REMEMBERED = 4096
KEPT_SECONDS = 3000.0
"""The API server keeps an Event for an hour; one that may be gone is not counted up."""
DIFFERENT, WINDOW_SECONDS = 10, 600.0
"""After so many different messages of one object, type and reason within the window they are told by one Event."""
COMBINED = "(of many such, the last:) "

_Kind = tuple[str, str, str]


@dataclass(slots=True)
class Telling:
    """How to post an Event: `count` 1: make it; more: bring the Event `name` to that count."""

    name: str
    message: str
    count: int
    last: float


class Similar:
    """Remembers the Events that were posted, by object (its UID), type, reason and message."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[_Kind, str], Telling] = OrderedDict()
        self._messages: OrderedDict[_Kind, dict[str, float]] = OrderedDict()

    def tell(self, kind: _Kind, message: str, name: str, now: float) -> Telling:
        """How to post `message` of `kind`; a new Event is called `name`."""
        others = {m: at for m, at in self._messages.pop(kind, {}).items() if now - at < WINDOW_SECONDS}
        others[message] = now
        self._messages[kind] = others
        combined = len(others) > DIFFERENT
        key = (kind, COMBINED if combined else message)
        telling = self._told.pop(key, None)
        if telling is None or now - telling.last >= KEPT_SECONDS:
            telling = Telling(name, message, 0, now)
        telling.count, telling.last = telling.count + 1, now
        telling.message = COMBINED + message if combined else message
        self._told[key] = telling
        # The oldest go first: whoever is told again goes to the end.
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        while len(self._messages) > REMEMBERED:
            self._messages.popitem(last=False)
        return telling

    def gone(self, telling: Telling) -> None:
        """The Event to be counted up is gone: make it again."""
        telling.count = 1

    def failed(self, telling: Telling) -> None:
        """The Event could not be posted."""
        telling.count -= 1
