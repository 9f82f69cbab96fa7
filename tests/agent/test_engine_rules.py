"""What our own REGISTER client makes possible: the agent judges each answer by itself. Needs no lab, but pjsua2."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from agent_process import pbx, phone, running
from sip_responder import Behaviour, Request, Responder, Start, accept, answer, challenge, redirect, reply, silence

pytestmark = pytest.mark.lab

PATIENT = {"backoff": {"initialSeconds": 60, "maxSeconds": 60}}
"""One attempt, and no other one while the test lasts."""
MD5 = 'Digest realm="pbx.test", nonce="m", algorithm=MD5, qop="auth"'
SHA256 = 'Digest realm="pbx.test", nonce="s", algorithm=SHA-256, qop="auth"'


def asks(*challenges: str, then: Behaviour | None = None) -> Behaviour:
    """401 with these challenges; who brings credentials gets `then` (accept)."""

    def behave(request: Request) -> Iterable[bytes]:
        if request.header("Authorization"):
            return (then or accept())(request)
        return [answer(request, 401, *(f"WWW-Authenticate: {one}" for one in challenges))]

    return behave


def keeps(*headers: str, contact: Callable[[Request], str] | None = None) -> Behaviour:
    """200 with the phone's binding, or what `contact` makes of it, and these headers."""

    def behave(request: Request) -> list[bytes]:
        own = contact(request) if contact else f"{request.header('Contact')};expires=60"
        listed = [f"Contact: {own}"] if request.expires else []
        return [answer(request, 200, *listed, *headers)]

    return behave


async def registered(folder: Path, master: Responder, transport: str = "udp", **fields: Any) -> None:
    """One phone registers there within the first attempt."""
    alice = phone(pri="master", registration=PATIENT, credentials=credentials(folder), **fields)
    async with running(folder, [pbx("master", master.uri(transport))], [alice]) as agent:
        report = await agent.phone(registered=True)
        assert report.pbx == "master"


def credentials(folder: Path) -> dict[str, str]:
    file = folder / "password"
    file.write_text("secret")
    return {"passwordFile": str(file)}


# Credentials


@pytest.mark.parametrize(
    ("name", "nonce"),
    [("the same nonce", lambda _: "n"), ("another nonce each time", str), ("one that grows", lambda n: "n" * (n + 1))],
)
async def test_refused_credentials_are_sent_once(
    tmp_path: Path, start: Start, name: str, nonce: Callable[[int], str]
) -> None:
    """A customer's PBX locks the account after some wrong ones."""
    master, nonces = await start(), itertools.count()
    master.register = lambda request: [
        answer(request, 401, f'WWW-Authenticate: Digest realm="pbx.test", nonce="{nonce(next(nonces))}"')
    ]
    alice = phone(pri="master", registration=PATIENT, credentials=credentials(tmp_path))
    async with running(tmp_path, [pbx("master", master.uri())], [alice]) as agent:
        await agent.phone(state="Rejected")
    with_credentials = [request for request in master.requests if request.header("Authorization")]
    assert (master.registers, len(with_credentials)) == (2, 1)


@pytest.mark.parametrize(
    ("challenges", "algorithm"),
    [
        ([SHA256, MD5], "SHA-256"),
        ([MD5, SHA256], "MD5"),
        (['Basic realm="pbx.test"', MD5], "MD5"),
        (["NTLM", 'Bearer authz_server="https://login.test"', SHA256], "SHA-256"),
        ([MD5.replace("MD5", "AKAv1-MD5"), SHA256], "SHA-256"),
        ([SHA256.replace("SHA-256", "SHA-512-256")], "SHA-512-256"),
        ([MD5.replace("=MD5", "=MD5-sess")], "MD5-sess"),
        ([MD5.replace('"auth"', '"auth-int"')], "MD5"),
    ],
)
async def test_the_topmost_challenge_that_can_be_answered_is(
    tmp_path: Path, start: Start, challenges: list[str], algorithm: str
) -> None:
    master = await start()
    master.register = asks(*challenges)
    await registered(tmp_path, master)
    sent = [request.header("Authorization") for request in master.requests if request.header("Authorization")]
    assert all(f"algorithm={algorithm}" in one for one in sent), sent
    assert all(one.count("response=") == 1 for one in sent), sent


@pytest.mark.parametrize(
    ("challenge", "words"),
    [('Basic realm="x"', "Basic"), (MD5.replace("=MD5", "=AKAv1-MD5"), "the algorithm AKAv1-MD5"), ("NTLM", "NTLM")],
)
async def test_what_cannot_be_answered_is_named(tmp_path: Path, start: Start, challenge: str, words: str) -> None:
    master = await start()
    master.register = asks(challenge)
    alice = phone(pri="master", registration=PATIENT, credentials=credentials(tmp_path))
    async with running(tmp_path, [pbx("master", master.uri())], [alice]) as agent:
        report = await agent.phone(state="Rejected")
        assert report.last_failure is not None
        assert report.last_failure.message == f"the PBX asks for {words}"


