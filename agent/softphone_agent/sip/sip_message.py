"""What the headers of SIP messages say, read from their text. Pure.

The Contacts of a redirect and Retry-After are in sip_uri.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from urllib.parse import unquote

from softphone_agent.contract import sip_uri

_EXPIRES_PARAMETER = re.compile(r";\s*expires\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE)
_INSTANCE = re.compile(r";\s*\+sip\.instance\s*=\s*\"?<?([^\"<>;\s]+)", re.IGNORECASE)
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
_MEDIA_KEY = re.compile(r"^(a[ \t]*=[ \t]*crypto[ \t]*:[^\r\n]*?inline:)[^\r\n]*", re.IGNORECASE | re.MULTILINE)
"""RFC 4568, section 9.1. All that follows: a line may have several keys."""
_RSPAUTH = re.compile(r'\brspauth[ \t]*=[ \t]*"[^"\r\n]*"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OwnBinding:
    """How a phone knows its own binding: by the Contact that it sent, and the `+sip.instance` in it."""

    contact: str
    instance: str


NOBODY = OwnBinding("", "")


@dataclass(frozen=True, slots=True)
class Granted:
    """The phone's own binding, as a 200 lists it."""

    contact: str
    """As the registrar has it."""
    expires: int
    """In seconds, more than 0."""


def granted(message: str, own: OwnBinding, asked: int) -> Granted | None:
    """The phone's own binding in a 200, None for none; `asked` is the expiry that counts where the 200 names none.

    A 200 lists all bindings of the AOR (RFC 3261, section 10.2.4), also those of the user's other devices. The own one
    has the Contact that the phone sent, or that address as the registrar saw it. If there is none, it is the one with
    the phone's instance: registrars that keep the instance may rewrite the Contact. A single one at the phone's host is
    its own, too, whatever became of the port and of capitals: one was asked for, one is there.
    """
    listed = sip_uri.contacts(message)
    wanted = _addresses(own.contact, message)
    mine = [entry for entry in listed if _address(entry[0]) in wanted and _instance(entry[1]) in ("", own.instance)]
    mine = mine or [entry for entry in listed if own.instance and _instance(entry[1]) == own.instance]
    if not mine and len(listed) == 1 and _is_rewritten(*listed[0], own, wanted):
        mine = listed
    longest = max(((_expires(parameters, message, asked), str(uri)) for uri, parameters in mine), default=(0, ""))
    return Granted(longest[1], longest[0]) if longest[0] > 0 else None


def _is_rewritten(uri: sip_uri.SipUri, parameters: str, own: OwnBinding, wanted: list[tuple[str, str, int]]) -> bool:
    """Whether a Contact is one of these but for its port and the case of its user."""
    same = any(unquote(uri.user).lower() == user.lower() and uri.host == host for user, host, _ in wanted)
    return same and _instance(parameters) in ("", own.instance)


def _addresses(contact: str, message: str) -> list[tuple[str, str, int]]:
    """User, host and port of the Contact, and the same behind the NAT where the registrar saw one."""
    try:
        uri = sip_uri.parse(contact)
    except sip_uri.SipUriError:
        return []
    found, observed = [_address(uri)], observed_address(message)
    if observed is not None:
        with contextlib.suppress(sip_uri.SipUriError):
            seen = sip_uri.parse(f"sip:{observed}")
            found.append((found[0][0], seen.host, seen.effective_port))
    return found


def _address(uri: sip_uri.SipUri) -> tuple[str, str, int]:
    return unquote(uri.user), uri.host, uri.effective_port


def _instance(parameters: str) -> str:
    found = _INSTANCE.search(parameters)
    return found[1].lower() if found else ""


def _expires(parameters: str, message: str, asked: int) -> int:
    """The expiry of a binding: its own, else that of the header, else the one that was asked for."""
    found = _EXPIRES_PARAMETER.search(parameters) or _EXPIRES_HEADER.search(message)
    return int(found[1]) if found else asked


def own_binding(register: str) -> OwnBinding:
    """How the binding is known that this REGISTER asks for."""
    for uri, parameters in sip_uri.contacts(register):
        return OwnBinding(str(uri), _instance(parameters))
    return NOBODY


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
    """The message without what helps to impersonate the phone or to listen: credentials, digest responses, keys."""
    message = _MEDIA_KEY.sub(r"\1…", message)
    return _RSPAUTH.sub('rspauth="…"', _CREDENTIALS.sub(r"\1 …", message))
