"""Every text of our objects, and texts that try to be more: refused with field and value, or carried safely."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from hostile import HOSTILE, KEY, Place, put
from hostile_objects import CASES, FLEET, PBX, PHONE, hostile_spec
from softphone_agent.contract import reading
from softphone_agent.phone.directory import Directory, registrar_uri
from softphone_agent.phone.planning import register_request
from softphone_agent.sip.request import RegisterRequest, Secret
from softphone_operator.decide import (
    call_phones,
    call_plan,
    decisions,
    desired_call_check,
    desired_fleet,
    desired_pbx,
    desired_pool,
    desired_softphone,
    manifests,
    mounts,
    names,
    pool_files,
    references,
)
from softphone_operator.rehearsals import desired

SECRETS = {"good": frozenset({"password", "username", "ca.crt", "tls.crt", "tls.key"})}
ADDRESSES = {"aor", "pri", "sec", "cur", "home", "address"}
LABEL = re.compile(r"(?=.{1,63}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
UNSAFE = re.compile(r"[\x00-\x1f\x7f<>\"\\\s]")
"""What may stand in no part of a REGISTER that is ours to fill in."""


def pbxs() -> dict[str, decisions.DesiredPbx | decisions.Refusal]:
    return {"master": desired_pbx.pbx("master", "demo", PBX, SECRETS)}


def decided(kind: str, spec: Any) -> list[decisions.DesiredAgent] | decisions.Refusal:
    """The agents of an object, of a PBX those of a phone that uses it."""
    if kind == "PBX":
        made = desired_pbx.pbx("master", "demo", spec, SECRETS)
        if isinstance(made, decisions.Refusal):
            return made
        one = desired_softphone.softphone("anna", "demo", "uid-1", PHONE, {"master": made}, SECRETS)
    elif kind == "Softphone":
        if references.pool_of(spec):
            refused = desired_softphone.in_pool("anna", "demo", "uid-1", spec, None, pbxs(), SECRETS)
            assert isinstance(refused, decisions.Refusal)
            return refused
        one = desired_softphone.softphone("anna", "demo", "uid-1", spec, pbxs(), SECRETS)
    elif kind == "Rehearsal":
        meant = desired.rehearsal("demo", spec, pbxs(), jobs_allowed=True)
        return meant if isinstance(meant, decisions.Refusal) else []
    elif kind == "CallCheck":
        phones = {name: call_phones.of_softphone(name, PHONE, {}, pbxs()) for name in ("anna", "berta")}
        named = {name: phone for name, phone in phones.items() if phone}
        asked = desired_call_check.asked(spec)
        found = desired_call_check.Found(named, {text: list(named.values()) for text in asked.selectors})
        check = desired_call_check.call_check("sites", "demo", "uid-1", spec, found)
        if isinstance(check, decisions.Refusal):
            return check
        one = desired_softphone.softphone("anna", "demo", "uid-1", PHONE, pbxs(), SECRETS)
        assert isinstance(one, decisions.DesiredAgent)
        one = call_plan.with_calls(one, call_plan.plan([check]))
        assert one.config.call_checks
    elif kind == "SoftphonePool":
        pool = desired_pool.pool("demo", spec, SECRETS)
        if isinstance(pool, decisions.Refusal):
            return pool
        phone = desired_softphone.in_pool(
            "anna", "demo", "uid-1", PHONE | {"agent": {"pool": "vienna"}}, pool, pbxs(), SECRETS
        )
        assert isinstance(phone, decisions.DesiredPhone)
        files = pool_files.agents("vienna", "demo", pool, {0: {"anna"}}, {"anna": phone}, pbxs(), {})
        return list(files.values())
    else:
        fleet = desired_fleet.fleet("load", "demo", "uid-1", spec, pbxs(), SECRETS)
        return fleet if isinstance(fleet, decisions.Refusal) else list(fleet.agents)
    return one if isinstance(one, decisions.Refusal) else [one]


@pytest.mark.parametrize(("kind", "place"), CASES, ids=[f"{kind}.{place}" for kind, place in CASES])
def test_a_text_is_refused_by_name_or_carried_safely(kind: str, place: Place) -> None:
    for aim, text in HOSTILE.items():
        outcome = decided(kind, hostile_spec(kind, place, text))
        if isinstance(outcome, decisions.Refusal):
            told_well(outcome.message, place, text, aim)
        else:
            for agent in outcome:
                carried_safely(agent)


def told_well(message: str, place: Place, text: str, aim: str) -> None:
    fields = [str(part) for part in place.path if part not in (0, KEY, "cpu")]
    assert fields[-1] in message, (aim, message)
    assert message.isprintable(), (aim, message)
    assert len(message) <= decisions.MAX_MESSAGE
    if aim == "password":
        assert fields[-1] not in ADDRESSES or "hidden-word" not in message, message
    elif len(text) < 60 and not (fields[-1] in ADDRESSES and "@" in text):
        assert text[:1] in message, (aim, message)


def carried_safely(agent: decisions.DesiredAgent) -> None:
    written = manifests.config_text(agent.config, agent.entries.values())
    assert written.count("\n") == 1
    read = reading.parse(written)
    if not agent.entries:
        assert reading.expanded(agent.config) == read
    made = manifests.Agent(
        name=agent.agent,
        namespace="demo",
        owner=manifests.Owner("v1", "Softphone", "anna", "uid-1"),
        labels={},
        config=agent.config,
        entries=agent.entries,
        image=manifests.Image("agent:1"),
        pod=agent.pod,
        secrets=agent.secrets,
    )
    deployment = manifests.marked(manifests.deployment(made))
    assert json.loads(json.dumps(deployment)) == deployment
    pod = deployment["spec"]["template"]["spec"]
    for volume in pod["volumes"]:
        assert LABEL.match(volume["name"])
    for mount in pod["containers"][0]["volumeMounts"]:
        assert re.fullmatch(r"(/[a-z0-9][-a-z0-9.]*)+", mount["mountPath"])
    secrets = [source["secret"]["name"] for v in pod["volumes"] for source in v.get("projected", {}).get("sources", [])]
    assert set(secrets) <= SECRETS.keys()
    for phone in read.phones:
        directory = Directory.of(read.pbxs)
        for reference in (phone.pri or phone.cur, phone.sec, phone.home):
            if reference:
                uri = registrar_uri(directory.address(reference))
                address = read.sip.public_address
                safe_on_the_wire(
                    register_request(phone, directory, Secret("anna", "pw"), uri, public_address=address), phone.aor
                )


def safe_on_the_wire(sent: RegisterRequest, aor: str) -> None:
    texts = [
        sent.registrar,
        sent.aor,
        aor,
        sent.public_address or "",
        *(text for pair in sent.headers for text in pair),
    ]
    texts += [name for name, _ in sent.contact_parameters]
    texts += [value for name, value in sent.contact_parameters if name != "+sip.instance"]
    for text in texts:
        assert not UNSAFE.search(text), text
        assert text.isascii(), text


def test_the_places_are_those_of_the_reference() -> None:
    """The walk sees what people can write, down to lists and mappings."""
    found = {f"{kind}.{place}" for kind, place in CASES}
    assert {
        "PBX.tls.serverName",
        "PBX.locationCarrier.name",
        "Softphone.agent.tolerations.0.key",
        "Softphone.agent.nodeSelector.key",
        "Softphone.agent.nodeSelector.cpu",
        "Softphone.agent.resources.limits.cpu",
        "Softphone.trace.0",
        "SoftphoneFleet.template.registration.redirectPolicy",
        "SoftphoneFleet.maxUnavailable",
    } <= found
    assert len(found) >= 50


# Other namespaces


@pytest.mark.parametrize("name", ["../other", "other/name", "/etc/passwd", "name.other", "name.other.svc", "good/../x"])
def test_a_secret_or_pbx_of_another_namespace_cannot_be_had(name: str) -> None:
    secret = f'there is no Secret "{name}" in the namespace demo'
    elsewhere = f"{secret}; it must be in the same namespace" if "/" in name else secret
    for kind, base, path, reason in (
        ("Softphone", PHONE, ("credentials", "secretName"), elsewhere),
        ("SoftphoneFleet", FLEET, ("template", "credentials", "secretName"), elsewhere),
        ("PBX", PBX, ("tls", "caSecretName"), elsewhere),
        ("PBX", PBX, ("tls", "certificateSecretName"), elsewhere),
        ("Softphone", PHONE, ("sec",), elsewhere.replace("Secret", "PBX")),
        ("SoftphoneFleet", FLEET, ("template", "home"), elsewhere.replace("Secret", "PBX")),
    ):
        refused = decided(kind, put(base, path, name))
        assert isinstance(refused, decisions.Refusal)
        assert refused.reason in ("SecretNotFound", "PBXNotFound")
        assert refused.message == f"{'.'.join(path)}: {reason}"


def test_only_secrets_of_the_own_namespace_are_mounted() -> None:
    """A volume names a Secret and no namespace: Kubernetes takes the pod's."""
    volume = mounts.secret_volume(names.SecretUse("good", ("password",)))
    assert json.dumps(volume).count("namespace") == 0
