"""What Artifact Hub shows of the chart, as annotations of its Chart.yaml (artifacthub.io/…). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from release.facts import PLATFORM, Facts
from softphone_operator.api.kinds import GROUP, KINDS, VERSION, Kind

LONGEST_CHANGE = 160
PROGRAMS = ("operator", "agent")


def shown(facts: Facts, changelog: str, examples: Sequence[Any], digests: Mapping[str, str]) -> dict[str, str]:
    """The annotations. `digests`: of the images by program; they are named where the release has a registry."""
    found: dict[str, Any] = {
        "category": "monitoring-logging",
        "license": "Apache-2.0",
        "operator": "true",
        "operatorCapabilities": "Seamless Upgrades",
        "crds": [crd(kind) for kind in KINDS],
        "crdsExamples": list(examples),
        "changes": [{"kind": "added", "description": told} for told in changes(changelog, facts.version)],
    }
    if facts.registry:
        found["images"] = [
            {
                "name": program,
                "image": f"{facts.registry}/softphone-fleet-{program}@{digests[program]}",
                "platforms": [PLATFORM.replace("-", "/")],
            }
            for program in PROGRAMS
        ]
    return {f"artifacthub.io/{key}": value if isinstance(value, str) else _yaml(value) for key, value in found.items()}


def crd(kind: Kind) -> dict[str, str]:
    """What is told of a kind."""
    name = f"{kind.plural}.{GROUP}"
    return {
        "kind": kind.name,
        "version": VERSION,
        "name": name,
        "displayName": kind.name,
        "description": kind.description,
    }


def changes(changelog: str, version: str) -> Iterator[str]:
    """What a version's part of the changelog tells in bold, or in the first sentence of its entries."""
    _, _, rest = changelog.partition(f"\n## {version}")
    part = re.split(r"\n## ", rest, maxsplit=1)[0]
    for entry in re.findall(r"^- (.*(?:\n  .*)*)", part, re.MULTILINE):
        text = " ".join(entry.split())
        bold = re.match(r"\*\*(.+?)\*\*", text)
        told = re.sub(r"[*`]", "", bold[1] if bold else re.split(r"(?<=[.;:]) ", text)[0]).strip(" .:;")
        yield told if len(told) <= LONGEST_CHANGE else told[: LONGEST_CHANGE - 1].rpartition(" ")[0] + "…"


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=200)
