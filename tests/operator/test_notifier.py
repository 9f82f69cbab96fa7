"""Losses are told to a real HTTP receiver: one that is down, slow, refuses, redirects, or comes back."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from lab.certificates import Authority
from softphone_operator.decide import notifications
from softphone_operator.notify import receiver as subject
from softphone_operator.notify.notifier import FAILED, SENT, Notifier
from softphone_operator.notify.receiver import NotTakenError, Receiver

TOKEN, PATH = "token-4711", "/services/path-0815"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANNA = ("Softphone", "calls", "anna")
LOST = {
    "conditions": [
        {
            "type": "Registered",
            "status": "False",
            "reason": "Unreachable",
            "message": "Unreachable at master",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }
    ],
    "registration": {"state": "Waiting", "lastFailure": {"pbx": "master"}},
}


class Listener:
    """A receiver on loopback: answers as it is told to, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer: Callable[[], Awaitable[web.Response]] = self._ok
        self.taken: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.asked = 0
        self.tls: ssl.SSLContext | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{PATH}"

    @staticmethod
    async def _ok() -> web.Response:
        return web.Response()

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        async def handler(request: web.Request) -> web.Response:
            self.asked += 1
            answer = await self.answer()
            if answer.status == 200:
                await self.taken.put((request.headers.get("Authorization", ""), await request.json()))
            return answer

        app = web.Application()
        app.router.add_post(PATH, handler)
        runner = web.AppRunner(app, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self.tls).start()
        try:
            yield
        finally:
            await runner.cleanup()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(notifications, "LONGEST_BACKOFF_SECONDS", 0.02)
    monkeypatch.setattr(subject, "TIMEOUT_SECONDS", 0.2)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return tmp_path


@asynccontextmanager
async def notifier(url: str, directory: Path | None) -> AsyncIterator[tuple[Notifier, list[str]]]:
    results: list[str] = []
    async with aiohttp.ClientSession() as session:
        made = Notifier(Receiver(session, url, directory).post, 0.0, count=results.append, now=lambda: NOW)
        task = asyncio.create_task(made.run())
        try:
            yield made, results
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not wanted():
            await asyncio.sleep(0.002)


async def test_a_loss_and_its_end_reach_the_receiver_with_the_token(secret: Path) -> None:
    listener = Listener()
    async with listener.up(), notifier(listener.url, secret) as (told, results):
        told.seen(ANNA, {}, LOST)
        authorization, message = await asyncio.wait_for(listener.taken.get(), 5)
        assert authorization == f"Bearer {TOKEN}"
        assert (message["version"], message["status"]) == ("4", "firing")
        assert message["groupLabels"] == {"namespace": "calls", "pbx": "master"}
        (secret / "token").write_text("another")
        await until(lambda: results == [SENT])
        told.seen(ANNA, LOST, {})
        authorization, message = await asyncio.wait_for(listener.taken.get(), 5)
        assert authorization == "Bearer another", "a Secret that was changed counts at once"
        assert message["status"] == "resolved"
        assert message["alerts"][0]["endsAt"] == "2026-01-02T00:00:00Z"


async def test_what_is_over_before_anybody_was_told_is_not_told(secret: Path) -> None:
    listener = Listener()
    async with listener.up(), notifier(listener.url, secret) as (told, results):
        told.seen(ANNA, {}, LOST)
        told.seen(ANNA, LOST, {})
        told.seen(("Softphone", "calls", "bob"), {}, LOST)
        await until(lambda: results == [SENT])
        _, message = listener.taken.get_nowait()
        assert [one["labels"]["softphone"] for one in message["alerts"]] == ["bob"]


async def test_what_is_told_of_no_pbx_itself_and_deleted_objects_end(secret: Path) -> None:
    listener = Listener()
    async with listener.up(), notifier(listener.url, secret) as (told, results):
        told.seen(("PBX", "calls", "master"), {}, LOST)
        told.seen(ANNA, {}, LOST)
        await until(lambda: results == [SENT])
        told.gone(ANNA)
        await until(lambda: results == [SENT, SENT])
        assert [listener.taken.get_nowait()[1]["status"] for _ in range(2)] == ["firing", "resolved"]


async def test_a_receiver_that_is_down_gets_it_when_it_is_back(secret: Path) -> None:
    listener = Listener()
    async with notifier(listener.url, secret) as (told, results):
        told.seen(ANNA, {}, LOST)
        await until(lambda: results[:2] == [FAILED, FAILED])
        async with listener.up():
            _, message = await asyncio.wait_for(listener.taken.get(), 5)
        assert message["status"] == "firing"
        await until(lambda: results[-1] == SENT)


