"""Where the SIP stack sends what goes to a name: what is kept of it."""

from __future__ import annotations

import ctypes

import pytest

from softphone_agent.dns.targets import Target
from softphone_agent.sip import library
from softphone_agent.sip.name_table import MOST_NAMES, NameTable

pytestmark = pytest.mark.lab


def table() -> NameTable:
    return NameTable(ctypes.CDLL(library.path()))


def test_a_handle_stays_the_same_and_is_nobody_elses() -> None:
    names, target = table(), Target("192.0.2.1", 5061)
    handle = names.handle("pbx.test", target)
    others = {names.handle(f"host{number}.test", target) for number in range(2 * MOST_NAMES)}
    assert len(others) == 2 * MOST_NAMES
    assert handle not in others
    names.keep({("pbx.test", target)})
    later = {names.handle(f"later{number}.test", target) for number in range(2 * MOST_NAMES)}
    assert names.handle("pbx.test", target) == handle
    assert handle not in later


def test_nothing_is_kept_of_many_names_that_nobody_uses_any_more() -> None:
    names, target = table(), Target("192.0.2.1", 5061)
    names.handle("pbx.test", target)
    for port in range(MOST_NAMES):
        names.point("pinged.test", port, target)
    names.keep({("pbx.test", target)})
    assert len(names) == 1


def test_few_names_are_kept_though_nobody_uses_them() -> None:
    names = table()
    names.point("pbx.test", 0, Target("192.0.2.1", 5060))
    names.keep(set())
    assert len(names) == 1
