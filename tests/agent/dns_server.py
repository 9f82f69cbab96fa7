"""A DNS server on loopback for a test: real messages, answers as a test wants them.

names = await DnsServer.start()
names.zone["pbx.test", "A"] = ["127.0.0.1"]
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import dns.flags
import dns.message
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
    asked: list[tuple[str, str]] = field(default_factory=list)
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
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif records := self.zone.get((name, kind)):
            response.answer.append(dns.rrset.from_text_list(question.name, 300, "IN", kind, records))
        elif not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()

    def close(self) -> None:
        """Be gone."""
        assert self._transport is not None
        self._transport.close()


class _Questions(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self.server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        back = self.server.answer(data)
        if back is not None:
            assert self.server._transport is not None
            self.server._transport.sendto(back, addr)
