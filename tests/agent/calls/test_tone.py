"""Tones: whose is heard, and how sure that is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.calls import tone
from softphone_agent.calls.g711 import CODECS, FRAME, PCMA, Codec

both = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)


@both
def test_each_end_hears_the_other_and_not_itself(codec: Codec) -> None:
    frames = [tone.frame(tone.CALLEE, codec)] * 25
    assert tone.part_heard(frames, tone.CALLEE, codec) == 1.0
    assert tone.part_heard(frames, tone.CALLER, codec) == 0.0


@both
def test_silence_and_noise_are_no_tone(codec: Codec) -> None:
    draw = random.Random(1)
    noise = [codec.encode([draw.randrange(-8000, 8000) for _ in range(FRAME)]) for _ in range(25)]
    assert tone.part_heard([codec.silent(FRAME)] * 25, tone.CALLEE, codec) == 0.0
    assert tone.part_heard(noise, tone.CALLEE, codec) == 0.0
    assert tone.is_silent([codec.silent(FRAME)] * 25, codec)
    assert not tone.is_silent(noise, codec)


def test_nothing_is_no_tone() -> None:
    assert tone.part_heard([], tone.CALLEE, PCMA) == 0.0
    assert tone.part_heard([b""], tone.CALLEE, PCMA) == 0.0
    assert tone.is_silent([], PCMA)
    assert tone.purity([], tone.CALLEE) == 0.0


def test_half_of_it() -> None:
    frames = [tone.frame(tone.CALLEE, PCMA), PCMA.silent(FRAME)] * 10
    assert tone.part_heard(frames, tone.CALLEE, PCMA) == 0.5


def test_a_tone_over_noise_is_heard_while_it_is_the_louder() -> None:
    draw = random.Random(2)
    clean = [PCMA.decoded[each] for each in tone.frame(tone.CALLEE, PCMA)]
    assert tone.purity([sample + draw.randrange(-3000, 3000) for sample in clean], tone.CALLEE) > tone.HEARD
    assert tone.purity([sample + draw.randrange(-30000, 30000) for sample in clean], tone.CALLEE) < tone.HEARD


@given(st.integers(1, 79).map(lambda step: step * tone.STEP))
def test_a_frame_follows_the_one_before_without_a_click(hertz: int) -> None:
    """Each tone of whole waves is pure over two frames as over one."""
    samples = [PCMA.decoded[each] for each in tone.frame(hertz, PCMA) * 2]
    assert tone.purity(samples, hertz) > 0.99


@pytest.mark.parametrize("hertz", [0, 4000, 1001, -50])
def test_a_tone_that_does_not_fit_a_frame_is_refused(hertz: int) -> None:
    with pytest.raises(ValueError, match=f"{hertz} Hz does not fill a frame"):
        tone.frame(hertz, PCMA)


def test_both_tones_fit_a_frame() -> None:
    assert {tone.CALLEE % tone.STEP, tone.CALLER % tone.STEP} == {0}
