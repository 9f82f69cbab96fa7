"""What is desired for a SoftphoneFleet, or why it is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract import template
from softphone_agent.contract.config import AgentConfig, Http, Sip
from softphone_agent.contract.config_faults import fault_messages
from softphone_agent.contract.fields import (
    MAX_NAME,
    SECRET_KEY,
    shown_template,
)
from softphone_agent.contract.fleet import (
    MAX_TOLD,
    SAME_AOR,
    TEMPLATE_TEXTS,
    FleetSlice,
    PhoneTemplate,
    phone_of_fleet,
    with_index,
)
from softphone_agent.contract.phone import PASSWORD, REFERENCES, Credentials, is_uri
from softphone_operator.api.spec import (
    MAX_AGENTS,
    SoftphoneFleetSpec,
    TemplateSpec,
)
from softphone_operator.decide import many_phones
from softphone_operator.decide.decisions import (
    Caution,
    DesiredAgent,
    DesiredFleet,
    DesiredPbx,
    Refusal,
    Secrets,
    refusal,
)
from softphone_operator.decide.desired_pbx import inconsistency, of_systems
from softphone_operator.decide.desired_softphone import _mixed_systems, asked_of_any, merged, softphone_faults
from softphone_operator.decide.faults import missing, reference_faults
from softphone_operator.decide.names import (
    FLEET,
    SecretUse,
    http_port,
    secret_directory,
)
from softphone_operator.decide.references import distinct, expansions, indices_of
from softphone_operator.decide.rollout import agents_away


def duplicate_aors_of_fleets(text: str, index: int, other: str, at: int) -> Caution:
    """The caution for a fleet whose AOR at `index` is also that of the SoftphoneFleet `other` at `at`."""
    shown = f'template.aor: "{shown_template(text)}"'
    return Caution(
        "DuplicateAOR", f'{shown} makes at index {index} what index {at} of the SoftphoneFleet "{other}" is already'
    )


def fleet(
    name: str,
    namespace: str,
    uid: str,
    spec: Any,
    pbxs: Mapping[str, DesiredPbx | Refusal],
    secrets: Secrets,
    same_aors: tuple[int, str, int] | None = None,
) -> DesiredFleet | Refusal:
    """What is desired for the SoftphoneFleet `name` with the raw `spec`, given the PBXes and Secrets of its namespace.

    `same_aors`: the first index whose AOR an earlier fleet has too, this fleet's name, and the index there.
    """
    try:
        wanted = SoftphoneFleetSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    count = -(-wanted.replicas // wanted.phones_per_agent)
    faults = [*_phone_name_faults(name, wanted), *_fleet_faults(wanted, count, namespace, pbxs, secrets)]
    if faults:
        return refusal(faults)
    of, indices = wanted.template, indices_of(wanted)
    named = {at for where in REFERENCES if (text := getattr(of, where)) for at in expansions(text, indices)}
    used = of_systems(named, pbxs)
    secret = of.credentials.secret_name if of.credentials else None
    uses = tuple(
        merged([SecretUse(secret, whole=True)] if secret else [], (u for desired in used for u in desired.secrets))
    )
    pod = of.agent.model_copy(update={"resources": many_phones.resources(of.agent.resources, wanted.phones_per_agent)})
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
                stop_seconds=many_phones.stop_seconds(wanted.phones_per_agent),
                pbxs=tuple(desired.pbx for desired in used),
                fleets=(
                    FleetSlice(
                        first_index=wanted.first_index + first,
                        count=min(wanted.phones_per_agent, wanted.replicas - first),
                        template=phones,
                        path_checks_one_in=wanted.path_checks_one_in,
                    ),
                ),
            )
            agents.append(DesiredAgent(FLEET.agent(name, number), config, pod, uses, (), of.agent.resources))
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
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
    return DesiredFleet(tuple(agents), agents_away(wanted.max_unavailable, count), tuple(cautions))


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
    pbxs: Mapping[str, DesiredPbx | Refusal],
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
    indices = indices_of(spec)
    told: set[str] = set()
    for index in sorted({indices[0], indices[-1]}) if indices else (spec.first_index,):
        phone = of.model_copy(
            update={where: template.parse(text).expand(index) for where, text in texts.items()} | {"credentials": None}
        )
        for reason, message in softphone_faults(phone, namespace, pbxs):
            if reason == "InvalidSpec" and message not in told:
                told.add(message)
                yield reason, f"template.{with_index(message, texts, index)}"
    yield from _missing_pbxs(texts, indices, namespace, pbxs)
    if of.credentials:
        yield from _fleet_secret_faults(of, indices, namespace, secrets)


def _template_faults(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for where, text in texts.items():
        try:
            template.parse(text)
        except template.TemplateError as error:
            yield "InvalidSpec", f'template.{where}: "{shown_template(text)}" {error}'


def _missing_pbxs(
    texts: Mapping[str, str], indices: range, namespace: str, pbxs: Mapping[str, DesiredPbx | Refusal]
) -> Iterator[tuple[str, str]]:
    for where in REFERENCES:
        if not (text := texts.get(where)):
            continue
        faults = []
        for index, reference in distinct(text, indices):
            if is_uri(reference):
                break
            faults += [
                (reason, f"template.{with_index(message, texts, index)}")
                for reason, message in reference_faults(where, reference, namespace, pbxs)
            ]
            if len(faults) == MAX_TOLD:
                break
        yield from faults


def _fleet_secret_faults(
    of: TemplateSpec, indices: range, namespace: str, secrets: Secrets
) -> Iterator[tuple[str, str]]:
    assert of.credentials is not None
    secret = of.credentials.secret_name
    found = secrets.get(secret)
    where = "template.credentials.secretName"
    if found is None:
        yield "SecretNotFound", f"{where}: {missing('Secret', secret, namespace)}"
        return
    if PASSWORD in found:
        return
    told = 0
    for index, aor in distinct(of.aor, indices):
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


def _phone_template(uid: str, spec: TemplateSpec) -> PhoneTemplate:
    return PhoneTemplate(
        id=f"{uid}-{{index}}",
        credentials=Credentials(directory=secret_directory(spec.credentials.secret_name)) if spec.credentials else None,
        **asked_of_any(spec),
    )
