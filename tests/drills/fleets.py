"""A fleet in the lab's cluster that drills break, and what the product says of it."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drills.history import History
from e2e.objects import fleet, secret, system
from lab.errors import LabError
from lab.kube import Kube, Object, is_ready, kubectl
from lab.prometheus import Prometheus

UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KINDS = "pbx,sp,spf,spp,secret,configmap,deployment,pdb,pod"


def users(first: int, last: int) -> set[str]:
    """The users of a fleet's phones from one index up to another."""
    return {f"load{index:03d}" for index in range(first, last)}


@dataclass
class Fleet:
    """A SoftphoneFleet of the users load000, load001 and so on, and the history of its PBXes since it was made."""

    namespace: Kube
    name: str
    phones: int
    history: History
    known_as: Mapping[str, str] = field(default_factory=dict)
    """PBX -> the name of its object, where that is another."""

    @property
    def users(self) -> set[str]:
        """The users of its phones."""
        return users(0, self.phones)

    def pods(self) -> dict[str, Object]:
        """Its pods by the number of their slice."""
        selector = f"softphone-fleet.io/fleet={self.name}"
        listed = json.loads(kubectl("-n", self.namespace.namespace, "get", "pods", "-l", selector, "-o", "json"))
        return {pod["metadata"]["labels"]["softphone-fleet.io/slice"]: pod for pod in listed["items"]}

    def disagreements(self, by_pbx: Mapping[str, int]) -> list[str]:
        """Where the product says something else than this of how many phones each PBX holds.

        Asked are the statuses of the fleet and of the PBX objects, and Prometheus.
        """
        held: Counter[str] = Counter()
        for pbx, count in by_pbx.items():
            held[self.known_as.get(pbx, pbx)] += count
        of = self.namespace.get("spf", self.name)
        found = [] if is_ready(of) else ["the fleet is not Ready"]
        listed = json.loads(kubectl("-n", self.namespace.namespace, "get", "pbx", "-o", "json"))["items"]
        told = {
            "the fleet's status": {"": of.get("status", {}).get("registered", 0)},
            "the PBX objects": {
                pbx["metadata"]["name"]: pbx.get("status", {}).get("phones", {}).get("registered", 0) for pbx in listed
            },
            "Prometheus": self._scraped(),
        }
        for who, counts in told.items():
            wanted = {"": held.total()} if "" in counts else dict(held)
            said = {pbx: count for pbx, count in counts.items() if count}
            if said != wanted:
                found.append(f"{who}: {said}, not {wanted}")
        return found

    def _scraped(self) -> dict[str, int]:
        of = f'namespace="{self.namespace.namespace}",fleet="{self.name}"'
        samples = Prometheus().query(f"sum by (pbx) (softphone_registrations{{{of}}})")
        return {sample.labels["pbx"]: int(sample.value) for sample in samples}

    def inventory(self) -> dict[str, str]:
        """All objects of its namespace."""
        return inventory(self.namespace)


def inventory(of: Kube) -> dict[str, str]:
    """Every object of a namespace, with a digest of what it is made of; pods by the name of their agent."""
    listed = json.loads(kubectl("-n", of.namespace, "get", KINDS, "-o", "json"))["items"]
    found: dict[str, str] = {}
    for each in listed:
        name = _name(each)
        while name in found:
            name += " (another)"
        found[name] = "" if each["kind"] == "Pod" else _digest(each)
    return found


def _name(of: Object) -> str:
    meta = of["metadata"]
    if of["kind"] != "Pod":
        return f"{of['kind']}/{meta['name']}"
    instance = meta["labels"].get("app.kubernetes.io/instance", meta["name"])
    return f"Pod/{instance}" + (" (ending)" if "deletionTimestamp" in meta else "")


def _digest(of: Object) -> str:
    """Of what a user or the operator has written: no status, no bookkeeping of the server or of Deployments.

    In an agent's file the ids of phones do not count: they follow the uid of the object, and are others when it was
    deleted and restored.
    """
    content: dict[str, Any] = {field: of[field] for field in ("spec", "data") if field in of}
    if of["kind"] == "ConfigMap":
        content = {"data": {name: UID.sub("uid", text) for name, text in of.get("data", {}).items()}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def refuse_strangers(history: History, ours: Collection[str]) -> None:
    """Raises LabError where phones of somebody else are registered: they would be taken for what a fault has left."""
    strangers = {span.user for span in history.ledger(ours).orphans(time.time())}
    if others := sorted(user for user in strangers if not user.startswith("load")):
        who = ", ".join(others)
        raise LabError(f"others are registered: {who}; `make demo` leaves such phones, `make lab-down` ends them")


def make(
    namespace: Kube,
    history: History,
    phones: int,
    per_agent: int,
    *,
    name: str = "load",
    pbxs: Sequence[Object] = (),
    known_as: Mapping[str, str] | None = None,
    **template: Any,
) -> Fleet:
    """A fleet of these phones that is registered, and its PBX objects: the lab's three unless others are given.

    `template` goes into the phones' spec. Raises LabError where phones of somebody else are registered there.
    """
    ours = users(0, phones)
    refuse_strangers(history, ours)
    keys = {user: f"pw-{user}" for user in ours}
    namespace.apply(*(pbxs or system()), secret("load", **keys), fleet(phones, per_agent, name=name, of=template))
    namespace.until("spf", name, is_ready, seconds=300)
    return Fleet(namespace, name, phones, history, known_as or {})
