"""The keys of encrypted media in descriptions: SDES (RFC 4568) for SRTP (RFC 3711)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import StrEnum

KEY_BYTES = 30
"""A master key of 16 bytes and its salt of 14 (RFC 4568, section 6.2)."""

_LINE = re.compile(r"a=crypto:([0-9]{1,9})[ \t]+(\S+)[ \t]+inline:(\S+)((?:[ \t]+\S+)*)[ \t]*$")
_HARMLESS = re.compile(r"WSH=[0-9]+|-\S+")
"""Session parameters that change nothing for us: a hint for a window, and those that may be ignored (section 6.3)."""


class Encryption(StrEnum):
    """Whether media of a phone is encrypted."""

    NEVER = "Never"
    OFFERED = "Offered"
    """Where the other end wants it, too."""
    REQUIRED = "Required"
    """Else there is no call."""


class Suite(StrEnum):
    """How packets are encrypted and signed (RFC 4568, section 6.2). In the order in which we offer them."""

    SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    SHA1_32 = "AES_CM_128_HMAC_SHA1_32"


@dataclass(frozen=True, slots=True)
class Crypto:
    """One a=crypto line: with what its author encrypts."""

    tag: int
    suite: Suite
    key: bytes = field(repr=False)
    """KEY_BYTES. A secret."""

    @property
    def line(self) -> str:
        """As a description has it."""
        return f"a=crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


@dataclass(frozen=True, slots=True)
class Keys:
    """Ours of one call: a master key for each suite, drawn at random."""

    encryption: Encryption = Encryption.NEVER
    of_suites: tuple[bytes, ...] = field(default=(), repr=False)
    """In the order of Suite."""

    def offered(self) -> tuple[Crypto, ...]:
        """What we offer."""
        if self.encryption is Encryption.NEVER:
            return ()
        return tuple(Crypto(tag, suite, self._key(suite)) for tag, suite in enumerate(Suite, 1))

    def answer_to(self, theirs: Crypto) -> Crypto:
        """What we answer to this offer."""
        return Crypto(theirs.tag, theirs.suite, self._key(theirs.suite))

    def _key(self, suite: Suite) -> bytes:
        return self.of_suites[list(Suite).index(suite)]


def first_usable(lines: list[str]) -> Crypto | None:
    """The first a=crypto line with which we can do something: what its author likes best."""
    return next((made for line in lines if line.startswith("a=crypto:") and (made := parse(line))), None)


def parse(line: str) -> Crypto | None:
    """One a=crypto line; None for another suite, several keys, an MKI, or parameters that ask for what we do not do."""
    found = _LINE.match(line)
    if found is None or found[2] not in set(Suite):
        return None
    text, *rest = found[3].split("|")
    if ";" in found[3] or any(":" in one for one in rest):  # another key behind it, or an MKI
        return None
    if not all(_HARMLESS.fullmatch(one) for one in found[4].split()):
        return None
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return Crypto(int(found[1]), Suite(found[2]), key) if len(key) == KEY_BYTES else None