# Answers that pjsip by itself would lose


OTHERS = [
    f"<sip:alice@192.0.2.{number}:5060;transport=tcp>;expires=3000;q=0.5;x-a-long-parameter={'y' * 150}"
    for number in range(1, 41)
]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_user_with_many_bindings_registers(tmp_path: Path, start: Start, transport: str) -> None:
    master = await start()
    master.register = keeps(*(f"Contact: {other}" for other in OTHERS))
    assert len(b"".join(master.register(Request("REGISTER sip:a SIP/2.0\r\nExpires: 9", ("", 0), "")))) > 8000
    await registered(tmp_path, master, transport)


@pytest.mark.parametrize(
    "header",
    [
        "Contact: <sip:müller@192.0.2.7>;expires=60",
        "Contact: <sip:alice@192.0.2.7>;x=;expires=60",
        "Contact: <sip:alice@192.0.2.7:>;expires=60",
        "Contact: <sip:al|ice@192.0.2.7>;expires=60",
        "Contact: *",
        "Expires: Thu, 01 Dec 2026 16:00:00 GMT",
        "Retry-After: Thu, 01 Dec 2026 16:00:00 GMT",
        "Date:",
        "Supported:",
        "Min-Expires: soon",
        "Service-Route: <sip:edge.test;lr>, <sip:core.test;lr>",
        "Service-Route: " + ", ".join(f"<sip:hop{number}.test;lr>" for number in range(40)),
        "Service-Route: <sip:[",
        "Path: edge.test",
        "Content-Type:",
        "P-Associated-URI: <sip:alice@pbx.test",
    ],
)
async def test_an_odd_header_of_an_answer_costs_nothing(tmp_path: Path, start: Start, header: str) -> None:
    """The PBX keeps the phone, whatever else it says."""
    master = await start()
    master.register = keeps(header)
    await registered(tmp_path, master)


@pytest.mark.parametrize("header", ["Expires: soon", "Contact: <sip:[", "Retry-After:"])
async def test_nor_does_it_as_the_last_one(tmp_path: Path, start: Start, header: str) -> None:
    master = await start()
    keep = keeps()
    master.register = lambda request: [
        each.replace(b"\r\n\r\n", f"\r\n{header}\r\n\r\n".encode()) for each in keep(request)
    ]
    await registered(tmp_path, master)


@pytest.mark.parametrize(
    "rewritten",
    [
        lambda text: re.sub(r":\d+>", ":1024>", text),
        lambda text: re.sub(r":\d+>", ">", text),
        lambda text: text.replace("Alice", "alice"),
        lambda text: text.replace("Alice", "ALICE"),
    ],
)
async def test_our_only_contact_is_ours_with_another_port_or_other_capitals(
    tmp_path: Path, start: Start, rewritten: Callable[[str], str]
) -> None:
    master = await start()
    master.register = keeps(
        contact=lambda request: rewritten(request.header("Contact").partition(";")[0]) + ";expires=60"
    )
    await registered(tmp_path, master, aor="sip:Alice@pbx.test")


# Connections


async def test_a_broken_stream_is_left_and_its_phones_register_again_at_once(tmp_path: Path, start: Start) -> None:
    """Not only with the next refresh: the PBX could reach nobody until then."""
    master = await start()
    phones = [phone(name, pri="master", registration={"expiresSeconds": 600}) for name in ("alice", "bob", "carol")]
    async with running(tmp_path, [pbx("master", master.uri("tcp"))], phones) as agent:
        for name in ("alice", "bob", "carol"):
            await agent.phone(name, registered=True)
        before = master.registers
        for writer in list(master._writers):
            writer.write(b"this is no SIP\r\n\r\n")
        await master.count(before + 3)
        for name in ("alice", "bob", "carol"):
            await agent.phone(name, registered=True, pbx="master")


