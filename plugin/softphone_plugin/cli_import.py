"""The command line of `import`: one command for each kind of source."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer
import yaml

from softphone_operator.decide.manifests import DEFAULT_REQUESTS
from softphone_plugin import errors, tables
from softphone_plugin.errors import NO, USAGE, PluginError
from softphone_plugin.files import content, read
from softphone_plugin.importing import (
    ImportFault,
    Maker,
    Settings,
    User,
    aor_of,
    from_address,
    from_conn_info,
    from_launcher,
)
from softphone_plugin.streams import tell
from softphone_plugin.words import counted, on_a_line

FEW = 20
"""So many Softphones may well have a pod each."""

app = typer.Typer(
    help="Make manifests of what is there: YAML for `kubectl apply -f -` on standard output.\n\n"
    "PBXes that are new become PBX objects. Passwords go into Secrets and nowhere else. What cannot be taken over is "
    "told on standard error with its line and field, and makes the exit code 1.\n\n"
    "On innovaphone the user of an AOR is the hardware id of the device that registers, and not the person's name.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Transport(StrEnum):
    """How the PBXes are reached."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


Aor = Annotated[
    str, typer.Option("--aor", help="Address of record, such as anna@example.com; on innovaphone HARDWARE-ID@domain.")
]
Name = Annotated[str, typer.Option("--name", help="Name of the Softphone. Default: the user of its AOR.")]
SecretName = Annotated[str, typer.Option("--secret", help="Name of a Secret with the password that is there already.")]
PasswordFile = Annotated[
    str, typer.Option("--password-file", metavar="FILE", help="File with the password, for a Secret; - is stdin.")
]
Phys = Annotated[str, typer.Option("--phys", help="Physical location.")]
NoCredentials = Annotated[bool, typer.Option("--no-credentials", help="The PBX asks for no password.")]
TransportOption = Annotated[Transport, typer.Option("--transport", help="How PBXes without a SIP URI are reached.")]
System = Annotated[str, typer.Option("--system", help="System of the PBXes. Default: the domain of the first AOR.")]
Pbx = Annotated[
    list[str] | None,
    typer.Option("--pbx", metavar="NAME[=ADDRESS]", help="A PBX's name; without address it is in the cluster already."),
]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace to write into the objects.")]


@app.command()
def conninfo(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON of connInfo, or of the client API's model; - is stdin.")
    ],
    aor: Aor = "",
    name: Name = "",
    secret: SecretName = "",
    password_file: PasswordFile = "",
    no_credentials: NoCredentials = False,
    transport: TransportOption = Transport.TCP,
    system: System = "",
    pbx: Pbx = None,
    namespace: Namespace = "",
) -> None:
    """The connInfo that a myApps client publishes: pri and sec for mode Launcher, else cur for mode Browser."""

    def make(maker: Maker) -> None:
        try:
            data = json.loads(read(file))
            user, notes = from_conn_info(data, _user(aor, name, secret, password_file))
        except ValueError as error:
            raise ImportFault(file, f"is no JSON: {error}") from None
        except RecursionError:
            raise ImportFault(file, "is nested too deeply") from None
        maker.notes += notes
        maker.add(user)

    _run(make, _settings(transport, system, namespace, pbx, no_credentials=no_credentials))


@app.command()
def address(
    url: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address of myApps as the browser shows it.")],
    aor: Aor,
    name: Name = "",
    phys: Phys = "",
    secret: SecretName = "",
    password_file: PasswordFile = "",
    no_credentials: NoCredentials = False,
    transport: TransportOption = Transport.TCP,
    system: System = "",
    pbx: Pbx = None,
    namespace: Namespace = "",
) -> None:
    """A myApps address from the browser, #phys= included: a Softphone in mode Browser."""

    def make(maker: Maker) -> None:
        user, notes = from_address(url, _user(aor, name, secret, password_file, phys))
        maker.notes += notes
        maker.add(user)

    _run(make, _settings(transport, system, namespace, pbx, no_credentials=no_credentials))


@app.command()
def launcher(
    server: Annotated[str, typer.Option("--server", help="The launcher's server address.")],
    aor: Aor,
    secondary: Annotated[str, typer.Option("--secondary", help="The secondary server, where there is one.")] = "",
    phys: Phys = "",
    name: Name = "",
    secret: SecretName = "",
    password_file: PasswordFile = "",
    no_credentials: NoCredentials = False,
    transport: TransportOption = Transport.TCP,
    system: System = "",
    pbx: Pbx = None,
    namespace: Namespace = "",
) -> None:
    """The launcher's server configuration, server address and physical location: a Softphone in mode Launcher."""

    def make(maker: Maker) -> None:
        maker.add(from_launcher(server, secondary, _user(aor, name, secret, password_file, phys)))

    _run(make, _settings(transport, system, namespace, pbx, no_credentials=no_credentials))


