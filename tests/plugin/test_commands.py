"""Commands as they are typed, against a pretended API server with agents behind it."""

from __future__ import annotations

import gc
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugin.api_server import NAMESPACE, ApiServer, serving
from plugin.reports import fleet, report, softphone
from softphone_agent.contract.history import HistoryEntry
from softphone_operator.api.kinds import PBX, SOFTPHONE, SOFTPHONE_FLEET
from softphone_plugin.cli import completions
from softphone_plugin.cluster import Cluster, pods
from softphone_plugin.commands import drill
from softphone_plugin.errors import PluginError
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session, Where, run

pytestmark = pytest.mark.lab  # a process each: too slow for make check


@pytest.fixture
def api() -> ApiServer:
    """A Softphone, a fleet of ten, and their PBXes; three agents."""
    made = ApiServer()
    for name in ("master", "slave"):
        made.add(PBX, {"metadata": {"name": name, "namespace": NAMESPACE}, "status": {"reachable": True}})
    made.add(SOFTPHONE, softphone(said=report()))
    made.add(SOFTPHONE_FLEET, fleet())
    made.agent("softphone-anna", report())
    made.agent("fleet-load-0", *(report(f"load-{index}") for index in range(5)))
    made.agent("fleet-load-1", *(report(f"load-{index}") for index in range(5, 10)))
    return made


