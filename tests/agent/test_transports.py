"""Every transport against responders of our own: TCP, TLS, IPv6, and what of the connection is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_process import Agent, pbx, phone, running
from lab.certificates import Authority, server
from sip_responder import Behaviour, Request, Start, accept, answer, challenge, redirect, reply, silence

pytestmark = pytest.mark.lab


def config(agent: Agent, *phones: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return agent.config | {"phones": list(phones)} | changed


# TCP


@pytest.mark.proves("L4")
async def test_a_closed_tcp_connection_is_a_loss_at_once(tmp_path: Path, start: Start) -> None:
    master, other = await start(), await start()
    pbxs = [pbx("master", master.uri("tcp")), pbx("other", other.uri("tcp"))]
    async with running(tmp_path, pbxs, [phone("alice", pri="master"), phone("bob", pri="other")]) as agent:
        await agent.phone("alice", registered=True)
        await agent.phone("bob", registered=True)
        agent.history.clear()
        master.hang_up()
        await master.count(2)
        await agent.phone("alice", registered=True, failure="TransportClosed")
        assert await agent.metric("softphone_outage_seconds_count") == 1
        assert {report.name for report in agent.history} == {"alice"}, "the other PBX's phones notice nothing"
        assert other.registers == 1


async def test_a_pbx_killed_over_tcp_is_left_at_once_for_the_secondary(tmp_path: Path, start: Start) -> None:
    master, sec = await start(), await start()
    pbxs = [pbx("master", master.uri("tcp")), pbx("sec", sec.uri("tcp"))]
    async with running(tmp_path, pbxs, [phone(pri="master", sec="sec")]) as agent:
        await agent.phone(registered=True, pbx="master")
        await master.close()
        await agent.phone(registered=True, pbx="sec")
        labels = {"from": "master", "to": "sec", "reason": "TransportClosed"}
        assert await agent.metric("softphone_failovers_total", **labels) == 1


NAMES = [f"phone{number}" for number in range(6)]


@pytest.mark.proves("E8")
async def test_of_the_phones_of_a_pbx_killed_over_tcp_one_asks_it_again_and_all_go_by_that(
    tmp_path: Path, start: Start
) -> None:
    master, sec = await start(), await start()
    pbxs = [pbx("master", master.uri("tcp")), pbx("sec", sec.uri("tcp"))]
    async with running(tmp_path, pbxs, [phone(name, pri="master", sec="sec") for name in NAMES]) as agent:
        for name in NAMES:
            await agent.phone(name, registered=True, pbx="master")
        await master.close()
        for name in NAMES:
            await agent.phone(name, registered=True, pbx="sec")
        assert await agent.metric("softphone_register_requests_total", pbx="master", outcome="unreachable") == 1
        assert await agent.metric("softphone_outage_seconds_count") == len(NAMES)


async def test_a_pbx_that_takes_connections_again_is_asked_by_each_of_its_phones(tmp_path: Path, start: Start) -> None:
    """Whether it serves the first one says nothing about the others."""
    master, sec = await start(), await start()
    pbxs = [pbx("master", master.uri("tcp")), pbx("sec", sec.uri("tcp"))]
    async with running(tmp_path, pbxs, [phone(name, pri="master", sec="sec") for name in NAMES]) as agent:
        for name in NAMES:
            await agent.phone(name, registered=True, pbx="master")
        master.register = silence
        before = master.registers
        master.hang_up()
        for name in NAMES:
            await agent.phone(name, registered=True, pbx="sec")
        assert master.registers == before + len(NAMES)


async def test_answers_in_one_tcp_packet_reach_each_its_own_phone(tmp_path: Path, start: Start) -> None:
    """All phones of a worker share a connection. Told apart wrongly, the first one's chain of 401 would be cut."""
    master = await start()
    names = [f"phone{number}" for number in range(7)]
    asked: list[bytes] = []

    def all_at_once(request: Request) -> list[bytes]:
        asked.extend(challenge(accept())(request))
        return [b"".join(asked)] if len(asked) == len(names) else []

    master.register = lambda request: accept()(request) if request.header("Authorization") else all_at_once(request)
    (tmp_path / "password").write_text("pw")
    fields = {
        "credentials": {"passwordFile": str(tmp_path / "password")},
        "registration": {"attemptTimeoutSeconds": 10},
    }
    phones = [phone(name, pri="master", **fields) for name in names]
    async with running(tmp_path, [pbx("master", master.uri("tcp"))], phones) as agent:
        for name in names:
            await agent.phone(name, registered=True)
        assert master.registers == 2 * len(names)
        assert not any(report.last_failure for report in agent.history)


