"""What edits and faults do to hundreds of different phones in few agents, and above all: to those that are not meant.

The witness is the home PBX: a phone that is not meant sends no REGISTER with another Call-ID, and none that ends its
binding.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Callable, Collection

import pytest

from drills import pools
from drills.causes import NOBODY_UNREGISTERS
from drills.conftest import EXPIRES_SECONDS
from drills.drill import Drill, Fault
from drills.history import History
from drills.pools import Pools
from e2e.objects import secret
from lab.kube import Kube, is_ready, kubectl
from lab.measuring import processes_of_pods
from lab.pbx import default_system
from lab.waiting import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.drill]

PHONES, PER_AGENT = 300, 250
MOVED = 20
MADE = ("Softphone", "SoftphonePool", "Secret", "ConfigMap", "Deployment", "PodDisruptionBudget", "Pod")
REGISTRATION = {"expiresSeconds": EXPIRES_SECONDS}


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Pools:
    return pools.make(namespace, History(default_system()), "vienna", PHONES, PER_AGENT, registration=REGISTRATION)


class Others:
    """The phones that are not meant: their Call-IDs from when it was made."""

    def __init__(self, phones: Pools) -> None:
        self._phones, self._slave = phones, phones.history.pbxes["slave"]
        self._here = self._slave.position()
        self._before = {each.aor: each.call_id for each in self._slave.bindings()}

    def changed(self, meant: Collection[str]) -> list[str]:
        """Those of them that have another Call-ID now, or had one meanwhile, or were without a binding."""
        seen = [(one.aor.partition("@")[0], one) for one in self._slave.registers(since=self._here)]
        found = {user for user, one in seen if one.unregisters or one.call_id != self._before.get(user)}
        found |= self._before.keys() - {each.aor for each in self._slave.bindings()}
        return sorted(found - set(meant) & set(self._phones.users))

    def tell(self, fault: Fault, meant: Collection[str]) -> None:
        """Write down that none of them changed."""
        assert self.changed(meant) == []
        count = len(set(self._phones.users) - set(meant))
        fault.figures["phones that are not meant"] = f"{count}, none with another Call-ID"


def after(fault: Fault, what: str, holds: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something holds, and write down how long it took since the fault."""
    wait_until(holds, what, seconds=seconds, interval=0.05)
    fault.figures[what] = f"after {time.time() - fault.began:.1f} s"


def is_registered(phones: Pools, user: str) -> bool:
    return bool(phones.history.pbxes["slave"].bindings(user))


def test_a_phone_is_added(drill: Drill, phones: Pools) -> None:
    done, new = "A phone more is applied, with its password in the pool's Secret.", f"load{PHONES:03d}"
    note = "The longest outage is the time until the new phone is registered."
    others = Others(phones)
    with drill("pools", "pool-phone-added", done, note=note, changed=MADE) as fault:
        phones.namespace.apply(
            secret("vienna", **{user: f"pw-{user}" for user in (*phones.users, new)}),
            pools.softphone(new, "vienna", "vienna", registration=REGISTRATION),
        )
        phones.users = {*phones.users, new}
        after(fault, "registered", lambda: is_registered(phones, new))
        others.tell(fault, {new})
    assert others.changed({new}) == []


def test_a_phone_is_removed(drill: Drill, phones: Pools) -> None:
    done, gone = "One phone is deleted.", "load007"
    note = "Until it is un-REGISTERed its binding counts as one of nobody."
    others = Others(phones)
    with drill("pools", "pool-phone-removed", done, note=note, changed=MADE) as fault:
        phones.delete([gone])
        phones.users = {*phones.users} - {gone}
        after(fault, "un-REGISTERed", lambda: not is_registered(phones, gone))
        others.tell(fault, {gone})
    assert others.changed({gone}) == []


def test_a_phone_is_edited(drill: Drill, phones: Pools) -> None:
    done, user = "The physical location of one phone is edited.", "load010"
    note = "A phone with another location un-REGISTERs and registers anew."
    others, slave = Others(phones), phones.history.pbxes["slave"]
    here = slave.position()
    with drill("pools", "pool-phone-edited", done, note=note, changed=MADE) as fault:
        phones.namespace.patch("sp", user, {"phys": "linz"})

        def is_there() -> bool:
            seen = slave.registers(since=here, aor=user)
            return any((one.code, one.location_header) == (200, "linz") for one in seen)

        after(fault, "registered with it", is_there)
        others.tell(fault, {user})
    assert others.changed({user}) == []


def test_the_key_of_a_password_is_renamed(drill: Drill, phones: Pools) -> None:
    done, user = "The key of one phone's password is renamed in the Secret, and then in the Softphone.", "load011"
    others = Others(phones)
    with drill("pools", "pool-key-renamed", done, changed=MADE) as fault:
        password = base64.b64encode(f"pw-{user}".encode()).decode()
        change = json.dumps({"data": {user: None, "renamed": password}})
        kubectl("-n", phones.namespace.namespace, "patch", "secret", "vienna", "--type=merge", "-p", change)
        phones.namespace.until("sp", user, lambda of: not is_ready(of))
        phones.namespace.patch("sp", user, {"credentials": {"passwordKey": "renamed"}})
        phones.namespace.until("sp", user, is_ready)
        fault.figures["Ready again"] = f"after {time.time() - fault.began:.1f} s"
        others.tell(fault, ())
    assert others.changed(()) == [], "the phone itself goes on, too: its password is the same"


