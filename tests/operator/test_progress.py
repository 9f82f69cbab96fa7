"""When an object says Reconciling, when Stalled, and when neither; and the Ready of a PBX."""

from __future__ import annotations

import pytest

from softphone_operator.decide import progress, status
from softphone_operator.decide.facts import Statement

YES = Statement("True", "Accepted", "fine")


def no(reason: str) -> Statement:
    return Statement("False", reason, f"because of {reason}")


UNHEARD = Statement("False", "AgentUnreachable", "it was silent")
CASES: list[tuple[str, Statement, Statement, Statement, str | None]] = [
    ("registered", YES, YES, YES, None),
    ("a wrong field", no("InvalidSpec"), YES, no("InvalidSpec"), "Stalled"),
    ("the agent refused the configuration", YES, YES, no("ConfigRefused"), "Stalled"),
    ("a PBX object that may still come", no("PBXNotFound"), YES, no("PBXNotFound"), "Reconciling"),
    ("a PBX object that may be mended", no("PBXInvalid"), YES, no("PBXInvalid"), "Reconciling"),
    ("a Secret that may still come", no("SecretNotFound"), no("NotAccepted"), no("SecretNotFound"), "Reconciling"),
    ("a pod that starts", YES, no("Starting"), no("Starting"), "Reconciling"),
    ("a pod without a node", YES, no("Unschedulable"), no("Unschedulable"), "Reconciling"),
    ("an image that cannot be pulled", YES, no("ImagePullBackOff"), no("ImagePullBackOff"), "Reconciling"),
    ("an earlier configuration runs", YES, YES, no("ConfigPending"), "Reconciling"),
    ("agents are replaced one by one", YES, YES, no("Updating"), "Reconciling"),
    ("the first REGISTER is under way", YES, YES, no("Registering"), "Reconciling"),
    ("it un-registers", YES, YES, no("Unregistering"), "Reconciling"),
    ("the PBX does not answer", YES, YES, no("Unreachable"), None),
    ("the PBX refuses the phone", YES, YES, no("Rejected"), None),
    ("suspended", YES, YES, no("Suspended"), None),
    ("the agent is not heard", YES, YES, UNHEARD, None),
]


@pytest.mark.parametrize(("accepted", "agents", "ready", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_progress(accepted: Statement, agents: Statement, ready: Statement, said: str | None) -> None:
    expected = {} if said is None else {said: Statement("True", ready.reason, ready.message)}
    assert progress.progress(accepted, agents, ready) == expected


REFUSED = Statement("False", "InvalidSpec", 'address: "x" is no SIP URI')
WAITS = Statement("False", "SecretNotFound", 'tls.caSecretName: there is no Secret "ca"')
UNLIKE = Statement("False", "Inconsistent", "it is true on master, false on slave")
UNKNOWN = Statement("Unknown", "NotAccepted", "the spec is not accepted")
CONSISTENT = Statement("True", "Consistent", "the same on all")
OF_PBX: list[tuple[str, Statement, Statement, Statement, str | None]] = [
    ("good", status.ACCEPTED, CONSISTENT, status.ACCEPTED, None),
    ("a wrong field", REFUSED, UNKNOWN, REFUSED, "Stalled"),
    ("a Secret that may still come", WAITS, UNKNOWN, WAITS, "Reconciling"),
    ("unlike the others of its system, which may be edited in a moment", status.ACCEPTED, UNLIKE, UNLIKE, None),
]


@pytest.mark.parametrize(
    ("accepted", "consistent", "ready", "said"), [c[1:] for c in OF_PBX], ids=[c[0] for c in OF_PBX]
)
def test_a_pbx(accepted: Statement, consistent: Statement, ready: Statement, said: str | None) -> None:
    assert progress.pbx_ready(accepted, consistent) == ready
    expected = {} if said is None else {said: Statement("True", ready.reason, ready.message)}
    assert progress.pbx_progress(ready) == expected
