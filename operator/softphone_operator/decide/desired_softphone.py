"""What is desired for a Softphone, or why it is refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from softphone_agent.contract import sip_uri
from softphone_agent.contract.config import AgentConfig, Http, Sip
from softphone_agent.contract.config_faults import fault_messages
from softphone_agent.contract.fields import (
    SECRET_KEY,
    Mode,
    aor_fault,
    composed,
)
from softphone_agent.contract.phone import PASSWORD, REFERENCES, USERNAME, Credentials, Phone, entry_faults
from softphone_operator.api.spec import AgentSpec, SoftphoneSpec, TemplateSpec
from softphone_operator.decide import redundancy, systems
from softphone_operator.decide.decisions import (
    Caution,
    DesiredAgent,
    DesiredPbx,
    DesiredPhone,
    DesiredPool,
    Refusal,
    Secrets,
    refusal,
)
from softphone_operator.decide.desired_pbx import inconsistency, of_systems
from softphone_operator.decide.faults import (
    carrier_faults,
    location_faults,
    missing,
    reference_faults,
    same_registrar_faults,
    secret_faults,
)
from softphone_operator.decide.names import (
    SecretUse,
    http_port,
    secret_file,
    softphone_agent,
)
from softphone_operator.decide.pod_faults import pod_faults

OF_THE_POD = tuple(AgentSpec.model_fields)
"""Fields of agent that a Softphone in a pool must not give."""


def duplicate_aor(aor: str, other: str) -> Caution:
    """The caution for a Softphone whose AOR is already that of the Softphone `other` of the namespace."""
    shown = sip_uri.without_password(aor)
    return Caution("DuplicateAOR", f'aor: "{shown}" is already that of the Softphone "{other}"')


def duplicate_aor_in_fleet(aor: str, other: str, index: int) -> Caution:
    """The caution for a Softphone whose AOR is also that of the phone `index` of the SoftphoneFleet `other`."""
    shown = sip_uri.without_password(aor)
    return Caution("DuplicateAOR", f'aor: "{shown}" is also that of index {index} of the SoftphoneFleet "{other}"')


def softphone(
    name: str,
    namespace: str,
    uid: str,
    spec: Any,
    pbxs: Mapping[str, DesiredPbx | Refusal],
    secrets: Secrets,
    same_aor: str | None = None,
    fleet_aor: tuple[str, int] | None = None,
) -> DesiredAgent | Refusal:
    """What is desired for the Softphone `name` with the raw `spec`, given the PBXes and Secrets of its namespace.

    `same_aor` names an earlier Softphone of the namespace with the same AOR, `fleet_aor` a fleet and the index of its
    phone; None where there is none.
    """
    try:
        wanted = SoftphoneSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    faults = [*softphone_faults(wanted, namespace, pbxs), *credential_faults(name, wanted, namespace, secrets)]
    if faults:
        return refusal(faults)
    used = _used_pbxs(wanted, pbxs)
    agent = softphone_agent(name)
    try:
        config = AgentConfig(
            http=Http(port=http_port(namespace, agent, host_network=wanted.agent.host_network)),
            sip=Sip(public_address=wanted.agent.public_address or None),
            pbxs=tuple(desired.pbx for desired in used),
            phones=(_phone(name, uid, wanted),),
        )
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    return DesiredAgent(
        agent,
        config,
        wanted.agent,
        tuple(merged([*_credential_secrets(wanted), *(use for desired in used for use in desired.secrets)])),
        tuple(_cautions(wanted, pbxs, same_aor, fleet_aor)),
        wanted.agent.resources,
    )


def in_pool(
    name: str,
    namespace: str,
    uid: str,
    spec: Any,
    pool: DesiredPool | Refusal | None,
    pbxs: Mapping[str, DesiredPbx | Refusal],
    secrets: Secrets,
    same_aor: str | None = None,
    fleet_aor: tuple[str, int] | None = None,
) -> DesiredPhone | Refusal:
    """As `softphone`, for one whose agent.pool names a pool; `pool` None where there is none of that name."""
    try:
        wanted = SoftphoneSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    faults = [*softphone_faults(wanted, namespace, pbxs), *_pool_faults(name, wanted, namespace, pool, secrets)]
    if faults:
        return refusal(faults)
    try:
        phone = _phone(name, "", wanted)
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    said = phone.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    entry = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    used = frozenset(desired.pbx.name for desired in _used_pbxs(wanted, pbxs))
    return DesiredPhone(uid, entry, used, redundancy.asked(phone), tuple(_cautions(wanted, pbxs, same_aor, fleet_aor)))


def _pool_faults(
    name: str, spec: SoftphoneSpec, namespace: str, pool: DesiredPool | Refusal | None, secrets: Secrets
) -> Iterator[tuple[str, str]]:
    of_pool = spec.agent.pool or ""
    if excluded := [field for field in OF_THE_POD if getattr(spec.agent, field)]:
        told = " and ".join(to_camel(field) for field in excluded)
        yield "InvalidSpec", f"agent.pool: excludes the other fields of agent, they are the pool's; given: {told}"
    if pool is None:
        yield "PoolNotFound", f"agent.pool: {missing('SoftphonePool', of_pool, namespace)}"
    elif isinstance(pool, Refusal):
        yield "PoolInvalid", f'agent.pool: the SoftphonePool "{of_pool}" is not accepted: {pool.message}'
    elif spec.credentials:
        secret, there = spec.credentials.secret_name, pool.spec.credentials.secret_names
        if secret in there:
            yield from credential_faults(name, spec, namespace, secrets)
            return
        listed = f"it has {', '.join(there)}" if there else "it has none"
        shown = sip_uri.printable(secret)
        yield (
            "SecretNotInPool",
            f'credentials.secretName: "{shown}" is no Secret of the SoftphonePool "{of_pool}" '
            f"(credentials.secretNames): {listed}",
        )


def credential_faults(name: str, spec: SoftphoneSpec, namespace: str, secrets: Secrets) -> Iterator[tuple[str, str]]:
    """What is wrong with the Secret that the spec of the Softphone `name` names: reason and message."""
    if spec.credentials is None:
        return
    of = spec.credentials
    for where, key in (("passwordKey", of.password_key), ("usernameKey", of.username_key)):
        if key and not SECRET_KEY.match(key):
            yield "InvalidSpec", f'credentials.{where}: "{sip_uri.printable(key)}" can be no key of a Secret'
            return
    where = "credentials.passwordKey" if of.password_key and of.secret_name in secrets else "credentials.secretName"
    yield from secret_faults(where, of.secret_name, (_password_key(name, spec),), namespace, secrets)
    if of.username_key and of.secret_name in secrets:
        yield from secret_faults("credentials.usernameKey", of.secret_name, (of.username_key,), namespace, secrets)


def _password_key(name: str, spec: SoftphoneSpec) -> str:
    assert spec.credentials is not None
    return spec.credentials.password_key or (name if spec.agent.pool else PASSWORD)


def _username_key(spec: SoftphoneSpec) -> str | None:
    """The key of the user name; one that is not named need not be there."""
    assert spec.credentials is not None
    return spec.credentials.username_key or (None if spec.agent.pool else USERNAME)


def _phone(name: str, uid: str, spec: SoftphoneSpec) -> Phone:
    credentials = None
    if spec.credentials:
        secret, username = spec.credentials.secret_name, _username_key(spec)
        credentials = Credentials(
            password_file=secret_file(secret, _password_key(name, spec)),
            username_file=secret_file(secret, username) if username else None,
        )
    return Phone(
        name=name,
        id=uid,
        credentials=credentials,
        **asked_of_any(spec),
    )


def asked_of_any(spec: TemplateSpec) -> dict[str, Any]:
    """The fields of a spec or of a template, as the agent's configuration has them."""
    return {
        "aor": spec.aor,
        "pri": spec.pri or None,
        "sec": spec.sec or None,
        "phys": spec.phys or None,
        "mode": spec.mode,
        "cur": spec.cur or None,
        "home": spec.home or None,
        "registration": spec.registration,
        "answer": spec.answer,
        "media_encryption": spec.media_encryption,
        "trace": tuple(sorted(set(spec.trace))),
        "suspend": spec.suspend,
    }


