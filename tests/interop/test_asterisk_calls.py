"""Phones of ours call each other through an Asterisk, which is a B2BUA: two dialogs, and the media goes through it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_process import Agent, pbx, running
from interop.asterisk import Asterisk, User
from interop.conftest import Address, Begin, Note
from interop.edge import Edge
from interop.phones import known
from interop.process import Process
from lab.certificates import Authority

pytestmark = pytest.mark.lab
TRANSPORTS = ("udp", "tcp", "tls")
SDES = {"media_encryption": "sdes"}
ANY_LOSS = {"maxLossPercent": None}
"""What a busy machine loses is none of this."""


def pair(folder: Path, name: str, of: str, **fields: Any) -> list[dict[str, Any]]:
    """One who answers with a tone, and one who calls."""
    callee = known(folder, f"{name}a", pri=of, answer="Tone", **fields)
    return [callee, known(folder, f"{name}b", pri=of, **fields)]


def check(name: str, at: str, **fields: Any) -> dict[str, Any]:
    usual = {"everySeconds": 10, "talkSeconds": 4, "expected": ANY_LOSS}
    return {"name": name, "caller": f"{name}b", "to": f"sip:{name}a@{at}"} | usual | fields


async def registered(agent: Agent, phones: Sequence[dict[str, Any]], at: Asterisk) -> None:
    for each in phones:
        await agent.phone(each["name"], registered=True)
    await at.until_available(*(each["name"] for each in phones))


async def said(agent: Agent, name: str) -> list[str]:
    """What the first call of a check found."""
    async with asyncio.timeout(60):
        while True:
            for line in agent.log_lines("call check"):
                if line["check"] == name:
                    found: list[str] = line["faults"]
                    return found
            await asyncio.sleep(0.1)


def users(names: Sequence[str], transport: str = "udp", **endpoint: str) -> list[User]:
    """Asterisk sends media from the address of the endpoint's transport; without one from any that the machine has."""
    return [User(f"{name}{end}", endpoint={"transport": transport, **endpoint}) for name in names for end in "ab"]


async def test_phones_call_each_other_through_asterisk(
    tmp_path: Path, asterisk: Begin, authority: Authority, note: Note
) -> None:
    at = asterisk("pbx", [user for way in TRANSPORTS for user in users([way], way)], tls=True)
    pbxs = [pbx(way, at.uri(way), tls={"caFile": str(authority.ca)} if way == "tls" else None) for way in TRANSPORTS]
    phones = [each for way in TRANSPORTS for each in pair(tmp_path, way, way)]
    at.wait_ready()
    async with running(tmp_path, pbxs, phones) as agent:
        await registered(agent, phones, at)
        agent.write({**agent.config, "callChecks": [check(way, at.address) for way in TRANSPORTS]})
        for way in TRANSPORTS:
            assert await said(agent, way) == [], way
        async with asyncio.timeout(20):  # Asterisk ends the other leg by itself
            while await agent.metric("softphone_call_audio_total", direction="In", heard="Audio") < len(TRANSPORTS):
                await asyncio.sleep(0.1)
    note(
        "asterisk",
        tried="Calls between phones over UDP, TCP and TLS, media through Asterisk (`direct_media=no`): one answers "
        "with a tone, the other one checks",
        set_there="On a machine with several addresses `transport` of the endpoints, or `media_address` with "
        "`bind_rtp_to_media_address=yes`: else media comes from another address than its description says, which the "
        "phones do not take",
        result="answered, the tone is heard at both ends, BYE is answered; the INVITE's challenge is answered with the "
        "phone's password",
    )


async def test_encrypted_calls_through_asterisk(
    tmp_path: Path, asterisk: Begin, authority: Authority, note: Note
) -> None:
    at = asterisk("pbx", users(["both", "none"], "tls", **SDES), tls=True)
    pbxs = [pbx("pbx", at.uri("tls"), tls={"caFile": str(authority.ca)})]
    phones = [*pair(tmp_path, "both", "pbx", mediaEncryption="Required"), *pair(tmp_path, "none", "pbx")]
    at.wait_ready()
    async with running(tmp_path, pbxs, phones) as agent:
        await registered(agent, phones, at)
        agent.write({**agent.config, "callChecks": [check(name, at.address) for name in ("both", "none")]})
        assert await said(agent, "both") == []
        (fault,) = await said(agent, "none")
        assert fault.startswith("answer: 200 was expected, came: 488")
    note(
        "asterisk",
        tried="Encrypted calls: phones with `mediaEncryption: Required`, over TLS",
        set_there="`media_encryption=sdes` of the endpoints (module `res_srtp`)",
        result="the tone is heard at both ends, SRTP with AES_CM_128_HMAC_SHA1_80 on both legs; a phone with "
        "`mediaEncryption: Never` gets 488",
    )


async def test_calls_through_an_edge_that_stays_in_the_route(
    tmp_path: Path, asterisk: Begin, address: Address, ends: list[Process], note: Note
) -> None:
    path = {"support_path": "yes"}
    at = asterisk("pbx", [replace(user, aor=path) for user in users(["udp"])])
    edge = Edge(f"edge-{(place := address())}", place, at.address)
    ends.append(edge)
    edge.start()
    at.wait_ready()
    phones = pair(tmp_path, "udp", "edge")
    async with running(tmp_path, [pbx("edge", edge.uri())], phones) as agent:
        await registered(agent, phones, at)
        agent.write({**agent.config, "callChecks": [check("udp", at.address)]})
        assert await said(agent, "udp") == []
        await at.until(lambda: "0 active calls" in at.cli("core show channels"), "no call is left")
    note(
        "kamailio",
        "asterisk",
        tried="A call between phones through an edge with `record_route()`, and Asterisk behind it",
        result="answered, the tone is heard at both ends; ACK and BYE go through the edge, at both legs",
    )


async def test_asterisk_is_killed_in_a_call(tmp_path: Path, asterisk: Begin, note: Note) -> None:
    at = asterisk("pbx", users(["anna"]))
    phones = pair(tmp_path, "anna", "pbx")
    at.wait_ready()
    async with running(tmp_path, [pbx("pbx", at.uri())], phones) as agent:
        await registered(agent, phones, at)
        agent.write({**agent.config, "callChecks": [check("anna", at.address, talkSeconds=8, everySeconds=60)]})
        await agent.until(lambda agent: any(one.heard == "Tone" for one in agent.calls), "the tone is heard", 60)
        at.kill()
        end, audio = await said(agent, "anna")
    assert end == "end: BYE was not answered"
    assert audio.startswith("audio: nothing came for the last ")
    note(
        "asterisk",
        tried="`kill -9` of Asterisk in a call, media through it",
        result="the check says that nothing came any more, for how long, and that its BYE was not answered",
    )