# TLS


@pytest.mark.proves("E3")
async def test_tls_with_own_ca_and_client_certificate(tmp_path: Path, start: Start) -> None:
    authority = Authority(tmp_path / "tls")
    certificate, client = authority.issue("pbx", "IP:127.0.0.1"), authority.issue("alice")
    context = server(certificate, clients=authority.ca)
    master, standby = await start(tls=context), await start(tls=context)
    master.register = redirect(f"<{standby.uri('tls')}>")
    tls = {
        "caFile": str(authority.ca),
        "certificateFile": str(client.certificate),
        "keyFile": str(client.key),
    }
    pbxs = [pbx("master", master.uri("tls"), tls=tls), pbx("standby", standby.uri("tls"), tls=tls)]
    async with running(tmp_path, pbxs, [phone(pri="master")]) as agent:
        report = await agent.phone(registered=True, pbx="standby")
        assert report.registrar == f"sip:127.0.0.1:{standby.port};transport=tls"
        standby.hang_up()
        await agent.phone(registered=True, failure="TransportClosed")


async def test_tls_sips_uri(tmp_path: Path, start: Start) -> None:
    authority = Authority(tmp_path / "tls")
    master = await start(tls=server(authority.issue("pbx", "IP:127.0.0.1")))
    pbxs = [pbx("master", f"sips:127.0.0.1:{master.port}", tls={"caFile": str(authority.ca)})]
    async with running(tmp_path, pbxs, [phone(pri="master", aor="sips:alice@pbx.test")]) as agent:
        await agent.phone(registered=True)


@pytest.mark.parametrize(
    "names",
    [["IP:127.0.0.9"], ["DNS:other.test"]],
    ids=["another address", "another name"],
)
@pytest.mark.proves("E3")
async def test_tls_is_refused_where_the_certificate_names_another(
    tmp_path: Path, start: Start, names: list[str]
) -> None:
    authority = Authority(tmp_path / "tls")
    master = await start(tls=server(authority.issue("pbx", *names)))
    pbxs = [pbx("master", master.uri("tls"), tls={"caFile": str(authority.ca)})]
    async with running(tmp_path, pbxs, [phone(pri="master")]) as agent:
        report = await agent.phone(state="Waiting", failure="Unreachable")
        assert report.last_failure
        assert report.last_failure.message
        assert master.registers == 0


async def test_tls_files_that_are_not_there_yet_leave_the_binding_and_the_old_ones_in_use(
    tmp_path: Path, start: Start
) -> None:
    authority = Authority(tmp_path / "tls")
    master = await start(tls=server(authority.issue("pbx", "IP:127.0.0.1")))
    missing = pbx("master", master.uri("tls"), tls={"caFile": str(tmp_path / "not-there")})
    pbxs = [pbx("master", master.uri("tls"), tls={"caFile": str(authority.ca)})]
    async with running(tmp_path, pbxs, [phone(pri="master")]) as agent:
        await agent.phone(registered=True)
        agent.write(agent.config | {"pbxs": [missing], "phones": [phone(pri="master"), phone("bob", pri="master")]})
        await agent.phone("bob", registered=True)
        assert agent.log_lines("TLS file not usable")
        assert [(request.user, request.expires > 0) for request in master.requests] == [("alice", True), ("bob", True)]


async def test_tls_is_refused_where_an_unknown_ca_signed(tmp_path: Path, start: Start) -> None:
    ours, theirs = Authority(tmp_path / "tls"), Authority(tmp_path / "tls", "theirs")
    master = await start(tls=server(theirs.issue("pbx", "IP:127.0.0.1")))
    pbxs = [pbx("master", master.uri("tls"), tls={"caFile": str(ours.ca)})]
    async with running(tmp_path, pbxs, [phone(pri="master")]) as agent:
        await agent.phone(state="Waiting", failure="Unreachable")
        assert master.registers == 0


