"""Paths, addresses and switches of the lab, in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError

REPOSITORY = Path(__file__).resolve().parents[2]
# The Kubernetes that the lab can run: the one of today, and the oldest that the product supports.
NEWEST, OLDEST = "1.36", "1.20"
# Unix sockets live below the run folder and a socket's path is limited to 107 bytes.
LONGEST_CACHE_PATH = 60
# So many processes of pytest may have PBXes of their own at the same time.
MOST_WORKERS = 6


def _cache() -> Path:
    return Path(os.environ.get("SOFTPHONE_FLEET_CACHE") or Path.home() / ".cache" / "softphone-fleet").absolute()


@dataclass(frozen=True)
class Settings:
    """What the lab's parts share.

    With `KUBECONFIG` set to a file of the user's, `own_cluster` is false: the lab then builds, starts and stops no
    Kubernetes and no sandbox. PBXes and Prometheus run in the machine's own network, at the three addresses of
    `LAB_PBX_ADDRESSES` (comma-separated, reachable from pods), and the cluster pulls `LAB_IMAGE_PREFIX`-operator
    and `LAB_IMAGE_PREFIX`-agent by itself.
    """

    cache: Path = field(default_factory=_cache)

    node_name: str = "node1"
    node_address: str = "10.244.0.1"
    pod_range: str = "10.244.0.0/24"
    service_range: str = "10.96.0.0/16"
    api_service_address: str = "10.96.0.1"
    pbx_bridge_address: str = "10.245.0.1"
    # .11 to .13 for the default system, then those that are free for tests, and from .31 on three for each worker
    pbx_addresses_in_lab: tuple[str, ...] = tuple(f"10.245.0.{host}" for host in range(11, 31 + 3 * MOST_WORKERS))
    prometheus_port: int = 19090

    def __post_init__(self) -> None:
        if len(str(self.cache)) > LONGEST_CACHE_PATH:
            raise ValueError(f"SOFTPHONE_FLEET_CACHE is longer than {LONGEST_CACHE_PATH} characters: {self.cache}")
        for hidden in ("/run", "/var/lib", "/var/log"):
            if self.cache.is_relative_to(hidden):
                raise ValueError(
                    f"SOFTPHONE_FLEET_CACHE must not lie in {hidden}, which the lab hides from its processes"
                )

    @property
    def kubernetes(self) -> str:
        """The version of the lab's own cluster: of the one that runs, else what the variable KUBERNETES says."""
        try:
            return self.kubernetes_that_runs.read_text()
        except FileNotFoundError:
            return self.kubernetes_asked_for or NEWEST

    @property
    def kubernetes_asked_for(self) -> str | None:
        """The variable KUBERNETES. Raises LabError where the lab has no such version."""
        asked = os.environ.get("KUBERNETES") or None
        if asked not in (None, NEWEST, OLDEST):
            raise LabError(f"KUBERNETES must be {NEWEST} or {OLDEST}: {asked}")
        return asked

    @property
    def kubernetes_that_runs(self) -> Path:
        """The file that holds the version of the cluster that runs."""
        return self.run / "kubernetes"

    @property
    def oldest(self) -> bool:
        """Whether the cluster is of the oldest version, for which some things must be done as they were then."""
        return self.kubernetes == OLDEST

    @property
    def of_kubernetes(self) -> Path:
        """What belongs to one version of Kubernetes: what it was built of, and what it keeps."""
        return self.cache / f"kubernetes-{self.kubernetes}"

    @property
    def binaries(self) -> Path:
        """The components of Kubernetes that were built here."""
        return self.of_kubernetes / "bin"

    @property
    def go(self) -> Path:
        """The source of Kubernetes, and the compiler's cache."""
        return self.of_kubernetes / "go"

    @property
    def debian(self) -> Path:
        """The root below which etcd, containerd and the network's plugins lie.

        Those of Debian 12 are too old for a Kubernetes of today: for that one there are packages of sid, unpacked.
        """
        return Path("/") if self.oldest else self.of_kubernetes / "debian"

    @property
    def tools(self) -> Path:
        """The programs kubectl and helm."""
        return self.cache / "tools"

    @property
    def containerd(self) -> Path:
        """What containerd keeps: images, unpacked, so that the next `up` need not import them again."""
        return self.of_kubernetes / "containerd"

    @property
    def run(self) -> Path:
        """State of what runs now; `lab down` removes it."""
        return self.cache / "run"

    @property
    def logs(self) -> Path:
        """One log file for each process."""
        return self.run / "log"

    @property
    def baseline(self) -> Path:
        """What the machine looked like before the lab came up."""
        return self.cache / "before-up.json"

    @property
    def lab_kubeconfig(self) -> Path:
        """The administrator's kubeconfig of the lab's own cluster."""
        return self.run / "admin.kubeconfig"

    @property
    def user_kubeconfig(self) -> Path | None:
        """The cluster that the user wants to be used instead of an own one."""
        value = os.environ.get("KUBECONFIG")
        return Path(value) if value and Path(value) != self.lab_kubeconfig else None

    @property
    def own_cluster(self) -> bool:
        """Whether the lab runs a Kubernetes of its own."""
        return self.user_kubeconfig is None

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig to use, whosever cluster it is."""
        return self.user_kubeconfig or self.lab_kubeconfig

    @property
    def worker(self) -> int | None:
        """The number of the process of pytest that has PBXes of its own, None elsewhere.

        Where several processes use the lab at the same time, one may kill its PBXes and the others go on.
        """
        name = os.environ.get("PYTEST_XDIST_WORKER") if os.environ.get("LAB_OPERATOR") == "shared" else None
        if name is None:
            return None
        number = int(name.removeprefix("gw"))
        if number >= MOST_WORKERS:
            raise LabError(f"the lab has PBXes for {MOST_WORKERS} processes of pytest (-n), not for {name}")
        return number

    @property
    def pbx_addresses(self) -> tuple[str, ...]:
        """Addresses for PBXes, reachable from pods; the first three belong to the default system."""
        if self.own_cluster:
            own = 0 if self.worker is None else len(self.pbx_addresses_in_lab) - 3 * (MOST_WORKERS - self.worker)
            return self.pbx_addresses_in_lab[own:]
        given = tuple(
            address.strip() for address in os.environ.get("LAB_PBX_ADDRESSES", "").split(",") if address.strip()
        )
        if len(given) < 3:
            raise ValueError(
                "with KUBECONFIG set, LAB_PBX_ADDRESSES must name three addresses of this machine that pods reach"
            )
        return given

    @property
    def image_prefix(self) -> str | None:
        """Where a user's cluster pulls the images from; None: the lab builds them."""
        return None if self.own_cluster else os.environ.get("LAB_IMAGE_PREFIX")


def settings() -> Settings:
    """The settings as the environment says now."""
    return Settings()
