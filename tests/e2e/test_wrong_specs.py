"""Each wrong spec of operator/data/refused before a real API server: what it refuses by itself, and in which words.

The rest it lets in, for the operator to tell what is wrong. Both answers stand in the file of the case, as `server` and
`message`; docs/reference/refusals.md shows them beside each other. A Kubernetes before 1.25 has no such rules.
"""

from __future__ import annotations

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
KINDS = {
    "softphone": "Softphone",
    "pbx": "PBX",
    "fleet": "SoftphoneFleet",
    "pool": "SoftphonePool",
    "callcheck": "CallCheck",
    "rehearsal": "Rehearsal",
}
BY_THE_RULES = {
    name: message
    for name, case in CASES.items()
    if (message := (case.get("server") or "").partition(": Invalid value: ")[2])
    in {rule["message"] for of in RULES.values() for rules in of.values() for rule in rules}
}
"""The cases that break a rule of the CRDs (CEL), and the words of the rule."""


def wrong(name: str) -> dict[str, Any]:
    """The object of a case."""
    (given,) = KINDS.keys() & CASES[name].keys()
    return {"apiVersion": API, "kind": KINDS[given], "metadata": {"name": name}, "spec": CASES[name][given]}


def words(said: str) -> str | None:
    """What kubectl shows of an API server's refusal, without the name of the object; None where there is none.

    Of several faults the first: then the server says besides that it has not looked at the rules.
    """
    _, _, causes = said.strip().partition(" is invalid: ")
    lines = (causes or said.strip().rpartition(": ")[2]).strip().splitlines()
    return lines[0].removeprefix("* ") if lines else None


@pytest.fixture(scope="module")
def answers(namespace: Kube) -> dict[str, str | None]:
    """What the API server says against each object."""
    found = {}
    for name in CASES:
        command = ["kubectl", "-n", namespace.namespace, "create", "--dry-run=server", "-f", "-"]
        given = yaml.safe_dump(wrong(name))
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        found[name] = words(done.stderr)
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_api_server_refuses_a_wrong_spec_in_these_words_or_leaves_it_to_the_operator(
    name: str, answers: dict[str, str | None]
) -> None:
    assert answers[name] == CASES[name].get("server")


@pytest.mark.parametrize("name", BY_THE_RULES)
def test_where_a_rule_refuses_a_spec_the_operator_says_the_same_and_the_value_besides(name: str) -> None:
    assert BY_THE_RULES[name] in CASES[name]["message"]


def test_every_rule_of_the_crds_is_broken_by_some_spec() -> None:
    rules = {rule["message"] for of in RULES.values() for rules in of.values() for rule in rules}
    assert set(BY_THE_RULES.values()) == rules


def test_what_the_api_server_says_is_read_without_the_name_of_the_object() -> None:
    missing = 'The Softphone "x" is invalid: \n* spec.aor: Required value\n* <nil>: Invalid value: null: some rules …\n'
    assert words(missing) == "spec.aor: Required value"
    assert (
        words('The PBX "x" is invalid: spec.a: Invalid value: 0: too small\n') == "spec.a: Invalid value: 0: too small"
    )
    unknown = 'Error from server (BadRequest): error when creating "STDIN": strict decoding error: unknown field "x"\n'
    assert words(unknown) == 'unknown field "x"'
    assert words("") is None
