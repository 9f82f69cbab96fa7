"""What of the lab is still on the machine: compared with what was there before the lab came up.

`remember` writes the baseline down, `find` compares. Only places where the lab's parts could leave something are
looked at; whatever else happens on the machine meanwhile is not the lab's business.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from lab import procfs
from lab.kubernetes import cgroups
from lab.sandbox import KUBELET_SYSCTLS
from lab.settings import Settings
from lab.settings import settings as present_settings
from lab.shell import run

# Folders whose direct entries are compared: here container runtimes, kubelet, buildah, etcd, Kamailio, Prometheus and
# apt would write.
FOLDERS = (
    *("/run", "/run/netns", "/run/lock", "/var/tmp", "/var/lib", "/var/log", "/var/log/pods", "/var/log/containers"),
    *("/var/lib/cni", "/var/lib/kubelet", "/var/lib/containers", "/etc", "/etc/cni", "/etc/cni/net.d"),
    *("/etc/kubernetes", "/opt", "/opt/cni", "/usr/libexec", "/usr/libexec/kubernetes", "/usr/sbin"),
)
HOME_FOLDERS = (
    ".kube",
    ".config/helm",
    ".cache/helm",
    ".local/share/helm",
    ".local/share/containers",
    ".config/containers",
)
# Other people use this folder too, so only what the lab's programs are known to make is looked at.
TEMPORARY = (
    "softphone",
    "buildah",
    "storage-run",
    "kamailio",
    "mmdebstrap",
    "containerd",
    "runc",
    "kubelet",
    "helm",
    "lab-",
)


def _entries() -> list[str]:
    found = [str(entry) for folder in map(Path, FOLDERS) if folder.is_dir() for entry in folder.iterdir()]
    found += [str(Path.home() / folder) for folder in HOME_FOLDERS if (Path.home() / folder).exists()]
    return found + [str(entry) for entry in Path("/tmp").iterdir() if entry.name.startswith(TEMPORARY)]


def _mounts() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines]


def _links() -> list[str]:
    return [link.name for link in Path("/sys/class/net").iterdir()]


def _packet_filter_rules() -> list[str]:
    if shutil.which("iptables-save") is None:
        return []
    lines = run(["iptables-save"], check=False).stdout.splitlines()
    # Counters and comments change by themselves.
    return [line.partition("[")[0] for line in lines if not line.startswith("#")]


def _sysctls() -> list[str]:
    names = [*KUBELET_SYSCTLS, "net/ipv4/ip_forward"]
    return [
        f"{name} = {Path('/proc/sys', name).read_text().strip()}" for name in names if Path("/proc/sys", name).exists()
    ]


ASPECTS: dict[str, Callable[[], list[str]]] = {
    "file": _entries,
    "mount": _mounts,
    "network interface": _links,
    "packet filter rule": _packet_filter_rules,
    "kernel setting": _sysctls,
}


def remember(settings: Settings) -> None:
    """Writes down what is there, unless the lab is already (partly) up."""
    if settings.baseline.exists():
        return
    settings.cache.mkdir(parents=True, exist_ok=True)
    settings.baseline.write_text(json.dumps({aspect: look() for aspect, look in ASPECTS.items()}))


def forget(settings: Settings) -> None:
    """Removes the baseline; the next `up` takes a new one."""
    settings.baseline.unlink(missing_ok=True)


def find(settings: Settings | None = None) -> list[str]:
    """One line for each thing of the lab that is still there."""
    now = settings or present_settings()
    found = [f"process {pid} ({procfs.program(pid)})" for pid in procfs.marked(now)]
    found += [f"control group {group}" for group in cgroups.groups(now)]
    if now.run.exists():
        found.append(f"folder {now.run}")
    if now.baseline.exists():
        before = json.loads(now.baseline.read_text())
        for aspect, look in ASPECTS.items():
            known = set(before[aspect])
            new = [thing for thing in dict.fromkeys(look()) if thing not in known]
            found += [f"{aspect} {thing}" for thing in new if aspect != "file" or not _of_debian(thing)]
    return found


def _of_debian(path: str) -> bool:
    """Whether a package brought it, as the browser that pictures are taken with: packages stay installed."""
    return run(["dpkg-query", "--search", path], check=False).returncode == 0
