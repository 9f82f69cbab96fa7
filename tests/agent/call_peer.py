"""A telephone in a test, on loopback and over UDP: it calls a phone of ours, message by message, with media.

async with calling(contact) as caller:
    answer = await caller.invite(caller.offer())
    caller.ack(answer)
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import struct
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from softphone_agent.calls import tone
from softphone_agent.calls.g711 import Codec

PATIENCE = 10.0
"""Seconds after which a test gives up waiting; no statement about speed."""
FRAME_SECONDS = 0.02


@dataclass(frozen=True)
class Message:
    """A SIP message as it came."""

    text: str
    source: tuple[str, int]

    @property
    def code(self) -> int:
        """Of an answer; 0 for a request."""
        found = re.match(r"SIP/2\.0 (\d{3})", self.text)
        return int(found[1]) if found else 0

    @property
    def method(self) -> str:
        """Of the request, or of the request that it answers."""
        return self.header("CSeq").split()[1]

    @property
    def sdp(self) -> str:
        return self.text.partition("\r\n\r\n")[2]

    def header(self, name: str) -> str:
        """A header's value, empty where it is missing."""
        found = re.search(rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", self.text, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else ""

    def headers(self, name: str) -> list[str]:
        return re.findall(rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", self.text, re.IGNORECASE | re.MULTILINE)

    def sdp_line(self, begin: str) -> str:
        """The first line of the description that begins so, without that; empty for none."""
        return next((line[len(begin) :] for line in self.sdp.split("\r\n") if line.startswith(begin)), "")


class _Wire(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.came: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.put_nowait((data, addr))

    def error_received(self, exc: Exception) -> None:
        pass  # the phone has closed its sockets


@dataclass
class Media:
    """The caller's end of RTP: what it heard, and what it plays."""

    transport: asyncio.DatagramTransport
    wire: _Wire
    reports: _Wire
    heard: list[bytes] = field(default_factory=list)
    """Packets, whole."""

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])

    async def hear(self, count: int) -> list[bytes]:
        """The payloads of the next packets."""
        async with asyncio.timeout(PATIENCE):
            packets = [(await self.wire.came.get())[0] for _ in range(count)]
        self.heard += packets
        return [packet[12:] for packet in packets]

    async def quiet(self) -> None:
        """Wait until what is on its way has come, and forget it; then nothing may come."""
        await asyncio.sleep(5 * FRAME_SECONDS)
        while not self.wire.came.empty():
            self.wire.came.get_nowait()
        await asyncio.sleep(10 * FRAME_SECONDS)
        assert self.wire.came.empty(), "media came in spite of the hold"

    async def play(self, payload: bytes, to: tuple[str, int], *, count: int, kind: int = 8) -> None:
        """Send so many packets of this payload, one each 20 ms."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for number in range(count):
            header = struct.pack("!BBHII", 0x80, kind, 7000 + number & 0xFFFF, 160 * number, 0x5EED)
            self.transport.sendto(header + payload, to)
            await asyncio.sleep(begin + (number + 1) * FRAME_SECONDS - loop.time())

    async def hear_tone(self, hertz: int, codec: Codec, *, frames: int = 20) -> None:
        """Wait until this tone was heard in so many packets."""
        heard = 0.0
        while heard < frames:
            heard += tone.part_heard(await self.hear(1), hertz, codec)


class Caller:
    """One dialog of the caller's with the phone at `uri`, its Contact."""

    def __init__(self, uri: str, transport: asyncio.DatagramTransport, wire: _Wire, media: Media) -> None:
        self.uri = uri
        found = re.search(r"@([0-9.]+):(\d+)", uri)
        assert found, uri
        self.phone = (found[1], int(found[2]))
        self._transport, self._wire, self.media = transport, wire, media
        self.call_id, self.tag = uuid.uuid4().hex, uuid.uuid4().hex[:8]
        self.to_tag = ""
        self._cseq = itertools.count(1)
        self.last_invite = ""
        self._later: list[Message] = []

    @property
    def port(self) -> int:
        return int(self._transport.get_extra_info("sockname")[1])

    def offer(
        self, direction: str = "sendrecv", *, formats: str = "8 0", address: str = "127.0.0.1", port: int = 0
    ) -> str:
        """An offer of G.711."""
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            f"c=IN IP4 {address}",
            "t=0 0",
            f"m=audio {port or self.media.port} RTP/AVP {formats}",
            f"a={direction}",
        ]
        return "".join(f"{line}\r\n" for line in lines)

    def send(self, text: str) -> None:
        self._transport.sendto(text.encode(), self.phone)

    def request(self, method: str, cseq: int, body: str = "", *headers: str, branch: str = "", uri: str = "") -> str:
        """A request in this dialog, or the one that begins it."""
        tag = f";tag={self.to_tag}" if self.to_tag else ""
        lines = [
            f"{method} {uri or self.uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch or 'z9hG4bK' + uuid.uuid4().hex};rport",
            "Max-Forwards: 70",
            f"From: <sip:tester@pbx.test>;tag={self.tag}",
            f"To: <sip:alice@pbx.test>{tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:tester@127.0.0.1:{self.port}>",
            *headers,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    async def invite(self, body: str = "", *headers: str, uri: str = "") -> Message:
        """Send an INVITE, or a re-INVITE, and wait for its final answer; a 2xx makes the dialog."""
        cseq = next(self._cseq)
        self.last_invite = self.request("INVITE", cseq, body, *headers, uri=uri)
        self.send(self.last_invite)
        answer = await self.final(cseq, "INVITE")
        found = re.search(r";tag=(\S+)", answer.header("To"))
        if found and 200 <= answer.code < 300:
            self.to_tag = found[1]
        return answer

    def ack(self, answer: Message, body: str = "") -> None:
        """Acknowledge a 2xx."""
        self.send(self.request("ACK", int(answer.header("CSeq").split()[0]), body))

    async def bye(self) -> Message:
        """Hang up."""
        return await self.ask("BYE")

    async def ask(self, method: str, *headers: str) -> Message:
        """Send a request of this method, and wait for its answer."""
        cseq = next(self._cseq)
        self.send(self.request(method, cseq, "", *headers))
        return await self.final(cseq, method)

    async def cancel(self) -> Message:
        """Send the CANCEL of the last INVITE."""
        cseq = int(re.search(r"CSeq: (\d+)", self.last_invite)[1])  # type: ignore[index]
        branch = re.search(r"branch=([^;\s]+)", self.last_invite)[1]  # type: ignore[index]
        self.send(self.request("CANCEL", cseq, branch=branch))
        return await self.final(cseq, "CANCEL")

    async def final(self, cseq: int, method: str) -> Message:
        """The final answer to this request."""
        return await self.next(lambda came: came.code >= 200 and came.header("CSeq") == f"{cseq} {method}", method)

    async def requested(self, method: str) -> Message:
        """A request of the phone's; it is answered with 200."""
        came = await self.next(lambda came: came.text.startswith(f"{method} "), method)
        copied = [f"{name}: {came.header(name)}" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
        self.send("\r\n".join(["SIP/2.0 200 OK", *copied, "Content-Length: 0"]) + "\r\n\r\n")
        return came

    async def next(self, wanted: Callable[[Message], bool], what: str) -> Message:
        """The next message that is wanted; others are kept for later."""
        for one in self._later:
            if wanted(one):
                self._later.remove(one)
                return one
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    data, source = await self._wire.came.get()
                    came = Message(data.decode(), source)
                    if wanted(came):
                        return came
                    self._later.append(came)
        except TimeoutError:
            raise AssertionError(f"no {what} came, but: {[one.text for one in self._later]}") from None


@contextlib.asynccontextmanager
async def calling(contact: str) -> AsyncIterator[Caller]:
    """A caller for the phone with this Contact."""
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_datagram_endpoint(_Wire, local_addr=("127.0.0.1", 0))
    rtp, rtp_wire, rtcp, rtcp_wire = await _pair()
    try:
        yield Caller(contact, transport, wire, Media(rtp, rtp_wire, rtcp_wire))
    finally:
        for one in (transport, rtp, rtcp):
            one.close()


async def _pair() -> tuple[asyncio.DatagramTransport, _Wire, asyncio.DatagramTransport, _Wire]:
    """Two ports in sequence, the first one even."""
    loop = asyncio.get_running_loop()
    while True:
        rtp, wire = await loop.create_datagram_endpoint(_Wire, local_addr=("127.0.0.1", 0))
        port = rtp.get_extra_info("sockname")[1]
        if port % 2 == 0:
            with contextlib.suppress(OSError):
                rtcp, reports = await loop.create_datagram_endpoint(_Wire, local_addr=("127.0.0.1", port + 1))
                return rtp, wire, rtcp, reports
        rtp.close()
