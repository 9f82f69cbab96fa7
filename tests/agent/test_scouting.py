"""Who asks first when a shared connection was closed, and what the others are told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.worker.scouting import Finding, Scouting

ONE, OTHER = "tcp:192.0.2.1:5060", "tcp:192.0.2.2:5060"


def closed(*phones: str, connection: str = ONE) -> Scouting[str]:
    scouting: Scouting[str] = Scouting()
    for phone in phones:
        scouting.closed(connection, phone, 5.0)
    return scouting


def test_one_asks_first_and_the_others_wait_for_what_it_finds() -> None:
    scouting = closed("alice", "bob", "carol")
    assert scouting.ready()
    assert scouting.next(10) == [Finding("alice", ONE, 5.0, refused=False)]
    assert list(scouting.scouts()) == [(ONE, "alice")]
    assert not scouting.ready()
    assert scouting.next(10) == []


def test_what_the_scout_finds_is_told_to_the_others_some_at_a_time_in_their_order() -> None:
    scouting = closed("alice", "bob", "carol", "dave")
    scouting.next(2)
    scouting.found(ONE, refused=True)
    assert scouting.ready()
    assert scouting.next(2) == [Finding("bob", ONE, 5.0, refused=True), Finding("carol", ONE, 5.0, refused=True)]
    assert scouting.next(2) == [Finding("dave", ONE, 5.0, refused=True)]
    assert not scouting.ready()
    assert list(scouting.scouts()) == []


def test_a_pbx_that_takes_the_scout_is_asked_by_all() -> None:
    scouting = closed("alice", "bob")
    scouting.next(10)
    scouting.found(ONE, refused=False)
    assert scouting.next(10) == [Finding("bob", ONE, 5.0, refused=False)]


def test_a_phone_alone_leaves_nothing_behind() -> None:
    scouting = closed("alice")
    assert [finding.phone for finding in scouting.next(10)] == ["alice"]
    assert list(scouting.scouts()) == []
    scouting.found(ONE, refused=True)
    assert scouting.next(10) == []


def test_a_closing_that_is_heard_of_twice_is_one() -> None:
    scouting = closed("alice", "bob")
    scouting.next(10)
    scouting.closed(ONE, "bob", 6.0)
    scouting.found(ONE, refused=True)
    assert scouting.next(10) == [Finding("bob", ONE, 5.0, refused=True)]
    assert scouting.next(10) == []


def test_every_connection_has_a_scout_of_its_own() -> None:
    scouting = closed("alice", "bob")
    scouting.closed(OTHER, "carol", 5.5)
    scouting.closed(OTHER, "dave", 5.5)
    assert [finding.phone for finding in scouting.next(10)] == ["alice", "carol"]
    scouting.found(OTHER, refused=True)
    assert [finding.phone for finding in scouting.next(10)] == ["dave"]
    assert list(scouting.scouts()) == [(ONE, "alice")]


@given(st.lists(st.tuples(st.sampled_from([ONE, OTHER]), st.integers(0, 30)), max_size=60), st.integers(1, 7))
def test_everybody_is_told_once_and_never_too_many_at_a_time(losses: list[tuple[str, int]], most: int) -> None:
    scouting: Scouting[str] = Scouting()
    for connection, phone in losses:
        scouting.closed(connection, str(phone), 1.0)
    told: list[tuple[str, str]] = []
    while scouting.ready():
        findings = scouting.next(most)
        assert 0 < len(findings) <= most
        told += [(finding.connection, finding.phone) for finding in findings]
        for connection, _ in list(scouting.scouts()):
            scouting.found(connection, refused=True)
    assert sorted(told) == sorted({(connection, str(phone)) for connection, phone in losses})
