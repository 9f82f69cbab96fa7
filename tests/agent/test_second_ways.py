"""What a path check says of a way that does not hold: the real agent against the rows of second_ways."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent_process import Agent, pbx, phone, running
from dns_server import DnsServer
from second_ways import INTERVAL, PAGE, ROWS, Row, Stage, page
from sip_responder import Responder, digest
from softphone_agent.contract.report import PathReport

pytestmark = pytest.mark.timeout(200)


@dataclass
class Play:
    agent: Agent
    stages: dict[str, Stage]


def _paths(agent: Agent, name: str) -> dict[str, PathReport]:
    report = agent.phones.get(name)
    return {path.via: path for path in report.paths} if report else {}


def _results(agent: Agent, name: str) -> dict[str, str]:
    return {via: path.result for via, path in _paths(agent, name).items()}


@contextlib.asynccontextmanager
async def playing(folder: Path, rows: list[Row], names: DnsServer) -> AsyncIterator[Play]:
    """The agent with a phone for each row, each with a primary PBX that takes it."""
    password = folder / "password"
    password.write_text("secret")
    stages: dict[str, Stage] = {}
    pbxs, phones = [], []
    for row in rows:
        stage = stages[row.name] = Stage(row.name, await Responder.start(), await Responder.start(), folder)
        stage.primary.register = digest("secret")
        stage.address = stage.secondary.uri()
        if inspect.isawaitable(made := row.setting(stage)):
            await made
        primary, secondary = f"{row.name}-pri", f"{row.name}-sec"
        pbxs += [pbx(primary, stage.primary.uri()), pbx(secondary, stage.address, **stage.tls)]
        quick = {"expiresSeconds": 10, "pathCheckSeconds": INTERVAL} | row.registration
        fields = {key: value.format(primary=primary) for key, value in row.fields.items()}
        credentials = {"passwordFile": str(password)}
        phones.append(
            phone(row.name, pri=primary, sec=secondary, credentials=credentials, registration=quick, **fields)
        )
    sip = {"bindAddress": "127.0.0.1", "nameServers": [names.address]}
    try:
        async with running(folder, pbxs, phones, sip=sip) as agent:
            yield Play(agent, stages)
    finally:
        for stage in stages.values():
            for responder in (stage.primary, stage.secondary, *stage.others):
                await responder.close()


async def judge(play: Play, row: Row) -> None:
    """Hold the agent against one row."""
    found = {"pri": row.primary, "sec": row.result}
    await play.agent.until(lambda agent: _results(agent, row.name) == found, f"{row.name}: {found}")
    ways = _paths(play.agent, row.name)
    first, second = ways["pri"], ways["sec"]
    assert (second.result, second.code, first.result) == (row.result, row.code, row.primary), f"{row.name}: {ways}"
    assert row.says in second.message, f"{row.name}: {second.message}"
    assert len(second.redirects) == row.redirects, f"{row.name}: {second.redirects}"
    assert second.since is not None
    stage = play.stages[row.name]
    await stage.primary.count(4)  # challenged, answered, and refreshed at least twice
    requests = stage.primary.requests
    assert len({request.header("Call-ID") for request in requests}) == 1, f"{row.name}: another Call-ID"
    numbers = [int(request.header("CSeq").split()[0]) for request in requests]
    assert numbers == list(range(1, len(numbers) + 1)), f"{row.name}: the registration's CSeqs are {numbers}"
    assert play.agent.phones[row.name].registered
    assert not any(other.requests for other in (stage.secondary, *stage.others)), f"{row.name}: a Contact was sent"


@pytest.mark.lab
async def test_second_ways(tmp_path: Path, names: DnsServer) -> None:
    faults = []
    async with playing(tmp_path, ROWS, names) as play:
        for row in ROWS:
            try:
                await judge(play, row)
            except AssertionError as fault:
                faults.append(str(fault)[:600])
        dropping = play.agent.pbxs["drops-options-sec"]
        if (dropping.reachable, dropping.answers_options) != (True, False):
            faults.append(f"a PBX that drops OPTIONS and takes REGISTER: {dropping}")
        wrong = play.stages["wrong-password"].secondary
        if len([request for request in wrong.fetches if request.header("Authorization")]) > 1:
            faults.append("refused credentials were sent again")
        ok = await play.agent.metric("softphone_path_ok", softphone="standby", via="sec")
        lost = await play.agent.metric("softphone_path_ok", softphone="silent", via="sec")
        known = 'softphone="r400",via="sec"' in await play.agent.metrics()
        if (ok, lost, known) != (1.0, 0.0, False):
            faults.append(f"softphone_path_ok: {ok}, {lost}, {known}")
    assert not faults, "\n".join(faults)


def test_the_page_shows_the_table() -> None:
    assert PAGE.read_text() == page(), "run: PYTHONPATH=tests:tests/agent python -m second_ways"
