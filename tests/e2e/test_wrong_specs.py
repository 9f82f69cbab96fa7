"""Each wrong spec of operator/data/refused before a real API server: what it refuses by itself, and in which words.

The rest it lets in, for the operator to tell what is wrong. Both answers stand in the file of the case, as `server` and
`message`; docs/reference/refusals.md shows them beside each other. A Kubernetes before 1.25 has no such rules.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.objects import API
from lab.kube import Kube
from softphone_operator.api.crd import RULES

pytestmark = pytest.mark.lab

CASES = {
    file.stem: yaml.safe_load(file.read_text())
    for file in sorted((Path(__file__).parents[1] / "operator" / "data" / "refused").glob("*.yaml"))
}
KINDS = {"softphone": "Softphone", "pbx": "PBX", "fleet": "SoftphoneFleet"}
REFUSED = re.compile(
    r'^(?:The |Error from server .*?: )(?:error when creating "STDIN": )?\w+(?:\.[\w.-]+)? "([^"]+)" is invalid: '
)
UNKNOWN = re.compile(
    r'^Error from server \(BadRequest\): error when creating "STDIN": \w+ in version "v1alpha1" cannot be handled as a \w+: '
)


def wrong(name: str) -> dict[str, Any]:
    """The object of a case."""
    (given,) = KINDS.keys() & CASES[name].keys()
    return {"apiVersion": API, "kind": KINDS[given], "metadata": {"name": name}, "spec": CASES[name][given]}


@pytest.fixture(scope="module")
def answers(namespace: Kube) -> dict[str, str | None]:
    """What the API server says against each object, None where it would take it."""
    found: dict[str, str | None] = {}
    for name in CASES:
        command = ["kubectl", "-n", namespace.namespace, "create", "--dry-run=server", "-f", "-"]
        given = yaml.safe_dump(wrong(name))
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        found[name] = done.stderr.strip() or None
    return found


def test_show(answers):
    for n, a in answers.items():
        print(n, "|", CASES[n]["message"], "|", a)
