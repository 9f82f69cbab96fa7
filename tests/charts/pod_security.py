"""The Pod Security Standard "restricted" of Kubernetes, as a check of a pod's spec.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ lists the fields and their values. What
pods of Windows may leave out is asked of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
}
SECCOMP = {"RuntimeDefault", "Localhost"}
APPARMOR = {"RuntimeDefault", "Localhost"}
APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
}
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
HOOKS = ("postStart", "preStop")

Object = dict[str, Any]


def violations(pod: Object, annotations: Mapping[str, str] | None = None) -> list[str]:
    """What of a pod's spec and its annotations the standard forbids; empty: nothing."""
    found = [*_of_the_pod(pod), *(text for of in _containers(pod) for text in _of_a_container(pod, of))]
    for key, profile in (annotations or {}).items():
        allowed = profile in ("", "runtime/default") or profile.startswith("localhost/")
        if key.startswith(APPARMOR_ANNOTATION) and not allowed:
            found.append(f"{key.removeprefix(APPARMOR_ANNOTATION)} has the AppArmor profile {profile}")
    return found


def _containers(pod: Object) -> list[Object]:
    return [of for key in ("initContainers", "containers", "ephemeralContainers") for of in pod.get(key, ())]


def _of_the_pod(pod: Object) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"{field} is set"
    for volume in pod.get("volumes", ()):
        for kind in volume.keys() - {"name"} - VOLUMES:
            yield f"the volume {volume['name']} is a {kind}"
    context = pod.get("securityContext", {})
    for sysctl in context.get("sysctls", ()):
        if sysctl["name"] not in SYSCTLS:
            yield f"the sysctl {sysctl['name']} is set"
    if (context.get("seccompProfile") or {}).get("type", "RuntimeDefault") not in SECCOMP:
        yield "the pod has another seccomp profile"
    yield from _of_any_context("the pod", context)


def _of_a_container(pod: Object, container: Object) -> Iterator[str]:
    name, own, of_pod = container["name"], container.get("securityContext", {}), pod.get("securityContext", {})

    def effective(field: str) -> Any:
        return own.get(field, of_pod.get(field))

    if own.get("privileged"):
        yield f"{name} is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if effective("runAsNonRoot") is not True:
        yield f"{name} may run as root"
    if (effective("seccompProfile") or {}).get("type") not in SECCOMP:
        yield f"{name} has no seccomp profile"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()):
        yield f"{name} keeps capabilities"
    if set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield f"{name} adds capabilities"
    if own.get("procMount", "Default") != "Default":
        yield f"{name} has another procMount"
    yield from _of_any_context(name, own)
    for port in container.get("ports", ()):
        if port.get("hostPort"):
            yield f"{name} takes the host's port {port['hostPort']}"
    handlers = {probe: container.get(probe) or {} for probe in PROBES}
    handlers |= {hook: (container.get("lifecycle") or {}).get(hook) or {} for hook in HOOKS}
    for kind, handler in handlers.items():
        if any((handler.get(action) or {}).get("host") for action in ("httpGet", "tcpSocket")):
            yield f"{name} has a {kind} at another host"


def _of_any_context(name: str, context: Object) -> Iterator[str]:
    """What a pod's and a container's security context have in common; no value of one makes up for the other's."""
    if context.get("runAsUser") == 0:
        yield f"{name} may run as root"
    if (context.get("appArmorProfile") or {}).get("type", "RuntimeDefault") not in APPARMOR:
        yield f"{name} has another AppArmor profile"
    selinux = context.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield f"{name} has another SELinux context"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{name} is a process of a Windows host"
