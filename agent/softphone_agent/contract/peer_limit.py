"""Which member goes when there are too many: nobody keeps others out by coming often. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Generic, TypeVar

Member = TypeVar("Member")


class PeerLimit(Generic[Member]):
    """At most `most` members, each of a peer: the address that it comes from."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._peers: dict[Member, str] = {}
        self._by_peer: defaultdict[str, dict[Member, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._peers)

    def __contains__(self, member: Member) -> bool:
        return member in self._peers

    def members(self) -> list[Member]:
        """All of them, the oldest first."""
        return list(self._peers)

    def enter(self, member: Member, peer: str) -> Member | None:
        """Let a new member in; returns the one that had to go for it: the oldest of the peer that has most."""
        self._peers[member] = peer
        self._by_peer[peer][member] = None
        if len(self._peers) <= self.most:
            return None
        crowded = max(self._by_peer.values(), key=len)
        oldest = next(iter(crowded))
        self.leave(oldest)
        return oldest

    def leave(self, member: Member) -> None:
        """Forget a member, if it is one."""
        peer = self._peers.pop(member, None)
        if peer is not None:
            del self._by_peer[peer][member]
            if not self._by_peer[peer]:
                del self._by_peer[peer]
