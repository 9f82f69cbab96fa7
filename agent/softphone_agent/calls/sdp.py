"""Session descriptions of our calls (RFC 8866): reading what a peer offers or answers (RFC 3264), writing ours."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

from softphone_agent.calls import sdes
from softphone_agent.calls.g711 import BY_NAME, BY_TYPE, CODECS, FRAME_SECONDS, Codec
from softphone_agent.calls.sdes import Crypto, Encryption, Keys

CONTENT_TYPE = "application/sdp"
LONGEST = 16 * 1024
"""Characters; a description of a phone with all its codecs and keys has some 3000."""
MOST_MEDIA = 32
"""Media sections of one description."""

PLAIN, SECURE = "RTP/AVP", "RTP/SAVP"

_RTPMAP = re.compile(r"rtpmap:([0-9]{1,3}) ([A-Za-z0-9\-.]+)/([0-9]{1,6})(?:/1)?$")
_MEDIA = re.compile(r"(\S+) ([0-9]{1,5})(?:/[0-9]{1,5})? (\S+) (.+)$")


class SdpError(ValueError):
    """A description that makes no call of ours; the message says why, in words for people."""


class Direction(StrEnum):
    """Who sends media to whom, as its author says it (RFC 3264, section 5.1)."""

    BOTH = "sendrecv"
    SEND = "sendonly"
    RECEIVE = "recvonly"
    NONE = "inactive"

    @property
    def mirrored(self) -> Direction:
        """The same, as the other end says it."""
        return {Direction.SEND: Direction.RECEIVE, Direction.RECEIVE: Direction.SEND}.get(self, self)

    @property
    def sends(self) -> bool:
        """Whether the author sends."""
        return self in (Direction.BOTH, Direction.SEND)

    @property
    def receives(self) -> bool:
        """Whether the author receives."""
        return self in (Direction.BOTH, Direction.RECEIVE)


@dataclass(frozen=True, slots=True)
class Section:
    """One m= line of the peer's, as much of it as an answer repeats."""

    media: str
    protocol: str
    first_format: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a peer's description means for us: where it takes RTP, and how."""

    address: str
    """IP address, IPv6 without brackets."""
    port: int
    rtcp_port: int
    codec: Codec
    payload_type: int
    """The number of the codec in packets to the peer."""
    direction: Direction
    """As the peer says it."""
    sections: tuple[Section, ...]
    chosen: int
    """Which of the sections it is."""
    crypto: Crypto | None = None
    """With what the peer encrypts; None for nothing."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What our descriptions of one call have in common. `version` rises with each one that differs."""

    address: str
    port: int
    session: int
    version: int = 0
    keys: Keys = field(default_factory=Keys)

    def following(self) -> Ours:
        """For the next description."""
        return replace(self, version=self.version + 1)

    def encrypts_with(self, theirs: Description) -> Crypto | None:
        """With what we encrypt to one who has described this; None for nothing."""
        return self.keys.answer_to(theirs.crypto) if theirs.crypto else None


def read_answer(text: str, ours: Ours) -> Description:
    """What an answer to our offer means. Raises SdpError."""
    found = read(text, ours.keys.encryption)
    chosen = found.crypto
    if chosen is not None and (chosen.tag, chosen.suite) not in {(one.tag, one.suite) for one in ours.keys.offered()}:
        raise SdpError("the description has a key for what was not offered")
    return found


def read(text: str, encryption: Encryption = Encryption.NEVER) -> Description:
    """What an offer means, for a phone whose media is encrypted so. Raises SdpError."""
    if len(text) > LONGEST:
        raise SdpError(f"the description has {len(text)} characters, more than {LONGEST}")
    head, *bodies = _parts(text.replace("\r\n", "\n").split("\n"))
    if not head or head[0] != "v=0":
        raise SdpError("the description does not begin with v=0")
    if len(bodies) > MOST_MEDIA:
        raise SdpError(f"the description has {len(bodies)} media, more than {MOST_MEDIA}")
    lines = [_MEDIA.match(body[0][2:]) for body in bodies]
    if not all(lines):
        raise SdpError("the description has an m= line that is none")
    sections = tuple(Section(line[1], line[3], line[4].split()[0]) for line in lines if line)
    faults = ["the description has no audio"]
    for index, (line, body) in enumerate(zip(lines, bodies, strict=True)):
        if line is None or line[1] != "audio" or int(line[2]) == 0:
            continue
        try:
            found = _audio(line[3], int(line[2]), line[4].split(), head, body, sections, index)
            return replace(found, crypto=_crypto(line[3], body, encryption))
        except SdpError as fault:
            faults.append(str(fault))
    raise SdpError(faults[-1])


