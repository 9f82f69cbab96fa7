"""Asks a Prometheus for the history of a phone, where its address is given. Only here the console speaks with one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import aiohttp

from softphone_agent.contract.history import HistoryEntry
from softphone_agent.contract.series import Series, from_series, queries, range_query, read, step
from softphone_console.view.facts import Key

ANSWER_SECONDS = 10.0
MOST_BYTES = 16 * 1024 * 1024


class PrometheusError(Exception):
    """Why it told nothing, in words. They do not repeat its address."""


class Prometheus:
    """One Prometheus."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/api/v1/query_range"

    async def history(self, phone: Key, now: datetime, span: timedelta) -> list[HistoryEntry]:
        """What it has of a phone. Raises PrometheusError."""
        answers = [await self._ask(query, now, span) for query in queries(*phone)]
        return from_series(phone.name, *answers)

    async def _ask(self, query: str, now: datetime, span: timedelta) -> Sequence[Series]:
        seconds, end = span.total_seconds(), now.timestamp()
        asked = range_query(query, end - seconds, end, step(seconds))
        limits = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._session.post(self._url, data=asked, timeout=limits, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise PrometheusError(f"it answers {answer.status}")
                body = await _bounded(answer.content)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise PrometheusError(_why(error)) from None
        return _series(body)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    cause = getattr(error, "os_error", None)
    return str(getattr(cause, "strerror", None) or type(error).__name__)


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    body = b""
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise PrometheusError("its answer is too long")
    return body


def _series(body: bytes) -> list[Series]:
    try:
        return read(json.loads(body))
    except (ValueError, LookupError, TypeError, RecursionError):
        raise PrometheusError("what answers is no Prometheus") from None
