"""The one node: containerd, kubelet, kube-proxy and the cluster's DNS."""

from __future__ import annotations

import json
import os
import shutil
from ipaddress import ip_network
from pathlib import Path

from lab.api import Api
from lab.kubernetes import cgroups
from lab.sandbox import Sandbox
from lab.services import Service
from lab.settings import Settings
from lab.shell import run

PAUSE_IMAGE = "localhost/lab-pause:1"

CONTAINERD_2 = """\
version = 3
root = "{root}"
state = "{run}/containerd/state"
disabled_plugins = [{disabled}]
[grpc]
  address = "{run}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{run}/containerd/opt"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{pause}"
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE (a container, a small virtual machine) the sandbox's -998 cannot be set.
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{cni}"]
    conf_dir = "{run}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""

CONTAINERD_1 = """\
version = 2
root = "{root}"
state = "{run}/containerd/state"
disabled_plugins = [{disabled}]
[grpc]
  address = "{run}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{run}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  stream_server_address = "127.0.0.1"
  # Without CAP_SYS_RESOURCE (a container, a small virtual machine) the sandbox's -998 cannot be set.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{run}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def containerd(settings: Settings) -> Service:
    """The container runtime."""
    return _containerd(settings, "containerd.toml")


def _containerd(settings: Settings, config: str) -> Service:
    # It starts its shims by their names.
    path = f"{settings.debian / 'usr/bin'}:{os.environ.get('PATH', os.defpath)}"
    argv: list[str | Path] = [settings.debian / "usr/bin/containerd", "--config", settings.run / config]
    return Service(settings, "containerd", argv, {"PATH": path})


def kubelet(settings: Settings) -> Service:
    """The node's agent."""
    socket = f"{settings.run}/containerd.sock"
    flags = [
        f"--config={settings.run}/kubelet.json",
        f"--kubeconfig={settings.run}/kubelet.kubeconfig",
        f"--root-dir={settings.run}/kubelet",
        f"--cert-dir={settings.run}/kubelet/pki",
        f"--hostname-override={settings.node_name}",
        f"--node-ip={settings.node_address}",
        "--v=2",
    ]
    if settings.oldest:
        flags += ["--container-runtime=remote", f"--container-runtime-endpoint=unix://{socket}"]
        flags.append(f"--image-service-endpoint=unix://{socket}")
    else:
        # For its metrics of containers. In their usual place is no socket, and 1.37 has no such flag any more.
        flags.append(f"--containerd={socket}")
    # Its built-in credential helper would otherwise look for a cloud's metadata service.
    return Service(settings, "kubelet", [settings.binaries / "kubelet", *flags], {"AWS_EC2_METADATA_DISABLED": "true"})


def proxy(settings: Settings) -> Service:
    """The node's rules for Services."""
    return Service(
        settings, "kube-proxy", [settings.binaries / "kube-proxy", f"--config={settings.run}/kube-proxy.json"]
    )


def dns(settings: Settings) -> Service:
    """The cluster's DNS, as a process of the node: CoreDNS is not to be had from Debian."""
    flags = [f"--kubeconfig={settings.run}/cluster-dns.kubeconfig", f"--address={settings.node_address}:53"]
    return Service(settings, "cluster-dns", [settings.binaries / "cluster-dns", *flags])


def services(settings: Settings) -> list[Service]:
    """All of them, in the order of their start."""
    return [containerd(settings), kubelet(settings), proxy(settings), dns(settings)]


