"""The plugin as an archive that krew installs, and the manifest by which it does."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from documents import REPOSITORY
from release.facts import PLATFORM, Facts
from release.packing import PROGRAM, Entry, tar_gz
from softphone_plugin.single_file import COMPLETION
from softphone_plugin.single_file import PROGRAM as NAME

DESCRIPTION = """\
For the people who look after phones and PBXes of softphone-fleet: where phones are registered and why, whether their
redundancy would hold, how long a fail-over took; traces, drills, imports of users, and checks of manifests.
It needs Python 3.11 on Linux, and nothing installed into it.
"""


def package(folder: Path, facts: Facts) -> bytes:
    """The archive of what `make plugin` left in a folder."""
    entries = {name: Entry((folder / name).read_bytes(), PROGRAM) for name in (NAME, COMPLETION)}
    entries["LICENSE"] = Entry((REPOSITORY / "LICENSE").read_bytes())
    return tar_gz(entries, facts.epoch)


def manifest(archive: bytes, name: str, facts: Facts) -> str:
    """The manifest of krew (v1alpha2) for the archive, which has this file name."""
    system, machine = PLATFORM.split("-")
    told = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "softphone"},
        "spec": {
            "version": f"v{facts.version}",
            "homepage": facts.url,
            "shortDescription": "See, explain and drill fleets of SIP softphones",
            "description": DESCRIPTION,
            "platforms": [
                {
                    "selector": {"matchLabels": {"os": system, "arch": machine}},
                    "uri": f"{facts.url}/{name}",
                    "sha256": hashlib.sha256(archive).hexdigest(),
                    "bin": NAME,
                }
            ],
        },
    }
    return yaml.safe_dump(told, sort_keys=False, width=120)
