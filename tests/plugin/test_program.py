"""The program as it is typed: what it says and with which exit code it ends, without any cluster."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from softphone_plugin.__main__ import main
from softphone_plugin.cluster import NO_CRD, refusal

REPOSITORY = Path(__file__).parents[2]


class Typed(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Typed]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Types a command."""
    monkeypatch.chdir(REPOSITORY)

    def typed(*arguments: str) -> Typed:
        monkeypatch.setattr(sys, "argv", ["kubectl-softphone", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return Typed(code, *capsys.readouterr())

    return typed


def test_good_manifests_are_0_and_bad_ones_1(run: Run) -> None:
    assert run("lint", "examples/demo")[:2] == (0, "")
    code, out, err = run("lint", "tests/plugin/data/lint/site.yaml")
    assert code == 1
    assert len(out.splitlines()) == len((REPOSITORY / "tests/plugin/data/lint/site.txt").read_text().splitlines())
    assert err == "16 objects, 14 faults, 3 warnings\n"


def test_what_lint_found_is_json_for_ci(run: Run) -> None:
    code, out, _ = run("lint", "tests/plugin/data/lint/site.yaml", "-o", "json")
    told = json.loads(out)
    assert (code, len(told)) == (1, 17)
    assert set(told[0]) == {"file", "line", "severity", "object", "field", "message"}
    assert all(finding["field"].startswith("spec") for finding in told if finding["message"].startswith("spec."))
    assert run("lint", "examples/demo", "--output=json")[:2] == (0, "[]\n")


def test_where_there_is_no_manifest_lint_does_not_say_yes(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("nothing for Kubernetes")
    code, out, err = run("lint", "examples/demo", str(tmp_path))
    assert (code, out) == (2, "")
    assert err == f"kubectl-softphone: there is no manifest in {tmp_path}: no file of it ends in .yaml, .yml, .json\n"
    for text in ("", "# a comment\n", "---\n---\n"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert run("lint", "-") == (2, "", "kubectl-softphone: there is no manifest in -\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: 2026-02-30\n", '-:1:4: fault: "2026-02-30" is no timestamp (text that looks like one goes in quotes)\n'),
        (b"a: &a [*a]\n", '-:1:8: fault: the anchor "a" holds itself\n'),
        (b"[a]: b\n", "-:1:1: fault: is no YAML: a key must be a text, and not a list or a mapping\n"),
        (b"a: \xe4\n", "-:1:4: fault: is not UTF-8\n"),
        (b"a: \0\n", "-:1:4: fault: holds the character U+0000, which no YAML may hold\n"),
    ],
)
def test_what_cannot_be_read_is_a_line_and_1(
    run: Run, monkeypatch: pytest.MonkeyPatch, content: bytes, told: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert run("lint", "-") == (1, told, "0 objects, 1 fault, 0 warnings\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[" * 100_000, "is nested too deeply"),
        (b"{" + b'"a":{' * 900 + b"}" * 901, "is nested too deeply"),
        (b"{'pri': 1}", "is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b'{"pri": "\xe4"}', "is not UTF-8"),
    ],
)
def test_a_conn_info_that_cannot_be_read_is_a_line_too(run: Run, tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "conninfo.json"
    file.write_bytes(content)
    code, out, err = run("import", "conninfo", str(file))
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith(f"kubectl-softphone: {file}")
    assert err.endswith(f": {told}\n")


def test_an_aor_may_be_given_without_its_scheme_as_in_a_table(run: Run) -> None:
    address = ("import", "address", "https://pbx.example.com/PBX0", "--aor")
    code, out, _ = run(*address, "anna@example.com")
    assert code == 0
    assert "aor: sip:anna@example.com\n" in out
    assert run(*address, "sip:anna@example.com")[1] == out


def test_every_user_name_of_a_secret_to_be_made_is_told(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "users.csv"
    table.write_text("user,username\na,\nb,\nc,\nd,\ne,auth e\n")
    code, _, err = run("import", "csv", str(table), "--domain", "x.example", "--pri", "pbx.x.example")
    assert code == 0
    made = "note: the Secret is yours to make: kubectl create secret generic"
    assert err.splitlines() == [
        *(f"{made} {name} --from-file=password=…" for name in "abc"),
        f"{made} e --from-file=password=… --from-literal=username='auth e'",
        "note: and 1 more Secret",
        "5 rows: 5 Softphones, 0 left out",
    ]


def test_a_file_that_is_not_there_is_4_and_a_wrong_option_2(run: Run) -> None:
    assert run("lint", "nowhere.yaml") == (4, "", "kubectl-softphone: nowhere.yaml: No such file or directory\n")
    assert run("lint", "--nonsense")[0] == 2


@pytest.mark.parametrize(
    ("kubeconfig", "message"),
    [
        ("/nowhere", "no cluster: there is no kubeconfig /nowhere"),
        (
            "LICENSE",
            "no cluster: the kubeconfig is of no use: LICENSE:93:36: is no YAML: mapping values are not allowed",
        ),
        ("/dev/null", "no cluster: the kubeconfig /dev/null is empty"),
        ("/", "no cluster: the kubeconfig / cannot be read: Is a directory"),
        (
            "tests/plugin/data/kubeconfig",
            "the API server at http://127.0.0.1:1 cannot be reached: Cannot connect to host 127.0.0.1:1",
        ),
    ],
)
def test_without_a_cluster_one_line_says_so(run: Run, kubeconfig: str, message: str) -> None:
    code, out, err = run("status", "--kubeconfig", kubeconfig)
    assert (code, out) == (3, "")
    assert err.startswith(f"kubectl-softphone: {message}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n", "no cluster: the kubeconfig {} is empty"),
        ("[]\n", "no cluster: the kubeconfig {} is of no use: it holds no fields"),
        (
            "current-context: 2026-02-30\n",
            "no cluster: the kubeconfig is of no use: {}:1:18: this is no timestamp",
        ),
        ("users: &a [*a]\n", 'no cluster: the kubeconfig is of no use: {}:1:12: the anchor "a" holds itself'),
        ("a: " + "[" * 5000, "no cluster: the kubeconfig is of no use: {}:1:103: is nested more than 100 levels deep"),
    ],
)
def test_a_kubeconfig_of_no_use_is_told_with_its_place(run: Run, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    for command in (("status",), ("top", "--once")):
        code, out, err = run(*command, "--kubeconfig", str(file))
        assert (code, out) == (3, "")
        assert err.startswith(f"kubectl-softphone: {message.format(file)}")
        assert len(err.splitlines()) == 1


def test_of_several_kubeconfigs_empty_ones_count_for_nothing(run: Run, tmp_path: Path) -> None:
    """As in kubectl."""
    (tmp_path / "config").write_text("")
    both = f"{tmp_path / 'config'}:tests/plugin/data/kubeconfig"
    assert "http://127.0.0.1:1 cannot be reached" in run("status", "--kubeconfig", both).err


def test_what_the_api_server_says_is_told_in_its_words() -> None:
    forbidden = b'{"kind":"Status","message":"pods is forbidden: User \\"anna\\" cannot list","code":403}'
    assert str(refusal(403, forbidden, "/api/v1/pods")) == 'pods is forbidden: User "anna" cannot list'
    assert str(refusal(404, b"404 page not found\n", "/apis/softphone-fleet.io/v1alpha1/softphones")) == NO_CRD
    missing = b'{"message":"softphones.softphone-fleet.io \\"x\\" not found"}'
    assert refusal(404, missing, "/apis/softphone-fleet.io/v1alpha1/namespaces/demo/softphones/x").code == 4
    assert refusal(403, forbidden, "").code == 3
    assert "credentials" in str(refusal(401, b'{"message":"Unauthorized"}', "/api/v1/pods"))
