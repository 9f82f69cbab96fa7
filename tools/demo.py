"""The main job, to look at: `python -m demo` (with the lab up; `make demo` does both).

Five softphones register at home through redirects. The standby is killed while nobody uses it, and the product says so.
Then they move when the home is killed, one calls another as soon as that can be heard again, and they come home when
the home is back. What the cluster says is shown as kubectl shows
it; the times are Prometheus'.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from lab import release
from lab.__main__ import environment
from lab.errors import LabError
from lab.kube import Kube, KubeError, Object, condition, kubectl, registered_at
from lab.pbx import default_system
from lab.progress import Progress
from lab.prometheus import Prometheus
from lab.sandbox import Sandbox, exec_in_network
from lab.settings import REPOSITORY, settings
from lab.waiting import wait_until

NAMESPACE = "demo"
PHONES = ("alice", "bob", "carol", "dave", "erin")
CALLS = "alice-calls-bob"
INSIDE = "SOFTPHONE_DEMO_INSIDE"

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Run the demonstration inside the lab's network; returns the exit code."""
    now = settings()
    if INSIDE not in os.environ:
        inside = {**environment(now), INSIDE: "1"}
        return exec_in_network(Sandbox(now), [sys.executable, "-m", "demo"], inside)
    try:
        _demonstrate()
    except (LabError, KubeError) as error:
        console.print(f"[red]error[/red]: {error}")
        return 1
    return 0


def _demonstrate() -> None:
    phones, prometheus = Kube(NAMESPACE), Prometheus()
    slave = default_system().pbx("slave")
    with Progress(console) as progress:
        with progress.step("operator, by Helm"):
            release.install("--set", "console.enabled=true")
        with progress.step("three PBXes and five softphones, by kubectl apply"):
            if f"namespace/{NAMESPACE}" not in kubectl("get", "namespaces", "-o", "name").split():
                kubectl("create", "namespace", NAMESPACE)
            phones.apply_files(REPOSITORY / "examples" / "demo")
        with progress.step("all Ready"):
            _all(phones, lambda name: phones.until("sp", name, registered_at("slave", "Home")))
    _show("1. Everybody is at home", "The master and the standby do not hold these users: they redirect.")

    _called(phones)
    _known_redundancy(phones)

    failovers = _count(prometheus, "slave", "master")
    killed = time.time()
    slave.kill()
    with Progress(console) as progress, progress.step("kill -9 of the home PBX; waiting for the phones"):
        _all(phones, lambda name: phones.until("sp", name, registered_at("master", "Standby")))
        _counted(prometheus, "slave", "master", failovers + len(PHONES))
    _show("4. The home is dead", "The master cannot reach it and keeps the registrations as their standby.")
    _times(prometheus, "master", killed, "kill -9 to registered at the standby")
    _callable(phones, killed)

    returns = _count(prometheus, "master", "slave")
    slave.start()
    slave.wait_ready()
    started = time.time()
    with Progress(console) as progress, progress.step("home started; each phone comes with its next refresh"):
        _all(phones, lambda name: phones.until("sp", name, registered_at("slave", "Home"), seconds=120))
        _counted(prometheus, "master", "slave", returns + len(PHONES))
    _show("5. The home is back", "The master redirects the refreshes, and the phones go home without an outage.")
    _times(prometheus, "slave", started, "home started to registered there")

    console.print(
        Panel(
            "The lab is still up. Look around, break something:\n\n"
            "  export PYTHONPATH=tests\n"
            "  .venv/bin/python -m lab kubectl -n demo get pbx,sp,cc -o wide\n"
            "  .venv/bin/python -m lab pbx kill slave      [dim]# start brings it back[/dim]\n"
            "  .venv/bin/python -m lab kubectl -n demo describe sp alice\n"
            "  .venv/bin/python -m lab console         [dim]# http://127.0.0.1:8080, all this as a web page[/dim]\n"
            "  make lab-down\n\n"
            "On a cluster of yours kubectl softphone console leads to that page: docs/how-to/console.md\n\n"
            "Each of these phones has a pod of its own. Thousands that are alike are a SoftphoneFleet, hundreds that\n"
            "differ a SoftphonePool, both in few pods: docs/how-to/many-people.md",
            title="done",
            expand=False,
        )
    )


