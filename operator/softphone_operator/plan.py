"""What is to be done for an object: pure decisions from what was observed.

A plan is either the configuration that is wanted, or a refusal whose message names the field and its value.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract import sip_uri, template
from softphone_agent.contract.config import AgentConfig, Http, Sip
from softphone_agent.contract.config_faults import fault_messages
from softphone_agent.contract.fields import (
    LOCATION_PATTERN,
    LOCATION_WORDS,
    MAX_NAME,
    SECRET_KEY,
    composed,
    shown_template,
)
from softphone_agent.contract.fleet import MAX_TOLD, SAME_AOR, FleetSlice, PhoneTemplate, phone_of_fleet
from softphone_agent.contract.phone import PASSWORD, Credentials, Pbx, Phone, Tls, entry_faults, is_uri
from softphone_operator import systems
from softphone_operator.aors import FleetAors, canonical_aor
from softphone_operator.api import (
    MAX_AGENTS,
    AgentSpec,
    PBXSpec,
    PbxTls,
    Resources,
    SoftphoneFleetSpec,
    SoftphoneSpec,
)
from softphone_operator.names import (
    SecretUse,
    fleet_agent,
    http_port,
    secret_directory,
    secret_file,
    softphone_agent,
)
from softphone_operator.resources import below_requests, is_quantity, with_defaults
from softphone_operator.rollout import agents_away

REFERENCES = ("pri", "sec", "cur", "home")
TEMPLATE_TEXTS = ("aor", "pri", "sec", "phys", "cur", "home")
FLEET_STOP_SECONDS, SLOWEST_STOP_RATE = 20.0, 20.0
"""An agent of a fleet has so long to un-REGISTER, and a second more for so many phones. Not by registerRate: a change
of that would restart the pods."""
MAX_MESSAGE = 4000
NAMES_TOLD = 5

Secrets = Mapping[str, frozenset[str]]
"""The key names of the Secrets of a namespace, by name; a Secret that is not there does not exist."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a spec is not acted upon. `faults` are the reasons and messages of which it is made, one for each fault."""

    reason: str
    message: str
    faults: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Caution:
    """What is odd about a spec that is acted upon nevertheless."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class PbxPlan:
    """An accepted PBX, as agents are told of it, and the Secrets that it needs."""

    pbx: Pbx
    secrets: tuple[SecretUse, ...] = ()
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """An accepted Softphone: what its agent is to run, and in what pod."""

    agent: str
    config: AgentConfig
    pod: AgentSpec
    secrets: tuple[SecretUse, ...] = ()
    cautions: tuple[Caution, ...] = ()
    own_resources: Resources | None = None
    """What the object itself says of them, before any defaults."""


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """An accepted SoftphoneFleet: its agents in the order of their slices, and how many of them may be away."""

    agents: tuple[AgentPlan, ...]
    max_unavailable: int
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """What a Softphone refers to, whether it exists or not: names of PBX objects and of Secrets, and its AOR."""

    pbxs: frozenset[str] = field(default_factory=frozenset)
    secrets: frozenset[str] = field(default_factory=frozenset)
    aor: str = ""


@dataclass(frozen=True, slots=True)
class PbxUse:
    """Who uses a PBX: the Softphones and fleets that name it, and how many phones are registered there."""

    softphones: tuple[str, ...] = ()
    registered: int = 0
    fleets: tuple[str, ...] = ()

    def __str__(self) -> str:
        """In words, empty where nobody does."""
        said = []
        if self.softphones:
            said.append(f"named by {_counted('Softphone', self.softphones)}")
        if self.fleets:
            said.append(f"named by {_counted('SoftphoneFleet', self.fleets)}")
        if self.registered:
            said.append(f"{self.registered} phone{'s are' if self.registered > 1 else ' is'} registered there")
        return ", ".join(said)


def _counted(kind: str, names: Sequence[str]) -> str:
    """Such as `2 Softphones (anna, bob)`; of many only the first are named."""
    told = ", ".join(names[:NAMES_TOLD])
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return f"{len(names)} {kind}{'s' if len(names) > 1 else ''} ({told}{more})"


def softphone_needs(spec: Any) -> Needs:
    """The PBX objects, Secrets and AOR that a Softphone's raw spec names; never fails, whatever the spec holds."""
    if not isinstance(spec, Mapping):
        return Needs()
    references = [spec.get(name) for name in REFERENCES]
    credentials = spec.get("credentials")
    secret = credentials.get("secretName") if isinstance(credentials, Mapping) else None
    return Needs(
        frozenset(r for r in references if isinstance(r, str) and r and not is_uri(r)),
        frozenset([secret] if isinstance(secret, str) and secret else []),
        canonical_aor(spec.get("aor")),
    )


