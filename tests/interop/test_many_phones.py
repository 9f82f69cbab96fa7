"""Five hundred phones of one agent at Asterisk, which asks for each of them as it registers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent_process import pbx, running
from interop.asterisk import User
from interop.conftest import Begin, Note
from interop.phones import known, longest

pytestmark = pytest.mark.lab
PHONES = 500


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_all_of_five_hundred_phones_are_there(
    tmp_path: Path, asterisk: Begin, note: Note, transport: str
) -> None:
    names = {f"u{number}" for number in range(PHONES)}
    known_there = [
        User(name, endpoint={"mailboxes": f"{name}@default"}, aor={"qualify_frequency": "30"}) for name in names
    ]
    pri, sec = asterisk("pri", known_there), asterisk("sec", known_there)
    phones = [known(tmp_path, name, pri="pri", sec="sec") for name in sorted(names)]
    await asyncio.to_thread(pri.wait_ready)
    await asyncio.to_thread(sec.wait_ready)
    async with running(tmp_path, [pbx("pri", pri.uri(transport)), pbx("sec", sec.uri(transport))], phones) as agent:
        assert len(agent.workers()) == 1, "one process, at one address"
        await agent.until(lambda agent: {r.pbx for r in agent.phones.values()} == {"pri"}, "all at the primary")
        await pri.until(lambda: pri.available() == names, "all to be Avail")
        pri.kill()
        await agent.until(lambda agent: {r.pbx for r in agent.phones.values()} == {"sec"}, "all at the secondary")
        await sec.until(lambda: sec.available() == names, "all to be Avail")
        seconds = longest(agent.phones.values())
        await sec.until_async(
            lambda: agent.metric("softphone_unsolicited_requests_total", method="NOTIFY", code="405"), 2 * PHONES
        )
        assert await agent.metric("softphone_unsolicited_requests_total", code="") == 0, "no request without an answer"
    note(
        "asterisk",
        part=transport,
        tried=f"{PHONES} phones of one process over {transport.upper()}; Asterisk sends an OPTIONS and an MWI NOTIFY "
        "to each as it registers, and again after `kill -9` of the primary",
        result=f"{PHONES} of {PHONES} `Avail`, at both; no request was left without an answer. The longest outage: "
        f"{seconds:.1f} s",
    )