def softphone_faults(
    spec: TemplateSpec, namespace: str, pbxs: Mapping[str, DesiredPbx | Refusal]
) -> Iterator[tuple[str, str]]:
    """What is wrong with the spec of a Softphone, but for its credentials and its pool: reason and message each."""
    if fault := aor_fault(spec.aor):
        yield "InvalidSpec", f"aor: {fault}"
    entries = entry_faults(spec.mode, spec.pri, spec.sec, spec.cur)
    for message in entries:
        yield "InvalidSpec", message
    if spec.phys:
        yield from location_faults("phys", spec.phys)
        yield from carrier_faults(composed(spec.phys), {getattr(spec, where) for where in REFERENCES}, pbxs)
    for where in REFERENCES:
        if reference := getattr(spec, where):
            yield from reference_faults(where, reference, namespace, pbxs)
    if spec.pri and spec.sec and not entries:
        yield from same_registrar_faults(spec.pri, spec.sec, pbxs)
    yield from pod_faults(spec.agent)


def _used_pbxs(spec: SoftphoneSpec, pbxs: Mapping[str, DesiredPbx | Refusal]) -> list[DesiredPbx]:
    """The PBXes that the phone names, and all others of their systems: redirects lead there."""
    return of_systems({getattr(spec, where) for where in REFERENCES}, pbxs)


