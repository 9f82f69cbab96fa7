"""The table of different users that the bench of pools applies: who is where, and what is true of each."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bench.different_phones import Place, User, is_told, table, users

VIENNA, LINZ = (Place(f"{name}-pri", f"{name}-sec", name, {}) for name in ("vienna", "linz"))


def status(ready: str, **registration: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "observedGeneration": 1}
    return {"metadata": {"generation": 1}, "status": {"conditions": [condition], "registration": registration}}


def test_users_are_spread_over_the_systems_and_some_have_a_wrong_password() -> None:
    found = users(300, 40, [VIENNA, LINZ])
    assert Counter(user.place.home for user in found) == {"vienna": 150, "linz": 150}
    assert sum(not user.is_right for user in found) == 40
    assert len({user.phys for user in found}) == 300


def test_the_table_is_one_that_import_takes() -> None:
    assert table(users(2, 1, [VIENNA, LINZ])) == (
        "user,password,pri,sec,phys\nload000,guessed,vienna-pri,vienna-sec,room-0\nload001,pw-load001,linz-pri,linz-sec,room-1\n"
    )


def test_what_must_be_told_of_a_user() -> None:
    right, wrong = User("a", LINZ, "room-1", "pw-a"), User("b", LINZ, "room-2", "guessed")
    there = status("True", pbx="linz", physicalLocation="room-1")
    refused = status("False", lastFailure={"reason": "Rejected"})
    assert [is_told(obj, right) for obj in (there, refused)] == [True, False]
    assert [is_told(obj, wrong) for obj in (there, refused)] == [False, True]
    assert not is_told(status("True", pbx="linz", physicalLocation="room-2"), right)
    assert not is_told(status("False", pbx="linz"), wrong)
