"""A mutation run over the machines: operators, constants and arguments are changed one by one; a test must notice.

The mutants are mutmut's (`pip install mutmut==3.3.1 pytest hypothesis`, into an environment of its own). The tests are
called in a forked process for each mutant. `python -m mutation` runs over registration/, `python -m mutation calls`
over the rules of calls. It prints the survivors as diffs, and the line by which docs/proof/mutation.md says what it was
about.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import itertools
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SECONDS = 60
"""A mutant that runs longer counts as noticed: it hangs."""


class Room(NamedTuple):
    """What is changed, and the tests that are to notice. Those that take chances are left out: they are too slow."""

    name: str
    tests: tuple[str, ...]
    modules: tuple[str, ...] = ()
    """Empty: all."""

    def files(self) -> list[Path]:
        """The modules that are changed."""
        found = sorted((ROOT / "agent/softphone_agent" / self.name).glob("*.py"))
        return [file for file in found if not self.modules or file.stem in self.modules]


REGISTRATION = Room(
    "registration",
    ("test_rules", "test_details", "test_rounds", "test_returning", "test_waiting", "test_location", "test_pacing"),
)
_CALLS = ("machine", "answering", "mark", "pursuit", "survival")
CALLS = Room("calls", tuple(f"test_{name}" for name in _CALLS), (*_CALLS, "handlers"))
"""What is decided of calls. What is computed (RTP, tones, descriptions) is held to the standards' own examples."""
ROOMS = {room.name: room for room in (REGISTRATION, CALLS)}


PAGE = ROOT / "docs" / "proof" / "mutation.md"


def stamp(room: Room = REGISTRATION) -> str:
    """The line in the page that tells by which rules it was made: another rule asks for another run."""
    digest = hashlib.sha256()
    for file in room.files():
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    what = "Rules" if room is REGISTRATION else f"Rules of {room.name}"
    return f"<!-- {what}: {digest.hexdigest()[:16]} -->"


def build(room: Room, folder: Path) -> list[str]:
    """Put the mutants and the tests into `folder`; returns the mutants' names."""
    mutmut = importlib.import_module("mutmut.file_mutation")

    package = ROOT / "agent/softphone_agent" / room.name
    target = folder / "softphone_agent" / room.name
    shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__"))
    (target.parent / "__init__.py").touch()
    names = []
    for file in room.files():
        code, mutants = mutmut.mutate_file_contents(str(file), file.read_text())
        (target / file.name).write_text(code)
        names += [f"softphone_agent.{room.name}.{file.stem}.{mutant}" for mutant in mutants]
    shutil.copytree(ROOT / "tests/agent" / room.name, folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    return names


def cases(room: Room) -> list[Callable[[], object]]:
    """The tests of the rules as plain calls, parameters filled in; they use no fixtures."""
    found: list[Callable[[], object]] = []
    for module in (importlib.import_module(name) for name in room.tests):
        for name, test in vars(module).items():
            if not name.startswith("test_") or hasattr(test, "hypothesis"):
                continue
            marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
            for chosen in itertools.product(*(mark.args[1] for mark in marks)):
                arguments: dict[str, object] = {}
                for mark, values in zip(marks, chosen, strict=True):
                    names = (
                        [part.strip() for part in mark.args[0].split(",")]
                        if isinstance(mark.args[0], str)
                        else mark.args[0]
                    )
                    arguments |= zip(names, values if len(names) > 1 else [values], strict=True)
                found.append(functools.partial(test, **arguments))
    return found


def survives(mutant: str, tests: list[Callable[[], object]]) -> bool:
    """Whether no test notices this mutant. Each is tried in a process of its own: it may hang or break things."""
    child = os.fork()
    if child == 0:
        os.environ["MUTANT_UNDER_TEST"] = mutant
        signal.alarm(SECONDS)
        try:
            for test in tests:
                test()
        except BaseException:  # noqa: BLE001 - whatever it is, it was noticed
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def difference(folder: Path, mutant: str) -> str:
    """What the mutant changes, as the lines of a diff."""
    module, _, name = mutant.rpartition(".")
    code = (folder / (module.replace(".", "/") + ".py")).read_text()
    original = re.sub(r"__mutmut_\d+$", "__mutmut_orig", name)
    before, after = _body(code, original), _body(code, name)
    lines = difflib.unified_diff(before, after, lineterm="", n=0)
    changed = [line for line in lines if line.strip("+-") and not line.startswith(("---", "+++", "@@"))]
    return "\n".join([f"{module.rpartition('.')[2]}.{name}", *changed])


def _body(code: str, name: str) -> list[str]:
    """The lines of a function, without the first."""
    found = re.search(rf"^( *)def {re.escape(name)}\(.*?(?=^\1[^\s)]|\Z)", code, re.DOTALL | re.MULTILINE)
    return found[0].splitlines()[1:] if found else []


def main(room: Room) -> int:
    """Run all mutants; the exit code is 1 where one survives."""
    os.environ["MUTANT_UNDER_TEST"] = ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = build(room, folder)
        sys.path[:0] = [str(folder), str(folder / "tests")]
        tests = cases(room)
        assert survives("", tests), "the tests fail without any mutant"
        survivors: list[str] = []
        for mutant in names:
            if survives(mutant, tests):
                survivors.append(mutant)
                print(difference(folder, mutant), flush=True)
        print(f"{len(names)} mutants, {len(survivors)} survive")
        print(stamp(room))
        return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(ROOMS[sys.argv[1] if sys.argv[1:] else "registration"]))
