"""The program around the operator: its log, its HTTP server, its metrics, and the page that describes them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import structlog

from softphone_operator.observe import metrics as measured
from softphone_operator.program import command_line, server
from softphone_operator.program.process import configure_logging

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "operator.md").read_text()


@pytest.fixture
def logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("kopf").setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.mark.usefixtures("logging_restored")
def test_all_logs_are_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    with structlog.contextvars.bound_contextvars(kind="Softphone", name="anna"):
        structlog.get_logger().info("applied", lacking="spec.replicas")
    logging.getLogger("aiohttp").warning("from a library: %s", "x")
    logging.getLogger("kopf.activities").info("chatter")
    structlog.get_logger().debug("too fine")
    try:
        raise ValueError("a fault")
    except ValueError as error:
        structlog.get_logger().warning("failed", exc_info=error)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["applied", "from a library: x", "failed"]
    assert (lines[0]["kind"], lines[0]["name"], lines[0]["lacking"]) == ("Softphone", "anna", "spec.replicas")
    assert lines[1]["logger"] == "aiohttp"
    assert "ValueError: a fault" in lines[2]["exception"]


async def test_probes_and_metrics_are_served() -> None:
    problem: str | None = "CRDs are missing: pbxs.softphone-fleet.io"
    deafness: str | None = None
    metrics = measured.Metrics()
    runner = await server.serve(
        "127.0.0.1",
        0,
        metrics=metrics.render,
        content_type=measured.CONTENT_TYPE,
        unready=lambda: problem,
        unhealthy=lambda: deafness,
    )
    try:
        async with aiohttp.ClientSession(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
            assert await ask(session, "/healthz") == (200, "ok\n")
            assert await ask(session, "/readyz") == (503, "CRDs are missing: pbxs.softphone-fleet.io\n")
            problem, deafness = None, "deaf: no watch has begun anew"
            assert await ask(session, "/healthz") == (503, "deaf: no watch has begun anew\n")
            assert await ask(session, "/readyz") == (200, "ok\n")
            code, text = await ask(session, "/metrics")
            assert code == 200
            assert "softphone_operator_status_lag_seconds_count 0.0" in text
    finally:
        await runner.cleanup()


async def ask(session: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with session.get(path) as response:
        return response.status, await response.text()


def test_the_settings_are_those_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        command_line.parse(["--help"], {})
    shown = set(re.findall(r"SOFTPHONE_\w+", capsys.readouterr().out))
    assert shown == set(re.findall(r"`(SOFTPHONE_\w+)`", PAGE))
