"""Responders and a DNS server for a test, closed after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from dns_server import DnsServer
from sip_responder import Responder, Start


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """A way to start responders; they are closed after the test."""
    started: list[Responder] = []

    async def begin(*arguments: Any, **settings: Any) -> Responder:
        started.append(await Responder.start(*arguments, **settings))
        return started[-1]

    yield begin
    for responder in started:
        await responder.close()


@pytest.fixture
async def names() -> AsyncIterator[DnsServer]:
    """A DNS server that knows no name yet."""
    server = await DnsServer.start()
    yield server
    server.close()
