"""Encrypted media: two ends understand each other, and nobody else is heard."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls import rtcp, rtp
from softphone_agent.calls.sdes import Crypto, Suite
from softphone_agent.worker.call_encryption import MediaEncryption

KEY, OTHER = bytes(range(30)), bytes(range(30, 60))
REPORT = rtcp.receiver_report(7, None, "x")


def packets(count: int, source: int = 7) -> list[bytes]:
    sender = rtp.Sender(source, 65500, 1000)  # the number begins anew on the way
    return [sender.packet(8, bytes([number % 256]) * 160) for number in range(count)]


def both(suite: Suite = Suite.SHA1_80) -> tuple[MediaEncryption, MediaEncryption]:
    one, other = MediaEncryption(), MediaEncryption()
    one.agreed(Crypto(1, suite, KEY), Crypto(1, suite, OTHER))
    other.agreed(Crypto(1, suite, OTHER), Crypto(1, suite, KEY))
    return one, other


def came(data: list[bytes]) -> list[tuple[bytes, float]]:
    return [(each, 1.0) for each in data]


def test_a_known_packet_is_encrypted_as_others_do() -> None:
    """The master key is that of RFC 3711, appendix B.3; the packet is the one that makers of SRTP try themselves by."""
    key = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6")
    one = MediaEncryption()
    one.agreed(Crypto(1, Suite.SHA1_80, key), None)
    ((packet,), _) = one.encrypted([bytes.fromhex("800f1234decafbadcafebabe" + "ab" * 16)], [])
    assert packet.hex() == "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"


@pytest.mark.parametrize(("suite", "more"), [(Suite.SHA1_80, 10), (Suite.SHA1_32, 4)])
def test_what_one_end_encrypts_the_other_reads(suite: Suite, more: int) -> None:
    one, other = both(suite)
    plain = packets(100)
    sent, reports = one.encrypted(plain, [REPORT])
    assert {len(each) - 172 for each in sent} == {more}
    assert len(reports[0]) - len(REPORT) == 14, "a number of 4 bytes and a signature of 10"
    assert not any(data[12:] in each for data, each in zip(plain, sent, strict=True))
    assert other.decrypted(came(sent), came(reports)) == (came(plain), came([REPORT]))
    assert other.refused == 0


def test_what_was_changed_repeated_or_is_of_another_is_not_heard() -> None:
    one, other = both()
    first, second, third = one.encrypted(packets(3), [])[0]
    changed = first[:20] + bytes([first[20] ^ 1]) + first[21:]
    stranger = MediaEncryption()
    stranger.agreed(Crypto(1, Suite.SHA1_80, bytes(30)), None)
    foreign = stranger.encrypted(packets(1), [])[0]
    heard, _ = other.decrypted(came([changed, *foreign, second, second, packets(1)[0], b"", bytes(1500), third]), [])
    assert len(heard) == 2
    assert other.refused == 6
    assert other.decrypted([], came([REPORT])) == ([], [])


def test_a_change_of_the_call_with_the_same_keys_goes_on() -> None:
    one, other = both()
    plain = packets(4)
    ours, theirs = Crypto(1, Suite.SHA1_80, KEY), Crypto(1, Suite.SHA1_80, OTHER)
    other.decrypted(came(one.encrypted(plain[:2], [])[0]), [])
    one.agreed(ours, theirs)
    other.agreed(theirs, ours)
    assert other.decrypted(came(one.encrypted(plain[2:], [])[0]), [])[0] == came(plain[2:])


def test_plain_media_passes_as_it_is() -> None:
    one = MediaEncryption()
    one.agreed(None, None)
    assert one.encrypted([b"a"], [b"b"]) == ([b"a"], [b"b"])
    assert one.decrypted(came([b"a"]), came([b"b"])) == (came([b"a"]), came([b"b"]))


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_whatever_comes_it_is_safe(data: list[bytes]) -> None:
    _, other = both()
    assert other.decrypted(came(data), came(data)) == ([], [])


def test_nobody_loads_the_library_who_encrypts_nothing() -> None:
    code = (
        "import sys; from softphone_agent.worker import call_encryption as one; made = one.MediaEncryption();"
        "made.agreed(None, None); made.encrypted([b'x'], []); sys.exit('pylibsrtp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
