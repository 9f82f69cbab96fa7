"""Many different Softphones in a pool on the lab: until all are registered, and what their agents take.

`python -m lab exec -- python -m bench.pool_bench [COUNT]`; it makes a namespace of its own, and removes it.
"""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path
from typing import Any

import yaml

from e2e.objects import API, system
from lab import release
from lab.kube import Kube, is_ready, kubectl
from lab.measuring import pss

PER_AGENT = 250


def objects(count: int) -> list[dict[str, Any]]:
    """One Secret and so many Softphones, as `import csv --pool` makes them."""
    users = [f"load{index:03d}" for index in range(count)]
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "office"}}
    phones = [
        {
            "apiVersion": API,
            "kind": "Softphone",
            "metadata": {"name": user},
            "spec": {
                "aor": f"sip:{user}@pbx.test",
                "pri": "master",
                "sec": "standby",
                "credentials": {"secretName": "office"},
                "agent": {"pool": "office"},
            },
        }
        for user in users
    ]
    return [secret | {"stringData": {user: f"pw-{user}" for user in users}}, *phones]


def processes(uids: set[str]) -> list[int]:
    """The processes of these pods."""
    found = []
    for cgroup in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            text = cgroup.read_text()
        except OSError:
            continue
        if any(uid in text or uid.replace("-", "_") in text for uid in uids):
            found.append(int(cgroup.parent.name))
    return found


def main(count: int) -> None:
    """Measure and print."""
    if not release.is_installed():
        release.install()
    here = Kube(f"bench-{uuid.uuid4().hex[:6]}")
    kubectl("create", "namespace", here.namespace)
    try:
        pool = {
            "apiVersion": API,
            "kind": "SoftphonePool",
            "metadata": {"name": "office"},
            "spec": {"phonesPerAgent": PER_AGENT, "credentials": {"secretNames": ["office"]}},
        }
        here.apply(*system(), pool)
        begun = time.monotonic()
        kubectl("-n", here.namespace, "apply", "-f", "-", given=yaml.safe_dump_all(objects(count)))
        applied = time.monotonic() - begun
        here.until("spp", "office", lambda of: is_ready(of) and of["status"]["registered"] == count, seconds=300)
        registered = time.monotonic() - begun
        here.wait("condition=Ready", "sp --all", seconds=120)
        ready = time.monotonic() - begun
        pods = yaml.safe_load(kubectl("-n", here.namespace, "get", "pods", "-o", "yaml"))["items"]
        pids = processes({pod["metadata"]["uid"] for pod in pods})
        megabytes = pss(pids)
        print(
            f"{count} different Softphones in a pool: applied by kubectl in {applied:.1f} s, all registered after "
            f"{registered:.1f} s, all statuses Ready after {ready:.1f} s; {len(pods)} pods, {len(pids)} processes, "
            f"{megabytes:.0f} MB"
        )
    finally:
        here.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
