"""Session descriptions: what offers of phones and PBXes mean, and what we answer."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls import sdp
from softphone_agent.calls.g711 import PCMA, PCMU
from softphone_agent.calls.sdp import Description, Direction, Ours, SdpError, Section

OURS = Ours("192.0.2.9", 16384, 77)
HEAD = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"]


def text(*lines: str, head: Iterable[str] = HEAD) -> str:
    return "".join(f"{line}\r\n" for line in [*head, *lines])


def audio(**changes: object) -> Description:
    fields = {
        "address": "192.0.2.1",
        "port": 4000,
        "rtcp_port": 4001,
        "codec": PCMA,
        "payload_type": 8,
        "direction": Direction.BOTH,
        "sections": (Section("audio", "RTP/AVP", "8"),),
        "chosen": 0,
    }
    return Description(**(fields | changes))  # type: ignore[arg-type]


def sections(first: str) -> tuple[Section, ...]:
    return (Section("audio", "RTP/AVP", first),)


USABLE = {
    "the least": (text("m=audio 4000 RTP/AVP 8"), audio()),
    "lines end in a line feed only": (text("m=audio 4000 RTP/AVP 8").replace("\r", ""), audio()),
    "µ-law is liked better": (
        text("m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000"),
        audio(codec=PCMU, payload_type=0, sections=sections("0")),
    ),
    "wideband first, then A-law": (text("m=audio 4000 RTP/AVP 9 8"), audio(sections=sections("9"))),
    "a dynamic number": (
        text("m=audio 4000 RTP/AVP 96 97", "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 pcma/8000/1"),
        audio(payload_type=97, sections=sections("96")),
    ),
    "a static number that is named": (text("m=audio 4000 RTP/AVP 8", "a=rtpmap:8 PCMA/8000"), audio()),
    "a static number that is named otherwise": (
        text("m=audio 4000 RTP/AVP 8 0", "a=rtpmap:8 PCMA/16000"),
        audio(codec=PCMU, payload_type=0),
    ),
    "formats that are none": (text("m=audio 4000 RTP/AVP x 200 8"), audio(sections=sections("x"))),
    "an address of its own": (text("m=audio 4000 RTP/AVP 8", "c=IN IP4 192.0.2.7/127"), audio(address="192.0.2.7")),
    "IPv6": (text("m=audio 4000 RTP/AVP 8", "c=IN IP6 2001:DB8::1"), audio(address="2001:db8::1")),
    "RTCP elsewhere": (text("m=audio 4000 RTP/AVP 8", "a=rtcp:5005 IN IP4 192.0.2.1"), audio(rtcp_port=5005)),
    "RTCP nowhere": (text("m=audio 4000 RTP/AVP 8", "a=rtcp:0"), audio()),
    "the last port": (text("m=audio 65535 RTP/AVP 8"), audio(port=65535, rtcp_port=65535)),
    "held by the session": (text("a=sendonly", "m=audio 4000 RTP/AVP 8"), audio(direction=Direction.SEND)),
    "not held after all": (
        text("a=sendonly", "m=audio 4000 RTP/AVP 8", "a=sendrecv"),
        audio(),
    ),
    "held as of old": (
        text("m=audio 4000 RTP/AVP 8", "c=IN IP4 0.0.0.0"),
        audio(address="0.0.0.0", direction=Direction.SEND),
    ),
    "held as of old, both ways": (
        text("m=audio 4000 RTP/AVP 8", "c=IN IP4 0.0.0.0", "a=inactive"),
        audio(address="0.0.0.0", direction=Direction.NONE),
    ),
    "video and encrypted audio beside it": (
        text("m=video 4002 RTP/AVP 99", "m=audio 4004 RTP/SAVP 8", "m=audio 4000/2 RTP/AVP 8", "m=audio 0 RTP/AVP 0"),
        audio(
            sections=(
                Section("video", "RTP/AVP", "99"),
                Section("audio", "RTP/SAVP", "8"),
                Section("audio", "RTP/AVP", "8"),
                Section("audio", "RTP/AVP", "0"),
            ),
            chosen=2,
        ),
    ),
}
FAULTS = {
    "nothing": ("", "the description does not begin with v=0"),
    "no SDP": ("hello", "the description does not begin with v=0"),
    "too long": ("v=0\r\n" + "a=x\r\n" * 4000, "the description has 20005 characters, more than 16384"),
    "too many media": (text(*["m=audio 4000 RTP/AVP 8"] * 33), "the description has 33 media, more than 32"),
    "an m= line that is none": (text("m=audio"), "the description has an m= line that is none"),
    "no audio": (text("m=video 4000 RTP/AVP 8"), "the description has no audio"),
    "audio that is refused": (text("m=audio 0 RTP/AVP 8"), "the description has no audio"),
    "encrypted": (
        text("m=audio 4000 RTP/SAVP 8"),
        "the description has encrypted audio, and mediaEncryption is Never",
    ),
    "keys by DTLS": (
        text("m=audio 4000 UDP/TLS/RTP/SAVPF 8"),
        "the description has audio over UDP/TLS/RTP/SAVPF, not RTP/AVP or RTP/SAVP",
    ),
    "no such port": (text("m=audio 70000 RTP/AVP 8"), "the description has the port 70000"),
    "no G.711": (text("m=audio 4000 RTP/AVP 9 18"), "the description has no G.711 (PCMA, PCMU)"),
    "no address": (text("m=audio 4000 RTP/AVP 8", head=["v=0"]), "the description has no c= line with an IP address"),
    "a name": (
        text("m=audio 4000 RTP/AVP 8", head=["v=0", "c=IN IP4 pbx.test"]),
        "the description has no c= line with an IP address",
    ),
    "an address of the other family": (
        text("m=audio 4000 RTP/AVP 8", head=["v=0", "c=IN IP6 192.0.2.1"]),
        "the description has no c= line with an IP address",
    ),
    "an address with a scope": (
        text("m=audio 4000 RTP/AVP 8", head=["v=0", "c=IN IP6 fe80::1%eth0"]),
        "the description has no c= line with an IP address",
    ),
    "multicast": (text("m=audio 4000 RTP/AVP 8", "c=IN IP4 224.2.1.1/127"), "the description has a multicast address"),
}


@pytest.mark.parametrize(("given_text", "meaning"), USABLE.values(), ids=USABLE.keys())
def test_what_a_description_means(given_text: str, meaning: Description) -> None:
    assert sdp.read(given_text) == meaning


@pytest.mark.parametrize(("given_text", "fault"), FAULTS.values(), ids=FAULTS.keys())
def test_why_a_description_makes_no_call(given_text: str, fault: str) -> None:
    with pytest.raises(SdpError) as caught:
        sdp.read(given_text)
    assert str(caught.value) == fault


@given(
    st.text(max_size=300)
    | st.text(alphabet="vmcatpio=0123456789 /.:-\r\nRTPAV", max_size=300).map(lambda t: f"v=0\r\n{t}")
)
def test_whatever_comes_reading_it_is_safe(given_text: str) -> None:
    try:
        found = sdp.read(given_text)
    except SdpError:
        return
    assert 0 < found.port <= 65535
    assert 0 < found.rtcp_port <= 65535


def test_our_offer() -> None:
    assert sdp.offer(OURS).split("\r\n") == [
        "v=0",
        "o=- 77 0 IN IP4 192.0.2.9",
        "s=-",
        "c=IN IP4 192.0.2.9",
        "t=0 0",
        "m=audio 16384 RTP/AVP 8 0",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]


def test_our_answer_refuses_all_media_but_the_chosen() -> None:
    offered = sdp.read(USABLE["video and encrypted audio beside it"][0])
    assert sdp.answer(OURS.following(), offered).split("\r\n") == [
        "v=0",
        "o=- 77 1 IN IP4 192.0.2.9",
        "s=-",
        "c=IN IP4 192.0.2.9",
        "t=0 0",
        "m=video 0 RTP/AVP 99",
        "m=audio 0 RTP/SAVP 8",
        "m=audio 16384 RTP/AVP 8",
        "a=rtpmap:8 PCMA/8000",
        "a=ptime:20",
        "a=sendrecv",
        "m=audio 0 RTP/AVP 0",
        "",
    ]


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_a_hold_is_answered_as_rfc_3264_says(offered: str, answered: str) -> None:
    made = sdp.answer(Ours("2001:db8::9", 16384, 1), sdp.read(text("m=audio 4000 RTP/AVP 8", f"a={offered}")))
    assert f"a={answered}\r\n" in made
    assert "c=IN IP6 2001:db8::9\r\n" in made


@given(st.sampled_from(list(Direction)))
def test_our_answer_is_one_that_we_would_take_ourselves(direction: Direction) -> None:
    answered = sdp.read(sdp.answer(OURS, audio(direction=direction)))
    assert answered.direction is direction.mirrored
    assert direction.sends == answered.direction.receives
    assert (answered.codec, answered.port) == (PCMA, OURS.port)
