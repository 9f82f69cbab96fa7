"""What an edit does to a registered phone and to its pod, for every field of the kinds: set, and taken away.

The rows are the data of e2e/test_edits.py, which makes every one of these edits in the lab, in this order, and looks
at the REGISTERs that the PBXes saw. `PYTHONPATH=tests python -m edits` writes docs/edits.md from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from softphone_operator.api.crd import crd
from softphone_operator.api.kinds import PBX, SOFTPHONE, SOFTPHONE_FLEET, SOFTPHONE_POOL, Kind

PAGE = Path(__file__).parents[1] / "docs" / "edits.md"

GOES_ON = "goes on"
OVER = "registers over"
ANEW = "starts anew"
MOVES = "moves"
RESTS = "rests"
REFUSED = "goes on, refused"
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
    away: bool = False
    """Whether the edit takes the field away."""
    ends_as: str = ""
    """Reason of Ready afterwards, where that is not true."""
    aside: bool = False
    """Whether it only leads to the next row, and is not on the page."""

    @property
    def name(self) -> str:
        """The field, and in which case."""
        cases = ", ".join([self.when] * bool(self.when) + ["taken away"] * self.away)
        return f"{self.field} ({cases})" if cases else self.field


def _nested(path: str, value: Any) -> Any:
    for part in reversed(path.split(".")):
        value = {part: value}
    return value


def _away(path: str, phone: str, pod: str = STAYS, *, of: str = "", **more: Any) -> Row:
    """The field at `path` is taken away. `of`: the field that it stands for in the table, where that is another."""
    return Row(of or path, _nested(path, None), phone, pod, away=True, **more)


def _live(name: str, value: Any, note: str = "") -> Row:
    """A field of spec.registration that counts from the next request."""
    return Row(f"registration.{name}", _nested(f"registration.{name}", value), GOES_ON, note=note)


def _agent(name: str, value: Any, note: str = "") -> Row:
    return Row(f"agent.{name}", _nested(f"agent.{name}", value), ANEW, NEW, note=note)


def _toleration(name: str, *, away: bool = False, **whole: Any) -> Row:
    return Row(f"agent.tolerations[].{name}", {"agent": {"tolerations": [whole]}}, ANEW, NEW, away=away)


NO_PASSWORD = "the Secret is mounted; taken away is `credentials` as a whole, and the PBX refuses who gives no password"
SAME_PASSWORD = "the same password under another key; no Secret is mounted anew"
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
    _live("failBackAfterSeconds", 3600),
    _live("failBack", "Primary", "the time of `failBackAfterSeconds` counts from the edit"),
    _live("closedConnectionWaitSeconds", 1),
    _live("pathCheckSeconds", 60),
    Row("answer", {"answer": "Echo"}, GOES_ON, note="calls that it has end"),
    Row("mediaEncryption", {"mediaEncryption": "Offered"}, GOES_ON, note="calls that it has go on as they are"),
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
AWAY_WHILE_RUNNING = [
    _away("answer", GOES_ON),
    _away("mediaEncryption", GOES_ON),
    _away("trace", GOES_ON),
    _away("home", GOES_ON),
    _away("registration.attemptTimeoutSeconds", GOES_ON),
    _away("registration.pingSeconds", GOES_ON),
    _away("registration.maxRedirects", GOES_ON),
    _away("registration.backoff.initialSeconds", GOES_ON),
    _away("registration.backoff.maxSeconds", GOES_ON),
    _away("registration.redirectPolicy", GOES_ON),
    _away("registration.failBack", GOES_ON),
    _away("registration.failBackAfterSeconds", GOES_ON),
    _away("registration.closedConnectionWaitSeconds", GOES_ON),
    _away("registration.pathCheckSeconds", GOES_ON),
    _away("cur", REFUSED, when="mode Browser"),
    _away("mode", ANEW),
    _away("cur", GOES_ON, when="mode Launcher"),
    _away("sec", GOES_ON, when=BY_PRI),
    _away("pri", REFUSED, when=BY_PRI),
    _away("aor", REFUSED),
    _away("phys", ANEW),
    _away("registration.expiresSeconds", ANEW),
    _away("agent.publicAddress", ANEW),
    Row(
        "the Secret's `password`, `username`",
        {},
        OVER,
        away=True,
        secret={"password": "pw-u36"},
        note="`username`: the user of the AOR is taken; without `password` the spec is refused, the phone goes on",
    ),
    Row("suspend", {"suspend": True}, RESTS, when="set again", aside=True),
    _away("suspend", ANEW, when="set"),
]
ALL_SET: Mapping[str, Any] = {
    "pri": "standby",
    "sec": "sip:10.245.0.11:5060;transport=tcp",
    "cur": "sip:10.245.0.12:5060;transport=tcp",
    "home": "slave",
    "phys": "linz",
    "mode": "Browser",
    "answer": "Echo",
    "mediaEncryption": "Offered",
    "trace": ["App", "Signaling"],
    "registration": {
        "expiresSeconds": 90,
        "attemptTimeoutSeconds": 3,
        "pingSeconds": 5,
        "maxRedirects": 5,
        "backoff": {"initialSeconds": 0.5, "maxSeconds": 5},
        "redirectPolicy": "KnownPBXes",
        "failBack": "Primary",
        "failBackAfterSeconds": 3600,
        "closedConnectionWaitSeconds": 1,
        "pathCheckSeconds": 60,
    },
    "agent": {"publicAddress": "192.0.2.7"},
}
"""The spec of the phone from which AWAY_WHILE_RUNNING takes away."""
OF_THE_POD = [
    Row(
        "credentials.secretName",
        {"credentials": {"secretName": "another"}},
        ANEW,
        NEW,
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
AWAY_OF_THE_POD = [
    # In the order of OF_THE_POD, since of both lists each third row is tried on the same phone.
    _away("agent.priorityClassName", ANEW, NEW),
    _away("agent.hostNetwork", ANEW, NEW),
    _toleration("operator", away=True, key="site", value="linz", effect="NoExecute", tolerationSeconds=60),
    _away("agent.nodeSelector", ANEW, NEW),
    _toleration("tolerationSeconds", away=True, key="site", value="linz", effect="NoExecute"),
    _toleration("value", away=True, key="site", effect="NoExecute", tolerationSeconds=60),
    _toleration("effect", away=True, key="site", value="linz"),
    _away("agent.resources.requests", ANEW, NEW),
    _away("agent.resources.limits", ANEW, NEW),
    _away("credentials", RESTS, NEW, of="credentials.secretName", ends_as="Rejected", note=NO_PASSWORD),
    _away("agent.tolerations", ANEW, NEW, of="agent.tolerations[].key"),
]
PBX_ALL_SET: Mapping[str, Any] = {
    "address": "sip:10.245.0.12:5060;transport=tcp",
    "system": "taken",
    "location": "elsewhere",
    "noPhysicalLocation": True,
    "locationCarrier": {"type": "ContactParameter", "name": "place"},
    "tls": {"serverName": "pbx.test", "caSecretName": "trusted", "certificateSecretName": "own"},
    "registerRate": 500,
    "requestUri": "Domain",
}
"""The spec of the PBX from which AWAY_OF_THE_PBX takes away."""
AWAY_OF_THE_PBX = [
    _away("registerRate", GOES_ON),
    _away("requestUri", ANEW),
    _away("system", GOES_ON),
    _away("tls.serverName", GOES_ON),
    _away("tls.caSecretName", ANEW, NEW),
    _away("tls.certificateSecretName", ANEW, NEW),
    _away("address", REFUSED, when="the phone came by this PBX"),
    _away("location", GOES_ON, when="the phone does not send it"),
    _away("noPhysicalLocation", ANEW, when="the phone sent the PBX's location"),
    _away("locationCarrier.name", ANEW, when="the phone sends one"),
    _away("locationCarrier.type", ANEW, when="the phone sends one"),
    Row("location", {"location": "branch"}, ANEW, when="the phone sends it again", aside=True),
    _away("location", ANEW, when="the phone sends it", note="taken away: the name of the PBX counts"),
]
OF_THE_PBX = [
    Row("registerRate", {"registerRate": 500}, GOES_ON),
    Row("requestUri", {"requestUri": "Domain"}, ANEW),
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
INTO_A_POOL = "the pool's agent registers it, then its own pod ends"
OUT_OF_A_POOL = "an agent of its own registers it, then the pool's lets it go"
IN_A_POOL = "in a pool"
AS_ALONE = "as the other fields of `agent`; one agent after the other, as `maxUnavailable` allows"
WITH_A_POOL = [
    Row("agent.pool", {"agent": {"pool": "edited"}}, MOVES, NEW, note=INTO_A_POOL),
    Row(
        "credentials.passwordKey",
        {"credentials": {"passwordKey": "again"}},
        GOES_ON,
        when=IN_A_POOL,
        note=SAME_PASSWORD,
    ),
    Row("credentials.usernameKey", {"credentials": {"usernameKey": "user"}}, OVER, when=IN_A_POOL),
    _away("credentials.usernameKey", OVER, when=IN_A_POOL),
    _away("credentials.passwordKey", GOES_ON, when=IN_A_POOL),
    _away("agent.pool", MOVES, NEW, note=OUT_OF_A_POOL),
]
"""Tried in e2e/test_pool.py."""
SOFTPHONE_ROWS = [*WHILE_RUNNING, *AWAY_WHILE_RUNNING, *OF_THE_POD, *AWAY_OF_THE_POD, *WITH_A_POOL]
PBX_ROWS = [*OF_THE_PBX, *AWAY_OF_THE_PBX]

OF_THE_FLEET = [
    Row("metrics.perPhone", {"metrics": {"perPhone": False}}, GOES_ON),
    _away("metrics.perPhone", GOES_ON),
    Row("maxUnavailable", {"maxUnavailable": 2}, GOES_ON),
    _away("maxUnavailable", GOES_ON),
    Row("pathChecksOneIn", {"pathChecksOneIn": 2}, GOES_ON),
    _away("pathChecksOneIn", GOES_ON),
    _away("phonesPerAgent", ANEW, NEW),
    Row("phonesPerAgent", {"phonesPerAgent": 3}, ANEW, NEW, note="other phones may move between agents"),
    Row("replicas", {"replicas": 5}, GOES_ON, when="raised", note="the new phones come to the last agents"),
    Row("replicas", {"replicas": 4}, GOES_ON, when="lowered", note="the last phones un-REGISTER"),
    Row("firstIndex", {"firstIndex": 901}, GOES_ON, when="the phone stays with its agent"),
    _away("replicas", GOES_ON, when="lowered", note="taken away: the first one stays"),
    Row("firstIndex", {"firstIndex": 898, "replicas": 4}, MOVES, when="the phone comes to another agent"),
    _away("firstIndex", RESTS, when="the phone is no more among them", note="it begins with 0"),
]
"""Seen by the phone of index 901 in a fleet of 3, two in each agent, that begins with 900."""

OF_THE_POOL = [
    Row("metrics.perPhone", {"metrics": {"perPhone": False}}, GOES_ON),
    Row("maxUnavailable", {"maxUnavailable": 2}, GOES_ON),
    Row(
        "phonesPerAgent", {"phonesPerAgent": 400}, ANEW, NEW, note="default resources grow with it; else the pod stays"
    ),
    Row("credentials.secretNames", {"credentials": {"secretNames": ["vienna", "graz"]}}, ANEW, NEW),
    Row("agent.nodeSelector", {"agent": {"nodeSelector": {"site": "linz"}}}, ANEW, NEW, note=AS_ALONE),
]
"""Some of them in e2e/test_pool.py; those of the pod are made as for a fleet."""


def _of_all(row: Row) -> Row:
    """A row of the Softphone as one of a fleet's template."""
    for_all = {"aor": "sip:load{index:03d}@branch.test", "credentials": {"secretName": "others"}}
    change = {field: for_all.get(field, value) if value else value for field, value in row.change.items()}
    return replace(row, field=f"template.{row.field}", change={"template": change})


