"""A dialog of a call (RFC 3261, section 12): what makes it, and what requests within it carry. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from softphone_agent.contract import sip_uri

MOST_ROUTES = 16
"""Proxies of a dialog. Each makes each request longer."""

_FOLDED = re.compile(r"\r?\n[ \t]+")
_COMPACT = {"from": "f", "to": "t", "call-id": "i", "contact": "m", "via": "v", "content-type": "c", "supported": "k"}
_TAG = re.compile(r";[ \t]*tag[ \t]*=[ \t]*([^\s;,>]+)", re.IGNORECASE)
_CSEQ = re.compile(r"([0-9]{1,10})[ \t]+([A-Za-z]+)[ \t]*$")
_REQUEST_URI = re.compile(r"[A-Za-z]+ (\S+) SIP/2\.0\r?\n", re.IGNORECASE)
_SIP_URI = re.compile(
    r"sips?:(?:[^\s<>\"@?]+@)?(\[[0-9a-f:.]+\]|[^\s<>\"@?;:\[\]]+)(?::([0-9]{1,5}))?(;[!-~]*)?$", re.IGNORECASE
)
_TRANSPORT = re.compile(r";transport=(\w+)", re.IGNORECASE)


class DialogError(ValueError):
    """A message that makes no dialog; the message says why, in words for people."""


@dataclass(slots=True)
class Dialog:
    """One dialog, as our end knows it."""

    call_id: str
    local: str
    """Our name and URI, as From of our requests has it, without the tag."""
    local_tag: str
    remote: str
    remote_tag: str
    """Empty until the other end has answered."""
    target: str
    """The URI to which requests within it are addressed: the other end's Contact."""
    routes: tuple[str, ...] = ()
    """The proxies through which they go, the nearest first, each as a Route header has it."""
    local_cseq: int = 0
    remote_cseq: int = 0

    @property
    def next_hop(self) -> str:
        """The URI of the first who gets a request: the nearest proxy, else the other end itself."""
        return uri_of(self.routes[0]) if self.routes else self.target

    @property
    def request_uri(self) -> str:
        """The Request-URI: the other end's Contact, or the nearest proxy where that is a strict router (12.2.1.1)."""
        return self.target if self._is_loose else uri_of(self.routes[0])

    @property
    def _is_loose(self) -> bool:
        return not self.routes or re.search(r";[ \t]*lr\b", uri_of(self.routes[0]), re.IGNORECASE) is not None

    def route_headers(self) -> list[tuple[str, str]]:
        """The Route headers of a request within it."""
        routes = self.routes if self._is_loose else (*self.routes[1:], f"<{self.target}>")
        return [("Route", route) for route in routes]


def header(message: str, name: str) -> str | None:
    """The first header of this name, which may be there in its compact form; None where there is none."""
    return next(iter(headers(message, name)), None)


def headers(message: str, name: str) -> list[str]:
    """All headers of this name, in their order, each on one line."""
    names = {name.lower(), _COMPACT.get(name.lower(), name.lower())}
    found = []
    for line in _FOLDED.sub(" ", sip_uri.head_of(message)).split("\n")[1:]:
        key, colon, value = line.partition(":")
        if colon and key.strip().lower() in names:
            found.append(value.strip())
    return found


def body(message: str) -> str:
    """What comes behind the head."""
    return message.partition("\r\n\r\n")[2]


def request_uri(message: str) -> str:
    """The Request-URI; empty where the message is no request."""
    found = _REQUEST_URI.match(message)
    return found[1] if found else ""


def tag_of(value: str | None) -> str:
    """The tag in a From or To header; empty for none."""
    found = _TAG.search((value or "").rpartition(">")[2])
    return found[1] if found else ""


def without_tag(value: str) -> str:
    """A From or To header without its tag: what stands behind the URI's brackets is left out."""
    before, bracket, _ = value.rpartition(">")
    return before + bracket if bracket else f"<{value.partition(';')[0].strip()}>"


@dataclass(frozen=True, slots=True)
class Replaces:
    """The dialog that an INVITE is to replace (RFC 3891, section 6.1), as the one who gets it knows that."""

    call_id: str
    local_tag: str
    remote_tag: str
    early_only: bool = False


