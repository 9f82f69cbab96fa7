"""A-law and µ-law, beside Python's own implementation of ITU-T G.711."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls.g711 import BY_NAME, BY_TYPE, CODECS, PCMA, PCMU, Codec

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it goes with Python 3.13
    import audioop

DECODE = {"PCMA": audioop.alaw2lin, "PCMU": audioop.ulaw2lin}


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_every_byte_has_the_sample_of_the_standard(codec: Codec) -> None:
    expected = memoryview(DECODE[codec.name](bytes(range(256)), 2)).cast("h").tolist()
    assert list(codec.decoded) == expected


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@given(sample=st.integers(-40000, 40000))
def test_no_sample_is_off_by_more_than_a_32nd_of_it(codec: Codec, sample: int) -> None:
    """What 16 steps in each doubling give. Louder samples than 16 bits hold are cut off. It goes in steps of 16."""
    (code,) = codec.encode([sample])
    heard = max(-32768, min(32767, sample))
    assert abs(codec.decoded[code] - heard) <= abs(heard) / 32 + 24


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_what_is_decoded_is_encoded_to_the_same_sound(codec: Codec) -> None:
    again = codec.encode(list(codec.decoded))
    for code, other in enumerate(again):
        assert abs(codec.decoded[code] - codec.decoded[other]) <= 16


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_silence_is_the_quietest_there_is(codec: Codec) -> None:
    assert abs(codec.decoded[codec.silence]) == min(map(abs, codec.decoded))
    assert codec.silent(3) == bytes([codec.silence]) * 3


def test_their_numbers_are_those_of_rfc_3551() -> None:
    assert {codec.name: codec.payload_type for codec in CODECS} == {"PCMA": 8, "PCMU": 0}
    assert BY_TYPE == {8: PCMA, 0: PCMU}
    assert BY_NAME == {"PCMA": PCMA, "PCMU": PCMU}
