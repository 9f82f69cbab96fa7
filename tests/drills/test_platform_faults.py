"""What Kubernetes, and those who run it, do to a fleet of two agents and to its operator.

All phones are at home at `slave`. The cluster has one node, so what is drained away comes back with the node.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from drills.causes import NOBODY_UNREGISTERS
from drills.conftest import EXPIRES_SECONDS
from drills.drill import Drill, Fault
from drills.fleets import Fleet
from e2e.objects import API
from lab import release
from lab.api import Api
from lab.kube import Kube, KubeError, Object, Predicate, condition, is_ready, kubectl
from lab.kubernetes import cgroups, control_plane, node
from lab.measuring import processes_of_pods
from lab.settings import settings
from lab.waiting import wait_until
from softphone_operator.api import kinds

pytestmark = [pytest.mark.lab, pytest.mark.drill]

CRDS = tuple(f"{kind.plural}.softphone-fleet.io" for kind in kinds.KINDS)
EATER = """\
import sys
with open(sys.argv[1] + "/cgroup.procs", "w") as group:
    group.write("0")
eaten = []
while True:
    eaten.append(b"x" * 2**23)
"""
EDIT_SECONDS = 0.1
EDITS = 200
REFRESHES_A_PHONE = math.log(0.9 / 0.5) / 0.4 / EXPIRES_SECONDS
"""In a second, by the mean of phones that refresh at 50 to 90 % of the expiry."""


def processes(phones: Fleet, number: str) -> list[int]:
    """The processes of an agent, the supervisor first."""
    return processes_of_pods([phones.pods()[number]["metadata"]["name"]])


def address(phones: Fleet, number: str) -> str:
    """The address of an agent's pod, as it stands in the Contacts of its phones."""
    return str(phones.pods()[number]["status"]["podIP"])


def restarts(pod: Object) -> int:
    """How often the pod's container was restarted."""
    return sum(container["restartCount"] for container in pod["status"].get("containerStatuses", []))


def told(phones: Fleet, kind: str, reason: str) -> str:
    """Wait until a condition of the fleet is not true for this reason; its words."""

    def holds(of: Object) -> bool:
        found = condition(of, kind)
        return found.get("status") != "True" and found.get("reason") == reason

    return str(condition(until(phones, holds), kind)["message"])


def until(phones: Fleet, holds: Predicate) -> Object:
    """Wait until something holds of the fleet."""
    return phones.namespace.until("spf", phones.name, holds, seconds=120)


def operator_pod(operator: Kube) -> Object:
    """The pod of the operator, which is the only one in its namespace."""
    (pod,) = json.loads(kubectl("-n", operator.namespace, "get", "pods", "-o", "json"))["items"]
    return dict(pod)


def storm(pid: int, number: signal.Signals) -> int:
    """Send a signal every few milliseconds until the process has ended; how many it got."""
    sent, deadline = 0, time.monotonic() + 60
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, number)
            sent += 1
            time.sleep(0.005)
        raise AssertionError(f"{sent} times {number.name} did not end it")
    return sent


def call_ids(phones: Fleet) -> dict[str, str]:
    """The Call-ID by which each user is registered: another one is another registration."""
    return {each.aor: each.call_id for each in phones.history.pbxes["slave"].bindings()}


def test_an_agents_pod_is_deleted(drill: Drill, phones: Fleet) -> None:
    with drill("platform", "agent-pod-deleted", "The pod of one of two agents is deleted (kubectl delete pod).") as _:
        kubectl("-n", phones.namespace.namespace, "delete", "pod", phones.pods()["0"]["metadata"]["name"])


def test_an_agents_pod_is_deleted_by_force(drill: Drill, phones: Fleet) -> None:
    done = "The pod of one of two agents is deleted by force (--grace-period=0 --force)."
    note = "The kubelet still lets the agent un-REGISTER its phones, while the next pod is already starting."
    with drill("platform", "agent-pod-forced", done, note=note):
        name = phones.pods()["0"]["metadata"]["name"]
        kubectl("-n", phones.namespace.namespace, "delete", "pod", name, "--grace-period=0", "--force")


