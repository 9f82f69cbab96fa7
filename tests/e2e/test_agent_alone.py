"""The agent without Kubernetes: the example configuration at the lab's PBXes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent_process
from lab.pbx import System
from lab.settings import REPOSITORY
from lab.waiting import wait_until
from softphone_agent.report import PhoneChanged, Snapshot, parse_line

pytestmark = pytest.mark.lab

AGENT = "http://127.0.0.1:8080"


@pytest.fixture
def agent(pbxes: System) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "softphone_agent", "run", "--config", "examples/agent.yaml"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: get("/readyz") == "ok\n", "the agent is ready", alive=lambda: process.poll() is None)
        yield process
        process.send_signal(signal.SIGTERM)


def get(path: str) -> str | None:
    try:
        with urllib.request.urlopen(AGENT + path, timeout=5) as answer:
            body: bytes = answer.read()
            return body.decode()
    except OSError:
        return None


def test_the_agent_alone_registers_tells_and_leaves(agent: subprocess.Popen[bytes], pbxes: System) -> None:
    with urllib.request.urlopen(AGENT + "/status?watch=1", timeout=20) as stream:
        for text in stream:
            line = parse_line(text)
            phones = (
                line.phones if isinstance(line, Snapshot) else [line.phone] if isinstance(line, PhoneChanged) else []
            )
            if any(phone.registered for phone in phones):
                break
    alice = json.loads(get("/status") or "{}")["phones"][0]
    assert (alice["state"], alice["pbx"], alice["role"], alice["via"]) == ("Registered", "slave", "Home", "redirect")
    assert 'softphone_registered{fleet="",softphone="alice"} 1' in (get("/metrics") or "")
    assert pbxes.pbx("slave").bindings("alice")
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(30) == 0
    assert not pbxes.pbx("slave").bindings("alice"), "SIGTERM un-REGISTERs"


async def test_tls_all_the_way_through_a_redirect_and_a_fail_over(pbxes: System, tmp_path: Path) -> None:
    places = {
        name: agent_process.pbx(name, pbxes.pbx(name).tls_uri, tls={"caFile": str(pbxes.authority)})
        for name in ("master", "slave", "standby")
    }
    (tmp_path / "password").write_text("pw-u77")
    fields = {
        "aor": "sip:u77@pbx.test",
        "credentials": {"passwordFile": str(tmp_path / "password")},
        "registration": {"attemptTimeoutSeconds": 2, "pingSeconds": 0.5},
    }
    phone = agent_process.phone("u77", pri="master", sec="standby", **fields)
    async with agent_process.running(tmp_path, list(places.values()), [phone], sip={}) as agent:
        await agent.phone("u77", registered=True, pbx="slave", via="redirect", role="Home")
        (binding,) = pbxes.pbx("slave").bindings("u77")
        assert (binding.socket or "").startswith("tls:")
        pbxes.pbx("slave").kill()
        await agent.phone("u77", registered=True, pbx="master", role="Standby")
        assert pbxes.pbx("master").bindings("u77")
