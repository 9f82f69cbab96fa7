"""Specs of all kinds with a hostile text at any place that takes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from hostile import Place, places, put
from softphone_operator.api.call_checks import CallCheckSpec
from softphone_operator.api.rehearsal import RehearsalSpec
from softphone_operator.api.spec import PBXSpec, SoftphoneFleetSpec, SoftphonePoolSpec, SoftphoneSpec

PBX = {"address": "sip:10.0.0.1:5061;transport=tls", "system": "acme"}
PHONE = {"aor": "sip:anna@acme.example", "pri": "master"}
FLEET = {"replicas": 2, "template": {"aor": "sip:load{index}@acme.example", "pri": "master"}}
POOL: dict[str, Any] = {"phonesPerAgent": 10}
CALL_CHECK: dict[str, Any] = {"from": {"softphone": "anna"}, "to": {"softphone": "berta"}}
REHEARSAL = {"pbx": "master"}
BASES: dict[str, tuple[type[BaseModel], Mapping[str, Any]]] = {
    "PBX": (PBXSpec, PBX),
    "Softphone": (SoftphoneSpec, PHONE),
    "SoftphoneFleet": (SoftphoneFleetSpec, FLEET),
    "SoftphonePool": (SoftphonePoolSpec, POOL),
    "CallCheck": (CallCheckSpec, CALL_CHECK),
    "Rehearsal": (RehearsalSpec, REHEARSAL),
}
CASES = [(kind, place) for kind, (model, _) in BASES.items() for place in places(model)]
"""Every kind with every place of a text in it."""


def hostile_spec(kind: str, place: Place, text: str) -> Any:
    """A spec with the text at the place; other fields say what makes it count."""
    spec = put(BASES[kind][1], place.path, text)
    if kind == "PBX" and place.path[0] == "locationCarrier":
        spec["location"] = "vienna"
    if place.path[-1] in ("passwordKey", "usernameKey"):
        spec["credentials"]["secretName"] = "good"
    if place.path[0] == "job":
        spec["trigger"] = "Job"
        spec["job"]["template"]["spec"] = {"containers": [{"name": "a", "image": "b"}]}
    if place.path[-1] == "timeZone":
        spec["schedule"] = "0 3 1 * *"
    if place.path[-1] == "system" and kind == "Rehearsal":
        del spec["pbx"]
    if place.path[-1] == "cur":
        spec = put(spec, (*place.path[:-1], "mode"), "Browser")
    if kind == "CallCheck" and place.path[-1] in ("selector", "uri"):
        del spec[place.path[0]]["softphone"]
    return spec