@app.command()
def csv(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Table with a heading; comma, semicolon or tab. - is stdin.")
    ],
    domain: Annotated[str, typer.Option("--domain", help="Domain of users that name none.")] = "",
    pri: Annotated[str, typer.Option("--pri", help="Primary PBX of rows that name none.")] = "",
    sec: Annotated[str, typer.Option("--sec", help="Secondary PBX of rows that name none.")] = "",
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", metavar="COLUMN", help="A column that is passed over.")
    ] = None,
    pool: Annotated[
        str,
        typer.Option(
            "--pool",
            metavar="NAME",
            help="SoftphonePool that is to carry them; one Secret of that name gets all passwords.",
        ),
    ] = "",
    no_credentials: NoCredentials = False,
    transport: TransportOption = Transport.TCP,
    system: System = "",
    pbx: Pbx = None,
    namespace: Namespace = "",
) -> None:
    """A table of users. Columns: aor, or user and domain; password, username, name, mode, pri, sec, cur, home, phys.

    UTF-8, UTF-16 or Windows-1252, as Excel saves it. Another column is a fault, unless it is left out. On innovaphone
    the user is the hardware id of the device, and not the name of the person.
    """
    outcomes: list[tables.Outcome] = []

    def make(maker: Maker) -> None:
        text = tables.decoded(file, content(file), maker)
        outcomes.append(tables.read(file, text, tables.Defaults(domain, pri, sec), maker, frozenset(leave_out or ())))

    settings = replace(_settings(transport, system, namespace, pbx, no_credentials=no_credentials), pool=pool)
    maker = _run(make, settings)
    outcome = outcomes[0]
    for line in (*_of_pool(maker, pool), *_cost(maker.softphones, pool)):
        typer.echo(f"note: {on_a_line(line)}", err=True)
    for fault in outcome.faults:
        typer.echo(fault, err=True)
    left_out = len(outcome.faults)
    made = f"{counted(outcome.rows, 'row')}: {counted(maker.softphones, 'Softphone')}, {left_out} left out"
    typer.echo(made, err=True)
    raise typer.Exit(NO if left_out else errors.OK)


def _user(aor: str, name: str, secret: str, password_file: str, phys: str = "") -> User:
    if secret and password_file:
        raise PluginError("--secret and --password-file are two sources of the same password", USAGE)
    password = read(password_file).removesuffix("\n").removesuffix("\r") if password_file else None
    return User(aor=aor_of(aor), name=name, secret=secret, password=password, phys=phys)


def _settings(
    transport: Transport, system: str, namespace: str, pbx: list[str] | None, *, no_credentials: bool
) -> Settings:
    names = {one.partition("=")[0]: one.partition("=")[2] for one in pbx or ()}
    return Settings(transport.value, system, namespace, not no_credentials, pbxs=names)


def _run(make: Callable[[Maker], None], settings: Settings) -> Maker:
    """Make the objects and print them, and tell what is to be told."""
    try:
        maker = Maker(settings)
        make(maker)
    except ImportFault as fault:
        raise PluginError(str(fault), NO) from None
    for note in maker.notes:
        typer.echo(f"note: {on_a_line(note)}", err=True)
    for line in _absent(maker.absent_secrets):
        typer.echo(f"note: {on_a_line(line)}", err=True)
    tell(yaml.safe_dump_all(maker.objects(), sort_keys=False, allow_unicode=True), end="")
    return maker


def _of_pool(maker: Maker, pool: str) -> Iterator[str]:
    """What is still to be done for the pool."""
    if not pool:
        return
    if any(obj["kind"] == "Secret" for obj in maker.objects()) or maker.absent_keys:
        yield f"the SoftphonePool {pool} is yours to make; its spec.credentials.secretNames must list the Secret {pool}"
    else:
        yield f"the SoftphonePool {pool} is yours to make"
    if keys := maker.absent_keys:
        told = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
        yield f"the Secret {pool} needs the passwords of {counted(len(keys), 'Softphone')}, a key for each: {told}"


def _cost(softphones: int, pool: str) -> Iterator[str]:
    """What many Softphones without a pool cost: one pod each."""
    if pool or softphones <= FEW:
        return
    memory = softphones * int(DEFAULT_REQUESTS["memory"].removesuffix("Mi")) / 1024
    cpu = softphones * int(DEFAULT_REQUESTS["cpu"].removesuffix("m")) / 1000
    yield (
        f"{softphones} Softphones are as many pods, which request {memory:.1f} GiB of memory and {cpu:.1f} CPUs; "
        "with --pool NAME a few agents carry them all (docs/how-to/many-people.md)"
    )


def _absent(secrets: Mapping[str, str]) -> Iterator[str]:
    """What is to be said of Secrets that were not made: of three, and of all whose user name stands nowhere else."""
    more = 0
    for number, (name, username) in enumerate(secrets.items()):
        if number < 3 or username:
            key = f" --from-literal=username={shlex.quote(username)}" if username else ""
            made = f"kubectl create secret generic {name} --from-file=password=…{key}"
            yield f"the Secret is yours to make: {made}"
        else:
            more += 1
    if more:
        yield f"and {counted(more, 'more Secret')}"
