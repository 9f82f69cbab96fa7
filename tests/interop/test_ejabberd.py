"""Phones at ejabberd, which serves domains: the Request-URI of a REGISTER says whose registrar is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent_process import pbx, running
from interop.conftest import Address, Note
from interop.ejabberd import PATIENCE, Ejabberd
from interop.phones import known
from interop.process import Process
from lab.waiting import wait_until

pytestmark = pytest.mark.lab
NAMES = ("udp", "tcp")


async def test_phones_register_where_the_domain_is_the_address(
    tmp_path: Path, address: Address, ends: list[Process], note: Note
) -> None:
    place = address()
    at = Ejabberd(f"ejabberd-{place}", place, place, NAMES)
    ends.append(at)
    at.start()
    at.wait_ready()
    pbxs = [pbx(name, at.uri(name)) for name in NAMES]
    phones = [known(tmp_path, name, pri=name, aor=f"sip:{name}@{place}") for name in NAMES]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in NAMES:
            await agent.phone(name, registered=True)
            await agent.until(lambda agent, name=name: agent.pbxs[name].reachable is True, name)  # type: ignore[misc]
        await asyncio.to_thread(wait_until, lambda: set(NAMES) <= at.registered(), "ejabberd's word", seconds=PATIENCE)
    note(
        "ejabberd",
        tried="Phones whose AOR has the PBX's address as its domain, over UDP and TCP",
        set_there="`hosts` with that address",
        result="registered, and the pings are answered",
    )


async def test_phones_register_at_a_domain_that_is_not_the_address(
    tmp_path: Path, address: Address, ends: list[Process], note: Note
) -> None:
    place = address()
    at = Ejabberd(f"ejabberd-{place}", place, "pbx.test", [*NAMES, "plain"])
    ends.append(at)
    at.start()
    at.wait_ready()
    pbxs = [pbx(name, at.uri(name), requestUri="Domain") for name in NAMES]
    phones = [known(tmp_path, name, pri=name) for name in NAMES]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in NAMES:
            await agent.phone(name, registered=True)
        await asyncio.to_thread(wait_until, lambda: set(NAMES) <= at.registered(), "ejabberd's word", seconds=PATIENCE)
    async with running(tmp_path, [pbx("plain", at.uri())], [known(tmp_path, "plain", pri="plain")]) as agent:
        await agent.phone("plain", failure="Rejected", code=403)
    note(
        "ejabberd",
        tried="Phones of a domain that is not the PBX's address, over UDP and TCP",
        set_there="the PBX object's `requestUri: Domain`",
        result="registered: the REGISTER's Request-URI is the AOR's domain (RFC 3261, 10.2). "
        "With the default, `Address`, ejabberd answers 403",
    )