def test_the_operator_is_killed_in_the_middle_of_a_move(drill: Drill, phones: Pools, operator: Kube) -> None:
    done = (
        f"{MOVED} phones are moved into another pool by an edit; when the first is in two files the operator is killed."
    )
    note = "Its new agent registers a phone before the old one lets it go, so the PBX holds two bindings for a moment."
    carried = phones.carried()
    moving = sorted(carried, key=lambda user: (carried[user], user))[-MOVED:]
    others = Others(phones)
    with drill("pools", "pool-moved-operator-killed", done, note=note, changed=MADE) as fault:
        keys = {user: f"pw-{user}" for user in moving}
        phones.namespace.apply(
            secret("linz", **keys),
            pools.pool("linz", PER_AGENT, ["linz"]),
            *(pools.softphone(user, "linz", "linz", registration=REGISTRATION) for user in moving),
        )
        phones.names = ("vienna", "linz")
        wait_until(lambda: max(map(len, phones.in_files().values())) > 1, "one is in two files")
        operator.delete("pods", "--all", "--grace-period=0", "--force")
        operator.wait("condition=Available", "deployment --all")

        def moved() -> bool:
            agents = phones.in_files()
            return all(agents[user] == ["pool-linz-0"] for user in moving)

        after(fault, "all moved", moved)
        others.tell(fault, moving)
    assert others.changed(moving) == []


def test_the_pool_gets_another_node_selector(drill: Drill, phones: Pools) -> None:
    done = "The pool's nodeSelector is edited: all its pods are made anew, one after the other."
    note = "The phones of an agent are away until its new pod has registered them; another pool's are not meant."
    others, carried = Others(phones), phones.carried()
    meant = {user for user, agent in carried.items() if agent.startswith("pool-vienna-")}
    pods = phones.pods("vienna")
    names = {pod["metadata"]["name"] for pod in pods.values()}
    with drill("pools", "pool-node-selector", done, note=note, changed=MADE) as fault:
        phones.namespace.patch("spp", "vienna", {"agent": {"nodeSelector": {"kubernetes.io/os": "linux"}}})

        def is_done() -> bool:
            now = phones.pods("vienna")
            return now.keys() == pods.keys() and not names & {pod["metadata"]["name"] for pod in now.values()}

        after(fault, "all pods are new", is_done)
        phones.namespace.until("spp", "vienna", is_ready, seconds=120)
        others.tell(fault, meant)
    assert others.changed(meant) == []
    assert phones.carried() == carried


def test_an_agent_is_killed(drill: Drill, phones: Pools) -> None:
    others, carried = Others(phones), phones.carried()
    meant = {user for user, agent in carried.items() if agent == "pool-vienna-0"}
    done = f"All processes of the agent with {len(meant)} of the phones are killed (kill -9 of its first process)."
    with drill("pools", "pool-agent-killed", done, note=NOBODY_UNREGISTERS) as fault:
        pod = phones.pods("vienna")["pool-vienna-0"]
        os.kill(processes_of_pods([pod["metadata"]["name"]])[0], signal.SIGKILL)
        fault.gone(pod["status"]["podIP"])
        fault.until(lambda ledger: ledger.count(time.time()) == len(phones.users), "its phones are back")
        others.tell(fault, meant)
    assert others.changed(meant) == []
    assert phones.carried() == carried


def test_the_pools_shrink(drill: Drill, phones: Pools) -> None:
    kept, carried = {"pool-linz-0": 10, "pool-vienna-1": MOVED, "pool-vienna-0": 170}, phones.carried()
    stay = {user for agent, count in kept.items() for user in sorted(u for u in carried if carried[u] == agent)[:count]}
    assert len(stay) == 200
    moving = {user for user in stay if carried[user] == "pool-vienna-1"}
    gone = sorted(set(carried) - stay)
    done = (
        f"{len(gone)} of {len(carried)} phones are deleted; half a minute later an agent that can be spared is emptied."
    )
    note = (
        f"{MOVED} phones move, ten at a time: each is registered by its new agent before the old one lets it go. A "
        "binding of a phone that goes counts as one of nobody from the beginning, and kubectl deletes five a second."
    )
    others = Others(phones)
    with drill("pools", "pool-shrunk", done, note=note, changed=MADE) as fault:
        phones.delete(gone)
        phones.users = stay
        after(fault, "one agent less", lambda: phones.pods("vienna").keys() == {"pool-vienna-0"})
        others.tell(fault, moving)
    assert others.changed(moving) == []
