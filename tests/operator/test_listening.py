"""Which agents are followed: the one in the pod that counts, and in the container that runs there now."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from softphone_agent.contract.report import ConfigReport, Snapshot, to_line
from softphone_operator.decide import names
from softphone_operator.observe import agents
from softphone_operator.reconcile.listening import Listening


def pod(port: int, restarts: int) -> dict[str, Any]:
    return {
        "metadata": {"name": "x", "uid": "u", "annotations": {names.PORT_ANNOTATION: str(port)}},
        "status": {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "containerStatuses": [{"name": "agent", "restartCount": restarts}],
        },
    }


async def test_a_container_that_was_restarted_is_heard_at_once(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    """The waits between attempts to reach the one before may have become long."""
    monkeypatch.setattr(agents, "FIRST_WAIT_SECONDS", 3600.0)
    reported = asyncio.Queue[object]()

    async def status(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(to_line(Snapshot(version="1", config=ConfigReport(digest="0" * 16))))
        return response

    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        listening = Listening(
            session,
            said=lambda key, change, line: reported.put_nowait(line),
            unsaid=lambda namespace, pbxs: None,
            jitter=lambda: 0.0,
        )
        listening.point("demo", "softphone-anna", pod(unused_tcp_port, 0))
        assert isinstance(await reported.get(), agents.Lost), "nobody is there"
        application = web.Application()
        application.router.add_get("/status", status)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
        listening.point("demo", "softphone-anna", pod(unused_tcp_port, 0))
        listening.point("demo", "softphone-anna", pod(unused_tcp_port, 1))
        assert isinstance(await reported.get(), Snapshot)
        await listening.close()
        await runner.cleanup()
