"""The agent as a whole, on loopback, at PBXes of our own: the shortest way, and its HTTP side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_process import pbx, phone, running
from sip_responder import Start, redirect, reply
from softphone_agent.contract.report import Snapshot

pytestmark = pytest.mark.lab


@pytest.mark.proves("S1", "S5", "S11", "L1a", "R1")
async def test_a_phone_registers_and_leaves(tmp_path: Path, start: Start) -> None:
    master, slave = await start(), await start()
    master.register = redirect(f"<{slave.uri()}>")
    pbxs = [pbx("master", master.uri(), location="headquarters"), pbx("slave", slave.uri())]
    async with running(tmp_path, pbxs, [phone(pri="master", registration={"pingSeconds": 1})]) as agent:
        report = await agent.phone(registered=True)
        assert (report.state, report.pbx, report.via, report.role) == ("Registered", "slave", "redirect", "Home")
        assert [(hop.pbx, hop.target, hop.code) for hop in report.redirects] == [("master", "slave", 302)]
        assert report.physical_location == "headquarters"
        assert slave.requests[0].header("X-Physical-Location") == "headquarters"
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")

        assert await agent.metric("softphone_registered", softphone="alice", fleet="") == 1
        assert await agent.metric("softphones", state="Registered") == 1
        info = {"softphone": "alice", "pbx": "slave", "via": "redirect", "role": "Home", "location": "headquarters"}
        assert await agent.metric("softphone_registration_info", **info) == 1
        assert await agent.metric("softphone_registration_expiry_timestamp_seconds", softphone="alice") > 1e9
        requests = "softphone_register_requests_total"
        assert await agent.metric(requests, pbx="master", outcome="redirected", code="302") == 1
        assert await agent.metric(requests, pbx="slave", outcome="accepted", code="200") == 1
        assert await agent.metric("softphone_redirects_total", pbx="master") == 1
        assert await agent.metric("softphone_register_duration_seconds_count", pbx="slave") == 1
        assert await agent.metric("softphone_pbx_reachable", pbx="master") == 1
        assert await agent.metric("softphone_pbx_ping_seconds", pbx="slave") > 0
        assert await agent.metric("softphone_agent_build_info") == 1

        code, text = await agent.get("/status")
        assert code == 200
        snapshot = Snapshot.model_validate(json.loads(text), by_alias=True, by_name=False)
        assert snapshot.phones == (agent.phones["alice"],)
        assert (await agent.get("/healthz"), await agent.get("/readyz")) == ((200, "ok\n"), (200, "ok\n"))
        assert (await agent.get("/nothing"))[0] == 404
    assert slave.bindings() == set()


async def test_ready_means_begun_not_registered(tmp_path: Path, start: Start) -> None:
    master = await start()
    master.register = reply(404)
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")]) as agent:
        await agent.phone(state="Rejected")
        assert (await agent.get("/readyz"))[0] == 200
