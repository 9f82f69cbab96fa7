"""Where a registrar's name leads: what is asked of DNS, and what its answers mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from dns_server import DnsServer
from softphone_agent.dns.resolver import LookupFault, Resolver
from softphone_agent.dns.targets import Server, Target

PATIENT = 10.0


def resolver(names: DnsServer, hosts: Path = Path("/dev/null"), bind_address: str = "") -> Resolver:
    return Resolver([names.address], bind_address, hosts)


def at(*targets: tuple[str, int], priority: int = 0, weight: int = 0) -> Server:
    return Server(tuple(Target(*target) for target in targets), priority, weight)


@pytest.mark.parametrize(
    ("uri", "service"),
    [
        ("sip:pbx.test;transport=udp", "_sip._udp.pbx.test"),
        ("sip:pbx.test;transport=tcp", "_sip._tcp.pbx.test"),
        ("sip:pbx.test;transport=tls", "_sips._tcp.pbx.test"),
        ("sips:pbx.test", "_sips._tcp.pbx.test"),
    ],
)
async def test_without_a_port_the_srv_records_of_the_transport_say_where(
    names: DnsServer, uri: str, service: str
) -> None:
    names.zone[service, "SRV"] = ["20 0 5080 two.test.", "10 5 5070 one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    names.zone["two.test", "A"] = ["127.0.0.2", "127.0.0.3"]
    found = await resolver(names).servers(uri, PATIENT)
    assert found[0] == at(("127.0.0.1", 5070), priority=10, weight=5)
    assert (found[1].priority, set(found[1].targets)) == (20, {Target("127.0.0.2", 5080), Target("127.0.0.3", 5080)})
    assert len(found) == 2


async def test_with_a_port_no_srv_records_are_asked_for(names: DnsServer) -> None:
    names.zone["_sip._udp.pbx.test", "SRV"] = ["1 1 5070 other.test."]
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    assert await resolver(names).servers("sip:pbx.test:5062;transport=udp", PATIENT) == (at(("127.0.0.1", 5062)),)
    assert {kind for _, kind in names.asked} == {"A", "AAAA"}


@pytest.mark.parametrize(
    ("uri", "port"), [("sip:pbx.test", 5060), ("sip:pbx.test;transport=tls", 5061), ("sips:pbx.test", 5061)]
)
async def test_without_srv_records_the_host_itself_at_the_transports_port(
    names: DnsServer, uri: str, port: int
) -> None:
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    assert await resolver(names).servers(uri, PATIENT) == (at(("127.0.0.1", port)),)


async def test_an_srv_target_without_address_is_left_out_while_there_is_another(names: DnsServer) -> None:
    names.zone["_sip._udp.pbx.test", "SRV"] = ["10 0 5070 gone.test.", "20 0 5080 here.test."]
    names.zone["here.test", "A"] = ["127.0.0.1"]
    assert await resolver(names).servers("sip:pbx.test", PATIENT) == (at(("127.0.0.1", 5080), priority=20),)


async def test_both_families_count_ipv6_first_and_a_bind_address_decides(names: DnsServer) -> None:
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    names.zone["pbx.test", "AAAA"] = ["::1"]
    assert await resolver(names).servers("sip:pbx.test:1", PATIENT) == (at(("::1", 1), ("127.0.0.1", 1)),)
    bound = resolver(names, bind_address="127.0.0.1")
    assert await bound.servers("sip:pbx.test:1", PATIENT) == (at(("127.0.0.1", 1)),)


async def test_the_hosts_file_comes_before_dns(names: DnsServer, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# ours\n127.0.0.9 other PBX.test # the old one\n\nnonsense pbx.test\n")
    assert await resolver(names, hosts).servers("sip:pbx.test", PATIENT) == (at(("127.0.0.9", 5060)),)
    assert names.asked == []


@pytest.mark.parametrize(
    ("zone", "fault"),
    [
        ({}, '"pbx.test" does not exist in DNS'),
        ({("pbx.test", "TXT"): ['"x"']}, '"pbx.test" has no address in DNS'),
        ({("_sip._udp.pbx.test", "SRV"): ["1 1 5060 gone.test."]}, '"gone.test" does not exist in DNS'),
        (
            {("_sip._udp.pbx.test", "SRV"): ["0 0 0 ."]},
            'DNS says that "_sip._udp.pbx.test" is not offered (SRV target ".")',
        ),
    ],
)
async def test_a_name_that_leads_nowhere_is_told_with_the_reason(
    names: DnsServer, zone: dict[tuple[str, str], list[str]], fault: str
) -> None:
    names.zone = zone
    with pytest.raises(LookupFault) as raised:
        await resolver(names).servers("sip:pbx.test", PATIENT)
    assert str(raised.value) == fault


async def test_dns_servers_that_fail_or_are_silent_are_told(names: DnsServer) -> None:
    names.broken = True
    with pytest.raises(LookupFault, match=r'^the DNS servers cannot tell about "pbx\.test"$'):
        await resolver(names).servers("sip:pbx.test:5060", PATIENT)
    names.broken, names.silent = False, True
    with pytest.raises(LookupFault, match=r'^no DNS server answered for "pbx\.test"'):
        await resolver(names).servers("sip:pbx.test", 0.2)


@pytest.mark.parametrize("content", [None, b"", b"search test\n", b"nameserver nowhere\n", b"\xff\xfe"])
async def test_without_a_dns_server_to_ask_the_hosts_file_alone_counts(tmp_path: Path, content: bytes | None) -> None:
    hosts, settings = tmp_path / "hosts", tmp_path / "resolv.conf"
    hosts.write_text("127.0.0.9 known.test\n")
    if content is not None:
        settings.write_bytes(content)
    asked = Resolver(hosts=hosts, settings=settings)
    assert await asked.servers("sip:known.test", PATIENT) == (at(("127.0.0.9", 5060)),)
    for uri in ("sip:pbx.test", "sip:pbx.test:5060"):
        with pytest.raises(LookupFault, match=r'^no DNS server is configured that could tell about "pbx\.test"$'):
            await asked.servers(uri, PATIENT)
