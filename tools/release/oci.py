"""An image as an OCI archive, made of what `docker save` or buildah writes.

The same files make the same digests: entries of layers lose their times and their owners' names, and the image bears
the release's time. Source: OCI image specification 1.1 (image layout, manifest, configuration).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from release.facts import Facts

MEDIA = "application/vnd.oci.image"
TIMES = {"mtime", "atime", "ctime", "LIBARCHIVE.creationtime"}
KEPT = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "StopSignal")
"""Of the image's configuration; what else stands there tells who built it."""


@dataclass(frozen=True)
class Blob:
    """A part of an archive: its digest (sha256:…) and its bytes' number."""

    digest: str
    size: int

    def descriptor(self, kind: str, **more: Any) -> dict[str, Any]:
        """How others refer to it. `kind`: its media type."""
        return {"mediaType": kind, "digest": self.digest, "size": self.size, **more}


class Hashing:
    """A stream that counts and hashes what is written, and hands it on."""

    def __init__(self, to: IO[bytes] | gzip.GzipFile) -> None:
        self._to = to
        self._sha = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Write bytes."""
        self._sha.update(data)
        self.size += len(data)
        return self._to.write(data)

    def flush(self) -> None:
        """Nothing is held back."""

    @property
    def digest(self) -> str:
        """Of all that was written."""
        return f"sha256:{self._sha.hexdigest()}"


def write(saved: Path, to: Path, title: str, facts: Facts) -> str:
    """Write the OCI archive `to` of an image that lies in a file of `docker save`; the digest of its manifest."""
    with TemporaryDirectory(dir=to.parent) as place, tarfile.open(saved) as image:
        blobs = Path(place)
        (told,) = json.load(_file(image, "manifest.json"))
        before = json.load(_file(image, told["Config"]))
        layers = [_layer(_file(image, name), blobs) for name in told["Layers"]]
        labels = {
            "org.opencontainers.image.title": title,
            "org.opencontainers.image.version": facts.version,
            "org.opencontainers.image.revision": facts.revision,
            "org.opencontainers.image.created": facts.created,
        }
        config = {
            "created": facts.created,
            "architecture": before["architecture"],
            "os": before["os"],
            "config": {**{key: before["config"][key] for key in KEPT if before["config"].get(key)}, "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [plain for plain, _ in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{MEDIA}.manifest.v1+json",
            "config": _json(config, blobs).descriptor(f"{MEDIA}.config.v1+json"),
            "layers": [blob.descriptor(f"{MEDIA}.layer.v1.tar+gzip") for _, blob in layers],
            "annotations": labels,
        }
        named = {
            "org.opencontainers.image.ref.name": facts.version,
            "io.containerd.image.name": f"localhost/{title}:{facts.version}",
        }
        whole = _json(manifest, blobs)
        platform = {"architecture": before["architecture"], "os": before["os"]}
        listed = whole.descriptor(f"{MEDIA}.manifest.v1+json", platform=platform, annotations=named)
        index = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": [listed]}
        _pack(blobs, index, to, facts.epoch)
        return whole.digest


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    assert found is not None, f"{name} is no file"
    return found


def _layer(given: IO[bytes], blobs: Path) -> tuple[str, Blob]:
    """Write a layer anew; the digest of its plain tar, and the blob that holds it gzipped."""
    part = blobs / "part"
    with part.open("wb") as file:
        packed = Hashing(file)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as squeezing:
            plain = Hashing(squeezing)
            with (
                tarfile.open(fileobj=given, mode="r|*") as before,
                tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as after,  # type: ignore[call-overload]
            ):
                for entry in before:
                    after.addfile(timeless(entry), before.extractfile(entry) if entry.isreg() else None)
    blob = Blob(packed.digest, packed.size)
    part.rename(blobs / blob.digest.removeprefix("sha256:"))
    return plain.digest, blob


def timeless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry without time and names of users: a layer stays the same while its files do."""
    entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.pax_headers = {key: value for key, value in entry.pax_headers.items() if key not in TIMES}
    return entry


def _json(value: Mapping[str, Any], blobs: Path) -> Blob:
    content = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    name = hashlib.sha256(content).hexdigest()
    (blobs / name).write_bytes(content)
    return Blob(f"sha256:{name}", len(content))


def _pack(blobs: Path, index: Mapping[str, Any], to: Path, epoch: int) -> None:
    files = {f"blobs/sha256/{blob.name}": blob for blob in blobs.iterdir()}
    for name, value in (("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
        files[name] = blobs / name
        files[name].write_text(json.dumps(value, separators=(",", ":"), sort_keys=True))
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as archive:
        for folder in ("blobs", "blobs/sha256"):
            told = tarfile.TarInfo(folder)
            told.type, told.mode, told.mtime = tarfile.DIRTYPE, 0o755, epoch
            archive.addfile(told)
        for name, file in sorted(files.items()):
            told = tarfile.TarInfo(name)
            told.mode, told.mtime, told.size = 0o644, epoch, file.stat().st_size
            with file.open("rb") as content:
                archive.addfile(told, content)
