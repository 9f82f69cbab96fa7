"""SRTP and SRTCP (RFC 3711) by libsrtp. Only here its binding is known, which the first encrypted call loads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from softphone_agent.calls.sdes import Crypto, Suite
from softphone_agent.worker.call_media import Datagram

if TYPE_CHECKING:
    from pylibsrtp import Session

LONGEST = 1400
"""Bytes of a packet that are looked at: what encrypts has room for 1500, with what it adds."""
REPLAY_WINDOW = 256
"""Packets: those that were seen before, or are older than so many, are thrown away (RFC 3711, section 3.3.2)."""


class MediaEncryption:
    """Of one call. As long as nothing is agreed upon, or plain media is, all passes as it is."""

    def __init__(self) -> None:
        self._keys: dict[bool, Crypto | None] = {}
        """By whether it is ours."""
        self._out: Session | None = None
        self._in: Session | None = None
        self.refused = 0
        """Packets that came and could not be decrypted: another key, changed on the way, or sent twice."""

    def agreed(self, ours: Crypto | None, theirs: Crypto | None) -> None:
        """Encrypt by ours, decrypt by theirs. With the same key as before the counters go on, as they must."""
        if ours != self._keys.get(True):
            self._out = _session(ours, outbound=True)
        if theirs != self._keys.get(False):
            self._in = _session(theirs, outbound=False)
        self._keys = {True: ours, False: theirs}

    def encrypted(self, rtp: Iterable[bytes], rtcp: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
        """What goes out for this."""
        if self._out is None:
            return list(rtp), list(rtcp)
        return [self._out.protect(data) for data in rtp], [self._out.protect_rtcp(data) for data in rtcp]

    def decrypted(self, rtp: list[Datagram], rtcp: list[Datagram]) -> tuple[list[Datagram], list[Datagram]]:
        """What came, without what is not the other end's."""
        if self._in is None:
            return rtp, rtcp
        return self._each(rtp, self._in.unprotect), self._each(rtcp, self._in.unprotect_rtcp)

    def _each(self, came: list[Datagram], decrypt: Callable[[bytes], bytes]) -> list[Datagram]:
        from pylibsrtp import Error

        passed: list[Datagram] = []
        for data, at in came:
            try:
                if len(data) > LONGEST:
                    raise Error("too long")
                passed.append((decrypt(data), at))
            except Error:
                self.refused += 1
        return passed


def _session(crypto: Crypto | None, *, outbound: bool) -> Session | None:
    """The signature of SRTCP has 80 bits with either suite (RFC 4568, section 6.2.2)."""
    if crypto is None:
        return None
    from pylibsrtp import Policy, Session

    profiles = {
        Suite.SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        Suite.SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    }
    whose = Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND
    policy = Policy(key=crypto.key, ssrc_type=whose, srtp_profile=profiles[crypto.suite])
    policy.window_size = REPLAY_WINDOW
    return Session(policy)
