"""What kstatus says of objects, by its own code: how Flux, Helm 4 and others tell whether an object is done.

It is a small program in Go, built when it is first asked for: main.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lab.go_program import program
from lab.settings import settings
from lab.shell import run

SOURCE = Path(__file__).parent


class Verdict(NamedTuple):
    """`status` is InProgress, Failed, Current, Terminating, NotFound or Unknown."""

    status: str
    message: str


def compute(objects: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """What it says of each object."""
    done = run([program(settings(), SOURCE)], stdin=json.dumps(list(objects)))
    return [Verdict(*one) for one in json.loads(done.stdout)]