def duplicate_aor(aor: str, other: str) -> Caution:
    """What is said of a Softphone whose AOR is already that of the Softphone `other` in the namespace."""
    shown = sip_uri.without_password(aor)
    return Caution("DuplicateAOR", f'aor: "{shown}" is already that of the Softphone "{other}"')


def duplicate_aor_in_fleet(aor: str, other: str, index: int) -> Caution:
    """What is said of a Softphone whose AOR is also that of the phone `index` of the SoftphoneFleet `other`."""
    shown = sip_uri.without_password(aor)
    return Caution("DuplicateAOR", f'aor: "{shown}" is also that of index {index} of the SoftphoneFleet "{other}"')


def duplicate_aors_of_fleets(text: str, index: int, other: str, at: int) -> Caution:
    """What is said of a fleet of which the AOR at `index` is already that of the SoftphoneFleet `other` at `at`."""
    shown = f'template.aor: "{shown_template(text)}"'
    return Caution(
        "DuplicateAOR", f'{shown} makes at index {index} what index {at} of the SoftphoneFleet "{other}" is already'
    )


def fleet_aors(spec: Any) -> FleetAors | None:
    """The AORs of a fleet's phones, None where its spec does not tell them."""
    try:
        wanted = SoftphoneFleetSpec.model_validate(spec, by_name=False, by_alias=True)
        return FleetAors(wanted.template.aor, _indices(wanted)) if template.parse(wanted.template.aor).varies else None
    except (ValidationError, template.TemplateError):
        return None


def fleet_needs(spec: Any) -> Needs:
    """The PBX objects and Secrets that a fleet's raw spec names, for every index; never fails."""
    if not isinstance(spec, Mapping) or not isinstance(of := spec.get("template"), Mapping):
        return Needs()
    try:
        indices = _indices(SoftphoneFleetSpec.model_validate(spec, by_name=False, by_alias=True))
        texts = {text for where in REFERENCES if isinstance(text := of.get(where), str)}
        named = {name for text in texts for name in _expansions(text, indices)}
    except (ValidationError, template.TemplateError):
        return softphone_needs(of)
    return Needs(frozenset(name for name in named if name and not is_uri(name)), softphone_needs(of).secrets)


def pbx_needs(spec: Any) -> frozenset[str]:
    """The Secrets that a PBX's raw spec names."""
    tls = spec.get("tls") if isinstance(spec, Mapping) else None
    if not isinstance(tls, Mapping):
        return frozenset()
    named = (tls.get("caSecretName"), tls.get("certificateSecretName"))
    return frozenset(name for name in named if isinstance(name, str) and name)


