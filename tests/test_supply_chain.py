"""What goes into the images is listed, with its licence, and asked after."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packageurl import PackageURL
from packaging.requirements import Requirement

import audit
import licences
import sbom
from documents import REPOSITORY
from lab import pjsua2
from lab.images import Images
from lab.progress import Progress
from lab.settings import settings
from packages_of import IMAGES, licence, packages_of
from test_constraints import normalised


def test_the_page_of_licences_is_fresh() -> None:
    assert licences.PAGE.read_text() == licences.page(), "run make generate"


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_of_an_image_tells_its_licence(image: str) -> None:
    assert [package.name for package in packages_of(image) if not licence(package)] == []


def test_pjsua2_is_on_no_list_of_what_the_package_index_has() -> None:
    """What the index calls so is another build, in which the agent does not run."""
    lists = [*(REPOSITORY / "images").glob("*requirements.txt"), REPOSITORY / "constraints.txt"]
    assert [file.name for file in lists if licences.PJSUA2 in file.read_text()] == []
    assert licences.PJSUA2 not in {package.name for image in IMAGES for package in packages_of(image)}


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
CHECKSUM = "5e" * 32
METADATA = {
    "idna-3.10": "Metadata-Version: 2.4\nName: idna\nVersion: 3.10\nLicense-Expression: BSD-3-Clause\n",
    "softphone_fleet-0.1.0": "Metadata-Version: 2.4\nName: softphone-fleet\nVersion: 0.1.0\n",
    "pjsua2_python-2.18": f"""\
Metadata-Version: 2.4
Name: pjsua2-python
Version: 2.18+softphonefleet.1

pjsua2 of pjproject, built for softphone-fleet by images/pjsua2.

