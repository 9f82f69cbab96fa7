"""The chart as a package of a release: what Helm and Artifact Hub make of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from charts import rendering
from charts.rendering import rendered
from documents import REPOSITORY
from release import artifact_hub, chart
from release.facts import Facts, of_the_tree

FACTS = Facts("1.2.3", "c0ffee", 1_700_000_001)
DIGESTS = {"operator": f"sha256:{'0' * 64}", "agent": f"sha256:{'a' * 64}"}


def test_the_packaged_chart_renders_what_the_folder_renders(
    helm3: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "softphone-fleet-1.2.3.tgz"
    packed.write_bytes(chart.package(FACTS, DIGESTS))
    assert packed.read_bytes() == chart.package(FACTS, DIGESTS)
    assert rendering.run(helm3, "lint", "--strict", str(packed)).returncode == 0
    of_the_folder = rendered(helm3)
    monkeypatch.setattr(rendering, "CHART", packed)
    assert rendered(helm3) == of_the_folder


def test_the_values_name_images_by_digest(helm3: Path, tmp_path: Path) -> None:
    values = tmp_path / "digests.yaml"
    values.write_text(chart.values(FACTS, DIGESTS))
    done = rendering.run(helm3, "template", "fleet", str(chart.FOLDER), "-f", str(values))
    for program, digest in DIGESTS.items():
        assert f"softphone-fleet-{program}@{digest}" in done.stdout
    told = yaml.safe_load(chart.values(Facts("1", "", 0, registry="registry.example.com/x"), DIGESTS))["image"]
    assert told["agent"] == {"repository": "registry.example.com/x/softphone-fleet-agent", "digest": DIGESTS["agent"]}


def test_artifact_hub_is_told_of_kinds_changes_and_examples() -> None:
    entries = "- **Calls** are there: `x`\n  and more.\n- A fix: of it."
    changelog = f"# Changelog\n\n## 1.2.3, unreleased\n\n{entries}\n\n## 1.2\n\n- Old.\n"
    told = artifact_hub.shown(FACTS, changelog, [{"kind": "PBX"}], DIGESTS)
    assert all(isinstance(value, str) for value in told.values())
    assert yaml.safe_load(told["artifacthub.io/changes"]) == [
        {"kind": "added", "description": "Calls"},
        {"kind": "added", "description": "A fix"},
    ]
    assert yaml.safe_load(told["artifacthub.io/crdsExamples"]) == [{"kind": "PBX"}]
    pbx = yaml.safe_load(told["artifacthub.io/crds"])[0]
    assert (pbx["kind"], pbx["version"], pbx["name"]) == ("PBX", "v1alpha1", "pbxs.softphone-fleet.io")
    assert "artifacthub.io/images" not in told, "where they are, only their owner knows"
    there = artifact_hub.shown(Facts("1.2.3", "", 0, registry="registry.example.com"), changelog, [], DIGESTS)
    first, _ = yaml.safe_load(there["artifacthub.io/images"])
    assert first["image"] == f"registry.example.com/softphone-fleet-operator@{DIGESTS['operator']}"


def test_the_real_changelog_has_changes_to_tell() -> None:
    told = list(artifact_hub.changes((REPOSITORY / "CHANGELOG.md").read_text(), of_the_tree().version))
    assert len(told) > 10
    assert all(2 < len(each) <= artifact_hub.LONGEST_CHANGE for each in told)
