"""The command line of what changes how agents run: `suspend`, `resume`, `restart`."""

from __future__ import annotations

from typing import Annotated

import typer

from softphone_plugin import errors
from softphone_plugin.cli_options import Context, Kubeconfig, Namespace, ObjectName
from softphone_plugin.session import Where, run


def suspend(
    owner: ObjectName,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Have phones un-REGISTER and stay so: a Softphone, a fleet, or all that are in a pool.

    Also for a CallCheck (cc/NAME), which makes no calls then, and a Rehearsal (rh/NAME), which begins none then.
    """
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
