"""A fleet of thousands in few agents: what it costs, and what each kind of trouble takes away.

Here it is what agents send that counts, and no ledger is kept: so the figures are findings, not rows. E2E_PHONES says
how many phones; each agent carries a thousand, or half of them where they are fewer.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from drills.seen import found
from e2e.objects import fleet, secret, system
from lab.images import Images
from lab.kube import Kube, Object, is_ready, kubectl
from lab.kubernetes.node import ctr
from lab.measuring import RATE, cpu, first_registered, most_above_the_rate, processes_of_pods, pss
from lab.pbx import Pbx, System, default_system
from lab.prometheus import Prometheus
from lab.settings import settings
from lab.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.drill]

PHONES = int(os.environ.get("E2E_PHONES", "2000"))
PER_AGENT = max(1, min(1000, PHONES // 2))
AGENTS = -(-PHONES // PER_AGENT)
ROLLED = min(1000, PHONES)
PATIENCE = 300.0
REST_SECONDS = 20
# So long that no refresh falls into the drill.
LONG = {"registration": {"expiresSeconds": 3600}}


class Figures(dict[str, str]):
    """What a test measured, for the page."""

    def above_the_rate(self, pbx: Pbx, since: int) -> None:
        """By how much REGISTERs were ever above an agent's rate there: not by more than what a busy PBX piles up."""
        above = most_above_the_rate(pbx, since)
        self[f"REGISTERs above an agent's rate of {RATE:.0f}/s at {pbx.name}"] = f"{above:.0f}"
        assert above < RATE / 10


@pytest.fixture
def figures() -> Figures:
    """To be filled."""
    return Figures()


def users(first: int, last: int) -> set[str]:
    return {f"load{index:03d}" for index in range(first, last)}


def pods(namespace: Kube, name: str) -> dict[str, str]:
    """The pods of a fleet by the number of their slice."""
    selector = f"softphone-fleet.io/fleet={name}"
    listed = json.loads(kubectl("-n", namespace.namespace, "get", "pods", "-l", selector, "-o", "json"))["items"]
    return {pod["metadata"]["labels"]["softphone-fleet.io/slice"]: pod["metadata"]["name"] for pod in listed}


def scale(namespace: Kube, replicas: int) -> Object:
    """`kubectl scale`, until all phones are registered."""
    kubectl("-n", namespace.namespace, "scale", "spf", "load", f"--replicas={replicas}")
    return namespace.until(
        "spf", "load", lambda of: is_ready(of) and of["status"]["registered"] == replicas, seconds=PATIENCE
    )


def asked(pbx: Pbx, since: int) -> set[str]:
    """Who sent a REGISTER there."""
    return {register.aor.partition("@")[0] for register in pbx.registers(since=since)}


def granted(pbx: Pbx, since: int) -> dict[str, tuple[str, int]]:
    """Call-ID and CSeq of the last REGISTER of each user that was granted there and not taken back."""
    held: dict[str, tuple[str, int]] = {}
    for register in pbx.registers(since=since):
        if register.code == 200:
            user = register.aor.partition("@")[0]
            held.pop(user, None)
            if not register.unregisters:
                held[user] = (register.call_id, register.cseq)
    return held


def fewest_held(pbx: Pbx, since: int, after: float) -> int:
    """The least number of users that had a binding there from a time on."""
    held: set[str] = set()
    fewest = None
    for register in pbx.registers(since=since):
        if register.code != 200:
            continue
        (held.discard if register.unregisters else held.add)(register.aor)
        if register.time > after:
            fewest = len(held) if fewest is None else min(fewest, len(held))
    return len(held) if fewest is None else fewest


@pytest.fixture(scope="module")
def start() -> dict[str, int]:
    """Where the PBXes' logs were before the fleet."""
    return {pbx.name: pbx.position() for pbx in default_system().pbxes}


@pytest.fixture(scope="module")
def phones(namespace: Kube, start: dict[str, int]) -> Kube:
    keys = {user: f"pw-{user}" for user in users(0, PHONES)}
    namespace.apply(*system(), secret("load", **keys), fleet(1, PER_AGENT, of=LONG))
    namespace.until("spf", "load", is_ready, seconds=120)
    return namespace


