"""Whatever comes to the HTTP ports of agent and operator: an answer that HTTP knows, never 500; the probes go on."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from agent_process import pbx, phone, running
from intruder import GREEDY, Size
from sip_responder import Start
from softphone_agent.contract.history import History
from softphone_agent.contract.report import ConfigReport, Counts, Snapshot
from softphone_agent.http import endpoints
from softphone_operator.program import server

REPORT = ConfigReport(digest="abc")
PATHS = ("/metrics", "/healthz", "/readyz", "/status", "/status?watch=1", "/status?watch=1&view=counts", "/validate")
PATIENCE = 0.2
"""Seconds; a connection that is kept open says nothing more after its answer."""
PROBE = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
REFUSED = {400, 404, 405, 408, 411, 413, 414, 417, 431, 501, 505}
"""What a client's fault may be answered with. Never 500, and 503 is a probe's."""

TOKENS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabc-_!#", min_size=1, max_size=30)
METHODS = st.one_of(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"]), TOKENS)
TEXTS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=200)
TARGETS = st.one_of(
    st.sampled_from(PATHS),
    st.tuples(st.sampled_from(PATHS), TEXTS).map("".join),
    st.sampled_from(["*", "//", "/%00", "/%ff", "/../../etc/passwd", "http://[::1", "/status?watch=%zz&view=%00"]),
    TEXTS,
)
HEADERS = st.lists(
    st.one_of(
        st.tuples(TOKENS, TEXTS),
        st.sampled_from(
            [
                ("Content-Length", "-1"),
                ("Content-Length", "99999999999999999999"),
                ("Content-Length", "5"),
                ("Transfer-Encoding", "chunked"),
                ("Transfer-Encoding", "gzip, chunked"),
                ("Content-Encoding", "br"),
                ("Expect", "100-continue"),
                ("Upgrade", "websocket"),
                ("Connection", "upgrade"),
                ("Range", "bytes=0-1,5-"),
                ("X-Long", "x" * 9000),
                ("Host", ""),
            ]
        ),
    ),
    max_size=8,
)


def unlucky(*_: Any) -> None:
    return None


@asynccontextmanager
async def agents_server() -> AsyncIterator[int]:
    watchers = endpoints.Watchers()
    sources = endpoints.Sources(
        lambda: b"metric 1\n",
        lambda: Snapshot(version="1", config=REPORT),
        unlucky,
        unlucky,
        watchers,
        lambda: Counts(version="1", config=REPORT, phones=1),
        lambda phone: History(version="1"),
    )
    runner, port = await endpoints.serve(endpoints.application(sources), "127.0.0.1", 0)
    try:
        yield port
    finally:
        watchers.close()
        await runner.cleanup()


@asynccontextmanager
async def operators_server() -> AsyncIterator[int]:
    runner = await server.serve(
        "127.0.0.1", 0, metrics=lambda: b"metric 1\n", content_type="text/plain", unready=unlucky, unhealthy=unlucky
    )
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def codes(port: int, data: bytes) -> list[int]:
    """The status codes that came back to these bytes, until the server has nothing more to say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(data)
        async with asyncio.timeout(None if data == PROBE else PATIENCE):
            while piece := await reader.read(65536):
                got += piece
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return [int(code) for code in re.findall(rb"^HTTP/1\.[01] ([0-9]{3})", got, re.MULTILINE)]


@pytest.mark.parametrize("serving", [agents_server, operators_server], ids=["agent", "operator"])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=500),
            st.builds(
                _request := lambda method, target, headers, body: (
                    (f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers) + "\r\n").encode()
                    + body
                ),
                METHODS,
                TARGETS,
                HEADERS,
                st.binary(max_size=50),
            ),
        ),
        min_size=5,
        max_size=5,
    )
)
@settings(max_examples=25, deadline=None)
def test_nothing_that_is_sent_is_a_fault_of_ours(serving: Callable[[], Any], sent: list[bytes]) -> None:
    async def send() -> None:
        async with serving() as port:
            answers = await asyncio.gather(*(codes(port, data) for data in sent))
            for data, got in zip(sent, answers, strict=True):
                assert all(code < 400 or code in REFUSED for code in got), (data, got)
            assert await codes(port, PROBE) == [200]

        for _ in range(3):
            await asyncio.sleep(0)  # transports close in the loop's next turns

    asyncio.run(send())


# The real agent


@pytest.mark.lab
async def test_slow_and_greedy_http_clients_do_not_harm_a_running_agent(tmp_path: Path, start: Start) -> None:
    master = await start()
    phones = [phone(f"phone{number}", pri="master") for number in range(7)]
    async with running(tmp_path, [pbx("master", master.uri())], phones) as agent:
        for number in range(7):
            await agent.phone(f"phone{number}", registered=True)
        port, before = int(agent.http.rpartition(":")[2]), Size.of(agent.process.pid)
        held = []
        for data in GREEDY:
            for _ in range(150):
                _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(data)
                held.append(writer)
            assert await agent.get("/healthz") == (200, "ok\n")
            assert await agent.get("/readyz") == (200, "ok\n")
        after = Size.of(agent.process.pid)
        assert after.memory < before.memory + 64 * 1024 * 1024
        assert after.files < before.files + 300
        agent.write(agent.config | {"phones": phones[1:]})
        await agent.until(lambda agent: "phone0" not in agent.phones, "the operator's stream goes on")
        list(text_string_to_metric_families(await agent.metrics()))
        for writer in held:
            writer.transport.abort()
