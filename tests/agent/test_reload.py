"""When the agent reads its configuration again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from softphone_agent.contract import reading
from softphone_agent.contract.config import AgentConfig
from softphone_agent.registration.pacing import Rests
from softphone_agent.supervisor import configuration, supervisor
from test_supervisor import VERSIONS, work


def test_what_was_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "agent.json"
    file.write_text("{}")
    read: list[Path] = []
    load = reading.load

    def counted(path: Path) -> tuple[AgentConfig, str]:
        read.append(path)
        return load(path)

    monkeypatch.setattr(reading, "load", counted)
    agent = supervisor.Supervisor(file, *load(file), VERSIONS, work)
    agent._reload()
    read.clear()
    (tmp_path / "agent.log").write_text("a line")
    agent._reload()
    assert read == []
    file.write_text(json.dumps({"fleet": "load"}))
    agent._reload()
    assert read == [file]


async def test_of_many_changes_the_last_is_taken_though_not_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may cost the phones their registrations."""
    monkeypatch.setattr(configuration, "REST_SECONDS", (0.5, 0.5))
    file = tmp_path / "agent.json"
    file.write_text("{}")
    agent = supervisor.Supervisor(file, *reading.load(file), VERSIONS, work)
    taken: list[str] = []
    load = reading.load

    def noted(path: Path) -> tuple[AgentConfig, str]:
        loaded = load(path)
        taken.append(loaded[0].fleet or "")
        return loaded

    monkeypatch.setattr(reading, "load", noted)
    watching = asyncio.create_task(agent._watch_files())
    changes = 0
    async with asyncio.timeout(30):
        while len(taken) < 3:
            changes += 1
            file.write_text(json.dumps({"fleet": f"load{changes}"}))
            await asyncio.sleep(0.01)
        while taken[-1] != f"load{changes}":
            await asyncio.sleep(0.01)
    assert len(taken) <= 4 < changes
    watching.cancel()


PBX = {"name": "master", "address": "sip:127.0.0.1"}


def file_of(phones: int, seconds: float) -> str:
    made = [{"id": f"{n}", "name": f"p{n}", "aor": f"sip:p{n}@acme.example", "pri": "master"} for n in range(phones)]
    return json.dumps({"pbxs": [PBX], "phones": made, "stopSeconds": seconds})


async def test_phones_that_come_one_after_the_other_do_not_wait_longer_and_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that run are not disturbed. As soon as they are, the next change waits until they had time to come back."""
    monkeypatch.setattr(configuration, "REST_SECONDS", (0.01, 3600.0))
    file = tmp_path / "agent.json"
    file.write_text(file_of(0, 20))
    made = configuration.Configuration(file, *reading.load(file))
    rested: list[float] = []

    class Noted(Rests):
        def after(self, now: float) -> float:
            rested.append(now)
            return 0.01

    monkeypatch.setattr(configuration, "Rests", Noted)
    stopping = asyncio.Event()
    watching = asyncio.create_task(made.watch(lambda: made.read_again() is configuration.Outcome.TAKEN, stopping))
    async with asyncio.timeout(30):
        for phones in range(1, 5):
            while len(made.current.phones) < phones:
                file.write_text(file_of(phones, 20))
                await asyncio.sleep(0.01)
        assert not rested
        while not rested:
            file.write_text(file_of(4, 10))
            await asyncio.sleep(0.01)
    assert made.current.stop_seconds == 10
    stopping.set()
    await watching
