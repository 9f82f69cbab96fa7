"""What the admission webhook answers, and the form of AdmissionReview v1. Pure.

Its rules concern several objects at a time. Conditions and Events tell a breach afterwards; the webhook refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from softphone_operator.api.kinds import PBX, SOFTPHONE, SOFTPHONE_POOL
from softphone_operator.decide import desired_softphone, references
from softphone_operator.decide.names import FORCE_DELETE_ANNOTATION

API_VERSION = "admission.k8s.io/v1"
# What is deleted with its namespace or its owner must not be held up: that would only leave it half deleted.
CLEANERS = frozenset(
    {
        "system:kube-controller-manager",
        "system:serviceaccount:kube-system:namespace-controller",
        "system:serviceaccount:kube-system:generic-garbage-collector",
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: the object as it would be and as it is, raw, empty where there is none."""

    uid: str
    kind: str
    operation: str
    namespace: str
    name: str
    user: str
    wanted: Mapping[str, Any]
    present: Mapping[str, Any]


class Answer(NamedTuple):
    """Whether the request is allowed. A refusal has a message; `witness` is the Softphone that causes it, if any."""

    allowed: bool
    message: str = ""
    warnings: tuple[str, ...] = ()
    witness: str | None = None


ALLOWED = Answer(True)


def read(body: Any) -> Request:
    """The request of an AdmissionReview. Raises ValueError where it is none."""
    if not isinstance(body, Mapping) or body.get("apiVersion") != API_VERSION or body.get("kind") != "AdmissionReview":
        raise ValueError(f"not an AdmissionReview of {API_VERSION}")
    asked = _mapping(body.get("request"))
    if not isinstance(asked.get("uid"), str):
        raise ValueError("the AdmissionReview has no request.uid")
    wanted, present = _mapping(asked.get("object")), _mapping(asked.get("oldObject"))
    # A collection that is deleted has no name in the request; the object has one.
    name = asked.get("name") or _mapping((wanted or present).get("metadata")).get("name")
    return Request(
        uid=asked["uid"],
        kind=str(_mapping(asked.get("kind")).get("kind", "")),
        operation=str(asked.get("operation", "")),
        namespace=str(asked.get("namespace", "")),
        name=str(name or ""),
        user=str(_mapping(asked.get("userInfo")).get("username", "")),
        wanted=wanted,
        present=present,
    )


def answer(uid: str, decision: Answer) -> dict[str, Any]:
    """The AdmissionReview that answers."""
    response: dict[str, Any] = {"uid": uid, "allowed": decision.allowed}
    if not decision.allowed:
        response["status"] = {"code": 403, "reason": "Forbidden", "message": decision.message}
    if decision.warnings:
        response["warnings"] = list(decision.warnings)
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def aor_asked_for(request: Request) -> str:
    """The canonical AOR that a Softphone would newly get; empty if the request brings none."""
    if request.kind != SOFTPHONE.name or request.operation not in ("CREATE", "UPDATE"):
        return ""
    wanted = references.softphone_needs(request.wanted.get("spec")).aor
    return "" if wanted == references.softphone_needs(request.present.get("spec")).aor else wanted


def is_deletion_of_pbx(request: Request) -> bool:
    """Whether a PBX would be deleted."""
    return request.kind == PBX.name and request.operation == "DELETE"


def is_deletion_of_pool(request: Request) -> bool:
    """Whether a SoftphonePool would be deleted."""
    return request.kind == SOFTPHONE_POOL.name and request.operation == "DELETE"


def on_aor(request: Request, others: Sequence[str]) -> Answer:
    """Whether a Softphone may take its AOR. `others`: those of its namespace that have it already."""
    if not others or not aor_asked_for(request):
        return ALLOWED
    said = desired_softphone.duplicate_aor(str(_mapping(request.wanted.get("spec")).get("aor")), others[0])
    return Answer(False, said.message, witness=others[0])


def on_deletion(request: Request, use: references.PbxUse) -> Answer:
    """Whether a PBX may be deleted."""
    return _deletion(request, PBX.name, str(use), use.softphones, "phones keep its last known address")


def on_deletion_of_pool(request: Request, phones: Sequence[str]) -> Answer:
    """Whether a SoftphonePool may be deleted. `phones`: the Softphones that name it."""
    use = f"named by {references.counted(SOFTPHONE.name, phones)}" if phones else ""
    return _deletion(request, SOFTPHONE_POOL.name, use, phones, "its phones un-REGISTER")


def _deletion(request: Request, kind: str, use: str, softphones: Sequence[str], then: str) -> Answer:
    """Whether an object may be deleted that is in `use`, in words. `then`: what follows if it is, nevertheless."""
    if not use or request.user in CLEANERS:
        return ALLOWED
    said = f'the {kind} "{request.name}" is in use: {use}'
    annotations = _mapping(_mapping(request.present.get("metadata")).get("annotations"))
    if annotations.get(FORCE_DELETE_ANNOTATION) == "true":
        return Answer(True, warnings=(f"{said}; it is deleted nevertheless, {then}",))
    return Answer(
        False,
        f'{said}; to delete it nevertheless, set the annotation {FORCE_DELETE_ANNOTATION}: "true" on it',
        witness=softphones[0] if softphones else None,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
