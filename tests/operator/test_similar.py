"""Which Events are made, and which are counted up."""

from __future__ import annotations

from softphone_operator.reconcile import similar
from softphone_operator.reconcile.similar import COMBINED, DIFFERENT, KEPT_SECONDS, REMEMBERED, WINDOW_SECONDS, Similar

ANNA, BOB = ("uid-anna", "Warning", "Unreachable"), ("uid-bob", "Warning", "Unreachable")


def tell(it: Similar, kind: tuple[str, str, str], message: str, name: str, now: float = 0.0) -> tuple[str, str, int]:
    told = it.tell(kind, message, name, now)
    return told.name, told.message, told.count


def test_the_same_again_is_counted_on_the_event_that_is_there() -> None:
    it = Similar()
    assert tell(it, ANNA, "no answer", "a") == ("a", "no answer", 1)
    assert tell(it, ANNA, "no answer", "b") == ("a", "no answer", 2)
    assert tell(it, ANNA, "no answer", "c") == ("a", "no answer", 3)


def test_another_object_type_reason_or_message_is_another_event() -> None:
    it = Similar()
    kinds = [ANNA, BOB, ("uid-anna", "Normal", "Unreachable"), ("uid-anna", "Warning", "Unavailable")]
    told = [tell(it, kind, "no answer", str(n)) for n, kind in enumerate(kinds)]
    told.append(tell(it, ANNA, "503", "4"))
    assert [(name, count) for name, _, count in told] == [(str(n), 1) for n in range(5)]


def test_many_messages_of_one_kind_become_one_event_with_the_last_of_them() -> None:
    it = Similar()
    told = [tell(it, ANNA, f"{n} of 1000 phones are registered", str(n), float(n)) for n in range(DIFFERENT + 3)]
    assert [count for _, _, count in told] == [1] * (DIFFERENT + 1) + [2, 3]
    assert told[-1] == (str(DIFFERENT), f"{COMBINED}{DIFFERENT + 2} of 1000 phones are registered", 3)
    assert tell(it, ANNA, "quiet again", "x", 2 * WINDOW_SECONDS) == ("x", "quiet again", 1)


def test_an_event_that_the_api_server_may_have_forgotten_is_made_anew() -> None:
    it = Similar()
    tell(it, ANNA, "no answer", "a")
    assert tell(it, ANNA, "no answer", "b", KEPT_SECONDS) == ("b", "no answer", 1)


def test_what_could_not_be_told_does_not_count() -> None:
    it = Similar()
    it.failed(it.tell(ANNA, "no answer", "a", 0.0))
    assert tell(it, ANNA, "no answer", "b") == ("a", "no answer", 1)


def test_memory_is_bounded() -> None:
    it = Similar()
    for n in range(REMEMBERED + 10):
        it.tell((f"uid-{n}", "Warning", "Unreachable"), "no answer", "a", 0.0)
    assert len(it._told) == len(it._messages) == similar.REMEMBERED
