"""Who has no business with an agent: unsolicited requests, floods and garbage at its SIP port.

Everything blocks; a test gives it to a thread, and a flood to a process of its own: `await flood("garbage", to, 2.0)`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sip_responder import Request, answer

Address = tuple[str, int]

METHODS = (
    *("OPTIONS", "INVITE", "MESSAGE", "NOTIFY", "SUBSCRIBE", "REGISTER", "BYE", "ACK", "CANCEL", "PUBLISH", "REFER"),
    *("UPDATE", "INFO", "PRACK", "CALL"),
)
NO_SIP = {
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n" * 4, "NotSip"),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: agent\r\n\r\n", "NotSip"),
    "no Content-Length": (b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n", "NotSip"),
    "endless header": (b"INVITE sip:a@b SIP/2.0\r\n" + b"X-Endless: " + b"x" * 70_000, "TooLong"),
    "huge Content-Length": (b"INVITE sip:a@b SIP/2.0\r\nContent-Length: 2000000\r\n\r\n", "TooLong"),
    "head without end": (b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a", "Slow"),
    "body without end": (b"INVITE sip:a@b SIP/2.0\r\nContent-Length: 100\r\n\r\n", "Slow"),
    "line without end": (b"x" * 60_000, "Slow"),
}
"""What a connection brings, and why it is closed."""
GREEDY = (
    b"",
    b"GET /metrics HTTP/1.1\r\nX-Slow: ",
    b"GET /status?watch=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /status?watch=1&view=counts HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 50,
    b"GET /" + b"x" * 200_000,
    b"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000000\r\n\r\n" + b"x" * 100_000,
)
"""What HTTP clients send who are slow, ask for much, or read nothing of the answer."""
STRANGER = "127.0.0.66"
"""Where a flood on this machine comes from: no PBX is there."""
LARGEST_DATAGRAM = 65507
PER_SECOND = 4000
"""Of a flood. What a machine can send in a second is another thing: then it is the machine that is flooded."""


def request(
    method: str,
    to: Address,
    *,
    user: str = "alice",
    number: int = 0,
    tag: str = "",
    transport: str = "UDP",
    body: str = "",
) -> bytes:
    """A well-formed request of somebody, to a user who may have a phone there."""
    lines = [
        f"{method} sip:{user}@{to[0]}:{to[1]} SIP/2.0",
        f"Via: SIP/2.0/{transport} 127.0.0.1:9;branch=z9hG4bKintruder{number};rport",
        "Max-Forwards: 70",
        f"From: <sip:intruder@elsewhere.test>;tag=f{number}",
        f"To: <sip:alice@pbx.test>{f';tag={tag}' if tag else ''}",
        f"Call-ID: intruder-{number}",
        f"CSeq: {number + 1} {method}",
        "Contact: <sip:intruder@127.0.0.1:9>",
        "Event: presence",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def garbage(seed: int, to: Address) -> Iterator[bytes]:
    """Datagrams that are no SIP, or nearly some; without end."""
    draw = random.Random(seed)
    while True:
        good = bytearray(request(draw.choice(METHODS), to, number=draw.randrange(10**6)))
        match draw.randrange(6):
            case 0:
                yield draw.randbytes(draw.randrange(1, 3000))
            case 1:
                yield bytes(good[: draw.randrange(len(good))])
            case 2:
                for _ in range(draw.randrange(1, 40)):
                    good[draw.randrange(len(good))] = draw.randrange(256)
                yield bytes(good)
            case 3:
                yield bytes(good) + draw.randbytes(LARGEST_DATAGRAM - len(good))
            case 4:
                yield b"\0" * draw.randrange(1, 200) + bytes(good)
            case _:
                yield b"SIP/2.0 200 OK\r\n" + bytes(good).partition(b"\r\n")[2]


def calls(seed: int, to: Address) -> Iterator[bytes]:
    """One INVITE after the other."""
    return (request("INVITE", to, number=number) for number in itertools.count(seed))


def send(datagrams: Iterator[bytes], to: Address, seconds: float, per_second: int = PER_SECOND) -> int:
    """Send datagrams for so long; returns how many."""
    sent, begin = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        if to[0].startswith("127."):
            ours.bind((STRANGER, 0))
        while (now := time.monotonic()) < begin + seconds:
            while sent < (now - begin) * per_second:
                ours.sendto(next(datagrams), to)
                sent += 1
            time.sleep(0.005)
    return sent


def ask(data: bytes, to: Address, *, tcp: bool = False, seconds: float = 5.0) -> str:
    """The first line of the answer; empty for silence. Over TCP also where the connection is closed."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as ours:
        ours.settimeout(seconds)
        ours.connect(to)
        ours.send(data)
        try:
            return ours.recv(4096).decode().partition("\r\n")[0]
        except (TimeoutError, ConnectionError):
            return ""


