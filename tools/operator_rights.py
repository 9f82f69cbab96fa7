"""The operator's rights in docs/reference/operator.md. `python -m operator_rights` writes them anew.

Resources and verbs come from the chart's roles, the reasons from here: a right without a reason is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

import generated

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "reference" / "operator.md"
TEMPLATES = REPOSITORY / "charts" / "softphone-fleet" / "templates"
WHAT = "rights, from the roles of the chart"


class Role(NamedTuple):
    """A role, where its rules stand, and why each resource is in it."""

    where: str
    rules: str
    why: dict[str, str]


def _between(file: str, begin: str, end: str) -> str:
    return (TEMPLATES / file).read_text().partition(begin)[2].partition(end)[0]


ROLES = (
    Role(
        "namespaces that are served",
        _between("_helpers.tpl", '{{- define "softphone-fleet.rules" -}}\n', "{{- end }}"),
        {
            "pbxs, softphones, softphonefleets, softphonepools, callchecks, rehearsals": "what is wanted",
            "pbxs/status, softphones/status, softphonefleets/status, softphonepools/status, "
            "callchecks/status, rehearsals/status": "what is so",
            "deployments": "the agents, listed and watched by label; deleted where fewer are needed",
            "configmaps": "their files, likewise; the records of rehearsals",
            "poddisruptionbudgets": "one for each fleet and each pool",
            "pods": "the agents' addresses and troubles, listed and watched by label; the annotation",
            "secrets": "see below",
            "events": "transitions; what happens again is counted on the Event that is there",
        },
    ),
    Role(
        "those, with `rehearsals.jobs`",
        _between("_helpers.tpl", '{{- define "softphone-fleet.jobRules" -}}\n', "{{- end }}"),
        {"jobs": "made for Rehearsals with trigger Job, from the pod template of the Rehearsal"},
    ),
    Role(
        "its own, with `replicas` above 1",
        _between("lease-rbac.yaml", "rules:\n", "---\n"),
        {"leases": "who of several works; read and renewed is only the one of this release"},
    ),
    Role(
        "those of the console, with `console.enabled`; of its own service account",
        _between("_helpers.tpl", '{{- define "softphone-fleet.consoleRules" -}}\n', "{{- end }}"),
        {
            "pbxs, softphones, softphonefleets, softphonepools, rehearsals, callchecks": "what it shows",
            "events": "its timeline",
            "pods": "the agents' addresses, listed by label when somebody looks at a timeline",
        },
    ),
    Role(
        "one of those, for `helm test`",
        _between("tests/registration.yaml", "rules:\n", "---\n"),
        {
            "pbxs": "the throwaway PBX; of the test's own service account, which goes with it",
            "softphones": "and the throwaway phone",
        },
    ),
)


def granted(role: Role) -> dict[str, list[str]]:
    """The verbs by the resources of a rule, in the chart's order; rules of the same resources are one."""
    rules: list[dict[str, Any]] = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "of-the-release", role.rules))
    found: dict[str, list[str]] = {}
    for rule in rules:
        found.setdefault(", ".join(rule["resources"]), []).extend(rule["verbs"])
    return found


def table() -> Iterator[str]:
    """Its lines."""
    yield "| resource | verbs | namespaces | why |"
    yield "|---|---|---|---|"
    for role in ROLES:
        rights = granted(role)
        if set(rights) != set(role.why):
            raise ValueError(f"rights without a reason, or reasons without a right: {set(rights) ^ set(role.why)}")
        for resources, verbs in rights.items():
            yield f"| {resources} | {', '.join(verbs)} | {role.where} | {role.why[resources]} |"


if __name__ == "__main__":
    generated.fill(PAGE, WHAT, table())
