"""The limits of an HTTP server: too many, too slow, too greedy; and whoever behaves is served all the same."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from softphone_agent.contract.connection_limiter import ConnectionLimiter, Limits
from softphone_agent.contract.peer_limit import PeerLimit

BIG = 8 * 1024 * 1024
"""More than the kernel keeps for one connection."""


@contextlib.asynccontextmanager
async def serving(limits: Limits) -> AsyncIterator[int]:
    async with _serving(limits) as (port, _):
        yield port


@contextlib.asynccontextmanager
async def _serving(limits: Limits) -> AsyncIterator[tuple[int, ConnectionLimiter]]:
    application = web.Application()

    async def quick(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def big(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * BIG)

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    application.router.add_get("/", quick)
    application.router.add_get("/big", big)
    application.router.add_post("/", echo)
    limiter = ConnectionLimiter(limits)
    runner = await limiter.serve(application, "127.0.0.1", 0)
    try:
        yield runner.addresses[0][1], limiter
    finally:
        await runner.cleanup()


async def connect(port: int, source: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))


async def ask(port: int, request: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", source: str = "127.0.0.1") -> bytes:
    """The first line of the answer, empty where there was none."""
    reader, writer = await connect(port, source)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.readline(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def is_put_out(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            while await reader.read(65536):
                pass
    return True


OK = b"HTTP/1.1 200 OK\r\n"


async def test_who_asks_nothing_makes_place_for_who_does() -> None:
    async with serving(Limits(waiting=4)) as port:
        many = [await connect(port) for _ in range(20)]
        assert await ask(port) == OK
        assert all([await is_put_out(reader) for reader, _ in many[:16]])
        for _, writer in many:
            writer.close()


async def test_whoever_comes_often_puts_out_nobody_but_himself() -> None:
    async with serving(Limits(waiting=4)) as port:
        reader, writer = await connect(port, "127.0.0.2")
        many = [await connect(port) for _ in range(20)]
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await reader.readline() == OK
        for _, other in [*many, (reader, writer)]:
            other.close()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nX: "], ids=["nothing", "half a request"])
async def test_who_is_slow_to_ask_is_put_out(begun: bytes) -> None:
    async with serving(Limits(ask_seconds=0.05)) as port:
        reader, writer = await connect(port)
        writer.write(begun)
        assert await is_put_out(reader)
        writer.close()


async def test_a_connection_is_kept_for_another_request_and_not_for_ever() -> None:
    async with serving(Limits(ask_seconds=5, keep_seconds=0.2)) as port:
        reader, writer = await connect(port)
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await reader.readline() == OK
            await reader.readuntil(b"ok")
        assert await is_put_out(reader)
        writer.close()


async def test_who_is_slow_to_send_his_body_is_told_so() -> None:
    async with serving(Limits(answer_seconds=0.05)) as port:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nslow"
        assert await ask(port, head) == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_who_does_not_read_is_put_out_before_answers_pile_up() -> None:
    async with _serving(Limits(unread_bytes=2 * BIG)) as (port, limiter):
        greedy = []
        for _ in range(10):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", port))
            one.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            greedy.append(one)
            assert await ask(port) == OK
            assert sum(limiter.unread().values()) <= 3 * BIG
        assert await ask(port) == OK
        assert 0 < sum(limiter.unread().values()) <= 2 * BIG
        for one in greedy:
            one.close()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from("abc"))), st.integers(1, 4))
def test_a_limited_set_is_never_larger_than_it_may_be(steps: list[tuple[bool, int, str]], most: int) -> None:
    limit: PeerLimit[tuple[str, int]] = PeerLimit(most)
    for enters, number, peer in steps:
        member = (peer, number)
        if enters and member not in limit:
            count = {name: len([one for one in limit.members() if one[0] == name]) for name in "abc"}
            gone = limit.enter(member, peer)
            assert gone is None or count[gone[0]] + (gone[0] == peer) == max({**count, peer: count[peer] + 1}.values())
        elif not enters:
            limit.leave(member)
        assert len(limit) == len(limit.members()) <= most
