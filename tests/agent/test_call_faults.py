"""What a call check says of each fault of call_faults: real agents, a PBX and a media relay between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_process import Agent, pbx, phone, running
from call_faults import PAGE, ROWS, SEEN, TALK_SECONDS, TOKEN, Row, Stage, fits, page
from call_proxy import Proxy
from media_relay import Relay

CALLS = 10
"""So many calls of a check at most until it says what is expected: one in which an agent was late itself tells less."""


@dataclass
class Played:
    """A row on its stage, and when its fault struck, in Unix time, where that was not at once."""

    row: Row
    stage: Stage
    struck_at: float = 0.0

    def saw(self, text: str) -> str:
        """A message passes."""
        if text.startswith("INVITE "):
            return self.stage.relay.through(text, "there")
        if text.startswith(("SIP/2.0 200", "SIP/2.0 183")) and " INVITE\r\n" in text:
            return self.stage.relay.through(text, "back")
        return text


async def stage(row: Row) -> Played:
    played = Played(row, Stage(await Proxy.start(), await Relay.start()))
    played.stage.proxy.alters = played.saw

    def struck() -> None:
        played.struck_at = time.time()

    played.stage.struck = struck
    row.set_up(played.stage)
    return played


def callees(played: Played) -> list[dict[str, Any]]:
    patient = {"attemptTimeoutSeconds": 4}
    name = played.row.name
    alice = phone(f"{name}-alice", pri=name, answer=played.row.answer, registration=patient)
    carol = phone(f"{name}-carol", pri=name, answer=played.row.other, registration=patient)
    return [alice, carol] if played.stage.proxy.instead else [alice]


def callers(played: Played) -> tuple[dict[str, Any], dict[str, Any]]:
    """The phone that calls, and the check."""
    row = played.row
    check = {"name": row.name, "caller": f"{row.name}-bob", "everySeconds": 12}
    check["token"] = TOKEN
    check["to"] = f"sip:{row.name}-alice@pbx.test"
    check |= {"talkSeconds": TALK_SECONDS, "expected": row.expects} | row.check
    bob = phone(f"{row.name}-bob", pri=row.name)
    return bob | {"registration": bob["registration"] | {"attemptTimeoutSeconds": 4}}, check


@contextlib.asynccontextmanager
async def answering(folder: Path, rows: list[Played]) -> AsyncIterator[Agent]:
    """An agent with the callees of these rows, all registered."""
    folder.mkdir()
    pbxs = [pbx(one.row.name, one.stage.proxy.uri) for one in rows]
    phones = [each for one in rows for each in callees(one)]
    checked = [
        {"phone": each["name"], "check": one.row.name, "token": TOKEN}
        for one in rows
        for each in callees(one)
        if each["answer"] == "Checks"
    ]
    may_crash = any(one.row.own_agent for one in rows)
    async with running(folder, pbxs, phones, callees=checked, may_crash=may_crash) as agent:
        for each in phones:
            await agent.phone(each["name"], registered=True)
        yield agent


async def said(caller: Agent, row: Row) -> tuple[list[str], float]:
    """What the check said, and when: the first of its calls that fits."""
    async with asyncio.timeout(200):
        while True:
            lines = [line for line in caller.log_lines("call check") if line["check"] == row.name]
            for line in lines:
                if fits(row, line["faults"]):
                    return line["faults"], datetime.fromisoformat(line["timestamp"]).timestamp()
            if len(lines) >= CALLS:
                raise AssertionError(f"{row.name}: {[line['faults'] for line in lines]}")
            await asyncio.sleep(0.2)


async def heard_there(callee: Agent, played: Played) -> None:
    """Wait for the callee's half."""
    name = f"{played.row.name}-alice"

    def is_told(agent: Agent) -> bool:
        ended = [one for one in agent.calls if one.phone == name and one.state == "Ended"]
        return any(one.heard == played.row.callee_heard for one in ended)

    await callee.until(is_told, f"{played.row.name}: {played.row.callee_heard} at the callee", seconds=60)


@pytest.mark.lab
@pytest.mark.timeout(400)
async def test_what_a_check_says_of_each_fault(tmp_path: Path) -> None:
    rows = [await stage(row) for row in ROWS]
    faults: list[str] = []
    found: dict[str, Any] = {}
    apart = [one for one in rows if one.row.own_agent]
    async with contextlib.AsyncExitStack() as stack:
        for one in rows:
            stack.callback(one.stage.relay.close)
            stack.callback(one.stage.proxy.close)
        others = [one for one in rows if one not in apart]
        together = await stack.enter_async_context(answering(tmp_path / "all", others))
        agents = {one.row.name: together for one in rows}
        for one in apart:
            agent = await stack.enter_async_context(answering(tmp_path / one.row.name, [one]))
            agents[one.row.name], one.stage.kill_callee = agent, agent.kill
        both = [callers(one) for one in rows]
        pbxs = [pbx(one.row.name, one.stage.proxy.uri) for one in rows]
        (tmp_path / "callers").mkdir()
        caller = await stack.enter_async_context(running(tmp_path / "callers", pbxs, [bob for bob, _ in both]))
        for bob, _ in both:
            await caller.phone(bob["name"], registered=True)
        caller.write({**caller.config, "callChecks": [check for _, check in both]})

        async def judge(one: Played) -> None:
            try:
                says, at = await said(caller, one.row)
                began = one.struck_at or one.stage.proxy.invited_at
                found[one.row.name] = {"faults": says, "seconds": round(at - began, 1)}
                if one.row.callee_heard:
                    await heard_there(agents[one.row.name], one)
            except (AssertionError, TimeoutError) as fault:
                lines = [line for line in caller.log_lines("call check") if line["check"] == one.row.name]
                faults.append(f"{one.row.name}: {fault or type(fault).__name__} {lines}"[:900])

        await asyncio.gather(*(judge(one) for one in rows))
    assert not faults, "\n".join(faults)
    if os.environ.get("CALL_FAULTS_WRITE"):
        ordered = {row.name: found[row.name] for row in ROWS}
        made = {"date": str(datetime.now(UTC).date()), "busy": bool(os.environ.get("BUSY")), "rows": ordered}
        SEEN.write_text(json.dumps(made, indent=2) + "\n")


def test_the_page_shows_what_was_seen() -> None:
    seen = json.loads(SEEN.read_text())
    assert PAGE.read_text() == page(seen), "run: PYTHONPATH=tests:tests/agent python -m call_faults"
    assert date.fromisoformat(seen["date"])
    for row in ROWS:
        assert fits(row, seen["rows"][row.name]["faults"]), f"{row.name}: the row says something else"
