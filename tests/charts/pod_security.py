"""The Pod Security Standard "restricted" of Kubernetes, as a check of a pod's spec.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ lists the fields and their values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
}
SECCOMP = {"RuntimeDefault", "Localhost"}

Object = dict[str, Any]


def violations(pod: Object) -> list[str]:
    """What of a pod's spec the standard forbids; empty: nothing."""
    return [*_of_the_pod(pod), *(text for of in _containers(pod) for text in _of_a_container(pod, of))]


def _containers(pod: Object) -> list[Object]:
    return [of for key in ("initContainers", "containers", "ephemeralContainers") for of in pod.get(key, ())]


def _of_the_pod(pod: Object) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"{field} is set"
    for volume in pod.get("volumes", ()):
        for kind in volume.keys() - {"name"} - VOLUMES:
            yield f"the volume {volume['name']} is a {kind}"
    if pod.get("securityContext", {}).get("sysctls"):
        yield "sysctls are set"


def _of_a_container(pod: Object, container: Object) -> Iterator[str]:
    name, own, of_pod = container["name"], container.get("securityContext", {}), pod.get("securityContext", {})

    def effective(field: str) -> Any:
        return own.get(field, of_pod.get(field))

    if own.get("privileged"):
        yield f"{name} is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if effective("runAsNonRoot") is not True or effective("runAsUser") == 0:
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
    for port in container.get("ports", ()):
        if port.get("hostPort"):
            yield f"{name} takes the host's port {port['hostPort']}"
