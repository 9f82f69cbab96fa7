"""What is desired for a Softphone, or why it is refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract import sip_uri
from softphone_agent.contract.config import AgentConfig, Http, Sip
from softphone_agent.contract.config_faults import fault_messages
from softphone_agent.contract.fields import (
    Mode,
    aor_fault,
    composed,
)
from softphone_agent.contract.phone import REFERENCES, Credentials, Phone, entry_faults
from softphone_operator.api.spec import (
    SoftphoneSpec,
)
from softphone_operator.decide import systems
from softphone_operator.decide.decisions import Caution, DesiredAgent, DesiredPbx, Refusal, Secrets, refusal
from softphone_operator.decide.desired_pbx import inconsistency, of_systems
from softphone_operator.decide.faults import (
    carrier_faults,
    location_faults,
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
    faults = list(softphone_faults(wanted, namespace, pbxs, secrets))
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


def _phone(name: str, uid: str, spec: SoftphoneSpec) -> Phone:
    credentials = None
    if spec.credentials:
        secret = spec.credentials.secret_name
        credentials = Credentials(
            password_file=secret_file(secret, "password"), username_file=secret_file(secret, "username")
        )
    return Phone(
        name=name,
        id=uid,
        credentials=credentials,
        **asked_of_any(spec),
    )


def asked_of_any(spec: SoftphoneSpec) -> dict[str, Any]:
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
        "trace": tuple(sorted(set(spec.trace))),
        "suspend": spec.suspend,
    }


def softphone_faults(
    spec: SoftphoneSpec, namespace: str, pbxs: Mapping[str, DesiredPbx | Refusal], secrets: Secrets
) -> Iterator[tuple[str, str]]:
    """What is wrong with the spec of a Softphone: reason and message of each fault."""
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
    if spec.credentials:
        yield from secret_faults(
            "credentials.secretName", spec.credentials.secret_name, ("password",), namespace, secrets
        )
    yield from pod_faults(spec.agent)


def _used_pbxs(spec: SoftphoneSpec, pbxs: Mapping[str, DesiredPbx | Refusal]) -> list[DesiredPbx]:
    """The PBXes that the phone names, and all others of their systems: redirects lead there."""
    return of_systems({getattr(spec, where) for where in REFERENCES}, pbxs)


def _credential_secrets(spec: SoftphoneSpec) -> Iterator[SecretUse]:
    if spec.credentials:
        yield SecretUse(spec.credentials.secret_name, ("password",), ("username",))


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


def _mixed_systems(spec: SoftphoneSpec, used: Iterable[DesiredPbx]) -> Caution | None:
    if spec.registration.redirect_policy != "KnownPBXes" or spec.mode is not Mode.LAUNCHER:
        return None
    named = {where: getattr(spec, where) for where in REFERENCES}
    message = systems.mixed_systems(named, {desired.pbx.name: desired.pbx for desired in used})
    return Caution("MixedSystems", message) if message else None
