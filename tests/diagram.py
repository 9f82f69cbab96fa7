"""docs/state-machine.md, made from the machine's table. `PYTHONPATH=tests python -m diagram` writes it anew."""

from __future__ import annotations

import inspect
from pathlib import Path

from softphone_agent.registration import machine
from softphone_agent.registration.machine import TRANSITIONS, Phase

PAGE = Path(__file__).parents[1] / "docs" / "state-machine.md"
HEAD = """\
# The state machine of one phone's registration

Made from `TRANSITIONS` in `agent/softphone_agent/registration/machine.py` by `python -m diagram`; do not edit. What is
not in the table is illegal: it raises, and leaves the state as it was.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_phases(), "", "## Diagram", "", *_diagram(), "", "## Table", "", *_table(), ""])


def _phases() -> list[str]:
    """What each phase means, and when it wakes: the head of the machine's file."""
    text = (inspect.getdoc(machine) or "").split("\n\n")[1]
    rows = [line.strip() for line in text.splitlines()]
    lines = ["| Phase | Meaning | Wakes |", "|---|---|---|"]
    for row in rows:
        phase, _, rest = row.partition(" ")
        meaning, _, wakes = rest.strip().rpartition("  ")
        lines.append(f"| {phase} | {meaning.strip()} | {wakes.strip()} |")
    return lines


def _diagram() -> list[str]:
    """Arrows between different phases, one for each pair, with the events that may lead there."""
    arrows: dict[tuple[Phase, Phase], list[str]] = {}
    for (phase, event), (_, targets) in TRANSITIONS.items():
        for target in sorted(targets - {phase}, key=_order):
            arrows.setdefault((phase, target), []).append(event.__name__)
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> Idle"]
    for phase, target in sorted(arrows, key=lambda pair: (_order(pair[0]), _order(pair[1]))):
        lines.append(f"    {phase.value} --> {target.value}: {', '.join(arrows[phase, target])}")
    return [*lines, "    Stopped --> [*]", "```"]


def _table() -> list[str]:
    events = sorted({event.__name__ for _, event in TRANSITIONS})
    lines = ["| Phase | Event | May lead to |", "|---|---|---|"]
    for phase in Phase:
        for name in events:
            found = [
                targets for (at, event), (_, targets) in TRANSITIONS.items() if (at, event.__name__) == (phase, name)
            ]
            if found:
                lines.append(f"| {phase.value} | {name} | {', '.join(t.value for t in sorted(found[0], key=_order))} |")
    return lines


def _order(phase: Phase) -> int:
    return list(Phase).index(phase)


if __name__ == "__main__":
    PAGE.write_text(page())
