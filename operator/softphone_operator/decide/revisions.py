"""Which file of an agent was the first to have a phone as it is now. Pure.

An agent with many phones tells the digest of the file that it runs. An edit of one phone makes another file; the others
are as they should be all the while, and their statuses must not say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

REMEMBERED = 64
"""Files of one agent. Of an older one it is not known any more what it had."""


class Revisions:
    """The files of one agent, one after the other."""

    def __init__(self) -> None:
        self._number = 0
        self._digests: dict[str, int] = {}
        self._common = 0
        self._phones: dict[str, tuple[int, int]] = {}
        """By phone: the hash of its entry, and the number of the first file that had it."""
        self._changed: frozenset[str] = frozenset()
        self.digest = ""

    def note(self, digest: str, common: str, entries: Mapping[str, str]) -> None:
        """The file with this digest is wanted now.

        `common`: what it has beside the phones. `entries`: the phones, by name.
        """
        if digest == self.digest:
            self._changed = frozenset()
            return
        first = not self.digest
        self._number += 1
        self._digests.pop(digest, None)
        self._digests[digest] = self._number
        while len(self._digests) > REMEMBERED:
            del self._digests[next(iter(self._digests))]
        everything = hash(common) != self._common
        before, self._phones = self._phones, {}
        for phone, entry in entries.items():
            known = before.get(phone)
            same = known is not None and known[0] == hash(entry) and not everything
            self._phones[phone] = known if same and known else (hash(entry), 0 if first else self._number)
        self._common, self.digest = hash(common), digest
        both = before.keys() | self._phones.keys()
        self._changed = frozenset(phone for phone in both if before.get(phone) != self._phones.get(phone))

    def changed(self) -> frozenset[str]:
        """The phones that the file noted last does not have as the one before had them."""
        return self._changed

    def wanted(self, phone: str, running: str | None) -> str:
        """The digest that the agent must tell for a phone: of the `running` file if that has it as it is wanted."""
        known = self._phones.get(phone)
        since = self._digests.get(running) if running else None
        return running if running and known and since is not None and since >= known[1] else self.digest