def _credential_secrets(spec: SoftphoneSpec) -> Iterator[SecretUse]:
    if spec.credentials is None:
        return
    required, optional = {_password_key("", spec)}, {USERNAME}
    if spec.credentials.username_key:
        required, optional = required | {spec.credentials.username_key}, set()
    yield SecretUse(spec.credentials.secret_name, tuple(sorted(required)), tuple(sorted(optional - required)))


def merged(*uses: Iterable[SecretUse]) -> Iterator[SecretUse]:
    """One use for each Secret, with all keys that are asked for."""
    required: dict[str, set[str]] = {}
    optional: dict[str, set[str]] = {}
    whole = set()
    for use in itertools.chain(*uses):
        required.setdefault(use.name, set()).update(use.required)
        optional.setdefault(use.name, set()).update(use.optional)
        if use.whole:
            whole.add(use.name)
    for name in sorted(required):
        if name in whole:
            yield SecretUse(name, whole=True)
        else:
            yield SecretUse(name, tuple(sorted(required[name])), tuple(sorted(optional[name] - required[name])))


def _cautions(
    spec: SoftphoneSpec,
    pbxs: Mapping[str, DesiredPbx | Refusal],
    same_aor: str | None,
    fleet_aor: tuple[str, int] | None,
) -> Iterator[Caution]:
    if same_aor:
        yield duplicate_aor(spec.aor, same_aor)
    if fleet_aor:
        yield duplicate_aor_in_fleet(spec.aor, *fleet_aor)
    if mixed := _mixed_systems(spec, _used_pbxs(spec, pbxs)):
        yield mixed
    told = set()
    for where in REFERENCES:
        message = inconsistency(getattr(spec, where) or "", pbxs)
        if message and message not in told:
            told.add(message)
            yield Caution("Inconsistent", message)


def _mixed_systems(spec: TemplateSpec, used: Iterable[DesiredPbx]) -> Caution | None:
    if spec.registration.redirect_policy != "KnownPBXes" or spec.mode is not Mode.LAUNCHER:
        return None
    named = {where: getattr(spec, where) for where in REFERENCES}
    message = systems.mixed_systems(named, {desired.pbx.name: desired.pbx for desired in used})
    return Caution("MixedSystems", message) if message else None