def _parts(lines: list[str]) -> list[list[str]]:
    """The lines of the whole session, and those of each medium."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            parts.append([])
        if line:
            parts[-1].append(line)
    return parts


def _audio(
    protocol: str,
    port: int,
    formats: list[str],
    head: list[str],
    body: list[str],
    sections: tuple[Section, ...],
    index: int,
) -> Description:
    if protocol not in (PLAIN, SECURE):
        raise SdpError(f"the description has audio over {protocol[:32]}, not {PLAIN} or {SECURE}")
    if port > 65535:
        raise SdpError(f"the description has the port {port}")
    payload_type, codec = _codec(formats, body)
    address = _address(body) or _address(head)
    if address is None:
        raise SdpError("the description has no c= line with an IP address")
    direction = _direction(body) or _direction(head) or Direction.BOTH
    if ipaddress.ip_address(address).is_unspecified:  # the hold of old (RFC 3264, section 8.4)
        direction = Direction.SEND if direction.sends else Direction.NONE
    elif ipaddress.ip_address(address).is_multicast:
        raise SdpError("the description has a multicast address")
    return Description(
        address, port, _rtcp_port(body) or min(port + 1, 65535), codec, payload_type, direction, sections, index
    )


def _crypto(protocol: str, body: list[str], encryption: Encryption) -> Crypto | None:
    """The peer's key. RTP/AVP with keys is encryption that both ends may leave out."""
    found = None if encryption is Encryption.NEVER else sdes.first_usable(body)
    if found is not None or (protocol == PLAIN and encryption is not Encryption.REQUIRED):
        return found
    if protocol == PLAIN:
        raise SdpError("the description has audio that is not encrypted, and mediaEncryption is Required")
    if encryption is Encryption.NEVER:
        raise SdpError("the description has encrypted audio, and mediaEncryption is Never")
    raise SdpError("the description has encrypted audio without a key that we can use (a=crypto)")


def _codec(formats: list[str], body: list[str]) -> tuple[int, Codec]:
    """The first of the peer's formats that we have: what it likes best."""
    mapped = {found[1]: found for line in body if (found := _RTPMAP.match(line[2:])) and line.startswith("a=")}
    for text in formats:
        if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > 127:
            continue
        named = mapped.get(text)
        if named is not None and named[2].upper() in BY_NAME and named[3] == "8000":
            return int(text), BY_NAME[named[2].upper()]
        if named is None and int(text) in BY_TYPE:
            return int(text), BY_TYPE[int(text)]
    raise SdpError("the description has no G.711 (PCMA, PCMU)")


def _address(lines: list[str]) -> str | None:
    for line in lines:
        if found := re.match(r"c=IN IP([46]) ([^\s/]+)", line):
            try:
                address = ipaddress.ip_address(found[2])
            except ValueError:
                return None
            return str(address) if address.version == int(found[1]) and "%" not in found[2] else None
    return None


def _direction(lines: list[str]) -> Direction | None:
    for line in lines:
        if line.startswith("a=") and line[2:] in set(Direction):
            return Direction(line[2:])
    return None


def _rtcp_port(lines: list[str]) -> int | None:
    for line in lines:
        if found := re.match(r"a=rtcp:([0-9]{1,5})(?: |$)", line):
            return int(found[1]) if 0 < int(found[1]) <= 65535 else None
    return None


def offer(ours: Ours) -> str:
    """Our offer: audio, both laws, both ways."""
    formats = {codec.payload_type: codec.name for codec in CODECS}
    protocol = SECURE if ours.keys.encryption is Encryption.REQUIRED else PLAIN
    audio = _our_audio(ours, protocol, formats, ours.keys.offered(), Direction.BOTH)
    return "".join(f"{line}\r\n" for line in [*_head(ours), *audio])


def answer(ours: Ours, offered: Description) -> str:
    """Our answer: the chosen audio with the one codec that both use; all other media are refused by port 0."""
    lines = _head(ours)
    for index, section in enumerate(offered.sections):
        if index == offered.chosen:
            formats, direction = {offered.payload_type: offered.codec.name}, offered.direction.mirrored
            ours_for_it = ours.encrypts_with(offered)
            lines += _our_audio(ours, section.protocol, formats, (ours_for_it,) if ours_for_it else (), direction)
        else:
            lines.append(f"m={section.media} 0 {section.protocol} {section.first_format}")
    return "".join(f"{line}\r\n" for line in lines)


def _head(ours: Ours) -> list[str]:
    where = f"IN IP{6 if ':' in ours.address else 4} {ours.address}"
    return ["v=0", f"o=- {ours.session} {ours.version} {where}", "s=-", f"c={where}", "t=0 0"]


def _our_audio(
    ours: Ours, protocol: str, formats: dict[int, str], cryptos: tuple[Crypto, ...], direction: Direction
) -> list[str]:
    return [
        f"m=audio {ours.port} {protocol} {' '.join(map(str, formats))}",
        *(f"a=rtpmap:{number} {name}/8000" for number, name in formats.items()),
        *(one.line for one in cryptos),
        f"a=ptime:{round(FRAME_SECONDS * 1000)}",
        f"a={direction}",
    ]
