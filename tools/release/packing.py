"""Archives that are the same whenever they are made: entries in order, of one time, of nobody. Pure."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

FILE, PROGRAM = 0o644, 0o755
OLDEST_ZIP = 315532800
"""1980-01-01, before which a ZIP archive knows no time; in seconds since 1970."""
ZIP_MADE_BY_UNIX = 3


class Entry(NamedTuple):
    """A file of an archive and its permission bits."""

    content: bytes
    mode: int = FILE


def tar_gz(entries: Mapping[str, Entry], epoch: int) -> bytes:
    """Files by their paths as a gzipped tar, with the folders that they lie in. `epoch`: seconds since 1970."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folders = {str(folder) for path in entries for folder in _folders(path)}
        for path in sorted({*folders, *entries}):
            told = tarfile.TarInfo(path)
            told.mtime = epoch
            if path in folders:
                told.type, told.mode = tarfile.DIRTYPE, PROGRAM
                archive.addfile(told)
            else:
                told.mode, told.size = entries[path].mode, len(entries[path].content)
                archive.addfile(told, io.BytesIO(entries[path].content))
    return gzipped(plain.getvalue())


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def gzipped(content: bytes) -> bytes:
    """With neither a time nor a name in it."""
    return gzip.compress(content, 9, mtime=0)


def timeless_zip(content: bytes, epoch: int) -> bytes:
    """A ZIP archive, such as a wheel, with the same files in the same order, all of one time."""
    moment = datetime.fromtimestamp(max(epoch, OLDEST_ZIP), UTC)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(made, "w") as into:
        for before in given.infolist():
            told = zipfile.ZipInfo(before.filename, (*moment.timetuple()[:5], moment.second & ~1))
            told.create_system = ZIP_MADE_BY_UNIX
            runs = bool(before.external_attr >> 16 & 0o111)
            told.external_attr = (0o100000 | (PROGRAM if runs else FILE)) << 16
            into.writestr(told, given.read(before), zipfile.ZIP_DEFLATED, 9)
    return made.getvalue()
