"""The operator's flags in docs/reference/operator.md. `python -m operator_flags` writes them anew.

Flags, defaults and words come from the program, the values of the chart from the environment that its Deployment sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import generated
from softphone_operator.program.command_line import command_line, variable

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "reference" / "operator.md"
DEPLOYMENT = REPOSITORY / "charts" / "softphone-fleet" / "templates" / "deployment.yaml"
WHAT = "flags, from operator/softphone_operator/program/command_line.py and the chart"

_LINE = re.compile(r"- name: (?P<variable>SOFTPHONE_\w+)|\.Values\.(?P<value>[\w.]+)|(?P<end>\{\{- end \}\})")


def values_by_variable() -> dict[str, str]:
    """By which value of the chart a variable is set: the one that it is made of, or else the one that turns it on."""
    found: dict[str, str] = {}
    depends, name = "", ""
    for line in DEPLOYMENT.read_text().partition(" env:\n")[2].partition(" ports:\n")[0].splitlines():
        for part in _LINE.finditer(line):
            if part["variable"]:
                name = part["variable"]
                found[name] = depends
            elif part["end"]:
                depends = ""
            elif line.strip().startswith("{{-"):
                depends = part["value"]
            else:
                found[name] = part["value"]
    return found


def table() -> Iterator[str]:
    """Its lines."""
    by_chart = values_by_variable()
    yield "| flag | environment | default | value of the chart | meaning |"
    yield "|---|---|---|---|---|"
    for action in command_line({})._actions:
        flag = action.option_strings[-1]
        if flag == "--help":
            continue
        words = (action.help or "").partition(" Environment: ")[0]
        value = by_chart.pop(variable(flag), "")
        cells = (flag, variable(flag), action.default, value)
        yield f"| {' | '.join(f'`{cell}`' if cell else '' for cell in cells)} | {words} |"
    if by_chart:
        raise ValueError(f"the chart sets what the operator does not know: {', '.join(by_chart)}")


if __name__ == "__main__":
    generated.fill(PAGE, WHAT, table())
