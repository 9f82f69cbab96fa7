"""baresip as Debian 13 has it, with its module for serial registration, in a folder of its own.

Debian 12's is older than that module. So the packages are taken from Debian 13, together with the C library that they
need, and unpacked into the lab's cache: nothing is installed, and the machine stays as it is.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.pair import DOMAIN, Pair, Transport, address
from lab.errors import LabError
from lab.settings import Settings
from lab.shell import run

RELEASE = "trixie"
PACKAGES = ("baresip-core", "libre1", "librem1", "libc6", "libssl3t64", "zlib1g", "libzstd1")
LIBRARIES = Path("usr/lib/x86_64-linux-gnu")


@dataclass(frozen=True)
class Baresip:
    """Where it lies, and which version it is."""

    folder: Path

    @property
    def version(self) -> str:
        """Of the Debian package."""
        return (self.folder / "version").read_text()

    def command(self, configuration: Path) -> list[str]:
        """The command that runs it, by the loader of its own C library."""
        libraries = self.folder / LIBRARIES
        loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
        return [*loader, str(self.folder / "usr/bin/baresip"), "-f", str(configuration)]

    def configure(self, folder: Path, pair: Pair, users: range, transport: Transport, accounts: str) -> list[str]:
        """Write its files; the command that runs it.

        Two accounts a user, of which serreg registers those at the primary first; `accounts` are further parameters of
        both.
        """
        authorities = folder / "authorities.pem"
        if transport == "tls":
            authorities.write_text("".join(pbx.system.authority.read_text() for pbx in pair.pbxes))
        lines = [
            f"module_path {self.folder / 'usr/lib/baresip/modules'}",
            "module_tmp account.so",
            "module_app serreg.so",
            f"sip_cafile {authorities}",
            "net_interface pbx0",
            "audio_source none",
        ]
        (folder / "config").write_text("\n".join(lines) + "\n")
        (folder / "accounts").write_text(
            "".join(
                f'<sip:load{index}@{DOMAIN}>;auth_pass=pw-load{index};outbound="{address(pbx, transport)}"'
                f";prio={priority}{accounts}\n"
                for priority, pbx in enumerate(pair.pbxes)
                for index in users
            )
        )
        return self.command(folder)


def fetch(settings: Settings) -> Baresip:
    """Download and unpack it, unless it is there."""
    made = settings.cache / "baresip"
    if not made.exists():
        part = made.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as name:
            _download(Path(name), part)
        part.rename(made)
    return Baresip(made)


def _download(work: Path, into: Path) -> None:
    options = _apt(work)
    run(["apt-get", "-qq", *options, "update"])
    run(["apt-get", "-qq", *options, "download", *PACKAGES], cwd=work)
    for package in sorted(work.glob("*.deb")):
        run(["dpkg", "--extract", package, into])
    told = run(["dpkg-deb", "--field", next(work.glob("baresip-core_*.deb")), "Version"]).stdout.strip()
    (into / "version").write_text(told)


def _apt(work: Path) -> Sequence[str]:
    """Options by which apt asks the machine's own mirror for another release, and leaves its own lists alone."""
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True)
    here = run(["bash", "-c", '. /etc/os-release && echo "$VERSION_CODENAME"']).stdout.strip()
    targets = run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"]).stdout
    site = next((line.split()[0] for line in targets.splitlines() if line.split()[1:] == [here]), None)
    if site is None:
        raise LabError(f"apt knows no source of Debian {here}")
    (work / "sources.list").write_text(f"deb {site} {RELEASE} main\n")
    settings = {
        "APT::Sandbox::User": "root",
        "Dir::Etc::sourcelist": str(work / "sources.list"),
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": str(work / "lists"),
        "Dir::Cache::archives": str(work / "archives"),
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
