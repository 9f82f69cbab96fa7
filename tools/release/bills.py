"""Bills of materials of what is in the release, in CycloneDX, the same whenever they are made of the same."""

from __future__ import annotations

import hashlib
import io
import json
import re
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import sbom
from release.facts import Facts
from softphone_plugin import start

METADATA = re.compile(r"[^/]+\.dist-info/METADATA")


def of_image(image: str, saved: Path, facts: Facts) -> str:
    """The bill of an image in a file of `docker save`."""
    return settled(sbom.text(image, saved), facts)


def of_packages(name: str, metadata: Iterator[str], facts: Facts) -> str:
    """The bill of Python packages by their METADATA."""
    return settled(sbom.as_json(sbom.bom_of_packages(name, metadata)), facts)


def metadata_of_wheels(wheels: Mapping[str, bytes]) -> Iterator[str]:
    """What wheels say of themselves."""
    for content in wheels.values():
        yield from _metadata(content)


def metadata_of_plugin(program: Path) -> Iterator[str]:
    """What the packages in the plugin's single file say of themselves."""
    with zipfile.ZipFile(program) as outer:
        yield from _metadata(outer.read(start.PACKAGES))


def _metadata(archive: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        for name in sorted(held.namelist()):
            if METADATA.fullmatch(name):
                yield held.read(name).decode()


def settled(bill: str, facts: Facts) -> str:
    """A bill with the release's time and version, and a serial number that follows from what it lists."""
    told = json.loads(bill)
    told["metadata"]["timestamp"] = facts.created
    told["metadata"]["component"]["version"] = facts.version
    told.pop("serialNumber")
    for component in (told["metadata"]["component"], *told["components"]):
        component["bom-ref"] = component.get("purl") or component["name"]
    told["dependencies"] = [
        {
            "ref": told["metadata"]["component"]["bom-ref"],
            "dependsOn": sorted(component["bom-ref"] for component in told["components"]),
        }
    ]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    told["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}"
    return json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