async def _500() -> web.Response:
    return web.Response(status=500, text=TOKEN)


async def _401() -> web.Response:
    return web.Response(status=401)


async def _elsewhere() -> web.Response:
    return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/"})


async def _slow() -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_500, "answered 500"),
        (_401, "answered 401"),
        (_elsewhere, "answered 307"),
        (_slow, "did not answer within 0.2 s"),
    ],
)
async def test_a_receiver_that_does_not_take_it_is_asked_again_and_no_secret_is_told(
    secret: Path, answer: Callable[[], Awaitable[web.Response]], why: str
) -> None:
    listener = Listener()
    listener.answer = answer
    with capture_logs() as logs:
        async with listener.up(), notifier(listener.url, secret) as (told, results):
            told.seen(ANNA, {}, LOST)
            await until(lambda: results[:1] == [FAILED])
            listener.answer = listener._ok
            await asyncio.wait_for(listener.taken.get(), 5)
    assert logs[0]["reason"] == f"http://127.0.0.1:{listener.port} {why}"
    assert TOKEN not in str(logs)
    assert PATH not in str(logs)


async def test_while_a_receiver_is_slow_nobody_waits_for_it(secret: Path) -> None:
    listener, asked = Listener(), asyncio.Event()

    async def never() -> web.Response:
        asked.set()
        await asyncio.sleep(60)
        return web.Response()

    listener.answer = never
    async with listener.up(), notifier(listener.url, secret) as (told, _):
        told.seen(ANNA, {}, LOST)
        await asyncio.wait_for(asked.wait(), 5)
        for number in range(1000):  # all of it without a single turn of the event loop
            told.seen(("Softphone", "calls", f"phone-{number}"), {}, LOST)
        assert listener.asked == 1


async def test_a_fault_of_ours_does_not_end_the_operator(secret: Path) -> None:
    faults = [RuntimeError(TOKEN)]

    async def post(_: Any) -> None:
        if faults:
            raise faults.pop()

    results: list[str] = []
    made = Notifier(post, 0.0, count=results.append, now=lambda: NOW)
    with capture_logs() as logs:
        task = asyncio.create_task(made.run())
        made.seen(ANNA, {}, LOST)
        await until(lambda: results == [FAILED, SENT])
        task.cancel()
    assert logs[0]["error"] == "RuntimeError"
    assert TOKEN not in str(logs)


async def test_more_than_can_be_kept_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "MOST_TROUBLES", 1)
    results: list[str] = []

    async def post(_: Any) -> None: ...

    made = Notifier(post, 0.0, count=results.append, now=lambda: NOW)
    with capture_logs() as logs:
        made.seen(ANNA, {}, LOST)
        made.seen(("Softphone", "calls", "bob"), {}, LOST)
        task = asyncio.create_task(made.run())
        await until(lambda: results == [SENT])
        task.cancel()
    assert [(log["event"], log["left_out"]) for log in logs] == [("there is more to tell than can be kept", 1)]


async def test_without_a_secret_there_is_no_token() -> None:
    listener = Listener()
    async with listener.up(), notifier(listener.url, None) as (told, _):
        told.seen(ANNA, {}, LOST)
        authorization, _ = await asyncio.wait_for(listener.taken.get(), 5)
    assert authorization == ""


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "ü\ud83d"])
async def test_a_token_that_cannot_be_sent_is_no_header_and_told_without_its_text(tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(token, errors="surrogatepass")
    async with aiohttp.ClientSession() as session:
        with pytest.raises(NotTakenError) as told:
            await Receiver(session, "http://127.0.0.1:1/", tmp_path).post({})
    assert "Evil" not in str(told.value)
    assert "ü" not in str(told.value)


async def test_a_token_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(NotTakenError, match="token of its Secret cannot be read"):
            await Receiver(session, "http://127.0.0.1:1/", tmp_path).post({})


async def test_a_receiver_with_a_certificate_of_a_ca_of_its_own(secret: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    issued = authority.issue("receiver", "IP:127.0.0.1")
    listener = Listener()
    listener.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    listener.tls.load_cert_chain(issued.certificate, issued.key)
    async with listener.up(), notifier(listener.url, secret) as (told, results):
        told.seen(ANNA, {}, LOST)
        await until(lambda: results[:1] == [FAILED])
        assert listener.asked == 0, "nobody is sent the token whose certificate is not trusted"
        (secret / "ca.crt").write_text(authority.ca.read_text())
        authorization, _ = await asyncio.wait_for(listener.taken.get(), 5)
    assert authorization == f"Bearer {TOKEN}"