Tarball: pjproject_2.18~1.tar.xz
Tarball-SHA256: {CHECKSUM}
""",
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """An image in a file of `docker save`, of two layers."""
    base = {sbom.DPKG_STATUS: STATUS, sbom.PYTHON: bare().bill_of_python("3.11.9"), "etc/passwd": "root"}
    packages = {f"app/{name}.dist-info/METADATA": text for name, text in METADATA.items()}
    layers = {"1/layer.tar": base, "2/layer.tar": {**packages, "app/idna/core.py": "# METADATA"}}
    parts = {name: packed(files) for name, files in layers.items()}
    image = tmp_path / "image.tar"
    image.write_bytes(packed({"manifest.json": json.dumps([{"Layers": [*parts]}]).encode(), **parts}))
    return image


def packed(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def bare() -> Any:
    """images/bare.py, which is no module of ours."""
    spec = importlib.util.spec_from_file_location("bare", REPOSITORY / "images" / "bare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bill_of_an_image_lists_what_the_image_tells(saved: Path) -> None:
    bill = json.loads(sbom.text("agent", saved))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {each["purl"] for each in bill["components"]} == {
        "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12",
        "pkg:deb/debian/tzdata@2025b-0?arch=all&distro=debian-12",
        "pkg:generic/python@3.11.9",
        "pkg:github/pjsip/pjproject@2.18",
        "pkg:pypi/idna@3.10",
    }
    named = {each["name"]: each for each in bill["components"]}
    assert {name for name, each in named.items() if "licenses" not in each} == {"libc6", "tzdata"}
    assert named["python"]["cpe"] == "cpe:2.3:a:python:python:3.11.9:*:*:*:*:*:*:*"
    hashes = [{"alg": "SHA-256", "content": CHECKSUM}]
    source = {"type": "source-distribution", "url": "pjproject_2.18~1.tar.xz", "hashes": hashes}
    assert named["pjproject"]["externalReferences"] == [source]


def test_an_image_that_does_not_tell_its_python_has_no_bill(tmp_path: Path) -> None:
    image = tmp_path / "image.tar"
    layer = {"layer.tar": packed({sbom.DPKG_STATUS: STATUS})}
    image.write_bytes(packed({"manifest.json": json.dumps([{"Layers": [*layer]}]), **layer}))
    with pytest.raises(KeyError, match=r"python\.cdx\.json"):
        sbom.text("agent", image)


@pytest.mark.lab
def test_the_bills_of_the_real_images_list_all_that_is_installed() -> None:
    env = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'tools'}:{REPOSITORY / 'tests'}"}
    subprocess.run([sys.executable, "-m", "sbom"], check=True, timeout=300, env=env)
    for image in IMAGES:
        found: dict[str, dict[str, Any]] = {kind: {} for kind in ("pypi", "deb", "github", "generic")}
        for each in json.loads((sbom.FOLDER / f"{image}.cdx.json").read_text())["components"]:
            found[PackageURL.from_string(each["purl"]).type][each["name"]] = each
        wanted = {normalised(each.name): each.version for each in packages_of(image)}
        assert {normalised(name): each["version"] for name, each in found["pypi"].items()} == wanted
        assert {"libc6", "libssl3", "ca-certificates", "python3.11-minimal"} <= found["deb"].keys()
        assert not {"apt", "bash", "dash", "dpkg", "python3-pip"} & found["deb"].keys()
        # The lab's base has Debian's Python.
        version = found["generic"]["python"]["version"]
        assert found["deb"]["python3.11-minimal"]["version"].startswith(f"{version}-")
        assert found["github"].keys() == ({"pjproject"} if image == "agent" else set())
    built = next(pjsua2.unpacked(settings()).glob("*.dist-info/METADATA")).read_text()
    bill = json.loads((sbom.FOLDER / "agent.cdx.json").read_text())
    (pjproject,) = [each for each in bill["components"] if each["name"] == "pjproject"]
    (source,) = pjproject["externalReferences"]
    assert f"\nVersion: {pjproject['version']}+" in built
    assert f"\nTarball: {source['url']}\nTarball-SHA256: {source['hashes'][0]['content']}\n" in built


def test_what_goes_into_the_images_is_taken_by_its_hash_only() -> None:
    lines = (REPOSITORY / "images" / "requirements.txt").read_text().replace("\\\n", " ").splitlines()
    parts = [line.split() for line in lines if line and not line.startswith("#")]
    assert all(hashes for _, *hashes in parts)
    assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", each) for _, *hashes in parts for each in hashes)
    wanted = {f"{normalised(each.name)}=={each.version}" for image in IMAGES for each in packages_of(image)}
    assert {pinned for pinned, *_ in parts} == wanted, "run make constraints"


def test_wheels_are_built_by_a_setuptools_that_is_taken_by_its_hash_only() -> None:
    lines = (REPOSITORY / "images" / "build-requirements.txt").read_text().replace("\\\n", " ").splitlines()
    (pinned, *hashes), *others = [line.split() for line in lines if line and not line.startswith("#")]
    (wanted,) = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["build-system"]["requires"]
    name, _, version = pinned.partition("==")
    assert (name, others) == ("setuptools", [])
    assert version in Requirement(wanted).specifier
    assert hashes
    assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", each) for each in hashes)


def test_a_known_vulnerability_is_told_and_an_unknown_database_is_no_answer() -> None:
    good: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
    bad: dict[str, Any] = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1"}, {"id": "CVE-2"}]}
    missing: dict[str, Any] = {"name": "c", "skip_reason": "Dependency not found"}
    assert audit.findings({"dependencies": [good, missing]}) == []
    assert audit.findings({"dependencies": [good, bad]}) == ["b 2: CVE-1", "b 2: CVE-2"]
    assert audit.findings({"dependencies": [missing]}) is None


@pytest.mark.parametrize(
    "errors",
    [
        "  File requests/adapters.py\nrequests.exceptions.ProxyError: HTTPSConnectionPool(host='index.example')\n",
        "requests.exceptions.HTTPError: 503 Server Error\n\nThe above exception was the direct cause\n\n"
        "pip_audit._service.interface.ServiceError\n",
        "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed\nERROR:pip_audit._cli:Tip: your network\n",
    ],
)
def test_a_database_out_of_reach_is_no_answer(errors: str) -> None:
    assert audit.answer("", errors) is None


@pytest.mark.parametrize(
    "errors", ["Traceback:\n  import requests\nKeyError: 'vulns'", "No module named pip_audit", ""]
)
def test_a_crash_of_pip_audit_is_told_as_such(errors: str) -> None:
    with pytest.raises(audit.AuditError, match=errors.rpartition("\n")[2] or "it says nothing"):
        audit.answer("", errors)


def test_what_pip_audit_cannot_read_is_no_matter_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "constraints.txt"
    broken.write_text("not a == requirement\n")
    monkeypatch.setattr(audit, "CONSTRAINTS", broken)
    monkeypatch.setattr(audit, "KEPT", tmp_path / "kept")
    assert audit.main() == 1
    assert "not a == requirement" in capsys.readouterr().out
    assert not (tmp_path / "kept").exists()


def test_the_archive_of_an_image_is_of_just_these_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab's own image of the agent stays while only the operator changes; that in a release must not."""

    def names(*more: Path) -> list[tuple[str, str]]:
        images = Images(settings())
        images.__dict__["_sources"] = [REPOSITORY / "pyproject.toml", *more]
        built: list[tuple[str, str]] = []
        monkeypatch.setattr(images, "_build", lambda program, name, *_: built.append((program, name)))
        exported: list[str] = []
        monkeypatch.setattr(images, "_buildah", SimpleNamespace(export=lambda name, _: exported.append(name)))
        for program in IMAGES:
            images.archive(program, tmp_path / "image.tar", Progress())
        assert [name for _, name in built] == exported
        return built

    operator = tmp_path / "operator.py"
    operator.write_text("before")
    before = names(operator)
    assert [program for program, _ in before] == [*IMAGES]
    assert len({name for _, name in before}) == len(IMAGES)
    assert names(operator) == before
    operator.write_text("after")
    assert not set(before) & set(names(operator))
