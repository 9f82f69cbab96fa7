"""The objects of the tests, as a user would write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lab.pbx import default_system, here

API = "softphone-fleet.io/v1alpha1"
LOCATIONS = {"master": "headquarters", "slave": "branch", "standby": "datacentre"}


def address(name: str) -> str | None:
    """The SIP URI of the master, the slave or the standby; None of any other PBX."""
    return next((pbx.uri for pbx in default_system().pbxes if pbx.name == name), None)


def placed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec, or a part of one, with the addresses of this process's PBXes in place of the lab's."""
    made: dict[str, Any] = json.loads(here(json.dumps(spec)))
    return made


def pbx(name: str, **spec: Any) -> dict[str, Any]:
    of = {"address": address(name), "system": "lab", "location": LOCATIONS.get(name), **spec}
    return {"apiVersion": API, "kind": "PBX", "metadata": {"name": name}, "spec": of}


def system(**spec: Any) -> list[dict[str, Any]]:
    return [pbx(name, **spec) for name in LOCATIONS]


def softphone(name: str, **spec: Any) -> dict[str, Any]:
    """A phone of user `name` that refreshes every 10 to 18 s."""
    of = {
        "aor": f"sip:{name}@pbx.test",
        "pri": "master",
        "sec": "standby",
        "credentials": {"secretName": name},
        "registration": {"expiresSeconds": 20},
        **spec,
    }
    present = {field: value for field, value in of.items() if value is not None}
    return {"apiVersion": API, "kind": "Softphone", "metadata": {"name": name}, "spec": present}


def secret(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": data or {"password": f"pw-{name}"},
    }


def fleet(
    replicas: int, per_agent: int, *, name: str = "load", first: int = 0, of: dict[str, Any] | None = None, **agent: Any
) -> dict[str, Any]:
    """A fleet of the users load000, load001 and so on, or from another index. `of` goes into the template."""
    template: dict[str, Any] = {
        "aor": "sip:load{index:03d}@pbx.test",
        "pri": "master",
        "sec": "standby",
        "credentials": {"secretName": "load"},
        "registration": {"expiresSeconds": 600},
        "agent": agent,
        **(of or {}),
    }
    present = {field: value for field, value in template.items() if value is not None}
    spec = {"replicas": replicas, "phonesPerAgent": per_agent, "firstIndex": first, "template": present}
    return {"apiVersion": API, "kind": "SoftphoneFleet", "metadata": {"name": name}, "spec": spec}
