"""Digest authentication of our requests (RFC 3261, section 22; RFC 7616 and 8760). Pure.

Of several challenges the topmost that we can answer counts: it is the one that the PBX likes best.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
"""Algorithms (RFC 8760, section 2.1) and their names in hashlib. Each may have `-sess` behind it."""
_QOPS = ("auth", "auth-int")
_HEADER = re.compile(r"^(www|proxy)-authenticate[ \t]*:[ \t]*(\S+)[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_FOLDED = re.compile(r"\r?\n[ \t]+")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a PBX wants to be proven. Texts as they came, without quotes."""

    proxy: bool
    """Whether it is a proxy's (407)."""
    realm: str
    nonce: str
    algorithm: str
    """Empty where none was named: MD5."""
    qop: str
    """The one that is used; empty for none."""
    opaque: str | None
    stale: bool
    """Whether only the nonce was refused."""


def challenges(message: str) -> tuple[Challenge, ...]:
    """What to answer of a 401 or 407: of each of WWW- and Proxy-Authenticate the topmost challenge that we can."""
    chosen: dict[bool, Challenge] = {}
    for kind, scheme, rest in _headers(message):
        found = _challenge(kind, scheme, rest)
        if isinstance(found, Challenge):
            chosen.setdefault(found.proxy, found)
    return tuple(chosen.values())


def why_none(message: str) -> str:
    """Why a 401 or 407 cannot be answered, for people; empty where it can, or names no challenge."""
    found = [_challenge(kind, scheme, rest) for kind, scheme, rest in _headers(message)]
    wants = [one for one in found if isinstance(one, str)]
    return f"the PBX asks for {' or '.join(dict.fromkeys(wants))}" if wants and len(wants) == len(found) else ""


def _headers(message: str) -> list[tuple[str, str, str]]:
    head = message.partition("\r\n\r\n")[0]
    return [(found[1].lower(), found[2], found[3]) for found in _HEADER.finditer(_FOLDED.sub(" ", head))]


def _challenge(kind: str, scheme: str, rest: str) -> Challenge | str:
    """The challenge of one header; words for what it asks for where we cannot answer it."""
    if scheme.lower() != "digest":
        return scheme[:32]
    values = {found[1].lower(): found[2] if found[2] is not None else found[3] for found in _PARAMETER.finditer(rest)}
    algorithm = values.get("algorithm", "")
    if _hash_of(algorithm) is None:
        return f"the algorithm {algorithm[:32]}"
    offered = [one.strip().lower() for one in values.get("qop", "").split(",") if one.strip()]
    qop = next((one for one in _QOPS if one in offered), "")
    if offered and not qop:
        return f"the qop {offered[0][:32]}"
    if not values.get("nonce"):
        return "a digest without a nonce"
    stale = values.get("stale", "").lower() == "true"
    realm, nonce, opaque = values.get("realm", ""), values["nonce"], values.get("opaque")
    return Challenge(kind == "proxy", realm, nonce, algorithm, qop, opaque, stale)


def _hash_of(algorithm: str) -> str | None:
    """The name in hashlib; None for an algorithm that we do not have."""
    return _HASHES.get(algorithm.upper().removesuffix("-SESS") or "MD5")


@dataclass(slots=True)
class Session:
    """The challenges that one registration has to answer, and how often each nonce was used."""

    username: str
    password: str
    _known: dict[bool, Challenge] = field(default_factory=dict)
    _used: dict[bool, int] = field(default_factory=dict)
    _cnonce: str = field(default_factory=lambda: secrets.token_hex(8))

    def __repr__(self) -> str:
        return "Session(…)"

    def learn(self, challenge: Challenge) -> None:
        """From now on requests answer this challenge, too."""
        self._known[challenge.proxy] = challenge
        self._used[challenge.proxy] = 0

    def nonce(self, *, proxy: bool) -> str:
        """The nonce that requests use now; empty where they answer no such challenge."""
        known = self._known.get(proxy)
        return known.nonce if known else ""

    @property
    def realms(self) -> frozenset[str]:
        """Of the challenges that requests answer now."""
        return frozenset(challenge.realm for challenge in self._known.values())

    def headers(self, method: str, uri: str) -> list[tuple[str, str]]:
        """The headers by which a request answers what is known. Each call counts as one use of the nonces."""
        made = []
        for proxy, challenge in self._known.items():
            self._used[proxy] += 1
            name = "Proxy-Authorization" if proxy else "Authorization"
            made.append((name, self._answer(challenge, method, uri, self._used[proxy])))
        return made

    def _answer(self, challenge: Challenge, method: str, uri: str, used: int) -> str:
        count = f"{used:08x}"
        parts = [
            f'username="{_escaped(self.username)}"',
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{uri}"',
            f'response="{response(challenge, self.username, self.password, method, uri, count, self._cnonce)}"',
        ]
        if challenge.algorithm:
            parts.append(f"algorithm={challenge.algorithm}")
        if challenge.qop or challenge.algorithm.upper().endswith("-SESS"):
            parts.append(f'cnonce="{self._cnonce}"')
        if challenge.opaque is not None:
            parts.append(f'opaque="{challenge.opaque}"')
        if challenge.qop:
            parts.append(f"qop={challenge.qop}, nc={count}")
        return "Digest " + ", ".join(parts)


def response(challenge: Challenge, username: str, password: str, method: str, uri: str, count: str, cnonce: str) -> str:
    """The `response` to a challenge (RFC 7616, section 3.4) of a request without a body, as hexadecimal digits."""
    name = _hash_of(challenge.algorithm)
    assert name is not None

    def digest(*parts: str) -> str:
        return hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

    secret = digest(username, challenge.realm, password)
    if challenge.algorithm.upper().endswith("-SESS"):
        secret = digest(secret, challenge.nonce, cnonce)
    asked = digest(method, uri, digest("")) if challenge.qop == "auth-int" else digest(method, uri)
    if not challenge.qop:
        return digest(secret, challenge.nonce, asked)
    return digest(secret, challenge.nonce, count, cnonce, challenge.qop, asked)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