def test_a_worker_is_killed(drill: Drill, phones: Fleet) -> None:
    done = "The SIP processes of one of two agents are killed (kill -9); its supervisor lives."
    with drill("platform", "worker-killed", done, note=NOBODY_UNREGISTERS) as fault:
        pod = phones.pods()["0"]
        for pid in processes(phones, "0")[1:]:
            os.kill(pid, signal.SIGKILL)
        fault.gone(pod["status"]["podIP"])
        fault.until(lambda ledger: ledger.count(time.time()) == phones.phones, "its phones are back")
        assert restarts(phones.pods()["0"]) == restarts(pod), "no container is restarted for it"


def test_an_agent_is_killed(drill: Drill, phones: Fleet) -> None:
    done = "All processes of one of two agents are killed (kill -9 of its first process); the kubelet restarts it."
    with drill("platform", "agent-killed", done, note=NOBODY_UNREGISTERS) as fault:
        os.kill(processes(phones, "0")[0], signal.SIGKILL)
        fault.gone(address(phones, "0"))
        told(phones, "AgentsAvailable", "Error")


def test_an_agent_runs_out_of_memory(drill: Drill, phones: Fleet) -> None:
    done = "A foreign process eats up the memory limit of one of two agents; the kernel kills the agent (OOM)."
    note = (
        f"{NOBODY_UNREGISTERS} The kubelet restarts a container at once when it ends for the first time, and after "
        "10 s when it does so again within ten minutes, as this one does after the drill agent-killed."
    )
    with drill("platform", "out-of-memory", done, note=note) as fault:
        before, gone = phones.pods()["0"], address(phones, "0")
        group = cgroups.of_memory(processes(phones, "0")[0])
        # Kubernetes gives the agent's processes a worse score, so the kernel takes them before the eater.
        subprocess.run([sys.executable, "-c", EATER, str(group)], check=False, timeout=60)
        fault.gone(gone)
        said = told(phones, "AgentsAvailable", "OOMKilled")
        fault.figures["the fleet says"] = said.partition("; ")[2]
        wait_until(lambda: restarts(phones.pods()["0"]) > restarts(before), "its container is restarted")


def test_a_memory_limit_is_too_low(drill: Drill, phones: Fleet) -> None:
    done = "The memory limit in the fleet's template is set so low that no agent can start, and later taken back."
    note = "The change stops at the first agent, since its phones do not come back; it lasts until it is taken back."
    with drill("platform", "memory-limit-too-low", done, note=note) as fault:
        least = {"limits": {"memory": "48Mi"}, "requests": {"memory": "16Mi"}}
        phones.namespace.patch("spf", phones.name, {"template": {"agent": {"resources": least}}})
        said = told(phones, "AgentsAvailable", "CrashLoopBackOff")
        assert "OOMKilled" in said
        fault.figures["the fleet says"] = said.partition("; it ended before: ")[2]
        assert fault.registered() == phones.phones // 2
        phones.namespace.patch("spf", phones.name, {"template": {"agent": {"resources": None}}})


def test_the_node_is_drained(drill: Drill, phones: Fleet, operator: Kube) -> None:
    done = "The only node is cordoned and drained, and uncordoned 20 s later."
    note = (
        "The fleet's PodDisruptionBudget lets one of the two agents go; its phones are away until there is a node "
        "again. The operator is drained too. On a cluster with another node the evicted agent starts there at once."
    )
    with drill("platform", "node-drained", done, note=note) as fault:
        name = settings().node_name
        drain = ["kubectl", "drain", name, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=20s"]
        try:
            drained = subprocess.run(drain, capture_output=True, text=True, check=False)
            assert "would violate the pod's disruption budget" in drained.stdout + drained.stderr
            assert fault.registered() == phones.phones // 2, "the budget keeps the other agent"
        finally:
            kubectl("uncordon", name)
        operator.wait("condition=Available", "deployment --all")


def test_the_kubelet_is_killed(drill: Drill, phones: Fleet) -> None:
    done = "The kubelet is killed (kill -9) and started again 10 s later."
    with drill("platform", "kubelet-killed", done):
        before = call_ids(phones)
        node.kubelet(settings()).kill()
        time.sleep(10)  # the outage itself
        node.start(settings())
        assert call_ids(phones) == before


def test_the_api_server_and_etcd_are_killed(drill: Drill, phones: Fleet) -> None:
    done = "API server and etcd are killed (kill -9) and started again 20 s later."
    with drill("platform", "control-plane-killed", done):
        before = call_ids(phones)
        control_plane.api_server(settings()).kill()
        control_plane.etcd(settings()).kill()
        time.sleep(20)  # the outage itself
        control_plane.start(settings())
        assert call_ids(phones) == before


def test_the_operator_is_killed(drill: Drill, phones: Fleet, operator: Kube) -> None:
    with drill("platform", "operator-killed", "The operator is killed (kill -9); the kubelet restarts it."):
        before, pod = call_ids(phones), operator_pod(operator)
        for pid in processes_of_pods([pod["metadata"]["name"]]):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: restarts(operator_pod(operator)) > restarts(pod), "it is restarted")
        operator.wait("condition=Available", "deployment --all")
        assert call_ids(phones) == before


