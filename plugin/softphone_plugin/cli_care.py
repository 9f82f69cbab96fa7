"""The commands that change what runs, or collect it for whoever is to help: suspend, resume, restart, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from softphone_plugin import errors
from softphone_plugin.session import Where, run

Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace. Default: that of the kubeconfig's context.")
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", help="Path of the kubeconfig. Default: $KUBECONFIG.")]
ObjectName = Annotated[
    str, typer.Argument(metavar="NAME", help="A Softphone, SoftphoneFleet or SoftphonePool; or sp/, spf/, spp/NAME.")
]


def report(
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Where to. Default: softphone-report-NAMESPACE-TIME.tar.gz here."),
    ] = None,
    lines: Annotated[int, typer.Option("--log-lines", min=0, help="So many lines of each log.")] = 2000,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Collect objects, statuses, Events, logs and metrics in one file for whoever is to help, without secrets.

    What cannot be had is told, and stands in the file. It is for its owner's eyes, and is not sent anywhere.
    """
    from softphone_plugin import rendering
    from softphone_plugin.commands.report import report as work

    where = Where(namespace, all_namespaces, context, kubeconfig)
    run(where, lambda session: work(session, rendering.console(stderr=True), file, lines))


def suspend(
    owner: ObjectName,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Have phones un-REGISTER and stay so: a Softphone, a fleet, or all that are in a pool."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.suspend import change

    where = Where(namespace, False, context, kubeconfig)
    run(where, lambda session: change(session, rendering.console(), owner, suspend=True))


def resume(
    owner: ObjectName,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Have phones register again that were suspended. Of a pool: those that were suspended with it."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.suspend import change

    where = Where(namespace, False, context, kubeconfig)
    run(where, lambda session: change(session, rendering.console(), owner, suspend=False))


def restart(
    owner: ObjectName,
    share: Annotated[
        int, typer.Option("--share", min=0, max=100, help="Percent of an agent's phones that must be back.")
    ] = 100,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for each agent to come back.")] = 120,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Give agents new pods with the operator's present image, one by one, each when the phones of the last are back.

    Stops where they do not come back in time. Exit code 0: all were restarted; 1: not so.
    """
    from softphone_plugin import rendering
    from softphone_plugin.commands.restart import restart as work

    where = Where(namespace, False, context, kubeconfig)
    out = rendering.console()
    back = run(where, lambda session: work(session, out, owner, share / 100, timeout))
    raise typer.Exit(errors.OK if back else errors.NO)
