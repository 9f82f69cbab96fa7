"""Command line of the lab: `python -m lab`, with tests/ on the module path."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab import kstatus, leftovers, packages, parts, relay, release
from lab.errors import LabError
from lab.images import Images
from lab.pbx import default_system
from lab.progress import Progress
from lab.sandbox import Sandbox, exec_in_network
from lab.settings import Settings, settings
from lab.shell import run

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)
pbx_app = typer.Typer(help="The PBXes: kill one, bring it back, look at its bindings.", no_args_is_help=True)
app.add_typer(pbx_app, name="pbx")
console = Console(highlight=False, soft_wrap=True)
PASS_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": [],
}
PbxName = Annotated[str, typer.Argument(help="master, slave or standby")]


@app.command()
def up(
    images: Annotated[bool, typer.Option(help="Also make the images of operator and agent.")] = True,
    network_only: Annotated[bool, typer.Option("--network-only", help="Nothing but the network.")] = False,
) -> None:
    """Bring up what does not run: Kubernetes, PBXes, Prometheus, images."""
    with Progress(console) as progress:
        if network_only:
            parts.up_network(settings(), progress)
            return
        parts.up(settings(), progress, images=images)
    _print_status(settings())


@app.command()
def down() -> None:
    """End everything and remove its state; exit 1 if anything is left behind."""
    with Progress(console) as progress:
        parts.down(settings(), progress)


@app.command()
def status() -> None:
    """Show the parts, where they are and how to talk to them."""
    _print_status(settings())


def _print_status(now: Settings) -> None:
    if not Sandbox(now).running:
        console.print("The lab is down (make lab-up).")
        raise typer.Exit(1)
    addresses = {pbx.name: f"sip:{pbx.address}:{pbx.port}" for pbx in default_system(now).pbxes}
    table = Table(box=None, header_style="bold")
    for column in ("PART", "PID", "ADDRESS"):
        table.add_column(column)
    for service in parts.services(now):
        pid = service.pid
        name = service.name.removeprefix("pbx-")
        table.add_row(name, str(pid) if pid else "[red]down[/red]", addresses.get(name, ""))
    console.print(table)
    if now.own_cluster:
        console.print(f"\nKubernetes {now.kubernetes}")
    console.print(f"logs: {now.logs}")
    console.print("python -m lab kubectl get pods -A     kubectl, with the cluster's kubeconfig")
    console.print("python -m lab exec -- COMMAND         any command in the lab's network, KUBECONFIG set")
    console.print("python -m lab pbx kill slave          kill -9 of a PBX; `start` brings it back")


@app.command(name="exec", context_settings=PASS_ON)
def execute(context: typer.Context) -> None:
    """Run a command in the lab's network, with KUBECONFIG, kubectl and helm."""
    _run_inside(context.args)


@app.command(context_settings=PASS_ON)
def kubectl(context: typer.Context) -> None:
    """Run kubectl against the lab's cluster."""
    _run_inside(["kubectl", *context.args])


@app.command(context_settings=PASS_ON)
def helm(context: typer.Context) -> None:
    """Run Helm 3 against the lab's cluster."""
    _run_inside(["helm", *context.args])


@app.command(context_settings=PASS_ON)
def helm4(context: typer.Context) -> None:
    """Run Helm 4 against the lab's cluster."""
    _run_inside([str(packages.helm(settings(), "4")), *context.args])


@app.command(name="kstatus")
def show_kstatus() -> None:
    """Say what kstatus makes of objects: a list of them in JSON on stdin, as kubectl's `items` is."""
    for verdict in kstatus.compute(json.load(sys.stdin)):
        print(f"{verdict.status}: {verdict.message}")


@app.command(name="console")
def open_console(port: Annotated[int, typer.Option(help="Port of this machine.")] = 8080) -> None:
    """Lead to the console of the operator, where it is installed with one; until Ctrl-C."""
    asked = ["kubectl", "-n", release.NAMESPACE, "get", "service", release.CONSOLE, "-o", "jsonpath={.spec.clusterIP}"]
    now = settings()
    address = run(Sandbox(now).enter_network(asked), env=environment(now)).stdout
    with relay.to(address, 80, port) as local:
        print(f"http://127.0.0.1:{local}  (Ctrl-C ends it)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


def _run_inside(argv: list[str]) -> None:
    now = settings()
    raise typer.Exit(exec_in_network(Sandbox(now), argv, environment(now)))


def environment(now: Settings) -> dict[str, str]:
    """The environment of commands that run inside."""
    tools = [str(packages.kubectl(now).parent), str(packages.helm(now).parent)]
    path = os.pathsep.join([*tools, os.environ.get("PATH", os.defpath)])
    # Helm keeps its files where everything of the lab lies, and no user's settings leak in.
    own = {name: str(now.run / "helm" / name) for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
    discovery = {"KUBECACHEDIR": str(now.run / "kube-cache")}
    return {**os.environ, **own, **discovery, "PATH": path, "KUBECONFIG": str(now.kubeconfig)}


@app.command()
def images() -> None:
    """Make the images of operator and agent where their sources changed, and print their names."""
    now = settings()
    if not now.own_cluster:
        names = Images(now).names
    else:
        with Progress(Console(stderr=True, highlight=False, soft_wrap=True)) as progress:
            names = Images(now).make_all(progress)
    print(f"operator={names.operator}\nagent={names.agent}")


@app.command(name="leftovers")
def show_leftovers() -> None:
    """Show what of the lab is on the machine."""
    for line in leftovers.find(settings()):
        print(line)


@pbx_app.command()
def start(name: PbxName) -> None:
    """Start a PBX, with no bindings."""
    pbx = default_system().pbx(name)
    pbx.start()
    pbx.wait_ready()


@pbx_app.command()
def stop(name: PbxName) -> None:
    """Stop a PBX in an orderly way."""
    default_system().pbx(name).stop()


@pbx_app.command()
def kill(name: PbxName) -> None:
    """Kill a PBX (SIGKILL): connections break, UDP becomes silent."""
    default_system().pbx(name).kill()


@pbx_app.command()
def pause(name: PbxName) -> None:
    """Make a PBX silent (SIGSTOP): connections stay, nothing is answered."""
    default_system().pbx(name).pause()


@pbx_app.command()
def resume(name: PbxName) -> None:
    """Let a silent PBX go on."""
    default_system().pbx(name).resume()


@pbx_app.command()
def bindings() -> None:
    """Show who is registered where."""
    table = Table(box=None, header_style="bold")
    for column in ("PBX", "AOR", "CONTACT", "EXPIRES"):
        table.add_column(column)
    for pbx in default_system().pbxes:
        if not pbx.running:
            table.add_row(pbx.name, "[red]down[/red]")
            continue
        for binding in pbx.bindings():
            table.add_row(pbx.name, binding.aor, binding.contact, f"{binding.expires_seconds} s")
    console.print(table)


def main() -> None:
    """Run the command; a failure of a part is a message, not a traceback."""
    try:
        app()
    except LabError as error:
        console.print("[red]error[/red]: ", end="")
        console.print(str(error), markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
