"""docs/reference/refusals.md: what is said of a wrong spec, by the operator and by the API server.

`PYTHONPATH=tools:tests python -m refusals` writes it anew, from tests/operator/data/refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
CASES = REPOSITORY / "tests" / "operator" / "data" / "refused"
PAGE = REPOSITORY / "docs" / "reference" / "refusals.md"
KINDS = {
    "pbx": "PBX",
    "softphone": "Softphone",
    "fleet": "SoftphoneFleet",
    "pool": "SoftphonePool",
    "callcheck": "CallCheck",
    "rehearsal": "Rehearsal",
}
HEAD = """\
# What is said of a wrong spec

The operator looks at every spec, on every version of Kubernetes. What it refuses it tells in the condition `Accepted`,
with the field and its value; the reason is one of those of the [API reference](api.md). From 1.25 on the API server
refuses some of it before that, by the rules of the CRDs (CEL), and any version of it refuses what the schema does not
allow: then the command fails and nothing changes.

Each row is a test of the operator (tests/operator/test_decisions.py), and of Kubernetes 1.36
(tests/e2e/test_wrong_specs.py). The page is made of their files by `make generate`.
"""


def cases(name: str) -> Iterator[dict[str, Any]]:
    """Those about a kind."""
    for file in sorted(CASES.glob("*.yaml")):
        case = yaml.safe_load(file.read_text())
        if name in case:
            yield case


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for name, kind in KINDS.items():
        lines += [f"## {kind}", "", "| spec | the operator says | the API server says |", "|---|---|---|"]
        for case in cases(name):
            cells = [
                f"`{_short(case[name])}`",
                f"{case['reason']}: {_text(case['message'])}",
                _text(case.get("server", "")),
            ]
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)


def _short(spec: Any) -> str:
    return json.dumps(spec, ensure_ascii=False)[1:-1]


def _text(said: str) -> str:
    """Someone's words, which are no markup."""
    return f"`{said.replace('`', chr(39))}`" if said else ""


if __name__ == "__main__":
    PAGE.write_text(page())
