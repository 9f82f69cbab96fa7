"""Two PBXes that keep whoever registers, without redirects: what every client can be measured against.

The lab's own PBXes redirect, which only some clients follow; and until they have noticed that another one is dead they
redirect to it, which is no time of a client's. These two know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from lab.errors import LabError
from lab.pbx import Pbx, PbxSpec, System
from lab.settings import Settings
from lab.waiting import wait_until

Transport = Literal["udp", "tcp", "tls"]
DOMAIN = "pbx.test"
PLACES = 10
"""The addresses before this one are the lab's own and of its tests."""


@dataclass(frozen=True)
class Pair:
    """The PBX that phones prefer, and the one that stands by."""

    primary: Pbx
    standby: Pbx

    @property
    def pbxes(self) -> tuple[Pbx, Pbx]:
        """Both."""
        return self.primary, self.standby


def address(pbx: Pbx, transport: Transport) -> str:
    """The SIP URI of a PBX over a transport."""
    return pbx.tls_uri if transport == "tls" else f"{pbx.uri};transport={transport}"


@contextmanager
def pair(settings: Settings, number: int = 0) -> Iterator[Pair]:
    """Two PBXes that have just started; those of another number may run beside them."""
    places = settings.pbx_addresses[PLACES + 2 * number :][:2]
    if len(places) < 2:
        raise LabError("the benches of phones need the lab's own network: unset KUBECONFIG")
    both = Pair(*(_alone(settings, f"bench-{role}-{number}", at) for role, at in zip("ab", places, strict=True)))
    for pbx in both.pbxes:
        pbx.start()
    try:
        for pbx in both.pbxes:
            pbx.wait_ready()
        yield both
    finally:
        for pbx in both.pbxes:
            pbx.kill()


def _alone(settings: Settings, name: str, at: str) -> Pbx:
    system = System(settings, [PbxSpec(name, at, tls_port=5061)], {}, {"load[0-9]+": name})
    return system.pbx(name)


class Grants:
    """When a PBX first granted each of some users a binding, from a moment on. Reads on in its log where it stopped."""

    def __init__(self, pbx: Pbx, users: range) -> None:
        self.first: dict[str, float] = {}
        self._pbx, self._at = pbx, pbx.position()
        self._users = frozenset(f"load{user}" for user in users)

    def all(self) -> bool:
        """Whether all of them have been granted one by now."""
        seen, self._at = self._pbx.log.read_on(self._at)
        for register in seen:
            user = register.aor.partition("@")[0]
            if user in self._users and register.code == 200 and not (register.unregisters or register.asks):
                self.first.setdefault(user, register.time)
        return len(self.first) == len(self._users)

    def wait(self, whose: str, seconds: float = 90) -> list[float]:
        """Wait for all; their times, in order."""
        wait_until(self.all, f"phones of {whose} at {self._pbx.name}", seconds=seconds)
        return sorted(self.first.values())
