"""All workers: which phones each has, its start and restart, what it sends, and a watch over those that hang."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

import structlog

from softphone_agent.contract.phone import Phone
from softphone_agent.phone import credentials
from softphone_agent.supervisor.assignment import shares
from softphone_agent.supervisor.configuration import Configuration
from softphone_agent.supervisor.look_ups import LookUps
from softphone_agent.supervisor.processes import RESTART_SECONDS, Run, WorkerProcess
from softphone_agent.supervisor.showing import Showing
from softphone_agent.worker import memory
from softphone_agent.worker.messages import Configure, LookUp, Moved, News, Share, Stop
from softphone_agent.worker.moves import Back

SILENT_SECONDS = 15.0
"""A worker that sent nothing for so long has a SIP loop that hangs."""
WATCHDOG_SECONDS = 1.0

log = structlog.get_logger()


class Workers:
    """The workers of an agent; each runs `run`. `stopping` is set once the agent ends: none is replaced then."""

    def __init__(self, configuration: Configuration, showing: Showing, stopping: asyncio.Event, run: Run) -> None:
        self._configuration = configuration
        self._showing = showing
        self._stopping = stopping
        self._run = run
        self.all: list[WorkerProcess] = []
        self.look_ups = LookUps(configuration)

    def assign(self) -> None:
        """Give every worker its phones. A phone stays where it is; workers are started and ended as needed."""
        phones = {phone.name: phone for phone in self._configuration.current.phones}
        owner = {name: one for one in self.all if not one.retired for name in one.names}
        given: dict[int, list[Phone]] = {one.number: [] for one in self.all}
        new = []
        for name, phone in phones.items():
            if name in owner:
                given[owner[name].number].append(phone)
            else:
                new.append(phone)
        loads = {one.number: len(one.names) for one in self.all if not one.retired}
        next_number = max((one.number for one in self.all), default=-1) + 1
        by_number = {one.number: one for one in self.all}
        limit = self._configuration.current.workers.phones_per_worker
        for phone, number in zip(new, shares(len(new), loads, limit, next_number), strict=True):
            if number not in by_number:
                by_number[number] = WorkerProcess(number)
                self.all.append(by_number[number])
            by_number[number].names.add(phone.name)
            given.setdefault(number, []).append(phone)
        files = credentials.Stamps()
        for one in self.all:
            one.phones = tuple(given[one.number])
            if one.pipe is not None:
                self._configure(one, files)
            elif one.started_at == 0.0:
                self._start(one)
        self._retire()

    def _retire(self) -> None:
        """End the workers that have no phones left."""
        for one in self.all:
            if not one.names and not one.retired and one.pipe is not None:
                one.retired = True
                one.send(Stop())

    def _start(self, one: WorkerProcess) -> None:
        """Start a worker; where the system has no process left for it, that is tried again."""
        one.started_at = time.monotonic()
        one.last_news_at = one.last_news_at or one.started_at
        others = [other.pipe for other in self.all if other.pipe is not None]
        try:
            pipe = one.fork(self._run, self._configuration.started_with.sip, others)  # all workers send alike
        except OSError as error:
            wait = one.wait_after_failure()
            log.error("worker not started", worker=one.number, reason=str(error), again_in=wait, phones=len(one.phones))
            asyncio.get_running_loop().call_later(wait, self._restart, one)
            return
        asyncio.get_running_loop().add_reader(pipe.fileno(), self.receive, one)
        self._configure(one, credentials.Stamps())

    def _configure(self, one: WorkerProcess, files: credentials.Stamps) -> None:
        """Send a worker its phones, unless it has them and none of their files was changed."""
        config = self._configuration.current
        share = Share(len(one.phones) / max(1, len(config.phones)))
        if share != one.share:
            one.share = share
            one.send(share)
        calls = (config.workers.max_calls, config.call_checks, config.callees)
        configure = Configure(config.sip, config.pbxs, one.phones, *calls)
        order = (configure, files.of(one.phones, config.pbxs))
        if order != one.order:
            one.order = order
            log.info("worker configured", worker=one.number, phones=len(one.phones))
            one.send(configure)

    def receive(self, one: WorkerProcess) -> None:
        """Take a worker's news, or notice that it is gone."""
        assert one.pipe is not None
        try:
            message: News | LookUp = one.pipe.recv()  # what comes after it is received next
        except (EOFError, ConnectionError):
            self._gone(one)
            return
        if isinstance(message, LookUp):
            self.look_ups.ask(one, message)
        else:
            one.sent_news()
            self._showing.take(one.number, message)
            self._forget(one, message.removed)
            self._tell_callers(message.moves)

    def _tell_callers(self, moves: Collection[Back]) -> None:
        """Phones have moved that phones of other workers call: those begin at once."""
        for move in moves:
            callers = {check.caller for check in self._configuration.current.call_checks if check.callee == move.phone}
            for one in self.all:
                if callers & one.names and move.phone not in one.names:
                    one.send(Moved(move))

    def _forget(self, one: WorkerProcess, names: Collection[str]) -> None:
        """Phones that a worker has let go, unless they were configured again before that."""
        if not names:
            return
        configured = {phone.name for phone in self._configuration.current.phones}
        for name in names:
            if name not in configured:
                one.names.discard(name)
                self._showing.phone_removed(name)
        self._retire()

    def _gone(self, one: WorkerProcess) -> None:
        """A worker ended. Unless that was asked for, its phones are down, and it is replaced."""
        code = one.end()
        if self._stopping.is_set():
            return
        self._showing.worker_gone(one.number)
        if one.retired:
            self.all.remove(one)
            return
        wait = one.wait_after_failure()
        log.error("worker died", worker=one.number, exit_code=code, restart_in=wait, phones=len(one.phones))
        self._showing.metrics.worker_restarts.inc()
        self._forget(one, one.names - {phone.name for phone in one.phones})
        self._showing.phones_down(one.names)
        asyncio.get_running_loop().call_later(wait, self._restart, one)

    def _restart(self, one: WorkerProcess) -> None:
        if self._stopping.is_set():
            return
        if one.phones:
            self._start(one)
        else:
            self.all.remove(one)

    async def watch(self) -> None:
        """Kill a worker whose SIP loop hangs; it is replaced like one that died."""
        given_back_at = time.monotonic()
        while True:
            await asyncio.sleep(WATCHDOG_SECONDS)
            if time.monotonic() - given_back_at >= memory.GIVE_BACK_SECONDS:
                given_back_at = time.monotonic()
                memory.give_back()
            for one in self.all:
                if one.process is not None and time.monotonic() - one.last_news_at > SILENT_SECONDS:
                    log.error("worker hangs", worker=one.number, pid=one.process.pid)
                    one.process.kill()

    def unhealthy(self) -> str | None:
        """Which worker is silent though it was to be killed and replaced; None if all is well."""
        for one in self.all:
            silent = time.monotonic() - one.last_news_at
            if silent > SILENT_SECONDS + RESTART_SECONDS[1]:
                return f"worker {one.number} was not heard for {silent:.0f} s"
        return None

    async def stop(self, seconds: float) -> None:
        """Let the workers un-REGISTER all phones, within so many seconds."""
        for one in self.all:
            one.send(Stop())
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(one.pipe is not None for one in self.all):
            await asyncio.sleep(0.02)

    def end(self) -> None:
        """Clear away what still runs."""
        for one in self.all:
            one.end()
