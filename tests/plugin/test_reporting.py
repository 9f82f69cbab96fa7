"""`report` collects what there is, says what is missing, reads no Secret, and holds none."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
import yaml

from plugin.api_server import NAMESPACE, ApiServer, Object, serving
from plugin.reports import report as said
from plugin.reports import softphone
from softphone_operator.api.kinds import KINDS, PBX, SOFTPHONE
from softphone_operator.decide.names import APP, COMPONENT
from softphone_plugin.commands.report import report
from softphone_plugin.errors import PluginError
from softphone_plugin.rendering import Console
from softphone_plugin.session import Where, run

SECRET = "hunter2"


@pytest.fixture
def api() -> ApiServer:
    """A Softphone with its agent, an operator, and a secret wherever one may have been put."""
    made = ApiServer()
    anna = softphone(said=said())
    anna["metadata"]["annotations"] = {"note": f"password: {SECRET}"}
    made.add(SOFTPHONE, anna)
    made.add(
        PBX,
        {
            "kind": "PBX",
            "metadata": {"name": "master", "namespace": NAMESPACE},
            "spec": {"address": f"sip:a:{SECRET}@m"},
        },
    )
    made.agent("softphone-anna", said())
    labels = {COMPONENT: "operator", APP: "softphone-fleet"}
    operator: Object = {"metadata": {"name": "operator-1", "namespace": NAMESPACE, "labels": labels}}
    operator["status"] = {"containerStatuses": [{"name": "operator", "restartCount": 1}]}
    operator["spec"] = {
        "containers": [{"env": [{"name": "SOFTPHONE_NOTIFY_URL", "value": f"https://h.example/{SECRET}"}]}]
    }
    made.add_other("pods", operator)
    made.add_other("secrets", {"metadata": {"name": "anna", "namespace": NAMESPACE}, "data": {"password": SECRET}})
    made.add_other("events", _event("Softphone", "anna"), _event("Pod", "softphone-anna-x"), _event("Pod", "web-1"))
    made.logs = {
        "softphone-anna": f'{{"message": "Authorization: Digest response=\\"{SECRET}\\"\\r\\n"}}\n'.encode(),
        "operator-1": b"it began\n",
    }
    made.metrics = b'softphone_registered{softphone="anna"} 1\n'
    return made


def _event(kind: str, name: str) -> dict[str, object]:
    metadata = {"name": f"{name}.1", "namespace": NAMESPACE}
    return {"metadata": metadata, "involvedObject": {"kind": kind, "name": name}, "message": f"of {name}"}


def made(kubeconfig: Path, to: Path) -> dict[str, str]:
    """The files of a report, without the folder that they lie in."""
    where = Where(kubeconfig=kubeconfig)
    run(where, lambda session: report(session, Console(quiet=True), to, 100))
    found = {}
    with tarfile.open(to) as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            found[entry.name.partition("/")[2]] = file.read().decode()
    return found


def test_it_holds_what_there_is_and_no_secret(kubeconfig: Path, api: ApiServer, tmp_path: Path) -> None:
    to = tmp_path / "report.tar.gz"
    files = made(kubeconfig, to)
    agent = f"agents/{NAMESPACE}/softphone-anna"
    assert files.keys() == {
        "README.txt",
        "about.yaml",
        "missing.txt",
        *(f"objects/{kind.plural}.yaml" for kind in KINDS),
        *(f"kubernetes/{name}.yaml" for name in ("pods", "deployments", "configmaps", "events")),
        *(f"{agent}/{name}" for name in ("status.json", "metrics.txt", "log-.txt")),
        "operator/pods.yaml",
        f"operator/{NAMESPACE}/operator-1/log-operator.txt",
        f"operator/{NAMESPACE}/operator-1/previous-log-operator.txt",
    }
    assert [name for name, text in files.items() if SECRET in text] == []
    assert not [path for path in api.asked if "secrets" in path], "nobody even asks for Secrets"
    assert files["missing.txt"] == "nothing\n"
    (anna,) = yaml.safe_load(files["objects/softphones.yaml"])["items"]
    assert (anna["metadata"]["name"], anna["status"]["registration"]["pbx"]) == ("anna", "slave")
    assert '"pbx": "slave"' in files[f"{agent}/status.json"]
    assert "softphone_registered" in files[f"{agent}/metrics.txt"]
    told = [event["message"] for event in yaml.safe_load(files["kubernetes/events.yaml"])["items"]]
    assert told == ["of anna", "of softphone-anna-x"], "not what others do"
    assert to.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_had_is_told(kubeconfig: Path, api: ApiServer, tmp_path: Path) -> None:
    api.unheard = {"softphone-anna"}
    del api.logs["operator-1"]
    files = made(kubeconfig, tmp_path / "report.tar.gz")
    assert f"agents/{NAMESPACE}/softphone-anna/status.json: " in files["missing.txt"]
    assert f"operator/{NAMESPACE}/operator-1/log-operator.txt: " in files["missing.txt"]
    assert files["objects/softphones.yaml"]


def test_a_file_that_is_there_is_not_overwritten(kubeconfig: Path, tmp_path: Path) -> None:
    there = tmp_path / "report.tar.gz"
    there.write_text("of last week")
    with pytest.raises(PluginError, match=r"report\.tar\.gz: File exists"):
        made(kubeconfig, there)
    assert there.read_text() == "of last week"


def test_without_a_cluster_there_is_no_report(tmp_path: Path) -> None:
    with serving(ApiServer(), tmp_path) as path:
        pass  # it is gone again
    with pytest.raises(PluginError, match="cannot be reached"):
        made(path, tmp_path / "report.tar.gz")
    assert not (tmp_path / "report.tar.gz").exists()
