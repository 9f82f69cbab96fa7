"""Which agents are restarted, in which order, and when one is back so that the next may go. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from softphone_operator.api.kinds import SOFTPHONE, SOFTPHONE_FLEET, SOFTPHONE_POOL, Kind
from softphone_operator.decide.names import FLEET_LABEL, INSTANCE, OWNED_SELECTOR, POOL_LABEL, SLICE_LABEL, shorten
from softphone_plugin.errors import USAGE, PluginError
from softphone_plugin.phones import Object, of_softphone

_LABELS = {SOFTPHONE_FLEET.name: FLEET_LABEL, SOFTPHONE_POOL.name: POOL_LABEL}


def selector(kind: Kind, obj: Object) -> str:
    """The label selector of the Deployments of an object's agents. Raises PluginError where they are not its own."""
    name = obj["metadata"]["name"]
    if kind.name in _LABELS:
        return f"{OWNED_SELECTOR},{_LABELS[kind.name]}={shorten(name)}"
    if kind is not SOFTPHONE:
        raise PluginError(f'"{name}" is a {kind.name}, and has no agent', USAGE)
    pool = ((obj.get("spec") or {}).get("agent") or {}).get("pool")
    if pool:
        raise PluginError(f"{name} has no agent of its own, it is in the pool {pool}: restart spp/{pool}", USAGE)
    return f"{OWNED_SELECTOR},{INSTANCE}={of_softphone(obj).agent}"


def in_order(deployments: Iterable[Object]) -> list[Object]:
    """The Deployments by the number of their slice, then by name; those that are going already are left out."""
    there = [obj for obj in deployments if not obj["metadata"].get("deletionTimestamp")]

    def place(obj: Object) -> tuple[int, str]:
        number = (obj["metadata"].get("labels") or {}).get(SLICE_LABEL, "")
        return (int(number) if str(number).isdecimal() else 0, str(obj["metadata"]["name"]))

    return sorted(there, key=place)


@dataclass(frozen=True)
class Wanted:
    """What an agent must have before the next one goes. `before`: how many phones it had registered; share 0 to 1."""

    before: int
    share: float

    @property
    def phones(self) -> int:
        """So many phones must be registered again."""
        return math.ceil(round(self.before * self.share, 6))

    def is_back(self, registered: int | None) -> bool:
        """Whether that many are; None: the new pod is not heard yet."""
        return registered is not None and registered >= self.phones


def image(of: Object) -> str:
    """The image of the agent in a pod, or in the template of a Deployment."""
    spec = of.get("spec") or {}
    spec = (spec.get("template") or {}).get("spec") or spec
    return next((str(one.get("image", "")) for one in spec.get("containers") or ()), "")
