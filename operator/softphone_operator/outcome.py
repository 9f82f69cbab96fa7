"""What is said of a plan, in the condition Accepted and in the metrics."""

from __future__ import annotations

from softphone_operator import plan, status
from softphone_operator.facts import Verdict

Outcome = plan.AgentPlan | plan.FleetPlan | plan.PbxPlan | plan.Refusal


def accepted(outcome: Outcome) -> Verdict:
    """The condition Accepted."""
    if isinstance(outcome, plan.Refusal):
        return Verdict("False", outcome.reason, outcome.message)
    if outcome.cautions:
        messages = [status.ACCEPTED.message, *(caution.message for caution in outcome.cautions)]
        return Verdict("True", outcome.cautions[0].reason, "; ".join(messages))
    return status.ACCEPTED


def result(outcome: Outcome) -> str:
    """The result of a reconcile, as it is counted."""
    return "refused" if isinstance(outcome, plan.Refusal) else "accepted"
