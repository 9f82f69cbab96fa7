"""Strangers at an agent's SIP port: what they are answered, and that no phone suffers from it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import intruder
from agent_process import Agent, pbx, phone, running
from intruder import FORGING, NO_SIP, Address, Size, ask, flood, lies, request, send
from lab.certificates import Authority, server
from sip_responder import Request, Responder, Start, accept, answer, redirect, reply
from softphone_agent.registration.pacing import fraction
from softphone_agent.sip.strangers import MAX_INCOMING
from softphone_agent.sip.unsolicited import ANSWERS_PER_PHONE, ANSWERS_PER_SECOND

pytestmark = pytest.mark.lab

FLOOD_SECONDS = 1.0
MORE_MEMORY = 16 * 1024 * 1024
PHONES = 7
EXPIRY = 4
"""Seconds that a binding is granted for."""
NAMES = [name for name in (f"phone{n}" for n in range(100)) if fraction(name, 0.5, 0.9) < 0.65][:PHONES]
"""Phones that refresh before the SIP stack does so by itself, a second before the end."""


@dataclass
class Attacked:
    """An agent of some phones that refresh every two or three seconds, and where its SIP port is."""

    agent: Agent
    pbx: Responder
    sip: Address
    before: list[Size]

    def sizes(self) -> list[Size]:
        return [Size.of(pid) for pid in (self.agent.process.pid, *self.agent.workers())]

    async def unharmed(self) -> None:
        """Every phone is still registered, refreshes, and never was anything else; nothing has grown."""
        await self.pbx.count(self.pbx.registers + PHONES)
        assert {name for name, report in self.agent.phones.items() if report.registered} == set(NAMES)
        lost = [report for report in self.agent.history[PHONES:] if report.state == "Waiting"]
        assert not lost, lost
        assert await self.agent.get("/healthz") == (200, "ok\n")
        for before, after in zip(self.before, self.sizes(), strict=True):
            assert after.memory < before.memory + MORE_MEMORY, (before, after)
            assert after.files <= before.files + MAX_INCOMING + 2, (before, after)

    async def counted(self, name: str, least: int, **labels: str) -> None:
        """Wait until a counter has come so far."""
        async with asyncio.timeout(20):
            while await self.agent.metric(name, **labels) < least:
                await asyncio.sleep(0.1)


def free_port() -> int:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return int(tcp.getsockname()[1])


@contextlib.asynccontextmanager
async def attacked(folder: Path, master: Responder, transport: str, **fields: Any) -> AsyncIterator[Attacked]:
    master.register = accept(expires=EXPIRY)
    port = free_port()
    sip = {"bindAddress": "127.0.0.1", "port": port}
    registration = {"pingSeconds": 0.5, "attemptTimeoutSeconds": 2} | fields.pop("registration", {})
    phones = [phone(name, pri="master", registration=registration, **fields) for name in NAMES]
    pbxs = [pbx("master", master.uri(transport))]
    async with running(folder, pbxs, phones, sip=sip) as agent:
        for name in NAMES:
            await agent.phone(name, registered=True)
        one = Attacked(agent, master, ("127.0.0.1", port), [])
        one.before = one.sizes()
        yield one


each_transport = pytest.mark.parametrize("transport", ["udp", "tcp"])


@each_transport
async def test_what_is_answered_is_counted(tmp_path: Path, start: Start, transport: str) -> None:
    tcp = transport == "tcp"
    async with attacked(tmp_path, await start(), transport) as target:
        got: dict[str, str] = {}
        for number, (method, tag) in enumerate(itertools.product(intruder.METHODS, ["", "x"])):
            data = request(method, target.sip, user=NAMES[0], number=number, tag=tag, transport=transport.upper())
            seconds = 0.3 if method == "ACK" else 5.0
            first = await asyncio.to_thread(ask, data, target.sip, tcp=tcp, seconds=seconds)
            got[f"{method} {tag}".strip()] = first.removeprefix("SIP/2.0 ")[:3]
        for method in intruder.METHODS:
            new = {"OPTIONS": "200", "INVITE": "480", "CALL": "501", "ACK": ""} | dict.fromkeys(
                ["BYE", "CANCEL", "PRACK"], "481"
            )
            assert got[method] == new.get(method, "405")
            assert got[f"{method} x"] == ("" if method == "ACK" else "481")
            counted = "other" if method == "CALL" else method
            await target.counted("softphone_unsolicited_requests_total", 1, method=counted, code=got[method])
            await target.counted("softphone_unsolicited_requests_total", 1, method=counted, code=got[f"{method} x"])
        await target.unharmed()


@each_transport
async def test_a_user_who_has_no_phone_here_is_not_found(tmp_path: Path, start: Start, transport: str) -> None:
    tcp = transport == "tcp"
    async with attacked(tmp_path, await start(), transport) as target:
        for method in ("OPTIONS", "INVITE"):
            data = request(method, target.sip, transport=transport.upper())
            assert await asyncio.to_thread(ask, data, target.sip, tcp=tcp) == "SIP/2.0 404 Not Found"
            await target.counted("softphone_unsolicited_requests_total", 1, method=method, code="404")
        await target.unharmed()


@each_transport
async def test_a_flood_of_garbage_datagrams(tmp_path: Path, start: Start, transport: str) -> None:
    async with attacked(tmp_path, await start(), transport) as target:
        assert await flood("garbage", target.sip, FLOOD_SECONDS) > 500
        await target.counted("softphone_sip_discarded_total", 100, reason="NotSip")
        await target.counted("softphone_sip_discarded_total", 1, reason="Stray")
        await target.unharmed()


async def test_a_flood_of_requests_is_answered_in_part_only(tmp_path: Path, start: Start) -> None:
    async with attacked(tmp_path, await start(), "udp") as target:
        assert await flood("calls", target.sip, FLOOD_SECONDS) > 500
        await target.counted("softphone_unsolicited_requests_total", 400, method="INVITE", code="")
        answered = await target.agent.metric("softphone_unsolicited_requests_total", method="INVITE", code="404")
        assert 0 < answered <= ANSWERS_PER_SECOND * (FLOOD_SECONDS + 20)
        await target.unharmed()


@each_transport
async def test_a_pbx_that_asks_for_all_of_its_phones_is_answered(tmp_path: Path, start: Start, transport: str) -> None:
    """So it is after a fail-over, by both PBXes, and where a redirect led; a stranger is not."""
    hosts = {"primary": "127.0.0.2", "secondary": "127.0.0.3", "unknown": "127.0.0.4"}
    primary, secondary, unknown = [await start(host=host) for host in hosts.values()]
    primary.register = accept(expires=EXPIRY)
    secondary.register = redirect(f"<{unknown.uri(transport)}>")
    to = ("127.0.0.1", free_port())
    known = [pbx("primary", primary.uri(transport)), pbx("secondary", secondary.uri(transport))]
    phones = [phone(name, pri="primary", sec="secondary") for name in NAMES]
    most = int(ANSWERS_PER_SECOND + ANSWERS_PER_PHONE * PHONES)

    async def gets_all(source: str, count: int) -> bool:
        tcp = transport == "tcp"
        return await asyncio.to_thread(intruder.answers_at_once, to, count, source, tcp=tcp) == count

    async with running(tmp_path, known, phones, sip={"bindAddress": to[0], "port": to[1]}) as agent:
        for name in NAMES:
            await agent.phone(name, registered=True, pbx="primary")
        assert await gets_all(hosts["primary"], most)
        assert not await gets_all(hosts["unknown"], 4 * most)
        primary.register = reply(503)
        for name in NAMES:
            await agent.phone(name, registered=True, registrar=unknown.uri(transport))
        for host in hosts.values():
            assert await gets_all(host, most), host
        assert not await gets_all(intruder.STRANGER, 4 * most)


@each_transport
async def test_thousands_of_connections(tmp_path: Path, start: Start, transport: str) -> None:
    """Opened and left alone: the agent keeps a few, and has place for its own."""
    async with attacked(tmp_path, await start(), transport) as target:
        assert await flood("connections", target.sip, FLOOD_SECONDS) > 500
        await target.counted("softphone_sip_discarded_total", 1, reason="TooMany")
        held = await asyncio.to_thread(intruder.connections, target.sip, MAX_INCOMING + 1)
        assert await asyncio.to_thread(intruder.is_closed, held[0], 10.0), "the longest silent one has to go"
        data = request("OPTIONS", target.sip, user=NAMES[0], transport="TCP")
        assert await asyncio.to_thread(ask, data, target.sip, tcp=True) == "SIP/2.0 200 OK"
        for one in held:
            one.close()
        await target.unharmed()


async def test_a_connection_that_brings_no_sip_is_closed(tmp_path: Path, start: Start) -> None:
    async with attacked(tmp_path, await start(), "tcp", registration={"attemptTimeoutSeconds": 0.5}) as target:
        opened = await asyncio.to_thread(intruder.connections, target.sip, len(NO_SIP))
        for one, (data, _) in zip(opened, NO_SIP.values(), strict=True):
            one.sendall(data)
        for name, one in zip(NO_SIP, opened, strict=True):
            assert await asyncio.to_thread(intruder.is_closed, one, 10.0), name
            one.close()
        for reason, count in Counter(reason for _, reason in NO_SIP.values()).items():
            await target.counted("softphone_sip_discarded_total", count, reason=reason)
        await target.unharmed()


async def test_a_slow_sender_is_heard_while_it_goes_on(tmp_path: Path, start: Start) -> None:
    async with attacked(tmp_path, await start(), "tcp") as target:
        (one,) = await asyncio.to_thread(intruder.connections, target.sip, 1)
        with one:
            data = request("OPTIONS", target.sip, user=NAMES[0], transport="TCP")
            for at in range(0, len(data), 40):
                one.sendall(data[at : at + 40])
                await asyncio.sleep(0.02)
            one.settimeout(5.0)
            assert (await asyncio.to_thread(one.recv, 4096)).startswith(b"SIP/2.0 200 ")
        await target.unharmed()


BREAKING: dict[str, Callable[[bytes], bytes]] = {
    "Content-Length too large": lambda good: good.replace(b"Content-Length: 0", b"Content-Length: 3000"),
    "Content-Length huge": lambda good: good.replace(b"Content-Length: 0", b"Content-Length: 900000000"),
    "no Content-Length": lambda good: good.replace(b"Content-Length: 0\r\n", b""),
    "garbage before": lambda good: b"\x00\x01\x02\x03 garbage\r\n\r\n" + good,
}


async def broken_once(responder: Responder, broken: Callable[[bytes], bytes], phones: int) -> None:
    """Break the stream of a PBX with the next answer, and wait until its phones have come by another connection."""
    source = responder.requests[-1].source

    def breaks_once(request: Request) -> list[bytes]:
        responder.register = accept(expires=EXPIRY)
        return [broken(answer(request, 200, f"Contact: {request.header('Contact')};expires={EXPIRY}"))]

    responder.register = breaks_once
    await responder.count(responder.registers + 2 * phones)
    assert source not in {each.source for each in responder.requests[-phones:]}


async def test_a_pbx_that_breaks_its_stream_is_left_and_asked_anew(tmp_path: Path, start: Start) -> None:
    """Its phones do not wait until 64 KB have come."""
    pbxes = {f"pbx{number}": await start() for number in range(len(BREAKING))}
    phones_of = {name: NAMES[number :: len(BREAKING)] for number, name in enumerate(pbxes)}
    registration = {"pingSeconds": 0, "attemptTimeoutSeconds": 2}
    phones = [phone(each, pri=name, registration=registration) for name in pbxes for each in phones_of[name]]
    for responder in pbxes.values():
        responder.register = accept(expires=EXPIRY)
    async with running(tmp_path, [pbx(name, it.uri("tcp")) for name, it in pbxes.items()], phones) as agent:
        for each in NAMES:
            await agent.phone(each, registered=True)
        await asyncio.gather(
            *(
                broken_once(responder, broken, len(phones_of[name]))
                for broken, (name, responder) in zip(BREAKING.values(), pbxes.items(), strict=True)
            )
        )
        for each in NAMES:
            await agent.phone(each, registered=True)


async def test_nobody_connects_to_an_agent_over_tls(tmp_path: Path, start: Start) -> None:
    """Nothing listens for that: it would wait for each handshake, with no certificate to show."""
    authority = Authority(tmp_path / "tls")
    master = await start(tls=server(authority.issue("pbx", "IP:127.0.0.1")))
    pbxs = [pbx("master", master.uri("tls"), tls={"caFile": str(authority.ca)})]
    sip = {"bindAddress": "127.0.0.1", "port": free_port()}
    async with running(tmp_path, pbxs, [phone(pri="master")], sip=sip) as agent:
        await agent.phone(registered=True)
        (worker,) = agent.workers()
        assert intruder.listening_ports(worker) == {sip["port"]}


# Answers that nobody asked for


async def test_forged_answers_change_nothing(tmp_path: Path, start: Start) -> None:
    master, foreign = await start(), await start()
    async with attacked(tmp_path, master, "udp") as target:

        def with_forgeries(request: Request) -> list[bytes]:
            (good,) = accept(expires=EXPIRY)(request)
            return [*(forge(lie, request) for forge in FORGING.values() for lie in lies(request, foreign.uri())), good]

        master.register = with_forgeries
        await master.count(master.registers + PHONES)
        lied = len(FORGING) * len(lies(master.requests[-1], "")) * PHONES
        await target.counted("softphone_sip_discarded_total", lied, reason="Stray")
        await target.unharmed()
        assert foreign.registers == 0
        for outcome in ("redirected", "rejected", "challenged"):
            assert await target.agent.metric("softphone_register_requests_total", outcome=outcome) == 0


async def test_a_forged_answer_from_a_stranger_changes_nothing(tmp_path: Path, start: Start) -> None:
    """One who has seen earlier requests, and sends answers to them from an address of his own."""
    master = await start()
    async with attacked(tmp_path, master, "udp") as target:
        answers = itertools.cycle(
            [
                answer(old, code, "Contact: <sip:127.0.0.9:1>")
                for old in master.requests
                for code in (200, 302, 403, 503)
            ]
        )
        await asyncio.to_thread(send, answers, target.sip, FLOOD_SECONDS)
        await target.unharmed()
        assert {report.last_failure for report in target.agent.phones.values()} == {None}


async def test_a_forged_redirect_to_a_foreign_host_is_not_followed_by_who_knows_his_pbxes(
    tmp_path: Path, start: Start
) -> None:
    master, sec, foreign = await start(), await start(), await start()
    master.register = redirect(f"<{foreign.uri()}>")
    pbxs = [pbx("master", master.uri()), pbx("sec", sec.uri())]
    careful = {"redirectPolicy": "KnownPBXes"}
    phones = [
        phone("alice", pri="master", registration=careful),
        phone("bob", pri="master", sec="sec", registration=careful),
    ]
    async with running(tmp_path, pbxs, phones) as agent:
        report = await agent.phone("alice", state="Waiting", failure="RedirectRefused", code=302)
        assert report.last_failure
        assert report.last_failure.pbx == "master"
        await agent.phone("bob", registered=True, pbx="sec", failure="RedirectRefused")
        assert foreign.registers == 0
        assert await agent.metric("softphone_register_requests_total", pbx="master", outcome="redirected") >= 2


@pytest.mark.parametrize("policy", ["Any", "KnownPBXes"])
async def test_an_answer_with_the_right_branch_counts_wherever_it_comes_from(
    tmp_path: Path, start: Start, policy: str
) -> None:
    """By design (docs/proof/attackers.md): a PBX may answer from another address. So may one who saw the REGISTER."""
    master, stranger, foreign = await start(), await start(host="127.0.0.2"), await start()
    master.register = redirect(f"<{foreign.uri()}>")
    master.answers_from = stranger
    one = phone("alice", pri="master", registration={"redirectPolicy": policy})
    async with running(tmp_path, [pbx("master", master.uri())], [one]) as agent:
        if policy == "Any":
            report = await agent.phone("alice", registered=True)
            assert report.registrar == foreign.uri()
        else:
            await agent.phone("alice", state="Waiting", failure="RedirectRefused", code=302)
            assert foreign.registers == 0
        assert stranger.registers == 0
        assert await agent.metric("softphone_sip_discarded_total", reason="Stray") == 0
