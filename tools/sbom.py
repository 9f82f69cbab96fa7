"""The software bill of materials of each image, in CycloneDX; `python -m sbom` writes build/sbom.

All of it is told by the image itself: by the images that the lab makes, or by files of `docker save`:
`python -m sbom agent=agent.tar operator=operator.tar`. Python packages and pjproject are told by their metadata,
Debian's packages by dpkg's status, the interpreter by the file that images/bare.py leaves. The licences of Debian's
packages lie in the image, in /usr/share/doc.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from documents import REPOSITORY
from lab.images import Images
from lab.progress import Progress
from lab.settings import settings
from licences import GPL, PJSUA2
from packages_of import IMAGES, OURS, licence

FOLDER = REPOSITORY / "build" / "sbom"
DPKG_STATUS = "var/lib/dpkg/status"
PYTHON = "usr/share/softphone-fleet/python.cdx.json"
TOLD = re.compile(r"^(Tarball|Tarball-SHA256): (\S+)$", re.MULTILINE)
"""What images/pjsua2/build.sh says of pjproject, in a wheel's METADATA."""
METADATA = re.compile(r"app/[^/]+\.dist-info/METADATA")


class Held(Distribution):
    """A package of an image, by its METADATA."""

    def __init__(self, metadata: str) -> None:
        self._metadata = metadata

    def read_text(self, filename: str) -> str | None:
        """That file only."""
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> Path:
        """Its files are not looked at."""
        raise NotImplementedError(path)


def bom(image: str, archive: Path) -> Bom:
    """The bill of an image that lies in a file of `docker save`. Raises KeyError where something is not told."""
    made = Bom()
    whole = made.metadata.component = Component(name=f"{OURS}-{image}", type=ComponentType.CONTAINER)
    held = telling_files(archive)
    made.components.add(_python(held[PYTHON]))
    for told in debian_packages(held[DPKG_STATUS]):
        made.components.add(_debian_component(told))
    _add_packages(made, (content for name, content in held.items() if METADATA.fullmatch(name)))
    made.register_dependency(whole, made.components)
    return made


def bom_of_packages(name: str, metadata: Iterable[str]) -> Bom:
    """The bill of a program that is nothing but Python packages, by their METADATA."""
    made = Bom()
    whole = made.metadata.component = Component(name=name, type=ComponentType.APPLICATION)
    _add_packages(made, metadata)
    made.register_dependency(whole, made.components)
    return made


def _add_packages(to: Bom, metadata: Iterable[str]) -> None:
    for content in metadata:
        package = Held(content)
        if package.name != OURS:
            to.components.add(_pjproject(package) or _component(package))


def telling_files(archive: Path) -> dict[str, str]:
    """The files of an image that tell what is in it, by their names."""
    found = {}
    with tarfile.open(archive) as image:
        (manifest,) = json.load(_file(image, "manifest.json"))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=_file(image, layer)) as content:
                for name in content.getnames():
                    if name in (DPKG_STATUS, PYTHON) or METADATA.fullmatch(name):
                        found[name] = _file(content, name).read().decode()
    return found


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    assert found is not None, f"{name} is no file"
    return found


def _python(told: str) -> Component:
    """The interpreter: the base may have it from elsewhere than Debian's packages."""
    (one,) = json.loads(told)["components"]
    (named,) = one["licenses"]
    return Component(
        name=one["name"],
        version=one["version"],
        type=ComponentType.APPLICATION,
        purl=PackageURL.from_string(one["purl"]),
        cpe=one["cpe"],
        licenses=[LicenseFactory().make_with_id(named["license"]["id"])],
    )


def _component(package: Distribution) -> Component:
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=package.name, version=package.version),
        licenses=[LicenseFactory().make_from_string(licence(package))],
    )


def _pjproject(package: Distribution) -> Component | None:
    """What our pjsua2 holds; None of another package. Raises KeyError where it does not tell its tarball."""
    if package.name != PJSUA2:
        return None
    told = dict(TOLD.findall(package.read_text("METADATA") or ""))
    version = package.version.partition("+")[0]
    checksum = HashType(alg=HashAlgorithm.SHA_256, content=told["Tarball-SHA256"])
    source = ExternalReferenceType.SOURCE_DISTRIBUTION
    return Component(
        name="pjproject",
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("github", namespace="pjsip", name="pjproject", version=version),
        licenses=[LicenseFactory().make_from_string(GPL)],
        external_references=[ExternalReference(type=source, url=XsUri(told["Tarball"]), hashes=[checksum])],
    )


def debian_packages(status: str) -> Iterator[dict[str, str]]:
    """What dpkg's status says of each package: fields of one line."""
    for stanza in status.strip().split("\n\n"):
        yield dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")


def _debian_component(told: dict[str, str]) -> Component:
    name, version = told["Package"], told["Version"]
    qualifiers = {"arch": told["Architecture"], "distro": "debian-12"}
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("deb", namespace="debian", name=name, version=version, qualifiers=qualifiers),
    )


def text(image: str, archive: Path) -> str:
    """The bill of an image that lies in a file of `docker save`, as JSON."""
    return as_json(bom(image, archive))


def as_json(bill: Bom) -> str:
    """A bill as JSON."""
    return make_outputter(bill, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


def write(archives: dict[str, Path]) -> None:
    """Write the bills of images that lie in files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for image, archive in archives.items():
        (FOLDER / f"{image}.cdx.json").write_text(text(image, archive) + "\n")
        print(FOLDER / f"{image}.cdx.json")


if __name__ == "__main__":
    if given := dict(argument.split("=", 1) for argument in sys.argv[1:]):
        write({image: Path(archive) for image, archive in given.items()})
    else:
        with TemporaryDirectory() as place:
            images, files = Images(settings()), {image: Path(place) / f"{image}.tar" for image in IMAGES}
            for image, file in files.items():
                images.archive(image, file, Progress())
            write(files)
