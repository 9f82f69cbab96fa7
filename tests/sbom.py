"""The software bill of materials of each image, in CycloneDX; `python -m sbom` writes build/sbom.

Of the Python packages and pjproject. The base image's Debian packages are in Debian's own lists of it.
"""

from __future__ import annotations

from importlib.metadata import Distribution

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from documents import REPOSITORY
from licences import PJSUA2
from packages_of import IMAGES, OURS, licence, packages_of

FOLDER = REPOSITORY / "build" / "sbom"
PJPROJECT = ("pjproject", "2.17")


def bom(image: str) -> Bom:
    """The bill of an image."""
    made = Bom()
    whole = made.metadata.component = Component(name=f"{OURS}-{image}", type=ComponentType.CONTAINER)
    for package in packages_of(image):
        made.components.add(_pjproject() if package.name == PJSUA2 else _component(package))
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


def text(image: str) -> str:
    """The bill as JSON."""
    return make_outputter(bom(image), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for one in IMAGES:
        (FOLDER / f"{one}.cdx.json").write_text(text(one) + "\n")
        print(FOLDER / f"{one}.cdx.json")
