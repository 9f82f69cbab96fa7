"""What Argo CD would say of our objects, by the health checks in examples/gitops.

It does not run in the lab; its language does here: Lua 5.1. What Flux says is in operator/test_kstatus.py.
"""

from __future__ import annotations

from typing import Any

import lupa.lua51
import pytest
import yaml

import examples
from lab.settings import REPOSITORY
from softphone_operator.api import crd

GITOPS = examples.FOLDER / "gitops"
GENERATION = 3


def condition(name: str, status: str, message: str = "") -> dict[str, str]:
    return {"type": name, "status": status, "message": message}


def of(kind: str, *conditions: dict[str, str], generation: int = GENERATION, **spec: Any) -> dict[str, Any]:
    if kind == "SoftphoneFleet":
        spec = {"template": spec}
    return {
        "kind": kind,
        "metadata": {"generation": GENERATION},
        "spec": spec,
        "status": {"observedGeneration": generation, "conditions": list(conditions)},
    }


ACCEPTED, READY = condition("Accepted", "True"), condition("Ready", "True")
REFUSED = condition("Accepted", "False", "pri: there is no PBX")
STALLED = condition("Stalled", "True", 'aor: "anna" is no address of record')
NOT_READY, BEFORE = condition("Ready", "False"), GENERATION - 1
RECONCILING = condition("Reconciling", "True")
CASES: dict[str, tuple[dict[str, Any], str]] = {
    f"{what}: {kind}": (seen, health)
    for kind in ("Softphone", "SoftphoneFleet")
    for what, seen, health in [
        ("registered", of(kind, ACCEPTED, READY), "Healthy"),
        ("not registered", of(kind, ACCEPTED, NOT_READY), "Progressing"),
        ("waits for a PBX that may come", of(kind, REFUSED, NOT_READY, RECONCILING), "Progressing"),
        ("refused", of(kind, REFUSED, NOT_READY, STALLED), "Degraded"),
        ("edited a moment ago", of(kind, ACCEPTED, READY, generation=BEFORE), "Progressing"),
        ("suspended", of(kind, ACCEPTED, NOT_READY, suspend=True), "Suspended"),
    ]
} | {
    "good PBX": (of("PBX", ACCEPTED, condition("Consistent", "True"), READY), "Healthy"),
    "refused PBX": (of("PBX", REFUSED, condition("Consistent", "Unknown"), NOT_READY, STALLED), "Degraded"),
    "PBX that waits for its Secret": (of("PBX", REFUSED, NOT_READY, RECONCILING), "Progressing"),
    "PBX of an inconsistent system": (of("PBX", ACCEPTED, condition("Consistent", "False"), NOT_READY), "Degraded"),
    "PBX edited a moment ago": (of("PBX", ACCEPTED, READY, generation=BEFORE), "Progressing"),
}


@pytest.mark.parametrize(("seen", "health"), CASES.values(), ids=CASES)
def test_argo_cd_calls_it(seen: dict[str, Any], health: str) -> None:
    assert argo_cd(seen)["status"] == health


def test_argo_cd_says_why() -> None:
    assert argo_cd(of("Softphone", REFUSED, STALLED))["message"] == 'aor: "anna" is no address of record'


@pytest.mark.parametrize("kind", ["PBX", "Softphone", "SoftphoneFleet"])
def test_argo_cd_waits_for_what_nobody_has_looked_at(kind: str) -> None:
    seen = of(kind)
    seen["status"] = dict(crd.UNSEEN)
    assert argo_cd(seen)["status"] == "Progressing"
    del seen["status"]
    assert argo_cd(seen)["status"] == "Progressing"


def argo_cd(seen: dict[str, Any]) -> dict[str, str]:
    """What the script for the object's kind says; as in Argo CD the object is the variable `obj`."""
    (config,) = yaml.safe_load_all((GITOPS / "argo-cd" / "argocd-cm.yaml").read_text())
    script = config["data"][f"resource.customizations.health.softphone-fleet.io_{seen['kind']}"]
    lua = lupa.lua51.LuaRuntime()
    lua.globals().obj = lua.table_from(seen, recursive=True)
    return dict(lua.execute(script))


def test_the_paths_that_they_are_given_are_there() -> None:
    (kustomization,) = yaml.safe_load_all((GITOPS / "flux" / "probes.yaml").read_text())
    assert (REPOSITORY / kustomization["spec"]["path"] / "kustomization.yaml").exists()
    (applications,) = yaml.safe_load_all((GITOPS / "argo-cd" / "applications.yaml").read_text())
    ((generator,),) = [each["git"]["directories"] for each in applications["spec"]["generators"]]
    assert sorted(REPOSITORY.glob(generator["path"])) == sorted(examples.SITES)
