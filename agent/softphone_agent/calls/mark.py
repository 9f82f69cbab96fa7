"""The mark of a test call: the header by which its two ends know a call of ours. Pure.

It names the check and the call, and proves by a code (HMAC-SHA-256, RFC 2104) that who wrote it has the check's token.
The token itself is never sent. Who sees a mark on the wire could send it again, for as long as its time is near.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

CLOCKS_DIFFER = 300.0
"""Seconds by which the clocks of two agents may differ, and for which a mark counts."""

_MARK = re.compile(
    r"check=([a-z0-9.-]{1,253});call=([0-9a-f]{1,64});at=([0-9]{1,12});phone=([a-z0-9.-]{0,253});code=([0-9a-f]{32})\s*\Z"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What it says."""

    check: str
    call: str
    """Identity of the call, in hexadecimal digits; the same in INVITE and answer."""
    at: int
    """When it was written, in Unix time."""
    phone: str
    """The phone that wrote it: who calls in an INVITE, who answers in an answer."""


def written(mark: Mark, token: str) -> str:
    """The header's value."""
    text = f"check={mark.check};call={mark.call};at={mark.at};phone={mark.phone}"
    return f"{text};code={_code(text, token)}"


def read(value: str, tokens: dict[str, str], unix: float) -> Mark | None:
    """The mark in a header, given the token of each check; None where it is none of ours, or too old."""
    found = _MARK.match(value)
    if found is None:
        return None
    mark = Mark(found[1], found[2], int(found[3]), found[4])
    token = tokens.get(mark.check)
    if not token or not hmac.compare_digest(_code(value[: found.end(4)], token), found[5]):
        return None
    return mark if abs(unix - mark.at) <= CLOCKS_DIFFER else None


def _code(text: str, token: str) -> str:
    return hmac.new(token.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]
