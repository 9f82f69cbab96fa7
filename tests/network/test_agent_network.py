"""The real agent in a network of its own, whose firewall forgets connections and whose addresses change."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_process import Agent, pbx, phone, running
from lab.shell import run
from sip_responder import Request, Responder, accept

pytestmark = pytest.mark.lab

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)  # Python 3.11 has neither unshare nor setns
PBX, OTHER_PBX, FIRST, SECOND = "10.99.0.1", "10.99.0.2", "10.99.1.1", "10.99.1.2"
REGISTRATION = {"pingSeconds": 0.5, "attemptTimeoutSeconds": 0.5}
EXPIRY = 8
"""Seconds that the PBXes grant: a refresh is never far."""


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    """A network namespace: two PBXes, and the agent at its first address."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _checked(_libc.unshare(_CLONE_NEWNET))
    try:
        for address in (PBX, OTHER_PBX, FIRST):
            run(["ip", "address", "add", f"{address}/32", "dev", "lo"])
        run(["ip", "link", "set", "lo", "up"])
        _leave_from(FIRST)
        yield
    finally:
        _checked(_libc.setns(before, _CLONE_NEWNET))
        os.close(before)


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _leave_from(address: str) -> None:
    """What this network sends to the PBXes has this address."""
    for at in (PBX, OTHER_PBX):
        run(["ip", "route", "replace", "local", at, "dev", "lo", "src", address, "table", "local"])


def _move(to: str, *, away_from: str) -> None:
    """The machine gets another address; the old one is gone."""
    run(["ip", "address", "add", f"{to}/32", "dev", "lo"])
    _leave_from(to)
    run(["ip", "address", "delete", f"{away_from}/32", "dev", "lo"])


def _forget(connection: tuple[str, int], at: Responder) -> None:
    """The firewall drops what belongs to this connection, both ways; a new one passes."""
    host, port = connection
    for source, target in (((host, port), (at.host, at.port)), ((at.host, at.port), (host, port))):
        ends = ["-s", source[0], "--sport", str(source[1]), "-d", target[0], "--dport", str(target[1])]
        run(["iptables", "-w", "-I", "OUTPUT", "-p", "tcp", *ends, "-j", "DROP"])


def _host(request: Request) -> str:
    """Where the Contact says that the phone is."""
    return request.header("Contact").partition("@")[2].partition(":")[0]


async def _started(host: str) -> Responder:
    responder = await Responder.start(host)
    responder.register = accept(expires=EXPIRY)
    return responder


async def _registered(agent: Agent, *names: str) -> None:
    for name in names:
        await agent.phone(name, registered=True)


@pytest.mark.parametrize("secondary", [False, True], ids=["one PBX", "with a secondary"])
@pytest.mark.parametrize("pings", [0.5, 0], ids=["pings", "no pings"])
async def test_a_connection_that_a_firewall_forgot_is_replaced(tmp_path: Path, secondary: bool, pings: float) -> None:
    """It is not used for ever: new connections pass, and the PBX is asked over one of them (RFC 3261, section 18.4)."""
    master, other = await _started(PBX), await _started(OTHER_PBX)
    pbxs = [pbx("master", master.uri("tcp")), pbx("other", other.uri("tcp"))]
    way = {"pri": "master"} | ({"sec": "other"} if secondary else {})
    phones = [phone(name, **way, registration=REGISTRATION | {"pingSeconds": pings}) for name in ("anna", "bert")]
    try:
        async with running(tmp_path, pbxs, phones, sip={}) as agent:
            await _registered(agent, "anna", "bert")
            forgotten = {request.source for request in master.requests}
            for connection in forgotten:
                _forget(connection, master)
            for name in ("anna", "bert"):
                at = other if secondary else master
                await at.told(lambda r, name=name: r.user == name and r.source not in forgotten, seconds=40)  # type: ignore[misc]
            await _registered(agent, "anna", "bert")
            # The PBX that was left is asked over another connection, too.
            if pings:
                asked = len(master.asked)
                await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "the PBX over a new connection")
                assert len(master.asked) >= asked
    finally:
        await master.close()
        await other.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_contact_follows_the_address_of_the_machine(tmp_path: Path, transport: str) -> None:
    """Else the PBX would send calls to where nobody is any more, for as long as the phone refreshes."""
    master = await _started(PBX)
    try:
        phones = [phone("anna", pri="master", registration=REGISTRATION)]
        async with running(tmp_path, [pbx("master", master.uri(transport))], phones, sip={}) as agent:
            await _registered(agent, "anna")
            assert {_host(request) for request in master.requests} == {FIRST}
            _move(SECOND, away_from=FIRST)
            await master.told(lambda request: _host(request) == SECOND and request.expires > 0, seconds=40)
            await agent.until(lambda agent: SECOND in str(agent.phones["anna"].contact), "the new Contact")
            await _registered(agent, "anna")
    finally:
        await master.close()


async def test_a_fixed_public_address_stays_whatever_the_machine_has(tmp_path: Path) -> None:
    master = await _started(PBX)
    try:
        async with running(
            tmp_path,
            [pbx("master", master.uri())],
            [phone("anna", pri="master", registration=REGISTRATION)],
            sip={"publicAddress": "203.0.113.7"},
        ) as agent:
            await _registered(agent, "anna")
            _move(SECOND, away_from=FIRST)
            before = master.registers
            await master.count(before + 2, seconds=40)
            assert {_host(request) for request in master.requests} == {"203.0.113.7"}
    finally:
        await master.close()
