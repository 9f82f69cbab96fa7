"""Every example runs: applied as it stands, but for the addresses and passwords of the lab's PBXes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import examples
from lab.kube import Kube, condition, is_ready, kubectl, registered_at, registration
from lab.pbx import default_system

pytestmark = pytest.mark.lab

RUN = uuid.uuid4().hex[:6]
FOLDERS = (*examples.MANIFESTS, *examples.SITES)


Applied = dict[Path, tuple[Kube, list[examples.Object]]]


@pytest.fixture(scope="module")
def applied(operator: Kube) -> Iterator[Applied]:
    """All folders at once, each in a namespace of its own, and what was applied."""
    given = {folder: (Kube(f"{folder.name}-{RUN}"), objects_of(folder)) for folder in FOLDERS}
    for where, objects in given.values():
        kubectl("create", "namespace", where.namespace)
        where.apply(*objects)
    yield given
    for where, _ in given.values():
        where.close()


def objects_of(folder: Path) -> list[examples.Object]:
    if folder in examples.SITES:
        # What `kubectl apply -k` would send, to a namespace of this run.
        text = kubectl("kustomize", str(folder)).replace(
            f"namespace: probes-{folder.name}", f"namespace: {folder.name}-{RUN}"
        )
    else:
        text = "\n---\n".join(file.read_text() for file in sorted(folder.glob("*.yaml")))
    objects = list(yaml.safe_load_all(examples.fitted(text)))
    return examples.with_passwords(objects, default_system().authority.read_text())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_all_of_its_phones_become_ready(folder: Path, applied: Applied) -> None:
    where, objects = applied[folder]
    for kind in ("Softphone", "SoftphoneFleet", "SoftphonePool"):
        for each in examples.of_kind(objects, kind):
            where.until(kind, each["metadata"]["name"], is_ready)
    for each in examples.of_kind(objects, "CallCheck"):
        seen = where.until("callcheck", each["metadata"]["name"], lambda check: bool(condition(check, "Accepted")))
        assert condition(seen, "Accepted")["status"] == "True"
    for each in examples.of_kind(objects, "PBX"):
        seen = where.until("pbx", each["metadata"]["name"], lambda pbx: bool(pbx.get("status", {}).get("conditions")))
        assert condition(seen, "Accepted")["status"] == condition(seen, "Consistent")["status"] == "True"


def test_over_tls_the_phone_ends_at_home_by_tls(applied: Applied) -> None:
    where, _ = applied[examples.FOLDER / "tls"]
    alice = registration(where.until("sp", "alice", registered_at("slave", "Home")))
    assert alice["registrar"].endswith("transport=tls")


def test_the_fleet_is_whole(applied: Applied) -> None:
    where, _ = applied[examples.FOLDER / "fleet"]
    status = where.until("spf", "load", is_ready)["status"]
    assert (status["registered"], status["agents"]["ready"]) == (500, 2)
