"""What is to be done when, and that what counts no more is not kept."""

from __future__ import annotations

from softphone_agent.worker.alarms import SLACK, Alarms


def test_the_earliest_comes_first_and_of_the_same_time_the_one_that_was_set_first() -> None:
    alarms: Alarms[str] = Alarms(lambda _: True)
    for at, what in ((3.0, "c"), (1.0, "a"), (1.0, "b"), (9.0, "d")):
        alarms.set(at, what)
    assert alarms.next == 1.0
    assert list(alarms.due(0.9)) == []
    assert list(alarms.due(3.0)) == ["a", "b", "c"]
    assert alarms.next == 9.0
    assert list(alarms.due(9.0)) == ["d"]
    assert alarms.next is None


def test_what_is_set_meanwhile_is_given_out_where_it_is_due() -> None:
    alarms: Alarms[int] = Alarms(lambda _: True)
    alarms.set(1.0, 1)
    given = []
    for number in alarms.due(2.0):
        given.append(number)
        alarms.set(float(number), number + 1)
    assert given == [1, 2, 3]


def test_alarms_that_were_overtaken_do_not_pile_up() -> None:
    present: dict[int, tuple[int, float]] = {}
    alarms: Alarms[tuple[int, float]] = Alarms(lambda alarm: present[alarm[0]] is alarm)
    for turn in range(200):
        for phone in range(100):
            at = 1000.0 + phone - turn
            present[phone] = (phone, at)
            alarms.set(at, present[phone])
    assert len(alarms) <= 4 * len(present) + SLACK
    given = [alarm for alarm in alarms.due(2000.0) if present[alarm[0]] is alarm]
    assert given == sorted(present.values(), key=lambda alarm: alarm[1])


def test_alarms_that_all_count_are_all_kept_and_not_looked_through_each_time() -> None:
    looked = 0

    def counts(_: int) -> bool:
        nonlocal looked
        looked += 1
        return True

    alarms = Alarms(counts)
    for number in range(50 * SLACK):
        alarms.set(float(-number), number)
    assert len(alarms) == 50 * SLACK
    assert looked < 2 * len(alarms)
