"""`kubectl softphone console`: which console is meant, and how kubectl is asked to lead there."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from plugin.api_server import ApiServer, serving
from softphone_plugin.commands import console
from softphone_plugin.errors import PluginError
from softphone_plugin.forwarding import Target, command, forwarded
from softphone_plugin.rendering import Console
from softphone_plugin.session import Where, run

LABELS = {"app.kubernetes.io/part-of": "softphone-fleet", "app.kubernetes.io/component": "console"}


def service(namespace: str = "telephony") -> dict[str, Any]:
    metadata = {"name": "fleet-console", "namespace": namespace, "labels": LABELS}
    return {"metadata": metadata, "spec": {"ports": [{"port": 80}]}}


def test_kubectl_is_asked_for_the_service_of_the_same_cluster() -> None:
    to = Target("telephony", "fleet-console", 80, "vienna", Path("/home/anna/config"))
    assert command("kubectl", to, 0) == [
        *("kubectl", "--context=vienna", "--kubeconfig=/home/anna/config", "--namespace=telephony", "port-forward"),
        *("--address=127.0.0.1", "service/fleet-console", ":80"),
    ]
    assert command("kubectl", Target("a", "b", 80), 8080)[1:] == [
        *("--namespace=a", "port-forward", "--address=127.0.0.1", "service/b", "8080:80"),
    ]


def test_none_and_several_are_told_of() -> None:
    with pytest.raises(PluginError, match=r"there is no console: helm upgrade … --set console.enabled=true"):
        console.one_of([], None)
    with pytest.raises(PluginError, match="there is no console in the namespace demo: "):
        console.one_of([], "demo")
    with pytest.raises(PluginError, match="several consoles: fleet-console in a, fleet-console in b; -n says which"):
        console.one_of([service("b"), service("a")], None)


# With a kubectl that only says what kubectl says.


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in the PATH that takes the place of kubectl."""
    script = tmp_path / "bin" / "kubectl"
    script.parent.mkdir()
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return script


def says(script: Path, *lines: str) -> None:
    script.write_text("\n".join(["#!/bin/sh", f'echo "$@" > {script}.asked', *lines, ""]))
    script.chmod(0o755)


FORWARDS = 'echo "Forwarding from 127.0.0.1:12345 -> 8080"'


def opened(kubeconfig: Path, end: float | None = None) -> str:
    """What is printed until Ctrl-C, which comes once something is."""
    out = Console(file=io.StringIO(), width=200)
    where = Where(kubeconfig=kubeconfig)

    async def work(session: Any) -> None:
        shown = asyncio.create_task(console.show(session, out, where, 0, browse=False))
        while not out.file.getvalue() and not shown.done():  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
        if end is None and not shown.done():
            os.kill(os.getpid(), signal.SIGINT)
        await shown

    run(where, work)
    return str(out.file.getvalue())  # type: ignore[attr-defined]


def test_it_leads_to_the_console_until_ctrl_c(kubectl: Path, tmp_path: Path) -> None:
    says(kubectl, FORWARDS, "exec sleep 60")
    api = ApiServer()
    api.services.append(service())
    with serving(api, tmp_path) as kubeconfig:
        assert opened(kubeconfig) == "http://127.0.0.1:12345  (fleet-console in telephony; Ctrl-C ends it)\n"
    asked = Path(f"{kubectl}.asked").read_text()
    assert asked.endswith("--namespace=telephony port-forward --address=127.0.0.1 service/fleet-console :80\n")


def test_a_kubectl_that_ends_says_why(kubectl: Path, tmp_path: Path) -> None:
    says(kubectl, FORWARDS, 'echo "error: lost connection to pod" >&2')
    api = ApiServer()
    api.services.append(service())
    with serving(api, tmp_path) as kubeconfig, pytest.raises(PluginError, match="stopped forwarding: lost connection"):
        opened(kubeconfig, end=1)


async def test_a_kubectl_that_may_not_says_why(kubectl: Path) -> None:
    says(kubectl, 'echo "error: pods is forbidden" >&2', "exit 1")
    with pytest.raises(PluginError, match="kubectl forwards no port: pods is forbidden"):
        async with forwarded(Target("a", "b", 80), 0):
            pass


async def test_without_kubectl_there_is_no_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PluginError, match="kubectl is not in the PATH"):
        async with forwarded(Target("a", "b", 80), 0):
            pass