def pbx(name: str, namespace: str, spec: Any, secrets: Secrets) -> PbxPlan | Refusal:
    """The plan for the PBX object `name` with the raw `spec`."""
    try:
        wanted = PBXSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return _refusal(("InvalidSpec", message) for message in fault_messages(error))
    faults = list(_pbx_faults(wanted, namespace, secrets))
    if faults:
        return _refusal(faults)
    try:
        made = Pbx(
            name=name,
            address=wanted.address,
            system=wanted.system,
            location=wanted.location or None,
            no_physical_location=wanted.no_physical_location,
            location_carrier=wanted.location_carrier,
            tls=_tls_files(wanted.tls) if wanted.tls else None,
            register_rate=wanted.register_rate,
        )
    except ValidationError as error:
        return _refusal(("InvalidSpec", message) for message in fault_messages(error))
    return PbxPlan(made, tuple(_tls_secrets(wanted.tls)) if wanted.tls else ())


def with_duplicate_addresses(
    pbxs: Mapping[str, PbxPlan | Refusal], oldest_first: Iterable[str]
) -> dict[str, PbxPlan | Refusal]:
    """The plans of the PBXes of a namespace, of which each tells where an older one has its address."""
    accepted = (plan.pbx for name in oldest_first if isinstance(plan := pbxs[name], PbxPlan))
    told = systems.duplicate_addresses(accepted)
    return {
        name: replace(plan, cautions=(Caution("DuplicateAddress", told[name]),))
        if isinstance(plan, PbxPlan) and name in told
        else plan
        for name, plan in pbxs.items()
    }


def _pbx_faults(spec: PBXSpec, namespace: str, secrets: Secrets) -> Iterator[tuple[str, str]]:
    try:
        address = sip_uri.parse(spec.address)
    except sip_uri.SipUriError as error:
        yield "InvalidSpec", f'address: "{sip_uri.without_password(spec.address)}" is no SIP URI: it {error}'
    else:
        if address.user:
            shown = sip_uri.without_password(spec.address)
            yield "InvalidSpec", f'address: "{shown}" must not have a user part: it is the address of a PBX'
    if spec.location:
        yield from _location_faults("location", spec.location)
    if spec.tls:
        if spec.tls.server_name and not sip_uri.is_host(spec.tls.server_name):
            shown = sip_uri.printable(spec.tls.server_name)
            yield "InvalidSpec", f'tls.serverName: "{shown}" is neither a host name nor an IP address'
        fields = {
            spec.tls.ca_secret_name: ("tls.caSecretName", ("ca.crt",)),
            spec.tls.certificate_secret_name: ("tls.certificateSecretName", ("tls.crt", "tls.key")),
        }
        for secret, (where, keys) in fields.items():
            if secret:
                yield from _secret_faults(where, secret, keys, namespace, secrets)


def _tls_files(tls: PbxTls) -> Tls:
    certificate = tls.certificate_secret_name
    return Tls(
        ca_file=secret_file(tls.ca_secret_name, "ca.crt") if tls.ca_secret_name else None,
        certificate_file=secret_file(certificate, "tls.crt") if certificate else None,
        key_file=secret_file(certificate, "tls.key") if certificate else None,
        server_name=tls.server_name,
    )


def _tls_secrets(tls: PbxTls) -> Iterator[SecretUse]:
    if tls.ca_secret_name:
        yield SecretUse(tls.ca_secret_name, ("ca.crt",))
    if tls.certificate_secret_name:
        yield SecretUse(tls.certificate_secret_name, ("tls.crt", "tls.key"))


def inconsistency(name: str, pbxs: Mapping[str, PbxPlan | Refusal]) -> str | None:
    """What is inconsistent in the system of the accepted PBX `name`, None where nothing is."""
    own = pbxs.get(name)
    if not isinstance(own, PbxPlan) or not own.pbx.system:
        return None
    flags = {
        other: plan.pbx.no_physical_location
        for other, plan in sorted(pbxs.items())
        if isinstance(plan, PbxPlan) and plan.pbx.system == own.pbx.system
    }
    if len(set(flags.values())) < 2:
        return None
    on = ", ".join(other for other, flag in flags.items() if flag)
    off = ", ".join(other for other, flag in flags.items() if not flag)
    return (
        f'noPhysicalLocation must be the same on all PBXes of the system "{own.pbx.system}": '
        f"it is true on {on}, false on {off}"
    )