def _configure(settings: Settings) -> None:
    state = settings.run
    config = CONTAINERD_1 if settings.oldest else CONTAINERD_2
    for folder in ("cni", "containerd", "kubelet"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    for file, disabled in (("containerd.toml", ""), ("containerd-only.toml", '"io.containerd.grpc.v1.cri"')):
        plugins = settings.debian / "usr/lib/cni"
        text = config.format(root=settings.containerd, run=state, disabled=disabled, pause=PAUSE_IMAGE, cni=plugins)
        (state / file).write_text(text)
    addresses = {
        "subnet": settings.pod_range,
        "rangeStart": str(ip_network(settings.pod_range)[10]),
        "gateway": settings.node_address,
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {"type": "host-local", "dataDir": f"{state}/cni-addresses", "ranges": [[addresses]]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    _write(settings, "cni/10-pods.conflist", {"cniVersion": "0.3.1", "name": "pods", "plugins": [bridge, ports]})
    _write(settings, "kubelet.json", _kubelet_config(settings))
    _write(settings, "kube-proxy.json", _proxy_config(settings))


def _write(settings: Settings, name: str, content: object) -> None:
    (settings.run / name).write_text(json.dumps(content, indent=2))


def _kubelet_config(settings: Settings) -> dict[str, object]:
    pki = settings.run / "pki"
    socket = f"unix://{settings.run}/containerd.sock"
    # Machines with control groups of version 1 are still many; from 1.35 on it must be told that they will do.
    newer = {"containerRuntimeEndpoint": socket, "imageServiceEndpoint": socket, "failCgroupV1": False}
    return {
        **({} if settings.oldest else newer),
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/kubelet-serving.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet-serving.key",
        "address": settings.node_address,
        "healthzBindAddress": "127.0.0.1",
        "readOnlyPort": 0,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.name(settings)}",
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [settings.node_address],
        "resolvConf": f"{settings.run}/resolv.conf",
        "volumePluginDir": f"{settings.run}/kubelet/plugins",
        # A developer's disk is often nearly full, and nothing here may be thrown away: there is no registry.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        # Changes of ConfigMaps and Secrets reach the pods within seconds.
        "syncFrequency": "2s",
        "configMapAndSecretChangeDetectionStrategy": "Watch",
        "nodeStatusUpdateFrequency": "1s",
        # The default of 5 a second delays the status of 20 pods by 10 s.
        "kubeAPIQPS": 50,
        "kubeAPIBurst": 100,
        "oomScoreAdj": 0,
    }


def _proxy_config(settings: Settings) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": settings.node_address,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clientConnection": {"kubeconfig": f"{settings.run}/kube-proxy.kubeconfig"},
        "clusterCIDR": settings.pod_range,
        "hostnameOverride": settings.node_name,
        "mode": "iptables",
        "oomScoreAdj": 0,
        # These would be settings of the whole machine.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def start(settings: Settings) -> None:
    """Starts the node and waits until the cluster calls it ready. The images must be importable by then."""
    api = Api(settings)
    _, agent, rules, names = services(settings)
    cgroups.make(settings)
    for service in (agent, rules, names):
        service.start()
    agent.wait_ready(lambda: _ready(api.json(f"/api/v1/nodes/{settings.node_name}")), seconds=90)


def start_runtime(settings: Settings) -> None:
    """Starts containerd, which must hold the pause image before kubelet starts."""
    runtime = containerd(settings)
    if runtime.running:
        return
    if not runtime.pids:
        # No pod outlived a crash of it.
        _configure(settings)
        _forget_containers(settings)
    runtime.start()
    _wait_for_runtime(settings, runtime)


def _wait_for_runtime(settings: Settings, runtime: Service) -> None:
    ask = Sandbox(settings).enter(ctr(settings, "version"))
    runtime.wait_ready(lambda: run(ask, check=False).returncode == 0, seconds=30)


def ctr(settings: Settings, *arguments: str | Path) -> list[str | Path]:
    """The command that asks containerd for something of the cluster's."""
    return [
        settings.debian / "usr/bin/ctr",
        "--address",
        settings.run / "containerd.sock",
        "--namespace",
        "k8s.io",
        *arguments,
    ]


def _forget_containers(settings: Settings) -> None:
    """Images outlive the cluster, but the containers of the last one are nobody's any more.

    They are removed before the part of containerd that talks to kubelet comes up and takes them for its own.
    """
    if not settings.containerd.exists():
        return
    state = ["io.containerd.grpc.v1.cri", "io.containerd.runtime.v2.task", "io.containerd.sandbox.controller.v1.shim"]
    for plugin in state:
        shutil.rmtree(settings.containerd / plugin, ignore_errors=True)
    alone = _containerd(settings, "containerd-only.toml")
    alone.start()
    _wait_for_runtime(settings, alone)
    sandbox = Sandbox(settings)
    containers = run(sandbox.enter(ctr(settings, "containers", "list", "--quiet"))).stdout.split()
    if containers:
        run(sandbox.enter(ctr(settings, "containers", "remove", *containers)))
    if not settings.oldest:
        lines = run(sandbox.enter(ctr(settings, "sandboxes", "list"))).stdout.splitlines()[1:]
        if sandboxes := [line.split()[0] for line in lines if line.strip()]:
            run(sandbox.enter(ctr(settings, "sandboxes", "remove", "--force", *sandboxes)))
    alone.stop()


def _ready(node: dict[str, object]) -> bool:
    status = node.get("status")
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
