"""From a phone's state to what is reported of it. Pure.

`wall` turns the machine's monotonic seconds into Unix time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from softphone_agent.contract.report import LastFailure, Outage, PhoneReport, Redirect, Via
from softphone_agent.contract.report import State as PublicState
from softphone_agent.registration.actions import Action, Register, Unregister
from softphone_agent.registration.plan import Entry
from softphone_agent.registration.states import Binding, Loss, Phase, State
from softphone_agent.worker.running import RunningPhone

Label = Callable[[str], str]
"""How people and metrics call the PBX at a registrar's URI."""
Wall = Callable[[float], float]


def basis(phone: RunningPhone) -> tuple[Any, ...]:
    """What a phone's report is made of, besides the configuration. Cheaper to compare than the report."""
    state, binding = phone.state, phone.state.binding
    where = (binding.registrar, binding.entry, binding.hops, binding.role) if binding else None
    return (
        _public_state(state),
        where,
        state.failure,
        phone.location,
        phone.contact,
        phone.observed_address,
        phone.outage,
        phone.paths,
    )


def is_retrying(state: State) -> bool:
    """Whether one round after another fails: each of them is no news."""
    return state.phase is Phase.TRYING and state.failed_rounds > 0


def describe(phone: RunningPhone, label: Label, wall: Wall, now: float) -> PhoneReport:
    """The phone's report; equal to the one before where only times would be others."""
    report, before = _described(phone, label, wall, now), phone.reported
    if before is None:
        return report
    failure = report.last_failure
    if before.last_failure and failure and _is_same_failure(before.last_failure, failure):
        # The same failure again is reported with the next change: else every round of every phone would be news.
        again = {"last_failure": before.last_failure, "since": before.since}
        if report.model_copy(update=again) == before:
            return before
    if (before.state, before.registered, before.registrar) == (report.state, report.registered, report.registrar):
        return report.model_copy(update={"since": before.since})
    return report


def outage_of(loss: Loss, label: Label, wall: Wall) -> Outage:
    """The outage that begins with the loss of a binding."""
    return Outage(began=rfc3339(wall(loss.at)), pbx=label(loss.binding.registrar.uri), reason=loss.reason)


def words(action: Action) -> str:
    """What a machine asks for, for the log."""
    match action:
        case Register(_, registrar, refresh):
            return f"{'refresh' if refresh else 'REGISTER'} at {registrar.uri}"
        case Unregister(_, registrar):
            return f"un-REGISTER at {registrar.uri}"
        case _:
            return "abandon"


def rfc3339(wall: float) -> str:
    """Unix time as text, in UTC with milliseconds."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _described(phone: RunningPhone, label: Label, wall: Wall, now: float) -> PhoneReport:
    """The report as if there had been none before."""
    state, binding = phone.state, phone.state.binding
    failure = None
    if state.failure is not None:
        failure = LastFailure(
            code=state.failure.code,
            reason=state.failure.reason,
            message=state.failure.message,
            pbx=label(state.failure.registrar.uri),
            time=rfc3339(wall(state.failure.at)),
        )
    return PhoneReport(
        name=phone.name,
        state=_public_state(state),
        registered=binding is not None,
        pbx=label(binding.registrar.uri) if binding else None,
        registrar=binding.registrar.uri if binding else None,
        via=_via(binding) if binding else None,
        role=binding.role if binding else None,
        redirects=tuple(
            Redirect(pbx=label(hop.source.uri), target=label(hop.target.uri), code=hop.code)
            for hop in (binding.hops if binding else ())
        ),
        physical_location=phone.location if binding else None,
        contact=phone.contact if binding else None,
        observed_address=phone.observed_address if binding else None,
        since=rfc3339(wall(now)),
        last_failure=failure,
        last_outage=phone.outage,
        paths=phone.paths,
    )


def _via(binding: Binding) -> Via:
    if binding.hops:
        return "redirect"
    return {Entry.PRI: "pri", Entry.SEC: "sec"}.get(binding.entry, "cur")  # type: ignore[return-value]


def _public_state(state: State) -> PublicState:
    match state.phase:
        case Phase.IDLE:
            return "Starting"
        case Phase.TRYING:
            return "Registering"
        case Phase.REGISTERED | Phase.REFRESHING:
            return "Registered"
        case Phase.WAITING if state.binding is not None:
            return "Registered"
        case Phase.WAITING:
            return "Rejected" if state.rejected else "Waiting"
        case Phase.STOPPING | Phase.UNREGISTERING:
            return "Unregistering"
        case _ if state.ended:
            return "Stopped"
        case _:
            return "Suspended" if state.plan.suspend else "Waiting"


def _is_same_failure(one: LastFailure, other: LastFailure) -> bool:
    """Whether they differ at most in words and time."""
    return (one.code, one.reason, one.pbx) == (other.code, other.reason, other.pbx)
