"""The agent without Kubernetes: the example configuration at the lab's PBXes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent_process
from examples import ALONE
from lab.pbx import System, here
from lab.settings import REPOSITORY
from lab.waiting import wait_until
from softphone_agent.contract.report import PhoneChanged, Snapshot, parse_line

pytestmark = pytest.mark.lab

AGENT = "http://127.0.0.1:8080"
PROMETHEUS = "127.0.0.1:19091"


@pytest.fixture
def agent(pbxes: System, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    config = tmp_path / "agent.yaml"
    config.write_text(here((ALONE / "agent.yaml").read_text()))
    command = [sys.executable, "-m", "softphone_agent", "run", "--config", str(config)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: get("/readyz") == "ok\n", "the agent is ready", alive=lambda: process.poll() is None)
        yield process
        process.send_signal(signal.SIGTERM)


def get(path: str, server: str = AGENT) -> str | None:
    try:
        with urllib.request.urlopen(server + path, timeout=5) as answer:
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


@pytest.fixture
def prometheus(agent: subprocess.Popen[bytes], tmp_path: Path) -> Iterator[str]:
    """A Prometheus of the example's own configuration, with the rules that it names."""
    command = ["prometheus", f"--config.file={ALONE / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path}/data"]
    listen = [f"--web.listen-address={PROMETHEUS}", "--log.level=warn"]
    with subprocess.Popen([*command, *listen], stdout=subprocess.DEVNULL) as process:
        yield f"http://{PROMETHEUS}"
        process.terminate()


def test_a_prometheus_beside_it_scrapes_it_and_evaluates_the_rules(prometheus: str) -> None:
    def asked(query: str) -> list[dict[str, str]]:
        answer = get(f"/api/v1/query?{urllib.parse.urlencode({'query': query})}", prometheus)
        return [found["metric"] for found in json.loads(answer)["data"]["result"]] if answer else []

    wait_until(lambda: bool(asked("softphone_registered == 1")), "the agent is scraped", seconds=60)
    (alice,) = asked("softphone_registered")
    assert (alice["softphone"], alice["namespace"], alice["pod"]) == ("alice", "vienna", "probe-1")
    recorded = 'namespace_system:softphone_pbx_reachable:max{system="lab"} == 1'
    wait_until(lambda: bool(asked(recorded)), "the recording rules have found it", seconds=60)


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
