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
        "note: and 1 more Secrets",
        "5 rows: 5 Softphones, 0 left out",
    ]


def test_a_file_that_is_not_there_is_4_and_a_wrong_option_2(run: Run) -> None:
    assert run("lint", "nowhere.yaml") == (4, "", "kubectl-softphone: nowhere.yaml: No such file or directory\n")
    assert run("lint", "--nonsense")[0] == 2


@pytest.mark.parametrize(
    ("kubeconfig", "message"),
    [
        ("/nowhere", "no cluster: there is no kubeconfig /nowhere"),
        ("LICENSE", "no cluster: the kubeconfig is of no use: mapping values are not allowed here"),
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


def test_what_the_api_server_says_is_told_in_its_words() -> None:
    forbidden = b'{"kind":"Status","message":"pods is forbidden: User \\"anna\\" cannot list","code":403}'
    assert str(refusal(403, forbidden, "/api/v1/pods")) == 'pods is forbidden: User "anna" cannot list'
    assert str(refusal(404, b"404 page not found\n", "/apis/softphone-fleet.io/v1alpha1/softphones")) == NO_CRD
    missing = b'{"message":"softphones.softphone-fleet.io \\"x\\" not found"}'
    assert refusal(404, missing, "/apis/softphone-fleet.io/v1alpha1/namespaces/demo/softphones/x").code == 4
    assert refusal(403, forbidden, "").code == 3
    assert "credentials" in str(refusal(401, b'{"message":"Unauthorized"}', "/api/v1/pods"))
