"""Phones at an Asterisk: they register, and it finds them there."""

from __future__ import annotations

import asyncio
import itertools
import re
from pathlib import Path

import pytest

from agent_process import pbx, running
from interop.asterisk import User, users
from interop.caller import Caller
from interop.conftest import Begin, Note
from interop.phones import known
from lab.certificates import Authority

pytestmark = pytest.mark.lab
TRANSPORTS = ("udp", "tcp", "tls")
DIGESTS = ("MD5", "SHA-256")
QUICK = {"pingSeconds": 0.5, "backoff": {"initialSeconds": 0.2, "maxSeconds": 0.5}}


async def test_phones_register_over_each_transport_with_each_digest(
    tmp_path: Path, asterisk: Begin, authority: Authority, note: Note
) -> None:
    names = {f"{way}-{digest.lower()}": (way, digest) for way, digest in itertools.product(TRANSPORTS, DIGESTS)}
    at = asterisk("pbx", [User(name, digest) for name, (_, digest) in names.items()], tls=True)
    pbxs = [pbx(way, at.uri(way), tls={"caFile": str(authority.ca)} if way == "tls" else None) for way in TRANSPORTS]
    phones = [known(tmp_path, name, pri=way) for name, (way, _) in names.items()]
    at.wait_ready()
    async with running(tmp_path, pbxs, phones) as agent:
        for name, (way, _) in names.items():
            await agent.phone(name, registered=True, pbx=way)
        await at.until_available(*names)
        assert "No matching endpoint" not in at.log()
    assert at.contacts() == {}, "the agent has un-REGISTERed"
    note(
        "asterisk",
        tried="Digests MD5 and SHA-256 (RFC 8760), each over UDP, TCP and TLS; `qualify_frequency`",
        set_there="`qualify_frequency` to see in Asterisk who is there. TLS: the PBX object's `tls.caSecretName`",
        result="registered; the contact is `Avail`, since the agent answers OPTIONS with 200; SIGTERM of the agent "
        "takes all contacts away",
    )


async def test_a_phone_asks_for_the_expiry_that_asterisk_wants(tmp_path: Path, asterisk: Begin, note: Note) -> None:
    limits = {"minimum_expiration": "90", "maximum_expiration": "100"}
    at = asterisk("pbx", [User("short", aor=limits), User("long", aor=limits)])
    phones = [
        known(tmp_path, "short", pri="pbx", registration={"expiresSeconds": 60}),
        known(tmp_path, "long", pri="pbx", registration={"expiresSeconds": 3600}),
    ]
    at.wait_ready()
    async with running(tmp_path, [pbx("pbx", at.uri())], phones) as agent:
        await agent.phone("short", registered=True)
        await agent.phone("long", registered=True)
        await at.until_available("short", "long")
    note(
        "asterisk",
        tried="`minimum_expiration` above and `maximum_expiration` below what the phone asks for (`expiresSeconds`)",
        result="423 is followed with the Min-Expires of the answer; a shorter grant is taken as it is",
    )


async def test_an_asterisk_that_wants_a_2xx_to_its_options_gets_it(tmp_path: Path, asterisk: Begin, note: Note) -> None:
    at = asterisk("pbx", [User("anna", aor={"qualify_2xx_only": "yes"})])
    at.wait_ready()
    async with running(tmp_path, [pbx("pbx", at.uri())], [known(tmp_path, "anna", pri="pbx")]) as agent:
        await agent.phone("anna", registered=True)
        await at.until_available("anna")
    note(
        "asterisk",
        tried="`qualify_2xx_only=yes`: only a 2xx to its OPTIONS counts",
        result="`Avail`",
    )


async def test_a_killed_agent_registers_again_as_the_aor_lets_it(tmp_path: Path, asterisk: Begin, note: Note) -> None:
    expiry = {"maximum_expiration": "20", "minimum_expiration": "10"}
    at = asterisk(
        "pbx",
        [
            User("replaces", aor=expiry | {"remove_existing": "yes"}),
            User("waits", aor=expiry | {"remove_existing": "no"}),
            User("notices", aor=expiry | {"remove_existing": "no", "remove_unavailable": "yes"}),
        ],
    )
    names = ("replaces", "waits", "notices")
    phones = [known(tmp_path, name, pri="pbx", registration=QUICK) for name in names]
    pbxs = [pbx("pbx", at.uri())]
    at.wait_ready()
    async with running(tmp_path, pbxs, phones, may_crash=True) as agent:
        for name in names:
            await agent.phone(name, registered=True)
        await at.until_available(*names)
        agent.kill()
        await agent.process.wait()
    before = {contact.uri for found in at.contacts().values() for contact in found}
    async with running(tmp_path, pbxs, phones) as agent:
        await agent.phone("replaces", registered=True)
        await agent.phone("waits", failure="Rejected", code=403)
        await agent.phone("notices", registered=True)
        await agent.phone("waits", registered=True)
        await at.until_available(*names)
    assert not before & {contact.uri for found in at.contacts().values() for contact in found}
    note(
        "asterisk",
        tried="An agent killed (SIGKILL, a node that is lost) and started elsewhere; `max_contacts=1`",
        set_there="`remove_existing=yes`, or `remove_unavailable=yes` with `qualify_frequency`",
        result="`remove_existing=yes`: registered at once, the old contact is gone. `remove_existing=no`: 403 until "
        "the old contact ends with its expiry, or with `remove_unavailable=yes` when a qualify has found it dead",
    )


