"""What is measured: our agent and what one would use instead, each with its defaults and with its best settings."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import baresip, names, pip_pjsua2
from bench.pair import DOMAIN, Pair, Transport, address
from lab import pjsua2
from lab.settings import REPOSITORY, Settings

EXPIRES = 60
"""Seconds that all of them ask for."""

ABOUT = {
    "agent": "softphone-agent with its defaults: a ping to each PBX every 2 s",
    "agent, expiry 120 s": "the same; its users ask for 120 s, as the target for CPU at rest has it",
    "baresip, best": "two accounts a user for its module serreg (prio 0 and 1); rwait=5: a REGISTER every 3 s a user; "
    "fbregint=10: it asks every 10 s whether the other PBX answers",
    "baresip, defaults": "two accounts a user for serreg; a refresh when 90 % of the expiry is over",
    "pjsua2, best": "plain accounts: of our former build, 500 a process, where a part was measured with pjsua2 2.17; "
    "of pjsua2 as pip has it, 8 a process, where with 2.15.1; the registrar is a name with two SRV records; "
    "a refresh every 3 s, retries after 1 s",
    "pjsua2, defaults": "the same; a refresh 5 s before the expiry, retries after 300 s",
    "sipp": "a scenario of one REGISTER with digest for each user, 200 in flight: the limit of registrar and kernel",
}
"""What each of them is, and what is set."""


@dataclass(frozen=True)
class Command:
    """What to run, and what its environment has besides ours."""

    argv: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Checking:
    """How the agent's phones check their ways; None: as it does by default."""

    path_check_seconds: float | None = None
    one_in: int | None = None


NO_WORD = Checking()
Configure = Callable[[Path, Pair, range, Transport], Command]
"""Writes what the client reads into a folder; the numbers of its users are given."""


@dataclass(frozen=True)
class Client:
    """A program that registers users at a pair's primary, and knows of its standby."""

    name: str
    configure: Configure
    best: bool = True
    """Whether these are its best settings."""


def clients(settings: Settings) -> list[Client]:
    """All of them; what is missing on the machine is fetched or built."""
    of_pip = {"PYTHONPATH": f"{REPOSITORY / 'tests'}:{pip_pjsua2.fetch(settings)}"}
    peer = baresip.fetch(settings)

    def of_baresip(accounts: str) -> Configure:
        return lambda folder, pair, users, transport: Command(peer.configure(folder, pair, users, transport, accounts))

    def plain(account: dict[str, Any]) -> Configure:
        return lambda folder, pair, users, transport: Command(_plain(folder, pair, users, transport, account), of_pip)

    quick = {"delayBeforeRefreshSec": EXPIRES - 3, "firstRetryIntervalSec": 1, "retryIntervalSec": 1}
    often, serreg = {"timeoutSec": EXPIRES, **quick}, f";regint={EXPIRES}"
    return [
        own_agent(settings),
        Client("baresip, best", of_baresip(f"{serreg};rwait=5;fbregint=10")),
        Client("baresip, defaults", of_baresip(serreg), best=False),
        Client("pjsua2, best", plain(often)),
        Client("pjsua2, defaults", plain({"timeoutSec": EXPIRES}), best=False),
    ]


def versions(settings: Settings) -> dict[str, str]:
    """Of what is measured."""
    peers = {"pjsua2": pip_pjsua2.VERSION, "baresip": baresip.fetch(settings).version}
    return {**own_version(settings), **peers}


def own_version(settings: Settings) -> dict[str, str]:
    """Where nothing but our agent is measured."""
    return {"own pjsua2": pjsua2.wheel(settings).name.split("-")[1]}


def own_agent(settings: Settings, expires: int = EXPIRES, checking: Checking = NO_WORD) -> Client:
    """Our agent on the own build of pjsua2."""

    def agent(folder: Path, pair: Pair, users: range, transport: Transport) -> Command:
        argv = _agent(folder, pair, users, transport, expires, checking)
        return Command(argv, {"PYTHONPATH": f"{_without_rich(folder)}:{_own(settings)}"})

    return Client("agent" if expires == EXPIRES else f"agent, expiry {expires} s", agent)


def _own(settings: Settings) -> str:
    return str(pjsua2.unpacked(settings))


@contextmanager
def running(client: Client, folder: Path, pair: Pair, users: range, transport: Transport) -> Iterator[int]:
    """The process, by its number; it and its children are gone afterwards."""
    work, log = folder / "work", folder / "log"  # the log not in a folder that the agent watches
    work.mkdir(parents=True)
    command = client.configure(work, pair, users, transport)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command.argv,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _without_rich(folder: Path) -> str:
    """A folder for PYTHONPATH: structlog takes rich where it finds it, 3.5 MB that are not in the image."""
    folder = folder / "as-in-the-image"
    folder.mkdir()
    (folder / "rich.py").write_text('raise ImportError("not in the image")\n')
    return str(folder)


def _agent(folder: Path, pair: Pair, users: range, transport: Transport, expires: int, checking: Checking) -> list[str]:
    secret = folder / "secret"
    secret.mkdir()
    for index in users:
        (secret / f"load{index}").write_text(f"pw-load{index}")
    pbxs: list[dict[str, Any]] = []
    for name, pbx in zip(("primary", "standby"), pair.pbxes, strict=True):
        known: dict[str, Any] = {"name": name, "address": address(pbx, transport), "system": "bench"}
        pbxs.append(known | ({"tls": {"caFile": str(pbx.system.authority)}} if transport == "tls" else {}))
    template: dict[str, Any] = {
        "aor": f"sip:load{{index}}@{DOMAIN}",
        "pri": "primary",
        "sec": "standby",
        "credentials": {"directory": str(secret)},
        "registration": {"expiresSeconds": expires},
    }
    phones: dict[str, Any] = {"count": len(users), "firstIndex": users.start, "template": template}
    if checking.path_check_seconds is not None:
        template["registration"]["pathCheckSeconds"] = checking.path_check_seconds
    if checking.one_in is not None:
        phones["pathChecksOneIn"] = checking.one_in
    document = {
        "fleet": "bench",
        "http": {"address": "127.0.0.1", "port": _free_port()},
        "pbxs": pbxs,
        "fleets": [phones],
    }
    file = folder / "agent.json"
    file.write_text(json.dumps(document))
    return [sys.executable, "-m", "softphone_agent", "run", "--config", str(file)]


def _plain(folder: Path, pair: Pair, users: range, transport: Transport, account: dict[str, Any]) -> list[str]:
    file = folder / "phones.json"
    asked = {
        "registrar": f"sip:{names.registrar(pair)};transport={transport}",
        "transport": transport,
        "address": pair.primary.system.settings.pbx_bridge_address,
        "nameserver": names.nameserver(),
        "users": list(users),
        "account": account,
    }
    file.write_text(json.dumps(asked))
    return [sys.executable, "-m", "bench.pjsua2_phones", str(file)]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
