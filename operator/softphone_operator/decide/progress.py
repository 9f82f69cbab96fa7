"""The conditions Reconciling and Stalled, as kstatus reads them: pure.

kstatus is how Flux, Helm 4 and others tell whether an object is done: Stalled true is failed, Reconciling true is in
progress, else the condition Ready decides. Both are there only while they are true.
"""

from __future__ import annotations

from softphone_operator.decide.facts import Statement

OWN_FAULTS = frozenset({"InvalidSpec", "ConfigRefused"})
"""What only an edit of the object itself can mend, or an agent of another version. Whatever waits for an object that
may still come, for a node or for a PBX goes on by itself: a deployment must not fail over the order of its files."""
FIRST_STEPS = frozenset({"Registering", "Unregistering"})
TO_BE_TAKEN = frozenset({"ConfigPending", "Updating"})


def progress(accepted: Statement, agents: Statement, ready: Statement) -> dict[str, Statement]:
    """The condition that stands beside the others: Reconciling, Stalled, or none.

    Reconciling: the present spec is not yet carried out. A phone that a PBX does not serve is no such case: all that
    the spec asks for is done, and Ready says that it is not registered.
    """
    if ready.status == "True":
        return {}
    said = Statement("True", ready.reason, ready.message)
    if ready.reason in OWN_FAULTS:
        return {"Stalled": said}
    carried_out = accepted.status == agents.status == "True" and ready.reason not in FIRST_STEPS | TO_BE_TAKEN
    return {} if carried_out else {"Reconciling": said}


def pbx_ready(*said: Statement) -> Statement:
    """The condition Ready of an object without an agent, such as a PBX. Whether a PBX answers is `reachable`.

    `said`: what is said of the object itself, Accepted first.
    """
    for statement in said:
        if statement.status != "True":
            return Statement("False", statement.reason, statement.message)
    return Statement("True", "Accepted", said[0].message)


def pbx_progress(ready: Statement) -> dict[str, Statement]:
    """As `progress`. An inconsistent system is no fault of this object alone, so it is neither."""
    if ready.reason in OWN_FAULTS:
        return {"Stalled": Statement("True", ready.reason, ready.message)}
    waits = ready.status != "True" and ready.reason != "Inconsistent"
    return {"Reconciling": Statement("True", ready.reason, ready.message)} if waits else {}
