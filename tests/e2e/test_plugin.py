"""kubectl softphone, on real phones: imported, shown, traced, and drilled when their home is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from e2e.objects import address, fleet, secret, system
from lab.kube import Kube, Object, is_ready, kubectl, registered_at
from lab.pbx import System, default_system
from plugin.capture_file import packets

pytestmark = pytest.mark.lab

USERS = "user,password,pri,sec,phys\nalice,pw-alice,master,standby,\nbob,pw-bob,standby,master,vienna\n"
PBXES = ["--pbx", "master", "--pbx", "standby"]
FLEET = 3


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "softphone_plugin", *words]


def plugin(*words: str, given: str | None = None, code: int = 0) -> str:
    """What a command prints, which must end with this code."""
    done = subprocess.run(command(*words), input=given, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def words(text: str) -> str:
    """A text whose columns are one blank apart."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on until it is told to end."""
    with subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until_line(stream: IO[str] | None, part: str) -> str:
    """The first line that holds `part`; pytest's time-out guards it."""
    assert stream is not None
    return next(line for line in stream if part in line)


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    """Two users out of a table, and a small fleet."""
    namespace.apply(*system())
    made = plugin("import", "csv", "-", "--domain", "pbx.test", *PBXES, given=USERS)
    kubectl("-n", namespace.namespace, "apply", "-f", "-", given=made)
    passwords = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(FLEET)}
    namespace.apply(secret("load", **passwords), fleet(FLEET, FLEET))
    namespace.wait("condition=Ready", "sp --all", seconds=90)
    namespace.until("spf", "load", is_ready)
    return namespace


def test_what_is_imported_registers_and_is_shown_with_its_way(phones: Kube) -> None:
    here = ("-n", phones.namespace)
    table = plugin("status", *here)
    assert "alice Registered slave Home" in words(table)
    way = plugin("status", "bob", *here)
    walked, _, ways = way.partition("Would it hold?")
    assert {"pri", "sec"} <= {line.split()[0] for line in ways.splitlines() if line.startswith("  ")}
    assert [line.split()[1] for line in walked.splitlines() if line.startswith("  ")] == [
        "standby", "302", "master", "302", "slave",
    ]  # fmt: skip
    assert "ping" in way
    assert "on average" in way
    assert "location vienna" in words(way)
    assert "● slave registered, Home" in words(plugin("status", "load-2", *here))
    assert plugin("status", "alice", "-o", "name", *here) == "softphone.softphone-fleet.io/alice\n"
    shown = plugin("top", "--once", *here)
    assert f"{2 + FLEET} phones   {2 + FLEET} registered   0 on standby   0 out" in shown


def test_kubectl_finds_the_plugin_and_completes_names_by_it(phones: Kube) -> None:
    here, programs = ("-n", phones.namespace), str(Path(sys.executable).parent)

    def typed(*words: str) -> list[str]:
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["kubectl", *words], capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    assert typed("softphone", "status", "alice", "-o", "name", *here) == ["softphone.softphone-fleet.io/alice"]
    complete = ("__complete", "softphone")
    assert typed(*complete, "status", *here, "") == ["alice", "bob", "load-0", "load-1", "load-2", ":4"]
    assert typed(*complete, "drill", *here, "s") == ["slave", "standby", ":4"]
    assert typed(*complete, "top", "-n", phones.namespace[:-1]) == [phones.namespace, ":4"]
    assert typed(*complete, "status", "-o", "") == ["json", "yaml", "name", "wide", ":4"]
    assert [line.partition("\t")[0] for line in typed(*complete, "exp")] == ["explain", ":4"]


def test_top_ends_cleanly_without_a_terminal(phones: Kube) -> None:
    with running("top", "--interval", "0.5", "-n", phones.namespace) as top:
        for _ in range(2):
            until_line(top.stdout, f"phones={2 + FLEET} registered={2 + FLEET}")
        top.send_signal(signal.SIGTERM)
        _, err = top.communicate(timeout=20)
        assert (top.returncode, err) == (0, "")


def test_a_phone_of_a_fleet_is_its_report_for_programs(phones: Kube) -> None:
    told = json.loads(plugin("status", "load-2", "-o", "json", "-n", phones.namespace))
    assert (told["name"], told["pbx"], told["role"]) == ("load-2", "slave", "Home")


def test_what_is_not_there_is_told_by_the_exit_code(phones: Kube) -> None:
    plugin("status", "nobody", "-n", phones.namespace, code=4)
    plugin("explain", "load-99", "-n", phones.namespace, code=4)
    plugin("drill", "elsewhere", "-n", phones.namespace, code=4)


