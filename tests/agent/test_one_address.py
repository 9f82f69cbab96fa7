"""Two PBX objects with one address: a running phone keeps the one that it names. Needs no lab, but pjsua2."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_process import pbx, phone, running
from sip_responder import Start, redirect
from softphone_agent.contract.report import PbxReport

pytestmark = pytest.mark.lab


async def test_a_phone_keeps_the_pbx_that_it_names_when_another_comes_with_its_address(
    tmp_path: Path, start: Start
) -> None:
    master, entry = await start(), await start()
    entry.register = redirect(f"<{master.uri()}>")
    pbxs = [pbx("master", master.uri(), location="headquarters"), pbx("entry", entry.uri())]
    twin = pbx("a-twin", master.uri(), location="annex")
    pings = {"registration": {"pingSeconds": 0.2}}
    phones = [phone("alice", pri="master", **pings), phone("bob", pri="entry", home="master", **pings)]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in ("alice", "bob"):
            await agent.phone(name, registered=True, pbx="master")
        before, seen = agent.running, len(master.requests)
        agent.write(agent.config | {"pbxs": [twin, *pbxs]})
        await agent.until(lambda agent: agent.running != before, "the new configuration")
        told = PbxReport(name="a-twin", reachable=True, answers_options=True)
        await agent.until(lambda agent: agent.pbxs.get("a-twin") == told, "both")
        assert agent.pbxs["master"] == told.model_copy(update={"name": "master"})
        assert {name: report.pbx for name, report in agent.phones.items()} == {"alice": "master", "bob": "master"}
        assert agent.phones["alice"].physical_location == "headquarters"
        assert len([r for r in master.requests[seen:] if r.method == "REGISTER"]) == 0, "nobody starts anew for it"