async def test_each_pbx_is_pinged_with_its_own_files(tmp_path: Path, start: Start) -> None:
    one, two = Authority(tmp_path / "tls", "one"), Authority(tmp_path / "tls", "two")
    master = await start(tls=server(one.issue("master", "IP:127.0.0.1"), clients=one.ca))
    standby = await start(tls=server(two.issue("standby", "IP:127.0.0.1")))
    client = one.issue("client")
    theirs = {"caFile": str(one.ca), "certificateFile": str(client.certificate), "keyFile": str(client.key)}
    pbxs = [
        pbx("master", master.uri("tls"), tls=theirs),
        pbx("standby", standby.uri("tls"), tls={"caFile": str(two.ca)}),
    ]
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}
    async with running(tmp_path, pbxs, [phone(pri="master", sec="standby", **lively)]) as agent:
        await agent.phone(registered=True, pbx="master")
        for name in ("master", "standby"):
            await agent.until(lambda agent, name=name: agent.pbxs[name].reachable is True, f"{name} reachable")  # type: ignore[misc]
        assert standby.pings
        assert standby.registers == 0


@pytest.mark.proves("E3")
async def test_a_changed_ca_file_is_picked_up(tmp_path: Path, start: Start) -> None:
    ours, theirs = Authority(tmp_path / "tls"), Authority(tmp_path / "tls", "theirs")
    master = await start(tls=server(theirs.issue("pbx", "IP:127.0.0.1")))
    udp = await start()
    trusted = tmp_path / "tls" / "trusted.pem"
    trusted.write_bytes(ours.ca.read_bytes())
    pbxs = [pbx("master", master.uri("tls"), tls={"caFile": str(trusted)}), pbx("udp", udp.uri())]
    slow = {"backoff": {"initialSeconds": 60, "maxSeconds": 60}}
    # No refresh falls into the minute that the changes take, with the rests between them.
    long = {"expiresSeconds": 3600}
    phones = [phone("alice", pri="master", registration=slow), phone("bob", pri="udp", registration=long)]
    async with running(tmp_path, pbxs, phones) as agent:
        await agent.phone("alice", state="Waiting", failure="Unreachable")
        await agent.phone("bob", registered=True)
        new = tmp_path / "tls" / "new"
        new.write_bytes(theirs.ca.read_bytes())
        new.rename(trusted)
        await agent.phone("alice", registered=True)
        for turn in range(9):  # more often than the SIP stack carries transports
            before = master.registers
            new.write_bytes(theirs.ca.read_bytes() + b"\n" * (turn + 1))
            new.rename(trusted)
            await master.count(before + 2)
            await agent.phone("alice", registered=True)
        assert udp.registers == 1, "phones without TLS notice nothing"


async def test_a_tls_file_that_is_missing_is_said(tmp_path: Path, start: Start) -> None:
    authority = Authority(tmp_path / "tls")
    master = await start(tls=server(authority.issue("pbx", "IP:127.0.0.1")))
    pbxs = [pbx("master", master.uri("tls"), tls={"caFile": str(tmp_path / "none.pem")})]
    async with running(tmp_path, pbxs, [phone(pri="master")]) as agent:
        await agent.phone(state="Waiting", failure="Unreachable")
        assert agent.log_lines("TLS file not usable")


@pytest.mark.proves("X1")
async def test_a_redirect_from_tls_to_udp_is_not_followed(tmp_path: Path, start: Start) -> None:
    authority = Authority(tmp_path / "tls")
    master, plain = await start(tls=server(authority.issue("pbx", "IP:127.0.0.1"))), await start()
    master.register = redirect(f"<{plain.uri()}>")
    pbxs = [pbx("master", master.uri("tls"), tls={"caFile": str(authority.ca)})]
    async with running(tmp_path, pbxs, [phone(pri="master")]) as agent:
        await agent.phone(state="Waiting", failure="RedirectRefused", code=302)
        assert plain.registers == 0


