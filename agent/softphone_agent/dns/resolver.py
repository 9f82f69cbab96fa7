"""Finds out where a registrar's name leads (RFC 3263): /etc/hosts, then DNS. Nothing is kept from one to the next.

The transport is the URI's, NAPTR is not asked for. Runs in the supervisor, so that no worker's SIP loop waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from softphone_agent.contract import sip_uri
from softphone_agent.dns.questions import Outcome, Questions, Reply
from softphone_agent.dns.settings import Settings, hosts_file, resolv_conf
from softphone_agent.dns.targets import Server, Target

HOSTS = Path("/etc/hosts")
SETTINGS = Path("/etc/resolv.conf")
SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
MOST_SERVERS = 8
"""So many SRV records of a name are used, the best ones."""
OTHER_FAMILY_SECONDS = 0.5
"""How long the addresses of one family wait for the other's (RFC 8305, section 3), or a tenth of the time if that is
less. Longer than the RFC's 50 ms: a phone should not change families when DNS is a little slow."""
SILENT = Reply(Outcome.SILENT)


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
        settings = Settings(tuple(self._servers)) if self._servers else resolv_conf(self._settings)
        asking = _Asking(settings, self._bind_address, hosts_file(self._hosts), seconds)
        try:
            async with asyncio.timeout(seconds):
                return await asking.servers(registrar)
        except TimeoutError:
            raise LookupFault(_words(Outcome.SILENT, registrar.host, seconds)) from None


