"""PBXes that are given by name, against a real DNS server and responders of our own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from agent_process import pbx, phone, running
from dns_server import DnsServer
from lab.certificates import Authority, server
from sip_responder import Start, accept, redirect, reply, silence

pytestmark = pytest.mark.lab

LIVELY: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}


def sip(names: DnsServer, **fields: Any) -> dict[str, Any]:
    return {"bindAddress": "127.0.0.1", "nameServers": [names.address]} | fields


def own_address() -> str:
    """An address of loopback that only this process takes: where a port is told by nobody it is 5060, for all runs."""
    pid = os.getpid()  # of 22 bits (Linux)
    return f"127.{64 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.proves("E4")
async def test_srv_leads_to_the_servers_port_and_the_name_stays_on_the_wire(
    tmp_path: Path, start: Start, names: DnsServer, transport: str
) -> None:
    master = await start()
    names.zone[f"_sip._{transport}.pbx.test", "SRV"] = [f"1 1 {master.port} one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    pbxs = [pbx("master", f"sip:pbx.test;transport={transport}")]
    async with running(tmp_path, pbxs, [phone(pri="master", **LIVELY)], sip=sip(names)) as agent:
        report = await agent.phone(registered=True)
        assert report.registrar == f"sip:pbx.test;transport={transport}"
        assert report.contact
        assert report.contact.startswith("sip:alice@127.0.0.1:")
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        assert master.pings
    (first, *_, last) = master.requests
    assert first.text.startswith(f"REGISTER sip:pbx.test;transport={transport} SIP/2.0\r\n")
    assert last.expires == 0, "un-REGISTERed there, too"
    for request in master.requests:
        assert "Route" not in request.text, "the way there is ours alone"
        assert "hide" not in request.text


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_of_two_servers_of_a_name_the_dead_one_is_passed_over(
    tmp_path: Path, start: Start, names: DnsServer, transport: str
) -> None:
    alive = await start()
    names.zone[f"_sip._{transport}.pbx.test", "SRV"] = [f"1 0 {alive.port} dead.test.", f"2 0 {alive.port} alive.test."]
    names.zone["dead.test", "A"] = ["127.0.0.9"]
    names.zone["alive.test", "A"] = ["127.0.0.1"]
    pbxs = [pbx("master", f"sip:pbx.test;transport={transport}")]
    patient = {"attemptTimeoutSeconds": 3}
    async with running(tmp_path, pbxs, [phone(pri="master", registration=patient)], sip=sip(names)) as agent:
        report = await agent.phone(registered=True)
        assert report.last_failure is None, "one attempt, two servers"
        assert ("dead.test", "A") in names.asked
        assert alive.registers == 1


async def test_a_503_leads_to_the_next_server_and_a_rejection_does_not(
    tmp_path: Path, start: Start, names: DnsServer
) -> None:
    one, two = await start(), await start()
    names.zone["_sip._udp.pbx.test", "SRV"] = [f"1 0 {one.port} one.test.", f"2 0 {two.port} one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    one.register = reply(503, "Retry-After: 3600")
    two.register = reply(403)
    async with running(tmp_path, [pbx("master", "sip:pbx.test")], [phone(pri="master")], sip=sip(names)) as agent:
        await agent.phone(state="Rejected", code=403)
        two.register = accept()
        await agent.phone(registered=True)
        assert one.registers == 1, "Retry-After holds for that server"


async def test_a_server_that_falls_silent_is_left_for_another_of_the_same_name_and_returned_to(
    tmp_path: Path, start: Start, names: DnsServer
) -> None:
    one, two, other = await start(), await start(), await start()
    names.zone["_sip._udp.pbx.test", "SRV"] = [f"1 0 {one.port} one.test.", f"2 0 {two.port} one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    two.register = accept(expires=2)
    pbxs = [pbx("master", "sip:pbx.test"), pbx("other", other.uri())]
    async with running(tmp_path, pbxs, [phone(pri="master", sec="other", **LIVELY)], sip=sip(names)) as agent:
        await agent.phone(registered=True, pbx="master")
        await agent.until(lambda agent: one.pings > 0 and two.pings > 0, "both pinged")
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        one.register = one.options = silence
        await two.count(1)
        await agent.phone(registered=True, pbx="master", failure="PingFailed")
        assert agent.pbxs["master"].reachable is True, "one of its servers answers"
        assert other.registers == 0
        before = one.registers
        one.register, one.options = accept(), reply(200)
        await one.count(before + 1)
        await agent.phone(registered=True, pbx="master")


@pytest.mark.proves("E4")
async def test_a_changed_answer_is_used_by_the_next_attempt(tmp_path: Path, start: Start, names: DnsServer) -> None:
    one, two = await start(), await start()
    names.zone["one.test", "A"] = ["127.0.0.1"]
    names.zone["_sip._udp.pbx.test", "SRV"] = [f"1 1 {one.port} one.test."]
    one.register = accept(expires=2)
    async with running(tmp_path, [pbx("master", "sip:pbx.test")], [phone(pri="master")], sip=sip(names)) as agent:
        await agent.phone(registered=True)
        names.zone["_sip._udp.pbx.test", "SRV"] = [f"1 1 {two.port} one.test."]
        await two.count(1)
        await agent.until(lambda agent: len(agent.log_lines("name resolved")) == 2, "the change in the log")
        await one.told(lambda request: request.expires == 0)
        assert [request.expires for request in one.requests].count(0) == 1, "the server before is told once"
        assert all(report.registered for report in agent.history if report.state == "Registered")


async def test_a_name_that_does_not_exist_is_told_and_costs_a_phone_no_time(
    tmp_path: Path, start: Start, names: DnsServer
) -> None:
    sec = await start()
    pbxs = [pbx("master", "sip:pbx.test", system="x"), pbx("sec", sec.uri(), system="x")]
    phones = [phone("alice", pri="master"), phone("bob", pri="master", sec="sec")]
    async with running(tmp_path, pbxs, phones, sip=sip(names)) as agent:
        report = await agent.phone("alice", state="Waiting", failure="Unreachable")
        assert report.last_failure
        assert report.last_failure.message == '"pbx.test" does not exist in DNS'
        assert report.last_failure.pbx == "master"
        await agent.phone("bob", registered=True, pbx="sec", via="sec")
        master = await start()
        names.zone["_sip._udp.pbx.test", "SRV"] = [f"1 1 {master.port} one.test."]
        names.zone["one.test", "A"] = ["127.0.0.1"]
        await agent.phone("alice", registered=True, pbx="master")


async def test_a_silent_dns_server_delays_only_the_phones_that_need_it(
    tmp_path: Path, start: Start, names: DnsServer
) -> None:
    named, plain = await start(), await start()
    names.zone["_sip._udp.pbx.test", "SRV"] = [f"1 1 {named.port} one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    named.register = plain.register = accept(expires=2)
    pbxs = [pbx("named", "sip:pbx.test"), pbx("plain", plain.uri()), pbx("unknown", "sip:other.test")]
    slow: dict[str, Any] = {"registration": {"attemptTimeoutSeconds": 8}}
    phones = [phone("alice", pri="named", **slow), phone("bob", pri="plain", **slow)]
    async with running(tmp_path, pbxs, phones, sip=sip(names)) as agent:
        await agent.phone("alice", registered=True)
        await agent.phone("bob", registered=True)
        names.silent = True
        carol = phone("carol", pri="unknown", **slow)
        agent.write(agent.config | {"phones": [*phones, carol]})
        await agent.phone("carol", state="Registering")
        before = plain.registers
        await plain.count(before + 4)
        assert agent.phones["carol"].state == "Registering", "still at its first look-up"
        assert agent.phones["bob"].registered
        before = named.registers
        await named.count(before + 1)
        assert agent.phones["alice"].registered, "a binding is refreshed where it is, DNS or not"
        names.silent = False
        assert await agent.stop() == 0


async def test_a_dns_server_that_drops_questions_for_aaaa_keeps_no_phone_from_registering(
    tmp_path: Path, start: Start, names: DnsServer
) -> None:
    master = await start()
    names.zone["_sip._udp.pbx.test", "SRV"] = [f"1 1 {master.port} one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    names.drops = lambda _, kind: kind == "AAAA"
    async with running(tmp_path, [pbx("master", "sip:pbx.test")], [phone(pri="master")], sip=sip(names)) as agent:
        report = await agent.phone(registered=True)
        assert report.last_failure is None


@pytest.mark.parametrize("dropped", ["SRV", "SRV AAAA"])
async def test_a_dns_server_that_drops_questions_for_srv_keeps_no_phone_from_registering(
    tmp_path: Path, start: Start, names: DnsServer, dropped: str
) -> None:
    await start(own_address(), 5060)
    names.zone["pbx.test", "A"] = [own_address()]
    names.drops = lambda _, kind: kind in dropped.split()
    async with running(tmp_path, [pbx("master", "sip:pbx.test")], [phone(pri="master")], sip=sip(names)) as agent:
        report = await agent.phone(registered=True)
        assert report.last_failure is None


async def test_a_dns_server_that_answers_late_keeps_no_phone_from_registering(
    tmp_path: Path, start: Start, names: DnsServer
) -> None:
    master = await start()
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    names.late = True
    pbxs = [pbx("master", f"sip:pbx.test:{master.port}")]
    async with running(tmp_path, pbxs, [phone(pri="master")], sip=sip(names)) as agent:
        report = await agent.phone(registered=True)
        assert report.last_failure is None


async def test_a_redirect_to_a_name_is_followed(tmp_path: Path, start: Start, names: DnsServer) -> None:
    master, home = await start(), await start()
    names.zone["home.test", "A"] = ["127.0.0.1"]
    master.register = redirect(f"<sip:home.test:{home.port}>")
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")], sip=sip(names)) as agent:
        report = await agent.phone(registered=True, via="redirect")
        assert report.registrar == f"sip:home.test:{home.port};transport=udp"


async def test_a_name_of_an_ipv6_pbx(tmp_path: Path, start: Start, names: DnsServer) -> None:
    master = await start("::1")
    names.zone["pbx.test", "AAAA"] = ["::1"]
    pbxs = [pbx("master", f"sip:pbx.test:{master.port}")]
    async with running(tmp_path, pbxs, [phone(pri="master", **LIVELY)], sip=sip(names, bindAddress="")) as agent:
        await agent.phone(registered=True)
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        assert master.pings


async def test_a_closed_connection_to_a_name_is_a_loss_at_once(tmp_path: Path, start: Start, names: DnsServer) -> None:
    master = await start()
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    pbxs = [pbx("master", f"sip:pbx.test:{master.port};transport=tcp")]
    async with running(tmp_path, pbxs, [phone(pri="master")], sip=sip(names)) as agent:
        await agent.phone(registered=True)
        master.hang_up()
        await agent.phone(registered=True, failure="TransportClosed")


# TLS: which name the certificate must have


async def test_over_tls_the_certificate_must_have_the_name_that_was_given_not_the_srv_targets(
    tmp_path: Path, start: Start, names: DnsServer
) -> None:
    authority = Authority(tmp_path / "tls")
    good = await start(tls=server(authority.issue("good", "DNS:pbx.test")))
    bad = await start(tls=server(authority.issue("bad", "DNS:one.test")))
    names.zone["one.test", "A"] = ["127.0.0.1"]
    names.zone["_sips._tcp.pbx.test", "SRV"] = [f"1 0 {bad.port} one.test.", f"2 0 {good.port} one.test."]
    pbxs = [pbx("master", "sip:pbx.test;transport=tls", tls={"caFile": str(authority.ca)})]
    async with running(tmp_path, pbxs, [phone(pri="master", **LIVELY)], sip=sip(names)) as agent:
        await agent.phone(registered=True)
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        assert good.pings
        assert bad.registers == bad.pings == 0
        good.hang_up()
        await agent.phone(registered=True, failure="TransportClosed")
    assert all("Route" not in request.text for request in good.requests)


@pytest.mark.parametrize("address", ["127.0.0.1", "elsewhere.test"])
async def test_a_server_name_other_than_the_addresss_host_is_what_the_certificate_must_have(
    tmp_path: Path, start: Start, names: DnsServer, address: str
) -> None:
    authority = Authority(tmp_path / "tls")
    context = server(authority.issue("pbx", "DNS:pbx.test"))
    asked_for: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked_for.append(name)
    master = await start(tls=context)
    names.zone["elsewhere.test", "A"] = ["127.0.0.1"]
    uri = f"sip:{address}:{master.port};transport=tls"
    tls = {"caFile": str(authority.ca), "serverName": "pbx.test"}
    async with running(
        tmp_path, [pbx("master", uri, tls=tls)], [phone(pri="master", **LIVELY)], sip=sip(names)
    ) as agent:
        report = await agent.phone(registered=True)
        assert report.registrar == uri
        assert report.contact
        assert report.contact.startswith("sip:alice@127.0.0.1:")
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        wrong = pbx("master", uri, tls=tls | {"serverName": "other.test"})
        agent.write(agent.config | {"pbxs": [wrong]})
        report = await agent.phone(registered=False, failure="Unreachable")
        assert report.last_failure
        assert "other.test" in report.last_failure.message
    assert asked_for[0] == "pbx.test"
    assert master.requests[0].text.startswith(f"REGISTER {uri} SIP/2.0\r\n")
    assert "Route" not in "".join(request.text for request in master.requests)
