"""Which AORs are the same: a fleet's are compared without making them all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_operator.decide.aors import FleetAors, canonical_aor, shared

LOAD = FleetAors("sip:load{index:05d}@ACME.example", range(100, 200))


@pytest.mark.parametrize(
    ("aor", "index"),
    [
        ("sip:load00100@acme.example", 100),
        ("sips:load00199@acme.example", 199),
        ("sip:load00099@acme.example", None),
        ("sip:load00200@acme.example", None),
        ("sip:load100@acme.example", None),
        ("sip:LOAD00100@acme.example", None),
        ("sip:load00100@other.example", None),
        ("sip:load00100@acme.example:5070", None),
        ("sip:load001ff@acme.example", None),
        ("nonsense", None),
    ],
)
def test_the_phone_of_a_fleet_that_has_an_aor(aor: str, index: int | None) -> None:
    assert LOAD.index_of(canonical_aor(aor)) == index


TEMPLATES = [
    *("sip:u{index}@acme", "sip:{index}@acme", "sips:u{index:03d}x{index:X}@acme:5070", "sip:a{index:x}@s.acme"),
    *("sip:u@site{index}.acme", "sip:u{index}@[2001:db8::1]", "sip:u%20{index}@acme", "sip:u{index}@10.0.0.1"),
]


@given(st.sampled_from(TEMPLATES), st.integers(0, 9999))
def test_every_phone_of_a_fleet_is_found_by_its_aor(text: str, index: int) -> None:
    fleet = FleetAors(text, range(index, index + 1))
    assert fleet.index_of(fleet.at(index)) == index


@pytest.mark.parametrize(
    ("one", "other", "first"),
    [
        (("sip:u{index}@acme", range(10)), ("sip:u{index}@acme", range(5, 20)), (5, 5)),
        (("sip:u{index}@acme", range(10)), ("sips:u{index}@acme", range(9, 20)), (9, 9)),
        (("sip:u{index}@acme", range(10)), ("sip:u{index}@acme", range(10, 20)), None),
        (("sip:u{index}@acme", range(20)), ("sip:u1{index}@acme", range(5)), (10, 0)),
        (("sip:u{index:02d}@acme", range(100)), ("sip:u{index}@acme", range(8, 12)), (10, 10)),
        (("sip:u{index}@acme", range(10)), ("sip:v{index}@acme", range(10)), None),
        (("sip:u{index}@acme", range(10)), ("sip:u{index}@acne", range(10)), None),
        (("sip:{index}@acme", range(10)), ("sip:{index:x}@acme", range(8, 12)), (8, 8)),
        (("sip:u{index}@acme", range(0)), ("sip:u{index}@acme", range(10)), None),
    ],
)
def test_the_first_aor_that_two_fleets_share(
    one: tuple[str, range], other: tuple[str, range], first: tuple[int, int] | None
) -> None:
    assert shared(FleetAors(*one), FleetAors(*other)) == first


def test_fleets_that_cannot_meet_are_not_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: object) -> str:
        raise AssertionError("an AOR was made")

    monkeypatch.setattr("softphone_operator.decide.aors.canonical_aor", never)
    assert (
        shared(FleetAors("sip:a{index}@x.example", range(5000)), FleetAors("sip:b{index}@x.example", range(9))) is None
    )
    same = FleetAors("sip:a{index}@x.example", range(4000, 9000))
    assert shared(FleetAors("sip:a{index}@x.example", range(5000)), same) == (4000, 4000)
