"""What kstatus, and with it Flux and Helm 4, says of objects in a real cluster, from their first moment on; Events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.objects import secret, softphone, system
from lab import kstatus, packages, release
from lab.errors import LabError
from lab.kube import Kube, condition, is_ready, kubectl
from lab.settings import settings
from lab.waiting import wait_until
from softphone_operator.api import crd

pytestmark = pytest.mark.lab


def said(seen: dict[str, Any]) -> str:
    return kstatus.compute([seen])[0].status


def test_an_object_is_in_progress_from_its_first_moment_until_it_is_ready(namespace: Kube) -> None:
    namespace.apply(*system(), secret("u1"))
    for pbx in ("master", "slave", "standby"):
        assert said(namespace.until("pbx", pbx, is_ready)) == "Current"
    # The answer to the request that made it: the operator cannot have seen it before.
    created = kubectl(
        "-n", namespace.namespace, "create", "-f", "-", "-o", "json", given=yaml.safe_dump(softphone("u1"))
    )
    born = json.loads(created)
    assert born["status"] == crd.UNSEEN
    assert said(born) == "InProgress"
    assert said(namespace.until("sp", "u1", is_ready, seconds=90)) == "Current"


def test_a_refused_object_has_failed_and_one_that_waits_for_a_secret_has_not(namespace: Kube) -> None:
    namespace.apply(softphone("u2"))
    waits = namespace.until("sp", "u2", lambda of: condition(of, "Reconciling").get("reason") == "SecretNotFound")
    assert said(waits) == "InProgress"
    namespace.patch("sp", "u2", {"aor": "u2"})
    assert said(namespace.until("sp", "u2", lambda of: condition(of, "Stalled").get("status") == "True")) == "Failed"
    namespace.apply(secret("u2"))
    namespace.patch("sp", "u2", {"aor": "sip:u2@pbx.test"})
    mended = namespace.until("sp", "u2", is_ready, seconds=90)
    assert said(mended) == "Current"
    assert not condition(mended, "Stalled")
    assert not condition(mended, "Reconciling")


def chart(folder: Path, *objects: dict[str, Any]) -> str:
    """A chart of a telephony team with its phones."""
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: phones\nversion: 1.0.0\n")
    (folder / "templates" / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    return str(folder)


def test_helm_4_waits_for_the_phones_of_a_chart_and_says_which_one_is_not_there(
    namespace: Kube, tmp_path: Path
) -> None:
    namespace.apply(*system(), secret("u4"), secret("u5"))

    def helm(*arguments: str) -> str:
        return release.helm(*arguments, binary=packages.helm(settings(), "4"), namespace=namespace.namespace)

    helm("install", "phones", chart(tmp_path, softphone("u4")), "--wait", "--timeout=90s")
    assert is_ready(namespace.get("sp", "u4"))
    wrong = chart(tmp_path, softphone("u4"), softphone("u5", pri="mastre"))
    with pytest.raises(LabError, match="u5"):
        helm("upgrade", "phones", wrong, "--wait", "--timeout=5s")
    assert is_ready(namespace.get("sp", "u4"))
    helm("upgrade", "phones", chart(tmp_path, softphone("u4"), softphone("u5")), "--wait", "--timeout=90s")
    assert is_ready(namespace.get("sp", "u5"))
    helm("uninstall", "phones", "--wait", "--timeout=60s")
    assert not {"u4", "u5"} & set(namespace.names("sp"))


def test_an_event_that_happens_again_is_counted_on_the_one_that_is_there(namespace: Kube) -> None:
    namespace.apply(*system(), secret("u3"), softphone("u3"))
    for _ in range(3):
        namespace.patch("sp", "u3", {"aor": "u3"})
        namespace.until("sp", "u3", lambda of: condition(of, "Stalled").get("status") == "True")
        namespace.patch("sp", "u3", {"aor": "sip:u3@pbx.test"})
        namespace.until("sp", "u3", lambda of: condition(of, "Accepted").get("status") == "True")

    def told() -> set[tuple[str, str, int]]:
        listed = json.loads(kubectl("-n", namespace.namespace, "get", "events", "-o", "json"))["items"]
        about = [e for e in listed if e["involvedObject"]["name"] == "u3"]
        return {(e["type"], e["reason"], e["count"]) for e in about if e["reason"] in ("InvalidSpec", "Accepted")}

    wait_until(lambda: told() == {("Warning", "InvalidSpec", 3), ("Normal", "Accepted", 3)}, "each Event is counted")
