"""Asks DNS where a registrar's name leads (RFC 3263), and /etc/hosts before it. Nothing is kept from one to the next.

The transport is the URI's, NAPTR is not asked for. Runs in the supervisor, so that no worker's SIP loop waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Server, Target

HOSTS = Path("/etc/hosts")
SETTINGS = Path("/etc/resolv.conf")
SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
MOST_SERVERS = 8
"""So many SRV records of a name are used, the best ones."""


class LookupFault(Exception):  # noqa: N818
    """A name that leads nowhere; the message names it and says why, in words."""


class Resolver:
    """Looks names up at `servers` ("address" or "address:port"), or where `settings` says."""

    def __init__(
        self, servers: Sequence[str] = (), bind_address: str = "", hosts: Path = HOSTS, settings: Path = SETTINGS
    ) -> None:
        self._servers = servers
        self._bind_address = bind_address
        self._hosts = hosts
        self._settings = settings

    async def servers(self, uri: str, seconds: float) -> tuple[Server, ...]:
        """The servers of the registrar at this canonical URI. Raises LookupFault, within `seconds`."""
        registrar = sip_uri.parse(uri)
        try:
            async with asyncio.timeout(seconds):
                return await self._look_up(registrar, seconds)
        except TimeoutError:
            raise LookupFault(f'no DNS server answered for "{registrar.host}" within {seconds:g} s') from None

    async def _look_up(self, registrar: sip_uri.SipUri, seconds: float) -> tuple[Server, ...]:
        asking = _Asking(self._dns(seconds), self._bind_address, _hosts_file(self._hosts))
        if registrar.port is not None or registrar.host in asking.hosts:
            addresses = await asking.addresses(registrar.host)
            return (Server(tuple(Target(address, registrar.effective_port) for address in addresses)),)
        plain = asyncio.ensure_future(asking.addresses(registrar.host))
        try:
            records = await asking.services(f"{SERVICES[registrar.effective_transport]}.{registrar.host}")
            if not records:
                return (Server(tuple(Target(address, registrar.effective_port) for address in await plain)),)
            return await self._with_addresses(records, asking)
        finally:
            plain.cancel()
            with contextlib.suppress(asyncio.CancelledError, LookupFault):
                await plain

    async def _with_addresses(self, records: list[Any], asking: _Asking) -> tuple[Server, ...]:
        """The SRV records with their addresses; those without any are left out while there is one that has some."""
        names = [record.target.to_text(omit_final_dot=True).lower() for record in records]
        found = await asyncio.gather(*(asking.addresses(name) for name in names), return_exceptions=True)
        servers, faults = [], []
        for record, addresses in zip(records, found, strict=True):
            if isinstance(addresses, LookupFault):
                faults.append(addresses)
            elif isinstance(addresses, BaseException):
                raise addresses
            else:
                targets = tuple(Target(address, record.port) for address in addresses)
                servers.append(Server(targets, record.priority, record.weight))
        if not servers:
            raise faults[0]
        return tuple(servers)

    def _dns(self, seconds: float) -> dns.asyncresolver.Resolver | None:
        """How DNS is asked; None where nothing says which servers to ask."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        if self._servers:
            resolver.nameservers = [_nameserver(text) for text in self._servers]
        else:
            try:
                resolver.read_resolv_conf(str(self._settings))
            except (dns.exception.DNSException, ValueError):
                return None
        resolver.lifetime = seconds
        resolver.timeout = min(resolver.timeout, seconds / 2)
        return resolver


class _Asking:
    """The questions of one lookup."""

    def __init__(
        self, resolver: dns.asyncresolver.Resolver | None, bind_address: str, hosts: dict[str, tuple[str, ...]]
    ) -> None:
        self._resolver = resolver
        self._bind_address = bind_address
        self.hosts = hosts

    async def services(self, name: str) -> list[Any]:
        """The SRV records of a service, best first; none where DNS has none or does not tell."""
        try:
            records = list(await self._query(name, "SRV"))
        except LookupFault:
            return []
        if len(records) == 1 and records[0].target.to_text() == ".":
            raise LookupFault(f'DNS says that "{name}" is not offered (SRV target ".")')
        return sorted(records, key=lambda record: (record.priority, -record.weight))[:MOST_SERVERS]

    async def addresses(self, name: str) -> tuple[str, ...]:
        """The addresses of a host that can be sent to from here, IPv6 first (RFC 6724). Raises LookupFault."""
        found = self.hosts.get(name)
        if found is None:
            answers = await asyncio.gather(self._query(name, "AAAA"), self._query(name, "A"), return_exceptions=True)
            found, faults = (), []
            for answer in answers:
                if isinstance(answer, LookupFault):
                    faults.append(answer)
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    found += tuple(str(record.address) for record in answer)
            if not found:
                raise faults[0] if faults else LookupFault(f'"{name}" has no address in DNS')
        own = self._bind_address
        if own:
            found = tuple(address for address in found if (":" in address) == (":" in own)) or found
        return tuple(address for address in found if _has_route(address)) or found

    async def _query(self, name: str, kind: str) -> list[Any]:
        """The records of this kind; [] where the name has none of it. Raises LookupFault."""
        if self._resolver is None:
            raise LookupFault(f'no DNS server is configured that could tell about "{name}"')
        try:
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False, search=True)
        except dns.resolver.NXDOMAIN:
            raise LookupFault(f'"{name}" does not exist in DNS') from None
        except dns.exception.Timeout:
            raise LookupFault(f'no DNS server answered for "{name}"') from None
        except (dns.exception.DNSException, OSError):
            raise LookupFault(f'the DNS servers cannot tell about "{name}"') from None
        return list(answer.rrset or ())


def _nameserver(text: str) -> Any:
    address, port = sip_uri.split_address(text)
    return dns.nameserver.Do53Nameserver(address, port or 53)


def _hosts_file(path: Path) -> dict[str, tuple[str, ...]]:
    """The names of a hosts file and their addresses (hosts(5))."""
    found: dict[str, tuple[str, ...]] = {}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in path.read_text().splitlines():
            address, *names = line.partition("#")[0].split() or [""]
            for name in names if sip_uri.is_address(address) else ():
                found[name.lower()] = (*found.get(name.lower(), ()), address)
    return found


def _has_route(address: str) -> bool:
    """Whether there is a way to this address; connecting a UDP socket sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True
