"""Where a registrar's name leads: what is asked of DNS, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dns.rcode
import pytest

from dns_server import DnsServer
from softphone_agent.dns import questions
from softphone_agent.dns.resolver import LookupFault, Resolver
from softphone_agent.dns.targets import Server, Target

PATIENT = 10.0
BRISK = 1.0
"""For what is found only after a wait for an answer that does not come."""


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


# DNS servers that answer some questions only (RFC 4074)

PLAIN, SERVICE = (at(("127.0.0.1", 5060)),), (at(("127.0.0.1", 5070), priority=1, weight=1),)


@pytest.mark.parametrize("dropped", ["AAAA", "SRV", "AAAA SRV"])
@pytest.mark.parametrize("uri", ["sip:pbx.test", "sip:pbx.test;transport=tcp", "sip:pbx.test:5060"])
async def test_the_a_record_is_used_though_other_questions_are_dropped(
    names: DnsServer, dropped: str, uri: str
) -> None:
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    names.drops = lambda _, kind: kind in dropped.split()
    assert await resolver(names).servers(uri, BRISK) == PLAIN


async def test_an_srv_record_is_used_though_questions_for_aaaa_are_dropped(names: DnsServer) -> None:
    names.zone["_sip._udp.pbx.test", "SRV"] = ["1 1 5070 one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    names.drops = lambda _, kind: kind == "AAAA"
    assert await resolver(names).servers("sip:pbx.test", BRISK) == SERVICE


async def test_of_two_srv_targets_the_one_that_dns_does_not_tell_about_is_left_out(names: DnsServer) -> None:
    names.zone["_sip._udp.pbx.test", "SRV"] = ["1 1 5070 one.test.", "2 1 5070 lost.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    names.drops = lambda name, _: name == "lost.test"
    assert await resolver(names).servers("sip:pbx.test", BRISK) == SERVICE


async def test_addresses_that_came_with_the_srv_records_are_used_where_dns_does_not_tell_about_the_targets(
    names: DnsServer,
) -> None:
    names.zone["_sip._udp.pbx.test", "SRV"] = ["1 1 5070 one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    names.zone["one.test", "AAAA"] = ["::1"]
    names.generous = True
    names.drops = lambda name, _: name == "one.test"
    both = (at(("::1", 5070), ("127.0.0.1", 5070), priority=1, weight=1),)
    assert await resolver(names).servers("sip:pbx.test", BRISK) == both


async def test_the_host_itself_is_used_where_dns_does_not_tell_about_the_only_srv_target(names: DnsServer) -> None:
    names.zone["_sip._udp.pbx.test", "SRV"] = ["1 1 5070 lost.test."]
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    names.drops = lambda name, _: name == "lost.test"
    assert await resolver(names).servers("sip:pbx.test", BRISK) == PLAIN


async def test_an_ipv6_address_is_used_though_questions_for_a_are_dropped(names: DnsServer) -> None:
    names.zone["pbx.test", "AAAA"] = ["::1"]
    names.drops = lambda _, kind: kind == "A"
    assert await resolver(names).servers("sip:pbx.test:5060", BRISK) == (at(("::1", 5060)),)


@pytest.mark.parametrize("error", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP, dns.rcode.NXDOMAIN])
@pytest.mark.parametrize("dropped", ["", "SRV"])
async def test_the_a_record_is_used_though_aaaa_is_an_error(
    names: DnsServer, error: dns.rcode.Rcode, dropped: str
) -> None:
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    names.rcode = lambda _, kind: error if kind == "AAAA" else None
    names.drops = lambda _, kind: kind == dropped
    assert await resolver(names).servers("sip:pbx.test", BRISK) == PLAIN


@pytest.mark.parametrize("cut", ["A", "AAAA", "SRV", "A AAAA SRV"])
async def test_what_a_truncated_answer_holds_is_used_where_the_rest_cannot_be_had(names: DnsServer, cut: str) -> None:
    names.zone["_sip._udp.pbx.test", "SRV"] = ["1 1 5070 one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    names.truncates = lambda _, kind: kind in cut.split()
    assert await resolver(names).servers("sip:pbx.test", BRISK) == SERVICE


@pytest.mark.parametrize("service", [False, True])
async def test_an_answer_that_comes_after_the_question_was_asked_again_is_heard(
    names: DnsServer, service: bool
) -> None:
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    if service:
        names.zone["_sip._udp.pbx.test", "SRV"] = ["1 1 5070 pbx.test."]
    names.late = True
    assert await resolver(names).servers("sip:pbx.test", BRISK) == (SERVICE if service else PLAIN)


async def test_an_answer_that_comes_late_from_the_first_of_two_dns_servers_is_heard(names: DnsServer) -> None:
    other = await DnsServer.start()
    other.silent = True
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    names.late = True
    asked = Resolver([names.address, other.address], hosts=Path("/dev/null"))
    assert await asked.servers("sip:pbx.test:5060", BRISK) == PLAIN
    other.close()


async def test_a_dns_server_that_only_names_others_is_passed_over(names: DnsServer) -> None:
    other = await DnsServer.start()
    other.recursive = False
    other.zone["pbx.test", "NS"] = ["dns.test."]
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    asked = Resolver([other.address, names.address], hosts=Path("/dev/null"))
    assert await asked.servers("sip:pbx.test:5060", BRISK) == PLAIN
    other.close()


async def test_another_name_for_a_host_or_a_service_is_followed(names: DnsServer) -> None:
    names.zone["_sip._udp.pbx.test", "CNAME"] = ["_sip._udp.real.test."]
    names.zone["_sip._udp.real.test", "SRV"] = ["1 1 5070 one.test."]
    names.zone["one.test", "CNAME"] = ["two.test."]
    names.zone["two.test", "A"] = ["127.0.0.1"]
    assert await resolver(names).servers("sip:pbx.test", BRISK) == SERVICE


# The search list of resolv.conf(5)

Settled = Callable[[str], Resolver]


@pytest.fixture
def settled(names: DnsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settled:
    """A resolver that reads a resolv.conf with these lines, and the DNS server in it."""
    monkeypatch.setattr(questions, "PORT", names.port)

    def make(lines: str) -> Resolver:
        (tmp_path / "resolv.conf").write_text(f"nameserver 127.0.0.1\n{lines}\n")
        return Resolver(hosts=Path("/dev/null"), settings=tmp_path / "resolv.conf")

    return make


@pytest.mark.parametrize("error", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP])
@pytest.mark.parametrize("full", ["pbx.good.test", "pbx"])
async def test_a_search_domain_that_answers_with_an_error_does_not_end_the_look_up(
    names: DnsServer, settled: Settled, error: dns.rcode.Rcode, full: str
) -> None:
    names.zone[full, "A"] = ["127.0.0.1"]
    names.rcode = lambda name, _: error if name.endswith("bad.test") else None
    assert await settled("search bad.test good.test").servers("sip:pbx:5060", BRISK) == PLAIN
    assert await settled("search bad.test good.test").servers("sip:pbx", BRISK) == PLAIN


async def test_a_search_domain_that_is_silent_or_has_only_other_records_does_not_end_the_look_up(
    names: DnsServer, settled: Settled
) -> None:
    names.zone["pbx.other.test", "TXT"] = ['"x"']
    names.zone["pbx.good.test", "A"] = ["127.0.0.1"]
    names.drops = lambda name, _: name.endswith("silent.test")
    for uri in ("sip:pbx:5060", "sip:pbx"):
        assert await settled("search silent.test other.test good.test").servers(uri, BRISK) == PLAIN


async def test_a_search_domain_that_is_no_name_is_passed_over(names: DnsServer, settled: Settled) -> None:
    names.zone["pbx.good.test", "A"] = ["127.0.0.1"]
    assert await settled("search bad..test good.test").servers("sip:pbx:5060", BRISK) == PLAIN


async def test_both_families_and_the_srv_record_come_from_the_same_search_domain(
    names: DnsServer, settled: Settled
) -> None:
    names.zone["pbx.one.test", "A"] = ["127.0.0.1"]
    names.zone["pbx.two.test", "AAAA"] = ["::1"]
    names.zone["_sip._udp.pbx.two.test", "SRV"] = ["1 1 5070 pbx.two.test."]
    names.rcode = lambda name, kind: dns.rcode.SERVFAIL if (name, kind) == ("pbx.one.test", "AAAA") else None
    assert await settled("search one.test two.test").servers("sip:pbx", BRISK) == PLAIN


@pytest.mark.parametrize("ndots", [1, 5])
@pytest.mark.parametrize("uri", ["sip:pbx.test.:5060", "sip:pbx.test.", "sip:pbx.test.;transport=tcp"])
async def test_a_dot_at_the_end_means_no_search_list(names: DnsServer, settled: Settled, uri: str, ndots: int) -> None:
    names.zone["pbx.test", "A"] = ["127.0.0.1"]
    names.zone["*.test.wild.test", "A"] = ["127.0.0.9"]
    assert await settled(f"search wild.test\noptions ndots:{ndots}").servers(uri, BRISK) == PLAIN
    assert not [name for name, _ in names.asked if name.endswith("wild.test")]


async def test_a_name_with_a_dot_at_its_end_stands_in_the_hosts_file_without_it(
    names: DnsServer, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 pbx.test\n")
    assert await resolver(names, hosts).servers("sip:pbx.test.", BRISK) == PLAIN


async def test_an_srv_target_is_a_full_name(names: DnsServer, settled: Settled) -> None:
    names.zone["_sip._udp.pbx.test", "SRV"] = ["1 1 5070 one.test."]
    names.zone["one.test", "A"] = ["127.0.0.1"]
    names.zone["*.test.wild.test", "A"] = ["127.0.0.9"]
    names.zone["pbx.test", "A"] = ["127.0.0.8"]
    assert await settled("search wild.test\noptions ndots:5").servers("sip:pbx.test.", BRISK) == SERVICE


@pytest.mark.parametrize(
    ("lines", "host", "asked"),
    [
        ("search one.test two.test", "pbx", ["pbx.one.test", "pbx.two.test", "pbx"]),
        ("search one.test two.test", "pbx.x", ["pbx.x", "pbx.x.one.test", "pbx.x.two.test"]),
        ("search one.test\noptions ndots:2", "pbx.x", ["pbx.x.one.test", "pbx.x"]),
        ("search one.test\noptions ndots:0", "pbx", ["pbx", "pbx.one.test"]),
        ("search one.test\ndomain two.test.", "pbx", ["pbx.two.test", "pbx"]),
        ("domain two.test\nsearch one.test", "pbx", ["pbx.one.test", "pbx"]),
        ("search one.test .", "pbx", ["pbx.one.test", "pbx"]),
    ],
)
async def test_the_names_are_asked_for_in_the_order_of_glibc(
    names: DnsServer, settled: Settled, lines: str, host: str, asked: list[str]
) -> None:
    with pytest.raises(LookupFault, match=f'^"{host}" does not exist in DNS$'):
        await settled(lines).servers(f"sip:{host}:5060", BRISK)
    assert [name for name, kind in names.asked if kind == "A"] == asked


@pytest.mark.parametrize(
    ("zone", "lines", "fault"),
    [
        ({}, "search bad.test", 'the DNS servers cannot tell about "pbx"'),
        ({("pbx.one.test", "TXT"): ['"x"']}, "search one.test", '"pbx" has no address in DNS'),
        ({}, "search silent.test", 'no DNS server answered for "pbx" within 0.5 s'),
        ({}, "search bad.test\noptions ndots:0", '"pbx" does not exist in DNS'),
    ],
)
async def test_a_name_of_no_search_domain_is_told_with_the_reason_that_says_most(
    names: DnsServer, settled: Settled, zone: dict[tuple[str, str], list[str]], lines: str, fault: str
) -> None:
    names.zone = zone
    names.rcode = lambda name, _: dns.rcode.SERVFAIL if name.endswith("bad.test") else None
    names.drops = lambda name, _: name.endswith("silent.test")
    with pytest.raises(LookupFault) as raised:
        await settled(lines).servers("sip:pbx:5060", 0.5)
    assert str(raised.value) == fault
