"""An agent runs for months: of a ping, a REGISTER or an answer nothing is kept."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from sip_responder import Request, Start, accept, redirect

pytestmark = pytest.mark.lab

BYTES = 50
"""That may be left of each; a ping once left 385."""
BLOCKS = 0.5
SECONDS = 290


async def test_nothing_is_kept_of_what_an_engine_does(start: Start) -> None:
    pbx = await start()
    kept, led = accept(), redirect("<sip:127.0.0.1:9>")

    def behave(request: Request) -> list[bytes]:
        return list((led if request.user.startswith("led") else kept)(request))

    pbx.register = behave
    program = str(Path(__file__).with_name("kept_memory.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, program, f"{pbx.host}:{pbx.port}", stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SECONDS):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    left = json.loads(told)
    assert len(left) == 13
    assert {deed: found for deed, found in left.items() if found[0] > BYTES or found[1] > BLOCKS} == {}
