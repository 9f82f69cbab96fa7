"""SIP URIs: parsing, canonical form, and the Contacts of a message (RFC 3261, sections 19.1 and 20.10)."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

TRANSPORTS = ("udp", "tcp", "tls")
MAX_LENGTH = 512
_CACHED = 1024
"""Texts whose meaning is remembered: the same few PBXes are looked at for each phone and each request."""

_HOSTNAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
    r"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?\Z"
)
_USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+\Z")
_NOT_IN_A_USER = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/%]|%(?![0-9A-Fa-f]{2})")
_PARAMETER = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+(?:=[A-Za-z0-9\-.!%*_+`'~:\[\]/&$()]*)?\Z")


class SipUriError(ValueError):
    """A text that is no SIP URI; its message says why, in words for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class SipUri:
    """A parsed `sip:` or `sips:` URI. `host` is lower case, IPv6 without brackets; `port` None where none was given."""

    scheme: str
    user: str
    host: str
    port: int | None
    transport: str | None
    parameters: tuple[str, ...] = ()

    @property
    def effective_transport(self) -> str:
        """The transport of RFC 3263, section 4.1, without DNS: the parameter, TLS for `sips:`, else UDP."""
        if self.scheme == "sips":
            return "tls"
        return self.transport or "udp"

    @property
    def effective_port(self) -> int:
        """The port, or the default of the transport (5061 for TLS, else 5060)."""
        return self.port or (5061 if self.effective_transport == "tls" else 5060)

    @property
    def secure(self) -> bool:
        """Whether the first hop is TLS."""
        return self.effective_transport == "tls"

    @property
    def host_port(self) -> str:
        """`host:port` for people and metric labels, IPv6 in brackets."""
        return f"{_bracketed(self.host)}:{self.effective_port}"

    def registrar(self) -> SipUri:
        """The canonical URI of the registrar at this address: no user, explicit port and transport.

        Two texts that reach the same registrar in the same way give equal results. A host name without a port
        keeps none, since RFC 3263 asks DNS for SRV records then.
        """
        port = self.effective_port if self.port or is_address(self.host) else None
        transport = None if self.scheme == "sips" else self.effective_transport
        return SipUri(self.scheme, "", self.host.rstrip("."), port, transport)

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        transport = f";transport={self.transport}" if self.transport else ""
        parameters = "".join(f";{parameter}" for parameter in self.parameters)
        return f"{self.scheme}:{user}{_bracketed(self.host)}{port}{transport}{parameters}"


_URI_PASSWORD = re.compile(r"(?<!\w)((?:sips?:)?(?!sips?:)[^\s:@/\"]+):[^\s@\"]+@", re.IGNORECASE)


def without_password(text: str) -> str:
    """A text that should be a URI as messages may show it: a password in it is left out, and it stays on its line."""
    return printable(_URI_PASSWORD.sub(r"\1:…@", text))


def printable(text: str) -> str:
    """A text as messages may show it: line breaks and other controls escaped, and no more than anybody reads."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:MAX_LENGTH])
    return shown + ("…" if len(text) > MAX_LENGTH else "")


def escaped(text: str) -> str:
    """A text as a header's or a parameter's value: what is not unreserved (RFC 3986, 2.3) as %XX of its UTF-8."""
    return quote(text, safe="")


def as_host(text: str) -> str | None:
    """A text as a host name, other letters than ASCII's as IDNA has them; None where it can be none."""
    try:
        host = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        return None
    return host if is_host(host) else None


def is_host(text: str) -> bool:
    """Whether the text is a host name or an address (IPv6 without brackets)."""
    return is_address(text) or (_HOSTNAME.match(text) is not None and not re.fullmatch(r"[0-9.]+", text))