def test_thousands_register_in_few_agents(phones: Kube, pbxes: System, start: dict[str, int], figures: Figures) -> None:
    slave = pbxes.pbx("slave")
    begun = time.time()
    scale(phones, PHONES)
    ready = time.time() - begun
    last = max(first_registered([(slave, start["slave"])]).values()) - begun
    there = pods(phones, "load")
    assert len(there) == AGENTS
    pids = processes_of_pods(there.values())
    used = cpu(pids)
    figures["agents"] = f"{AGENTS}, with {len(pids) - AGENTS} workers"
    figures["last phone registered after"] = f"{last:.1f} s"
    figures["fleet ready after"] = f"{ready:.1f} s"
    figures["CPU, the agents' start included"] = f"{used / PHONES * 1000:.1f} ms a phone"
    for pbx in pbxes.pbxes:
        figures.above_the_rate(pbx, start[pbx.name])
    time.sleep(2 * REST_SECONDS)  # the burst's memory is given back
    used, at = cpu(pids), time.perf_counter()
    time.sleep(REST_SECONDS)
    load = (cpu(pids) - used) / (time.perf_counter() - at)
    memory = pss(pids)
    figures["at rest"] = f"{memory:.0f} MB PSS, {memory / PHONES * 1000:.0f} kB a phone, {load:.1%} of a core"
    found("load", "big-fleet-scaled-up", f"A fleet of one phone is scaled to {PHONES}.", figures)


