"""The command line: what may be asked for. The work is done elsewhere."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from softphone_plugin import cli_import, errors
from softphone_plugin.output import Data, Format, Raw
from softphone_plugin.session import Where, run

app = typer.Typer(
    name="kubectl softphone",
    help="Softphones that prove the redundancy of PBXes: where they are, why, and how long a fail-over took.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace. Default: that of the kubeconfig's context.")
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", help="Path of the kubeconfig. Default: $KUBECONFIG.")]
Selector = Annotated[str, typer.Option("--selector", "-l", help="Only objects with these labels.")]
PhoneName = Annotated[
    str, typer.Argument(metavar="NAME", help="A Softphone, or a phone of a SoftphoneFleet: FLEET-INDEX.")
]


@app.callback(invoke_without_command=True)
def top_level(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Tell the version and end.")] = False,
) -> None:
    """Tell the version, or go on with a command."""
    if show_version:
        print(version("softphone-fleet"))  # noqa: T201
        raise typer.Exit


app.add_typer(cli_import.app, name="import")


@app.command()
def status(
    name: Annotated[
        str | None,
        typer.Argument(help="One phone, drawn with its way; FLEET-INDEX is a phone of a fleet, spf/NAME the fleet."),
    ] = None,
    selector: Selector = "",
    output: Annotated[Format | None, typer.Option("--output", "-o", help="Another format.")] = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show PBXes, Softphones and fleets, or the way that one phone's registration took."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.status import show

    where = Where(namespace, all_namespaces, context, kubeconfig)
    run(where, lambda session: show(session, rendering.console(), name, selector, output))


@app.command()
def explain(
    name: PhoneName,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Tell why a phone is where it is, and what it would do next."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.explain import show

    where = Where(namespace, False, context, kubeconfig)
    run(where, lambda session: show(session, rendering.console(uncut=False), name))


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    interval: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show live how many phones are registered at which PBX, in which role and with which location.

    Ends with Ctrl-C. Where the output is no terminal, each look is a line.
    """
    from softphone_plugin import rendering
    from softphone_plugin.commands.top import top as work

    where = Where(namespace, all_namespaces, context, kubeconfig)
    out = rendering.console(uncut=False)
    run(where, lambda session: work(session, out, once=once, interval=interval))


@app.command()
def trace(
    name: PhoneName,
    signaling: Annotated[
        bool, typer.Option("--signaling", help="SIP messages too; their credentials are left out.")
    ] = False,
    seconds: Annotated[float | None, typer.Option("--for", min=1, help="End after so many seconds.")] = None,
    output: Annotated[Raw | None, typer.Option("--output", "-o", help="The agent's own lines.")] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Switch a phone's tracing on, show what its agent logs of it, and switch it back at the end.

    Ends with Ctrl-C, SIGTERM or --for. Whatever was traced before is traced afterwards.
    """
    from softphone_plugin import rendering
    from softphone_plugin.commands.trace import trace as work

    where = Where(namespace, False, context, kubeconfig)
    out, notes = rendering.console(), rendering.console(stderr=True)
    run(
        where,
        lambda session: work(session, out, notes, name, signaling=signaling, raw=output is not None, seconds=seconds),
    )


@app.command()
def drill(
    pbx: Annotated[str, typer.Argument(metavar="PBX", help="The PBX that will fail: its name, or host:port.")],
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which the watch ends at the latest.")] = 600,
    output: Annotated[Data | None, typer.Option("--output", "-o", help="The outcome for other programs.")] = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Watch a fail-over that you make: how long the phones of a PBX were out, and who did not come back.

    Ends when all are back. Exit code 0: something happened, and all came back; 1: not so.
    """
    from softphone_plugin import rendering
    from softphone_plugin.commands.drill import watch

    where = Where(namespace, all_namespaces, context, kubeconfig)
    out, notes = rendering.console(uncut=False), rendering.console(stderr=True, uncut=False)
    back = run(where, lambda session: watch(session, out, notes, pbx, timeout, output))
    raise typer.Exit(errors.OK if back else errors.NO)


@app.command()
def lint(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Files or folders; - is standard input.")],
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Namespace of objects that name none.")
    ] = "default",
    strict: Annotated[
        bool, typer.Option(help="The files hold everything: what is not among them is a fault, not a warning.")
    ] = False,
) -> None:
    """Check manifests by the operator's own rules, without a cluster. One line a fault."""
    from softphone_plugin.files import read_all
    from softphone_plugin.linting import lint as check

    found = check(read_all(files), namespace, strict=strict)
    for finding in found.findings:
        print(finding)  # noqa: T201
    faults = sum(finding.severity == "fault" for finding in found.findings)
    typer.echo(f"{found.objects} objects, {faults} faults, {len(found.findings) - faults} warnings", err=True)
    raise typer.Exit(errors.NO if faults else errors.OK)
