"""The file system of the base image: Debian's own Python 3.11 with pip, unpacked by mmdebstrap."""

from __future__ import annotations

import re
from pathlib import Path

from lab.bootstrap import bootstrap, work_folder
from lab.errors import LabError

SUITE = "bookworm"
PACKAGES = (
    *("base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "grep", "libc-bin", "libgcc-s1"),
    *("libpython3-stdlib", "libssl3", "libstdc++6", "libuuid1", "passwd", "python3-minimal", "python3-pip", "sed"),
    "tzdata",
)
# Packages are only unpacked, none of their scripts runs. This is what the scripts would have made.
AFTER_UNPACKING = """
cd "$1"
[ -e bin/sh ] || ln -s dash bin/sh
printf 'root:x:0:0:root:/root:/bin/sh\\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\\n' > etc/passwd
printf 'root:x:0:\\nnogroup:x:65534:\\n' > etc/group
cat usr/share/ca-certificates/mozilla/*.crt > etc/ssl/certs/ca-certificates.crt
mkdir -p var/lib/dpkg/info
: > var/lib/dpkg/status
for package in var/cache/apt/archives/*.deb; do
    dpkg-deb --field "$package" | sed '1a Status: install ok installed' >> var/lib/dpkg/status
    echo >> var/lib/dpkg/status
    dpkg-deb --fsys-tarfile "$package" | tar -t | sed -e 's/^\\.//' -e 's,/$,,' \\
        > "var/lib/dpkg/info/$(dpkg-deb --field "$package" Package).list"
done
rm -rf usr/share/man usr/share/locale usr/share/info var/cache/apt var/lib/apt
find usr/share/doc ! -name copyright ! -type d -delete
"""


def make_root(archive: Path) -> None:
    """Writes the file system as a tar file."""
    flags = ["--quiet", "--mode=root", "--variant=extract", f"--include={','.join(PACKAGES)}"]
    with work_folder(archive) as work:
        hook = work / "after-unpacking.sh"
        hook.write_text(f"#!/bin/sh -eu\n{AFTER_UNPACKING}")
        hook.chmod(0o755)
        bootstrap(archive, work, SUITE, [*flags, f"--extract-hook={hook}"], debian_sources())


def debian_sources() -> list[Path]:
    """The machine's own apt sources for the suite: whoever set the machine up knows where packages come from."""
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    suite = re.compile(rf"(?<![\w/-]){SUITE}(?![\w/-])")
    found = [
        file
        for file in places
        if file.suffix in (".list", ".sources") and file.exists() and suite.search(file.read_text())
    ]
    if not found:
        raise LabError(f"no apt source of this machine is for {SUITE}: the base image is made of its packages")
    return found
