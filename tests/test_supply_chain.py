"""What goes into the images is listed, with its licence, and asked after."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

import audit
import licences
import sbom
from documents import REPOSITORY
from packages_of import IMAGES, licence, packages_of
from test_constraints import normalised


def test_the_page_of_licences_is_fresh() -> None:
    assert licences.PAGE.read_text() == licences.page(), "run make generate"


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_of_an_image_tells_its_licence(image: str) -> None:
    assert {package.name for package in packages_of(image) if not licence(package)} <= {licences.PJSUA2}


def test_the_operators_image_holds_nothing_under_the_gpl() -> None:
    told = {package.name: licence(package) for package in packages_of("operator")}
    assert {name for name, words in told.items() if "GPL" in words or "General Public" in words} == set()


STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9
Description: GNU C Library
 More: of it.

Package: tzdata
Version: 2025b-0
Architecture: all
"""


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """An image in a file of `docker save`, of two layers."""
    layers = {"1/layer.tar": {"etc/passwd": b"root"}, "2/layer.tar": {sbom.DPKG_STATUS: STATUS.encode()}}
    parts = {name: packed(files) for name, files in layers.items()}
    image = tmp_path / "image.tar"
    image.write_bytes(packed({"manifest.json": json.dumps([{"Layers": [*parts]}]).encode(), **parts}))
    return image


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("image", IMAGES)
def test_the_bill_of_an_image_lists_its_packages(image: str, saved: Path) -> None:
    bill = json.loads(sbom.text(image, saved))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    debian = {each["purl"] for each in bill["components"] if each["purl"].startswith("pkg:deb/")}
    assert debian == {
        "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12",
        "pkg:deb/debian/tzdata@2025b-0?arch=all&distro=debian-12",
    }
    ours = [each for each in bill["components"] if each["purl"] not in debian]
    own = {"pjproject"} if image == "agent" else set()
    assert {each["name"] for each in ours} == {each.name for each in packages_of(image)} - {licences.PJSUA2} | own
    assert all(each["licenses"] for each in ours)


def test_what_goes_into_the_images_is_taken_by_its_hash_only() -> None:
    lines = (REPOSITORY / "images" / "requirements.txt").read_text().replace("\\\n", " ").splitlines()
    parts = [line.split() for line in lines if line and not line.startswith("#")]
    assert all(hashes for _, *hashes in parts)
    assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", each) for _, *hashes in parts for each in hashes)
    wanted = {f"{normalised(each.name)}=={each.version}" for image in IMAGES for each in packages_of(image)}
    assert {pinned for pinned, *_ in parts} == wanted, "run make constraints"


def test_a_known_vulnerability_is_told_and_an_unknown_database_is_no_answer() -> None:
    good: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
    bad: dict[str, Any] = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1"}, {"id": "CVE-2"}]}
    missing: dict[str, Any] = {"name": "c", "skip_reason": "Dependency not found"}
    assert audit.findings({"dependencies": [good, missing]}) == []
    assert audit.findings({"dependencies": [good, bad]}) == ["b 2: CVE-1", "b 2: CVE-2"]
    assert audit.findings({"dependencies": [missing]}) is None
