"""Two Asterisks that know nothing of each other, as primary and secondary, and what happens to one of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from agent_process import Agent, pbx, running
from interop.asterisk import Asterisk, users
from interop.conftest import Begin, Note
from interop.phones import known, outage, words
from lab.certificates import Authority

pytestmark = pytest.mark.lab
TRANSPORTS = ("udp", "tcp", "tls")


@dataclass
class Pair:
    """Both Asterisks, and an agent with a phone for each transport, registered at the primary."""

    pri: Asterisk
    sec: Asterisk
    agent: Agent

    async def moved(self) -> dict[str, float]:
        """Wait until all are at the secondary; the outage of each in seconds."""
        reports = {way: await self.agent.phone(way, registered=True, pbx=f"sec-{way}") for way in TRANSPORTS}
        await self.sec.until_available(*TRANSPORTS)
        return {way.upper(): outage(report) for way, report in reports.items()}


@contextlib.asynccontextmanager
async def pair(
    folder: Path, asterisk: Begin, authority: Authority, registration: Mapping[str, Any] = MappingProxyType({})
) -> AsyncIterator[Pair]:
    pri, sec = asterisk("pri", users(*TRANSPORTS), tls=True), asterisk("sec", users(*TRANSPORTS), tls=True)
    pbxs = [
        pbx(f"{place}-{way}", at.uri(way), system=way, tls={"caFile": str(authority.ca)} if way == "tls" else None)
        for place, at in (("pri", pri), ("sec", sec))
        for way in TRANSPORTS
    ]
    phones = [
        known(folder, way, pri=f"pri-{way}", sec=f"sec-{way}", registration=dict(registration)) for way in TRANSPORTS
    ]
    pri.wait_ready()
    sec.wait_ready()
    async with running(folder, pbxs, phones) as agent:
        for way in TRANSPORTS:
            await agent.phone(way, registered=True, pbx=f"pri-{way}")
        for pbx_name in (known_pbx["name"] for known_pbx in pbxs):
            await agent.until(
                lambda agent, name=pbx_name: name in agent.pbxs and agent.pbxs[name].reachable is True,  # type: ignore[misc]
                f"{pbx_name} to be reachable",
            )
        await pri.until_available(*TRANSPORTS)
        yield Pair(pri, sec, agent)


async def test_the_primary_is_killed(tmp_path: Path, asterisk: Begin, authority: Authority, note: Note) -> None:
    async with pair(tmp_path, asterisk, authority) as at:
        at.pri.kill()
        seconds = await at.moved()
    note(
        "asterisk",
        tried="`kill -9` of the primary",
        result=f"all phones are on the secondary, and `Avail` there; their outages: {words(seconds)}",
    )


async def test_the_primary_falls_silent(tmp_path: Path, asterisk: Begin, authority: Authority, note: Note) -> None:
    async with pair(tmp_path, asterisk, authority) as at:
        at.pri.pause()
        seconds = await at.moved()
        at.pri.resume()
    note(
        "asterisk",
        tried="The primary falls silent (SIGSTOP): connections stay open, nothing is answered",
        result=f"all phones are on the secondary, and `Avail` there; their outages: {words(seconds)}",
    )


async def test_the_primary_restarts(tmp_path: Path, asterisk: Begin, authority: Authority, note: Note) -> None:
    async with pair(tmp_path, asterisk, authority) as at:
        at.pri.cli("core restart now")
        closed = [way for way in TRANSPORTS if way != "udp"]
        for way in closed:
            await at.agent.phone(way, registered=True, pbx=f"sec-{way}")
        await at.sec.until_available(*closed)
        await asyncio.to_thread(at.pri.wait_ready)
        await at.pri.until(lambda: "udp" in at.pri.available(), "the phone over UDP to be Avail")
        report = await at.agent.phone("udp", registered=True)
        if stayed := report.last_outage is None:
            assert report.pbx == "pri-udp", "back before a ping has failed"
    note(
        "asterisk",
        tried="`core restart now` on the primary, which is back within a second or two",
        result="TCP, TLS: the connection has closed, and the phones go to the secondary. UDP: "
        + ("nothing happens" if stayed else "a ping was missed, the phone goes to the secondary")
        + "; Asterisk reads its contacts from its database and finds the phone `Avail`",
    )


async def test_phones_wait_for_the_primary_that_restarts(
    tmp_path: Path, asterisk: Begin, authority: Authority, note: Note
) -> None:
    async with pair(tmp_path, asterisk, authority, {"closedConnectionWaitSeconds": 30}) as at:
        at.pri.cli("core restart now")
        seconds = {}
        for way in ("tcp", "tls"):
            await at.agent.until(
                lambda agent, way=way: (  # type: ignore[misc]
                    agent.phones[way].registered
                    and (last := agent.phones[way].last_outage) is not None
                    and last.ended is not None
                ),
                f"{way}: back from its outage",
            )
            report = at.agent.phones[way]
            assert report.pbx == f"pri-{way}", "it has waited for its primary"
            seconds[way.upper()] = outage(report)
        assert not {"tcp", "tls"} & at.sec.contacts().keys(), "the secondary was not asked"
    note(
        "asterisk",
        tried="`core restart now` on the primary; `registration.closedConnectionWaitSeconds: 30`",
        result="TCP, TLS: the connection has closed; the phones ask the primary until it is back, and stay "
        f"there; their outages: {words(seconds)}",
    )


async def test_the_primary_comes_back(tmp_path: Path, asterisk: Begin, authority: Authority, note: Note) -> None:
    async with pair(tmp_path, asterisk, authority) as at:
        at.pri.kill()
        await at.moved()
        at.pri.start()
        await asyncio.to_thread(at.pri.wait_ready)
        for way in TRANSPORTS:
            await at.agent.until(
                lambda agent, name=f"pri-{way}": agent.pbxs[name].reachable is True,  # type: ignore[misc]
                f"pri-{way} to be reachable again",
            )
        await at.sec.until_available(*TRANSPORTS)
        assert {at.agent.phones[way].pbx for way in TRANSPORTS} == {f"sec-{way}" for way in TRANSPORTS}
    note(
        "asterisk",
        tried="The primary comes back after a fail-over",
        set_there="nothing there: no PBX of this maker sends a phone home by a redirect",
        result="the phones stay on the secondary with `failBack: Redirect`, the default",
    )


async def test_phones_return_to_the_primary_by_themselves(
    tmp_path: Path, asterisk: Begin, authority: Authority, note: Note
) -> None:
    fail_back = {"failBack": "Primary", "failBackAfterSeconds": 2}
    async with pair(tmp_path, asterisk, authority, fail_back) as at:
        at.pri.kill()
        await at.moved()
        before = {way: at.agent.phones[way].last_outage for way in TRANSPORTS}
        at.pri.start()
        await asyncio.to_thread(at.pri.wait_ready)
        for way in TRANSPORTS:
            await at.agent.phone(way, registered=True, pbx=f"pri-{way}")
        await at.pri.until_available(*TRANSPORTS)
        await at.sec.until(lambda: not at.sec.contacts(), "no contact to be left")
        assert {way: at.agent.phones[way].last_outage for way in TRANSPORTS} == before, "no outage on the way back"
    note(
        "asterisk",
        tried="The primary comes back after a fail-over; `registration.failBack: Primary`",
        result="all phones return over UDP, TCP and TLS, without an outage; the contacts at the secondary are gone",
    )