def test_signals_rain_on_the_operator(drill: Drill, phones: Fleet, operator: Kube) -> None:
    done = "The operator gets SIGTERM every 5 ms until it has ended; the kubelet restarts it."
    with drill("platform", "sigterm-storm-operator", done) as fault:
        before, pod = call_ids(phones), operator_pod(operator)
        begun = time.monotonic()
        sent = storm(processes_of_pods([pod["metadata"]["name"]])[0], signal.SIGTERM)
        fault.figures["ended after"] = f"{time.monotonic() - begun:.1f} s and {sent} signals"
        wait_until(lambda: restarts(operator_pod(operator)) > restarts(pod), "it is restarted")
        (container,) = operator_pod(operator)["status"]["containerStatuses"]
        assert container["lastState"]["terminated"]["exitCode"] == 0
        operator.wait("condition=Available", "deployment --all")
        assert call_ids(phones) == before


def test_signals_rain_on_an_agent(drill: Drill, phones: Fleet) -> None:
    done = "One of two agents gets SIGTERM every 5 ms until it has ended; the kubelet restarts it."
    with drill("platform", "sigterm-storm-agent", done) as fault:
        slave, begun = phones.history.pbxes["slave"], time.monotonic()
        here = slave.position()
        sent = storm(processes(phones, "0")[0], signal.SIGTERM)
        fault.figures["ended after"] = f"{time.monotonic() - begun:.1f} s and {sent} signals"
        left = Counter(each.aor for each in slave.registers(since=here) if each.unregisters and each.code == 200)
        assert sorted(left.values()) == [1] * (phones.phones // 2), "each phone un-REGISTERed, and once"
        told(phones, "AgentsAvailable", "Completed")


def test_a_config_map_is_deleted(drill: Drill, phones: Fleet) -> None:
    done = "The ConfigMap of one of two agents is deleted; the operator makes it anew."
    with drill("platform", "configmap-deleted", done) as fault:
        before, begun = call_ids(phones), time.monotonic()
        agent = f"fleet-{phones.name}-0"
        uid = phones.namespace.get("configmap", agent)["metadata"]["uid"]
        phones.namespace.delete("configmap", agent)
        wait_until(
            lambda: (
                agent in phones.namespace.names("configmap")
                and phones.namespace.get("configmap", agent)["metadata"]["uid"] != uid
            ),
            "it is made anew",
        )
        fault.figures["it is there again after"] = f"{time.monotonic() - begun:.1f} s"
        assert call_ids(phones) == before


def test_a_secret_is_deleted_and_restored(drill: Drill, phones: Fleet) -> None:
    done = "The fleet's Secret is deleted; then the pod of one of two agents; 5 s later the Secret is restored."
    note = (
        "Phones that run go on with the passwords they have. The new pod waits for the Secret, and then until the "
        "kubelet tries again, which it does less and less often, every two minutes at last."
    )
    with drill("platform", "secret-deleted", done, note=note) as fault:
        secret = phones.namespace.get("secret", "load")
        phones.namespace.delete("secret", "load")
        said = told(phones, "Accepted", "SecretNotFound")
        assert '"load"' in said
        fault.figures["the fleet says"] = said
        assert fault.registered() == phones.phones
        kubectl("-n", phones.namespace.namespace, "delete", "pod", phones.pods()["0"]["metadata"]["name"])
        half = f"{phones.phones // 2} of {phones.phones} phones are registered"
        until(phones, lambda of: condition(of, "Registered")["message"] == half)
        time.sleep(5)  # the outage itself
        phones.namespace.apply(without_server_fields(secret))


def without_server_fields(of: Object) -> Object:
    """An object as its user wrote it."""
    kept = {key: of["metadata"][key] for key in ("name", "labels", "annotations") if key in of["metadata"]}
    return {**{key: of[key] for key in ("apiVersion", "kind", "spec", "data") if key in of}, "metadata": kept}


def crds() -> list[Object]:
    """Our CRDs, as they can be applied."""
    listed = json.loads(kubectl("get", "crd", *CRDS, "-o", "json"))["items"]
    return [without_server_fields(crd) for crd in listed]


def apply_crds(made: Collection[Object]) -> None:
    """Apply CRDs and wait until the API server serves them."""
    kubectl("apply", "-f", "-", given=yaml.safe_dump_all(made))
    kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in CRDS))


