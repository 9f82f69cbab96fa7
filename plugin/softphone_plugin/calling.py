"""One test call as it is made on demand: the CallCheck that asks for it, and what its two ends tell, in lines. Pure.

An order to an agent goes by an object, not by a request to the agent: who may create CallChecks may make calls, the API
server notes who did, and nothing that reaches an agent's port can make it call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from softphone_agent.contract.call_report import CallReport
from softphone_operator.api.kinds import API_VERSION, CALL_CHECK, GROUP
from softphone_operator.decide.names import shorten
from softphone_plugin.phones import FoundPhone, Object, condition

MADE_BY = f"{GROUP}/made-by"
"""Label of what the plugin makes."""
NOT_OURS = re.compile(r"(app\.kubernetes\.io|helm\.sh|argocd\.argoproj\.io|kustomize\.toolkit\.fluxcd\.io)/")
"""Labels by which others know what they manage: an object with these would be taken for theirs."""
ONCE_A_DAY = 86400

_SOUNDS = {
    "Tone": "the other end's tone",
    "Audio": "something, and not the other end's tone",
    "Silence": "silence: packets without sound",
    "Nothing": "nothing: no packet came",
}


def call_check(caller: FoundPhone, callee: FoundPhone | str, hold: float, suffix: str) -> dict[str, Any]:
    """The CallCheck of one call, from a phone to another or to a URI. `suffix` makes its name one of its own.

    It has the labels of the caller's object, so that the operator that serves that one serves it, too.
    """
    to = {"uri": callee} if isinstance(callee, str) else {"softphone": callee.name}
    labels = {
        name: value
        for name, value in (caller.owner["metadata"].get("labels") or {}).items()
        if not NOT_OURS.match(name)
    }
    return {
        "apiVersion": API_VERSION,
        "kind": CALL_CHECK.name,
        "metadata": {
            "name": f"{shorten(f'call-{caller.name}', 50)}-{suffix}",
            "namespace": caller.namespace,
            "labels": {**labels, MADE_BY: "kubectl-softphone"},
        },
        "spec": {
            "from": {"softphone": caller.name},
            "to": to,
            "holdSeconds": hold,
            "everySeconds": ONCE_A_DAY,
            "times": 1,
        },
    }


@dataclass(frozen=True)
class Outcome:
    """How the call ended."""

    passed: bool
    reason: str
    message: str
    caller: CallReport | None = None
    callee: CallReport | None = None

    def data(self) -> dict[str, Any]:
        """For other programs."""
        halves = {"caller": self.caller, "callee": self.callee}
        return {"passed": self.passed, "reason": self.reason, "message": self.message} | {
            end: half.model_dump(mode="json", by_alias=True, exclude_none=True)
            for end, half in halves.items()
            if half is not None
        }


@dataclass
class Story:
    """What was told of the call so far; each thing is told once. `callee` is the name, or the URI."""

    check: str
    caller: str
    callee: str
    halves: dict[str, CallReport] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def told(self, report: CallReport) -> Iterator[tuple[str, str]]:
        """The lines that a report adds: what, and the words."""
        if report.check != self.check:
            return
        self.halves[report.end] = report
        lines = self._of_caller(report) if report.end == "Caller" else self._of_callee(report)
        for what, words in lines:
            if what not in self._told:
                self._told.add(what)
                yield what, words

    def _of_caller(self, report: CallReport) -> Iterator[tuple[str, str]]:
        yield "calling", f"{report.peer}, by {report.pbx}" if report.pbx else report.peer
        if report.ring_seconds is not None and (report.state == "Ringing" or report.code >= 200):
            yield "ringing", f"after {_seconds(report.ring_seconds)}"
        if report.answer_seconds is not None:
            who = f", by {report.answered_by}" if report.answered_by else ""
            yield "answered", f"after {_seconds(report.answer_seconds)}{who}"
        if report.state != "Ended":
            return
        if report.answer_seconds is None:
            said = f"{report.code} {report.reason}".strip() if report.code else "no answer"
            yield "refused" if report.code else "silence", said
        elif report.heard:
            yield self.caller, heard(report)
        if report.hang_up_seconds is not None:
            yield "hung up", f"BYE answered after {_seconds(report.hang_up_seconds)}"

    def _of_callee(self, report: CallReport) -> Iterator[tuple[str, str]]:
        if report.state == "Ended" and report.heard:
            yield report.phone, heard(report)

    def outcome(self, obj: Object) -> Outcome | None:
        """How it ended, by the CallCheck's status; None while it goes on."""
        status = obj.get("status") or {}
        if status.get("observedGeneration") != obj["metadata"].get("generation"):
            return None
        for kind in ("Accepted", "Passing"):
            found: Mapping[str, str] = condition(obj, kind)
            if found.get("status") == "False" or (kind == "Passing" and found.get("status") == "True"):
                passed, reason = found["status"] == "True", found.get("reason", "")
                return Outcome(
                    passed, reason, found.get("message", ""), self.halves.get("Caller"), self.halves.get("Callee")
                )
        return None


def heard(report: CallReport) -> str:
    """What an end heard, and how well, as far as it was measured."""
    said = [f"heard {_SOUNDS[report.heard]}" if report.heard else "not answered"]
    if report.lost_percent is not None:
        said.append(f"{report.lost_percent:g} % lost")
    if report.jitter_seconds is not None:
        said.append(f"jitter {_seconds(report.jitter_seconds)}")
    if report.round_trip_seconds is not None:
        said.append(f"round trip {_seconds(report.round_trip_seconds)}")
    if report.mos is not None:
        said.append(f"MOS {report.mos:.2f}")
    if report.own_lateness:
        said.append("the agent was late itself")
    return ", ".join(said)


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"
