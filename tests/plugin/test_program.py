"""The program as it is typed: what it says and with which exit code it ends, without any cluster."""

from __future__ import annotations

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