OF_BOTH_KINDS = ("credentials.secretName", "agent.resources.requests")
OF_THE_TEMPLATE = [
    *(_of_all(row) for row in WHILE_RUNNING if row.secret is None),
    *(_of_all(row) for row in OF_THE_POD if row.field in OF_BOTH_KINDS),
]
AWAY_OF_THE_TEMPLATE = [
    *(_of_all(row) for row in AWAY_WHILE_RUNNING if row.secret is None),
    *(_of_all(row) for row in AWAY_OF_THE_POD if row.field in OF_BOTH_KINDS),
]

HEAD = """\
# What an edit does

<!-- Made from tests/edits.py by `make generate`. Do not edit. -->

Every field of the spec: set or changed, and taken away, in tests/e2e/test_edits.py on a registered phone. What the
tables say is what the PBXes and the cluster saw.

| the phone | |
|---|---|
| goes on | The binding stays: same Call-ID, no un-REGISTER. The new value counts from the next request. |
| registers over | It registers once more with the same Contact, and does not un-REGISTER: the PBX goes on with the binding. |
| starts anew | It un-REGISTERs, then registers with a new Call-ID. With a new pod the old one does the first, the new one the second. |
| rests | It un-REGISTERs and stays so. |
| goes on, refused | The API server, or the operator by `Accepted`, refuses a spec without it. Nothing changes. |
| moves | Another agent registers it with a new Call-ID, and the one that had it un-REGISTERs; either may come first. |

A pod that stays keeps its UID: the agent takes the new configuration while it runs. A new pod is made when the old one has
ended, so that two of them never fight for a binding.

`status.observedGeneration` follows every edit, and `Ready` is true again when the agent runs with the new spec, in the pod
that the new spec wants. A spec that is refused changes nothing for a phone that runs. What is taken away of the spec is
taken away of the pod too: the default counts again, and a Secret that nothing names is mounted no more. What others have
added to the Deployment stays.
"""  # noqa: E501

