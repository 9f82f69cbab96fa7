"""The sandbox: one process, mount and network namespace for all that the lab runs.

Its first process does nothing but hold it. When that one is killed, by `lab down` or by accident, the kernel ends
every process inside, unmounts every mount and drops every interface, address and packet filter rule with them:
a crash leaves nothing that one would have to find. Folders of the machine in which Kubernetes has fixed habits
(/run, /var/lib, /var/log) and the kernel settings that kubelet sets for the whole machine are covered inside.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab import procfs
from lab.errors import LabError
from lab.settings import Settings
from lab.shell import run
from lab.waiting import wait_until

NAME = "sandbox"
# kubelet insists on these values. It reads them here, finds nothing to set, and the machine keeps its own.
KUBELET_SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
COVERED_FOLDERS = ("/var/lib", "/var/log")


class Sandbox:
    """The namespaces of the lab; with a cluster of the user's there are none, and commands run as they are."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def init_pid(self) -> int | None:
        """The process that holds the namespaces, as the machine numbers it."""
        return next((p for p in procfs.marked(self.settings, NAME) if procfs.is_namespace_init(p)), None)

    @property
    def running(self) -> bool:
        """Whether commands can be run in it."""
        return not self.settings.own_cluster or self.init_pid is not None

    def enter(self, argv: Sequence[str | Path]) -> list[str]:
        """The command that runs `argv` in all namespaces of the sandbox: for the lab's own parts."""
        return self._nsenter(argv, "--mount", "--pid", "--net")

    def enter_network(self, argv: Sequence[str | Path]) -> list[str]:
        """The command that runs `argv` in the network of the sandbox, and otherwise where it is: for everybody else.

        Not `ip netns exec`, which mounts a fresh /sys and so hides the control groups.
        """
        return self._nsenter(argv, "--net")

    def _nsenter(self, argv: Sequence[str | Path], *namespaces: str) -> list[str]:
        command = [str(argument) for argument in argv]
        if not self.settings.own_cluster:
            return command
        init = self.init_pid
        if init is None:
            raise LabError("the lab is not up (make lab-up)")
        return ["nsenter", f"--target={init}", *namespaces, "--", *command]

    def start(self) -> None:
        """Makes the namespaces, the mounts and the bridges, unless they are there."""
        if self.running:
            return
        holder = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        # Ignoring SIGCHLD makes the kernel bury the processes that are left to this one.
        holder += ["env", "--ignore-signal=CHLD", "sleep", "infinity"]
        procfs.spawn(holder, marker=procfs.marker(self.settings, NAME), log=self.settings.logs / "sandbox.log")
        wait_until(lambda: self.init_pid is not None, "sandbox", seconds=10, interval=0.02)
        self._script("\n".join([*self._mounts(), *self._links()]))

    def stop(self) -> None:
        """Ends the namespaces and with them everything inside."""
        for _ in range(3):
            procfs.kill(procfs.marked(self.settings, NAME))

    def _script(self, script: str) -> None:
        run(self.enter(["bash", "-euc", script]))

    def _mounts(self) -> list[str]:
        lines = [
            # Without a note of it (-n), which would go to the machine's own /run as long as that is not covered.
            "mount -n --make-rshared /",
            "mount -n -t tmpfs -o mode=755 lab /run",
            "mkdir /run/lock /run/netns",
        ]
        for folder in COVERED_FOLDERS:
            cover = self.settings.run / "covers" / folder.strip("/").replace("/", "-")
            cover.mkdir(parents=True, exist_ok=True)
            lines.append(shlex.join(["mount", "--bind", str(cover), folder]))
        for name, value in KUBELET_SYSCTLS.items():
            if not Path("/proc/sys", name).exists():
                continue
            cover = self.settings.run / "covers" / name.replace("/", "-")
            cover.write_text(value + "\n")
            lines.append(shlex.join(["mount", "--bind", str(cover), f"/proc/sys/{name}"]))
        return lines

    def _links(self) -> list[str]:
        s = self.settings
        # Bridges instead of dummy interfaces: some kernels have no dummy driver.
        lines = [
            "ip link set lo up",
            "ip link add cni0 type bridge",
            f"ip address add {s.node_address}/24 dev cni0",
            "ip link set cni0 up",
            # Without a route the node's own connections to Services end before kube-proxy's rules are asked.
            f"ip route add {s.service_range} dev cni0 src {s.node_address}",
            "ip link add pbx0 type bridge",
            f"ip address add {s.pbx_bridge_address}/24 dev pbx0",
            "ip link set pbx0 up",
            "echo 1 > /proc/sys/net/ipv4/ip_forward",
            "bridged=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $bridged ] || echo 1 > $bridged",
        ]
        return lines + [f"ip address add {address}/24 dev pbx0" for address in s.pbx_addresses_in_lab]


def exec_in_network(sandbox: Sandbox, argv: Sequence[str], env: dict[str, str]) -> int:
    """Runs a user's command in the sandbox's network, with his terminal, and returns its exit code."""
    return subprocess.run(sandbox.enter_network(argv), env=env, check=False).returncode
