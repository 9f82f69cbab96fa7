"""When the certificates end that PBXes have shown: which of them counts, and what the real agent tells of it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_process import Agent, pbx, phone, running
from lab.certificates import Authority, server
from sip_responder import Start
from softphone_agent.dns.targets import Place, Target
from softphone_agent.worker.certificates import MOST, Certificates

TLS, UDP = Place("sip:192.0.2.1:5061;transport=tls"), Place("sip:192.0.2.1:5061;transport=udp")
NAMED = [Place("sip:pbx.test:5061;transport=tls", Target(f"192.0.2.{number}", 5061)) for number in (1, 2)]


def test_of_a_pbx_with_several_servers_the_first_certificate_that_ends_counts() -> None:
    certificates = Certificates()
    assert certificates.ends(NAMED) is None
    certificates.shown(("192.0.2.1", 5061), 2000.0)
    assert certificates.ends(NAMED) == 2000.0
    certificates.shown(("192.0.2.2", 5061), 1000.0)
    assert (certificates.ends(NAMED), certificates.ends([TLS])) == (1000.0, 2000.0)


def test_the_last_handshake_counts() -> None:
    certificates = Certificates()
    for ends in (1000.0, 9000.0):
        certificates.shown(("192.0.2.1", 5061), ends)
    assert certificates.ends([TLS]) == 9000.0


def test_what_is_not_reached_over_tls_has_no_certificate() -> None:
    certificates = Certificates()
    certificates.shown(("192.0.2.1", 5061), 1000.0)
    assert certificates.ends([UDP]) is None


def test_of_ever_new_peers_the_last_ones_are_kept() -> None:
    certificates = Certificates()
    for number in range(MOST + 1):
        certificates.shown((f"192.0.2.1:{number}", 5061), 1000.0)
    assert len(certificates._ends) == MOST
    assert certificates._ends.get(("192.0.2.1:0", 5061)) is None


@pytest.mark.lab
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
async def test_the_agent_tells_when_the_certificate_ends_that_a_pbx_shows(
    tmp_path: Path, start: Start, zone: str
) -> None:
    """Also of a secondary PBX, by its path check; and in any zone, since the certificate's time is UTC."""
    authority = Authority(tmp_path / "tls")
    first, second = (
        authority.issue("first", "IP:127.0.0.1", days=40),
        authority.issue("second", "IP:127.0.0.1", days=20),
    )
    pri, sec = await start(tls=server(first)), await start(tls=server(second))
    plain = await start()
    tls = {"tls": {"caFile": str(authority.ca)}}
    pbxs = [pbx("pri", pri.uri("tls"), **tls), pbx("sec", sec.uri("tls"), **tls), pbx("plain", plain.uri())]
    checks = {"pathCheckSeconds": 1, "pingSeconds": 60}
    phones = [phone(pri="pri", sec="sec", registration=checks), phone("bob", pri="plain", registration=checks)]
    async with running(tmp_path, pbxs, phones, environment={"TZ": zone}) as agent:
        await agent.until(lambda agent: {"pri", "sec", "plain"} <= agent.pbxs.keys(), "the PBXes")
        for name, made in (("pri", first), ("sec", second)):
            ends = _not_after(made.certificate)
            await agent.until(lambda agent, name=name: agent.pbxs[name].certificate_expires is not None, name)  # type: ignore[misc]
            told = agent.pbxs[name].certificate_expires
            assert told is not None
            assert datetime.fromisoformat(told) == ends
            metric = await agent.metric("softphone_pbx_certificate_expiry_timestamp_seconds", pbx=name)
            assert metric == ends.timestamp()
        assert agent.pbxs["plain"].certificate_expires is None
        assert 'expiry_timestamp_seconds{pbx="plain"' not in await agent.metrics()


@pytest.mark.lab
async def test_a_certificate_that_was_renewed_is_seen_while_the_registrations_connection_stays(
    tmp_path: Path, start: Start
) -> None:
    """So is one that is accepted no more, of which the connection that is there says nothing."""
    authority, theirs = Authority(tmp_path / "tls"), Authority(tmp_path / "tls", "theirs")
    context = server(authority.issue("old", "IP:127.0.0.1", days=3))
    pri, sec = await start(tls=context), await start()
    pbxs = [pbx("pri", pri.uri("tls"), tls={"caFile": str(authority.ca)}), pbx("sec", sec.uri())]
    alice = phone(pri="pri", sec="sec", registration={"pathCheckSeconds": 1, "pingSeconds": 60})
    async with running(tmp_path, pbxs, [alice]) as agent:
        await agent.phone(registered=True)
        renewed = authority.issue("new", "IP:127.0.0.1", days=300)
        context.load_cert_chain(renewed.certificate, renewed.key)
        told = _not_after(renewed.certificate)
        await _until_certificate(agent, told)
        foreign = theirs.issue("foreign", "IP:127.0.0.1")
        context.load_cert_chain(foreign.certificate, foreign.key)
        await agent.until(lambda agent: agent.phones["alice"].paths[0].result == "Unreachable", "refused", seconds=100)
        assert 'checked for "127.0.0.1"' in agent.phones["alice"].paths[0].message
        assert agent.phones["alice"].registered
        assert len({request.source for request in pri.requests}) == 1, "the registration's connection stays"
        assert await agent.metric("softphone_outage_seconds_count") == 0


async def _until_certificate(agent: Agent, ends: datetime) -> None:
    def is_told(agent: Agent) -> bool:
        told = agent.pbxs["pri"].certificate_expires
        return told is not None and datetime.fromisoformat(told) == ends

    await agent.until(is_told, f"a certificate until {ends}", seconds=100)


def _not_after(certificate: Path) -> datetime:
    """As openssl reads it."""
    done = subprocess.run(
        ["openssl", "x509", "-enddate", "-noout", "-in", str(certificate)], check=True, capture_output=True, text=True
    )
    text = done.stdout.strip().removeprefix("notAfter=").removesuffix(" GMT")
    return datetime.strptime(text, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
