"""What the PBXes saw of phones meanwhile: whether one was without a binding at any moment."""

from __future__ import annotations

import time
from collections.abc import Iterable

from drills.history import History
from drills.ledger import Ledger
from lab.pbx import System


class Watched:
    """The bindings of these users, from when it was made."""

    def __init__(self, pbxes: System, users: Iterable[str]) -> None:
        self._users = frozenset(users)
        self._history = History(pbxes)
        self._begin = time.time()

    def fewest_bindings(self) -> dict[str, int]:
        """Of each phone, how many bindings it had when it had the fewest; one that is not renewed expires."""
        return fewest(self._history.ledger(self._users), self._begin, time.time())


def fewest(ledger: Ledger, begin: float, end: float) -> dict[str, int]:
    """Of each user of the ledger, how many bindings there were when there were the fewest, between two moments."""
    found = {}
    for user in ledger.users:
        spans = [span for span in ledger.spans if span.user == user]
        moments = [begin, *(span.end for span in spans if begin < span.end <= end)]
        found[user] = min(sum(span.held(at) for span in spans) for at in moments)
    return found