@lru_cache(_CACHED)
def is_address(host: str) -> bool:
    """Whether the host is an IP address rather than a name. One with a scope is none: SIP has no place for that."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@lru_cache(_CACHED)
def parse(text: str) -> SipUri:
    """Parse `text` as a SIP URI; raises SipUriError. Headers (`?…`) and passwords are refused."""
    if len(text) > MAX_LENGTH:
        raise SipUriError(f"is longer than {MAX_LENGTH} characters")
    if any(c.isspace() or not c.isprintable() for c in text):
        raise SipUriError("contains white space or control characters")
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("sip", "sips"):
        raise SipUriError('must begin with "sip:" or "sips:"')
    user, at, rest = rest.rpartition("@")
    if at and not _USER.match(user):
        if ":" in user:
            raise SipUriError("must not carry a password")
        raise SipUriError(_user_fault(user))
    if "?" in rest:
        raise SipUriError('must not carry headers ("?")')
    host_port, *parameters = rest.split(";")
    host, port = _split_host_port(host_port)
    transport = None
    kept = []
    for parameter in parameters:
        if not _PARAMETER.match(parameter):
            raise SipUriError(f'has an invalid parameter "{parameter}"')
        name, _, value = parameter.partition("=")
        if name.lower() == "transport":
            transport = value.lower()
            if transport not in TRANSPORTS:
                raise SipUriError(f'has the transport "{value}"; it must be one of {", ".join(TRANSPORTS)}')
        else:
            kept.append(parameter)
    if scheme == "sips" and transport == "udp":
        raise SipUriError("asks for TLS (sips:) over udp, which does not exist")
    return SipUri(scheme, user, host, port, transport, tuple(kept))


def _user_fault(user: str) -> str:
    odd = _NOT_IN_A_USER.search(unicodedata.normalize("NFC", user))
    if odd is None:
        return "has no valid user part before the @"
    return f'has "{odd[0]}" before the @; in SIP it is written {escaped(odd[0])}'


def split_address(text: str) -> tuple[str, int | None]:
    """An IP address with or without a port, as in `192.0.2.1:53` or `[2001:db8::1]:53`. Raises SipUriError."""
    host, port = (text, None) if is_address(text) else _split_host_port(text)
    if not is_address(host):
        raise SipUriError("is no IP address")
    return host, port


def _split_host_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise SipUriError("has an unfinished IPv6 address")
        if not is_address(address) or ":" not in address:
            raise SipUriError(f'has an invalid IPv6 address "{address}"')
        host = str(ipaddress.IPv6Address(address))
        return host, _port(rest[1:]) if rest else None
    host, colon, port = text.partition(":")
    if ":" in port:
        raise SipUriError("has an IPv6 address without brackets")
    if not host:
        raise SipUriError("has no host")
    if re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise SipUriError(f'has an invalid IPv4 address "{host}"') from None
    elif not _HOSTNAME.match(host):
        known_as = as_host(host)
        hint = f"; in SIP it is written {known_as}" if known_as else ""
        raise SipUriError(f'has an invalid host "{host}"{hint}')
    return host.lower(), _port(port) if colon else None


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise SipUriError(f'has an invalid port "{text}"; it must be 1 to 65535')
    return int(text)


def parse_aor(text: str) -> SipUri:
    """Parse an address of record: a SIP URI with a user part. Raises SipUriError."""
    uri = parse(text)
    if not uri.user:
        raise SipUriError("has no user part, as in sip:user@domain")
    return uri


def user_of_aor(text: str) -> str:
    """The user part of an address of record, without escapes. Raises SipUriError."""
    return unquote(parse_aor(text).user)


_CONTACT_HEADER = re.compile(r"^(?:contact|m)[ \t]*:[ \t]*(.*(?:\r?\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)


def contacts(message: str) -> list[tuple[SipUri, str]]:
    """The Contacts of a message that are SIP URIs, in its order, each with its header parameters as text."""
    found: list[tuple[SipUri, str]] = []
    for text, parameters in contact_entries(message):
        try:
            found.append((parse(text), parameters))
        except SipUriError:
            continue
    return found


def contact_entries(message: str) -> list[tuple[str, str]]:
    """The Contacts of a message, in its order: what stands for a URI, as something to send to, and its parameters."""
    entries = [entry for header in _CONTACT_HEADER.finditer(head_of(message)) for entry in _split_entries(header[1])]
    return [(_without_password_and_headers(text), parameters) for text, parameters in map(_entry, entries)]


def head_of(message: str) -> str:
    """The start line and the headers of a message."""
    return message.replace("\r\n\r\n", "\n\n").split("\n\n", 1)[0]


def _split_entries(value: str) -> list[str]:
    """Split a header's value at commas outside quotes and the angle brackets of a URI.

    A URI's brackets stand before the first parameter: behind a `;` a `<` is one of a parameter's value.
    """
    if "," not in value:
        return [value.strip()] if value.strip() else []
    entries, current, quoted, angled, escaped, in_parameters = [], "", False, False, False, False
    for character in value:
        if escaped:
            escaped = False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"' and not angled:
            quoted = not quoted
        elif character == "<" and not quoted and not in_parameters:
            angled = True
        elif character == ">" and not quoted:
            angled = False
        elif character == ";" and not quoted and not angled:
            in_parameters = True
        elif character == "," and not quoted and not angled:
            entries.append(current)
            current, in_parameters = "", False
            continue
        current += character
    return [entry.strip() for entry in [*entries, current] if entry.strip()]


def _entry(entry: str) -> tuple[str, str]:
    """The URI and the header parameters of one Contact entry, in either of its forms (RFC 3261, section 20.10).

    Without `<>` around the URI the first `;` ends it, whatever stands behind.
    """
    without_name = re.sub(r'^"(?:[^"\\]|\\.)*"\s*', "", entry)
    bare, _, parameters = without_name.partition(";")
    if "<" not in bare:
        return bare.strip(), ";" + parameters
    uri, closed, parameters = without_name.partition("<")[2].partition(">")
    return uri.strip() if closed else "", parameters


def _without_password_and_headers(uri: str) -> str:
    """A Contact's URI as something to send to: it may carry both (RFC 3261, section 19.1.1), and we use neither."""
    scheme, colon, rest = uri.partition(":")
    user, at, host = rest.partition("@") if "@" in rest else ("", "", rest)
    return f"{scheme}{colon}{user.partition(':')[0]}{at}{host.partition('?')[0]}"
