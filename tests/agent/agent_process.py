"""The real agent in a test: `softphone-agent run` as a process, and its status stream as events to wait for.

async with running(tmp_path, pbxs=[...], phones=[...]) as agent:
    report = await agent.phone("alice", registered=True)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.report import (
    CallChanged,
    ConfigChanged,
    ConfigReport,
    PbxChanged,
    PbxReport,
    PhoneChanged,
    PhoneRemoved,
    PhoneReport,
    Snapshot,
    parse_line,
)

PATIENCE = 20.0
"""Seconds after which a test gives up waiting; no statement about speed."""
START_PATIENCE = 90.0
"""The same for a process that starts: it needs a second of a processor, which on a busy machine may be a minute."""


def phone(name: str = "alice", **fields: Any) -> dict[str, Any]:
    """A phone of the configuration file, quick to notice and to try again; it checks no ways unless it is told to."""
    quick = {"expiresSeconds": 60, "attemptTimeoutSeconds": 0.5, "pingSeconds": 0, "pathCheckSeconds": 0}
    registration = quick | fields.pop("registration", {})
    registration.setdefault("backoff", {"initialSeconds": 0.1, "maxSeconds": 0.5})
    return {"name": name, "aor": f"sip:{name}@pbx.test", "registration": registration} | fields


def pbx(name: str, address: str, **fields: Any) -> dict[str, Any]:
    """A PBX of the configuration file."""
    return {"name": name, "address": address, "system": "acme"} | fields


@dataclass
class Agent:
    """A running agent and what its status stream told."""

    process: asyncio.subprocess.Process
    path: Path
    log_file: Path
    http: str
    session: aiohttp.ClientSession
    config: dict[str, Any]
    phones: dict[str, PhoneReport] = field(default_factory=dict)
    pbxs: dict[str, PbxReport] = field(default_factory=dict)
    running: ConfigReport | None = None
    history: list[PhoneReport] = field(default_factory=list)
    pbx_history: list[PbxReport] = field(default_factory=list)
    calls: list[CallReport] = field(default_factory=list)
    """What it told of test calls, in order."""
    _following: asyncio.Task[None] | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self) -> None:
        """Read the status stream until it ends."""
        timeout = aiohttp.ClientTimeout(total=None)
        async with self.session.get(f"{self.http}/status?watch=1", timeout=timeout) as response:
            async for line in response.content:
                message = parse_line(line)
                match message:
                    case Snapshot():
                        self.phones = {report.name: report for report in message.phones}
                        self.history += message.phones
                        self.pbxs = {report.name: report for report in message.pbxs}
                        self.running = message.config
                        self.calls += message.calls
                    case PhoneChanged(phone=report):
                        self.phones[report.name] = report
                        self.history.append(report)
                    case PhoneRemoved(name=name):
                        self.phones.pop(name, None)
                    case PbxChanged(pbx=report):
                        self.pbxs[report.name] = report
                        self.pbx_history.append(report)
                    case CallChanged(call=call):
                        self.calls.append(call)
                    case ConfigChanged(config=config):
                        self.running = config
                async with self._changed:
                    self._changed.notify_all()

    async def until(self, condition: Callable[[Agent], bool], what: str = "", seconds: float = PATIENCE) -> None:
        """Wait until something holds; looked at after every line of the stream."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: condition(self))
        except TimeoutError:
            if self._following is not None and self._following.done():
                self._following.result()
            raise AssertionError(f"{what or 'it'} did not come; phones: {self.phones}\n{self.log()[-3000:]}") from None

    async def phone(self, name: str = "alice", **wanted: Any) -> PhoneReport:
        """Wait until a phone's report has these fields; `failure` stands for the last failure's reason."""

        def is_so(agent: Agent) -> bool:
            report = agent.phones.get(name)
            return report is not None and all(_value(report, field) == value for field, value in wanted.items())

        await self.until(is_so, f"{name} with {wanted}")
        return self.phones[name]

    async def metrics(self) -> str:
        """The text of /metrics."""
        async with self.session.get(f"{self.http}/metrics") as response:
            return await response.text()

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name with these labels, 0 where there is none."""
        total = 0.0
        for line in (await self.metrics()).splitlines():
            found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if found and labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")).items():
                total += float(found[2])
        return total

    async def get(self, path: str) -> tuple[int, str]:
        """Status code and text of an endpoint."""
        async with self.session.get(f"{self.http}{path}") as response:
            return response.status, await response.text()

    def write(self, config: dict[str, Any] | str) -> None:
        """Give the agent another configuration file, the way Kubernetes does: at once."""
        if not isinstance(config, str):
            self.config = config
        new = self.path.with_suffix(".new")
        new.write_text(config if isinstance(config, str) else json.dumps(config))
        new.rename(self.path)

    def log(self) -> str:
        """Everything it has written."""
        return self.log_file.read_text()

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """Its structured log lines of one event."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in children.split()]

    def kill(self) -> None:
        """SIGKILL to it and its workers, as where a node is lost."""
        for pid in (self.process.pid, *self.workers()):
            os.kill(pid, signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM, and wait for its end; returns the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


def _value(report: PhoneReport, field_name: str) -> Any:
    if field_name == "failure":
        return report.last_failure.reason if report.last_failure else None
    if field_name == "code":
        return report.last_failure.code if report.last_failure else None
    return getattr(report, field_name)


@contextlib.asynccontextmanager
async def running(
    folder: Path, pbxs: list[dict[str, Any]], phones: list[dict[str, Any]], **settings: Any
) -> AsyncIterator[Agent]:
    """The agent with this configuration, until the block ends; it must end by itself and never have lost a worker."""
    may_crash = settings.pop("may_crash", False)
    environment = settings.pop("environment", {})
    config = {
        "http": {"address": "127.0.0.1", "port": 0},
        "sip": {"bindAddress": "127.0.0.1"},
        "stopSeconds": 5,
        "pbxs": pbxs,
        "phones": phones,
    } | settings
    path, log_file = folder / "agent.json", folder / "agent.log"
    path.write_text(json.dumps(config))
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "softphone_agent",
            *("run", "--config", str(path)),
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
        )
    try:
        port = await _port(process, log_file)
        async with aiohttp.ClientSession() as session:
            agent = Agent(process, path, log_file, f"http://127.0.0.1:{port}", session, config)
            following = agent._following = asyncio.create_task(agent.follow())
            try:
                yield agent
                if not may_crash and process.returncode is None:
                    assert await agent.metric("softphone_worker_restarts_total") == 0, agent.log()[-3000:]
                    assert await agent.stop() == 0, agent.log()[-3000:]
                    assert "Traceback" not in agent.log(), agent.log()[-3000:]
            finally:
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
                    await following
    finally:
        if process.returncode is None:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process that a failed test left, and its workers with it."""
    process.terminate()
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _port(process: asyncio.subprocess.Process, log_file: Path) -> int:
    """The port that the agent says it listens on."""
    async with asyncio.timeout(START_PATIENCE):
        while True:
            found = re.search(r'"port": (\d+), "event": "agent started"', log_file.read_text())
            if found:
                return int(found[1])
            assert process.returncode is None, log_file.read_text()
            await asyncio.sleep(0.02)
