"""Softphones, each with an agent of its own, that drills break, and what the product says of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from drills import fleets
from drills.history import History
from lab.kube import Kube, is_ready, kubectl, registration


@dataclass
class Softphones:
    """The Softphones of these names, which are their users too, and the history of their PBXes since it was made."""

    namespace: Kube
    users: Collection[str]
    history: History

    def disagreements(self, by_pbx: Mapping[str, int]) -> list[str]:
        """Where the statuses of the Softphones and of the PBX objects say something else than this."""
        listed = json.loads(kubectl("-n", self.namespace.namespace, "get", "pbx,sp", "-o", "json"))["items"]
        ours = [each for each in listed if each["kind"] == "Softphone" and each["metadata"]["name"] in self.users]
        told = {
            "the Softphones": Counter(registration(each).get("pbx") for each in ours if is_ready(each)),
            "the PBX objects": {
                each["metadata"]["name"]: count
                for each in listed
                if each["kind"] == "PBX" and (count := each.get("status", {}).get("phones", {}).get("registered", 0))
            },
        }
        return [f"{who}: {dict(said)}, not {dict(by_pbx)}" for who, said in told.items() if dict(said) != dict(by_pbx)]

    def inventory(self) -> dict[str, str]:
        """All objects of their namespace."""
        return fleets.inventory(self.namespace)
