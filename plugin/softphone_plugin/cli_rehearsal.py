"""The command line of `rehearsal`: begin one, list them, report what came out."""

from __future__ import annotations

from typing import Annotated

import typer

from softphone_plugin import errors
from softphone_plugin.cli_options import Context, Kubeconfig, Namespace
from softphone_plugin.output import Format
from softphone_plugin.rehearsing import ReportForm
from softphone_plugin.session import Where, run

app = typer.Typer(
    help="Fail-overs that are tried on purpose: begin one, list them, report what came out.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="REHEARSAL", help="Name of the Rehearsal.")]


@app.command()
def start(
    rehearsal: Name,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is over; exit code 0: passed, 1: not.")] = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Begin a rehearsal now. With trigger Manual it tells when the PBX is to be broken, by you."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.rehearsal import start as work

    notes = rendering.console(stderr=True)
    done = run(Where(namespace, False, context, kubeconfig), lambda s: work(s, notes, rehearsal, wait=wait))
    raise typer.Exit(errors.OK if done else errors.NO)


@app.command("list")
def listed(
    output: Annotated[Format | None, typer.Option("--output", "-o", help="Another format.")] = None,
    namespace: Namespace = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """List the rehearsals: where each stands, when one passed last, when it is due."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.rehearsal import show

    where = Where(namespace, all_namespaces, context, kubeconfig)
    run(where, lambda session: show(session, rendering.console(), output))


@app.command()
def report(
    rehearsal: Name,
    record: Annotated[
        str | None, typer.Option("--run", metavar="RECORD", help="An earlier one, by its record in status.history.")
    ] = None,
    output: Annotated[
        ReportForm | None, typer.Option("--output", "-o", help="A page to print and sign; a table; all there is.")
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Report what came out: limits, verdict, every phone's outage."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.rehearsal import report as work

    where = Where(namespace, False, context, kubeconfig)
    run(where, lambda session: work(session, rendering.console(), rehearsal, record, output))
