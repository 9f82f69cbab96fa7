"""Softphones of pools that drills break: each an object of its own, many of them in one agent."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import yaml

from drills import fleets
from drills.history import History
from drills.softphones import Softphones
from e2e.objects import API, secret, system
from lab.kube import Kube, Object, is_ready, kubectl
from lab.prometheus import Prometheus
from lab.waiting import wait_until

NOT_YET = "no status yet"
AT_ONCE = 8


def users(first: int, last: int) -> list[str]:
    """The users from one index up to another."""
    return [f"load{index:03d}" for index in range(first, last)]


def pool(name: str, per_agent: int, secrets: Collection[str], **spec: Any) -> Object:
    """A SoftphonePool."""
    of = {"phonesPerAgent": per_agent, "credentials": {"secretNames": list(secrets)}, **spec}
    return {"apiVersion": API, "kind": "SoftphonePool", "metadata": {"name": name}, "spec": of}


def softphone(user: str, of: str, secret_name: str, **spec: Any) -> Object:
    """A Softphone of a pool, whose password lies under the name of its user."""
    made = {
        "aor": f"sip:{user}@pbx.test",
        "pri": "master",
        "sec": "standby",
        "credentials": {"secretName": secret_name},
        "agent": {"pool": of},
        **spec,
    }
    return {"apiVersion": API, "kind": "Softphone", "metadata": {"name": user}, "spec": made}


@dataclass
class Pools(Softphones):
    """The Softphones of one or several pools, and the history of their PBXes since it was made."""

    names: Collection[str] = ()

    def pods(self, of: str) -> dict[str, Object]:
        """The pods of a pool by the names of their agents."""
        selector = f"softphone-fleet.io/pool={of}"
        listed = json.loads(kubectl("-n", self.namespace.namespace, "get", "pods", "-l", selector, "-o", "json"))
        return {pod["metadata"]["labels"]["app.kubernetes.io/instance"]: pod for pod in listed["items"]}

    def carried(self) -> dict[str, str]:
        """The agent of each Softphone, as its status tells."""
        listed = json.loads(kubectl("-n", self.namespace.namespace, "get", "sp", "-o", "json"))["items"]
        return {obj["metadata"]["name"]: obj.get("status", {}).get("agent", NOT_YET) for obj in listed}

    def in_files(self) -> dict[str, list[str]]:
        """Phone -> the agents of pools whose files have it."""
        listed = json.loads(kubectl("-n", self.namespace.namespace, "get", "configmaps", "-o", "json"))["items"]
        found: dict[str, list[str]] = {}
        for config_map in listed:
            if config_map["metadata"]["name"].startswith("pool-"):
                files = (yaml.safe_load(text) for text in config_map["data"].values())
                for phone in {phone["name"] for file in files for phone in file.get("phones", ())}:
                    found.setdefault(phone, []).append(config_map["metadata"]["name"])
        return found

    def delete(self, gone: Iterable[str]) -> None:
        """Delete Softphones of these users."""
        kubectl("-n", self.namespace.namespace, "delete", "sp", *gone, "--wait=false")

    def disagreements(self, by_pbx: Mapping[str, int]) -> list[str]:
        """Where the statuses of Softphones, pools and PBX objects, or Prometheus, say something else than this."""
        found = super().disagreements(by_pbx)
        of = [self.namespace.get("spp", name) for name in self.names]
        found += [f"the pool {pool['metadata']['name']} is not Ready" for pool in of if not is_ready(pool)]
        sums = [(one["status"].get("phones"), one["status"].get("registered")) for one in of]
        registered = sum(by_pbx.values())
        if (sum(phones for phones, _ in sums), sum(count for _, count in sums)) != (len(self.users), registered):
            found.append(f"the pools: {sums} phones and registered, not {len(self.users)} and {registered}")
        query = f'sum by (pbx) (softphone_registrations{{namespace="{self.namespace.namespace}"}})'
        scraped = {one.labels["pbx"]: int(one.value) for one in Prometheus().query(query) if one.value}
        if scraped != dict(by_pbx):
            found.append(f"Prometheus: {scraped}, not {dict(by_pbx)}")
        return found


def make(
    namespace: Kube, history: History, name: str, phones: int, per_agent: int, *, registration: Mapping[str, Any]
) -> Pools:
    """A pool of the first users, all registered, with one Secret; it has the pool's name."""
    ours = users(0, phones)
    fleets.refuse_strangers(history, ours)
    namespace.apply(*system(), secret(name, **{user: f"pw-{user}" for user in ours}), pool(name, per_agent, [name]))
    made = [softphone(user, name, name, registration=dict(registration)) for user in ours]
    # One kubectl makes a few a second.
    with ThreadPoolExecutor(AT_ONCE) as executor:
        parts = (yaml.safe_dump_all(made[number::AT_ONCE]) for number in range(AT_ONCE))
        list(executor.map(lambda part: kubectl("-n", namespace.namespace, "create", "-f", "-", given=part), parts))
    namespace.until("spp", name, lambda of: is_ready(of) and of["status"]["registered"] == phones, seconds=300)
    found = Pools(namespace, set(ours), history, [name])
    wait_until(lambda: NOT_YET not in found.carried().values(), "all have a status")
    return found
