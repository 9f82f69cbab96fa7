"""Responders and a DNS server for a test, closed after it; and one failure where the agent's pjsua2 is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dns_server import DnsServer
from lab import pjsua2
from sip_responder import Responder, Start

FOLDER = Path(__file__).parent
FAILS = pytest.StashKey[bool]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without pjsua2 one test of the real agent fails and says so; the others would say the same a hundred times."""
    if pjsua2.is_here():
        return
    real = [item for item in items if item.path.is_relative_to(FOLDER) and item.get_closest_marker("lab")]
    if real:
        real[0].stash[FAILS] = True
        items[:] = [item for item in items if item not in real[1:]]
        config.hook.pytest_deselected(items=real[1:])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """See above."""
    if item.stash.get(FAILS, False):
        pytest.fail(pjsua2.MISSING, pytrace=False)


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
