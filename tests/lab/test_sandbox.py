"""The sandbox holds everything, and its end is the end of everything: seen with a second lab beside the real one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import leftovers, net, parts, procfs, sandbox
from lab.errors import LabError
from lab.progress import Progress
from lab.sandbox import Sandbox
from lab.services import Service
from lab.settings import Settings, settings
from lab.waiting import wait_until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
    pytest.mark.skipif(not settings().own_cluster, reason="with a cluster of the user's there is no sandbox"),
]


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The settings of a lab whose sandbox is up and in which nothing else runs."""
    cache = Path(tempfile.mkdtemp(prefix="other-", dir="/tmp"))
    monkeypatch.setenv("SOFTPHONE_FLEET_CACHE", str(cache))
    # Set when the tests run inside the real lab, whose kubeconfig is another lab's for this one.
    monkeypatch.delenv("KUBECONFIG", raising=False)
    other = settings()
    leftovers.remember(other)
    Sandbox(other).start()
    yield other
    procfs.kill(procfs.marked(other))
    shutil.rmtree(cache)


def sleeper(other: Settings, name: str = "sleeper") -> Service:
    service = Service(other, name, ["sleep", "1000"])
    service.start()
    service.wait_ready(lambda: service.running)
    return service


def test_it_has_its_own_network_mounts_and_processes(other: Settings) -> None:
    def inside(*argv: str) -> str:
        command = Sandbox(other).enter(argv)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert "10.245.0.30/24" in inside("ip", "-brief", "address", "show", "pbx0")
    assert inside("cat", "/proc/1/comm") == "sleep\n"
    assert inside("ls", "/var/lib") == ""
    for name, value in sandbox.KUBELET_SYSCTLS.items():
        assert inside("cat", f"/proc/sys/{name}") == f"{value}\n"


def test_a_thread_can_move_to_its_network_and_the_others_stay(other: Settings) -> None:
    def links() -> list[str]:
        return sorted(
            line.split(":")[0].strip() for line in Path("/proc/thread-self/net/dev").read_text().splitlines()[2:]
        )

    before = links()
    assert net.inside(links) == ["cni0", "lo", "pbx0"]
    assert links() == before


def test_down_leaves_nothing(other: Settings) -> None:
    sleeper(other)
    found = leftovers.find(other)
    assert any("(sleep)" in line for line in found)
    assert f"folder {other.run}" in found
    parts.down(other, Progress())
    assert leftovers.find(other) == []
    assert procfs.marked(other) == []


def test_everything_ends_with_the_process_that_holds_it(other: Settings) -> None:
    sleeper(other)
    init = Sandbox(other).init_pid
    assert init
    os.kill(init, signal.SIGKILL)
    wait_until(lambda: procfs.marked(other) == [], "the end", seconds=5)
    assert not Sandbox(other).running


def test_down_says_what_is_left_and_fails(other: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(leftovers.ASPECTS, "file", lambda: ["/etc/forgotten"])
    with pytest.raises(LabError, match="file /etc/forgotten"):
        parts.down(other, Progress())


def test_a_service_is_killed_with_its_children_and_nobody_elses(other: Settings) -> None:
    neighbour = sleeper(other, "neighbour")
    family = Service(other, "family", ["bash", "-c", "sleep 1000 & sleep 1000 & wait"])
    family.start()
    family.wait_ready(lambda: len(family.pids) == 4)
    family.kill()
    assert family.pids == []
    assert neighbour.running


def test_a_service_that_was_just_started_is_not_started_again(other: Settings) -> None:
    service = Service(other, "once", ["sleep", "1000"])
    for _ in range(5):
        service.start()
        service.start()
        assert [procfs.program(pid) for pid in service.pids].count("sleep") == 1
        service.kill()


def test_the_error_of_a_service_that_ends_shows_its_log(other: Settings) -> None:
    service = Service(other, "broken", ["bash", "-c", "echo no such luck >&2; exit 3"])
    service.start()
    with pytest.raises(LabError, match="no such luck"):
        service.wait_ready(lambda: False, seconds=10)
