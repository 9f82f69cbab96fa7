"""Keys for encrypted media in descriptions: what is offered, what is answered, and whom there is no call with."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls import sdes, sdp
from softphone_agent.calls.sdes import Crypto, Encryption, Keys, Suite
from softphone_agent.calls.sdp import Ours, SdpError

KEY, OTHER = bytes(range(30)), bytes(range(30, 60))
TEXT = base64.b64encode(KEY).decode()
LINE = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT}"
SHORT = f"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{TEXT}"
FULL, TAGGED = Crypto(1, Suite.SHA1_80, KEY), Crypto(2, Suite.SHA1_32, KEY)

USABLE = {
    "the least": (LINE, FULL),
    "a short signature": (SHORT, TAGGED),
    "with a lifetime": (f"{LINE}|2^20", FULL),
    "with a window": (f"{LINE}|2^48 WSH=128", FULL),
    "with what may be ignored": (f"{LINE} -x=1", FULL),
}
UNUSABLE = {
    "another suite": "a=crypto:1 AEAD_AES_256_GCM inline:" + TEXT,
    "no key": "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:",
    "a key that is none": "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%%%",
    "a key that is too short": "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + TEXT[:36],
    "another method": LINE.replace("inline:", "uri:"),
    "an MKI": f"{LINE}|2^20|1:4",
    "an MKI without lifetime": f"{LINE}|1:4",
    "two keys": f"{LINE};inline:{TEXT}",
    "no encryption at all": f"{LINE} UNENCRYPTED_SRTP",
    "another derivation": f"{LINE} KDR=1",
    "no tag": LINE.replace(":1 ", ": "),
    "another attribute": "a=fingerprint:sha-1 00",
}


@pytest.mark.parametrize(("line", "meaning"), USABLE.values(), ids=USABLE.keys())
def test_a_line_that_we_can_use(line: str, meaning: Crypto) -> None:
    assert sdes.parse(line) == meaning


@pytest.mark.parametrize("line", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_line_that_we_cannot_use_is_passed_over(line: str) -> None:
    assert sdes.parse(line) is None
    assert sdes.first_usable([line, "a=ptime:20", SHORT, LINE]) == TAGGED


@given(st.text(max_size=80).map(lambda rest: f"a=crypto:{rest}"))
def test_whatever_comes_reading_it_is_safe(line: str) -> None:
    found = sdes.parse(line)
    assert found is None or len(found.key) == sdes.KEY_BYTES


def test_keys_are_shown_nowhere() -> None:
    keys = Keys(Encryption.OFFERED, (KEY, OTHER))
    shown = f"{FULL!r} {FULL} {keys!r} {Ours('192.0.2.9', 4, 1, keys=keys)!r}"
    assert repr(KEY)[2:20] not in shown
    assert TEXT not in shown


def ours(encryption: str) -> Ours:
    return Ours("192.0.2.9", 16384, 77, keys=Keys(Encryption(encryption), (KEY, OTHER)))


def theirs(protocol: str, *lines: str) -> str:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"]
    return "".join(f"{line}\r\n" for line in [*head, f"m=audio 4000 {protocol} 8", *lines])


@pytest.mark.parametrize(
    ("encryption", "protocol", "lines"),
    [
        ("Never", "RTP/AVP", []),
        ("Offered", "RTP/AVP", [FULL.line, Crypto(2, Suite.SHA1_32, OTHER).line]),
        ("Required", "RTP/SAVP", [FULL.line, Crypto(2, Suite.SHA1_32, OTHER).line]),
    ],
)
def test_our_offer(encryption: str, protocol: str, lines: list[str]) -> None:
    made = sdp.offer(ours(encryption)).split("\r\n")
    assert f"m=audio 16384 {protocol} 8 0" in made
    assert [line for line in made if line.startswith("a=crypto:")] == lines


OFFERS: dict[str, dict[str, Crypto | str | None]] = {
    # By what is offered and the phone's mediaEncryption: our key, None for plain media, or why there is no call.
    "RTP/AVP": {"Never": None, "Offered": None, "Required": "is not encrypted, and mediaEncryption is Required"},
    "RTP/AVP with a key": {"Never": None, "Offered": FULL, "Required": FULL},
    "RTP/SAVP with a key": {
        "Never": "encrypted audio, and mediaEncryption is Never",
        "Offered": FULL,
        "Required": FULL,
    },
    "RTP/SAVP without one": {
        "Never": "encrypted audio, and mediaEncryption is Never",
        "Offered": "without a key that we can use",
        "Required": "without a key that we can use",
    },
}


@pytest.mark.parametrize(
    ("offered", "encryption", "answered"),
    [(offered, encryption, answer) for offered, by in OFFERS.items() for encryption, answer in by.items()],
)
def test_what_is_answered_to_an_offer(offered: str, encryption: str, answered: Crypto | str | None) -> None:
    protocol = offered.split()[0]
    text = theirs(protocol, *([LINE] if offered.endswith("with a key") else []))
    if isinstance(answered, str):
        with pytest.raises(SdpError, match=answered):
            sdp.read(text, Encryption(encryption))
        return
    description = sdp.read(text, Encryption(encryption))
    assert description.crypto == answered
    made = sdp.answer(ours(encryption), description)
    assert f"m=audio 16384 {protocol} 8\r\n" in made
    assert [line for line in made.split("\r\n") if line.startswith("a=crypto:")] == ([FULL.line] if answered else [])


def test_the_answer_has_the_tag_and_the_suite_of_the_offer() -> None:
    description = sdp.read(theirs("RTP/SAVP", SHORT.replace("crypto:2", "crypto:7")), Encryption.OFFERED)
    assert Crypto(7, Suite.SHA1_32, OTHER).line in sdp.answer(ours("Offered"), description)


def test_two_of_ours_agree() -> None:
    caller, callee = ours("Required"), Ours("192.0.2.8", 16390, 78, keys=Keys(Encryption.OFFERED, (OTHER, KEY)))
    offered = sdp.read(sdp.offer(caller), callee.keys.encryption)
    answered = sdp.read_answer(sdp.answer(callee, offered), caller)
    assert caller.encrypts_with(answered) == offered.crypto == Crypto(1, Suite.SHA1_80, KEY)
    assert callee.encrypts_with(offered) == answered.crypto == Crypto(1, Suite.SHA1_80, OTHER)


@pytest.mark.parametrize(
    ("protocol", "lines", "fault"),
    [
        ("RTP/AVP", (), "is not encrypted"),
        ("RTP/SAVP", (LINE.replace("crypto:1", "crypto:3"),), "a key for what was not offered"),
        ("RTP/SAVP", (LINE.replace("crypto:1", "crypto:2"),), "a key for what was not offered"),
    ],
)
def test_an_answer_that_does_not_fit_our_offer_makes_no_call(protocol: str, lines: tuple[str, ...], fault: str) -> None:
    with pytest.raises(SdpError, match=fault):
        sdp.read_answer(theirs(protocol, *lines), ours("Required"))


def test_who_takes_no_keys_gets_plain_media_where_encryption_is_offered() -> None:
    answered = sdp.read_answer(theirs("RTP/AVP"), ours("Offered"))
    assert (answered.crypto, ours("Offered").encrypts_with(answered)) == (None, None)
