"""How checks are told apart in the logs of PBXes."""

from __future__ import annotations

import math
from typing import Any

from bench.checks import of_binding_checks
from bench.figures import Checks
from lab.register_log import Register


def asked(call_id: str, contact: str = "") -> Register:
    return Register(0.0, "load0@pbx.test", "pbx.test", "", call_id, 1, None, contact, None, "", None, 200, None)


def test_a_phone_that_asks_often_asks_for_all_and_refreshes_are_no_checks() -> None:
    often, seldom, refreshes = [asked("a")] * 16, [asked("b")] * 4, [asked("c", "<sip:load0@192.0.2.1>")] * 50
    assert of_binding_checks([*often, *seldom, *refreshes], 300.0) == 16
    assert of_binding_checks([*seldom, *refreshes], 300.0) == 0


def test_without_refreshes_there_is_no_share() -> None:
    row: dict[str, Any] = {"client": "off", "phones": 1, "processes": 2, "seconds": 60, "busiest": 0, "challenged": 0}
    none = Checks(**row, refreshes=0, path_checks=0.1, binding_checks=0.1, megabytes=1, cores=0, pbx_cores=0)
    assert math.isnan(none.share)
