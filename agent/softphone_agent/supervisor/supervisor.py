"""The supervisor: configuration, HTTP, metrics and signals on one side, worker processes on the other.

It keeps no SIP state. A worker that dies is replaced, with back-off, and takes only its own phones with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path

import structlog
from watchfiles import awatch

from softphone_agent.contract import early_stop, reading
from softphone_agent.contract.config import AgentConfig, waiting_for_a_start
from softphone_agent.contract.config_faults import ConfigFaults
from softphone_agent.contract.phone import PASSWORD, Phone
from softphone_agent.contract.report import (
    ConfigChanged,
    ConfigReport,
    Counts,
    PbxChanged,
    PbxReport,
    PhoneChanged,
    PhoneRemoved,
    Snapshot,
)
from softphone_agent.http import endpoints
from softphone_agent.http.counting import count
from softphone_agent.http.metrics import AgentMetrics, Picture
from softphone_agent.phone import credentials
from softphone_agent.registration.pacing import Rests
from softphone_agent.sip import library
from softphone_agent.sip.settings import EngineSettings
from softphone_agent.supervisor.assignment import DEFAULT_PHONES, shares
from softphone_agent.worker import loop, memory
from softphone_agent.worker.messages import Configure, LookedUp, LookUp, News, Share, Stop, ToWorker

SILENT_SECONDS = 15.0
"""A worker that was not heard for so long has a SIP loop that hangs."""
RESTART_SECONDS = (0.2, 10.0)
"""First and longest wait before a dead worker is replaced."""
STEADY_SECONDS = 60.0
"""After so long the earlier deaths of a worker are forgotten."""
WATCH_STEP_MS = 200
REST_SECONDS = (1.0, 8.0)
"""How long a configuration counts at least, and at most where somebody changes it all the time: a change may cost the
phones their registrations, and they need time to come back."""
WATCHDOG_SECONDS = 1.0
AGAIN_SECONDS = 5.0
"""After so long what failed unexpectedly is tried again."""

log = structlog.get_logger()


@dataclass
class _Worker:
    """One worker process and the phones it was given."""

    number: int
    phones: tuple[Phone, ...] = ()
    process: ForkProcess | None = None
    pipe: Connection | None = None
    started_at: float = 0.0
    heard_at: float = 0.0
    failures: int = 0
    share: Share | None = None
    """The part of the PBXes' rates that it was told last."""
    told: tuple[Configure, object] | None = None
    """What it was told last, and the state of the files that it read then."""
    names: set[str] = field(default_factory=set)
    """Phones that it was given and has not let go: one that is being un-REGISTERed still takes up its place."""
    pbxs: dict[str, PbxReport] = field(default_factory=dict)
    """The PBXes as this worker sees them."""
    retired: bool = False
    """Has no phones any more and is to end."""


