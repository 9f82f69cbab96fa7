"""An empty text in a spec means what no text means, as templates of GitOps tools write it: every field, every kind."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import cel
import jsonschema
import pytest

from softphone_operator.api.crd import RULES, RULES_MARK, crd
from softphone_operator.api.kinds import (
    CALL_CHECK,
    KINDS,
    PBX,
    REHEARSAL,
    SOFTPHONE,
    SOFTPHONE_FLEET,
    SOFTPHONE_POOL,
    Kind,
)
from softphone_operator.decide import (
    decisions,
    desired_call_check,
    desired_fleet,
    desired_pbx,
    desired_pool,
    desired_softphone,
)
from softphone_operator.decide.call_phones import CallPhone
from softphone_operator.rehearsals import desired

TOLERATION = {"key": "a", "operator": "Exists", "value": "", "effect": "NoSchedule", "tolerationSeconds": 5}
AGENT = {
    "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "128Mi"}},
    "nodeSelector": {"a": "b"},
    "tolerations": [TOLERATION],
    "priorityClassName": "high",
    "publicAddress": "192.0.2.7",
}
PHONE: dict[str, Any] = {
    "aor": "sip:anna@acme.example",
    "pri": "master",
    "sec": "slave",
    "phys": "linz",
    "mode": "Launcher",
    "cur": "slave",
    "home": "slave",
    "credentials": {"secretName": "anna"},
    "registration": {"redirectPolicy": "KnownPBXes", "failBack": "Primary"},
    "answer": "Echo",
    "mediaEncryption": "Offered",
    "agent": AGENT,
}
SPECS: dict[str, dict[str, Any]] = {
    PBX.name: {
        "address": "sip:10.0.0.1:5061;transport=tls",
        "system": "acme",
        "location": "wien",
        "locationCarrier": {"type": "ContactParameter", "name": "site"},
        "requestUri": "Domain",
        "tls": {"caSecretName": "tls", "certificateSecretName": "tls", "serverName": "pbx.example"},
    },
    SOFTPHONE.name: PHONE
    | {
        "credentials": {"secretName": "anna", "passwordKey": "password", "usernameKey": "password"},
        "agent": AGENT | {"pool": ""},
    },
    SOFTPHONE_POOL.name: {
        "maxUnavailable": "25%",
        "agent": AGENT,
        "credentials": {"secretNames": ["anna"]},
    },
    CALL_CHECK.name: {
        "mode": "Pairs",
        "from": {"softphone": "anna", "selector": ""},
        "to": {"softphone": "berta", "selector": "", "uri": ""},
        "siteLabel": "site",
        "expect": {"answeredBy": "berta", "audio": "None"},
    },
    SOFTPHONE_FLEET.name: {
        "replicas": 3,
        "maxUnavailable": "25%",
        "template": PHONE | {"aor": "sip:load{index}@acme.example"},
    },
}
SPECS[REHEARSAL.name] = {
    "pbx": "master",
    "system": "",
    "trigger": "Manual",
    "schedule": "0 3 1 * *",
    "timeZone": "Europe/Vienna",
}
SECRETS = {"anna": frozenset({"password"}), "tls": frozenset({"ca.crt", "tls.crt", "tls.key"})}
Path = tuple[str | int, ...]


def schema(kind: Kind) -> dict[str, Any]:
    found: dict[str, Any] = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def texts(part: dict[str, Any], path: Path = ()) -> Iterator[Path]:
    """The fields of a spec that hold text and need not be given."""
    for name, field in part.get("properties", {}).items():
        if field.get("type") == "string" or field.get("x-kubernetes-int-or-string"):
            if name not in part.get("required", ()):
                yield (*path, name)
        elif field.get("type") == "array" and field["items"].get("type") == "object":
            yield from texts(field["items"], (*path, name, 0))
        elif name in ("requests", "limits") and "additionalProperties" in field:
            yield (*path, name, "cpu" if name == "requests" else "memory")
        else:
            yield from texts(field, (*path, name))


CASES = [(kind, path) for kind in KINDS for path in texts(schema(kind))]
each = pytest.mark.parametrize(("kind", "path"), CASES, ids=[f"{k.name} {'.'.join(map(str, p))}" for k, p in CASES])


def changed(spec: dict[str, Any], path: Path, value: str | None) -> dict[str, Any]:
    """The spec with this text there, or without the field."""
    made = copy.deepcopy(spec)
    place: Any = made
    for part in path[:-1]:
        place = place[part]
    assert path[-1] in place, "the spec of this test must have every field"
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


def decided(kind: Kind, spec: dict[str, Any]) -> object:
    addresses = {"master": "sip:10.0.0.1:5060", "slave": "sip:10.0.0.2:5060"}
    pbxs = {name: desired_pbx.pbx(name, "demo", {"address": address}, SECRETS) for name, address in addresses.items()}
    if kind is PBX:
        return desired_pbx.pbx("master", "demo", spec, SECRETS)
    if kind is SOFTPHONE:
        return desired_softphone.softphone("anna", "demo", "uid", spec, pbxs, SECRETS)
    if kind is REHEARSAL:
        return desired.rehearsal("demo", spec, pbxs, jobs_allowed=True)
    if kind is SOFTPHONE_POOL:
        return desired_pool.pool("demo", spec, SECRETS)
    if kind is CALL_CHECK:
        named = {name: CallPhone(name, f"sip:{name}@acme.example", "wien", {}, "Checks") for name in ("anna", "berta")}
        found = desired_call_check.Found(named, {})
        return desired_call_check.call_check("sites", "demo", "uid", spec, found)
    return desired_fleet.fleet("load", "demo", "uid", spec, pbxs, SECRETS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_specs_of_this_test_are_good_and_whole(kind: Kind) -> None:
    assert not isinstance(decided(kind, SPECS[kind.name]), decisions.Refusal)


@each
def test_the_operator_takes_an_empty_text_for_none(kind: Kind, path: Path) -> None:
    spec = SPECS[kind.name]
    assert decided(kind, changed(spec, path, "")) == decided(kind, changed(spec, path, None))


@each
def test_the_api_server_lets_it_in(kind: Kind, path: Path) -> None:
    assert jsonschema.Draft4Validator(schema(kind)).is_valid(changed(SPECS[kind.name], path, ""))


@each
def test_the_rules_of_the_api_server_say_the_same_of_both(kind: Kind, path: Path) -> None:
    said = [broken(kind, changed(SPECS[kind.name], path, value)) for value in ("", None)]
    assert said[0] == said[1]


def broken(kind: Kind, spec: dict[str, Any]) -> list[str]:
    """The messages of the CEL rules that it breaks."""
    found = []
    defaults = {name: field["default"] for name, field in schema(kind)["properties"].items() if "default" in field}
    for path, rules in RULES[kind.name].items():
        place: Any = {"spec": defaults | spec}
        for name in path:
            place = place.get(name) if isinstance(place, dict) else None
        if place is not None:
            found += [rule["message"] for rule in rules if not cel.evaluate(rule["rule"], {"self": place})]
    return found


def test_rules_are_looked_at() -> None:
    assert RULES_MARK
    assert broken(SOFTPHONE, {"aor": "sip:anna@acme.example", "pri": ""}) == ["pri: Launcher mode needs a primary PBX"]


def test_an_empty_name_of_a_secret_means_no_digest() -> None:
    for credentials in ({"secretName": ""}, None):
        made = decided(SOFTPHONE, PHONE | {"credentials": credentials})
        assert isinstance(made, decisions.DesiredAgent)
        assert (made.secrets, made.config.phones[0].credentials) == ((), None)
    jsonschema.Draft4Validator(schema(SOFTPHONE)).validate(PHONE | {"credentials": {"secretName": ""}})


def test_credentials_without_the_name_of_a_secret_are_still_a_fault() -> None:
    """A misspelt field is dropped by the API server before anybody sees it."""
    refused = decided(SOFTPHONE, PHONE | {"credentials": {}})
    assert isinstance(refused, decisions.Refusal)
    assert "credentials.secretName: is required" in refused.message


def test_what_must_be_given_is_not_given_by_an_empty_text() -> None:
    refused = decided(SOFTPHONE, PHONE | {"aor": ""})
    assert isinstance(refused, decisions.Refusal)
    assert refused.message.startswith('aor: "" is no address of record')


@pytest.mark.parametrize("flags", [["App", "App"], ["App", "App", "Signaling", "App"]], ids=len)
def test_a_flag_that_is_given_twice_counts_once(flags: list[str]) -> None:
    jsonschema.Draft4Validator(schema(SOFTPHONE)).validate(PHONE | {"trace": flags})
    assert decided(SOFTPHONE, PHONE | {"trace": flags}) == decided(SOFTPHONE, PHONE | {"trace": sorted(set(flags))})