# Addresses


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.proves("E4")
async def test_ipv6(tmp_path: Path, start: Start, transport: str) -> None:
    master = await start("::1")
    async with running(tmp_path, [pbx("master", master.uri(transport))], [phone(pri="master")]) as agent:
        report = await agent.phone(registered=True)
        assert report.registrar == f"sip:[::1]:{master.port};transport={transport}"
        master.hang_up()
        if transport == "tcp":
            await agent.phone(registered=True, failure="TransportClosed")


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_an_ipv6_pbx_is_pinged_and_its_silence_noticed(tmp_path: Path, start: Start, transport: str) -> None:
    authority = Authority(tmp_path / "tls")
    context = server(authority.issue("pbx", "IP:::1")) if transport == "tls" else None
    master, sec = await start("::1", tls=context), await start()
    pbxs = [pbx("master", master.uri(transport), tls={"caFile": str(authority.ca)}), pbx("sec", sec.uri())]
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}
    async with running(tmp_path, pbxs, [phone(pri="master", sec="sec", **lively)]) as agent:
        await agent.phone(registered=True, pbx="master")
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        master.register = master.options = silence
        await agent.phone(registered=True, pbx="sec", failure="PingFailed")


async def test_ipv4_and_ipv6_pbxes_in_one_system(tmp_path: Path, start: Start) -> None:
    master, sec = await start(), await start("::1")
    master.register = redirect(f"<{sec.uri()}>")
    pbxs = [pbx("master", master.uri()), pbx("sec", sec.uri())]
    async with running(tmp_path, pbxs, [phone(pri="master")]) as agent:
        assert (await agent.phone(registered=True)).pbx == "sec"


@pytest.mark.proves("E4")
async def test_a_host_name_is_resolved(tmp_path: Path, start: Start) -> None:
    master = await start()
    async with running(tmp_path, [pbx("master", f"sip:localhost:{master.port}")], [phone(pri="master")]) as agent:
        report = await agent.phone(registered=True)
        assert report.registrar == f"sip:localhost:{master.port};transport=udp"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.proves("E5")
async def test_the_public_address_is_announced_and_its_change_registers_anew(
    tmp_path: Path, start: Start, transport: str
) -> None:
    master = await start()
    pbxs = [pbx("master", master.uri(transport))]
    sip = {"bindAddress": "127.0.0.1", "publicAddress": "203.0.113.7"}
    async with running(tmp_path, pbxs, [phone(pri="master")], sip=sip) as agent:
        report = await agent.phone(registered=True)
        assert report.contact
        assert report.contact.startswith("sip:alice@203.0.113.7:")
        contact = master.requests[0].header("Contact")
        assert contact.startswith("<sip:alice@203.0.113.7:")
        assert "+sip.instance=" in contact
        if transport == "udp":
            assert f"@203.0.113.7:{master.requests[0].source[1]}" in contact, "the port is the one that is sent from"
        agent.write(config(agent, phone(pri="master"), sip=sip | {"publicAddress": "203.0.113.8"}))
        await master.count(3)
        await agent.phone(registered=True)
        assert master.requests[-1].header("Contact").startswith("<sip:alice@203.0.113.8:")


@pytest.mark.proves("E5")
async def test_an_address_observed_by_the_pbx_is_shown_where_it_differs(tmp_path: Path, start: Start) -> None:
    plain, nat = await start(), await start()

    def behind_nat(request: Request) -> list[bytes]:
        (good,) = accept()(request)
        host, port = request.source
        return [good.replace(f"rport={port};received={host}".encode(), b"rport=40000;received=198.51.100.7")]

    nat.register = behind_nat
    pbxs = [pbx("plain", plain.uri()), pbx("nat", nat.uri())]
    async with running(tmp_path, pbxs, [phone("alice", pri="plain"), phone("bob", pri="nat")]) as agent:
        assert (await agent.phone("alice", registered=True)).observed_address is None
        assert (await agent.phone("bob", registered=True)).observed_address == "198.51.100.7:40000"


# Tracing