def answers_at_once(to: Address, count: int, source: str, *, tcp: bool = False) -> int:
    """How many of so many OPTIONS, sent at once from this IP address, are answered."""
    transport = "TCP" if tcp else "UDP"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as ours:
        ours.bind((source, 0))
        ours.connect(to)
        for number in range(count):
            ours.sendall(request("OPTIONS", to, number=number, transport=transport))
        ours.settimeout(1.0)
        got = b""
        try:
            while got.count(b"SIP/2.0 ") < count and (piece := ours.recv(65536)):
                got += piece
        except TimeoutError:
            pass
        return got.count(b"SIP/2.0 ")


def knock(to: Address, seconds: float, at_once: int = 200, per_second: int = PER_SECOND) -> int:
    """Open TCP connections for so long, send nothing, and keep the latest of them; returns how many were tried."""
    tried, begin, latest = 0, time.monotonic(), list[socket.socket]()
    try:
        while (now := time.monotonic()) < begin + seconds:
            if tried >= (now - begin) * per_second:
                time.sleep(0.005)
                continue
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            one.connect_ex(to)
            latest.append(one)
            tried += 1
            if len(latest) == at_once:
                time.sleep(0.02)
                for old in latest[: at_once // 2]:
                    old.close()
                del latest[: at_once // 2]
    finally:
        for one in latest:
            one.close()
    return tried


def connections(to: Address, count: int) -> list[socket.socket]:
    """So many TCP connections, for the caller to close."""
    return [socket.create_connection(to, timeout=20) for _ in range(count)]


def is_closed(one: socket.socket, seconds: float) -> bool:
    """Whether the other side closes the connection within this time."""
    one.settimeout(seconds)
    try:
        while one.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def listening_ports(pid: int) -> set[int]:
    """The TCP ports at which a process listens."""
    links = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]  # noqa: PTH208, PTH115
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(line[1].partition(":")[2], 16) for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in links}


# Answers that nobody asked for

FORGING: dict[str, Callable[[bytes, Request], bytes]] = {
    "another branch": lambda lie, request: lie.replace(request.branch.encode(), b"z9hG4bKguessed"),
    "an OPTIONS of the same branch": lambda lie, request: lie.replace(b" REGISTER\r\n", b" OPTIONS\r\n"),
    "an INVITE of the same branch": lambda lie, request: lie.replace(b" REGISTER\r\n", b" INVITE\r\n"),
}
"""What makes an answer one that belongs to no request."""


def lies(request: Request, foreign: str) -> list[bytes]:
    """Answers to a REGISTER that its PBX did not give; they would lead it to this SIP URI, or make it give up."""
    headers = (f"Contact: <{foreign}>", 'WWW-Authenticate: Digest realm="r", nonce="n"')
    return [answer(request, code, *headers) for code in (200, 302, 401, 403, 423)]


@dataclass(frozen=True)
class Size:
    """What a process takes: memory of its own in bytes, and file descriptors."""

    memory: int
    files: int

    @classmethod
    def of(cls, pid: int) -> Size:
        anonymous = next(
            line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon:")
        )
        return cls(int(anonymous.split()[1]) * 1024, len(os.listdir(f"/proc/{pid}/fd")))  # noqa: PTH208


FLOODS: dict[str, Callable[[Address, float], int]] = {
    "garbage": lambda to, seconds: send(garbage(1, to), to, seconds),
    "calls": lambda to, seconds: send(calls(1, to), to, seconds),
    "connections": knock,
}


def flooding(kind: str, to: Address, seconds: float) -> list[str]:
    """The command that runs one of the floods and prints how much was sent."""
    return [sys.executable, __file__, kind, to[0], str(to[1]), str(seconds)]


async def flood(kind: str, to: Address, seconds: float) -> int:
    """Run one of the floods in a process of its own; returns how much was sent."""
    process = await asyncio.create_subprocess_exec(*flooding(kind, to, seconds), stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    assert process.returncode == 0
    return int(told)


if __name__ == "__main__":
    _, wanted, host, port, duration = sys.argv
    print(FLOODS[wanted]((host, int(port)), float(duration)))
