"""The engine in this process: its own waiting."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from softphone_agent.sip.settings import EngineSettings

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(("seconds", "milliseconds"), [(-0.1, 0), (0.0, 0), (0.0004, 1), (0.0015, 2), (0.2, 200)])
def test_the_engine_waits_until_it_is_time_so_that_nobody_has_to_ask_it_again_and_again(
    monkeypatch: pytest.MonkeyPatch, seconds: float, milliseconds: int
) -> None:
    from softphone_agent.sip.engine import Engine  # make check looks into this file without pjsua2

    waits: list[int] = []

    def noted(msec: int) -> list[Any]:
        waits.append(msec)
        return []

    engine = Engine(EngineSettings("test"))
    monkeypatch.setattr(engine, "_client", SimpleNamespace(poll=noted), raising=False)
    monkeypatch.setattr(engine, "_strangers", SimpleNamespace(look=lambda now: None), raising=False)
    assert not list(engine.poll(seconds))
    assert waits == [milliseconds]
