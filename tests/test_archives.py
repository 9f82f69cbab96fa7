"""What a release packs is the same bytes whenever it is packed, and is what it was before."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from documents import REPOSITORY
from packages_of import packages_of
from release import agent_tar, bills, oci, plugin
from release.__main__ import PAGE, without_links
from release.facts import Facts, of_the_tree
from release.packing import FILE, PROGRAM, Entry, tar_gz, timeless_zip
from softphone_agent.contract import reading

FACTS = Facts("1.2.3", "c0ffee", 1_700_000_001)
FILES = {"b/run": Entry(b"#!/bin/sh\n", PROGRAM), "b/c/text": Entry("ä".encode())}


def test_a_tar_has_its_files_in_order_with_their_folders_of_one_time_and_of_nobody() -> None:
    packed = tar_gz(FILES, FACTS.epoch)
    assert packed == tar_gz(dict(reversed(FILES.items())), FACTS.epoch)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        told = [(entry.name, entry.isdir(), entry.mode, entry.mtime, entry.uid, entry.uname) for entry in archive]
        held = archive.extractfile("b/c/text")
        assert held is not None
        assert held.read() == "ä".encode()
    of = (FACTS.epoch, 0, "")
    assert told == [
        ("b", True, PROGRAM, *of),
        ("b/c", True, PROGRAM, *of),
        ("b/c/text", False, FILE, *of),
        ("b/run", False, PROGRAM, *of),
    ]


def wheel(year: int, mode: int = 0o100664) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as into:
        for name in ("softphone_fleet/b.py", "softphone_fleet/a.py"):
            entry = zipfile.ZipInfo(name, (year, 1, 2, 3, 4, 5))
            entry.external_attr = mode << 16
            into.writestr(entry, name)
    return made.getvalue()


def test_wheels_of_two_days_are_the_same_one() -> None:
    assert wheel(2025) != wheel(2026)
    made = timeless_zip(wheel(2025), FACTS.epoch)
    assert made == timeless_zip(wheel(2026, 0o100644), FACTS.epoch)
    with zipfile.ZipFile(io.BytesIO(made)) as held:
        assert held.namelist() == ["softphone_fleet/b.py", "softphone_fleet/a.py"]
        assert held.read("softphone_fleet/a.py") == b"softphone_fleet/a.py"
        assert {entry.date_time for entry in held.infolist()} == {(2023, 11, 14, 22, 13, 20)}


def saved(to: Path, mtime: int, user: str) -> Path:
    """An image of two layers as `docker save` writes it, built at some time by somebody."""
    layers = []
    for number, text in enumerate(("one", "two")):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as layer:
            file = tarfile.TarInfo("app/file")
            file.size, file.mtime, file.uname, file.uid, file.mode = len(text), mtime, user, 7, 0o755
            file.pax_headers = {"mtime": f"{mtime}.25", "SCHILY.xattr.user.kept": "yes"}
            layer.addfile(file, io.BytesIO(text.encode()))
            link = tarfile.TarInfo("app/link")
            link.type, link.linkname = tarfile.SYMTYPE, "file"
            layer.addfile(link)
        layers.append((f"{number}/layer.tar", buffer.getvalue()))
    config = {
        "created": f"{mtime}",
        "architecture": "amd64",
        "os": "linux",
        "config": {"User": "65532", "Entrypoint": ["python3"], "Labels": {"built.by": user}, "Cmd": None},
    }
    manifest = [{"Config": "config.json", "Layers": [name for name, _ in layers]}]
    files = [("manifest.json", json.dumps(manifest).encode()), ("config.json", json.dumps(config).encode()), *layers]
    with tarfile.open(to, "w") as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return to


def test_an_image_built_twice_is_one_archive_that_refers_to_its_parts_by_digest(tmp_path: Path) -> None:
    builds = [
        saved(tmp_path / f"{user}.tar", mtime, user)
        for mtime, user in ((1_800_000_000, "anna"), (1_900_000_000, "bob"))
    ]
    digests = [oci.write(build, build.with_suffix(".oci"), "softphone-fleet-agent", FACTS) for build in builds]
    first, second = [build.with_suffix(".oci") for build in builds]
    assert digests[0] == digests[1]
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as archive:
        held = {entry.name: archive.extractfile(entry) for entry in archive if entry.isreg()}
        content = {name: file.read() for name, file in held.items() if file is not None}
    assert json.loads(content.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    (listed,) = json.loads(content.pop("index.json"))["manifests"]
    assert listed["digest"] == digests[0]
    assert listed["annotations"] == {
        "org.opencontainers.image.ref.name": "1.2.3",
        "io.containerd.image.name": "localhost/softphone-fleet-agent:1.2.3",
    }
    for name, blob in content.items():
        assert name == f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}"

    def part(descriptor: dict[str, object]) -> bytes:
        found = content.pop("blobs/" + str(descriptor["digest"]).replace(":", "/"))
        assert len(found) == descriptor["size"]
        return found

    manifest = json.loads(part(listed))
    config = json.loads(part(manifest["config"]))
    layers = [gzip.decompress(part(layer)) for layer in manifest["layers"]]
    assert content == {}
    assert config["created"] == "2023-11-14T22:13:21Z"
    assert (config["architecture"], config["os"]) == ("amd64", "linux")
    labels = {f"org.opencontainers.image.{key}" for key in ("title", "version", "revision", "created")}
    assert config["config"].pop("Labels").keys() == labels
    assert config["config"] == {"User": "65532", "Entrypoint": ["python3"]}
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    with tarfile.open(fileobj=io.BytesIO(layers[1])) as layer:
        file, link = layer.getmembers()
        assert (file.name, file.mtime, file.uname, file.uid, file.mode) == ("app/file", 0, "", 7, 0o755)
        assert file.pax_headers == {"SCHILY.xattr.user.kept": "yes"}
        assert (link.name, link.issym(), link.linkname) == ("app/link", True, "file")


def test_krew_is_told_what_the_archive_is(tmp_path: Path) -> None:
    for name in ("kubectl-softphone", "kubectl_complete-softphone"):
        (tmp_path / name).write_text(name)
    archive = plugin.package(tmp_path, FACTS)
    told = yaml.safe_load(plugin.manifest(archive, "k.tar.gz", FACTS))
    assert (told["kind"], told["metadata"]["name"], told["spec"]["version"]) == ("Plugin", "softphone", "v1.2.3")
    (platform,) = told["spec"]["platforms"]
    assert platform["uri"] == "https://example.com/softphone-fleet/k.tar.gz"
    assert platform["sha256"] == hashlib.sha256(archive).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(archive)) as held:
        assert {entry.name: entry.mode for entry in held}[platform["bin"]] == PROGRAM


def wheels(folder: Path, *left_out: str) -> Path:
    for package in (*packages_of("agent"), None):
        name = package.name if package else "pjsua2_python"
        if name not in left_out:
            (folder / f"{name.replace('-', '_')}-1-py3-none-any.whl").write_bytes(wheel(2025))
    (folder / "softphone_fleet-1-py3-none-any.whl").write_bytes(wheel(2025))
    (folder / "kopf-1-py3-none-any.whl").write_bytes(wheel(2025))
    return folder


def test_the_agents_tar_holds_what_it_needs_with_checksums(tmp_path: Path) -> None:
    held = agent_tar.wheels(wheels(tmp_path), FACTS.epoch)
    assert not any(name.startswith("kopf") for name in held), "that is the operator's"
    packed = agent_tar.package(held, FACTS)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "softphone-agent-1.2.3"
    assert (folder / "install").stat().st_mode & 0o777 == PROGRAM
    assert (folder / "VERSION").read_text() == "1.2.3\n"
    assert "localhost/softphone-fleet-agent:1.2.3" in (folder / "compose.yaml").read_text()
    told = [line.split("  ", 1) for line in (folder / "SHA256SUMS").read_text().splitlines()]
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert {name for _, name in told} == there - {"SHA256SUMS"}
    for digest, name in told:
        assert digest == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_a_wheel_that_is_missing_or_not_just_modules_is_no_tar(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no wheel of pydantic"):
        agent_tar.wheels(wheels(tmp_path, "pydantic"), 0)
    odd = io.BytesIO()
    with zipfile.ZipFile(odd, "w") as into:
        into.writestr("pydantic-1.data/scripts/run", "")
    (tmp_path / "pydantic-1-py3-none-any.whl").write_bytes(odd.getvalue())
    with pytest.raises(ValueError, match=r"pydantic-1-py3-none-any.whl has files .* pydantic-1.data/scripts/run"):
        agent_tar.wheels(tmp_path, 0)


def test_a_bill_made_twice_is_the_same() -> None:
    metadata = ["Name: idna\nVersion: 3.10\nLicense-Expression: BSD-3-Clause\n", "Name: six\nVersion: 1\n"]
    first, second = (bills.of_packages("softphone-agent", iter(order), FACTS) for order in (metadata, metadata[::-1]))
    assert first == second
    told = json.loads(first)
    assert [each["purl"] for each in told["components"]] == ["pkg:pypi/idna@3.10", "pkg:pypi/six@1"]
    assert told["dependencies"][0]["dependsOn"] == ["pkg:pypi/idna@3.10", "pkg:pypi/six@1"]
    assert told["metadata"]["timestamp"] == FACTS.created
    other = bills.of_packages("softphone-agent", iter(metadata[:1]), FACTS)
    assert json.loads(other)["serialNumber"] != told["serialNumber"]


def test_the_page_of_installing_stands_alone_in_the_folder_and_names_files_of_this_version() -> None:
    page = without_links(PAGE.read_text())
    assert "](" not in page
    assert "kubectl softphone" in page
    version = of_the_tree().version
    names = {word for word in page.replace("`", " ").split() if word.endswith((".tar", ".tgz", ".tar.gz"))}
    assert names
    assert [name for name in names if version not in name] == []


def test_the_agents_example_is_a_file_that_the_agent_takes() -> None:
    config, _ = reading.load(agent_tar.FOLDER / "agent.yaml")
    assert config.http.address == "127.0.0.1", "nobody else is let in before somebody says so"
    (phone,) = config.phones
    assert phone.credentials is not None
    assert phone.credentials.password_file == "/etc/softphone-agent/alice.password"


def test_unit_and_compose_file_run_what_is_installed_as_a_user_without_rights() -> None:
    run = ["run", "--config", "/etc/softphone-agent/agent.yaml"]
    unit = (agent_tar.FOLDER / "softphone-agent.service").read_text()
    assert f"ExecStart=/opt/softphone-agent/current/bin/softphone-agent {' '.join(run)}\n" in unit
    assert "\nCapabilityBoundingSet=\n" in unit
    (service,) = yaml.safe_load((agent_tar.FOLDER / "compose.yaml").read_text())["services"].values()
    dockerfile = (REPOSITORY / "images" / "Dockerfile").read_text()
    assert (service["command"], f"\nUSER {service['user']}\n" in dockerfile) == (run, True)
    assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
