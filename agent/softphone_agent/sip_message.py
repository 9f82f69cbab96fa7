"""What the headers of SIP messages say, read from their text. Pure.

The Contacts of a redirect and Retry-After are in sip_uri.
"""

from __future__ import annotations

import re

_CONTACT_LINE = re.compile(r"^(?:contact|m)[ \t]*:(?!\s*\*)", re.IGNORECASE | re.MULTILINE)
"""One that names a binding: `*` names none (RFC 3261, section 10.2.2)."""
_EXPIRES_HEADER = re.compile(r"^expires[ \t]*:[ \t]*([0-9]{1,9})", re.IGNORECASE | re.MULTILINE)
_CALL_ID = re.compile(r"^(?:call-id|i)[ \t]*:[ \t]*([^\s]+)", re.IGNORECASE | re.MULTILINE)
_REASON = re.compile(r"SIP/2\.0 [0-9]{3} ([^\r\n]*)")
_TOP_VIA = re.compile(
    r"^(?:via|v)[ \t]*:[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*\w+[ \t]+"
    r"(\[[0-9a-f:.]+\]|[^\s;:,]+)(?::([0-9]+))?([^\r\n,]*)",
    re.IGNORECASE | re.MULTILINE,
)
_BRANCH = re.compile(r"^(?:via|v)[ \t]*:(?:[^\r\n,]|\r?\n[ \t])*?;[ \t]*branch[ \t]*=[ \t]*([^\s;,]+)", re.I | re.M)
_CREDENTIALS = re.compile(
    r"^((?:proxy-)?authorization[ \t]*:[ \t]*\w*)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)
_RSPAUTH = re.compile(r'\brspauth[ \t]*=[ \t]*"[^"\r\n]*"?', re.IGNORECASE)


def granted_expiry(expires: int, message: str) -> int:
    """The expiry that a 200 grants, 0 for none; `expires` is what the SIP stack makes of it.

    The stack reports the asked-for expiry where a 200 holds no Contact of ours, or `expires=0`: look for ourselves.
    """
    if not _CONTACT_LINE.search(message):
        return 0
    if re.search(r";\s*expires\s*=\s*0+\b", message, re.IGNORECASE) and not re.search(
        r";\s*expires\s*=\s*0*[1-9]", message, re.IGNORECASE
    ):
        return 0
    header = _EXPIRES_HEADER.search(message)
    if header and int(header[1]) == 0 and "expires=" not in message.lower():
        return 0
    return max(0, expires)


def call_id(message: str) -> str:
    """The Call-ID, empty where there is none."""
    found = _CALL_ID.search(message)
    return found[1] if found else ""


def branch(message: str) -> str:
    """The branch of the topmost Via, by which an answer belongs to its request; empty where there is none."""
    found = _BRANCH.search(message)
    return found[1] if found else ""


def reason_phrase(message: str) -> str:
    """The reason phrase of an answer, empty where there is none."""
    found = _REASON.match(message)
    return found[1] if found else ""


def observed_address(message: str) -> str | None:
    """Where the peer saw our request come from, as host:port, if that is not where we think we are.

    From `received` and `rport` in the answer's topmost Via (RFC 3261, section 18.2.1; RFC 3581).
    """
    via = _TOP_VIA.search(message)
    if via is None:
        return None
    host, port, parameters = via[1].lower(), via[2] or "5060", via[3]
    received = re.search(r";\s*received\s*=\s*(\[?[0-9a-f:.]+\]?)", parameters, re.IGNORECASE)
    rport = re.search(r";\s*rport\s*=\s*([0-9]{1,5})", parameters, re.IGNORECASE)
    seen_host = received[1].lower() if received else host
    if ":" in seen_host and not seen_host.startswith("["):
        seen_host = f"[{seen_host}]"
    seen_port = rport[1] if rport else port
    return None if (seen_host, seen_port) == (host, port) else f"{seen_host}:{seen_port}"


def redacted(message: str) -> str:
    """The message without what could help to impersonate the phone: credentials and digest responses."""
    return _RSPAUTH.sub('rspauth="…"', _CREDENTIALS.sub(r"\1 …", message))
