"""A report as a tar: its files, what could not be had, and what it is about. Pure."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml

from softphone_plugin import redacting

MISSING = "missing.txt"
READ_ME = """\
A report of `kubectl softphone report`, for whoever is to help. Secrets were not read. What looks like a password, a
token or a key in objects and logs was replaced by an ellipsis; names, addresses of record and IP addresses were not.

about.yaml      when, by which version, and of which namespaces
objects/        our objects with their status
kubernetes/     what the operator made of them, and Events
agents/         status, metrics and logs of each agent
operator/       its pods and logs
missing.txt     what could not be had, and why
"""


@dataclass
class Bundle:
    """The files by their paths, and what is missing. Whatever is put in loses its secrets."""

    files: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def put_objects(self, path: str, objects: Sequence[Mapping[str, Any]]) -> None:
        """Objects of one kind as a List."""
        listed = {"apiVersion": "v1", "kind": "List", "items": [redacting.obj(obj) for obj in objects]}
        self.files[path] = yaml.dump(listed, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)

    def put_text(self, path: str, text: str) -> None:
        """A text."""
        self.files[path] = redacting.text(text)

    def lacks(self, what: str, why: str) -> None:
        """Something could not be had."""
        self.missing.append(f"{what}: {redacting.text(why)}")

    def packed(self, folder: str, now: datetime) -> bytes:
        """The tar, whose one folder has this name."""
        told = "".join(f"{line}\n" for line in self.missing) or "nothing\n"
        files = {"README.txt": READ_ME, MISSING: told, **self.files}
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as archive:
            for path, text in sorted(files.items()):
                content = text.encode(errors="replace")
                entry = tarfile.TarInfo(f"{folder}/{path}")
                entry.size, entry.mtime, entry.mode = len(content), int(now.timestamp()), 0o600
                archive.addfile(entry, io.BytesIO(content))
        return gzip.compress(plain.getvalue(), mtime=int(now.timestamp()))


_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
