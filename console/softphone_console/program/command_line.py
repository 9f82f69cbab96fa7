"""The console's settings: from the command line, else from the environment, else the defaults."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_URL = re.compile(r"https?://[^/?#@\s]+(/[^?#\s]*)?")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class Settings:
    """What the program is told."""

    namespaces: tuple[str, ...]
    """Whose objects are shown; none: those of all."""
    kubeconfig: str
    """How to reach the cluster; empty: as a pod does, else by the user's own."""
    prometheus: str
    """URL of a Prometheus that scrapes the agents; empty: none is asked."""
    hosts: frozenset[str]
    """Host names under which it may be opened."""
    http_address: str
    http_port: int
    log_level: str


def variable(flag: str) -> str:
    """The environment's name for a flag."""
    return "SOFTPHONE_CONSOLE_" + flag.removeprefix("--").replace("-", "_").upper()


def command_line(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """The flags, whose defaults the environment may set."""
    parser = argparse.ArgumentParser(
        prog="softphone-console", description="Shows PBXes and phones on a web page, and changes nothing."
    )

    def option(flag: str, default: str, text: str, **more: object) -> None:
        parser.add_argument(
            flag,
            default=environment.get(variable(flag), default),
            help=f"{text} Environment: {variable(flag)}. Default: {default or 'none'}.",
            **more,  # type: ignore[arg-type]
        )

    option("--namespaces", "", "Namespaces to show, comma-separated; none: all.")
    option(
        "--kubeconfig", "", "File that tells how to reach the cluster; none: the pod's service account, or the user's."
    )
    option("--prometheus", "", "URL of a Prometheus that scrapes the agents: it has what they have forgotten.")
    option(
        "--hosts", "", "Host names, comma-separated, under which it may be opened, beside addresses and Service names."
    )
    option("--http-address", "0.0.0.0", "Address of the pages, /metrics, /healthz and /readyz.")
    option("--http-port", "8080", "Their TCP port.", type=int)
    option("--log-level", "info", f"One of {', '.join(LOG_LEVELS)}.")
    return parser


def parse(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> Settings:
    """Read the command line; ends the program with exit code 2 and one message where it makes no sense."""
    parser = command_line(environment)
    given = parser.parse_args(arguments)
    if not 0 <= given.http_port <= 65535:
        parser.error(f"--http-port: must be 0 to 65535: {given.http_port}")
    if given.log_level not in LOG_LEVELS:
        parser.error(f"--log-level: must be one of {', '.join(LOG_LEVELS)}: {given.log_level}")
    if given.prometheus and not _URL.fullmatch(given.prometheus):
        parser.error("--prometheus: must be http://HOST… or https://HOST…, without user and password")
    return Settings(
        namespaces=tuple(_names(given.namespaces)),
        kubeconfig=given.kubeconfig,
        prometheus=given.prometheus,
        hosts=frozenset(name.lower() for name in _names(given.hosts)),
        http_address=given.http_address,
        http_port=given.http_port,
        log_level=given.log_level,
    )


def _names(text: str) -> Iterator[str]:
    return filter(None, (name.strip() for name in text.split(",")))
