"""Follows the status stream of each agent over HTTP and keeps what it reported last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field

import aiohttp
import structlog
from pydantic import ValidationError

from softphone_agent.contract import call_report
from softphone_agent.contract.call_report import CallReport, supersedes
from softphone_agent.contract.counting import count
from softphone_agent.contract.report import (
    HEARTBEAT_SECONDS,
    CallChanged,
    ConfigChanged,
    ConfigReport,
    Counts,
    Heartbeat,
    PbxChanged,
    PbxCounts,
    PbxReport,
    PhoneChanged,
    PhoneRemoved,
    PhoneReport,
    Snapshot,
    WatchLine,
    parse_line,
)
from softphone_operator.decide.facts import Reported
from softphone_operator.decide.report_limits import fitting

SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
CONNECT_SECONDS = 3.0
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 10.0
GRACE_SECONDS = 5.0
MAX_LINE_BYTES = 16 * 1024 * 1024

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lost:
    """The stream is not there, or not any more; `why` is for people."""

    why: str


async def follow(
    session: aiohttp.ClientSession, url: str, *, jitter: Callable[[], float], counts: bool = False
) -> AsyncGenerator[WatchLine | Lost, None]:
    """Follow the agent whose HTTP server is at `url` for ever: its lines, and a Lost each time that the stream ends.

    `jitter` gives numbers from 0 to 1; it spreads the attempts to connect again. `counts`: ask for counts only, not
    for a line for each phone.
    """
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            async for line in _stream(session, url, counts=counts):
                wait = FIRST_WAIT_SECONDS
                yield line
            why = "it ended its status stream"
        except TimeoutError:
            why = f"it was silent for {SILENCE_SECONDS:g} s"
        except aiohttp.ClientResponseError as error:
            why = f"it answered {error.status} {error.message}"
        except (aiohttp.ClientError, OSError) as error:
            why = str(error) or type(error).__name__
        except _BadStreamError as error:
            why = str(error)
        yield Lost(why)
        await asyncio.sleep(wait * (0.5 + 0.5 * jitter()))
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


class _BadStreamError(Exception):
    """What came is no status stream."""


async def _stream(session: aiohttp.ClientSession, url: str, *, counts: bool) -> AsyncGenerator[WatchLine, None]:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    query = {"watch": "1"} | ({"view": "counts"} if counts else {})
    async with session.get(f"{url}/status", params=query, timeout=timeout) as response:
        response.raise_for_status()
        rest = b""
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise _BadStreamError(f"it sent a line longer than {MAX_LINE_BYTES} bytes")
            for line in lines:
                try:
                    yield fitting(parse_line(line))
                except ValidationError as error:
                    fault = error.errors(include_url=False, include_input=False)[0]
                    raise _BadStreamError(f"it sent a line that is not understood: {fault['msg']}") from None


@dataclass(frozen=True, slots=True)
class Change:
    """What a line changed: names of phones and of PBXes. `everything`: all that is known of the agent.

    `begun`: the phone's `since` is new, so that it says when the change was.
    """

    phones: frozenset[str] = frozenset()
    pbxs: frozenset[str] = frozenset()
    everything: bool = False
    begun: bool = False
    checks: frozenset[str] = frozenset()
    """Checks of which a call has ended."""


CallKey = tuple[str, str, str, str]


@dataclass(slots=True)
class View:
    """What one agent reported last. `since` is when its stream was last lost, on the clock of `now`."""

    since: float
    connected: bool = False
    why: str = "it was not asked yet"
    config: ConfigReport | None = None
    phones: dict[str, PhoneReport] = field(default_factory=dict)
    pbxs: dict[str, bool | None] = field(default_factory=dict)
    certificates: dict[str, str] = field(default_factory=dict)
    """When the certificates end that PBXes have shown to the agent, by name."""
    counts: Counts | None = None
    calls: dict[CallKey, CallReport] = field(default_factory=dict)
    """Of calls that have ended, the last one of each test call and end."""

    def apply(self, line: WatchLine | Lost, now: float) -> Change:
        """Take a line in; returns what changed."""
        match line:
            case Lost():
                if self.connected:
                    self.since = now
                self.connected, self.why = False, line.why
                return Change(pbxs=self.known_pbxs(), everything=True)
            case Snapshot():
                self.connected, self.why = True, ""
                before = self.known_pbxs()
                self.config = line.config
                self.phones = {phone.name: phone for phone in line.phones}
                self._take_pbxs(line.pbxs)
                checks = self._take_calls(line.calls)
                return Change(pbxs=before | self.known_pbxs(), everything=True, checks=checks)
            case Counts():
                seen = {pbx.name: pbx for pbx in self.counts.pbxs} if self.counts and self.connected else {}
                told = {pbx.name: pbx for pbx in line.pbxs}
                self.connected, self.why = True, ""
                self.config, self.counts = line.config, line
                self._take_pbxs(line.pbxs)
                moved_at = {name for name in seen.keys() | told.keys() if seen.get(name) != told.get(name)}
                checks = self._take_calls(line.calls)
                return Change(pbxs=frozenset(moved_at), everything=True, checks=checks)
            case PhoneChanged():
                last, phone = self.phones.get(line.phone.name), line.phone
                self.phones[phone.name] = phone
                moved = _registered_at(last) != _registered_at(phone)
                places = {p.pbx for p in (last, phone) if p and p.pbx}
                begun = last is None or last.since != phone.since
                return Change(frozenset([phone.name]), frozenset(places) if moved else frozenset(), begun=begun)
            case PhoneRemoved():
                last = self.phones.pop(line.name, None)
                return Change(frozenset([line.name]), frozenset([last.pbx] if last and last.pbx else []))
            case PbxChanged():
                if line.pbx.reachable is None:  # also for one that no phone uses any more
                    self.pbxs.pop(line.pbx.name, None)
                else:
                    self.pbxs[line.pbx.name] = line.pbx.reachable
                self.certificates.pop(line.pbx.name, None)
                if line.pbx.certificate_expires:
                    self.certificates[line.pbx.name] = line.pbx.certificate_expires
                return Change(pbxs=frozenset([line.pbx.name]))
            case CallChanged():
                return Change(checks=self._take_calls((line.call,)))
            case ConfigChanged():
                self.config = line.config
                return Change(everything=True)
            case Heartbeat():
                return Change()

    def _take_pbxs(self, told: Iterable[PbxReport | PbxCounts]) -> None:
        self.pbxs, self.certificates = {}, {}
        for pbx in told:
            self.pbxs[pbx.name] = pbx.reachable
            if pbx.certificate_expires:
                self.certificates[pbx.name] = pbx.certificate_expires

    def _take_calls(self, reports: Iterable[CallReport]) -> frozenset[str]:
        """Keep those of calls that have ended; returns the checks of which there is something new."""
        new = set()
        for report in reports:
            key = call_report.key(report)
            known = self.calls.get(key)
            if report.state == "Ended" and known != report and (known is None or supersedes(report, known)):
                self.calls.pop(key, None)
                self.calls[key] = report
                new.add(report.check)
        while len(self.calls) > call_report.MAX_CALL_REPORTS:
            del self.calls[next(iter(self.calls))]
        return frozenset(new)

    def known_pbxs(self) -> frozenset[str]:
        """Names of the PBXes that the agent has reported."""
        return frozenset(self.pbxs) | {phone.pbx for phone in self.phones.values() if phone.pbx}

    def counted(self) -> Counts | None:
        """What it tells in counts; where it tells of each phone their sum, None before it has told anything."""
        if self.counts is not None or self.config is None:
            return self.counts
        pbxs = (PbxReport(name=name, reachable=reachable) for name, reachable in self.pbxs.items())
        return count("", self.config, self.phones.values(), pbxs)

    def reported(self, phone: str, now: float) -> Reported:
        """What is reported about a phone."""
        if self.connected:
            return Reported("connected", self.phones.get(phone), self.config)
        if self.trusted(now):
            return Reported("connecting", why=self.why)
        return Reported("lost", why=self.why)

    def trusted(self, now: float) -> bool:
        """Whether the last report still counts: the stream is there, or was a moment ago."""
        return self.connected or now - self.since < GRACE_SECONDS


def _registered_at(phone: PhoneReport | None) -> tuple[str | None, str | None] | None:
    """Where a phone counts as registered, None where nowhere."""
    return (phone.pbx, phone.role) if phone and phone.registered else None


AgentKey = tuple[str, str]
"""Namespace and name of an agent."""


@dataclass(slots=True)
class _Follower:
    url: str
    identity: str
    view: View
    task: asyncio.Task[None]


class Followers:
    """Follows many agents, each in a task of its own, and keeps their views.

    `changed(key, change, line)` is called after every line that was taken in.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        changed: Callable[[AgentKey, Change, WatchLine | Lost], None],
        *,
        jitter: Callable[[], float],
    ) -> None:
        self._session = session
        self._changed = changed
        self._jitter = jitter
        self._followers: dict[AgentKey, _Follower] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def point(self, key: AgentKey, url: str | None, identity: str, *, counts: bool = False) -> frozenset[str]:
        """Follow the agent at `url` from now on; None: stop following it. Another `identity` is another agent.

        Returns the PBXes whose earlier reports no longer count.
        """
        gone: frozenset[str] = frozenset()
        follower = self._followers.get(key)
        if follower is not None:
            if (follower.url, follower.identity) == (url, identity):
                return gone
            gone = follower.view.known_pbxs()
            self._end(follower.task)
            del self._followers[key]
        if url is not None:
            view = View(_clock())
            task = asyncio.create_task(self._follow(key, url, view, counts), name=f"follow {url}")
            self._followers[key] = _Follower(url, identity, view, task)
        return gone

    def view(self, key: AgentKey) -> View | None:
        """What the agent reported last, None if it is not followed."""
        follower = self._followers.get(key)
        return follower.view if follower else None

    def views(self, namespace: str) -> list[View]:
        """The views of all agents of a namespace."""
        return [follower.view for key, follower in self._followers.items() if key[0] == namespace]

    async def close(self) -> None:
        """Stop following all agents."""
        for follower in self._followers.values():
            self._end(follower.task)
        self._followers.clear()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _follow(self, key: AgentKey, url: str, view: View, counts: bool) -> None:
        while True:
            try:
                async for line in follow(self._session, url, jitter=self._jitter, counts=counts):
                    self._changed(key, view.apply(line, _clock()), line)
            except Exception:
                log.exception("following failed, it is tried again", namespace=key[0], agent=key[1])
                view.apply(Lost("the operator failed to follow it"), _clock())
                await asyncio.sleep(LONGEST_WAIT_SECONDS)


def _clock() -> float:
    return asyncio.get_running_loop().time()