@pytest.fixture
def kubeconfig(api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A kubeconfig that leads there."""
    with serving(api, tmp_path) as path:
        yield str(path)


def begun(kubeconfig: str, *words: str) -> subprocess.Popen[str]:
    """A command that runs."""
    command = [sys.executable, "-m", "softphone_plugin", *words, "--kubeconfig", kubeconfig]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def typed(kubeconfig: str, *words: str) -> tuple[int, str, str]:
    """A command that ends: exit code, output and errors."""
    with begun(kubeconfig, *words) as process:
        out, err = process.communicate()
        return process.returncode, out, err


@pytest.mark.parametrize("words", [["top"], ["top", "-o", "json"]])
def test_top_without_a_terminal_is_a_line_a_look_and_ends_cleanly(
    kubeconfig: str, api: ApiServer, words: list[str]
) -> None:
    api.add(PBX, *({"metadata": {"name": f"the-branch-{n}", "namespace": NAMESPACE}} for n in range(80)))
    with begun(kubeconfig, *words, "--interval", "0.5") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    if words[1:]:
        assert [json.loads(line)["registered"] for line in lines] == [1, 1]
    else:
        assert [line.split()[1] for line in lines] == ["phones=1", "phones=1"]
        assert "pbx/slave=1 pbx/the-branch-0=0" in lines[1]
        assert lines[1].endswith("pbx/the-branch-9=0 location/headquarters=1\n"), "however many PBXes there are"


def test_what_top_counts_is_there_for_programs(kubeconfig: str) -> None:
    code, out, _ = typed(kubeconfig, "top", "--once", "-o", "json")
    told = json.loads(out)
    assert code == 0
    assert (told["phones"], told["registered"], told["home"], told["standby"], told["out"]) == (1, 1, 1, 0, 0)
    home = {"registered": 1, "home": 1, "standby": 0, "unknown": 0}
    assert told["pbxs"][1] == {"name": "slave", **home, "reachable": True}
    assert told["locations"] == [{"name": "headquarters", **home}]


@pytest.mark.parametrize(
    "words", [["top", "--interval", "0.5"], ["top", "-o", "json", "--interval", "0.5"], ["--help"]]
)
def test_a_reader_that_goes_before_the_end_is_no_answer_no(kubeconfig: str, words: list[str]) -> None:
    with begun(kubeconfig, *words) if words[0] == "top" else _help() as process:
        assert process.stdout is not None
        if words[0] == "top":
            process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait() == 141


def _help() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "softphone_plugin", "--help"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("words", [["status"], ["status", "-o", "json"], ["status", "anna"], ["explain", "anna"]])
def test_a_command_whose_reader_is_gone_from_the_start_ends_so_too(kubeconfig: str, words: list[str]) -> None:
    with begun(kubeconfig, *words) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait() == 141


def test_a_fleets_phone_is_its_report_for_programs(kubeconfig: str, api: ApiServer) -> None:
    code, out, _ = typed(kubeconfig, "status", "load-7", "-o", "json")
    assert code == 0
    assert json.loads(out)["name"] == "load-7"
    assert json.loads(out)["pbx"] == "slave"
    assert typed(kubeconfig, "status", "load-7", "-o", "name")[1] == "softphonefleet.softphone-fleet.io/load\n"
    assert json.loads(typed(kubeconfig, "status", "anna", "-o", "json")[1])["kind"] == "Softphone"


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("pbx/master", "NAME     REACHABLE"),
        ("pbxs.softphone-fleet.io/master", "NAME     REACHABLE"),
        ("spf/load", "NAME   STATE"),
        ("sp/anna", "anna  sip:anna@acme.example  Launcher"),
        ("softphone.softphone-fleet.io/anna", "anna  sip:anna@acme.example  Launcher"),
        ("spf/load-7", "load-7  sip:load07@acme.example  Launcher"),
    ],
)
def test_status_takes_names_as_kubectl_does(kubeconfig: str, name: str, begins: str) -> None:
    code, out, err = typed(kubeconfig, "status", name)
    assert (code, err) == (0, "")
    assert out.startswith(begins)


def test_a_pbx_that_is_not_there_is_4_and_no_phone(kubeconfig: str) -> None:
    assert typed(kubeconfig, "status", "pbx/nowhere")[0] == 4
    code, _, err = typed(kubeconfig, "explain", "pbx/master")
    assert (code, err) == (2, 'kubectl-softphone: "pbx/master" is a PBX, and no phone\n')


@pytest.mark.parametrize("command", ["status", "explain", "trace"])
def test_a_softphone_hides_no_phone_of_a_fleet(kubeconfig: str, api: ApiServer, command: str) -> None:
    """Nor does a fleet hide a Softphone: whoever types the name of both is asked."""
    api.add(SOFTPHONE, *(softphone(name, said=report(name)) for name in ("load-7", "load-77")))
    code, out, err = typed(kubeconfig, command, "load-7")
    assert (code, out) == (2, "")
    told = '"load-7" is a Softphone, and a phone of the SoftphoneFleet load as well: say sp/load-7 or spf/load-7'
    assert err == f"kubectl-softphone: {told}\n"
    if command == "status":
        assert typed(kubeconfig, command, "sp/load-7")[1].startswith("load-7  sip:anna@acme.example")
        assert typed(kubeconfig, command, "spf/load-7")[1].startswith("load-7  sip:load07@acme.example")
        assert typed(kubeconfig, command, "load-77")[0] == 0, "the fleet has no such index"


def test_a_fleet_named_like_a_phone_is_found(kubeconfig: str, api: ApiServer) -> None:
    api.add(SOFTPHONE_FLEET, {**fleet(), "metadata": {"name": "load-7", "namespace": NAMESPACE}})
    assert typed(kubeconfig, "status", "spf/load-7")[1].splitlines()[1].startswith("load-7 ")
    assert typed(kubeconfig, "status", "spf/load/7")[1].startswith("load-7  sip:load07@acme.example")


@pytest.mark.parametrize("words", [["status"], ["status", "anna"], ["top", "--once"], ["explain", "anna"]])
def test_in_a_pipe_no_line_is_padded(kubeconfig: str, words: list[str]) -> None:
    code, out, _ = typed(kubeconfig, *words)
    assert (code, [line for line in out.splitlines() if line != line.rstrip()]) == (0, [])


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii"}])
def test_without_utf8_all_is_said_and_data_is_whole(
    kubeconfig: str, api: ApiServer, monkeypatch: pytest.MonkeyPatch, locale: dict[str, str]
) -> None:
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    said = report("ben", physical_location="st-pölten")
    api.add(SOFTPHONE, softphone("ben", said=said))
    code, out, err = typed(kubeconfig, "status", "anna")
    assert (code, err) == (0, "")
    assert [line[:10] for line in out.splitlines()[2:5]] == ["  o master", "  | 302", "  * slave  "[:10]]
    code, out, err = typed(kubeconfig, "status")
    assert (code, err) == (0, "")
    assert "st-p\\xf6lten" in out
    assert json.loads(typed(kubeconfig, "status", "-o", "json")[1])["items"][3]["metadata"]["name"] == "ben"
    assert "st-pölten" in typed(kubeconfig, "status", "sp/ben", "-o", "yaml")[1]
    assert typed(kubeconfig, "top", "--once")[::2] == (0, "")


def test_an_agent_that_does_not_know_its_phone_is_no_report(kubeconfig: str, api: ApiServer) -> None:
    api.add(SOFTPHONE_FLEET, {**fleet(), "metadata": {"name": "more", "namespace": NAMESPACE}})
    api.agent("fleet-more-0")
    code, _, err = typed(kubeconfig, "status", "more-1", "-o", "yaml")
    assert (code, err) == (4, "kubectl-softphone: its agent does not know more-1 yet\n")
    code, _, err = typed(kubeconfig, "status", "more-7", "-o", "yaml")
    assert (code, err) == (3, "kubectl-softphone: the agent of more-7 cannot be heard: its agent has no pod\n")


@pytest.mark.parametrize(("option", "told"), [(["-l", "a=b"], "-l"), (["-A"], "-A")])
def test_one_name_and_a_choice_of_many_are_a_wrong_command_line(kubeconfig: str, option: list[str], told: str) -> None:
    code, out, err = typed(kubeconfig, "status", "anna", *option)
    assert (code, out) == (2, "")
    assert err == f"kubectl-softphone: {told} is for many objects, and a NAME for one\n"


def test_an_explanation_is_there_for_programs(kubeconfig: str) -> None:
    code, out, _ = typed(kubeconfig, "explain", "anna", "-o", "json")
    assert code == 0
    told = json.loads(out)
    assert told["phone"] == "anna"
    assert told["where"][0].startswith("anna is registered at slave, its home")
    assert told["next"]


def watched(kubeconfig: str, monkeypatch: pytest.MonkeyPatch, patience: float) -> tuple[bool | PluginError, str]:
    """A drill that nobody makes, and what it says meanwhile."""
    monkeypatch.setattr(drill, "HEAR_SECONDS", patience)
    notes = Console(file=io.StringIO(), width=200)
    where = Where(kubeconfig=Path(kubeconfig))
    outcome: bool | PluginError
    try:
        outcome = run(
            where, lambda session: drill.watch(session, Console(file=io.StringIO()), notes, "slave", 0.1, None)
        )
    except PluginError as error:
        outcome = error
    return outcome, notes.file.getvalue()  # type: ignore[attr-defined]


def test_a_drill_of_which_no_agent_is_heard_says_so(
    kubeconfig: str, api: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api.silent = {"softphone-anna", "fleet-load-0", "fleet-load-1"}
    outcome, _ = watched(kubeconfig, monkeypatch, 0.2)
    assert isinstance(outcome, PluginError)
    assert str(outcome) == "no agent can be heard: demo/softphone-anna: it said nothing within 0.2 s"
    assert outcome.code == 3
    gc.collect()
    assert [record.message for record in caplog.records] == []


def test_a_drill_tells_which_agents_are_not_heard(
    kubeconfig: str, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.silent = {"fleet-load-1"}
    outcome, notes = watched(kubeconfig, monkeypatch, 3.0)
    assert outcome is False
    assert "not heard, so not watched: demo/fleet-load-1: it said nothing within 3 s" in notes
    assert "Watching 6 phones at slave" in notes


def test_an_agents_silence_is_not_the_api_servers(
    kubeconfig: str, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.silent = {"softphone-anna"}
    monkeypatch.setattr("softphone_plugin.cluster.REQUEST_SECONDS", 0.2)

    async def asked(session: Session) -> list[str]:
        path = pods(NAMESPACE, "softphone-anna:8080", "proxy/status")
        said = []
        for work in (session.cluster.get(path), _first(session.cluster, path)):
            with pytest.raises(PluginError) as refused:
                await work
            said.append(str(refused.value))
        return said

    told = "the agent does not answer through the API server"
    assert run(Where(kubeconfig=Path(kubeconfig)), asked) == [told, told]


async def _first(cluster: Cluster, path: str) -> bytes:
    return await anext(cluster.lines(path, {"watch": "1"}, 0.2))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["status", ""], ["anna", *(f"load-{index}" for index in range(10)), ":4"]),
        (["explain", "load-7"], ["load-7", ":4"]),
        (["trace", "a"], ["anna", ":4"]),
        (["drill", "m"], ["master", ":4"]),
        (["pbx", "s"], ["slave", ":4"]),
        (["suspend", ""], ["anna", "load", ":4"]),
        (["restart", "l"], ["load", ":4"]),
        (["drill", "-o", "json", ""], ["master", "slave", ":4"]),
        (["drill", "slave", ""], [":4"]),
        (["import", "csv", "users.csv", "--pbx", "s"], ["slave", ":4"]),
        (["top", "-n", ""], ["demo", ":4"]),
        (["top", "--namespace=d"], ["demo", ":4"]),
        (["top", "--context", ""], ["here", ":4"]),
        (["status", "--context", "nowhere", ""], [":4"]),
    ],
)
def test_names_of_the_cluster_may_stand_next(
    kubeconfig: str, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str]
) -> None:
    at = [] if words[0] == "import" else ["--kubeconfig", kubeconfig]
    for module in ("softphone_plugin.cluster", "kubernetes.aio.config.kube_config"):
        monkeypatch.setattr(f"{module}.KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
    assert completions([words[0], *at, *words[1:]]) == expected


def test_a_history_is_what_the_agent_remembers_of_the_last_time(kubeconfig: str, api: ApiServer) -> None:
    now = datetime.now(UTC)
    old, new = ((now - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in (30, 1))
    for name, time in (("anna", old), ("anna", new), ("load-3", new)):
        api.history.append(HistoryEntry(time=time, phone=name, kind="Outage", from_pbx="slave", seconds=2))
    code, out, _ = typed(kubeconfig, "history", "anna", "-o", "csv")
    assert (code, out.splitlines()[1:]) == (0, [f"{new},anna,Outage,,slave,,2,"])
    assert len(json.loads(typed(kubeconfig, "history", "anna", "--last", "2d", "-o", "json")[1])) == 2
    assert "Outage" in typed(kubeconfig, "history", "load-3")[1]
    code, out, err = typed(kubeconfig, "history", "load-4")
    assert (code, out) == (0, "")
    assert "Of load-4 its agent remembers nothing from the last 24h." in err


def test_a_phone_is_suspended_and_resumed_and_its_object_says_so(kubeconfig: str, api: ApiServer) -> None:
    (anna,) = api.objects(SOFTPHONE.plural)
    assert typed(kubeconfig, "suspend", "anna") == (0, "softphone/anna suspended\n", "")
    assert anna["spec"]["suspend"] is True
    assert typed(kubeconfig, "resume", "sp/anna") == (0, "softphone/anna resumed\n", "")
    assert "suspend" not in anna["spec"]
    code, _, err = typed(kubeconfig, "suspend", "load-3")
    assert (code, "a fleet is changed as a whole: spf/load" in err) == (4, True)
    assert typed(kubeconfig, "resume", "pbx/master")[0] == 2


def test_the_view_of_a_pbx_is_there_for_people_and_programs(kubeconfig: str) -> None:
    code, out, _ = typed(kubeconfig, "pbx", "slave")
    assert (code, out.splitlines()[0]) == (0, "slave")
    assert "Registered here (1)" in out
    assert json.loads(typed(kubeconfig, "pbx", "slave", "-o", "json")[1])["registered"][0]["name"] == "anna"
    assert typed(kubeconfig, "pbx", "nowhere")[0] == 4


def test_a_span_that_is_none_is_a_wrong_command_line(kubeconfig: str) -> None:
    code, _, err = typed(kubeconfig, "history", "anna", "--last", "soon")
    assert (code, "is no span of time" in err) == (2, True)
