"""The chart as a package for Helm, with what Artifact Hub shows of it; and the values that name images by digest."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

import yaml

from documents import REPOSITORY
from release import artifact_hub
from release.facts import Facts
from release.packing import Entry, tar_gz

NAME = "softphone-fleet"
FOLDER = REPOSITORY / "charts" / NAME
EXAMPLE = REPOSITORY / "examples" / "single-probe" / "probe.yaml"


def package(facts: Facts, digests: Mapping[str, str]) -> bytes:
    """The package, whose folder is named like the chart. `digests`: of the images by program."""
    ignored = [line for line in (FOLDER / ".helmignore").read_text().splitlines() if line and line[0] != "#"]
    entries = {
        f"{NAME}/{file.relative_to(FOLDER)}": Entry(file.read_bytes())
        for file in sorted(FOLDER.rglob("*"))
        if file.is_file() and not any(fnmatch.fnmatch(file.name, pattern) for pattern in ignored)
    }
    entries[f"{NAME}/Chart.yaml"] = Entry(_described(facts, digests).encode())
    entries[f"{NAME}/LICENSE"] = Entry((REPOSITORY / "LICENSE").read_bytes())
    return tar_gz(entries, facts.epoch)


def _described(facts: Facts, digests: Mapping[str, str]) -> str:
    about = yaml.safe_load((FOLDER / "Chart.yaml").read_text())
    examples = list(yaml.safe_load_all(EXAMPLE.read_text()))
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    about["annotations"] = artifact_hub.shown(facts, changelog, examples, digests)
    return yaml.safe_dump(about, sort_keys=False, allow_unicode=True, width=200)


def values(facts: Facts, digests: Mapping[str, str]) -> str:
    """A file for `helm -f` that names the images by digest, and where they are if the release has a registry."""
    images = {
        program: {
            **({"repository": f"{facts.registry}/softphone-fleet-{program}"} if facts.registry else {}),
            "digest": digests[program],
        }
        for program in artifact_hub.PROGRAMS
    }
    head = f"# The images of softphone-fleet {facts.version} by their digests, for `helm upgrade --install … -f`.\n"
    return head + yaml.safe_dump({"image": images}, sort_keys=False, width=200)
