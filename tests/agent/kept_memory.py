"""What an engine keeps of each thing it does: a program of its own, since the SIP stack lives once in a process.

    python kept_memory.py HOST:PORT

At HOST:PORT a PBX keeps registrations, but redirects users whose name begins with `led`, over UDP and
TCP. Printed is JSON: for each deed the bytes of malloc and the blocks of Python that one of it leaves.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import json
import socket
import sys
import time
from collections.abc import Callable

from softphone_agent.dns.targets import Place
from softphone_agent.sip.engine import Engine
from softphone_agent.sip.happenings import Answer, Fetched, Pong
from softphone_agent.sip.request import RegisterRequest
from softphone_agent.sip.settings import EngineSettings

TIMES = 1400
TIMES_IN_VAIN = 140
"""Each of these takes its time."""
ROUNDS = 3
AT_ONCE = 7
"""Phones of a deed."""
SECONDS_IN_VAIN = 0.1
"""For so long an answer is waited for that does not come."""
REST_SECONDS = 1.3
"""A transaction over UDP lives on for a second (RFC 3261, timer K)."""


class _MallocInfo(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks",
                                                     "fsmblks", "uordblks", "fordblks", "keepcost")]  # fmt: skip


_mallinfo = ctypes.CDLL(None).mallinfo2
_mallinfo.restype = _MallocInfo


def in_use() -> tuple[int, int]:
    """Bytes that malloc has given out, and blocks that Python has."""
    gc.collect()
    now = _mallinfo()
    return now.uordblks + now.hblkhd, sys.getallocatedblocks()


class Deeds:
    """What is done again and again, some at a time."""

    def __init__(self, engine: Engine, pbx: str) -> None:
        self._engine = engine
        self._pbx = pbx
        self._deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._deaf.bind(("127.0.0.1", 0))
        self._silent = f"127.0.0.1:{self._deaf.getsockname()[1]}"
        self._serials = itertools.count(1)

    def ping(self, number: int) -> None:
        self._engine.ping(Place(f"sip:{self._pbx};transport=udp"), "sip:u1@pbx.test")

    def ping_over_tcp(self, number: int) -> None:
        self._engine.ping(Place(f"sip:{self._pbx};transport=tcp"), "sip:u1@pbx.test")

    def register(self, number: int) -> None:
        self._register(f"u{number}", "udp")

    def register_over_tcp(self, number: int) -> None:
        self._register(f"t{number}", "tcp")

    def refresh(self, number: int) -> None:
        assert self._engine.refresh(f"u{number}", next(self._serials))

    def ping_in_vain(self, number: int) -> None:
        self._engine.ping(Place(f"sip:{self._silent};transport=udp"), "sip:u1@pbx.test")

    def register_in_vain(self, number: int) -> None:
        self._register(f"s{number}", "udp", self._silent)

    def be_redirected(self, number: int) -> None:
        self._register(f"led{number}", "udp")

    def abandon(self, number: int) -> None:
        """A REGISTER is given up for another one."""
        self._register(f"a{number}", "udp")
        self._register(f"a{number}", "udp")

    def come_and_go(self, number: int) -> None:
        """The answer that counts is that of the un-REGISTER."""
        self._engine.unregister(f"u{number}", next(self._serials))

    def fetch(self, number: int) -> None:
        self._engine.fetch(f"u{number}", next(self._serials), self._request(f"u{number}", "udp"))

    def fetch_in_vain(self, number: int) -> None:
        self._engine.fetch(f"u{number}", next(self._serials), self._request(f"u{number}", "udp", self._silent))

    def drop_fetch(self, number: int) -> None:
        """One is given up for another one."""
        self.fetch(number)
        self.fetch(number)

    def _register(self, name: str, transport: str, pbx: str = "") -> None:
        self._engine.register(name, next(self._serials), self._request(name, transport, pbx))

    def _request(self, name: str, transport: str, pbx: str = "") -> RegisterRequest:
        return RegisterRequest(
            registrar=f"sip:{pbx or self._pbx};transport={transport}",
            aor=f"sip:{name}@pbx.test",
            username=name,
            password="secret",
            expires=300,
            headers=(("X-Location", "here"),),
        )

    def do(self, deed: Callable[[int], None], times: int) -> None:
        """Do it so often, and wait until nothing of it is under way."""
        for _ in range(times // AT_ONCE):
            for number in range(AT_ONCE):
                deed(number)
            answered, patience = 0, time.monotonic() + 20
            while answered < AT_ONCE:
                assert time.monotonic() < patience, f"{deed.__name__}: {answered} of {AT_ONCE} were answered"
                for happening in self._engine.poll(0.05):
                    answered += isinstance(happening, Answer | Fetched | Pong)
        rest = time.monotonic() + REST_SECONDS
        while time.monotonic() < rest:
            for _ in self._engine.poll(0.05):
                pass


def main() -> None:
    engine = Engine(EngineSettings("kept-memory", bind_address="127.0.0.1"))
    engine.open()
    deeds = Deeds(engine, sys.argv[1])
    kept = {}
    for deed in (deeds.ping, deeds.ping_over_tcp, deeds.register, deeds.refresh, deeds.come_and_go, deeds.be_redirected,
                 deeds.abandon, deeds.register_over_tcp, deeds.fetch, deeds.drop_fetch, deeds.ping_in_vain,
                 deeds.register_in_vain, deeds.fetch_in_vain):  # fmt: skip
        if deed not in (deeds.refresh, deeds.come_and_go):  # those go on with what is registered
            for phone in list(engine._phones):
                engine.remove(phone)
        in_vain = deed in (deeds.ping_in_vain, deeds.register_in_vain, deeds.fetch_in_vain)
        times = TIMES_IN_VAIN if in_vain else TIMES
        if in_vain:
            engine.set_answer_time(SECONDS_IN_VAIN)
        seen = [in_use()]
        for _ in range(1 + ROUNDS):
            deeds.do(deed, times)
            seen.append(in_use())
        # Tables grow once in a while; what is kept of each deed is there in every round.
        steps = [[now - then for then, now in zip(*pair, strict=True)] for pair in itertools.pairwise(seen[1:])]
        kept[deed.__name__] = [min(step) / times for step in zip(*steps, strict=True)]
    print(json.dumps(kept))
    engine.close()


if __name__ == "__main__":
    main()
