"""What is said of a decision, in the condition Accepted and in the metrics."""

from __future__ import annotations

from softphone_operator.decide import decisions, status
from softphone_operator.decide.desired_call_check import DesiredCallCheck
from softphone_operator.decide.facts import Statement

Decision = decisions.Decision | DesiredCallCheck


def accepted(decision: Decision) -> Statement:
    """The condition Accepted."""
    if isinstance(decision, decisions.Refusal):
        return Statement("False", decision.reason, decision.message)
    if decision.cautions:
        messages = [status.ACCEPTED.message, *(caution.message for caution in decision.cautions)]
        return Statement("True", decision.cautions[0].reason, "; ".join(messages))
    return status.ACCEPTED


def result(decision: Decision) -> str:
    """The result of a reconcile, as it is counted."""
    return "refused" if isinstance(decision, decisions.Refusal) else "accepted"