def _known_redundancy(phones: Kube) -> None:
    """The standby dies while nobody uses it: everybody stays registered, and the condition Redundant tells."""
    standby = default_system().pbx("standby")
    with Progress(console) as progress:
        with progress.step("each phone has walked both of its ways"):
            _all(phones, _redundant(phones, "True"))
        standby.kill()
        with progress.step("kill -9 of the standby, which nobody uses; waiting until that is known"):
            _all(phones, _redundant(phones, "False"))
    _show(
        "2. The standby is dead, and nobody has noticed it but the product", "All are registered. REDUNDANT is False."
    )
    said = condition(phones.get("sp", "alice"), "Redundant")["message"]
    console.print(f"[bold]alice[/bold]: {said}\n", highlight=False)
    standby.start()
    standby.wait_ready()
    with Progress(console) as progress, progress.step("standby started; waiting until the ways hold again"):
        _all(phones, _redundant(phones, "True"))
    _show("3. The standby is back", "The ways were checked again, and hold.")


def _called(phones: Kube) -> None:
    """The test call of the CallCheck is answered and heard, before anything is broken."""
    with Progress(console) as progress, progress.step("alice calls bob, and both hear each other"):
        check = phones.until("cc", CALLS, lambda of: condition(of, "Passing").get("status") == "True", seconds=120)
    console.print(f"[bold]{CALLS}[/bold]: {condition(check, 'Passing')['message']}\n")


def _callable(phones: Kube, since: float) -> None:
    """How long after the loss alice could call bob again, with audio both ways: registered is not yet reachable."""

    def again(of: Object) -> bool:
        told = of.get("status", {}).get("callable")
        return bool(told) and datetime.fromisoformat(told["time"]).timestamp() >= since

    with Progress(console) as progress, progress.step("alice calls bob again and again, until he is heard"):
        told = phones.until("cc", CALLS, again, seconds=120)["status"]["callable"]
    console.print(
        f"[bold]callable[/bold]: {told['caller']} called {told['callee']}, answered with audio both ways "
        f"[bold]{told['seconds']:.1f} s[/bold] after the loss of the PBX\n"
    )


def _redundant(phones: Kube, status: str) -> Callable[[str], object]:
    """Waits until the condition of a phone says so; one with a single way is never redundant."""

    def says(of: Object) -> bool:
        found = condition(of, "Redundant")
        return bool(found) and (found["status"] == status or found["reason"] == "OneWay")

    return lambda name: phones.until("sp", name, says, seconds=120)


def _all(phones: Kube, wait: Callable[[str], object]) -> None:
    for name in PHONES:
        wait(name)


def _show(title: str, words: str) -> None:
    console.rule(f"[bold]{title}")
    console.print(words)
    console.print("\n[dim]$ kubectl -n demo get pbx,sp -o wide[/dim]")
    shown = subprocess.run(
        ["kubectl", "-n", NAMESPACE, "get", "pbx,sp", "-o", "wide"], capture_output=True, text=True, check=True
    )
    console.print(shown.stdout, markup=False)


def _count(prometheus: Prometheus, source: str, target: str) -> float:
    query = f'sum(softphone_failovers_total{{namespace="{NAMESPACE}",from="{source}",to="{target}"}})'
    return prometheus.value(query) or 0.0


def _counted(prometheus: Prometheus, source: str, target: str, expected: float) -> None:
    what = f"Prometheus counts the moves from {source} to {target}"
    wait_until(lambda: _count(prometheus, source, target) >= expected, what)


def _times(prometheus: Prometheus, pbx: str, since: float, what: str) -> None:
    """A table of when each phone was first seen at a PBX, as scraped every second, and of the outages counted."""
    span = f"{time.time() - since + 2:.0f}s"
    seen = f'softphone_registration_info{{namespace="{NAMESPACE}",pbx="{pbx}"}}'
    first: dict[str, float] = {}
    for sample in prometheus.query(f"{seen}[{span}]"):
        name = sample.labels["softphone"]
        if sample.time >= since:
            first[name] = min(sample.time, first.get(name, sample.time))
    counted, before = _outages(prometheus), _outages(prometheus, at=since)
    table = Table(title=f"{what} (Prometheus)", title_justify="left")
    for column in ("softphone", "after (1 s scrape)", "outage counted"):
        table.add_column(column, justify="left" if column == "softphone" else "right")
    for name in PHONES:
        after = f"{first[name] - since:.1f} s" if name in first else "?"
        outage = counted.get(name, 0.0) - before.get(name, 0.0)
        table.add_row(name, after, f"{outage:.2f} s" if outage else "none")
    console.print(table)
    console.print()


def _outages(prometheus: Prometheus, at: float | None = None) -> dict[str, float]:
    """All outages of each phone so far, in seconds."""
    samples = prometheus.query(f'softphone_outage_seconds_sum{{namespace="{NAMESPACE}"}}', at)
    return {sample.labels["pod"].split("-")[1]: sample.value for sample in samples}


if __name__ == "__main__":
    sys.exit(main())
