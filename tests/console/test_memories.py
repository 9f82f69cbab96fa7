"""What is remembered of a phone: by its agent, and before that by a Prometheus."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from console.objects import NOW, softphone
from softphone_agent.contract.history import HistoryEntry
from softphone_console.program import command_line
from softphone_console.view import of_objects
from softphone_console.view.facts import Key, Phone
from softphone_console.view.timeline import Memory, Remembered
from softphone_console.watch.memories import Memories, older
from softphone_console.watch.prometheus import Prometheus, PrometheusError

ANNA = of_objects.phone(softphone("anna"))
DAY = timedelta(days=1)
Answer = Callable[[web.Request], Awaitable[web.Response]]


def entry(time: str, **more: Any) -> HistoryEntry:
    return HistoryEntry(time=time, phone="anna", kind="Outage", **more)


EARLY, LATE = entry("2026-11-23T08:00:00Z"), entry("2026-11-23T10:00:00Z", reason="PingFailed")


class Agent:
    """Agents that remember one thing."""

    async def of_phone(self, phone: Phone) -> Remembered:
        return Remembered([Memory("demo", [LATE])], ["from the agent"])

    async def of_all(self) -> Remembered:
        return Remembered([Memory("demo", [LATE])])


@asynccontextmanager
async def prometheus(answer: Answer) -> AsyncGenerator[Prometheus]:
    app = web.Application()
    app.router.add_post("/prom/api/v1/query_range", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Prometheus(session, f"http://127.0.0.1:{runner.addresses[0][1]}/prom/")
    finally:
        await runner.cleanup()


def says(registered: list[int]) -> tuple[Answer, list[str]]:
    """One that has these values of softphone_registered, a minute apart since 08:00; and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        query = str((await request.post())["query"])
        asked.append(query)
        begin = NOW.timestamp() - 4 * 3600
        values = [[begin + 60 * number, str(value)] for number, value in enumerate(registered)]
        found = [{"metric": {"softphone": "anna"}, "values": values}] if "softphone_registered" in query else []
        return web.json_response({"data": {"result": found}})

    return answer, asked


async def test_prometheus_has_what_the_agent_has_forgotten() -> None:
    answer, asked = says([1, 0, 0, 1])
    async with prometheus(answer) as source:
        told = await Memories(Agent(), source, lambda: NOW).of_phone(ANNA, DAY)  # type: ignore[arg-type]
    before = entry("2026-11-23T08:01:00Z", seconds=120.0)
    assert told == Remembered([Memory("demo", [LATE]), Memory("demo", (before,))], ["from the agent"])
    assert len(asked) == 3
    assert all('{namespace="demo",softphone="anna"}' in query for query in asked)


async def test_without_one_the_agent_is_asked_alone() -> None:
    memories = Memories(Agent(), None, lambda: NOW)  # type: ignore[arg-type]
    assert (await memories.of_phone(ANNA, DAY)).notes == ["from the agent"]
    assert (await memories.of_all()).memories == [Memory("demo", [LATE])]


async def _refuses(_: web.Request) -> web.Response:
    return web.Response(status=503)


async def _babbles(_: web.Request) -> web.Response:
    return web.Response(text=json.dumps({"data": "hello"}))


@pytest.mark.parametrize(
    ("answer", "words"), [(_refuses, "it answers 503"), (_babbles, "what answers is no Prometheus")]
)
async def test_one_that_tells_nothing_is_named_and_the_agents_memory_stays(answer: Answer, words: str) -> None:
    async with prometheus(answer) as source:
        told = await Memories(Agent(), source, lambda: NOW).of_phone(ANNA, DAY)  # type: ignore[arg-type]
    assert told == Remembered([Memory("demo", [LATE])], ["from the agent", f"Prometheus cannot be asked: {words}."])


async def test_one_that_is_not_there_is_told_of_without_its_address() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(PrometheusError) as found:
            await Prometheus(session, "http://127.0.0.1:1/hidden-word").history(Key("demo", "anna"), NOW, DAY)
    assert "hidden-word" not in str(found.value)


def test_what_both_have_is_the_agents() -> None:
    assert older([EARLY, LATE], [LATE]) == (EARLY,)
    assert older([EARLY, LATE], []) == (EARLY, LATE)
    assert older([entry("no time"), EARLY], [LATE]) == (EARLY,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--prometheus=ftp://x"], "--prometheus: must be http"),
        (["--prometheus=http://anna:secret@x"], "without user and password"),
        (["--http-port=70000"], "--http-port: must be 0 to 65535: 70000"),
        (["--log-level=loud"], "--log-level: must be one of debug, info, warning, error: loud"),
    ],
)
def test_wrong_settings_are_refused_by_name(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command_line.parse(arguments, {})
    said = capsys.readouterr().err
    assert words in said
    assert "secret" not in said.partition("error:")[2]


def test_settings_come_from_the_environment_and_flags_win() -> None:
    environment = {"SOFTPHONE_CONSOLE_NAMESPACES": "a, b,", "SOFTPHONE_CONSOLE_HTTP_PORT": "81"}
    made = command_line.parse(["--http-port=82"], environment)
    assert (made.namespaces, made.http_port) == (("a", "b"), 82)
