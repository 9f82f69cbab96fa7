"""One question to the DNS servers, until one of them answers it. Only here dnspython is known."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import dns.asyncbackend
import dns.exception
import dns.flags
import dns.message
import dns.nameserver
import dns.rcode
import dns.rdatatype

from softphone_agent.contract import sip_uri
from softphone_agent.dns.settings import Settings

PORT = 53
ROUNDS = 2
"""How often each DNS server is asked: a datagram may be lost."""
_ANSWER_SECONDS = 60.0
"""Longer than any look-up: whoever asks decides how long to wait."""
_BROKEN = (dns.exception.DNSException, OSError, EOFError, ValueError)


class Outcome(IntEnum):
    """What DNS says of a name and a kind of record."""

    NO_SUCH_NAME = 0
    NO_SUCH_RECORD = 1
    FAILED = 2
    """Each DNS server answered that it cannot or will not tell."""
    SILENT = 3
    FOUND = 4


@dataclass(frozen=True)
class Reply:
    """What DNS says, with the records where there are some."""

    outcome: Outcome
    records: tuple[Any, ...] = ()
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Addresses that the answer names unasked, by the name that has them: those of SRV targets (RFC 2782)."""


class Questions:
    """Asks the DNS servers of the settings. After `pause` seconds of silence the next is asked, and both are heard."""

    def __init__(self, settings: Settings, pause: float) -> None:
        self._servers = [_nameserver(text) for text in settings.servers]
        self._pause = pause

    async def ask(self, name: str, kind: str) -> Reply:
        """Ask for the records of this kind that a full name has; waits until a server tells or all have failed."""
        turns = deque(self._servers * ROUNDS)
        running: dict[asyncio.Task[Reply], Any] = {}
        failed: list[Any] = []
        try:
            while True:
                while turns and turns[0] in failed:
                    turns.popleft()
                if turns:
                    server = turns.popleft()
                    running[asyncio.create_task(self._ask_one(server, name, kind))] = server
                elif not running:
                    return Reply(Outcome.FAILED)
                done, _ = await asyncio.wait(
                    running, timeout=self._pause if turns else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    server, reply = running.pop(task), task.result()
                    if reply.outcome is not Outcome.FAILED:
                        return reply
                    failed.append(server)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _ask_one(self, server: Any, name: str, kind: str) -> Reply:
        cut = False
        try:
            request = dns.message.make_query(name, kind)
            try:
                response = await _exchange(server, request, over_tcp=False)
            except dns.message.Truncated as fault:
                truncated: Any = fault  # its methods have no types
                try:
                    async with asyncio.timeout(self._pause):
                        response = await _exchange(server, request, over_tcp=True)
                except _BROKEN:  # among them the time-out; a part of the answer is better than none
                    response, cut = truncated.message(), True
            return _meaning(response, kind, cut)
        except _BROKEN:
            return Reply(Outcome.FAILED)


async def _exchange(server: Any, request: Any, *, over_tcp: bool) -> Any:
    return await server.async_query(
        request,
        timeout=_ANSWER_SECONDS,
        source=None,
        source_port=0,
        max_size=over_tcp,
        backend=dns.asyncbackend.get_default_backend(),
    )


def _meaning(response: Any, kind: str, cut: bool) -> Reply:
    """What a server's answer says; `cut` where it is known not to be all of it."""
    if response.rcode() == dns.rcode.NXDOMAIN:
        return Reply(Outcome.NO_SUCH_NAME)
    if response.rcode() != dns.rcode.NOERROR:
        return Reply(Outcome.FAILED)
    answer = response.resolve_chaining().answer
    if answer is not None and answer.rdtype == dns.rdatatype.from_text(kind):
        return Reply(Outcome.FOUND, tuple(answer), _beside(response))
    knows = response.flags & (dns.flags.AA | dns.flags.RA)  # else it names other servers only
    return Reply(Outcome.NO_SUCH_RECORD if knows and not cut else Outcome.FAILED)


def _beside(response: Any) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for entry in sorted(response.additional, key=lambda entry: -entry.rdtype):  # IPv6 first
        if entry.rdtype in (dns.rdatatype.AAAA, dns.rdatatype.A):
            name = entry.name.to_text(omit_final_dot=True).lower()
            found[name] = (*found.get(name, ()), *(str(record.address) for record in entry))
    return found


def _nameserver(text: str) -> Any:
    if "%" in text:  # a link-local address with its interface, from resolv.conf
        return dns.nameserver.Do53Nameserver(text, PORT)
    address, port = sip_uri.split_address(text)
    return dns.nameserver.Do53Nameserver(address, port or PORT)