def test_the_crds_are_applied_again(drill: Drill, phones: Fleet) -> None:
    done = "The CRDs are replaced, applied ten times more, and the chart is upgraded to itself."
    with drill("platform", "crds-applied-again", done) as _:
        before, made = call_ids(phones), crds()
        kubectl("replace", "-f", "-", given=yaml.safe_dump_all(made))
        for _ in range(10):
            apply_crds(made)
        release.install()
        assert call_ids(phones) == before


def test_the_crds_are_deleted_and_restored(drill: Drill, phones: Fleet, operator: Kube) -> None:
    done = "All CRDs are deleted by mistake. When all phones are gone they are restored, then their objects."
    note = (
        "All objects of a CRD go with it, by Kubernetes' rules, and with the objects their agents. The phones "
        "un-REGISTER. What is restored is from the user's files; how soon is the outage. All of it is compared but the "
        "phones' ids, which follow the objects' new uids."
    )
    with drill("platform", "crds-deleted", done, note=note) as fault:
        pod, made = operator_pod(operator), crds()
        listed = json.loads(kubectl("-n", phones.namespace.namespace, "get", "pbx,sp,spf", "-o", "json"))["items"]
        kubectl("delete", "crd", *CRDS)
        fault.until_none()
        operator.wait("condition=Ready=false", f"pod/{pod['metadata']['name']}")
        apply_crds(made)

        def applied() -> bool:
            with suppress(KubeError):
                phones.namespace.apply(*map(without_server_fields, listed))
                return True
            return False

        wait_until(applied, "the API server serves the kinds again")
        until(phones, lambda of: of.get("status", {}).get("registered") == phones.phones)
        operator.wait("condition=Ready", f"pod/{pod['metadata']['name']}")
        assert restarts(operator_pod(operator)) == restarts(pod), "the operator waits, it is not restarted"


def test_the_writable_folder_is_full(drill: Drill, phones: Fleet) -> None:
    done = "A process in the container of one of two agents fills its only writable folder beyond its limit."
    note = (
        "The agent itself writes nothing. The kubelet looks once a minute; then it evicts the pod and leaves it two "
        "seconds, in which it un-REGISTERs. The pod stays there as Completed until somebody deletes it, as the test "
        "does; only an event says Evicted. Kubernetes 1.20 leaves it no time, and shows it as Evicted: there the PBX "
        "keeps its bindings until they expire, beside those of the pod that replaces it."
    )
    with drill("platform", "disk-full", done, note=note) as fault:
        pod, supervisor = phones.pods()["0"], processes(phones, "0")[0]
        name, place = pod["metadata"]["name"], address(phones, "0")
        inside = ("-n", phones.namespace.namespace, "exec", name, "--", "python3", "-c")
        written = kubectl(*inside, "import os; print(sum(len(found[2]) for found in os.walk('/tmp')))").strip()
        fault.figures["files that the agent had written"] = written
        assert written == "0"
        kubectl(*inside, "open('/tmp/full', 'wb').write(bytes(100 * 2**20))")
        wait_until(lambda: not Path(f"/proc/{supervisor}").exists(), "it is evicted", seconds=150, interval=0.02)
        fault.gone(place)
        # Newer kubelets leave it two seconds: it ends in an orderly way, and only an event says why.
        phase = "Failed" if settings().oldest else "Succeeded"
        phones.namespace.wait(f"jsonpath={{.status.phase}}={phase}", f"pod/{name}")
        assert "Evicted" in [reason for reason, _ in phones.namespace.events("Pod", name)]
        phones.namespace.delete("pod", name)