def test_a_trace_shows_the_phone_and_leaves_the_flags_as_they_were(phones: Kube, tmp_path: Path) -> None:
    pcap = tmp_path / "alice.pcap"
    with running("trace", "alice", "--pcap", str(pcap), "-n", phones.namespace) as tracing:
        phones.until("sp", "alice", lambda of: of["spec"].get("trace") == ["App", "Signaling"])
        phones.until("sp", "alice", is_ready)
        phones.patch("sp", "alice", {"phys": "graz"})
        until_line(tracing.stdout, f"REGISTER at {address('master')}")
        until_line(tracing.stdout, "Authorization: Digest …")
        tracing.send_signal(signal.SIGTERM)
        assert tracing.wait(20) == 0
    assert "trace" not in phones.get("sp", "alice")["spec"]
    phones.until("sp", "alice", is_ready)
    sent = [packet for packet in packets(pcap) if packet.payload.startswith(b"REGISTER ")]
    (master,) = (pbx for pbx in default_system().pbxes if pbx.name == "master")
    assert (master.address, master.port) in {packet.target for packet in sent}
    assert any(b"Authorization: Digest" in packet.payload for packet in sent)
    assert b"response=" not in pcap.read_bytes()


def test_one_pbxs_view_a_report_without_secrets_and_a_restart(phones: Kube, tmp_path: Path) -> None:
    here = ("-n", phones.namespace)
    phones.until("sp", "alice", registered_at("slave", "Home"))
    shown = words(plugin("pbx", "slave", *here))
    assert f"Registered here ({2 + FLEET})" in shown
    assert "alice Home redirect" in shown
    file = tmp_path / "report.tar.gz"
    plugin("report", "--file", str(file), *here)
    with tarfile.open(file) as report:
        texts = {entry.name.partition("/")[2]: report.extractfile(entry).read() for entry in report}  # type: ignore[union-attr]
    assert texts["missing.txt"] == b"nothing\n"
    assert {"status.json", "metrics.txt", "log-agent.txt"} <= {name.rpartition("/")[2] for name in texts}
    assert any(name.startswith("operator/") and b"applied" in text for name, text in texts.items())
    assert [name for name, text in texts.items() if b"pw-" in text] == []
    before = {obj["metadata"]["uid"] for obj in pods_of(phones, "alice")}
    assert "1 of 1 phones registered" in plugin("restart", "alice", *here)
    assert not before & {obj["metadata"]["uid"] for obj in pods_of(phones, "alice")}


def pods_of(place: Kube, name: str) -> list[Object]:
    """The pods of a Softphone's agent that are not going."""
    listed = kubectl("-n", place.namespace, "get", "pods", "-l", f"softphone-fleet.io/softphone={name}", "-o", "json")
    return [pod for pod in json.loads(listed)["items"] if "deletionTimestamp" not in pod["metadata"]]


def test_a_phone_that_is_suspended_is_registered_nowhere_until_it_is_resumed(phones: Kube, pbxes: System) -> None:
    here = ("-n", phones.namespace)
    phones.until("sp", "alice", registered_at("slave", "Home"))
    assert plugin("suspend", "alice", *here) == "softphone/alice suspended\n"
    phones.until("sp", "alice", lambda of: of["status"]["registration"]["state"] == "Suspended")
    assert not pbxes.pbx("slave").bindings("alice")
    assert plugin("suspend", "alice", *here) == "softphone/alice is suspended already\n"
    assert plugin("resume", "sp/alice", *here) == "softphone/alice resumed\n"
    phones.until("sp", "alice", registered_at("slave", "Home"))


def test_a_drill_tells_every_outage_and_explain_says_why(phones: Kube, pbxes: System) -> None:
    here = ("-n", phones.namespace)
    for name in ("alice", "bob"):
        phones.until("sp", name, registered_at("slave", "Home"))
    with running("drill", "slave", "-o", "json", "--timeout", "60", *here) as drill:
        until_line(drill.stderr, f"Watching {2 + FLEET} phones at slave")
        pbxes.pbx("slave").kill()
        out, _ = drill.communicate(timeout=90)
        assert drill.returncode == 0
    result = json.loads(out)
    assert (result["phones"], result["lost"], result["missing"]) == (2 + FLEET, 2 + FLEET, [])
    assert result["places"] == {"master": 2 + FLEET}
    assert 0 < result["outageSeconds"]["median"] <= result["outageSeconds"]["worst"] < 30
    said = plugin("explain", "alice", *here)
    assert "alice is registered at master, which stands in for its home" in said
    assert "it lost slave (PingFailed: the PBX answered no pings any more)" in said
    assert "slave answers no pings now." in said
    assert "If master falls silent, it asks standby" in said
    assert "load-1 is registered at master, which stands in for its home" in plugin("explain", "load-1", *here)
