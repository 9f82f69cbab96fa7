"""What the admission webhook decides, and the form of its answers."""

from __future__ import annotations

from typing import Any

import pytest

from softphone_operator.decide import admission
from softphone_operator.decide.admission import Answer
from softphone_operator.decide.references import PbxUse


def review(kind: str, operation: str, wanted: Any = None, present: Any = None, **more: Any) -> dict[str, Any]:
    request = {
        "uid": "1",
        "kind": {"kind": kind},
        "operation": operation,
        "namespace": "demo",
        "name": "bob" if kind == "Softphone" else "master",
        "userInfo": {"username": "anna"},
        "object": wanted,
        "oldObject": present,
        **more,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def of_aor(aor: Any) -> dict[str, Any]:
    return {"spec": {"aor": aor}}


DUPLICATE = 'aor: "sip:x@acme.example" is already that of the Softphone "anna"'
X, Y = of_aor("sip:x@acme.example"), of_aor("sip:y@acme.example")
AORS: list[tuple[str, Any, list[str], Answer]] = [
    ("a free AOR", review("Softphone", "CREATE", X), [], Answer(True)),
    (
        "an AOR of another",
        review("Softphone", "CREATE", X),
        ["anna", "zoe"],
        Answer(False, DUPLICATE, witness="anna"),
    ),
    ("an edit to it", review("Softphone", "UPDATE", X, Y), ["anna"], Answer(False, DUPLICATE, witness="anna")),
    ("an edit of something else", review("Softphone", "UPDATE", X, X), ["anna"], Answer(True)),
    (
        "the same, written otherwise",
        review("Softphone", "UPDATE", X, of_aor("sips:x@ACME.example")),
        ["a"],
        Answer(True),
    ),
    ("no AOR at all: the operator tells", review("Softphone", "CREATE", of_aor("x")), ["anna"], Answer(True)),
    ("not even a spec", review("Softphone", "CREATE", {"spec": 3}), ["anna"], Answer(True)),
    ("a deletion", review("Softphone", "DELETE", None, X), ["anna"], Answer(True)),
]


@pytest.mark.parametrize(("body", "others", "decision"), [row[1:] for row in AORS], ids=[row[0] for row in AORS])
def test_an_aor_is_had_once(body: Any, others: list[str], decision: Answer) -> None:
    assert admission.on_aor(admission.read(body), others) == decision


USED = 'the PBX "master" is in use: named by 1 Softphone (anna)'
HOW = '; to delete it nevertheless, set the annotation softphone-fleet.io/force-delete: "true" on it'
FORCED = {"metadata": {"annotations": {"softphone-fleet.io/force-delete": "true"}}}
NAMESPACE_CONTROLLER = {"username": "system:serviceaccount:kube-system:namespace-controller"}
DELETIONS: list[tuple[str, Any, PbxUse, Answer]] = [
    ("unused", review("PBX", "DELETE", None, {}), PbxUse(), Answer(True)),
    ("named", review("PBX", "DELETE", None, {}), PbxUse(("anna",)), Answer(False, USED + HOW, witness="anna")),
    (
        "reached by redirects",
        review("PBX", "DELETE", None, {}),
        PbxUse((), 2),
        Answer(False, f'the PBX "master" is in use: 2 phones are registered there{HOW}'),
    ),
    (
        "forced",
        review("PBX", "DELETE", None, FORCED),
        PbxUse(("anna",)),
        Answer(True, warnings=(f"{USED}; it is deleted nevertheless, phones keep its last known address",)),
    ),
    (
        "with its namespace",
        review("PBX", "DELETE", None, {}, userInfo=NAMESPACE_CONTROLLER),
        PbxUse(("anna",)),
        Answer(True),
    ),
]


@pytest.mark.parametrize(("body", "use", "decision"), [row[1:] for row in DELETIONS], ids=[row[0] for row in DELETIONS])
def test_a_pbx_in_use_stays_unless_forced(body: Any, use: PbxUse, decision: Answer) -> None:
    request = admission.read(body)
    assert admission.is_deletion_of_pbx(request)
    assert admission.on_deletion(request, use) == decision


def of_pool(operation: str, present: Any, **more: Any) -> dict[str, Any]:
    return review("SoftphonePool", operation, None, present, name="vienna", **more)


NAMED = 'the SoftphonePool "vienna" is in use: named by 7 Softphones (a, b, c, d, e and 2 more)'
SEVEN = ["a", "b", "c", "d", "e", "f", "g"]
POOLS: list[tuple[str, Any, list[str], Answer]] = [
    ("without phones", of_pool("DELETE", {}), [], Answer(True)),
    ("with phones", of_pool("DELETE", {}), SEVEN, Answer(False, NAMED + HOW, witness="a")),
    (
        "forced",
        of_pool("DELETE", FORCED),
        SEVEN,
        Answer(True, warnings=(f"{NAMED}; it is deleted nevertheless, its phones un-REGISTER",)),
    ),
    ("with its namespace", of_pool("DELETE", {}, userInfo=NAMESPACE_CONTROLLER), SEVEN, Answer(True)),
]


@pytest.mark.parametrize(("body", "phones", "decision"), [row[1:] for row in POOLS], ids=[row[0] for row in POOLS])
def test_a_pool_with_phones_stays_unless_forced(body: Any, phones: list[str], decision: Answer) -> None:
    request = admission.read(body)
    assert admission.is_deletion_of_pool(request)
    assert admission.on_deletion_of_pool(request, phones) == decision


def test_only_a_deletion_is_one() -> None:
    assert not admission.is_deletion_of_pool(admission.read(of_pool("UPDATE", {})))
    assert not admission.is_deletion_of_pool(admission.read(review("PBX", "DELETE", None, {})))


def test_an_object_of_a_deleted_collection_has_its_name() -> None:
    body = review("PBX", "DELETE", None, {"metadata": {"name": "slave"}}, name="")
    assert admission.read(body).name == "slave"


@pytest.mark.parametrize("body", [None, [], {}, {"apiVersion": "v1"}, {**review("PBX", "DELETE"), "request": {}}])
def test_what_is_no_review_is_refused(body: Any) -> None:
    with pytest.raises(ValueError, match="AdmissionReview"):
        admission.read(body)


def test_answers() -> None:
    assert admission.answer("1", Answer(True)) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "1", "allowed": True},
    }
    assert admission.answer("1", Answer(True, warnings=("w",)))["response"]["warnings"] == ["w"]
    assert admission.answer("1", Answer(False, "no"))["response"] == {
        "uid": "1",
        "allowed": False,
        "status": {"code": 403, "reason": "Forbidden", "message": "no"},
    }
