"""How many bindings a phone had when it had the fewest, from what PBXes grant."""

from __future__ import annotations

from typing import Any

import pytest

from drills.ledger import Event, Granted, TakenBack, fold
from e2e.bindings import fewest


def granted(at: float, contact: str = "sip:a@10.0.0.1", pbx: str = "slave", **more: Any) -> Granted:
    return Granted(at, pbx, "anna", contact, more.get("expires", 20))


def taken(at: float, contact: str = "sip:a@10.0.0.1", pbx: str = "slave") -> TakenBack:
    return TakenBack(at, pbx, "anna", contact)


@pytest.mark.parametrize(
    ("events", "count"),
    [
        ([granted(0), granted(15), granted(30)], 1),
        ([granted(0), granted(15, expires=10), granted(26)], 0),
        ([granted(0), granted(15, "sip:a@10.0.0.2"), granted(30, "sip:a@10.0.0.2")], 1),
        ([granted(0), granted(15, pbx="master"), taken(16), granted(30, pbx="master")], 1),
        ([granted(0), taken(15), granted(15.1), granted(30)], 0),
        ([granted(0), granted(15)], 0),
        ([granted(15), granted(30)], 0),
        ([], 0),
    ],
    ids=[
        *("renewed in time", "renewed as it was, but too late", "another Contact before the first one expired"),
        *("moved", "un-REGISTERed and registered anew", "never renewed", "not there at the beginning", "never there"),
    ],
)
def test_the_fewest_bindings(events: list[Event], count: int) -> None:
    assert fewest(fold(events, {"anna"}), 5, 40) == {"anna": count}
