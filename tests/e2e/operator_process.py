"""An operator as a process of the test's own, beside the cluster: it can be killed, stopped and looked into."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from lab.waiting import wait_until


class OperatorProcess:
    """One operator. It serves its own port, so several may run side by side."""

    def __init__(self, log: Path, *, port: int, agent_image: str = "none", **settings: object) -> None:
        self.log = log
        self.port = port
        self._environment = {
            **os.environ,
            "SOFTPHONE_AGENT_IMAGE": agent_image,
            "SOFTPHONE_AGENT_PULL_POLICY": "IfNotPresent",
            "SOFTPHONE_HTTP_PORT": str(port),
            "SOFTPHONE_HTTP_ADDRESS": "127.0.0.1",
            **{f"SOFTPHONE_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, kubeconfig: Path | None = None) -> None:
        """Start it, with another kubeconfig if one is given."""
        environment = {**self._environment, **({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "softphone_operator"], env=environment, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def wait_ready(self, seconds: float = 30) -> None:
        """Wait until /readyz says ok."""
        wait_until(
            lambda: self.get("/readyz") == (200, "ok\n"),
            "the operator is ready",
            seconds=seconds,
            alive=lambda: self.running,
            explain=lambda: self.log.read_text()[-2000:],
        )

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages; status 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over all series that have these labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            series, _, value = line.rpartition(" ")
            if re.match(rf"{name}(\{{|$)", series) and all(f'{k}="{v}"' in series for k, v in labels.items()):
                total += float(value)
        return total

    def megabytes(self) -> float:
        """Its proportional share of memory now."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024

    def cpu_seconds(self) -> float:
        """The processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pause(self) -> None:
        """Freeze it (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """End it in an orderly way; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)
