"""Whether a rehearsal has passed, and why not, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from softphone_operator.api.rehearsal import RehearsalRun, Verdict
from softphone_operator.rehearsals.events import Looked

MOST_NAMES = 5
MAX_REASON = 500


def judge(run: RehearsalRun, seen: Looked, window_seconds: float) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on a run as it stands at its end, with the reasons why it has not passed."""
    faults = tuple(reason[:MAX_REASON] for reason in _faults(run, seen))
    touched = seen.result.lost + seen.result.moved > 0
    if faults:
        return "Failed", faults
    if not touched:
        return "Expired", (f"no phone lost {', '.join(run.pbxs)} within {window_seconds:g} s",)
    return "Passed", ()


def _faults(run: RehearsalRun, seen: Looked) -> Iterator[str]:
    result, limits = seen.result, run.limits
    if result.missing:
        yield f"{len(result.missing)} of {result.phones} phones are not registered: {listed(result.missing)}"
    if result.phones < run.phones:
        away = run.phones - result.phones
        yield f"{away} of {run.phones} phones were not watched to the end: a restarted operator, a full record"
    longest = limits.longest_outage_seconds
    if longest is not None and seen.worst is not None and seen.worst[1] > longest:
        over = sum(seconds > longest for seconds in result.outages)
        others = f"; {over} outages were longer than that" if over > 1 else ""
        name, seconds = seen.worst
        yield f"the longest outage took {seconds:.2f} s ({name}), allowed are {longest:g} s{others}"
    took, within = all_back_seconds(seen), limits.all_back_within_seconds
    if within is not None and took is not None and took > within:
        yield f"the last phone was back {took:.2f} s after the first loss, allowed are {within:g} s"
    callable_within, slowest = limits.callable_within_seconds, seen.slowest_call
    if callable_within is not None and slowest is None:
        yield "no call was answered with audio both ways after the fail-over (CallChecks with after: [FailedOver])"
    elif callable_within is not None and slowest is not None and slowest.seconds > callable_within:
        who = f"{slowest.caller} called {slowest.callee}"
        yield f"{who}: audio both ways {slowest.seconds:.2f} s after the loss, allowed are {callable_within:g} s"
    if run.job == "Failed":
        yield f"the Job has failed: {run.job_message}"
    elif run.job == "Running":
        yield "the Job still runs at the end of the window"
    elif run.trigger == "Job" and run.job is None:
        yield "the Job was never seen to run"


def all_back_seconds(seen: Looked) -> float | None:
    """From the first loss until the last phone was registered again; None where none was lost, or some are missing."""
    if seen.first_loss is None or seen.last_back is None or seen.result.missing:
        return None
    return max(0.0, (seen.last_back - seen.first_loss).total_seconds())


def listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"