async def test_a_connection_on_which_nothing_comes_back_is_replaced(tmp_path: Path, start: Start) -> None:
    """A firewall has forgotten it: what is sent there is lost, and a new one would pass (RFC 3261, section 18.4)."""
    master = await start()
    lost: set[tuple[str, int]] = set()

    def through(behaviour: Behaviour) -> Behaviour:
        return lambda request: [] if request.source in lost else behaviour(request)

    master.register, master.options = through(accept()), through(reply(200))
    registration = {"pingSeconds": 0.5, "attemptTimeoutSeconds": 0.5}
    phones = [phone(name, pri="master", registration=registration) for name in ("alice", "bob")]
    async with running(tmp_path, [pbx("master", master.uri("tcp"))], phones) as agent:
        for name in ("alice", "bob"):
            await agent.phone(name, registered=True)
        lost |= {request.source for request in master.requests}
        await master.told(lambda request: request.source not in lost)
        for name in ("alice", "bob"):
            await agent.until(
                lambda agent, name=name: (
                    agent.phones[name].registered  # type: ignore[misc]
                    and any(r.user == name and r.source not in lost for r in master.requests)
                ),
                name,
            )


async def test_a_pbx_that_answers_no_pings_keeps_its_connection_and_its_phones(tmp_path: Path, start: Start) -> None:
    """There are such PBXes. Nothing is wrong with a connection over which REGISTERs are answered."""
    master = await start()
    master.options = silence
    registration = {"pingSeconds": 0.2, "attemptTimeoutSeconds": 0.5}
    async with running(
        tmp_path, [pbx("master", master.uri("tcp"))], [phone("anna", pri="master", registration=registration)]
    ) as agent:
        await agent.phone("anna", registered=True)
        while master.pings < 8:
            await asyncio.sleep(0.1)
        assert {request.source for request in master.requests} == {master.asked[-1].source}
        assert len({request.header("Call-ID") for request in master.requests}) == 1
        assert agent.phones["anna"].registered


@pytest.mark.parametrize("pieces", [[b"\r\n\r\n"], [b"\r\n", b"\r\n"], [b"\r\n\r\n", b"\r\n\r\n"]])
async def test_a_pbx_that_asks_by_empty_lines_is_told_that_somebody_is_there(
    tmp_path: Path, start: Start, pieces: list[bytes]
) -> None:
    """RFC 5626, section 4.4.1."""
    master = await start()
    async with running(tmp_path, [pbx("master", master.uri("tcp"))], [phone(pri="master")]) as agent:
        await agent.phone(registered=True)
        (writer,) = master._writers
        heard = asyncio.get_running_loop().create_future()
        transport = writer.transport
        protocol = transport.get_protocol()
        received = protocol.data_received  # type: ignore[attr-defined]

        def data_received(data: bytes) -> None:
            if data.strip(b"\r\n") == b"" and not heard.done():
                heard.set_result(True)
            received(data)

        protocol.data_received = data_received  # type: ignore[attr-defined]
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.05)  # else the network would make one of them
        async with asyncio.timeout(20):
            await heard


async def test_two_phones_of_one_aor_have_contacts_of_their_own(tmp_path: Path, start: Start) -> None:
    """A PBX that knows bindings by their Contact keeps both."""
    master = await start()
    phones = [phone(name, pri="master", aor="sip:4711@pbx.test") for name in ("desk", "headset")]
    async with running(tmp_path, [pbx("master", master.uri())], phones) as agent:
        for name in ("desk", "headset"):
            await agent.phone(name, registered=True)
        contacts = {request.header("Contact").partition(">")[0] for request in master.requests}
        assert len(contacts) == 2, contacts


async def test_a_challenge_is_paid_from_the_register_rate(tmp_path: Path, start: Start) -> None:
    """Each REGISTER on the wire counts: a PBX must not get twice what it was promised."""
    master = await start()
    master.register = challenge(accept())
    names = [f"phone{number}" for number in range(6)]
    phones = [phone(name, pri="master", credentials=credentials(tmp_path)) for name in names]
    at: list[float] = []

    def noted(request: Request) -> Iterable[bytes]:
        at.append(asyncio.get_running_loop().time())
        return challenge(accept())(request)

    master.register = noted
    async with running(tmp_path, [pbx("master", master.uri(), registerRate=4)], phones) as agent:
        for name in names:
            await agent.phone(name, registered=True)
    assert len(at) >= 12
    assert at[11] - at[0] >= (12 - 2 * 4) / 4, (
        "twelve REGISTERs at four a second, of which a second's worth may come at once"
    )


async def test_a_redirect_that_names_the_way_in_a_parameter_of_its_own_is_followed(
    tmp_path: Path, start: Start
) -> None:
    """What pjsip cannot read of a redirect is ours to read."""
    master, slave = await start(), await start()
    master.register = redirect(f"<{slave.uri()}?X=y>", "<sip:al|ice@192.0.2.1>;q=0.1")
    async with running(
        tmp_path, [pbx("master", master.uri()), pbx("slave", slave.uri())], [phone(pri="master")]
    ) as agent:
        await agent.phone(registered=True, pbx="slave")
