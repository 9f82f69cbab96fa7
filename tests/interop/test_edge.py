"""An Asterisk behind an edge that adds a Path: Kamailio."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from agent_process import pbx, running
from interop.asterisk import User
from interop.caller import Caller
from interop.conftest import Address, Begin, Note
from interop.edge import Edge
from interop.phones import known
from interop.process import Process

pytestmark = pytest.mark.lab


async def test_phones_register_through_an_edge_with_path(
    tmp_path: Path, asterisk: Begin, address: Address, ends: list[Process], note: Note
) -> None:
    names = ("udp", "tcp")
    path = {"support_path": "yes"}
    at = asterisk("pbx", [*(User(name, aor=path) for name in names), User("caller", endpoint={"auth": ""})])
    edge = Edge(f"edge-{(place := address())}", place, at.address)
    ends.append(edge)
    edge.start()
    at.wait_ready()
    pbxs = [pbx(f"edge-{way}", edge.uri(way)) for way in names]
    async with running(tmp_path, pbxs, [known(tmp_path, way, pri=f"edge-{way}") for way in names]) as agent:
        for way in names:
            await agent.phone(way, registered=True)
        await at.until_available(*names)
        paths = re.findall(r'"path":"([^"]*)"', at.cli("database show registrar"))
        assert paths == [f"<sip:{edge.address};lr>"] * len(names), "Asterisk goes through the edge"

        async def counted(method: str, code: str, times: int) -> None:
            await at.until_async(
                lambda: agent.metric("softphone_unsolicited_requests_total", method=method, code=code), times
            )

        await counted("OPTIONS", "200", 2)
        with Caller("caller") as one:
            assert await asyncio.to_thread(one.call, "udp", at.address) == 480
        await counted("INVITE", "480", 1)
    assert at.contacts() == {}
    note(
        "kamailio",
        "asterisk",
        tried="Phones register at an edge (module `path`, `add_path()`), which hands on to Asterisk; qualify and a "
        "call through the edge",
        set_there="Asterisk: `support_path=yes` in the AOR. The PBX object's `address` is the edge's",
        result="registered: the REGISTER says `Supported: path`, without which Asterisk answers 420; `Avail` through "
        "the edge; the call reaches the phone (480)",
    )