class Supervisor:
    """Runs one agent. `run` returns when it was told to stop by SIGTERM or SIGINT."""

    def __init__(self, path: Path, config: AgentConfig, digest: str, version: str) -> None:
        self._path = path
        self._config = config
        self._started_with = config.model_copy(update={"pbxs": (), "phones": ()})
        """For what is taken at the start only."""
        self._phones_per_worker = _phones_per_worker(config)
        self._version = version
        self._config_report = ConfigReport(digest=digest)
        self._stamps: object = None
        """The state of all files when they were read last."""
        self._picture = Picture()
        self._metrics = AgentMetrics(self._picture, version, library.version())
        self._metrics.configured(config)
        self._watchers = endpoints.Watchers()
        self._workers: list[_Worker] = []
        self._stopping = asyncio.Event()
        self._asking: dict[str, list[_Worker]] = {}
        """Who waits for the look-up of which registrar."""
        self._lookups: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then un-REGISTER all phones. Raises OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        for number in early_stop.SIGNALS:
            loop.add_signal_handler(number, self._stopping.set)
        gc.collect()
        memory.give_back()  # what the imports left unused would be filled by each worker on its own
        gc.freeze()  # what was imported stays shared with the workers
        self._assign()
        sources = endpoints.Sources(
            self._metrics.exposition, self._snapshot, self._unhealthy, self._unready, self._watchers, self._counts
        )
        settings = self._config.http
        runner, port = await endpoints.serve(endpoints.application(sources), settings.address, settings.port)
        log.info("agent started", version=self._version, phones=len(self._config.phones), port=port)
        tasks = [
            asyncio.create_task(self._keep_on(self._watch_files)),
            asyncio.create_task(self._keep_on(self._watch_workers)),
        ]
        try:
            await self._stopping.wait()
            await self._stop()
        finally:
            for task in [*tasks, *self._lookups]:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            self._watchers.close()
            await runner.cleanup()
            for one in self._workers:
                self._end(one)
        log.info("agent stopped")

    async def _keep_on(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Run one of the agent's loops, again if need be: one that ended unseen would be missed much later."""
        while not self._stopping.is_set():
            try:
                await loop()
            except Exception as error:
                log.exception("a loop failed, it goes on", loop=loop.__name__, reason=str(error))
                self._stamps = None  # what it was about to take is looked at again
                await asyncio.sleep(AGAIN_SECONDS)

    # Workers

    def _assign(self) -> None:
        """Give every worker its phones. A phone stays where it is; workers are begun and ended as needed."""
        phones = {phone.name: phone for phone in self._config.phones}
        owner = {name: one for one in self._workers if not one.retired for name in one.names}
        given: dict[int, list[Phone]] = {one.number: [] for one in self._workers}
        new = []
        for name, phone in phones.items():
            if name in owner:
                given[owner[name].number].append(phone)
            else:
                new.append(phone)
        loads = {one.number: len(one.names) for one in self._workers if not one.retired}
        next_number = max((one.number for one in self._workers), default=-1) + 1
        by_number = {one.number: one for one in self._workers}
        for phone, number in zip(new, shares(len(new), loads, self._phones_per_worker, next_number), strict=True):
            if number not in by_number:
                by_number[number] = _Worker(number)
                self._workers.append(by_number[number])
            by_number[number].names.add(phone.name)
            given.setdefault(number, []).append(phone)
        files = credentials.Stamps()
        for one in self._workers:
            one.phones = tuple(given[one.number])
            if one.pipe is not None:
                self._configure(one, files)
            elif one.started_at == 0.0:
                self._start(one)
        self._retire()

    def _retire(self) -> None:
        """End the workers that have no phones left."""
        for one in self._workers:
            if not one.names and not one.retired and one.pipe is not None:
                one.retired = True
                self._tell(one, Stop())

    def _start(self, one: _Worker) -> None:
        """Start a worker; where the system has no process left for it, that is tried again."""
        one.started_at = time.monotonic()
        one.heard_at = one.heard_at or one.started_at
        try:
            self._fork(one)
        except OSError as error:
            wait = self._wait_before_restart(one)
            log.error("worker not started", worker=one.number, reason=str(error), again_in=wait, phones=len(one.phones))
            asyncio.get_running_loop().call_later(wait, self._restart, one)

    def _fork(self, one: _Worker) -> None:
        """Begin a worker's process and tell it its phones. Raises OSError."""
        ours, theirs = multiprocessing.Pipe()
        sip = self._started_with.sip  # all workers send alike
        settings = EngineSettings(
            user_agent=sip.user_agent,
            bind_address=sip.bind_address,
            port=sip.port + one.number if sip.port else 0,
        )
        others = [other.pipe for other in self._workers if other.pipe is not None]
        process = multiprocessing.get_context("fork").Process(
            target=_worker_main, args=(theirs, [ours, *others], settings), name=f"worker-{one.number}", daemon=True
        )
        try:
            with early_stop.held_back():  # a signal meant for a child that has our handler would stop us
                process.start()
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        log.info("worker started", worker=one.number, pid=process.pid, phones=len(one.phones))
        one.process, one.pipe = process, ours
        one.started_at = one.heard_at = time.monotonic()
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), self._hear, one)
        one.told = one.share = None
        self._configure(one, credentials.Stamps())

    def _configure(self, one: _Worker, files: credentials.Stamps) -> None:
        """Tell a worker its phones, unless it knows them and none of their files was changed."""
        share = Share(len(one.phones) / max(1, len(self._config.phones)))
        if share != one.share:
            one.share = share
            self._tell(one, share)
        order = Configure(self._config.sip, self._config.pbxs, one.phones)
        told = (order, files.of(one.phones, self._config.pbxs))
        if told != one.told:
            one.told = told
            log.info("worker configured", worker=one.number, phones=len(one.phones))
            self._tell(one, order)

    def _tell(self, one: _Worker, order: ToWorker) -> None:
        """Send an order; a worker that is gone is noticed where its news end."""
        if one.pipe is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionError):
                one.pipe.send(order)

    def _hear(self, one: _Worker) -> None:
        """Take a worker's news, or notice that it is gone."""
        assert one.pipe is not None
        try:
            message: News | LookUp = one.pipe.recv()  # what comes after it is heard next
        except (EOFError, ConnectionError):
            self._gone(one)
            return
        if isinstance(message, LookUp):
            self._look_up(one, message)
        else:
            self._take(one, message)

    def _look_up(self, one: _Worker, asked: LookUp) -> None:
        """Find out where a registrar's name leads; workers that ask meanwhile get the same answer."""
        waiting = self._asking.get(asked.uri)
        if waiting is not None:
            waiting.append(one)
            return
        self._asking[asked.uri] = [one]
        task = asyncio.create_task(self._answer(asked))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)

    async def _answer(self, asked: LookUp) -> None:
        from softphone_agent.dns.resolver import LookupFault, Resolver  # 3 MB that only host names need

        sip = self._config.sip
        try:
            found = await Resolver(sip.name_servers, self._started_with.sip.bind_address).servers(
                asked.uri, asked.seconds
            )
            answer = LookedUp(asked.uri, found)
        except LookupFault as fault:
            answer = LookedUp(asked.uri, fault=str(fault))
        except Exception:  # who waits has to hear, else the name is never looked up again
            log.exception("look-up failed", uri=asked.uri)
            answer = LookedUp(asked.uri, fault="the look-up failed, see the agent's log")
        for one in self._asking.pop(asked.uri):
            self._tell(one, answer)

    def _take(self, one: _Worker, news: News) -> None:
        one.heard_at = time.monotonic()
        if one.heard_at - one.started_at > STEADY_SECONDS:
            one.failures = 0
        self._metrics.observe(news.observations)
        self._picture.expiries.update(news.expiries)
        for phone in news.phones:
            self._picture.phones[phone.name] = phone
            log.info(
                "softphone",
                softphone=phone.name,
                state=phone.state,
                registered=phone.registered,
                pbx=phone.pbx,
                via=phone.via,
                role=phone.role,
                failure=phone.last_failure.reason if phone.last_failure and not phone.registered else None,
                code=phone.last_failure.code if phone.last_failure and not phone.registered else None,
            )
            self._watchers.publish(PhoneChanged(phone=phone))
        for pbx in news.pbxs:
            one.pbxs[pbx.name] = pbx
            self._judge(pbx.name)
        for name in news.unwatched:
            one.pbxs.pop(name, None)
            self._judge(name)
        self._forget(one, news.removed)

    def _judge(self, name: str) -> None:
        """One PBX as the agent sees it: a worker that gets an answer knows more than one that does not yet."""
        views = [one.pbxs[name].reachable for one in self._workers if name in one.pbxs]
        if not views:
            self._lose_sight(name)
            return
        reachable = True if True in views else False if False in views else None
        report = PbxReport(name=name, reachable=reachable)
        if report != self._picture.pbxs.get(name):
            self._picture.pbxs[name] = report
            self._watchers.publish(PbxChanged(pbx=report))

    def _lose_sight(self, name: str) -> None:
        """No worker has to do with this PBX any more: how it was must not be told for ever."""
        if self._picture.pbxs.pop(name, None) is not None:
            self._metrics.forget_pbx(name)
            self._watchers.publish(PbxChanged(pbx=PbxReport(name=name)))

    def _forget(self, one: _Worker, names: Collection[str]) -> None:
        if not names:
            return
        configured = {phone.name for phone in self._config.phones}
        for name in names:
            if name in configured:
                continue  # taken back before it was gone
            one.names.discard(name)
            self._picture.phones.pop(name, None)
            self._picture.expiries.pop(name, None)
            self._watchers.publish(PhoneRemoved(name=name))
        self._retire()

    def _gone(self, one: _Worker) -> None:
        """A worker ended. Unless that was asked for, its phones are down, and it is replaced."""
        code = self._end(one)
        if self._stopping.is_set():
            return
        seen, one.pbxs = one.pbxs, {}
        for name in seen:
            self._judge(name)
        if one.retired:
            self._workers.remove(one)
            return
        wait = self._wait_before_restart(one)
        log.error("worker died", worker=one.number, exit_code=code, restart_in=wait, phones=len(one.phones))
        self._metrics.worker_restarts.inc()
        self._forget(one, one.names - {phone.name for phone in one.phones})
        for name in one.names:
            self._picture.expiries.pop(name, None)
            report = self._picture.phones.get(name)
            if report is not None:
                down = report.model_copy(
                    update={"state": "Starting", "registered": False, "pbx": None, "registrar": None, "via": None}
                    | {"role": None, "redirects": (), "physical_location": None, "contact": None}
                    | {"observed_address": None}
                )
                self._picture.phones[name] = down
                self._watchers.publish(PhoneChanged(phone=down))
        asyncio.get_running_loop().call_later(wait, self._restart, one)

    def _wait_before_restart(self, one: _Worker) -> float:
        """The seconds to wait after yet another failure of a worker."""
        one.failures += 1
        first, longest = RESTART_SECONDS
        return min(longest, first * 2.0 ** min(one.failures - 1, 32))

    def _restart(self, one: _Worker) -> None:
        if self._stopping.is_set():
            return
        if one.phones:
            self._start(one)
        else:
            self._workers.remove(one)

    async def _watch_workers(self) -> None:
        """Kill a worker whose SIP loop hangs; it is replaced like one that died."""
        given_back_at = time.monotonic()
        while True:
            await asyncio.sleep(WATCHDOG_SECONDS)
            if time.monotonic() - given_back_at >= memory.GIVE_BACK_SECONDS:
                given_back_at = time.monotonic()
                memory.give_back()
            for one in self._workers:
                if one.process is not None and time.monotonic() - one.heard_at > SILENT_SECONDS:
                    log.error("worker hangs", worker=one.number, pid=one.process.pid)
                    one.process.kill()

    def _end(self, one: _Worker) -> int | None:
        """Clear away a worker's process and pipe; returns its exit code."""
        if one.pipe is not None:
            asyncio.get_running_loop().remove_reader(one.pipe.fileno())
            one.pipe.close()
            one.pipe = None
        code = None
        if one.process is not None:
            one.process.join(timeout=0.5)
            if one.process.is_alive():
                one.process.kill()
                one.process.join()
            code = one.process.exitcode
            one.process.close()
            one.process = None
        return code

    async def _stop(self) -> None:
        """Let the workers un-REGISTER all phones, within the time that the configuration grants."""
        log.info("stopping", phones=len(self._config.phones), seconds=self._config.stop_seconds)
        for one in self._workers:
            self._tell(one, Stop())
        deadline = time.monotonic() + self._config.stop_seconds
        while time.monotonic() < deadline and any(one.pipe is not None for one in self._workers):
            await asyncio.sleep(0.02)

    # Configuration

    async def _watch_files(self) -> None:
        """Take a changed configuration or secret; the folders are watched, since Kubernetes swaps links in them."""
        rests = Rests(*REST_SECONDS)
        while not self._stopping.is_set():
            self._reload()  # what changed while nobody watched
            folders = self._folders()
            async for _ in awatch(*folders, stop_event=self._stopping, step=WATCH_STEP_MS, recursive=False):
                taken = self._reload()
                if self._folders() != folders:
                    break
                if taken:
                    await asyncio.sleep(rests.after(time.monotonic()))

    def _folders(self) -> set[Path]:
        """The folders of all files; of one that is not there yet the folder in which it would appear."""
        files = {self._path}
        for phone in self._config.phones:
            if phone.credentials is not None:
                named = (phone.credentials.password_file, phone.credentials.username_file)
                files |= {Path(file) for file in named if file is not None}
                if phone.credentials.directory is not None:
                    files.add(Path(phone.credentials.directory) / PASSWORD)
        for pbx in self._config.pbxs:
            if pbx.tls is not None:
                tls = (pbx.tls.ca_file, pbx.tls.certificate_file, pbx.tls.key_file)
                files |= {Path(file) for file in tls if file is not None}
        return {next(filter(Path.is_dir, file.absolute().parents)) for file in files}

    def _reload(self) -> bool:
        """Take the file if it is good; refuse it whole if not, and go on with the old one. Returns whether it was read.

        Other files of the same folders may change as often as they like.
        """
        stamps = credentials.Stamps().of(self._config.phones, self._config.pbxs, self._path)
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            config, digest = self._present() or reading.load(self._path)
            self._phones_per_worker = _phones_per_worker(config)
        except ConfigFaults as refused:
            self._refuse(tuple(refused.faults))
            return True
        self._config = config
        self._metrics.configured(config)
        self._metrics.config_refused.set(0)
        self._assign()
        report = ConfigReport(digest=digest)
        if report != self._config_report:
            log.info("configuration taken", digest=digest, phones=len(config.phones))
            if waiting := waiting_for_a_start(self._started_with, config):
                log.warning("changed fields are taken at the agent's next start only", fields=waiting)
            self._config_report = report
            self._watchers.publish(ConfigChanged(config=report))
        return True

    def _present(self) -> tuple[AgentConfig, str] | None:
        """The configuration that runs, if the file still holds it: another file was changed."""
        digest = self._config_report.digest
        with contextlib.suppress(OSError):
            if reading.digest(self._path.read_bytes()) == digest:
                return self._config, digest
        return None

    def _refuse(self, faults: tuple[str, ...]) -> None:
        self._metrics.config_refused.set(1)
        report = self._config_report.model_copy(update={"refused": faults})
        if report != self._config_report:
            log.error("configuration refused, the old one goes on", faults=faults)
            self._config_report = report
            self._watchers.publish(ConfigChanged(config=report))

    # What HTTP shows

    def _snapshot(self) -> Snapshot:
        phones, pbxs = self._picture.phones, self._picture.pbxs
        return Snapshot(
            version=self._version,
            config=self._config_report,
            phones=tuple(phones[name] for name in sorted(phones)),
            pbxs=tuple(pbxs[name] for name in sorted(pbxs)),
        )

    def _counts(self) -> Counts:
        return count(self._version, self._config_report, self._picture.phones.values(), self._picture.pbxs.values())

    def _unhealthy(self) -> str | None:
        for one in self._workers:
            silent = time.monotonic() - one.heard_at
            if silent > SILENT_SECONDS + RESTART_SECONDS[1]:
                return f"worker {one.number} was not heard for {silent:.0f} s"
        return None

    def _unready(self) -> str | None:
        if self._stopping.is_set():
            return "stopping"
        missing = [phone.name for phone in self._config.phones if phone.name not in self._picture.phones]
        return f"{len(missing)} phones not begun" if missing else None


def _phones_per_worker(config: AgentConfig) -> int:
    """The number of phones that one worker carries at most. Raises ConfigFaults for more than pjsua2 can."""
    carried, asked = library.phones_per_endpoint(), config.workers.phones_per_worker
    if asked is not None and asked > carried:
        raise ConfigFaults(
            [f"workers.phonesPerWorker: {asked} is too many, this pjsua2 carries {carried} in a process"]
        )
    return asked or min(carried, DEFAULT_PHONES)


def _worker_main(pipe: Connection, not_ours: list[Connection], settings: EngineSettings) -> None:
    """The main function of a worker: without the supervisor's ends of the pipes, else it would never see them close."""
    early_stop.leave_to_parent()
    for connection in not_ours:
        connection.close()
    try:
        loop.run(pipe, settings)
    except Exception:
        log.exception("worker failed")
        raise SystemExit(1) from None
