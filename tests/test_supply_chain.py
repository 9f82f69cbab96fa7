"""What goes into the images is listed, with its licence, and asked after."""

from __future__ import annotations

import json
from typing import Any

import pytest

import audit
import licences
import sbom
from packages_of import IMAGES, licence, packages_of


def test_the_page_of_licences_is_fresh() -> None:
    assert licences.PAGE.read_text() == licences.page(), "run make generate"


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_of_an_image_tells_its_licence(image: str) -> None:
    assert {package.name for package in packages_of(image) if not licence(package)} <= {licences.PJSUA2}


def test_the_operators_image_holds_nothing_under_the_gpl() -> None:
    told = {package.name: licence(package) for package in packages_of("operator")}
    assert {name for name, words in told.items() if "GPL" in words or "General Public" in words} == set()


@pytest.mark.parametrize("image", IMAGES)
def test_the_bill_of_an_image_lists_its_packages(image: str) -> None:
    bill = json.loads(sbom.text(image))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    names = {component["name"] for component in bill["components"]}
    own = {"pjproject"} if image == "agent" else set()
    assert names == {package.name for package in packages_of(image)} - {licences.PJSUA2} | own
    assert all(component["licenses"] and component["purl"] for component in bill["components"])


def test_a_known_vulnerability_is_told_and_an_unknown_database_is_no_answer() -> None:
    good: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
    bad: dict[str, Any] = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1"}, {"id": "CVE-2"}]}
    missing: dict[str, Any] = {"name": "c", "skip_reason": "Dependency not found"}
    assert audit.findings({"dependencies": [good, missing]}) == []
    assert audit.findings({"dependencies": [good, bad]}) == ["b 2: CVE-1", "b 2: CVE-2"]
    assert audit.findings({"dependencies": [missing]}) is None
