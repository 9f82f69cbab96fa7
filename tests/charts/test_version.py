"""One version: of the package, the chart, and what the changelog tells first."""

from __future__ import annotations

import re
import tarfile
import tomllib

import yaml

from charts.rendering import CHART

REPOSITORY = CHART.parents[1]
FIRST = REPOSITORY / "tests" / "e2e" / "data" / "first-release" / "softphone-fleet-0.1.0.tgz"


def present() -> str:
    version: str = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    return version


def test_package_chart_images_and_changelog_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (first, *_) = re.findall(r"^## (\S+?),? ", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert {chart["version"], chart["appVersion"], first} == {present()}


def test_documents_tag_images_with_it() -> None:
    pages = [*(REPOSITORY / "docs").rglob("*.md"), REPOSITORY / "README.md"]
    tags = [
        tag for page in pages for tag in re.findall(r"softphone-fleet-(?:operator|agent):(\d[\w.]*)", page.read_text())
    ]
    assert tags
    assert set(tags) == {present()}


def test_it_is_later_than_the_first_releases() -> None:
    """Else an upgrade would name the image that nodes have already, and get the old operator."""
    with tarfile.open(FIRST) as packed:
        member = packed.extractfile("softphone-fleet/Chart.yaml")
        assert member is not None
        earlier = yaml.safe_load(member.read())["version"]
    assert [int(part) for part in earlier.split(".")] < [int(part) for part in present().split(".")]
