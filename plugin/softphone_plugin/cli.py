"""The command line: what may be asked for. The work is done elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from softphone_plugin import cli_agents, cli_call, cli_import, cli_rehearsal, completion, errors
from softphone_plugin.cli_options import AllNamespaces, Context, Kubeconfig, Namespace, PhoneName, Selector
from softphone_plugin.errors import USAGE, PluginError, ReaderGoneError
from softphone_plugin.output import Data, Format, Raw, document
from softphone_plugin.past import Form
from softphone_plugin.session import Where, run
from softphone_plugin.streams import tell
from softphone_plugin.words import counted


@contextlib.contextmanager
def _written() -> Iterator[None]:
    """What was printed is written at the end, and a reader that has gone is told: typer would end with 1 for it."""
    try:
        try:
            yield
        finally:
            print(end="", flush=True)  # noqa: T201
    except BrokenPipeError:
        raise ReaderGoneError from None


class _Program(TyperGroup):
    """All commands."""

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """Read the command line; --help is printed here."""
        with _written():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: Any) -> Any:
        """Do what it asks for."""
        with _written():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Program,
    name="kubectl softphone",
    help="Softphones that prove the redundancy of PBXes: where they are, why, and how long a fail-over took.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def top_level(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Tell the version and end.")] = False,
) -> None:
    """Tell the version, or go on with a command."""
    if show_version:
        print(version("softphone-fleet"))  # noqa: T201
        raise typer.Exit


app.command("call")(cli_call.call)
for change in (cli_agents.suspend, cli_agents.resume, cli_agents.restart):
    app.command()(change)
app.add_typer(cli_import.app, name="import")
app.add_typer(cli_rehearsal.app, name="rehearsal")


@app.command()
def status(
    name: Annotated[
        str | None,
        typer.Argument(
            help="One phone, drawn with its way; FLEET-INDEX is a phone of a fleet. Or TYPE/NAME: sp/NAME, spf/NAME, "
            "spp/NAME, pbx/NAME."
        ),
    ] = None,
    selector: Selector = "",
    output: Annotated[
        Format | None,
        typer.Option("--output", "-o", help="Another format. Of a fleet's phone: its agent's report; name: its fleet."),
    ] = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show PBXes, Softphones, fleets and pools, or the way that one phone's registration took."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.status import show

    if name is not None and (selector or all_namespaces):
        raise PluginError(f"{'-l' if selector else '-A'} is for many objects, and a NAME for one", USAGE)
    where = Where(namespace, all_namespaces, context, kubeconfig)
    run(where, lambda session: show(session, rendering.console(), name, selector, output))


@app.command()
def explain(
    name: PhoneName,
    output: Annotated[Data | None, typer.Option("--output", "-o", help="The sentences for other programs.")] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Tell why a phone is where it is, and what it would do next."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.explain import show

    where = Where(namespace, False, context, kubeconfig)
    run(where, lambda session: show(session, rendering.console(uncut=False), name, output))


@app.command()
def history(
    name: PhoneName,
    last: Annotated[str, typer.Option("--last", help="How far back, such as 90m, 24h or 30d.")] = "24h",
    prometheus: Annotated[
        str,
        typer.Option(
            "--prometheus",
            envvar="SOFTPHONE_PROMETHEUS",
            help="URL of a Prometheus that scrapes the agents. Without: the agent's memory, the last 50 of a phone.",
        ),
    ] = "",
    output: Annotated[Form | None, typer.Option("--output", "-o", help="Another format.")] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Tell of a phone's outages, fail-overs and lost ways, the newest last."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.history import show

    where = Where(namespace, False, context, kubeconfig)
    run(where, lambda session: show(session, rendering.console(), name, prometheus, last, output))


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    interval: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    output: Annotated[Raw | None, typer.Option("--output", "-o", help="The counts, an object a look.")] = None,
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
    run(where, lambda session: work(session, out, once=once, interval=interval, raw=output is not None))


@app.command()
def trace(
    name: PhoneName,
    signaling: Annotated[
        bool, typer.Option("--signaling", help="SIP messages too; their credentials are left out.")
    ] = False,
    pcap: Annotated[
        Path | None,
        typer.Option(
            "--pcap", help="Write the SIP messages into this file, for Wireshark; with --signaling. It is written anew."
        ),
    ] = None,
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
    from softphone_plugin.commands import trace as command

    where = Where(namespace, False, context, kubeconfig)
    notes = rendering.console(stderr=True)
    show = command.for_people(rendering.console()) if output is None else command.for_programs
    with contextlib.ExitStack() as files:
        if pcap is not None:
            signaling, show = True, files.enter_context(command.captured(pcap, show))
        run(where, lambda session: command.trace(session, show, notes, name, signaling=signaling, seconds=seconds))


@app.command()
def pbx(
    pbx: Annotated[str, typer.Argument(metavar="PBX", help="The PBX object's name.")],
    output: Annotated[Data | None, typer.Option("--output", "-o", help="All of it for other programs.")] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show one PBX's view: who is registered there, who has it as an entry and is out, what failed there."""
    from softphone_plugin import rendering
    from softphone_plugin.commands.pbx import show

    where = Where(namespace, False, context, kubeconfig)
    run(where, lambda session: show(session, rendering.console(), pbx, output))


@app.command()
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


@app.command()
def console(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of this machine; 0: any that is free.")] = 0,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Namespace of the release. Default: where there is one.")
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Lead to the console, the web page of the chart (console.enabled), through a port of this machine.

    Ends with Ctrl-C. kubectl forwards the port: it takes the right to create pods/portforward.
    """
    from softphone_plugin import rendering
    from softphone_plugin.commands.console import show

    where = Where(namespace, False, context, kubeconfig)
    run(where, lambda session: show(session, rendering.console(), where, port, browse=browse))


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
    output: Annotated[
        Data | None,
        typer.Option("--output", "-o", help="A list for other programs: file, line, severity, object, field, message."),
    ] = None,
) -> None:
    """Check manifests by the operator's own rules, without a cluster. One line a fault."""
    from softphone_plugin.files import read_all
    from softphone_plugin.linting import lint as check

    found = check(read_all(files), namespace, strict=strict)
    if not found.objects and not found.findings:
        raise PluginError(f"there is no manifest in {', '.join(files)}", USAGE)
    if output is not None:
        tell(document([finding.data() for finding in found.findings], output))
    else:
        for finding in found.findings:
            print(finding)  # noqa: T201
    faults = sum(finding.severity == "fault" for finding in found.findings)
    warnings = len(found.findings) - faults
    counts = ((found.objects, "object"), (faults, "fault"), (warnings, "warning"))
    typer.echo(", ".join(counted(number, what) for number, what in counts), err=True)
    raise typer.Exit(errors.NO if faults else errors.OK)


def completions(words: Sequence[str]) -> list[str]:
    """What kubectl is to be told that may stand for the last word. Nothing fails here: then nothing is offered."""
    wanted = completion.what_next(typer.main.get_command(app), words)
    try:
        return wanted.lines(_sought(wanted) if wanted.sought else ())
    except (PluginError, ModuleNotFoundError):
        return wanted.lines()


def _sought(wanted: completion.Next) -> list[str]:
    from softphone_plugin.cluster import contexts
    from softphone_plugin.commands.complete import names

    given = wanted.given
    kubeconfig = Path(given["kubeconfig"]) if "kubeconfig" in given else None
    if wanted.sought == "context":
        return contexts(kubeconfig)
    where = Where(given.get("namespace"), "all_namespaces" in given, given.get("context"), kubeconfig)
    return run(where, lambda session: names(session, wanted))
