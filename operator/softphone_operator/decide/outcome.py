"""What is said of a plan, in the condition Accepted and in the metrics."""

from __future__ import annotations

from softphone_operator.decide import plan_types, status
from softphone_operator.decide.facts import Verdict

Outcome = plan_types.AgentPlan | plan_types.FleetPlan | plan_types.PbxPlan | plan_types.Refusal


def accepted(outcome: Outcome) -> Verdict:
    """The condition Accepted."""
    if isinstance(outcome, plan_types.Refusal):
        return Verdict("False", outcome.reason, outcome.message)
    if outcome.cautions:
        messages = [status.ACCEPTED.message, *(caution.message for caution in outcome.cautions)]
        return Verdict("True", outcome.cautions[0].reason, "; ".join(messages))
    return status.ACCEPTED


def result(outcome: Outcome) -> str:
    """The result of a reconcile, as it is counted."""
    return "refused" if isinstance(outcome, plan_types.Refusal) else "accepted"
