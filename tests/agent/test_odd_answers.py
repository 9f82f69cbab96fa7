"""Every row of the table of odd answers, against the real agent: one agent, a phone and a PBX for each row."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent_process import Agent, pbx, phone, running
from odd_answers import PAGE, ROWS, Row, Stage, page
from sip_responder import Responder


@dataclass
class Play:
    """All rows being played at once by one agent."""

    agent: Agent
    stages: dict[str, Stage]


@contextlib.asynccontextmanager
async def playing(folder: Path, rows: list[Row]) -> AsyncIterator[Play]:
    stages = {}
    for row in rows:
        responder = await Responder.start()
        stage = stages[row.name] = Stage(responder, responder.uri(), folder)
        setting = row.setting(stage)
        if inspect.isawaitable(setting):
            await setting
    password = folder / "password"
    password.write_text("pw")
    pbxs = [pbx(name, stage.address, **stage.fields) for name, stage in stages.items()]
    backoff = {"initialSeconds": 1.0, "maxSeconds": 60.0}
    phones = [
        phone(
            row.name,
            pri=row.name,
            credentials={"passwordFile": str(password)},
            **{"registration": {"backoff": backoff}} | row.fields,
        )
        for row in rows
    ]
    try:
        async with running(folder, pbxs, phones) as agent:
            yield Play(agent, stages)
    finally:
        for stage in stages.values():
            for responder in (stage.pbx, *stage.others):
                await responder.close()


async def judge(play: Play, row: Row) -> None:
    """Hold the agent against one row."""
    wanted = {"state": row.state, **row.registered}
    if row.reason is not None:
        wanted |= {"failure": row.reason, "code": row.code}
    report = await play.agent.phone(row.name, **wanted)
    assert report.registered == (row.state == "Registered")
    if row.outcome:
        outcome, code = row.outcome.split(" ")
        assert await play.agent.metric("softphone_register_requests_total", pbx=row.name, outcome=outcome, code=code), (
            f"{row.name}: {row.outcome} is not counted"
        )


@pytest.mark.lab
async def test_odd_answers(tmp_path: Path) -> None:
    faults = []
    async with playing(tmp_path, ROWS) as play:
        for row in ROWS:
            try:
                await judge(play, row)
            except AssertionError as fault:
                faults.append(str(fault)[:600])
        for row in ROWS:
            stage = play.stages[row.name]
            asked = await play.agent.metric("softphone_register_requests_total", pbx=row.name)
            if stage.pbx.registers > row.registers * (asked + 1):
                faults.append(f"{row.name}: {stage.pbx.registers} REGISTERs for {asked} attempts")
            if not row.asks_others and any(other.registers for other in stage.others):
                faults.append(f"{row.name}: a REGISTER went where none may go")
    assert not faults, "\n".join(faults)


@pytest.mark.lab
@pytest.mark.proves("L5")
async def test_no_odd_answer_makes_the_agent_hammer_a_pbx_or_give_it_up(tmp_path: Path) -> None:
    """A minute with the default back-off; every PBX of the table counts, and what the agent counts where none is."""
    async with playing(tmp_path, ROWS) as play:
        await asyncio.sleep(60)
        counted = {}
        for row in ROWS:
            stage = play.stages[row.name]
            asked = await play.agent.metric("softphone_register_requests_total", pbx=row.name)
            at_most = max(stage.pbx.registers, int(asked))
            counted[row.name] = at_most, max(at_most, sum(one.registers for one in (stage.pbx, *stage.others)))
    too_many = {row.name: counted[row.name][0] for row in ROWS if counted[row.name][0] > 12 * row.registers}
    too_few = {row.name: counted[row.name][1] for row in ROWS if counted[row.name][1] < row.fewest}
    later = counted["r503-later"][0]
    assert (too_many, too_few, later) == ({}, {}, 1), f"REGISTERs in a minute: {counted}"


def test_the_page_shows_the_table() -> None:
    assert PAGE.read_text() == page(), "run: PYTHONPATH=tests:tests/agent python -m odd_answers"
