"""Where a SIP message ends in a stream (RFC 3261, sections 7.5 and 18.3), and what can never become one. Pure."""

from __future__ import annotations

import enum
import re

MAX_BYTES = 4000
"""PJSIP_MAX_PKT_LEN: pjsip takes no longer message."""

_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r?\n", re.IGNORECASE)
_FIRST_LINE = re.compile(rb"SIP/2\.0 [0-9]{3}(?: |\r)|[A-Za-z0-9\-.!%*_+`'~]{1,64} \S+ SIP/2\.0\r?\Z", re.IGNORECASE)


class Frame(enum.Enum):
    """What lies at the beginning of what a stream has brought."""

    WHOLE = "a whole message"
    PARTIAL = "the beginning of a message"
    HOPELESS = "no SIP"
    TOO_LONG = "a message that is too long"


def judge(data: bytes) -> Frame:
    """What the stream's next bytes are. After anything but a message nobody knows where the next one begins."""
    first, ended, _ = data.partition(b"\n")
    if ended and not _FIRST_LINE.match(first):
        return Frame.HOPELESS
    head = data.find(b"\n\r\n")
    if head < 0:
        return Frame.TOO_LONG if len(data) >= MAX_BYTES else Frame.PARTIAL
    length = _LENGTH.search(data, 0, head + 1)
    if length is None:
        return Frame.HOPELESS
    whole = head + 3 + int(length[1])
    if whole > MAX_BYTES:
        return Frame.TOO_LONG
    return Frame.WHOLE if whole <= len(data) else Frame.PARTIAL