def softphone(
    name: str,
    namespace: str,
    uid: str,
    spec: Any,
    pbxs: Mapping[str, PbxPlan | Refusal],
    secrets: Secrets,
    same_aor: str | None = None,
    fleet_aor: tuple[str, int] | None = None,
) -> AgentPlan | Refusal:
    """The plan for the Softphone `name` with the raw `spec`, given the PBXes and Secrets of its namespace.

    `same_aor` names an earlier Softphone of the namespace with the same AOR, `fleet_aor` a fleet and the index of its
    phone; None where there is none.
    """
    try:
        wanted = SoftphoneSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return _refusal(("InvalidSpec", message) for message in fault_messages(error))
    faults = list(_softphone_faults(wanted, namespace, pbxs, secrets))
    if faults:
        return _refusal(faults)
    used = _used_pbxs(wanted, pbxs)
    agent = softphone_agent(name)
    try:
        config = AgentConfig(
            http=Http(port=http_port(namespace, agent, host_network=wanted.agent.host_network)),
            sip=Sip(public_address=wanted.agent.public_address or None),
            pbxs=tuple(plan.pbx for plan in used),
            phones=(_phone(name, uid, wanted),),
        )
    except ValidationError as error:
        return _refusal(("InvalidSpec", message) for message in fault_messages(error))
    return AgentPlan(
        agent,
        config,
        wanted.agent,
        tuple(_merged([*_credential_secrets(wanted), *(use for plan in used for use in plan.secrets)])),
        tuple(_cautions(wanted, pbxs, same_aor, fleet_aor)),
        wanted.agent.resources,
    )


