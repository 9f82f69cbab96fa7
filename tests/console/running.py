"""A console that runs against a pretended API server, in the test's own loop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from console import api_server
from console.api_server import ApiServer
from softphone_console.program import console
from softphone_console.program.command_line import Settings


class Running(NamedTuple):
    """The pretended API server, the port of its agents, and where the console serves."""

    api: ApiServer
    agents: int
    url: str


@contextlib.asynccontextmanager
async def running(
    api: ApiServer, folder: Path, namespaces: tuple[str, ...] = (), prometheus: str = ""
) -> AsyncGenerator[Running]:
    """Run one for the time of the block."""
    async with api_server.serving(api, folder) as (kubeconfig, agents):
        settings = Settings(
            namespaces, str(kubeconfig), prometheus, frozenset({"phones.example.com"}), "127.0.0.1", 0, "info"
        )
        async with console.serving(settings, lambda: datetime.now(UTC)) as port:
            yield Running(api, agents, f"http://127.0.0.1:{port}")
