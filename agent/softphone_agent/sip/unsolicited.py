"""What an agent answers to requests that come to it: rules of a phone that makes and takes no calls. Pure.

The table stands in docs/proof/attackers.md. An agent keeps no dialog and no transaction for any of them.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from softphone_agent.registration.pacing import TokenBucket

ALLOWED = "OPTIONS"
"""The Allow header of all answers."""
KNOWN = frozenset(
    [
        *("ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER"),
        *("REGISTER", "SUBSCRIBE", "UPDATE"),
    ]
)
"""The methods of the RFCs (IANA's SIP parameters); metrics count others together."""
OK = 200
NOT_AVAILABLE = 480
"""To INVITE, where nobody answers calls."""
OTHER = "other"
ANSWERS_PER_SECOND = 50.0
"""So many of strangers are answered by one process; whoever floods it is not, nor is whose address he forges."""
ANSWERS_PER_PHONE = 4.0
"""So many more in a second, for each phone of the process, each PBX in use gets.

One that asks each phone as it registers sends an OPTIONS and a NOTIFY of its mailbox, and each of them once more where
the answer takes its time. Bounded it is, too: over UDP everybody can write a PBX's address on a datagram.
"""

_FOLDED = re.compile(r"\r?\n[ \t]+")
_IN_DIALOG = re.compile(r"^(?:to|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=", re.IGNORECASE | re.MULTILINE)
_ELSEWHERE = re.compile(r"^(?:via|v)[ \t]*:[^\r\n]*;[ \t]*maddr[ \t]*=", re.IGNORECASE | re.MULTILINE)
_OF_SOMETHING = frozenset({"BYE", "CANCEL", "PRACK"})
"""Methods that make sense within something that exists only."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is counted as, and the code of its answer; 0: none is sent."""

    method: str
    code: int


class Unsolicited:
    """Decides on the requests that one process gets."""

    def __init__(self, answers_per_second: float = ANSWERS_PER_SECOND) -> None:
        self._strangers = TokenBucket(answers_per_second)
        self._pbxes: dict[str, TokenBucket] = {}
        """By the IP address of each PBX in use."""
        self._phones = 0

    def pbxes_in_use(self, addresses: Set[str], phones: int) -> None:
        """From now on these IP addresses, and no others, are of PBXes in use, for so many phones of this process."""
        kept = self._pbxes if phones == self._phones else {}
        self._phones = phones
        self._pbxes = {address: kept.get(address) or self._bucket() for address in addresses}

    def pbx_in_use(self, address: str) -> None:
        """One more address: a phone is about to ask this PBX."""
        if address not in self._pbxes:
            self._pbxes[address] = self._bucket()

    def is_pbx(self, address: str) -> bool:
        """Whether a PBX in use has this IP address."""
        return address in self._pbxes

    def reply_to(self, method: str, head: str, source: str, now: float) -> Reply:
        """The reply to a request, given its method, its text without body, and the IP address it came from.

        `now` in seconds. A flood from one address takes nothing from the PBXes at others.
        """
        counted = method if method in KNOWN else OTHER
        code = _code(method, head)
        bucket = self._pbxes.get(source, self._strangers)
        return Reply(counted, code if code and bucket.take(now) else 0)

    def _bucket(self) -> TokenBucket:
        return TokenBucket(ANSWERS_PER_SECOND + ANSWERS_PER_PHONE * self._phones)


def _code(method: str, head: str) -> int:
    """The answer by RFC 3261, sections 8.2.1, 9.2, 11.2, 12.2.2, 15.1.2 and 21.4.18; none to an ACK."""
    head = _FOLDED.sub(" ", head)
    if method == "ACK" or _ELSEWHERE.search(head):
        return 0  # maddr: the answer would go to whom the sender says, by a name that has to be looked up
    if method in _OF_SOMETHING or _IN_DIALOG.search(head):
        return 481
    if method == ALLOWED:
        return OK
    if method == "INVITE":
        return (
            NOT_AVAILABLE  # the callee's words. A PBX (Asterisk) makes of a 405 a fault of its own, 500, for the caller
        )
    return 405 if method in KNOWN else 501