def fleet(
    name: str,
    namespace: str,
    uid: str,
    spec: Any,
    pbxs: Mapping[str, PbxPlan | Refusal],
    secrets: Secrets,
    same_aors: tuple[int, str, int] | None = None,
) -> FleetPlan | Refusal:
    """The plan for the SoftphoneFleet `name` with the raw `spec`, given the PBXes and Secrets of its namespace.

    `same_aors`: the first index whose AOR an earlier fleet has too, this fleet's name, and the index there.
    """
    try:
        wanted = SoftphoneFleetSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return _refusal(("InvalidSpec", message) for message in fault_messages(error))
    count = -(-wanted.replicas // wanted.phones_per_agent)
    faults = [*_phone_name_faults(name, wanted), *_fleet_faults(wanted, count, namespace, pbxs, secrets)]
    if faults:
        return _refusal(faults)
    of, indices = wanted.template, _indices(wanted)
    named = {at for where in REFERENCES if (text := getattr(of, where)) for at in _expansions(text, indices)}
    used = _of_systems(named, pbxs)
    secret = of.credentials.secret_name if of.credentials else None
    uses = tuple(_merged([SecretUse(secret, whole=True)] if secret else [], (u for plan in used for u in plan.secrets)))
    pod = of.agent.model_copy(update={"resources": _fleet_resources(of.agent.resources, wanted.phones_per_agent)})
    agents = []
    try:
        phones = _phone_template(uid, of)
        for number in range(count):
            first = number * wanted.phones_per_agent
            port = http_port(namespace, name, host_network=of.agent.host_network, number=number)
            config = AgentConfig(
                fleet=name,
                http=Http(port=port),
                sip=Sip(public_address=of.agent.public_address or None),
                metrics=wanted.metrics,
                stop_seconds=FLEET_STOP_SECONDS + wanted.phones_per_agent / SLOWEST_STOP_RATE,
                pbxs=tuple(plan.pbx for plan in used),
                fleets=(
                    FleetSlice(
                        first_index=wanted.first_index + first,
                        count=min(wanted.phones_per_agent, wanted.replicas - first),
                        template=phones,
                    ),
                ),
            )
            agents.append(AgentPlan(fleet_agent(name, number), config, pod, uses, (), of.agent.resources))
    except ValidationError as error:
        return _refusal(("InvalidSpec", message) for message in fault_messages(error))
    warnings = {message for at in sorted(named) if (message := inconsistency(at, pbxs))}
    cautions = [Caution("Inconsistent", message) for message in sorted(warnings)]
    for index in sorted({indices[0], indices[-1]}) if indices else ():
        phone = of.model_copy(
            update={where: template.parse(text).expand(index) for where in REFERENCES if (text := getattr(of, where))}
        )
        if mixed := _mixed_systems(phone, used):
            cautions.append(Caution(mixed.reason, f"template.{mixed.message}"))
            break
    if same_aors:
        cautions.insert(0, duplicate_aors_of_fleets(of.aor, *same_aors))
    return FleetPlan(tuple(agents), agents_away(wanted.max_unavailable, count), tuple(cautions))


def _phone_name_faults(name: str, spec: SoftphoneFleetSpec) -> Iterator[tuple[str, str]]:
    last = spec.first_index + max(spec.replicas, 1) - 1
    if (length := len(phone_of_fleet(name, last))) > MAX_NAME:
        yield (
            "InvalidSpec",
            f'metadata.name: "{name}" is too long: its phones are named after it, and with the index {last} '
            f"such a name has {length} characters, {MAX_NAME} at most are possible",
        )


def _fleet_faults(
    spec: SoftphoneFleetSpec,
    agents: int,
    namespace: str,
    pbxs: Mapping[str, PbxPlan | Refusal],
    secrets: Secrets,
) -> Iterator[tuple[str, str]]:
    if agents > MAX_AGENTS:
        yield "InvalidSpec", f"phonesPerAgent: would need more than {MAX_AGENTS} agents for the replicas"
    try:
        agents_away(spec.max_unavailable, agents)
    except ValueError as error:
        yield "InvalidSpec", f"maxUnavailable: {error}"
    of = spec.template
    texts = {where: text for where in TEMPLATE_TEXTS if (text := getattr(of, where))}
    broken = list(_template_faults(texts))
    yield from broken
    for where in ("credentials.secretName", "agent.publicAddress"):
        text = of.credentials and of.credentials.secret_name if where[0] == "c" else of.agent.public_address
        if text and "{" in text:
            yield "InvalidSpec", f"template.{where}: must not hold a placeholder, it is the same for all"
    if broken:
        return
    if not template.parse(of.aor).varies:
        yield "InvalidSpec", f"template.aor: {SAME_AOR}"
    indices = _indices(spec)
    told: set[str] = set()
    for index in sorted({indices[0], indices[-1]}) if indices else (spec.first_index,):
        phone = of.model_copy(
            update={where: template.parse(text).expand(index) for where, text in texts.items()} | {"credentials": None}
        )
        for reason, message in _softphone_faults(phone, namespace, pbxs, secrets):
            if reason == "InvalidSpec" and message not in told:
                told.add(message)
                yield reason, _at_index(message, texts, index)
    yield from _missing_pbxs(texts, indices, namespace, pbxs)
    if of.credentials:
        yield from _fleet_secret_faults(of, indices, namespace, secrets)


def _template_faults(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for where, text in texts.items():
        try:
            template.parse(text)
        except template.TemplateError as error:
            yield "InvalidSpec", f'template.{where}: "{shown_template(text)}" {error}'


def _at_index(message: str, texts: Mapping[str, str], index: int) -> str:
    """A fault of one phone as one of the template; it names the index where that makes the text."""
    text = texts.get(message.partition(":")[0])
    if text is None or not template.parse(text).varies:
        return f"template.{message}"
    return f'template.{message} (index {index} of "{shown_template(text)}")'


def _missing_pbxs(
    texts: Mapping[str, str], indices: range, namespace: str, pbxs: Mapping[str, PbxPlan | Refusal]
) -> Iterator[tuple[str, str]]:
    for where in REFERENCES:
        if not (text := texts.get(where)):
            continue
        faults = []
        for index, reference in _distinct(text, indices):
            if is_uri(reference):
                break
            faults += [
                (reason, _at_index(message, texts, index))
                for reason, message in _reference_faults(where, reference, namespace, pbxs)
            ]
            if len(faults) == MAX_TOLD:
                break
        yield from faults


def _fleet_secret_faults(
    of: SoftphoneSpec, indices: range, namespace: str, secrets: Secrets
) -> Iterator[tuple[str, str]]:
    assert of.credentials is not None
    secret = of.credentials.secret_name
    found = secrets.get(secret)
    where = "template.credentials.secretName"
    if found is None:
        yield "SecretNotFound", f"{where}: {_missing('Secret', secret, namespace)}"
        return
    if PASSWORD in found:
        return
    told = 0
    for index, aor in _distinct(of.aor, indices):
        user = aor.partition(":")[2].rpartition("@")[0]
        if user in found and SECRET_KEY.match(user):
            continue
        yield (
            "SecretKeyMissing",
            f'{where}: the Secret "{secret}" has neither the key "password" nor "{user}" (index {index})',
        )
        told += 1
        if told == MAX_TOLD:
            return


def _indices(spec: SoftphoneFleetSpec) -> range:
    return range(spec.first_index, spec.first_index + spec.replicas)


def _distinct(text: str, indices: range) -> Iterator[tuple[int, str]]:
    """What a text becomes, with the first index for which it does. Raises TemplateError."""
    parsed = template.parse(text)
    for index in indices if parsed.varies else indices[:1]:
        yield index, parsed.expand(index)


def _expansions(text: str, indices: range) -> list[str]:
    return [expanded for _, expanded in _distinct(text, indices)]


def _fleet_resources(given: Resources | None, phones: int) -> Resources:
    """Defaults that grow with phonesPerAgent; not with the present number of phones: that changes without restart."""
    requests: dict[str, int | str] = {"cpu": f"{10 + phones // 20}m", "memory": f"{64 + phones // 8}Mi"}
    limits: dict[str, int | str] = {"memory": f"{256 + phones}Mi"}
    return with_defaults(given, requests, limits)


def _phone_template(uid: str, spec: SoftphoneSpec) -> PhoneTemplate:
    return PhoneTemplate(
        id=f"{uid}-{{index}}",
        credentials=Credentials(directory=secret_directory(spec.credentials.secret_name)) if spec.credentials else None,
        **_asked_of_any(spec),
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
        **_asked_of_any(spec),
    )


def _asked_of_any(spec: SoftphoneSpec) -> dict[str, Any]:
    """What a spec asks of its phone in the agent's words, whether it is that of one phone or a template's."""
    return {
        "aor": spec.aor,
        "pri": spec.pri or None,
        "sec": spec.sec or None,
        "phys": spec.phys or None,
        "mode": spec.mode,
        "cur": spec.cur or None,
        "home": spec.home or None,
        "registration": spec.registration,
        "trace": tuple(sorted(set(spec.trace))),
        "suspend": spec.suspend,
    }


def _softphone_faults(
    spec: SoftphoneSpec, namespace: str, pbxs: Mapping[str, PbxPlan | Refusal], secrets: Secrets
) -> Iterator[tuple[str, str]]:
    try:
        sip_uri.parse_aor(spec.aor)
    except sip_uri.SipUriError as error:
        yield "InvalidSpec", f'aor: "{sip_uri.without_password(spec.aor)}" is no address of record: it {error}'
    entries = entry_faults(spec.mode, spec.pri, spec.sec, spec.cur)
    for message in entries:
        yield "InvalidSpec", message
    if spec.phys:
        yield from _location_faults("phys", spec.phys)
        yield from _carrier_faults(composed(spec.phys), {getattr(spec, where) for where in REFERENCES}, pbxs)
    for where in REFERENCES:
        if reference := getattr(spec, where):
            yield from _reference_faults(where, reference, namespace, pbxs)
    if spec.pri and spec.sec and not entries:
        yield from _same_registrar_faults(spec.pri, spec.sec, pbxs)
    if spec.credentials:
        yield from _secret_faults(
            "credentials.secretName", spec.credentials.secret_name, ("password",), namespace, secrets
        )
    yield from _pod_faults(spec.agent)


def _reference_faults(
    where: str, reference: str, namespace: str, pbxs: Mapping[str, PbxPlan | Refusal]
) -> Iterator[tuple[str, str]]:
    if is_uri(reference):
        try:
            sip_uri.parse(reference)
        except sip_uri.SipUriError as error:
            yield "InvalidSpec", f'{where}: "{sip_uri.without_password(reference)}" is no SIP URI: it {error}'
        return
    found = pbxs.get(reference)
    if found is None:
        yield "PBXNotFound", f"{where}: {_missing('PBX', reference, namespace)}"
    elif isinstance(found, Refusal):
        yield "PBXInvalid", f'{where}: the PBX "{reference}" is not accepted: {found.message}'


def _same_registrar_faults(pri: str, sec: str, pbxs: Mapping[str, PbxPlan | Refusal]) -> Iterator[tuple[str, str]]:
    primary, secondary = _registrar(pri, pbxs), _registrar(sec, pbxs)
    if primary is not None and primary == secondary:
        shown = [sip_uri.without_password(text) for text in (pri, sec)]
        yield (
            "InvalidSpec",
            f'sec: must differ from pri, "{shown[1]}" and "{shown[0]}" are both the registrar {primary}',
        )


def _registrar(reference: str, pbxs: Mapping[str, PbxPlan | Refusal]) -> sip_uri.SipUri | None:
    """The registrar that a reference leads to, None where that is not known."""
    found = pbxs.get(reference)
    address = found.pbx.address if isinstance(found, PbxPlan) else reference if is_uri(reference) else None
    try:
        return sip_uri.parse(address).registrar() if address else None
    except sip_uri.SipUriError:
        return None


def _location_faults(where: str, location: str) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(LOCATION_PATTERN, composed(location)) or location.endswith("\n"):
        yield (
            "InvalidSpec",
            f'{where}: "{sip_uri.printable(location)}" is no location: {LOCATION_WORDS}',
        )


def _carrier_faults(
    phys: str, named: Set[str | None], pbxs: Mapping[str, PbxPlan | Refusal]
) -> Iterator[tuple[str, str]]:
    carriers = (plan.pbx.location_carrier for name, plan in pbxs.items() if name in named and isinstance(plan, PbxPlan))
    if fault := next(filter(None, (carrier.fault_of(phys) for carrier in carriers)), None):
        yield "InvalidSpec", f"phys: {fault}"


def _secret_faults(
    where: str, secret: str, keys: Iterable[str], namespace: str, secrets: Secrets
) -> Iterator[tuple[str, str]]:
    found = secrets.get(secret)
    if found is None:
        yield "SecretNotFound", f"{where}: {_missing('Secret', secret, namespace)}"
        return
    for key in keys:
        if key not in found:
            yield "SecretKeyMissing", f'{where}: the Secret "{secret}" has no key "{key}"'


def _missing(kind: str, name: str, namespace: str) -> str:
    """That there is no such object, and for who tries to write another namespace before it, that this is no use."""
    elsewhere = "; it must be in the same namespace" if "/" in name else ""
    return f'there is no {kind} "{sip_uri.without_password(name)}" in the namespace {namespace}{elsewhere}'


_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\Z")
_QUALIFIED_NAME = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z"
)
_OBJECT_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\Z")


def _pod_faults(agent: AgentSpec) -> Iterator[tuple[str, str]]:
    for where, text, pattern, what in _pod_texts(agent):
        if not pattern.match(text):
            yield "InvalidSpec", f'agent.{where}: "{sip_uri.printable(text)}" is no {what}'
    if agent.public_address and not sip_uri.is_host(agent.public_address):
        shown = sip_uri.printable(agent.public_address)
        yield "InvalidSpec", f'agent.publicAddress: "{shown}" is neither a host name nor an IP address'
    if agent.resources is None:
        return
    for part in ("requests", "limits"):
        for resource, quantity in (getattr(agent.resources, part) or {}).items():
            if not is_quantity(quantity):
                shown = f'agent.resources.{part}.{sip_uri.printable(resource)}: "{sip_uri.printable(str(quantity))}"'
                yield "InvalidSpec", f"{shown} is no quantity"
    for resource, limit, request in below_requests(agent.resources):
        where = f"agent.resources.limits.{sip_uri.printable(resource)}"
        shown = sip_uri.printable(str(limit))
        yield "InvalidSpec", f'{where}: "{shown}" is less than is requested, "{sip_uri.printable(str(request))}"'


def _pod_texts(agent: AgentSpec) -> Iterator[tuple[str, str, re.Pattern[str], str]]:
    """The texts that go into the pod as they are: field, text, what it must match, and what that is."""
    for key, value in (agent.node_selector or {}).items():
        yield "nodeSelector", key, _QUALIFIED_NAME, "key of a label"
        yield f"nodeSelector.{sip_uri.printable(key)}", value, _LABEL_VALUE, "value of a label"
    for number, toleration in enumerate(agent.tolerations):
        if toleration.key:
            yield f"tolerations[{number}].key", toleration.key, _QUALIFIED_NAME, "key of a taint"
        if toleration.value:
            yield f"tolerations[{number}].value", toleration.value, _LABEL_VALUE, "value of a taint"
    if agent.priority_class_name:
        yield "priorityClassName", agent.priority_class_name, _OBJECT_NAME, "name of a PriorityClass"
    for part in ("requests", "limits"):
        for resource in getattr(agent.resources, part, None) or {}:
            yield f"resources.{part}", resource, _QUALIFIED_NAME, "name of a resource"


def _used_pbxs(spec: SoftphoneSpec, pbxs: Mapping[str, PbxPlan | Refusal]) -> list[PbxPlan]:
    """The PBXes that the phone names, and all others of their systems: redirects lead there."""
    return _of_systems({getattr(spec, where) for where in REFERENCES}, pbxs)


def _of_systems(named: Set[str | None], pbxs: Mapping[str, PbxPlan | Refusal]) -> list[PbxPlan]:
    accepted = {name: plan for name, plan in sorted(pbxs.items()) if isinstance(plan, PbxPlan)}
    systems = {plan.pbx.system for name, plan in accepted.items() if name in named} - {""}
    return [plan for name, plan in accepted.items() if name in named or plan.pbx.system in systems]


def _credential_secrets(spec: SoftphoneSpec) -> Iterator[SecretUse]:
    if spec.credentials:
        yield SecretUse(spec.credentials.secret_name, ("password",), ("username",))


def _merged(*uses: Iterable[SecretUse]) -> Iterator[SecretUse]:
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
    pbxs: Mapping[str, PbxPlan | Refusal],
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


def _mixed_systems(spec: SoftphoneSpec, used: Iterable[PbxPlan]) -> Caution | None:
    if spec.registration.redirect_policy != "KnownPBXes" or spec.mode != "Launcher":
        return None
    named = {where: getattr(spec, where) for where in REFERENCES}
    message = systems.mixed_systems(named, {plan.pbx.name: plan.pbx for plan in used})
    return Caution("MixedSystems", message) if message else None


def _refusal(faults: Iterable[tuple[str, str]]) -> Refusal:
    """One refusal for all faults; its reason is that of the first."""
    all_of_them = tuple(faults)
    message = "; ".join(message for _, message in all_of_them)
    return Refusal(all_of_them[0][0], message[:MAX_MESSAGE], all_of_them)
