"""What Argo CD and Flux would say of our objects, by the health checks in examples/gitops.

Neither runs in the lab. Their languages do here: Lua 5.1 and CEL.
"""

from __future__ import annotations

from typing import Any

import cel
import lupa.lua51
import pytest
import yaml

import examples
from lab.settings import REPOSITORY

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
NOT_READY, BEFORE = condition("Ready", "False"), GENERATION - 1
CASES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    f"{what}: {kind}": (seen, argo_cd, flux)
    for kind in ("Softphone", "SoftphoneFleet")
    for what, seen, argo_cd, flux in [
        ("registered", of(kind, ACCEPTED, READY), "Healthy", "current"),
        ("not registered", of(kind, ACCEPTED, NOT_READY), "Progressing", None),
        ("refused", of(kind, REFUSED, NOT_READY), "Degraded", "failed"),
        ("edited a moment ago", of(kind, ACCEPTED, READY, generation=BEFORE), "Progressing", "inProgress"),
        ("suspended", of(kind, ACCEPTED, NOT_READY, suspend=True), "Suspended", None),
    ]
} | {
    "good PBX": (of("PBX", ACCEPTED, condition("Consistent", "True")), "Healthy", "current"),
    "refused PBX": (of("PBX", REFUSED, condition("Consistent", "True")), "Degraded", "failed"),
    "PBX of an inconsistent system": (of("PBX", ACCEPTED, condition("Consistent", "False")), "Degraded", "failed"),
    "PBX edited a moment ago": (of("PBX", ACCEPTED, generation=BEFORE), "Progressing", "inProgress"),
}


@pytest.mark.parametrize(("seen", "health"), [case[:2] for case in CASES.values()], ids=CASES)
def test_argo_cd_calls_it(seen: dict[str, Any], health: str) -> None:
    assert argo_cd(seen)["status"] == health


def test_argo_cd_says_why() -> None:
    assert argo_cd(of("Softphone", REFUSED))["message"] == "pri: there is no PBX"


@pytest.mark.parametrize("kind", ["PBX", "Softphone", "SoftphoneFleet"])
def test_argo_cd_waits_for_what_nobody_has_looked_at(kind: str) -> None:
    seen = of(kind)
    del seen["status"]
    assert argo_cd(seen)["status"] == "Progressing"


def argo_cd(seen: dict[str, Any]) -> dict[str, str]:
    """What the script for the object's kind says; as in Argo CD the object is the variable `obj`."""
    (config,) = yaml.safe_load_all((GITOPS / "argo-cd" / "argocd-cm.yaml").read_text())
    script = config["data"][f"resource.customizations.health.softphone-fleet.io_{seen['kind']}"]
    lua = lupa.lua51.LuaRuntime()
    lua.globals().obj = lua.table_from(seen, recursive=True)
    return dict(lua.execute(script))


@pytest.mark.parametrize(("seen", "health"), [(case[0], case[2]) for case in CASES.values()], ids=CASES)
def test_flux_calls_it(seen: dict[str, Any], health: str | None) -> None:
    (kustomization,) = yaml.safe_load_all((GITOPS / "flux" / "probes.yaml").read_text())
    (expressions,) = [each for each in kustomization["spec"]["healthCheckExprs"] if each["kind"] == seen["kind"]]
    # In this order; the first that is true decides, and without any Flux goes on waiting.
    said = [name for name in ("inProgress", "failed", "current") if cel.evaluate(expressions[name], seen)]
    assert next(iter(said), None) == health


def test_the_paths_that_they_are_given_are_there() -> None:
    (kustomization,) = yaml.safe_load_all((GITOPS / "flux" / "probes.yaml").read_text())
    assert (REPOSITORY / kustomization["spec"]["path"] / "kustomization.yaml").exists()
    (applications,) = yaml.safe_load_all((GITOPS / "argo-cd" / "applications.yaml").read_text())
    ((generator,),) = [each["git"]["directories"] for each in applications["spec"]["generators"]]
    assert sorted(REPOSITORY.glob(generator["path"])) == sorted(examples.SITES)
