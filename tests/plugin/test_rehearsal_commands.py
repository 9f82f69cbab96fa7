"""`kubectl softphone rehearsal` against a pretended API server: begun, refused, waited for, listed, reported."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from plugin.api_server import NAMESPACE, ApiServer
from softphone_operator.api.kinds import REHEARSAL
from softphone_operator.api.rehearsal import RehearsalRun
from softphone_operator.decide.names import REQUEST_ANNOTATION
from softphone_operator.rehearsals import manifests, record
from softphone_operator.rehearsals.record import Record, RecordedPhone
from softphone_plugin.commands import rehearsal as commands
from softphone_plugin.errors import NO, NOT_FOUND, PluginError
from softphone_plugin.output import Format
from softphone_plugin.rehearsing import ReportForm
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session, Where, run

RUN = {
    "phase": "Breaking",
    "began": "2036-11-30T02:00:00Z",
    "ends": "2036-11-30T02:10:00Z",
    "cause": "Request",
    "pbxs": ["vienna"],
    "record": "rehearsal-monthly-1",
}
OVER = {"began": RUN["began"], "ended": RUN["ends"], "cause": "Request", "record": RUN["record"]}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    monkeypatch.setattr(commands, "LOOK_SECONDS", 0.01)
    made = ApiServer()
    metadata = {"name": "monthly", "namespace": NAMESPACE, "uid": "u-1"}
    made.add(REHEARSAL, {"metadata": metadata, "spec": {"pbx": "vienna"}, "status": {"phase": "Pending"}})
    return made


def an_operator(api: ApiServer, *statuses: dict[str, Any]) -> None:
    """It takes each request, and tells these statuses one look after the other."""
    told = iter(statuses)

    def patched(obj: dict[str, Any]) -> None:
        request = obj["metadata"]["annotations"][REQUEST_ANNOTATION]
        first = next(told)
        obj["status"] = {"lastRequest": request, **first}
        page = api.page

        def looked(path: str, query: Any) -> bytes | None:
            answer = page(path, query)
            if (now := next(told, None)) is not None:
                obj["status"] = {"lastRequest": request, **now}
            return answer

        api.page = looked  # type: ignore[method-assign]

    api.patched = patched


def typed(kubeconfig: Path, work: Any) -> tuple[Any, str]:
    """What a command returns, and what it prints."""
    console = Console(file=io.StringIO(), width=200)

    async def do(session: Session) -> Any:
        return await work(session, console)

    result = run(Where(kubeconfig=kubeconfig), do)
    return result, console.file.getvalue()  # type: ignore[attr-defined]


def start(kubeconfig: Path, name: str = "monthly", *, wait: bool = False) -> tuple[bool, str]:
    return typed(kubeconfig, lambda session, notes: commands.start(session, notes, name, wait=wait))


def test_a_request_that_is_taken_says_what_to_do(kubeconfig: Path, api: ApiServer) -> None:
    an_operator(api, {"phase": "Breaking", "message": "break it now", "run": RUN})
    assert start(kubeconfig) == (True, "Breaking: break it now\n")


@pytest.mark.parametrize(("verdict", "passed"), [("Passed", True), ("Failed", False), ("Expired", False)])
def test_who_waits_learns_the_verdict(kubeconfig: Path, api: ApiServer, verdict: str, passed: bool) -> None:
    watching = {"phase": "Watching", "message": "phones are lost", "run": {**RUN, "phase": "Watching"}}
    over = {"phase": verdict, "message": "so it ended", "history": [{"verdict": verdict, **OVER}]}
    an_operator(
        api, {"phase": "Pending", "message": "finding out", "run": {**RUN, "phase": "Preparing"}}, watching, over
    )
    found, text = start(kubeconfig, wait=True)
    assert found is passed
    assert text.splitlines()[-1] == f"{verdict}: so it ended"


def test_one_that_is_over_at_once_is_told_too(kubeconfig: Path, api: ApiServer) -> None:
    an_operator(api, {"phase": "Failed", "message": "not begun: …", "history": [{"verdict": "Failed", **OVER}]})
    assert start(kubeconfig) == (False, "Failed: not begun: …\n")


def test_one_that_was_not_begun_says_where_the_reason_is(kubeconfig: Path, api: ApiServer) -> None:
    an_operator(api, {"phase": "Pending", "message": "suspended"})
    found, text = start(kubeconfig)
    assert not found
    assert text == f"It was not begun. Why: kubectl describe rehearsal monthly -n {NAMESPACE}\n"


def test_without_an_operator_it_says_so(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "TAKEN_SECONDS", 0.1)
    with pytest.raises(PluginError, match=r"the operator did not take the request within 0\.1 s") as error:
        start(kubeconfig)
    assert error.value.code == NO


def test_one_that_is_not_there(kubeconfig: Path) -> None:
    with pytest.raises(PluginError) as error:
        start(kubeconfig, "weekly")
    assert error.value.code == NOT_FOUND


def test_the_list(kubeconfig: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, text = typed(kubeconfig, lambda session, console: commands.show(session, console, None))
    assert text.splitlines()[1].split()[:3] == ["monthly", "vienna", "Pending"]
    typed(kubeconfig, lambda session, console: commands.show(session, console, Format.NAME))
    assert capsys.readouterr().out == "rehearsal.softphone-fleet.io/monthly\n"


def test_the_report(kubeconfig: Path, api: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    of = RehearsalRun.model_validate(RUN, by_name=False, by_alias=True)
    kept = Record(namespace=NAMESPACE, rehearsal="monthly", run=of, phones=(RecordedPhone(name="demo/anna"),))
    owner = {"metadata": {"name": "monthly", "namespace": NAMESPACE, "uid": "u-1"}}
    api.add_other("configmaps", manifests.config_map(owner, of.record, record.dump(kept)))
    an_operator(api, {"phase": "Breaking", "message": "break it now", "run": RUN})
    start(kubeconfig)

    def report(form: ReportForm | None) -> str:
        return typed(kubeconfig, lambda session, console: commands.report(session, console, "monthly", None, form))[1]

    assert "demo/anna" in report(None)
    report(ReportForm.CSV)
    assert capsys.readouterr().out.splitlines()[1] == "demo/anna,not registered,,0,,"


def test_a_config_map_that_is_no_record_says_so(kubeconfig: Path, api: ApiServer) -> None:
    api.add_other("configmaps", {"metadata": {"name": RUN["record"], "namespace": NAMESPACE}, "data": {}})
    an_operator(api, {"phase": "Breaking", "message": "break it now", "run": RUN})
    start(kubeconfig)
    with pytest.raises(PluginError, match=r"the ConfigMap rehearsal-monthly-1 is no record: it has no record\.json"):
        typed(kubeconfig, lambda session, console: commands.report(session, console, "monthly", None, None))
