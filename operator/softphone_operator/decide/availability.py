"""Whether an agent is there, from its Deployment and pods, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from softphone_operator.decide.facts import Reported, Statement
from softphone_operator.decide.status import Object, bounded, condition

NO_AGENT = Statement("False", "NotAccepted", "there is no agent, since the spec was never accepted")


STARTING_REASONS = frozenset({"ContainerCreating", "PodInitializing"})


QUIET_REASONS = frozenset({"Starting", "NotReady", "Terminating", "NotAccepted"})


PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff"})


def availability(
    deployment: Object | None, pods: Sequence[Object], reported: Reported, unmountable: str | None = None
) -> Statement:
    """The condition AgentAvailable, from the Deployment, its pods, and whether its stream is there.

    `unmountable`: why a new pod cannot mount what it is to mount, None where it can.
    """
    if deployment is None and not pods:
        return NO_AGENT
    pod = current_pod(pods)
    if pod is None:
        return creation_trouble(deployment) or Statement("False", "Starting", "the agent's pod is being made")
    name = pod["metadata"]["name"]
    if pod["metadata"].get("deletionTimestamp"):
        return Statement("False", "Terminating", f"the pod {name} is being stopped")
    if trouble := _pod_trouble(pod):
        return trouble
    if unmountable and is_mounting(pods):
        return Statement("False", "FailedMount", bounded(f"the pod {name} cannot start: {unmountable}"))
    if deployment is not None and is_replacing(deployment):
        return Statement("False", "Starting", f"the pod {name} is being replaced")
    if condition(pod, "Ready").get("status") == "True":
        return Statement("True", "Available", f"the pod {name} runs")
    if reported.stream == "connected":
        return Statement("False", "NotReady", f"the agent is heard, but its pod {name} is not ready")
    return Statement("False", "Starting", f"the pod {name} is starting")


def current_pod(pods: Iterable[Object]) -> Object | None:
    """The pod that counts: the newest of those that are not being deleted, else the newest."""
    return max(
        pods,
        key=lambda pod: (
            not pod["metadata"].get("deletionTimestamp"),
            pod["metadata"].get("creationTimestamp", ""),
            pod["metadata"]["name"],
        ),
        default=None,
    )


def is_replacing(deployment: Object) -> bool:
    """Whether the pod that runs is one of an earlier template: Ready must not be said of it."""
    state = deployment.get("status", {})
    if "observedGeneration" not in state:
        return False
    if state["observedGeneration"] < deployment["metadata"].get("generation", 0):
        return True
    return bool(state.get("updatedReplicas", 0) < deployment["spec"].get("replicas", 1))


def has_replaced(deployment: Object) -> bool:
    """Whether it is known that no pod of an earlier template is left."""
    return "observedGeneration" in deployment.get("status", {}) and not is_replacing(deployment)


def is_mounting(pods: Iterable[Object]) -> bool:
    """Whether the pod that counts has a node and no running container yet: it may be waiting for its volumes."""
    pod = current_pod(pods)
    if pod is None or pod["metadata"].get("deletionTimestamp"):
        return False
    return pod.get("status", {}).get("phase") == "Pending" and condition(pod, "PodScheduled").get("status") != "False"


def creation_trouble(deployment: Object | None) -> Statement | None:
    """Why a Deployment cannot have its pod, None where nothing is said of it."""
    if deployment is None:
        return None
    failure = condition(deployment, "ReplicaFailure")
    if failure.get("status") != "True":
        return None
    return Statement("False", failure.get("reason") or "FailedCreate", bounded(failure.get("message", "")))


def _pod_trouble(pod: Object) -> Statement | None:
    name, state = pod["metadata"]["name"], pod.get("status", {})
    if state.get("phase") in ("Failed", "Succeeded"):
        return _ended_by_its_node(pod)
    for container in state.get("containerStatuses", ()):
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in STARTING_REASONS | {None}:
            reason = "ImagePullBackOff" if waiting["reason"] in PULL_REASONS else waiting["reason"]
            said = "" if reason == "ImagePullBackOff" and waiting["reason"] != reason else waiting.get("message", "")
            image = f"cannot pull the image {container.get('image', '')}" if reason == "ImagePullBackOff" else said
            return Statement("False", reason, bounded(f"the pod {name}: {image or reason}{_last_exit(container)}"))
        if ended := container.get("state", {}).get("terminated"):
            reason = ended.get("reason") or "Failed"
            return Statement("False", reason, bounded(f"the pod {name}: its container ended: {_exit(ended)}"))
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        reason = scheduled.get("reason") or "Unschedulable"
        return Statement("False", reason, bounded(f"the pod {name}: {scheduled.get('message', reason)}"))
    return None


def _ended_by_its_node(pod: Object) -> Statement:
    """What became of a pod that is over. Containers of agents are restarted, so only its node can have ended it.

    Where the agent ended in an orderly way, newer kubelets call the pod Succeeded and tell no reason. They tell of want
    of memory or disk by a condition, and of a full folder of the pod by an Event only.
    """
    name, state, said = pod["metadata"]["name"], pod["status"], condition(pod, "DisruptionTarget")
    message = state.get("message") or (said.get("message") if said.get("status") == "True" else None)
    reason = state.get("reason") or "Evicted"
    return Statement("False", reason, bounded(f"the pod {name}: {message or 'its node ended it; its events tell why'}"))


def _last_exit(container: Object) -> str:
    ended = container.get("lastState", {}).get("terminated")
    return f"; it ended before: {_exit(ended)}" if ended else ""


def _exit(ended: Object) -> str:
    return f"{ended.get('reason') or 'Error'}, exit code {ended.get('exitCode', '?')}"
