"""Sends what is to be told, one message after the other, beside the work: nobody waits for a receiver."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from softphone_operator.decide.notifications import Notifications, Of, body
from softphone_operator.decide.status import Object, timestamp
from softphone_operator.decide.troubles import LABELS, troubles
from softphone_operator.notify.receiver import NotTakenError

SENT, FAILED = "sent", "failed"

log = structlog.get_logger()


class Notifier:
    """`post(message)` hands one over, or raises NotTakenError; `count(result)` is told of each attempt."""

    def __init__(
        self,
        post: Callable[[Mapping[str, Any]], Awaitable[None]],
        wait: float,
        *,
        count: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._post = post
        self._count = count
        self._now = now
        self._notifications = Notifications(wait)
        self._changed = asyncio.Event()

    def seen(self, of: Of, before: Object, status: Object) -> None:
        """An object has this status now; `before` is the one that is stored. Costs little, and never waits."""
        if of[0] not in LABELS:
            return
        found = troubles(*of, status)
        self._notifications.seen(of, troubles(*of, before), found, _clock(), timestamp(self._now()))
        self._changed.set()

    def gone(self, of: Of) -> None:
        """An object is gone."""
        self._notifications.gone(of, _clock(), timestamp(self._now()))
        self._changed.set()

    async def run(self) -> None:
        """Send until cancelled."""
        left_out = 0
        while True:
            self._changed.clear()
            when = self._notifications.next_wakeup()
            wait = None if when is None else when - _clock()
            if wait is None or wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                continue
            if self._notifications.size.left_out > left_out:
                left_out = self._notifications.size.left_out
                log.warning("there is more to tell than can be kept", left_out=left_out)
            await self._send()

    async def _send(self) -> None:
        message = self._notifications.due(_clock())
        if message is None:
            return
        try:
            await self._post(body(message))
        except NotTakenError as error:
            self._notifications.failed(_clock())
            self._count(FAILED)
            log.warning("a notification was not taken, it is sent again", reason=str(error))
        except Exception as error:  # noqa: BLE001 - whatever a receiver does, the operator goes on
            self._notifications.failed(_clock())
            self._count(FAILED)
            log.error("a notification could not be sent, it is sent again", error=type(error).__name__)
        else:
            self._notifications.sent(message)
            self._count(SENT)


def _clock() -> float:
    return asyncio.get_running_loop().time()
