"""The agent with its wheels as one tar, for a machine without Kubernetes: install/agent, and the wheels."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from documents import REPOSITORY
from licences import PJSUA2
from packages_of import OURS, packages_of
from release.facts import Facts
from release.packing import PROGRAM, Entry, tar_gz, timeless_zip

FOLDER = REPOSITORY / "install" / "agent"
INSTALL = "install"
SUMS = "SHA256SUMS"


def wheels(folder: Path, epoch: int) -> dict[str, bytes]:
    """Of a folder of wheels those that the agent needs, by file name; our own lose the time of their building.

    Raises ValueError where one is missing, or cannot be installed by being unpacked.
    """
    wanted = {normalised(package.name) for package in packages_of("agent")} | {OURS, PJSUA2}
    found = {}
    for file in sorted(folder.glob("*.whl")):
        if (name := normalised(file.name.partition("-")[0])) in wanted:
            wanted.remove(name)
            content = file.read_bytes()
            found[file.name] = timeless_zip(content, epoch) if name in (OURS, PJSUA2) else content
            with zipfile.ZipFile(file) as held:
                if other := [name for name in held.namelist() if re.match(r"[^/]+\.data/", name)]:
                    raise ValueError(f"{file.name} has files that do not belong beside its modules: {other[0]}")
    if wanted:
        raise ValueError(f"there is no wheel of {', '.join(sorted(wanted))}")
    return found


def normalised(name: str) -> str:
    """A package's name as all writings of it agree (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def package(held: Mapping[str, bytes], facts: Facts) -> bytes:
    """The tar, whose one folder is named by the version."""
    entries = {file.name: Entry(file.read_bytes()) for file in FOLDER.iterdir() if file.is_file()}
    entries[INSTALL] = Entry(entries[INSTALL].content, PROGRAM)
    compose = entries["compose.yaml"].content.decode()
    entries["compose.yaml"] = Entry(compose.replace("@VERSION@", facts.version).encode())
    entries["VERSION"] = Entry(f"{facts.version}\n".encode())
    entries["LICENSE"] = Entry((REPOSITORY / "LICENSE").read_bytes())
    entries |= {f"wheels/{name}": Entry(content) for name, content in held.items()}
    entries[SUMS] = Entry(sums((name, entry.content) for name, entry in entries.items()).encode())
    folder = f"softphone-agent-{facts.version}"
    return tar_gz({f"{folder}/{name}": entry for name, entry in entries.items()}, facts.epoch)


def sums(files: Iterable[tuple[str, bytes]]) -> str:
    """Checksums of files as `sha256sum --check` reads them, by name."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files))
