"""When an object says Reconciling, when Stalled, and when neither; and the Ready of a PBX."""

from __future__ import annotations

import pytest

from softphone_operator.decide import progress, status
from softphone_operator.decide.facts import Verdict

YES = Verdict("True", "Accepted", "fine")


def no(reason: str) -> Verdict:
    return Verdict("False", reason, f"because of {reason}")


UNHEARD = Verdict("False", "AgentUnreachable", "it was silent")
CASES: list[tuple[str, Verdict, Verdict, Verdict, str | None]] = [
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
def test_progress(accepted: Verdict, agents: Verdict, ready: Verdict, said: str | None) -> None:
    expected = {} if said is None else {said: Verdict("True", ready.reason, ready.message)}
    assert progress.progress(accepted, agents, ready) == expected


REFUSED = Verdict("False", "InvalidSpec", 'address: "x" is no SIP URI')
WAITS = Verdict("False", "SecretNotFound", 'tls.caSecretName: there is no Secret "ca"')
UNLIKE = Verdict("False", "Inconsistent", "it is true on master, false on slave")
UNKNOWN = Verdict("Unknown", "NotAccepted", "the spec is not accepted")
CONSISTENT = Verdict("True", "Consistent", "the same on all")
OF_PBX: list[tuple[str, Verdict, Verdict, Verdict, str | None]] = [
    ("good", status.ACCEPTED, CONSISTENT, status.ACCEPTED, None),
    ("a wrong field", REFUSED, UNKNOWN, REFUSED, "Stalled"),
    ("a Secret that may still come", WAITS, UNKNOWN, WAITS, "Reconciling"),
    ("unlike the others of its system, which may be edited in a moment", status.ACCEPTED, UNLIKE, UNLIKE, None),
]


@pytest.mark.parametrize(
    ("accepted", "consistent", "ready", "said"), [c[1:] for c in OF_PBX], ids=[c[0] for c in OF_PBX]
)
def test_a_pbx(accepted: Verdict, consistent: Verdict, ready: Verdict, said: str | None) -> None:
    assert progress.pbx_ready(accepted, consistent) == ready
    expected = {} if said is None else {said: Verdict("True", ready.reason, ready.message)}
    assert progress.pbx_progress(ready) == expected
