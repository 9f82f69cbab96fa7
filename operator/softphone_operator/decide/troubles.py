"""What is wrong with a Softphone, a fleet or a CallCheck that people are to be told of, from its status. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from softphone_operator.api.kinds import CALL_CHECK, SOFTPHONE, SOFTPHONE_FLEET
from softphone_operator.decide.redundancy import CHOSEN, REDUNDANT, is_bad
from softphone_operator.decide.status import LOSSES

Object = Mapping[str, Any]

UNREGISTERED, ON_STANDBY, REDUNDANCY_LOST = "SoftphoneUnregistered", "SoftphonesOnStandby", "SoftphoneRedundancyLost"
"""As the alerts of Prometheus are called, so that one route serves both."""
CALLS_FAIL, SILENT, SOUNDS_BAD = "SoftphoneCallCheckFailing", "SoftphoneOneWayAudio", "SoftphoneMOSLow"
SEVERITIES = {UNREGISTERED: "critical"} | dict.fromkeys(
    (ON_STANDBY, REDUNDANCY_LOST, CALLS_FAIL, SILENT, SOUNDS_BAD), "warning"
)
LABELS = {SOFTPHONE.name: "softphone", SOFTPHONE_FLEET.name: "fleet", CALL_CHECK.name: "check"}
"""Kinds whose troubles are told of, and the label that an object's name has."""


class Trouble(NamedTuple):
    """One thing that is wrong with one object.

    `pbx`: whom it is about, and `since`: when it began, RFC 3339; empty where the status does not say.
    """

    kind: str
    namespace: str
    name: str
    alert: str
    pbx: str
    summary: str
    description: str
    since: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is, whatever is said of it."""
        return self.kind, self.namespace, self.name, self.alert


def troubles(kind: str, namespace: str, name: str, status: Object) -> tuple[Trouble, ...]:
    """All that is wrong with an object by its status, raw; nothing of kinds that are not told of."""
    if kind not in LABELS:
        return ()
    made, what = _TOLD[kind]
    said = {c["type"]: c for c in status.get("conditions") or ()}
    found = made(f"{what} {name} in {namespace}", status, said)
    return tuple(Trouble(kind, namespace, name, *one) for one in found)


BEGINNING = frozenset({"NoAgent", "Registering"})
Found = Iterator[tuple[str, str, str, str, str]]


def _softphone(who: str, status: Object, said: Mapping[str, Object]) -> Found:
    at, registered = status.get("registration") or {}, said.get("Registered", {})
    # One that is just being made has never been heard. Later one without an agent is lost, and one that begins anew is
    # not back before it is registered.
    if registered.get("reason") in LOSSES | (BEGINNING if at else set()):
        pbx = (at.get("lastFailure") or {}).get("pbx", "")
        yield UNREGISTERED, pbx, f"{who} is not registered", registered["message"], registered["lastTransitionTime"]
    if at.get("role") == "Standby" and registered.get("status") == "True":
        pbx = at.get("pbx", "")
        words = f"{who} is kept by {pbx}, away from its home PBX"
        yield ON_STANDBY, pbx, words, registered["message"], at.get("since") or registered["lastTransitionTime"]
    bad = (path for path in status.get("paths") or () if is_bad(path.get("result", "Unchecked")))
    yield from _redundancy(who, said, next((path.get("pbx", "") for path in bad), ""))


def _fleet(who: str, status: Object, said: Mapping[str, Object]) -> Found:
    registered = said.get("Registered", {})
    if registered.get("reason") in LOSSES | {"NoAgent"}:
        words = f"{who}: {registered['message']}"
        yield UNREGISTERED, "", words, registered["message"], registered["lastTransitionTime"]
    if number := status.get("standby"):
        words = f"{who}: {number} phones are away from their home PBX"
        yield ON_STANDBY, "", words, registered.get("message", ""), ""
    yield from _redundancy(who, said, "")


def _redundancy(who: str, said: Mapping[str, Object], pbx: str) -> Found:
    found = said.get(REDUNDANT, {})
    if found.get("status") == "False" and found.get("reason") not in CHOSEN:
        words = f"{who} would not survive the loss of its PBX"
        yield REDUNDANCY_LOST, pbx, words, found["message"], found["lastTransitionTime"]


def _calls(who: str, status: Object, said: Mapping[str, Object]) -> Found:
    found = said.get("Passing", {})
    if found.get("status") == "False":
        alert, words = _OF_CALLS.get(found.get("reason", ""), (CALLS_FAIL, "fail"))
        pbx = next((failure.get("pbx", "") for failure in status.get("failures") or ()), "")
        yield alert, pbx, f"{who} {words}", found["message"], found["lastTransitionTime"]


_OF_CALLS = {
    "NoAudio": (SILENT, "are silent"),
    "OneWayAudio": (SILENT, "are silent"),
    "MOSLow": (SOUNDS_BAD, "sound bad"),
}
_TOLD = {
    SOFTPHONE.name: (_softphone, "Softphone"),
    SOFTPHONE_FLEET.name: (_fleet, "Fleet"),
    CALL_CHECK.name: (_calls, "Calls of check"),
}
