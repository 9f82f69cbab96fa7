"""News for the supervisor: collected here, and sent together."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing.connection import Connection

import structlog

from softphone_agent.contract.call_report import CallReport
from softphone_agent.phone.observations import CallTested, Discarded, Observation, RequestsSeen
from softphone_agent.sip.happenings import FromStrangers
from softphone_agent.worker.messages import News

NEWS_SECONDS = 1.0
"""The supervisor gets a message from a worker at least so often, as a sign of life."""
ROUTINE_SECONDS = 0.25
"""What changes only counters, as a refresh does, is sent together at most so often."""

log = structlog.get_logger()


class Outbox:
    """`take_from_strangers` gives what came from strangers since it was last asked."""

    def __init__(self, pipe: Connection, take_from_strangers: Callable[[], FromStrangers]) -> None:
        self._pipe = pipe
        self._take_intruders = take_from_strangers
        self._sent_at = 0.0
        self.news = News()
        self.is_cut_off = False
        """Whether the supervisor is gone."""

    def observe(self, observation: Observation) -> None:
        """Count this."""
        self.news.observations.append(observation)

    def tested(self, report: CallReport, from_site: str = "", to_site: str = "") -> None:
        """A test call has ended."""
        self.news.calls.append(report)
        self.observe(CallTested(report, from_site, to_site))

    def send(self, now: float, *, at_once: bool = False) -> None:
        """Send the news if it is time for them."""
        patience = 0.0 if at_once or self.news.urgent else ROUTINE_SECONDS if self.news else NEWS_SECONDS
        if now - self._sent_at < patience:
            return
        from_strangers = self._take_intruders()
        self.news.observations += [
            RequestsSeen(reply.method, str(reply.code or ""), number)
            for reply, number in from_strangers.requests.items()
        ]
        self.news.observations += [Discarded(reason, number) for reason, number in from_strangers.discarded.items()]
        try:
            self._pipe.send(self.news)
        except (BrokenPipeError, ConnectionError):
            log.warning("the supervisor is gone", pid=os.getpid())
            self.is_cut_off = True
        self.news, self._sent_at = News(), now
