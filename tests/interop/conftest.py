"""Addresses, Asterisks and the notes of what was seen."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from interop import seen
from interop.asterisk import Asterisk, User
from interop.process import Process, version
from lab.certificates import Authority

Address = Callable[[], str]
_numbers = itertools.count(1)


@pytest.fixture
def address() -> Address:
    """Another address of the loopback network at each call: several processes of pytest share that."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return lambda: f"127.1.{worker}.{next(_numbers)}"


class Begin(Protocol):
    """Makes an Asterisk and starts it; `wait_ready` is the caller's."""

    def __call__(self, name: str, known: Iterable[User], *, tls: bool = False, **extra: str) -> Asterisk: ...


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who signs the PBXes' certificates."""
    return Authority(tmp_path / "tls")


@pytest.fixture
def ends() -> Iterator[list[Process]]:
    """Processes that are ended after the test."""
    running: list[Process] = []
    yield running
    for process in running:
        process.kill()


@pytest.fixture
def asterisk(address: Address, authority: Authority, ends: list[Process]) -> Begin:
    """A way to start Asterisks; they are ended after the test."""

    def begin(name: str, known: Iterable[User], *, tls: bool = False, **extra: str) -> Asterisk:
        at = address()
        certificate = authority.issue(f"{name}-{at}", f"IP:{at}") if tls else None
        made = Asterisk(f"{name}-{at}", at, known, certificate=certificate, **extra)
        ends.append(made)
        made.start()
        return made

    return begin


class Note(Protocol):
    """Writes down what a test saw; `made` are packages of the root."""

    def __call__(self, *made: str, tried: str, result: str, set_there: str = "", part: str = "") -> None: ...


NAMES = {"asterisk": "Asterisk", "ejabberd": "ejabberd", "fail2ban": "fail2ban", "kamailio": "Kamailio"}


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Where a test says what held, at its end. docs/interop.md is made of it."""

    def write(*made: str, tried: str, result: str, set_there: str = "", part: str = "") -> None:
        node: Any = request.node
        seen.Row(
            test=f"{Path(node.path).name}::{node.originalname}",
            part=part,
            maker=NAMES[made[0]],
            versions={NAMES[package]: version(package) for package in made},
            tried=tried,
            set_there=set_there,
            result=result,
            date=seen.today(),
            busy=bool(os.environ.get("BUSY")),
        ).write()

    return write
