"""Retry-After: how long a PBX wants to be left alone (RFC 3261, section 20.33)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from softphone_agent.contract.sip_uri import head_of

_FOLD = re.compile(r"\r?\n[ \t]+")
_LONGEST = 10**9
"""Seconds. What is longer is as good as for ever, and counts as so much."""


def retry_after(message: str) -> int | None:
    """Seconds of an answer's Retry-After header, None where it says nothing that can be understood.

    RFC 3261 knows seconds only, RFC 2543 also a date, which some PBXes still send. A date counts from the Date of the
    same answer, so that it does not matter what time it is here; without a Date it says nothing.
    """
    head = _FOLD.sub(" ", head_of(message))
    value = _header(head, "retry-after")
    if value is None:
        return None
    if seconds := re.match(r"0*([0-9]+)", value):
        return min(int(seconds[1][:10]), _LONGEST)
    until, said_at = _date(value), _date(_header(head, "date") or "")
    if until is None or said_at is None:
        return None
    return max(0, min(int((until - said_at).total_seconds()), _LONGEST))


def _header(head: str, name: str) -> str | None:
    """The value of the first header of this name."""
    found = re.search(rf"^{name}[ \t]*:[ \t]*([^\r\n]*)", head, re.IGNORECASE | re.MULTILINE)
    return found[1].strip() if found else None


def _date(text: str) -> datetime | None:
    """A date of HTTP or SIP (RFC 9110, section 5.6.7), in whichever of its forms; without a zone it is UTC."""
    try:
        date = parsedate_to_datetime(text.partition("(")[0].partition(";")[0])
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
