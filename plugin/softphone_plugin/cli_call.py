"""The command line of `call`: one test call now."""

from __future__ import annotations

from typing import Annotated

import typer

from softphone_plugin import errors
from softphone_plugin.cli_options import Context, Kubeconfig, Namespace
from softphone_plugin.output import Data
from softphone_plugin.session import Where, run


def call(
    caller: Annotated[
        str, typer.Argument(metavar="CALLER", help="Who calls: a Softphone, or a phone of a SoftphoneFleet.")
    ],
    callee: Annotated[str, typer.Argument(metavar="CALLEE", help="Who is called: such a phone, or a SIP URI.")],
    hold: Annotated[float, typer.Option(min=1, max=600, help="Seconds that the call lasts.")] = 5,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which the command ends at the latest.")] = 60,
    output: Annotated[Data | None, typer.Option("--output", "-o", help="The outcome for other programs.")] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Make one test call now, and tell step by step: ringing, answered, what each end heard.

    Makes a CallCheck of one call, and deletes it afterwards. Exit code 0: the call was answered, and heard both ways.
    """
    from softphone_plugin import rendering
    from softphone_plugin.commands.call import call as work

    where = Where(namespace, False, context, kubeconfig)
    out, notes = rendering.console(uncut=False), rendering.console(stderr=True, uncut=False)
    passed = run(
        where, lambda session: work(session, out, notes, caller, callee, hold=hold, timeout=timeout, form=output)
    )
    raise typer.Exit(errors.OK if passed else errors.NO)