def test_scaling_touches_only_the_last_agents(
    phones: Kube, pbxes: System, start: dict[str, int], figures: Figures
) -> None:
    slave, fewer = pbxes.pbx("slave"), PHONES * 3 // 4
    before, agents, here = granted(slave, start["slave"]), pods(phones, "load"), slave.position()
    assert set(before) == users(0, PHONES)
    begun = time.time()
    scale(phones, fewer)
    wait_until(lambda: set(granted(slave, start["slave"])) == users(0, fewer), "those that went un-REGISTERed")
    down = time.time() - begun
    begun = time.time()
    scale(phones, PHONES)
    figures["fewer after"] = f"{down:.1f} s"
    figures["all again after"] = f"{time.time() - begun:.1f} s"
    assert asked(slave, here) == users(fewer, PHONES), "no phone that stayed sent a REGISTER"
    after = granted(slave, start["slave"])
    assert {user: after[user] for user in users(0, fewer)} == {user: before[user] for user in users(0, fewer)}
    kept = {number: agents[number] for number in map(str, range(-(-fewer // PER_AGENT)))}
    assert kept.items() <= pods(phones, "load").items()
    figures["REGISTERs of phones that stay"] = "none"
    found("load", "big-fleet-scaled", f"{PHONES} phones are scaled to {fewer}, and back.", figures)


def test_a_worker_that_is_killed_takes_only_its_slice_with_it(phones: Kube, pbxes: System, figures: Figures) -> None:
    slave = pbxes.pbx("slave")
    _, *workers = processes_of_pods([pods(phones, "load")["0"]])
    here = slave.position()
    begun = time.time()
    os.kill(workers[0], signal.SIGKILL)
    slice_ = PER_AGENT // len(workers)
    wait_until(lambda: len(granted(slave, here)) >= slice_, "its phones are back", seconds=PATIENCE)
    last = max(first_registered([(slave, here)]).values()) - begun
    phones.until("spf", "load", is_ready, seconds=PATIENCE)
    theirs = asked(slave, here)
    assert len(theirs) == slice_
    assert theirs <= users(0, PER_AGENT)
    figures["phones down"], figures["last one back after"] = str(len(theirs)), f"{last:.1f} s"
    found("load", "big-fleet-worker-killed", f"One of the workers of {PHONES} phones is killed (kill -9).", figures)


def test_an_agent_that_is_killed_takes_only_its_phones_with_it(phones: Kube, pbxes: System, figures: Figures) -> None:
    slave, there = pbxes.pbx("slave"), pods(phones, "load")
    here = slave.position()
    begun = time.time()
    kubectl("-n", phones.namespace, "delete", "pod", there["0"], "--grace-period=0", "--force")
    wait_until(lambda: set(granted(slave, here)) >= users(0, PER_AGENT), "its phones are back", seconds=PATIENCE)
    last = max(first_registered([(slave, here)]).values()) - begun
    phones.until("spf", "load", is_ready, seconds=PATIENCE)
    assert asked(slave, here) == users(0, PER_AGENT)
    figures["phones down"], figures["last one back after"] = str(PER_AGENT), f"{last:.1f} s"
    found("load", "big-fleet-pod-killed", f"One of the agents of {PHONES} phones is deleted by force.", figures)


def test_a_dead_pbx_costs_no_burst_at_the_others(phones: Kube, pbxes: System, figures: Figures) -> None:
    slave = pbxes.pbx("slave")
    others = [(pbx, pbx.position()) for pbx in pbxes.pbxes if pbx is not slave]
    killed = time.time()
    slave.kill()
    wait_until(lambda: len(first_registered(others)) == PHONES, "all are elsewhere", seconds=PATIENCE, interval=1)
    times = sorted(at - killed for at in first_registered(others).values())
    figures["first phone elsewhere after"] = f"{times[0]:.2f} s"
    figures["last phone elsewhere after"] = f"{times[-1]:.2f} s"
    for pbx, since in others:
        figures.above_the_rate(pbx, since)
    phones.until("spf", "load", lambda of: of["status"]["standby"] == PHONES, seconds=PATIENCE)
    begun = time.time()
    phones.delete("spf", "load")
    wait_until(lambda: not pods(phones, "load"), "no pod is left", seconds=PATIENCE)
    figures["no pod is left after"] = f"{time.time() - begun:.1f} s"
    assert not set(pbxes.pbx("master").bindings()), "all are un-REGISTERed"
    done = f"The home PBX of {PHONES} phones is killed; when all are elsewhere the fleet is deleted."
    found("load", "big-fleet-pbx-killed", done, figures)


@pytest.fixture
def other_image(operator: Kube) -> Iterator[Callable[[], str]]:
    """Gives the agent's image another name, and the operator that one; the name."""
    image = Images(settings()).names.agent
    other = f"{image.rpartition(':')[0]}:another"

    def use(name: str) -> None:
        environment = [f"SOFTPHONE_AGENT_IMAGE={name}", "SOFTPHONE_AGENT_IMAGE_UPDATE=AtOnce"]
        kubectl("-n", operator.namespace, "set", "env", "deployment", "--all", *environment)
        kubectl("-n", operator.namespace, "rollout", "status", "deployment", "--timeout=120s")

    def change() -> str:
        command = ctr(settings(), "images", "tag", "--force", image, other)
        subprocess.run(command, check=True, capture_output=True)
        use(other)
        return other

    yield change
    use(image)


def test_another_image_keeps_the_chosen_share_registered(
    phones: Kube, pbxes: System, other_image: Callable[[], str], figures: Figures
) -> None:
    slave = pbxes.pbx("slave")
    here = slave.position()
    phones.apply(fleet(ROLLED, -(-ROLLED // 4), name="rolled", of=LONG))
    phones.until("spf", "rolled", is_ready, seconds=PATIENCE)
    before = pods(phones, "rolled")
    of = f'fleet_namespace="{phones.namespace}",fleet="rolled",state="registered"'
    # The agents' own series come and go with their pods, which Prometheus finds after up to 5 s.
    count = f"sum(softphone_operator_fleet_phones{{{of}}})"
    prometheus = Prometheus()
    wait_until(lambda: prometheus.value(count) == ROLLED, "Prometheus sees all of them")
    begun = time.time()
    image = other_image()

    def runs(pod: Object) -> bool:
        return bool(pod["spec"]["containers"][0]["image"] == image)

    for name in before.values():
        phones.wait("delete", f"pod/{name}", seconds=PATIENCE)
    phones.until("spf", "rolled", is_ready, seconds=PATIENCE)
    took = time.time() - begun
    assert all(runs(phones.get("pod", name)) for name in pods(phones, "rolled").values())
    fewest = prometheus.value(f"min_over_time({count}[{took:.0f}s:1s])")
    held = fewest_held(slave, here, begun)
    assert fewest is not None
    figures["changed in"] = f"{took:.1f} s"
    figures["registered at least"] = f"{held} by the PBX, {fewest:.0f} by Prometheus"
    assert min(held, fewest) >= ROLLED - -(-ROLLED // 4)
    found("load", "big-fleet-another-image", f"Another image for {ROLLED} phones in 4 agents.", figures)