TEMPLATE = """\
An edit of `template` does to all phones what the same field of a Softphone does to one. Those for which the pod stays
reach all phones at once; those for which it is new, as many agents at a time as `maxUnavailable` allows. Tried are all
of the first kind, and two of the second.
"""


def page() -> str:
    """The whole page."""
    tables = [(SOFTPHONE.name, SOFTPHONE_ROWS), (PBX.name, PBX_ROWS), (SOFTPHONE_FLEET.name, OF_THE_FLEET)]
    pool = "\n".join(_table(SOFTPHONE_POOL.name, OF_THE_POOL))
    parts = [HEAD, *("\n".join(_table(name, rows)) for name, rows in tables), TEMPLATE, pool]
    return "\n".join(parts)


def _table(kind: str, rows: Iterable[Row]) -> Iterator[str]:
    whose = {
        PBX.name: "a phone that uses the PBX",
        SOFTPHONE_FLEET.name: "a phone that stays",
        SOFTPHONE_POOL.name: "a phone of it",
    }.get(kind, "the phone")
    yield f"## {kind}\n\n| field | when | {whose} | its pod | taken away: {whose} | its pod | |"
    yield "|---|---|---|---|---|---|---|"
    for row, away in sorted(_pairs(rows), key=lambda pair: "Secret" in (pair[0] or pair[1]).field):  # type: ignore[union-attr]
        one = row or away
        assert one is not None
        shown = one.field if "`" in one.field else f"`{one.field}`"
        cells = [f"{of.phone} | {of.pod}" if of else " | " for of in (row, away)]
        notes = "; ".join(of.note for of in (row, away) if of and of.note)
        yield f"| {shown} | {one.when} | {cells[0]} | {cells[1]} | {notes} |"
    yield ""


def _pairs(rows: Iterable[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Of each field and case what setting does, and what taking away does."""
    shown = [row for row in rows if not row.aside]
    away = {(row.field, row.when): row for row in shown if row.away}
    for row in shown:
        if not row.away:
            yield row, away.pop((row.field, row.when), None) or away.pop((row.field, ""), None)
    yield from ((None, row) for row in away.values())


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
