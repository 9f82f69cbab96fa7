"""Limits an HTTP server's connections: how many, how long one may take to ask, how much may wait to be read.

aiohttp by itself waits for ever for a request to come and for an answer to be read, on any number of connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from softphone_agent.contract.peer_limit import PeerLimit

_log = logging.getLogger("softphone-fleet.http")
_log.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))
"""Of our own faults: a request that is none gets its 400, and is no reason to fill the log."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server bears."""

    waiting: int = 128
    """Connections on which nothing was asked yet, or that wait for another request."""
    busy: int = 128
    """Connections on which a request is being answered."""
    ask_seconds: float = 10.0
    """How long a connection may take until its request is there, headers and all."""
    keep_seconds: float = 75.0
    """How long it may wait for another one."""
    answer_seconds: float | None = None
    """How long a request with its body may take; None: as long as it likes."""
    unread_bytes: int = 16 * 1024 * 1024
    """What of answers may lie here because nobody takes it."""


class ConnectionLimiter:
    """Lets connections in and puts out those that are too many or too slow."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._waiting: PeerLimit[asyncio.Transport] = PeerLimit(self._limits.waiting)
        self._busy: PeerLimit[asyncio.Transport] = PeerLimit(self._limits.busy)
        self._alarms: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    async def serve(
        self, application: web.Application, address: str, port: int, *, tls: ssl.SSLContext | None = None
    ) -> web.AppRunner:
        """Listen; returns the runner, to be cleaned up. Raises OSError where the port is taken."""
        application.middlewares.append(self._middleware())
        runner = web.AppRunner(
            application,
            access_log=None,
            logger=_log,
            shutdown_timeout=1.0,
            keepalive_timeout=self._limits.keep_seconds,
        )
        await runner.setup()
        await _Site(runner, self, address, port, tls).start()
        return runner

    def opened(self, transport: asyncio.Transport) -> None:
        """A connection is there."""
        self._wait(transport, self._limits.ask_seconds)

    def closed(self, transport: asyncio.Transport) -> None:
        """A connection is no more."""
        self._waiting.leave(transport)
        self._busy.leave(transport)
        if alarm := self._alarms.pop(transport, None):
            alarm.cancel()

    def _wait(self, transport: asyncio.Transport, seconds: float) -> None:
        self._busy.leave(transport)
        self._put_out(self._waiting.enter(transport, _peer(transport)))
        self._alarms[transport] = asyncio.get_running_loop().call_later(seconds, self._put_out, transport)

    def _begin(self, transport: asyncio.Transport) -> None:
        self._waiting.leave(transport)
        if alarm := self._alarms.pop(transport, None):
            alarm.cancel()
        self._put_out(self._busy.enter(transport, _peer(transport)))
        self._put_out_who_does_not_read()

    def unread(self) -> dict[asyncio.Transport, int]:
        """How many bytes of answers lie here, by connection."""
        return {one: one.get_write_buffer_size() for one in [*self._waiting.members(), *self._busy.members()]}

    def _put_out_who_does_not_read(self) -> None:
        unread = self.unread()
        total = sum(unread.values())
        for one, size in sorted(unread.items(), key=lambda item: -item[1]):
            if total <= self._limits.unread_bytes:
                return
            self._put_out(one)
            total -= size

    def _put_out(self, transport: asyncio.Transport | None) -> None:
        if transport is None:
            return
        self.closed(transport)
        with contextlib.suppress(OSError):  # what lies in the kernel goes at once
            ours = transport.get_extra_info("socket")
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    def _middleware(self) -> Middleware:
        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            transport = request.transport
            if transport is None:
                return web.Response(status=408)  # nobody is there to read it
            self._begin(transport)
            try:
                async with asyncio.timeout(self._limits.answer_seconds):
                    return await handler(request)
            except TimeoutError:
                return web.Response(status=408, text="too slow\n", headers={"Connection": "close"})
            finally:
                if transport in self._busy:
                    self._wait(transport, self._limits.keep_seconds)

        return watch


class _Site(web.BaseSite):
    """A TCP port whose connections are limited."""

    def __init__(
        self,
        runner: web.AppRunner,
        limiter: ConnectionLimiter,
        address: str,
        port: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(runner, ssl_context=tls)
        self._limiter, self._place = limiter, (address, port)

    @property
    def name(self) -> str:
        return f"{self._place[0]}:{self._place[1]}"

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Guarded(server(), self._limiter), *self._place, ssl=self._ssl_context, backlog=self._backlog
        )


class _Guarded(asyncio.Protocol):
    """aiohttp's protocol of one connection; the limiter hears when it begins and ends."""

    def __init__(self, inner: asyncio.Protocol, limiter: ConnectionLimiter) -> None:
        self._inner, self._limiter = inner, limiter
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._inner.connection_made(transport)
        self._limiter.opened(transport)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._limiter.closed(self._transport)
        self._inner.connection_lost(exc)


def _peer(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else ""
