"""A DNS server on loopback for a test: real messages, answers as a test wants them.

names = await DnsServer.start()
names.zone["pbx.test", "A"] = ["127.0.0.1"]
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class DnsServer:
    """Knows the names of `zone` by (name, type); a name of which it has nothing does not exist."""

    port: int = 0
    zone: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    silent: bool = False
    broken: bool = False
    """Whether every question is answered by SERVFAIL."""
    drops: Callable[[str, str], bool] = lambda name, kind: False
    """Which questions (name, type) are never answered."""
    rcode: Callable[[str, str], dns.rcode.Rcode | None] = lambda name, kind: None
    """Which questions (name, type) are answered by an error of this kind, and by nothing else."""
    truncates: Callable[[str, str], bool] = lambda name, kind: False
    """Which answers (name, type) say that a part of them is missing. There is no TCP to ask for the rest."""
    generous: bool = False
    """Whether the addresses of SRV targets come with the SRV records."""
    recursive: bool = True
    """Whether it asks other servers for what it does not know, or has only the names of these to tell."""
    late: bool = False
    """Whether a question is answered only when it is asked again: then the first time is, and the second is not."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    _held: dict[tuple[str, str], tuple[bytes, tuple[str, int]]] = field(default_factory=dict)
    _transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def start(cls, port: int = 0) -> DnsServer:
        """Listen on UDP at a port of 127.0.0.1, by default one that is free."""
        server = cls()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Questions(server), local_addr=("127.0.0.1", port)
        )
        server._transport = transport
        server.port = transport.get_extra_info("sockname")[1]
        return server

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, data: bytes) -> bytes | None:
        """The answer to a query, None for silence."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = self._question(data)
        self.asked.append((name, kind))
        if self.silent or self.drops(name, kind):
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA if self.recursive else 0
        owner = question.name
        if (alias := self.zone.get((name, "CNAME"))) is not None:
            response.answer.append(dns.rrset.from_text_list(owner, 300, "IN", "CNAME", alias))
            owner = dns.name.from_text(alias[0])
            name = owner.to_text(omit_final_dot=True)
        if self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif (error := self.rcode(name, kind)) is not None:
            response.set_rcode(error)
        elif records := self.zone.get((name, kind), self.zone.get((f"*.{name.partition('.')[2]}", kind))):
            response.answer.append(dns.rrset.from_text_list(owner, 300, "IN", kind, records))
            if kind == "SRV" and self.generous:
                response.additional += self._addresses(records)
        elif not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        if self.truncates(name, kind):
            response.flags |= dns.flags.TC
        return response.to_wire()

    def received(self, data: bytes, sender: tuple[str, int]) -> None:
        """A question has come in."""
        if self.late:
            name, kind = self._question(data)
            if (name, kind) not in self._held:
                self._held[name, kind] = (data, sender)
                return
            data, sender = self._held.pop((name, kind))
        back = self.answer(data)
        if back is not None:
            assert self._transport is not None
            self._transport.sendto(back, sender)

    def _addresses(self, services: list[str]) -> list[dns.rrset.RRset]:
        targets = [service.split()[-1] for service in services]
        found = [
            (target, kind, self.zone.get((target.rstrip("."), kind))) for target in targets for kind in ("A", "AAAA")
        ]
        return [dns.rrset.from_text_list(name, 300, "IN", kind, records) for name, kind, records in found if records]

    @staticmethod
    def _question(data: bytes) -> tuple[str, str]:
        question = dns.message.from_wire(data).question[0]
        return question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)

    def close(self) -> None:
        """Be gone."""
        assert self._transport is not None
        self._transport.close()


class _Questions(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self.server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.server.received(data, addr)