async def test_what_asterisk_asks_of_a_phone_is_answered(tmp_path: Path, asterisk: Begin, note: Note) -> None:
    """OPTIONS and MWI come by themselves, a check-sync and a text by an order, a call by a caller."""
    caller = User("caller", endpoint={"auth": ""})
    at = asterisk("pbx", [User("anna", endpoint={"mailboxes": "anna@default"}), caller])
    at.wait_ready()
    async with running(tmp_path, [pbx("pbx", at.uri())], [known(tmp_path, "anna", pri="pbx")]) as agent:
        await agent.phone("anna", registered=True)
        await at.until_available("anna")

        async def counted(method: str, code: str, times: int) -> None:
            await at.until_async(
                lambda: agent.metric("softphone_unsolicited_requests_total", method=method, code=code), times
            )

        with Caller("caller") as one:
            assert await asyncio.to_thread(one.call, "anna", at.address) == 480
            await counted("INVITE", "480", 1)
            assert await asyncio.to_thread(one.text, "anna", at.address) == 202
            await counted("MESSAGE", "405", 1)
        at.cli("pjsip send notify check-sync endpoint anna")
        await counted("NOTIFY", "405", 2)
        assert await agent.metric("softphone_unsolicited_requests_total", method="OPTIONS", code="200") > 0
        assert at.available() == {"anna"}
    note(
        "asterisk",
        tried="What comes from Asterisk: OPTIONS (qualify), INVITE (`Dial`), MESSAGE (`MessageSend`), NOTIFY "
        "(`mailboxes`, `pjsip send notify`)",
        result="200, 480, 405, 405. The caller hears 480 Temporarily Unavailable; the phone stays `Avail`",
    )


async def test_the_phone_promises_no_method_that_it_refuses(tmp_path: Path, asterisk: Begin, note: Note) -> None:
    at = asterisk("pbx", users("anna"))
    at.wait_ready()
    at.cli("pjsip set logger on")
    async with running(tmp_path, [pbx("pbx", at.uri())], [known(tmp_path, "anna", pri="pbx")]) as agent:
        await agent.phone("anna", registered=True)
        await at.until_available("anna")
        await at.until(lambda: {"REGISTER", "200"} <= promises(at.log()).keys(), "a REGISTER and an answer to OPTIONS")
    assert set(promises(at.log()).values()) == {"OPTIONS"}
    note(
        "asterisk",
        tried="What the phone says that it can: `Allow` of its REGISTER and of its answer to OPTIONS (qualify)",
        result="`OPTIONS` in both: what it answers with a 2xx, and nothing else",
    )


def promises(log: str) -> dict[str, str]:
    """By method or code, the Allow of what Asterisk received, as `pjsip set logger on` writes it down."""
    received = re.findall(r"<--- Received SIP (?:request|response) .*?--->\n(.*?)\n\r?\n", log, re.DOTALL)
    found = {}
    for message in received:
        first, *headers = message.replace("\r", "").split("\n")
        kind = first.split()[1 if first.startswith("SIP/") else 0]
        allow = [header.partition(":")[2].strip() for header in headers if header.lower().startswith("allow:")]
        if allow:
            found[kind] = ", ".join(allow)
    return found


async def test_a_wrong_password_and_an_unknown_user_are_told_apart_by_nobody(
    tmp_path: Path, asterisk: Begin, note: Note
) -> None:
    at = asterisk("pbx", users("anna"))
    phones = [
        known(tmp_path, "anna", pri="pbx", password="wrong"),
        known(tmp_path, "nobody", pri="pbx"),
    ]
    at.wait_ready()
    async with running(tmp_path, [pbx("pbx", at.uri())], phones) as agent:
        for name in ("anna", "nobody"):
            await agent.phone(name, failure="Rejected", code=401)
    assert at.contacts() == {}
    note(
        "asterisk",
        tried="A wrong password; a user that Asterisk does not know",
        result="state `Rejected` with code 401, for both: Asterisk challenges whom it does not know, too",
    )
