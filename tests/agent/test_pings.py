"""A ping is asked in the name of a phone that the PBX knows: to a PBX, an OPTIONS of anybody else is an intruder's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from agent_process import pbx, phone, running
from sip_responder import NONCE, Request, Responder, Start, redirect, reply, silence

REGISTRATION = {"pingSeconds": 0.2}


def parties(at: Responder) -> set[tuple[str, str]]:
    """Who asked whom, as From and To of the pings say."""
    return {(uri(request, "From"), uri(request, "To")) for request in at.asked}


def uri(request: Request, header: str) -> str:
    found = re.fullmatch(r"<(.*)>(;tag=.+)?", request.header(header))
    assert found is not None, request.text
    return found[1]


@pytest.mark.lab
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_ping_is_from_and_to_a_phone_that_the_pbx_knows(tmp_path: Path, start: Start, transport: str) -> None:
    master, slave, standby = await start(), await start(), await start()
    master.register = redirect(f"<{slave.uri(transport)}>")
    pbxs = [pbx(name, at.uri(transport)) for name, at in (("master", master), ("slave", slave), ("standby", standby))]
    phones = [
        phone("anna", pri="master", registration=REGISTRATION),
        phone("zoe", pri="slave", registration=REGISTRATION),
    ]
    async with running(tmp_path, pbxs, phones) as agent:
        await agent.phone("anna", registered=True, pbx="slave")
        await agent.phone("zoe", registered=True, pbx="slave")
        for name in ("master", "slave", "standby"):
            await agent.until(lambda agent, name=name: agent.pbxs[name].reachable is True, name)  # type: ignore[misc]
        known = {("sip:anna@pbx.test",) * 2, ("sip:zoe@pbx.test",) * 2}
        assert parties(master) == {("sip:anna@pbx.test",) * 2}, "zoe has nothing to do with it"
        assert parties(slave) <= known
        assert len(parties(standby)) == 1, "of the same system: any of its phones may be sent there"
        assert parties(standby) <= known


@pytest.mark.lab
async def test_a_ping_has_the_address_that_the_register_has(tmp_path: Path, start: Start) -> None:
    master = await start()
    pbxs = [pbx("master", master.uri(), location="linz", locationCarrier={"type": "Domain"})]
    async with running(tmp_path, pbxs, [phone("anna", pri="master", registration=REGISTRATION)]) as agent:
        await agent.phone("anna", registered=True)
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        assert uri(master.requests[0], "From") == "sip:anna@linz"
        assert parties(master) == {("sip:anna@linz",) * 2}


@pytest.mark.lab
async def test_a_pbx_with_which_no_phone_has_to_do_is_not_pinged(tmp_path: Path, start: Start) -> None:
    master, other = await start(), await start()
    pbxs = [pbx("master", master.uri()), pbx("other", other.uri()) | {"system": "other"}]
    async with running(tmp_path, pbxs, [phone("anna", pri="master", registration=REGISTRATION)]) as agent:
        await agent.until(lambda agent: "master" in agent.pbxs and agent.pbxs["master"].reachable is True, "master")
        assert (other.pings, "other" in agent.pbxs) == (0, False)


@pytest.mark.lab
async def test_a_challenge_to_a_ping_is_a_sign_of_life_and_is_not_answered(tmp_path: Path, start: Start) -> None:
    master = await start()
    header = f'WWW-Authenticate: Digest realm="pbx.test", nonce="{NONCE}", algorithm=MD5, qop="auth"'
    master.options = reply(401, header)
    file = tmp_path / "password"
    file.write_text("pw")
    phones = [phone("anna", pri="master", credentials={"passwordFile": str(file)}, registration=REGISTRATION)]
    async with running(tmp_path, [pbx("master", master.uri())], phones) as agent:
        await agent.phone("anna", registered=True)
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        pings = master.pings
        master.options = silence
        # Only for a moment: the REGISTER that follows is answered.
        await agent.until(lambda agent: any(r.reachable is False for r in agent.pbx_history), "master silent")
        assert master.pings > pings
        assert not [request for request in master.asked if request.header("Authorization")]
        assert parties(master) == {("sip:anna@pbx.test",) * 2}, "also when it is sent again, and from another socket"


@pytest.mark.lab
async def test_a_pbx_that_never_answered_a_ping_is_0_and_not_absent(tmp_path: Path, start: Start) -> None:
    """A secondary PBX that is off: nobody registers there, and pings are all that asks it."""
    master, sec = await start(), await start()
    sec.options = sec.register = silence
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5, "pathCheckSeconds": 0}}
    pbxs = [pbx("master", master.uri()), pbx("sec", sec.uri())]
    async with running(tmp_path, pbxs, [phone(pri="master", sec="sec", **lively)]) as agent:
        await agent.phone(registered=True)
        await agent.until(lambda agent: agent.pbxs["sec"].reachable is False, "sec unreachable")
        await agent.until(lambda agent: agent.pbxs["sec"].answers_options is False, "its silence to OPTIONS")
        assert 'softphone_pbx_reachable{pbx="sec"} 0.0' in await agent.metrics()
        sec.options = reply(200)
        await agent.until(lambda agent: agent.pbxs["sec"].reachable is True, "sec reachable")
        await agent.until(lambda agent: agent.pbxs["sec"].answers_options is True, "its answer to OPTIONS")
        assert [report.registered for report in agent.history if report.state == "Registered"] == [True]


@pytest.mark.lab
async def test_one_that_takes_register_and_no_options_is_reachable_and_loses_no_phone(
    tmp_path: Path, start: Start
) -> None:
    master = await start()
    master.options = silence
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master", **lively)]) as agent:
        await agent.phone(registered=True)
        await agent.until(lambda agent: agent.pbxs["master"].answers_options is False, "options")
        assert agent.pbxs["master"].reachable is True
        await master.pinged(5)
        assert agent.phones["alice"].registered
