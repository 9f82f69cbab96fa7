"""Every example makes sense: by the schema of the API, by the rules of the operator, and without real passwords."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import examples
from softphone_operator.api import crd
from softphone_operator.api.kinds import KINDS
from softphone_operator.decide import (
    decisions,
    desired_call_check,
    desired_fleet,
    desired_pbx,
    desired_pool,
    desired_softphone,
    references,
)
from softphone_operator.observe.observed import Observed
from softphone_operator.observe.phone_book import PhoneBook
from softphone_operator.rehearsals.desired import DesiredRehearsal, rehearsal

SCHEMAS = {kind.name: crd.crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for kind in KINDS}
NAMESPACE = "examples"


def test_no_example_is_left_out() -> None:
    folders = {file.relative_to(examples.FOLDER).parts[0] for file in examples.FOLDER.glob("*/**/*") if file.is_file()}
    tried = {folder.relative_to(examples.FOLDER).parts[0] for folder in (*examples.MANIFESTS, *examples.SITES)}
    assert folders == {*tried, examples.ALONE.name}
    listed = (examples.FOLDER / "README.md").read_text()
    assert [folder for folder in sorted(folders) if f"| [{folder}]({folder}) |" not in listed] == []


def site(folder: Path) -> list[examples.Object]:
    """What kustomize makes of a site: the base with its patches. The lab's kubectl does the same for real."""
    made = [each for each in examples.documents(examples.FOLDER / "gitops" / "base") if each["kind"] != "Kustomization"]
    (kustomization,) = examples.documents(folder)
    for patch in kustomization["patches"]:
        (target,) = [each for each in made if each["kind"] == patch["target"]["kind"]]
        for change in yaml.safe_load(patch["patch"]):
            _, part, field = change["path"].split("/")
            target[part][field] = change["value"]
    return made


CASES = {
    **{folder.name: list(examples.documents(folder)) for folder in examples.MANIFESTS},
    **{f"gitops/{folder.name}": site(folder) for folder in examples.SITES},
}


@pytest.mark.parametrize("objects", CASES.values(), ids=CASES.keys())
def test_the_operator_accepts_it(objects: list[examples.Object]) -> None:
    secrets = {
        each["metadata"]["name"]: frozenset(each["stringData"])
        for each in examples.with_passwords(objects, "authority")
        if each["kind"] == "Secret"
    }
    pbxs = {
        each["metadata"]["name"]: desired_pbx.pbx(each["metadata"]["name"], NAMESPACE, each["spec"], secrets)
        for each in examples.of_kind(objects, "PBX")
    }
    pools = {
        each["metadata"]["name"]: desired_pool.pool(NAMESPACE, each["spec"], secrets)
        for each in examples.of_kind(objects, "SoftphonePool")
    }
    assert not any(isinstance(made, decisions.Refusal) for made in pools.values()), pools
    for each in (*examples.of_kind(objects, "Rehearsal"), *of_jobs(objects)):
        assert isinstance(rehearsal(NAMESPACE, each["spec"], pbxs, jobs_allowed=True), DesiredRehearsal)
    phones = {
        each["metadata"]["name"]: decided(each, pools, pbxs, secrets)
        for kind in ("Softphone", "SoftphoneFleet")
        for each in examples.of_kind(objects, kind)
    }
    assert phones
    assert {name: made for name, made in (pbxs | phones).items() if isinstance(made, decisions.Refusal)} == {}
    observed = Observed()
    for each in objects:
        if each["kind"] in ("Softphone", "SoftphoneFleet"):
            metadata = {"namespace": NAMESPACE, "resourceVersion": "1", **each["metadata"]}
            observed.take(each["kind"], {**each, "metadata": metadata})
    for each in examples.of_kind(objects, "CallCheck"):
        found = PhoneBook(observed).found(NAMESPACE, desired_call_check.asked(each["spec"]), pbxs)
        made = desired_call_check.call_check(each["metadata"]["name"], NAMESPACE, "uid", each["spec"], found)
        assert isinstance(made, desired_call_check.DesiredCallCheck), made
    assert [
        made.cautions for made in phones.values() if not isinstance(made, decisions.Refusal) and made.cautions
    ] == []
    assert [desired_pbx.inconsistency(name, pbxs) for name in pbxs if desired_pbx.inconsistency(name, pbxs)] == []


def of_jobs(objects: list[examples.Object]) -> list[examples.Object]:
    """The example of a rehearsal with a Job, which is not applied with the others of its folder."""
    with_job = examples.FOLDER / "rehearsal" / "with-job"
    return list(examples.documents(with_job)) if examples.of_kind(objects, "Rehearsal") else []


def decided(
    of: examples.Object,
    pools: Mapping[str, decisions.DesiredPool | decisions.Refusal],
    pbxs: Mapping[str, decisions.DesiredPbx | decisions.Refusal],
    secrets: decisions.Secrets,
) -> decisions.DesiredAgent | decisions.DesiredPhone | decisions.DesiredFleet | decisions.Refusal:
    if pool := references.pool_of(of["spec"]):
        name, spec = of["metadata"]["name"], of["spec"]
        return desired_softphone.in_pool(name, NAMESPACE, "uid", spec, pools.get(pool), pbxs, secrets)
    decide: Any = desired_softphone.softphone if of["kind"] == "Softphone" else desired_fleet.fleet
    made: decisions.DesiredAgent | decisions.DesiredFleet | decisions.Refusal = decide(
        of["metadata"]["name"], NAMESPACE, "uid", of["spec"], pbxs, secrets
    )
    return made


@pytest.mark.parametrize("objects", CASES.values(), ids=CASES.keys())
def test_it_fits_the_schema(objects: list[examples.Object]) -> None:
    for each in objects:
        if each["kind"] in SCHEMAS:
            jsonschema.Draft4Validator(SCHEMAS[each["kind"]]).validate(each)


@pytest.mark.parametrize("objects", CASES.values(), ids=CASES.keys())
def test_it_holds_no_password(objects: list[examples.Object]) -> None:
    """But for the demonstration's, whose PBXes are the lab's and take no others."""
    given = {value for each in objects if each["kind"] == "Secret" for value in each["stringData"].values()}
    users = {examples.password(examples.user(each["spec"]["aor"])) for each in examples.of_kind(objects, "Softphone")}
    assert given <= {"change-me"} or (objects == CASES["demo"] and given <= users)
