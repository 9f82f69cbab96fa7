"""The software bill of materials of each image, in CycloneDX; `python -m sbom` writes build/sbom.

Python packages and pjproject are told by their metadata here, Debian's packages by the image itself: by the images
that the lab makes, or by files of `docker save`: `python -m sbom agent=agent.tar operator=operator.tar`. The licences
of Debian's packages lie in the image, in /usr/share/doc.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from documents import REPOSITORY
from lab.images import Images
from lab.progress import Progress
from lab.settings import settings
from licences import PJSUA2
from packages_of import IMAGES, OURS, licence, packages_of

FOLDER = REPOSITORY / "build" / "sbom"
PJPROJECT = ("pjproject", "2.17")
DPKG_STATUS = "var/lib/dpkg/status"


def bom(image: str, archive: Path) -> Bom:
    """The bill of an image that lies in a file of `docker save`."""
    made = Bom()
    whole = made.metadata.component = Component(name=f"{OURS}-{image}", type=ComponentType.CONTAINER)
    for package in packages_of(image):
        made.components.add(_pjproject() if package.name == PJSUA2 else _component(package))
    for told in debian_packages(archive):
        made.components.add(_debian_component(told))
    made.register_dependency(whole, made.components)
    return made


def _component(package: Distribution) -> Component:
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=package.name, version=package.version),
        licenses=[LicenseFactory().make_from_string(licence(package))],
    )


def _pjproject() -> Component:
    """What the own build of pjsua2 holds, instead of the wheel that developers have."""
    name, version = PJPROJECT
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("github", namespace="pjsip", name=name, version=version),
        licenses=[LicenseFactory().make_from_string("GPL-2.0-or-later")],
    )


def debian_packages(archive: Path) -> Iterator[dict[str, str]]:
    """What dpkg's status says of each package: fields of one line. Raises KeyError where the image has no status."""
    with tarfile.open(archive) as image:
        (manifest,) = json.load(_file(image, "manifest.json"))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=_file(image, layer)) as files:
                if DPKG_STATUS not in files.getnames():
                    continue
                stanzas = _file(files, DPKG_STATUS).read().decode().strip().split("\n\n")
                for stanza in stanzas:
                    yield dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
                return
    raise KeyError(f"{archive}: no {DPKG_STATUS}")


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    assert found is not None, f"{name} is no file"
    return found


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
    """The bill as JSON."""
    return make_outputter(bom(image, archive), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


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
