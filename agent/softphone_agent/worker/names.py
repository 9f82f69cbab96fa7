"""What is known of the names of registrars: the servers that DNS gave for each, and when to ask DNS again.

Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place, Server, Target, targets_of
from softphone_agent.worker.messages import LookedUp

REFRESH_SECONDS = 30.0
"""How often a name whose servers are pinged is looked up, besides for each attempt."""


def is_name(uri: str) -> bool:
    """Whether DNS has to say where this registrar is."""
    return not sip_uri.is_address(sip_uri.parse(uri).host)


class Names:
    """`ask` sends the look-up of a registrar's name to the supervisor; the answer comes to `answered`."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        self._ask = ask
        self._servers: dict[str, tuple[Server, ...]] = {}
        """Where each name led when it was looked up last."""
        self._in_flight: dict[str, float] = {}
        """The look-ups without an answer yet, and when they began."""
        self._stale_at: dict[str, float] = {}
        """When the names that are pinged are looked up again."""
        self._not_before: dict[Place, float] = {}
        """Servers that must not be asked before a time (Retry-After)."""

    @property
    def is_asking(self) -> bool:
        """Whether a look-up is in flight."""
        return bool(self._in_flight)

    def look_up(self, uri: str, now: float) -> None:
        """Look the registrar's name up, unless that is under way."""
        if uri not in self._in_flight:
            self._in_flight[uri] = now
            self._ask(uri)

    def look_up_stale(self, now: float) -> None:
        """Look those names up again that are pinged and whose time has come."""
        for uri, stale_at in self._stale_at.items():
            if stale_at <= now:
                self.look_up(uri, now)

    def unanswered(self, seconds: float, now: float) -> list[str]:
        """The names whose look-up has had no answer for so many seconds."""
        return [uri for uri, begun in self._in_flight.items() if now - begun >= seconds]

    def answered(self, answer: LookedUp, now: float) -> bool:
        """Take the answer to a look-up; returns whether the name leads to other servers than before."""
        uri = answer.uri
        self._in_flight.pop(uri, None)
        if uri in self._stale_at:
            self._stale_at[uri] = now + REFRESH_SECONDS
        moved = not answer.fault and set(targets_of(answer.servers)) != set(self.targets(uri))
        if answer.servers:
            self._servers[uri] = answer.servers
        return moved

    def targets(self, uri: str) -> tuple[Target, ...]:
        """The servers of this name, as far as they are known."""
        return targets_of(self._servers.get(uri, ()))

    def is_pinged_in_vain(self, uri: str) -> bool:
        """Whether this name is to be pinged, and no server of it is known."""
        return uri in self._stale_at and uri not in self._servers

    def keep_fresh(self, uris: Iterable[str], now: float) -> None:
        """Look the names among these registrars up again and again, and no others."""
        self._stale_at = {uri: self._stale_at.get(uri, now) for uri in uris if is_name(uri)}

    def leave_alone(self, place: Place, until: float) -> None:
        """This server asked not to be asked before this time."""
        self._not_before[place] = until

    def is_left_alone(self, place: Place, now: float) -> bool:
        """Whether this server asked not to be asked yet."""
        return self._not_before.get(place, 0.0) > now

    def forget(self, used: Set[str], now: float) -> None:
        """Keep the servers of these registrars, and of those that are pinged or looked up, and no others."""
        kept = used | self._stale_at.keys() | self._in_flight.keys()
        self._servers = {uri: servers for uri, servers in self._servers.items() if uri in kept}
        self._not_before = {place: when for place, when in self._not_before.items() if when > now}