def replaces_of(message: str) -> Replaces | None:
    """What the Replaces header says; None where there is none. Raises DialogError where it is no such header."""
    values = headers(message, "Replaces")
    if not values:
        return None
    call_id, *rest = (part.strip() for part in values[0].split(";"))
    given = {name.strip().lower(): value.strip() for name, _, value in (part.partition("=") for part in rest)}
    if len(values) > 1 or not call_id or not given.get("to-tag") or not given.get("from-tag"):
        raise DialogError("Replaces is not as RFC 3891 wants it")
    return Replaces(call_id, given["to-tag"], given["from-tag"], "early-only" in given)


def uri_of(value: str) -> str:
    """The URI in a header such as From or Route, as it stands there."""
    inside = re.search(r"<([^<>]*)>", value)
    return inside[1].strip() if inside else value.partition(";")[0].strip()


def cseq_of(message: str) -> tuple[int, str]:
    """Number and method of the CSeq header; 0 and nothing where there is none."""
    found = _CSEQ.match(header(message, "CSeq") or "")
    return (int(found[1]), found[2].upper()) if found else (0, "")


def hop_of(uri: str) -> tuple[str, int, str]:
    """Host (IPv6 without brackets), port and transport of a URI in a dialog; its port may be the default."""
    found = _SIP_URI.match(uri)
    if found is None:
        return "", 0, ""
    named = _TRANSPORT.search(found[3] or "")
    transport = named[1].lower() if named else "udp"
    transport = "tls" if uri.lower().startswith("sips:") else transport
    return found[1].strip("[]").lower(), int(found[2] or 0) or (5061 if transport == "tls" else 5060), transport


def of_invite(message: str, local_tag: str) -> Dialog:
    """The dialog that our 2xx to this INVITE makes (section 12.1.1). Raises DialogError."""
    remote, local, call_id = header(message, "From"), header(message, "To"), header(message, "Call-ID")
    if not remote or not local or not call_id:
        raise DialogError("From, To or Call-ID is missing")
    cseq, method = cseq_of(message)
    if method != "INVITE":
        raise DialogError("the CSeq is not of an INVITE")
    routes = _record_routes(message)
    return Dialog(
        call_id, without_tag(local), local_tag, without_tag(remote), tag_of(remote), _target(message), routes, 0, cseq
    )


def answered(dialog: Dialog, message: str) -> Dialog:
    """The dialog that this 2xx to our INVITE makes of what was known before (section 12.1.2). Raises DialogError."""
    tag = tag_of(header(message, "To"))
    if not tag:
        raise DialogError("the answer has no tag in To")
    routes = _record_routes(message)[::-1]
    return Dialog(
        dialog.call_id,
        dialog.local,
        dialog.local_tag,
        dialog.remote,
        tag,
        _target(message),
        routes,
        dialog.local_cseq,
    )


def retarget(dialog: Dialog, message: str) -> None:
    """A re-INVITE came: its Contact is the other end's from now on (section 12.2). A bad one changes nothing."""
    for uri, _ in sip_uri.contact_entries(message)[:1]:
        if _is_sip(uri):
            dialog.target = uri


def _target(message: str) -> str:
    entries = sip_uri.contact_entries(message)
    if not entries or not _is_sip(entries[0][0]):
        raise DialogError("there is no Contact with a SIP URI")
    return entries[0][0]


def _is_sip(uri: str) -> bool:
    """Whether it can stand in a request: it may have parameters that we would not write ourselves."""
    return _SIP_URI.match(uri) is not None


def _record_routes(message: str) -> tuple[str, ...]:
    routes = [entry for value in headers(message, "Record-Route") for entry in _entries(value)]
    if len(routes) > MOST_ROUTES:
        raise DialogError(f"there are {len(routes)} Record-Routes, more than {MOST_ROUTES}")
    if not all(_is_sip(uri_of(route)) for route in routes):
        raise DialogError("there is a Record-Route without a SIP URI")
    return tuple(routes)


def _entries(value: str) -> list[str]:
    return [entry.strip() for entry in re.findall(r'(?:"(?:[^"\\]|\\.)*"|<[^<>]*>|[^,"<>])+', value) if entry.strip()]
