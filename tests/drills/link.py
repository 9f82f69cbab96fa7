"""Ways to PBXes that are cut, lossy or slow: by the packet filter of the lab's network.

Kernels without tc's netem have the packet filter's queue, and that is enough: this hands the packets between phones and
a PBX to a thread of ours, which lets them pass later or never. (netlink: linux/netfilter/nfnetlink_queue.h)
"""

from __future__ import annotations

import heapq
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.settings import settings
from lab.shell import run

QUEUE = 5060
LONGEST_QUEUE = 65535
NETLINK_NETFILTER = 12
PACKET, VERDICT, CONFIG = (3 << 8 | message for message in (0, 1, 2))
ERROR = 2
REQUEST = 1
BIND, COPY_META = 1, 1
COMMAND, PARAMETERS, MAXIMUM = 1, 2, 3
PACKET_HEADER, VERDICT_HEADER = 1, 2
DROP, ACCEPT = 0, 1
LOOK_SECONDS = 0.5


@contextmanager
def cut(address: str, *, of: str | None = None) -> Iterator[None]:
    """Drop all packets from and to an address; with `of` only those of this range of addresses."""
    with _rules(address, of, "DROP"):
        yield


@contextmanager
def bad(address: str, *, loss: float, seconds: float, spread: float = 0, seed: int = 1) -> Iterator[BadWay]:
    """Lose this share of the packets between phones and an address, and delay the others, each way.

    The delay is `seconds`, more or less by up to `spread`; so packets may overtake each other.
    """
    with BadWay(loss, seconds, spread, seed) as way, _rules(address, settings().pod_range, "NFQUEUE", str(QUEUE)):
        yield way


@contextmanager
def forgotten(address: str) -> Iterator[int]:
    """Drop what belongs to the TCP connections that this address has now; new ones pass. How many there are."""
    listed = run(["ss", "-tnH", "state", "established", "src", address]).stdout.splitlines()
    ends = [[end.rpartition(":")[::2] for end in line.split()[-2:]] for line in listed]
    rules = []
    for (own, own_port), (peer, peer_port) in ends:
        rules.append(["INPUT", "-p", "tcp", "-s", peer, "--sport", peer_port, "-d", own, "--dport", own_port])
        rules.append(["OUTPUT", "-p", "tcp", "-s", own, "--sport", own_port, "-d", peer, "--dport", peer_port])
    for rule in rules:
        run(["iptables", "-w", "-I", *rule, "-j", "DROP"])
    try:
        yield len(ends)
    finally:
        for rule in rules:
            run(["iptables", "-w", "-D", *rule, "-j", "DROP"])


@contextmanager
def _rules(address: str, of: str | None, target: str, *queue: str) -> Iterator[None]:
    to = ["-d", address, *(["-s", of] if of else [])]
    back = ["-s", address, *(["-d", of] if of else [])]
    action = ["-j", target, *(f"--queue-num={number}" for number in queue)]
    rules = [["INPUT", *to, *action], ["OUTPUT", *back, *action]]
    for rule in rules:
        run(["iptables", "-w", "-I", *rule])
    try:
        yield
    finally:
        for rule in rules:
            run(["iptables", "-w", "-D", *rule])


class BadWay:
    """Lets the packets of the queue pass later, or never, until the block ends."""

    def __init__(self, loss: float, seconds: float, spread: float, seed: int) -> None:
        self._loss, self._seconds, self._spread = loss, seconds, spread
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="bad way")
        self._waiting: list[tuple[float, bytes]] = []
        self.passed = self.lost = 0

    def __enter__(self) -> BadWay:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.bind((0, 0))
        self._send(CONFIG, _attribute(COMMAND, struct.pack("!BxH", BIND, socket.AF_INET)))
        self._send(CONFIG, _attribute(PARAMETERS, struct.pack("!IB", 0, COPY_META)))
        self._send(CONFIG, _attribute(MAXIMUM, struct.pack("!I", LONGEST_QUEUE)))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _work(self) -> None:
        while not self._over.is_set():
            now = time.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                self._pass(heapq.heappop(self._waiting)[1])
            left = self._waiting[0][0] - now if self._waiting else LOOK_SECONDS
            if select.select([self._socket], [], [], max(0, min(left, LOOK_SECONDS)))[0]:
                self._read(self._socket.recv(1 << 20))
        for _, number in self._waiting:
            self._pass(number)

    def _read(self, data: bytes) -> None:
        while data:
            length, kind = struct.unpack_from("=IH", data)
            if kind == PACKET:
                self._judge(_packet_number(data[20:length]))
            elif kind == ERROR and (code := struct.unpack_from("=i", data, 16)[0]):
                raise OSError(-code, "packet queue")
            data = data[(length + 3) & ~3 :]

    def _judge(self, number: bytes) -> None:
        if self._chance.random() < self._loss:
            self.lost += 1
            self._send(VERDICT, _attribute(VERDICT_HEADER, struct.pack("!I", DROP) + number))
            return
        delay = self._seconds + self._chance.uniform(-self._spread, self._spread)
        heapq.heappush(self._waiting, (time.monotonic() + delay, number))

    def _pass(self, number: bytes) -> None:
        self.passed += 1
        self._send(VERDICT, _attribute(VERDICT_HEADER, struct.pack("!I", ACCEPT) + number))

    def _send(self, kind: int, attributes: bytes) -> None:
        body = struct.pack("!BBH", socket.AF_UNSPEC, 0, QUEUE) + attributes
        self._socket.send(struct.pack("=IHHII", 16 + len(body), kind, REQUEST, 0, 0) + body)


def _attribute(kind: int, content: bytes) -> bytes:
    length = 4 + len(content)
    return struct.pack("=HH", length, kind) + content + bytes(-length % 4)


def _packet_number(attributes: bytes) -> bytes:
    """The number under which the kernel keeps a packet, as it came."""
    while attributes:
        length, kind = struct.unpack_from("=HH", attributes)
        if kind & 0x3FFF == PACKET_HEADER:
            return attributes[4:8]
        attributes = attributes[(length + 3) & ~3 :]
    raise ValueError("a packet without a number")
