"""What the receiver of notifications is to be told, and when: each trouble once, its end once, together by PBX.

Pure: no I/O, time is an argument, in seconds of any clock that never goes back; the wall clock only goes into texts.
It is level-triggered: what is told is compared with what is so. Whatever a receiver that is down misses in between, the
last word reaches it, and no queue grows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from softphone_operator.decide.troubles import LABELS, SEVERITIES, Trouble

RECEIVER = "softphone-fleet"
VERSION = "4"
"""Of the form that Alertmanager's webhook has; its receivers know it."""
NEVER = "0001-01-01T00:00:00Z"
MOST_IN_A_MESSAGE = 100
MOST_TROUBLES = 10_000
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 2.0, 300.0

Key = tuple[str, str, str, str]
Of = tuple[str, str, str]
"""Kind, namespace and name of an object."""
Group = tuple[str, str]
"""Namespace and PBX: who is told of together."""


@dataclass(slots=True)
class _Entry:
    trouble: Trouble
    told: bool = False
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message: troubles of one group, each with the time of its end, None while it lasts."""

    group: Group
    parts: tuple[tuple[Trouble, str | None], ...]
    more: int = 0
    """Troubles of the group that wait for the next message."""


class Told(NamedTuple):
    """How much there is to tell: troubles that are known, and those that were left out since there are too many."""

    known: int
    left_out: int


@dataclass(slots=True)
class Notifications:
    """All troubles that are known, and what was told of them.

    `wait`: for so many seconds a group's troubles are collected. What is over by then was never told, and is not.
    """

    wait: float
    _entries: dict[Key, _Entry] = field(default_factory=dict)
    _of: dict[Of, frozenset[Key]] = field(default_factory=dict)
    _due: dict[Group, float] = field(default_factory=dict)
    _flying: frozenset[Key] = frozenset()
    _failures: int = 0
    _not_before: float = 0.0
    _left_out: int = 0

    def seen(self, of: Of, before: Iterable[Trouble], now: Iterable[Trouble], at: float, wall: str) -> None:
        """An object has these troubles now. `wall`: the time, RFC 3339.

        `before`: those of its stored status. An operator that has just begun tells the end of what one before it has
        told, and tells again of what lasts: better twice than never. Receivers know it by fingerprint and start.
        """
        current = {trouble.key: trouble for trouble in now}
        if of not in self._of:
            for trouble in before:
                if trouble.key not in current:
                    self._take(trouble, at, told=True)
            self._of[of] = frozenset(trouble.key for trouble in before if trouble.key in self._entries)
        for key, trouble in current.items():
            entry = self._entries.get(key)
            if entry is None:
                self._take(trouble if trouble.since else trouble._replace(since=wall), at, told=False)
            elif entry.ended is not None:
                entry.ended = None
        for key in self._of[of] - current.keys():
            self._end(key, at, wall)
        self._of[of] = frozenset(key for key in {*self._of[of], *current} if key in self._entries)

    def gone(self, of: Of, at: float, wall: str) -> None:
        """An object is gone, and its troubles with it."""
        for key in self._of.pop(of, ()):
            self._end(key, at, wall)

    def _take(self, trouble: Trouble, at: float, *, told: bool) -> None:
        if len(self._entries) >= MOST_TROUBLES:
            self._left_out += 1
            return
        self._entries[trouble.key] = _Entry(trouble, told=told)
        self._ask(_group(trouble), at + self.wait)

    def _end(self, key: Key, at: float, wall: str) -> None:
        entry = self._entries.get(key)
        if entry is None or entry.ended is not None:
            return
        if not entry.told and key not in self._flying:
            del self._entries[key]
            return
        entry.ended = wall
        self._ask(_group(entry.trouble), at + self.wait)

    def _ask(self, group: Group, when: float) -> None:
        self._due[group] = min(when, self._due.get(group, when))

    def next_wakeup(self) -> float | None:
        """When there is something to send; None where nothing is."""
        return max(self._not_before, min(self._due.values())) if self._due else None

    def due(self, at: float) -> Message | None:
        """The message that is to be sent now; None where none is. It is on its way until `sent` or `failed`."""
        if at < self._not_before:
            return None
        for group in sorted(self._due, key=lambda group: (self._due[group], group)):
            if self._due[group] > at:
                break
            pending = [entry for entry in self._entries.values() if _group(entry.trouble) == group and _open(entry)]
            if not pending:
                del self._due[group]
                continue
            taken = pending[:MOST_IN_A_MESSAGE]
            self._flying = frozenset(entry.trouble.key for entry in taken)
            parts = tuple((entry.trouble, entry.ended) for entry in taken)
            return Message(group, parts, len(pending) - len(taken))
        return None

    def sent(self, message: Message) -> None:
        """The receiver has taken it."""
        self._flying, self._failures, self._not_before = frozenset(), 0, 0.0
        for trouble, ended in message.parts:
            entry = self._entries[trouble.key]  # what is on its way stays
            if ended is None:
                entry.told = True
            elif entry.ended is not None:
                del self._entries[trouble.key]
                self._forget(trouble)
            else:  # it began again while its end was told
                entry.told = False
        if not any(_open(entry) for entry in self._entries.values() if _group(entry.trouble) == message.group):
            self._due.pop(message.group, None)

    def failed(self, at: float) -> None:
        """The receiver has not taken it: it is told again after a back-off, with what is so by then."""
        self._flying = frozenset()
        wait = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(self._failures, 10), LONGEST_BACKOFF_SECONDS)
        self._failures += 1
        self._not_before = at + wait

    def _forget(self, trouble: Trouble) -> None:
        of = trouble.key[:3]
        if of in self._of:
            self._of[of] -= {trouble.key}

    @property
    def size(self) -> Told:
        """How much is known."""
        return Told(len(self._entries), self._left_out)


def _group(trouble: Trouble) -> Group:
    return trouble.namespace, trouble.pbx


def _open(entry: _Entry) -> bool:
    """Whether the receiver does not know yet how it is."""
    return not entry.told or entry.ended is not None


def body(message: Message) -> dict[str, Any]:
    """A message in the form of Alertmanager's webhook, version 4."""
    alerts = [_alert(trouble, ended) for trouble, ended in message.parts]
    namespace, pbx = message.group
    group = {"namespace": namespace, **({"pbx": pbx} if pbx else {})}
    return {
        "version": VERSION,
        "groupKey": "{}:" + "{" + ", ".join(f'{name}="{value}"' for name, value in group.items()) + "}",
        "truncatedAlerts": 0,
        "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
        "receiver": RECEIVER,
        "groupLabels": group,
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": "",
        "alerts": alerts,
    }


def _alert(trouble: Trouble, ended: str | None) -> dict[str, Any]:
    labels = {
        "alertname": trouble.alert,
        "severity": SEVERITIES[trouble.alert],
        "namespace": trouble.namespace,
        LABELS[trouble.kind]: trouble.name,
        **({"pbx": trouble.pbx} if trouble.pbx else {}),
        "source": "softphone-operator",
    }
    return {
        "status": "firing" if ended is None else "resolved",
        "labels": labels,
        "annotations": {"summary": trouble.summary, "description": trouble.description},
        "startsAt": trouble.since or NEVER,
        "endsAt": ended or NEVER,
        "generatorURL": "",
        "fingerprint": hashlib.sha256(repr(trouble.key).encode()).hexdigest()[:16],
    }


def _common(of: Sequence[dict[str, str]]) -> dict[str, str]:
    return {name: value for name, value in of[0].items() if all(one.get(name) == value for one in of)}
