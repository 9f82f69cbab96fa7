"""Whom an INVITE is for."""

from __future__ import annotations

import pytest

from softphone_agent.sip.binding import Registration
from softphone_agent.sip.callee import Callee, callee_of

AORS = [("a1", "sip:alice@pbx.test"), ("a2", "sip:alice@pbx.test"), ("u", "sip:m%C3%BCller@pbx.test")]
REGISTRATION = Registration(None, None, "", 0, None, 60)  # type: ignore[arg-type]


def found(uri: str, *bound: str) -> Callee | None:
    return callee_of(uri, AORS, lambda name: REGISTRATION if name in bound else None)


@pytest.mark.parametrize(
    ("uri", "bound", "name"),
    [
        ("sip:alice@192.0.2.9:5060", ("a1", "a2"), "a1"),
        ("sip:alice@192.0.2.9:5060", ("a2",), "a2"),
        ("sip:alice@192.0.2.9:5060", (), "a1"),
        ("sip:alice@192.0.2.9;line=a2;ob", ("a1", "a2"), "a2"),
        ("sip:alice@192.0.2.9;line=a2", ("a1",), "a2"),
        ("SIPS:alice:secret@192.0.2.9?Subject=x", ("a1",), "a1"),
        ("sip:m%c3%bcller@192.0.2.9", ("u",), "u"),
    ],
)
def test_a_phone_of_ours(uri: str, bound: tuple[str, ...], name: str) -> None:
    """Its line counts most; else the first that has a binding."""
    callee = found(uri, *bound)
    assert callee == Callee(name, REGISTRATION if name in bound else None)


@pytest.mark.parametrize("uri", ["sip:bob@192.0.2.9", "sip:192.0.2.9", "tel:alice", "", "sip:Alice@192.0.2.9"])
def test_nobody_of_ours(uri: str) -> None:
    assert found(uri, "a1", "a2", "u") is None
