"""Rehearsals on the lab: by schedule with a Job that has a PBX killed and started, and by hand with too tight a limit.

The PBXes of the lab are no pods, so that the Job cannot reach them: it makes a ConfigMap that asks for the break. The
test kills the PBX, starts it again, and says so in the ConfigMap; then the Job ends.
With REHEARSAL_WRITE=1 both reports go to docs/proof/, as the plugin prints them.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from e2e.objects import API, fleet, secret, system
from lab.images import Images
from lab.kube import Kube, Object, condition, is_ready, kubectl
from lab.pbx import System
from lab.settings import REPOSITORY, settings
from lab.waiting import wait_until

pytestmark = pytest.mark.lab

PHONES = 10
PROOF = REPOSITORY / "docs" / "proof"
BREAKER = """
import json, os, ssl, time, urllib.request
account = "/var/run/secrets/kubernetes.io/serviceaccount/"
host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
place = f"https://{host}:{port}/api/v1/namespaces/{open(account + 'namespace').read()}/configmaps"
trusted = ssl.create_default_context(cafile=account + "ca.crt")
headers = {"Authorization": "Bearer " + open(account + "token").read(), "Content-Type": "application/json"}
def ask(url, body=None):
    request = urllib.request.Request(url, body and json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, context=trusted))
ask(place, {"metadata": {"name": "to-break"}, "data": {"pbx": "slave"}})
while "mended" not in ask(place + "/to-break")["data"]:
    time.sleep(0.2)
"""


def rehearsal(name: str, **spec: Any) -> Object:
    """A Rehearsal of the slave, where the phones are at home."""
    of = {"pbx": "slave", "windowSeconds": 120, **spec}
    return {"apiVersion": API, "kind": "Rehearsal", "metadata": {"name": name}, "spec": of}


def breaker() -> list[Object]:
    """The account of the Job's pod: it may make ConfigMaps and read them, and nothing else."""
    meta = {"metadata": {"name": "breaker"}}
    group = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get"]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", **meta},
        {"apiVersion": f"{group}/v1", "kind": "Role", **meta, "rules": [rule]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            **meta,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "breaker"},
            "subjects": [{"kind": "ServiceAccount", "name": "breaker"}],
        },
    ]


def by_job() -> Object:
    """What breaks and mends: any image with Python."""
    image = Images(settings()).names.operator
    container = {"name": "break", "image": image, "command": ["python3", "-c", BREAKER]}
    pod = {"serviceAccountName": "breaker", "securityContext": {"runAsUser": 65532}, "containers": [container]}
    return {"trigger": "Job", "job": {"template": {"spec": pod}}}


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Kube:
    """A fleet at home on the slave; the namespace admits only pods that Pod Security's level restricted allows."""
    kubectl("label", "namespace", namespace.namespace, "pod-security.kubernetes.io/enforce=restricted")
    keys = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(PHONES)}
    often = {"expiresSeconds": 20, "pingSeconds": 1}
    namespace.apply(*system(), secret("load", **keys), *breaker(), fleet(PHONES, 5, of={"registration": often}))
    all_at_home(namespace)
    return namespace


def all_at_home(phones: Kube) -> None:
    phones.until("spf", "load", is_ready)
    phones.until("pbx", "slave", lambda pbx: pbx["status"].get("phones", {}).get("home") == PHONES, seconds=90)


def in_phase(*wanted: str) -> Callable[[Object], bool]:
    return lambda of: of.get("status", {}).get("phase") in wanted


def plugin(phones: Kube, *words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "softphone_plugin", "rehearsal", *words, "-n", phones.namespace]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def report(phones: Kube, name: str) -> str:
    """The page that an auditor gets; kept where it is asked for."""
    page = plugin(phones, "report", name, "-o", "html")
    if os.environ.get("REHEARSAL_WRITE"):
        (PROOF / f"rehearsal-{name}.html").write_text(page)
    return page


def has_config_map(phones: Kube, name: str) -> bool:
    return name in phones.names("configmap")


def test_by_schedule_a_job_has_the_pbx_killed_and_restarted(phones: Kube, pbxes: System) -> None:
    limits = {"longestOutageSeconds": 30, "allBackWithinSeconds": 60}
    phones.apply(rehearsal("passed", schedule="* * * * *", everyDays=1, limits=limits, **by_job()))
    waiting = phones.until("rh", "passed", in_phase("Waiting", "Pending", "Breaking"))
    assert condition(waiting, "Accepted")["status"] == "True"
    phones.until("rh", "passed", in_phase("Breaking"), seconds=90)
    phones.patch("rh", "passed", {"suspend": True})
    wait_until(lambda: has_config_map(phones, "to-break"), "the Job's pod asks for the break")
    slave = pbxes.pbx("slave")
    slave.kill()
    phones.until("rh", "passed", in_phase("Watching"))
    slave.start()
    slave.wait_ready()
    kubectl("-n", phones.namespace, "patch", "configmap", "to-break", "--type=merge", "-p", '{"data":{"mended":"yes"}}')
    status = phones.until("rh", "passed", in_phase("Passed", "Failed", "Expired"))["status"]
    (result,) = status["history"]
    assert (result["verdict"], result.get("reasons")) == ("Passed", None), result
    assert (result["cause"], result["phones"], result["lost"]) == ("Schedule", PHONES, PHONES)
    assert status["lastPassed"] == result["ended"]
    told = [reason for reason, _ in phones.events("Rehearsal", "passed")]
    assert {"Began", "Breaking", "Watching", "Passed"} <= set(told)

    page = report(phones, "passed")
    assert page.startswith("<!doctype html>")
    rows = list(csv.DictReader(io.StringIO(plugin(phones, "report", "passed", "-o", "csv"))))
    assert sorted(row["phone"] for row in rows) == [f"{phones.namespace}/load-{index}" for index in range(PHONES)]
    assert all(row["state"] == "back" and 0 < float(row["longest outage in s"]) <= 30 for row in rows)
    whole = json.loads(plugin(phones, "report", "passed", "-o", "json"))["result"]
    assert {field: whole[field] for field in result} == result
    assert "Passed" in plugin(phones, "list")


def test_by_hand_with_a_limit_too_tight_it_fails_in_words(phones: Kube, pbxes: System) -> None:
    all_at_home(phones)
    phones.apply(rehearsal("failed", limits={"longestOutageSeconds": 0.001}))
    phones.until("rh", "failed", in_phase("Pending"))
    plugin(phones, "start", "failed")
    phones.until("rh", "failed", in_phase("Breaking"))
    slave = pbxes.pbx("slave")
    slave.kill()
    status = phones.until("rh", "failed", in_phase("Passed", "Failed", "Expired"))["status"]
    slave.start()
    slave.wait_ready()
    (result,) = status["history"]
    assert result["verdict"] == "Failed"
    (reason,) = result["reasons"]
    assert reason.startswith("the longest outage took ")
    assert f"({phones.namespace}/load-" in reason
    assert ", allowed are 0.001 s" in reason
    assert reason in report(phones, "failed")
