"""docs/call-machine.md from the table of a call's machine, with its arrows as text. `python -m call_diagram`."""

from __future__ import annotations

from pathlib import Path

import diagram
from softphone_agent.calls import machine
from softphone_agent.calls.machine import TRANSITIONS
from softphone_agent.calls.states import Phase

PAGE = Path(__file__).parents[1] / "docs" / "call-machine.md"
HEAD = """\
# The state machine of one call

Made from `TRANSITIONS` in `agent/softphone_agent/calls/machine.py` by `python -m call_diagram`; do not edit. What is
not in the table changes nothing: the network may bring anything at any time. Who calls begins in Calling, who is called
in Alerting where it is to ring, else in Answering.
"""


def page() -> str:
    """The whole page."""
    table = diagram.table(TRANSITIONS, Phase)
    return "\n".join([HEAD, *diagram.phases(machine), "", "## Diagram", "", *picture(), "", "## Table", "", *table, ""])


def picture() -> list[str]:
    """An arrow for each pair of phases, with the events that may lead there."""
    arrows: dict[tuple[Phase, Phase], list[str]] = {}
    for (phase, event), (_, targets) in TRANSITIONS.items():
        for target in sorted(targets - {phase}, key=list(Phase).index):
            arrows.setdefault((phase, target), []).append(event.__name__)
    width = max(len(phase.value) for phase in Phase)
    lines = [
        f"{one.value:>{width}} ──> {other.value:<{width}}  {', '.join(events)}"
        for (one, other), events in arrows.items()
    ]
    return ["```text", *(line.rstrip() for line in lines), "```"]


if __name__ == "__main__":
    PAGE.write_text(page())