class _Asking:
    """One look-up. Times are those of the event loop; `until` is when an answer must be there."""

    def __init__(
        self, settings: Settings, bind_address: str, hosts: dict[str, tuple[str, ...]], seconds: float
    ) -> None:
        self._settings = settings
        self._questions = Questions(settings, min(settings.seconds, seconds / 4))
        self._bind_address = bind_address
        self._hosts = hosts
        self._seconds = seconds
        self._until = _now() + 0.95 * seconds  # so that what is known by then can still be used
        self._short = min(OTHER_FAMILY_SECONDS, seconds / 10)

    async def servers(self, registrar: sip_uri.SipUri) -> tuple[Server, ...]:
        """The servers of a registrar, at the first name of the search list of which DNS knows something."""
        host = registrar.host
        if found := self._hosts.get(host.rstrip(".")):
            return self._plain(found, registrar)
        if not self._settings.servers:
            raise LookupFault(f'no DNS server is configured that could tell about "{host}"')
        names = self._settings.names(host)
        outcomes = []
        for number, name in enumerate(names):
            part = (self._until - _now()) / (len(names) - number)
            found_or_not = await self._servers_at(name, registrar, _now() + part)
            if not isinstance(found_or_not, Outcome):
                return found_or_not
            outcomes.append(found_or_not)
        as_given_first = names[0].rstrip(".") == host.rstrip(".")  # what is said of it counts, as in glibc
        raise LookupFault(_words(outcomes[0] if as_given_first else max(outcomes), host, self._seconds))

    async def _servers_at(self, name: str, registrar: sip_uri.SipUri, until: float) -> tuple[Server, ...] | Outcome:
        """The servers that this full name has, or why it has none. SRV gets a part of the time only."""
        if registrar.port is not None:
            reply = await self._addresses(name, until)
            return self._plain(reply.records, registrar) if reply.records else reply.outcome
        service = f"{SERVICES[registrar.effective_transport]}.{name}"
        half = (_now() + until) / 2
        async with _tasks(self._addresses(name, until), self._questions.ask(service, "SRV")) as (plain, srv):

            def patience() -> float:
                if srv.done() and srv.result().records:
                    return 0.0
                return max(half, _now() + self._short) if _has_records(plain) and not srv.done() else until

            await _wait((plain, srv), patience)
            if _has_records(srv):
                records = self._offered(srv.result().records, service)
                servers = await self._with_addresses(records, srv.result().beside)
                if not isinstance(servers, Outcome):
                    return servers
                if servers is not Outcome.SILENT or not _has_records(plain):
                    raise LookupFault(_words(servers, _target(records[0]), self._seconds))
            reply = plain.result() if plain.done() else SILENT
            return self._plain(reply.records, registrar) if reply.records else reply.outcome

    def _plain(self, addresses: Iterable[str], registrar: sip_uri.SipUri) -> tuple[Server, ...]:
        """The host itself, at the port of the URI or of the transport."""
        usable = self._usable(tuple(addresses))
        return (Server(tuple(Target(address, registrar.effective_port) for address in usable)),)

    def _offered(self, records: tuple[Any, ...], service: str) -> list[Any]:
        """The SRV records, best first. Raises LookupFault where they say that there is no such service (RFC 2782)."""
        if len(records) == 1 and records[0].target.to_text() == ".":
            raise LookupFault(f'DNS says that "{service.rstrip(".")}" is not offered (SRV target ".")')
        return sorted(records, key=lambda record: (record.priority, -record.weight))[:MOST_SERVERS]

    async def _with_addresses(
        self, records: list[Any], beside: Mapping[str, tuple[str, ...]]
    ) -> tuple[Server, ...] | Outcome:
        """The SRV records with their addresses; those without any are left out while there is one that has some.

        `beside` are the addresses that came with the SRV records. They count where DNS does not tell in time.
        """
        half = (_now() + self._until) / 2
        names = [_target(record) for record in records]
        known = any(name in beside for name in names)
        async with _tasks(*(self._addresses_of_target(name) for name in names)) as tasks:
            await _wait(tasks, lambda: half if known or any(_has_records(task) for task in tasks) else self._until)
            replies = [
                task.result() if task.done() else Reply(Outcome.SILENT, beside.get(name, ()))
                for name, task in zip(names, tasks, strict=True)
            ]
        servers = []
        for record, reply in zip(records, replies, strict=True):
            targets = tuple(Target(address, record.port) for address in self._usable(reply.records))
            if targets:
                servers.append(Server(targets, record.priority, record.weight))
        return tuple(servers) if servers else replies[0].outcome

    async def _addresses_of_target(self, name: str) -> Reply:
        """The addresses of an SRV target. It is a full name: no search list."""
        found = self._hosts.get(name)
        return Reply(Outcome.FOUND, found) if found else await self._addresses(f"{name}.", self._until)

    async def _addresses(self, name: str, until: float) -> Reply:
        """The addresses of a full name as texts, IPv6 first (RFC 6724).

        A family that can be sent to waits for the other only shortly, since there are DNS servers that drop
        questions for AAAA (RFC 4074, section 4.1). One that cannot be sent to waits for the other as long as it may.
        """
        async with _tasks(self._questions.ask(name, "AAAA"), self._questions.ask(name, "A")) as (ipv6, ipv4):

            def patience() -> float:
                is_gone = ipv4.done() and ipv4.result().outcome is Outcome.NO_SUCH_NAME
                is_found = any(self._can_be_used(address) for address in _addresses_in(ipv6, ipv4))
                return min(until, _now() + self._short) if is_gone or is_found else until

            await _wait((ipv6, ipv4), patience)
            if found := _addresses_in(ipv6, ipv4):
                return Reply(Outcome.FOUND, found)
            outcomes = [task.result().outcome if task.done() else Outcome.SILENT for task in (ipv6, ipv4)]
        if outcomes == [Outcome.SILENT, Outcome.NO_SUCH_NAME]:
            return Reply(Outcome.NO_SUCH_NAME)
        return Reply(max(outcomes))

    def _usable(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """The addresses that can be sent to from here; all of the bind address's family, or all, where none can."""
        of_family = tuple(address for address in addresses if self._is_of_family(address)) or addresses
        return tuple(address for address in of_family if _has_route(address)) or of_family

    def _can_be_used(self, address: str) -> bool:
        return self._is_of_family(address) and _has_route(address)

    def _is_of_family(self, address: str) -> bool:
        return not self._bind_address or (":" in address) == (":" in self._bind_address)


def _words(outcome: Outcome, name: str, seconds: float) -> str:
    """Why a name leads nowhere, for people."""
    return {
        Outcome.NO_SUCH_NAME: f'"{name}" does not exist in DNS',
        Outcome.NO_SUCH_RECORD: f'"{name}" has no address in DNS',
        Outcome.FAILED: f'the DNS servers cannot tell about "{name}"',
    }.get(outcome, f'no DNS server answered for "{name}" within {seconds:g} s')


def _target(record: Any) -> str:
    return str(record.target.to_text(omit_final_dot=True)).lower()


def _has_records(task: asyncio.Task[Reply]) -> bool:
    return task.done() and bool(task.result().records)


def _addresses_in(*tasks: asyncio.Task[Reply]) -> tuple[str, ...]:
    return tuple(str(record.address) for task in tasks if task.done() for record in task.result().records)


def _now() -> float:
    return asyncio.get_running_loop().time()


@contextlib.asynccontextmanager
async def _tasks(*questions: Coroutine[Any, Any, Reply]) -> AsyncIterator[tuple[asyncio.Task[Reply], ...]]:
    """Questions that are asked side by side; those without an answer at the end are given up."""
    tasks = tuple(asyncio.ensure_future(question) for question in questions)
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait(tasks: Iterable[asyncio.Task[Reply]], patience: Callable[[], float]) -> None:
    """Wait for the answers until `patience`, which is asked again after each of them."""
    pending = set(tasks)
    while pending:
        seconds = max(0.0, patience() - _now())
        done, pending = await asyncio.wait(pending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return


def _has_route(address: str) -> bool:
    """Whether there is a way to this address; connecting a UDP socket sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True
