"""What an edit does: for every field of the three kinds, what happens to a registered phone and to its pod.

The rows are the data of e2e/test_edits.py, which makes every one of these edits in the lab, in this order, and looks
at the REGISTERs that the PBXes saw. `PYTHONPATH=tests python -m edits` writes docs/edits.md from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from softphone_operator.api import PBX, SOFTPHONE, SOFTPHONE_FLEET, Kind
from softphone_operator.crd import crd

PAGE = Path(__file__).parents[1] / "docs" / "edits.md"

GOES_ON = "goes on"
OVER = "registers over"
ANEW = "starts anew"
MOVES = "moves"
RESTS = "rests"
STAYS = "stays"
NEW = "new"


@dataclass(frozen=True)
class Row:
    """One edit. `change` is merged into the spec as the rows before have left it."""

    field: str
    change: Mapping[str, Any]
    phone: str
    pod: str = STAYS
    when: str = ""
    note: str = ""
    secret: Mapping[str, str] | None = None
    """Edits the Secret of the credentials instead: its values afterwards."""

    @property
    def name(self) -> str:
        """The field, and in which case."""
        return f"{self.field} ({self.when})" if self.when else self.field


def _live(name: str, value: Any, note: str = "") -> Row:
    """A field of spec.registration that counts from the next request."""
    change: Any = value
    for part in reversed(f"registration.{name}".split(".")):
        change = {part: change}
    return Row(f"registration.{name}", change, GOES_ON, note=note)


def _agent(name: str, value: Any, note: str = "") -> Row:
    change: Any = value
    for part in reversed(name.split(".")):
        change = {part: change}
    return Row(f"agent.{name}", {"agent": change}, ANEW, NEW, note=note)


def _toleration(name: str, **whole: Any) -> Row:
    return Row(f"agent.tolerations[].{name}", {"agent": {"tolerations": [whole]}}, ANEW, NEW)


MOUNTED = "the Secret is mounted, also in pods of other phones of the system"
BY_PRI, BY_SEC = "the phone came by `pri`", "the phone came by `sec`"
NOBODY = "sip:10.245.0.29:5060"
"""An address of the lab where no PBX is."""

WHILE_RUNNING = [
    _live("attemptTimeoutSeconds", 3, "of all phones of an agent the longest counts"),
    _live("pingSeconds", 5),
    _live("maxRedirects", 5),
    _live("backoff.initialSeconds", 0.5),
    _live("backoff.maxSeconds", 5),
    _live("redirectPolicy", "Any", "counts from the next redirect"),
    Row("trace", {"trace": ["App", "Signaling"]}, GOES_ON),
    Row("home", {"home": "slave"}, GOES_ON, note="the role follows with the next refresh"),
    Row("cur", {"cur": "slave"}, GOES_ON, when="mode Launcher"),
    Row("sec", {"sec": "sip:10.245.0.13:5060;transport=tcp"}, GOES_ON, when=BY_PRI),
    Row("phys", {"phys": "linz"}, ANEW),
    Row("registration.expiresSeconds", {"registration": {"expiresSeconds": 90}}, ANEW),
    Row("aor", {"aor": "sip:u31@branch.test"}, ANEW, note="what was learned of its home is forgotten"),
    Row(
        "the Secret's `password`, `username`",
        {},
        OVER,
        secret={"password": "pw-u31", "username": "auth-u31"},
        note="no edit of the Softphone: the agent sees the Secret's values. Refused, the binding counts until it ends",
    ),
    Row("agent.publicAddress", {"agent": {"publicAddress": "192.0.2.7"}}, ANEW),
    Row("pri", {"pri": NOBODY, "sec": "master"}, ANEW, when=BY_PRI),
    Row("pri", {"pri": "standby"}, GOES_ON, when=BY_SEC),
    Row("sec", {"sec": "sip:10.245.0.11:5060;transport=tcp"}, ANEW, when=BY_SEC),
    Row("mode", {"mode": "Browser"}, ANEW),
    Row("cur", {"cur": "sip:10.245.0.12:5060;transport=tcp"}, ANEW, when="mode Browser"),
    Row("suspend", {"suspend": True}, RESTS, when="set"),
    Row("suspend", {"suspend": False}, ANEW, when="taken back"),
]
OF_THE_POD = [
    Row(
        "credentials.secretName",
        {"credentials": {"secretName": "another"}},
        ANEW,
        NEW,
        note="the Secret is mounted; so also where `credentials` is added or removed",
    ),
    _agent("resources.requests", {"cpu": "11m"}),
    _agent("resources.limits", {"memory": "257Mi"}),
    _agent("nodeSelector", {"kubernetes.io/os": "linux"}),
    _toleration("key", key="site"),
    _toleration("value", key="site", value="linz"),
    _toleration("effect", key="site", value="linz", effect="NoExecute"),
    _toleration("tolerationSeconds", key="site", value="linz", effect="NoExecute", tolerationSeconds=60),
    _toleration("operator", key="site", operator="Exists", effect="NoExecute", tolerationSeconds=60),
    _agent("priorityClassName", "phones"),
    _agent("hostNetwork", True),
]
OF_THE_PBX = [
    Row("registerRate", {"registerRate": 500}, GOES_ON),
    Row("system", {"system": "other"}, GOES_ON, note="redirects are judged by the new system"),
    Row("location", {"location": "branch"}, ANEW, when="the phone sends it"),
    Row("locationCarrier.type", {"locationCarrier": {"type": "ContactParameter"}}, ANEW, when="the phone sends one"),
    Row("locationCarrier.name", {"locationCarrier": {"name": "site"}}, ANEW, when="the phone sends one"),
    Row("noPhysicalLocation", {"noPhysicalLocation": True}, ANEW, when="the phone sent the PBX's location"),
    Row("location", {"location": "elsewhere"}, GOES_ON, when="the phone does not send it"),
    Row("locationCarrier.name", {"locationCarrier": {"name": "place"}}, GOES_ON, when="the phone sends none"),
    Row("address", {"address": "sip:10.245.0.12:5060;transport=tcp"}, ANEW, when="the phone came by this PBX"),
    Row("tls.serverName", {"tls": {"serverName": "pbx.test"}}, GOES_ON, note="counts from the next REGISTER over TLS"),
    Row("tls.caSecretName", {"tls": {"caSecretName": "trusted"}}, ANEW, NEW, note=MOUNTED),
    Row(
        "tls.certificateSecretName", {"tls": {"certificateSecretName": "own"}}, ANEW, NEW, note="the Secret is mounted"
    ),
]
SOFTPHONE_ROWS = [*WHILE_RUNNING, *OF_THE_POD]

OF_THE_FLEET = [
    Row("metrics.perPhone", {"metrics": {"perPhone": False}}, GOES_ON),
    Row("maxUnavailable", {"maxUnavailable": 2}, GOES_ON),
    Row("phonesPerAgent", {"phonesPerAgent": 3}, ANEW, NEW, note="other phones may move between agents"),
    Row("replicas", {"replicas": 5}, GOES_ON, when="raised", note="the new phones come to the last agents"),
    Row("replicas", {"replicas": 4}, GOES_ON, when="lowered", note="the last phones un-REGISTER"),
    Row("firstIndex", {"firstIndex": 901}, GOES_ON, when="the phone stays with its agent"),
    Row("firstIndex", {"firstIndex": 898}, MOVES, when="the phone comes to another agent"),
]
"""Seen by the phone of index 901 in a fleet of 3, two in each agent, that begins with 900."""


def _of_all(row: Row) -> Row:
    """A row of the Softphone as one of a fleet's template."""
    for_all = {"aor": "sip:load{index:03d}@branch.test", "credentials": {"secretName": "others"}}
    change = {field: for_all.get(field, value) for field, value in row.change.items()}
    return replace(row, field=f"template.{row.field}", change={"template": change})


