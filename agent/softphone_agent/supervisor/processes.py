"""One worker process: how it is started, what it is sent, and how it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess

import structlog

from softphone_agent.contract import early_stop
from softphone_agent.contract.config import Sip
from softphone_agent.contract.phone import Phone
from softphone_agent.sip.settings import EngineSettings
from softphone_agent.worker.messages import Configure, Share, ToWorker

RESTART_SECONDS = (0.2, 10.0)
"""First and longest wait before a dead worker is replaced."""
STEADY_SECONDS = 60.0
"""After so long the earlier deaths of a worker are forgotten."""

Run = Callable[[Connection, EngineSettings], None]
"""What a worker process does until it ends, given the pipe to the supervisor: worker/process.py."""

log = structlog.get_logger()


@dataclass
class WorkerProcess:
    """One worker and the phones it was given. Its process may be replaced; it stays."""

    number: int
    phones: tuple[Phone, ...] = ()
    process: ForkProcess | None = None
    pipe: Connection | None = None
    started_at: float = 0.0
    last_news_at: float = 0.0
    failures: int = 0
    share: Share | None = None
    """The part of the PBXes' rates that was sent last."""
    order: tuple[Configure, object] | None = None
    """The configuration that was sent last, and the state of the files that it read then."""
    names: set[str] = field(default_factory=set)
    """Phones that it was given and has not let go: one that is being un-REGISTERed still takes up its place."""
    retired: bool = False
    """Has no phones any more and is to end."""

    def fork(self, run: Run, sip: Sip, others: Iterable[Connection]) -> Connection:
        """Start the process, which runs `run`; returns the pipe to it. `others`: pipes to other workers.

        Raises OSError.
        """
        near, far = multiprocessing.Pipe()
        settings = EngineSettings(
            user_agent=sip.user_agent,
            bind_address=sip.bind_address,
            port=sip.port + self.number if sip.port else 0,
        )
        process = multiprocessing.get_context("fork").Process(
            target=_main, args=(run, far, [near, *others], settings), name=f"worker-{self.number}", daemon=True
        )
        try:
            with early_stop.held_back():  # a signal meant for a child that has our handler would stop us
                process.start()
        except OSError:
            near.close()
            raise
        finally:
            far.close()
        log.info("worker started", worker=self.number, pid=process.pid, phones=len(self.phones))
        self.process, self.pipe = process, near
        self.started_at = self.last_news_at = time.monotonic()
        self.order = self.share = None
        return near

    def send(self, order: ToWorker) -> None:
        """Send an order. A worker that is gone is noticed where its news end."""
        if self.pipe is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionError):
                self.pipe.send(order)

    def sent_news(self) -> None:
        """It lives."""
        self.last_news_at = time.monotonic()
        if self.last_news_at - self.started_at > STEADY_SECONDS:
            self.failures = 0

    def wait_after_failure(self) -> float:
        """The seconds to wait after yet another failure."""
        self.failures += 1
        first, longest = RESTART_SECONDS
        return min(longest, first * 2.0 ** min(self.failures - 1, 32))

    def end(self) -> int | None:
        """Clear away process and pipe; returns the exit code."""
        if self.pipe is not None:
            asyncio.get_running_loop().remove_reader(self.pipe.fileno())
            self.pipe.close()
            self.pipe = None
        code = None
        if self.process is not None:
            self.process.join(timeout=0.5)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
            code = self.process.exitcode
            self.process.close()
            self.process = None
        return code


def _main(run: Run, pipe: Connection, not_its_own: list[Connection], settings: EngineSettings) -> None:
    """The main function of a worker: without the supervisor's ends of the pipes, else it would never see them close."""
    early_stop.leave_to_parent()
    for connection in not_its_own:
        connection.close()
    try:
        run(pipe, settings)
    except Exception:
        log.exception("worker failed")
        raise SystemExit(1) from None
