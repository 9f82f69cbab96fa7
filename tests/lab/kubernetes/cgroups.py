"""The control group below which the lab's pods live, so that nobody else's (another lab's, say) are ever touched."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from pathlib import Path

from lab.settings import Settings

MOUNTS = Path("/sys/fs/cgroup")


def unified() -> bool:
    """Whether the machine has the one hierarchy of version 2."""
    return (MOUNTS / "cgroup.controllers").exists()


def name(settings: Settings) -> str:
    """The group's name: labs with different cache folders may run side by side."""
    return f"softphone-lab-{hashlib.sha256(str(settings.cache).encode()).hexdigest()[:6]}"


def groups(settings: Settings) -> list[Path]:
    """The lab's groups that exist: one, or with version 1 one for each controller."""
    own = name(settings)
    candidates = [MOUNTS / own] if unified() else [hierarchy / own for hierarchy in MOUNTS.iterdir()]
    return [group for group in candidates if group.is_dir()]


def of_memory(pid: int) -> Path:
    """The group that limits the memory of a process."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    if unified():
        return MOUNTS / next(path for number, _, path in lines if number == "0").lstrip("/")
    return MOUNTS / "memory" / next(path for _, names, path in lines if "memory" in names.split(",")).lstrip("/")


def make(settings: Settings) -> None:
    """Makes them; kubelet wants its root group to exist in every hierarchy."""
    if unified():
        _delegate(MOUNTS)
        (MOUNTS / name(settings)).mkdir(exist_ok=True)
        _delegate(MOUNTS / name(settings))
        return
    for hierarchy in MOUNTS.iterdir():
        # Links such as "cpu,cpuacct" lead to the same place twice.
        if hierarchy.is_dir() and not hierarchy.is_symlink() and (hierarchy / "cgroup.procs").exists():
            group = hierarchy / name(settings)
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (group / setting).exists():
                    (group / setting).write_text((hierarchy / setting).read_text())


def _delegate(group: Path) -> None:
    """Version 2: lets the groups below have the controllers that kubelet asks for."""
    offered = (group / "cgroup.controllers").read_text().split()
    for controller in ("cpu", "cpuset", "memory", "hugetlb", "pids"):
        if controller in offered:
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def remove(settings: Settings) -> None:
    """Removes them; whatever ran there has ended, but the kernel may take a moment to notice."""
    for _ in range(50):
        for group in groups(settings):
            for folder in sorted((f for f in group.rglob("*") if f.is_dir()), key=lambda f: -len(f.parts)):
                with suppress(OSError):
                    folder.rmdir()
            with suppress(OSError):
                group.rmdir()
        if not groups(settings):
            return
        time.sleep(0.1)