OF_THE_TEMPLATE = [
    *(_of_all(row) for row in WHILE_RUNNING if row.secret is None),
    *(_of_all(row) for row in OF_THE_POD if row.field in ("credentials.secretName", "agent.resources.requests")),
]

HEAD = """\
# What an edit does

<!-- Made from tests/edits.py by `make generate`. Do not edit. -->

Every field of the spec, edited in tests/e2e/test_edits.py on a registered phone. What the tables say is what the PBXes
and the cluster saw.

| the phone | |
|---|---|
| goes on | The binding stays: same Call-ID, no un-REGISTER. The new value counts from the next request. |
| registers over | It registers once more with the same Contact, and does not un-REGISTER: the PBX goes on with the binding. |
| starts anew | It un-REGISTERs, then registers with a new Call-ID. With a new pod the old one does the first, the new one the second. |
| rests | It un-REGISTERs and stays so. |
| moves | Another agent registers it with a new Call-ID, and the one that had it un-REGISTERs; either may come first. |

A pod that stays keeps its UID: the agent takes the new configuration while it runs. A new pod is made when the old one has
ended, so that two of them never fight for a binding.

`status.observedGeneration` follows every edit, and `Ready` is true again when the agent runs with the new spec, in the pod
that the new spec wants. A spec that is refused changes nothing for a phone that runs.
"""  # noqa: E501

TEMPLATE = """\
An edit of `template` does to all phones what the same field of a Softphone does to one. Those for which the pod stays
reach all phones at once; those for which it is new, as many agents at a time as `maxUnavailable` allows. Tried are all
of the first kind, and two of the second.
"""


def page() -> str:
    """The whole page."""
    tables = [(SOFTPHONE.name, SOFTPHONE_ROWS), (PBX.name, OF_THE_PBX), (SOFTPHONE_FLEET.name, OF_THE_FLEET)]
    parts = [HEAD, *("\n".join(_table(name, rows)) for name, rows in tables), TEMPLATE]
    return "\n".join(parts)


def _table(kind: str, rows: Iterable[Row]) -> Iterator[str]:
    whose = {PBX.name: "a phone that uses the PBX", SOFTPHONE_FLEET.name: "a phone that stays"}.get(kind, "the phone")
    yield f"## {kind}\n\n| field | when | {whose} | its pod | |\n|---|---|---|---|---|"
    for row in sorted(rows, key=lambda row: "Secret" in row.field):
        shown = row.field if "`" in row.field else f"`{row.field}`"
        yield f"| {shown} | {row.when} | {row.phone} | {row.pod} | {row.note} |"
    yield ""


def fields(kind: Kind) -> set[str]:
    """Every field of the kind's spec that holds a value of its own, as the reference page names it."""
    schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return set(_leaves(schema, ""))


def _leaves(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    inner = schema.get("properties") or schema.get("items", {}).get("properties")
    if not inner:
        yield path
        return
    place = f"{path}[]" if "items" in schema else path
    for name, each in inner.items():
        yield from _leaves(each, f"{place}.{name}" if place else name)


if __name__ == "__main__":
    PAGE.write_text(page())