def edit(phones: Fleet, change: Callable[[int], Object]) -> float:
    """Edit the fleet's template every 100 ms; how long that took, in seconds."""
    api, begun = Api(settings()), time.monotonic()
    path = f"/apis/{API}/namespaces/{phones.namespace.namespace}/softphonefleets/{phones.name}"
    for number in range(EDITS):
        api.patch(path, {"spec": {"template": change(number)}})
        time.sleep(max(0.0, begun + (number + 1) * EDIT_SECONDS - time.monotonic()))  # the pace is the fault
    return time.monotonic() - begun


def configurations_taken(phones: Fleet) -> dict[str, int]:
    """How many configurations each agent says that it has taken."""
    there = {number: pod["metadata"]["name"] for number, pod in sorted(phones.pods().items())}
    logs = {number: kubectl("-n", phones.namespace.namespace, "logs", name) for number, name in there.items()}
    return {number: log.count("configuration taken") for number, log in logs.items()}


def tell_configurations(fault: Fault, phones: Fleet, before: dict[str, int]) -> None:
    """When the agents have what was put back: how many configurations they took for so many edits."""
    until(phones, lambda of: is_ready(of) and of["status"]["agents"]["updated"] == len(before))
    now = configurations_taken(phones)
    taken = ", ".join(f"{now[number] - before[number]} by agent {number}" for number in sorted(now))
    fault.figures["configurations taken"] = taken


def asked_since(phones: Fleet, positions: dict[str, int]) -> int:
    """How many REGISTERs without credentials the PBXes got: one for each thing that a phone wants."""
    seen = [register for name, pbx in phones.history.pbxes.items() for register in pbx.registers(since=positions[name])]
    return sum(not register.credentials_given for register in seen)


def test_an_edit_that_costs_nothing_comes_ten_times_a_second(drill: Drill, phones: Fleet) -> None:
    done = f"The ping interval in the fleet's template is edited every 100 ms, {EDITS} times, and then put back."
    note = f"Refreshes alone are {REFRESHES_A_PHONE * phones.phones:.1f} REGISTERs a second."
    with drill("platform", "edits", done, note=note) as fault:
        taken = configurations_taken(phones)
        before, running = call_ids(phones), processes(phones, "0") + processes(phones, "1")
        here = {name: pbx.position() for name, pbx in phones.history.pbxes.items()}
        took = edit(phones, lambda number: {"registration": {"pingSeconds": 2 + (number + 1) % 7}})
        fault.figures["REGISTERs a second"] = f"{asked_since(phones, here) / took:.1f}"
        last = 2 + EDITS % 7
        wait_until(
            lambda: all(
                f'"pingSeconds":{last}.0'
                in phones.namespace.get("configmap", f"fleet-{phones.name}-{n}")["data"]["agent.json"]
                for n in (0, 1)
            ),
            "the last edit has won",
        )
        phones.namespace.patch("spf", phones.name, {"template": {"registration": {"pingSeconds": None}}})
        tell_configurations(fault, phones, taken)
        assert call_ids(phones) == before
        assert processes(phones, "0") + processes(phones, "1") == running


def test_the_location_is_edited_ten_times_a_second(drill: Drill, phones: Fleet) -> None:
    done = f"The physical location in the fleet's template is edited every 100 ms, {EDITS} times, and then taken away."
    note = (
        "An edit of the location makes each phone un-REGISTER and register anew, with all phones of its agent. Of "
        "edits that come so fast an agent takes one after 1, 2, 4 and then every 8 s. Refreshes alone are "
        f"{REFRESHES_A_PHONE * phones.phones:.1f} REGISTERs a second."
    )
    with drill("platform", "edits-of-location", done, note=note) as fault:
        taken = configurations_taken(phones)
        running = processes(phones, "0") + processes(phones, "1")
        here = {name: pbx.position() for name, pbx in phones.history.pbxes.items()}
        took = edit(phones, lambda number: {"phys": f"place{number}"})
        fault.figures["REGISTERs a second"] = f"{asked_since(phones, here) / took:.0f}"
        slave = phones.history.pbxes["slave"]

        def at_last() -> bool:
            sent = {each.aor: each.location_header for each in slave.registers(since=here["slave"]) if each.code == 200}
            return set(sent.values()) == {f"place{EDITS - 1}"} and len(sent) == phones.phones

        wait_until(at_last, "the last edit has won")
        phones.namespace.patch("spf", phones.name, {"template": {"phys": None}})
        tell_configurations(fault, phones, taken)
        assert processes(phones, "0") + processes(phones, "1") == running