@pytest.mark.proves("S16", "S17", "T1", "T2", "T3")
async def test_tracing_is_switched_while_running_and_shows_whole_messages(tmp_path: Path, start: Start) -> None:
    master = await start()
    master.register = challenge(accept(expires=2))
    file = tmp_path / "password"
    file.write_text("pw")
    credentials = {"passwordFile": str(file)}
    phones = [phone(name, pri="master", credentials=credentials) for name in ("alice", "bob")]
    async with running(tmp_path, [pbx("master", master.uri())], phones) as agent:
        for name in ("alice", "bob"):
            await agent.phone(name, registered=True)
        assert not agent.log_lines("SIP sent")
        assert not agent.log_lines("transition")
        call_ids = {request.header("Call-ID") for request in master.requests}
        traced = phone("alice", pri="master", credentials=credentials, trace=["App", "Signaling"])
        agent.write(config(agent, traced, phones[1]))
        before = master.registers
        await master.count(before + 6)
        sent, received = agent.log_lines("SIP sent"), agent.log_lines("SIP received")
        assert {line["softphone"] for line in sent + received} == {"alice"}
        assert any("\r\nContact: " in line["message"] for line in sent)
        assert any(line["message"].startswith("SIP/2.0 200 OK") for line in received)
        assert any("Authorization: Digest …" in line["message"] for line in sent)
        assert "response=" not in agent.log()
        assert {line["softphone"] for line in agent.log_lines("transition")} == {"alice"}
        agent.write(config(agent, *phones))
        await agent.until(lambda agent: agent.running is not None, "")
        assert {request.header("Call-ID") for request in master.requests} == call_ids, "nothing on the wire"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_two_phones_of_one_aor_are_told_apart(tmp_path: Path, start: Start, transport: str) -> None:
    """In the trace, and where a PBX raises Min-Expires without end."""
    one, other = await start(), await start()
    pbxs = [pbx("one", one.uri(transport)), pbx("other", other.uri(transport))]
    rare: dict[str, Any] = {"registration": {"backoff": {"initialSeconds": 60, "maxSeconds": 60}}}
    for responder in (one, other):
        responder.register = lambda request: [answer(request, 423, f"Min-Expires: {request.expires + 60}")]
    phones = [
        phone(name, pri=name, aor="sip:Alice@PBX.test;user=phone", trace=["Signaling"], **rare)
        for name in ("one", "other")
    ]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in ("one", "other"):
            await agent.phone(name, state="Rejected", code=423)
        for responder, name in ((one, "one"), (other, "other")):
            sent = [line["peer"] for line in agent.log_lines("SIP sent") if line["softphone"] == name]
            assert sent == [f"{transport.upper()} 127.0.0.1:{responder.port}"] * 3
            assert responder.registers == 3


# A socket that is dead


@pytest.mark.proves("E7")
async def test_new_udp_sockets_are_taken_where_the_pbx_answers_others(tmp_path: Path, start: Start) -> None:
    """A NAT box on the way swallows what comes from one port; from any other port the PBX can be had."""
    master = await start()
    swallowed: set[int] = set()

    def unless_swallowed(behaviour: Behaviour) -> Behaviour:
        return lambda request: [] if request.source[1] in swallowed else behaviour(request)

    master.register, master.options = unless_swallowed(accept()), unless_swallowed(reply(200))
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master", **lively)]) as agent:
        await agent.phone(registered=True)
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        (first,) = {request.source[1] for request in master.requests}
        swallowed.add(first)
        await agent.phone(registered=False)
        await agent.phone(registered=True)
        assert master.requests[-1].source[1] != first
        assert agent.log_lines("the pbx answers others: a new UDP socket for it")


async def test_a_pbx_that_answers_nobody_costs_no_socket(tmp_path: Path, start: Start) -> None:
    master = await start()
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master", **lively)]) as agent:
        await agent.phone(registered=True)
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        before, pings = master.requests[0].source, master.pings
        master.register = master.options = silence
        await agent.phone(registered=False)
        await master.count(4)
        assert master.pings > pings
        master.register, master.options = accept(), reply(200)
        await agent.phone(registered=True)
        assert master.requests[-1].source == before
