"""Which phone is meant, where it lives, and what is known of it. Pure.

A phone is a Softphone, or one of a SoftphoneFleet: `load-17` or `load/17` is the phone of index 17 in the fleet `load`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from softphone_agent.contract import template
from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.fleet import TEMPLATE_TEXTS
from softphone_agent.contract.report import ConfigReport, PbxReport, PhoneReport
from softphone_operator.api.kinds import (
    API_VERSION,
    CALL_CHECK,
    GROUP,
    KINDS,
    PBX,
    SOFTPHONE,
    SOFTPHONE_FLEET,
    SOFTPHONE_POOL,
    Kind,
)
from softphone_operator.api.spec import SoftphoneFleetSpec
from softphone_operator.api.status import RegistrationStatus
from softphone_operator.decide.names import FLEET, softphone_agent
from softphone_plugin.errors import NOT_FOUND, USAGE, PluginError

Object = Mapping[str, Any]

_KINDS = {
    f"{word}{group}": kind
    for kind in KINDS
    for word in (kind.name.lower(), kind.plural, kind.singular, *kind.short_names)
    for group in ("", f".{GROUP}", f".{API_VERSION.partition('/')[2]}.{GROUP}")
} | {"fleet": SOFTPHONE_FLEET, "pool": SOFTPHONE_POOL}
"""What may stand before the slash, as for kubectl, which also takes and gives names with their group."""
_OF_A_FLEET = re.compile(r"(.+)[-/](\d{1,9})\Z")


class Meant(NamedTuple):
    """What a name on the command line may stand for: a Softphone, or a phone of a fleet; None where it cannot."""

    softphone: str | None
    fleet: tuple[str, int] | None


def meant(text: str) -> Meant:
    """What a name stands for: `anna`, `sp/anna`, `load-17`, `load/17`, `spf/load-17`. Raises PluginError."""
    known, name = kind_and_name(text)
    if known in (PBX, SOFTPHONE_POOL, CALL_CHECK):
        assert known is not None
        raise PluginError(f'"{text}" is a {known.name}, and no phone', USAGE)
    found = _OF_A_FLEET.match(name)
    fleet = (found[1].partition("/")[2] or found[1], int(found[2])) if found else None
    if known is SOFTPHONE:
        return Meant(name, None)
    if known is SOFTPHONE_FLEET or "/" in name:
        if fleet is None or "/" in fleet[0]:
            raise PluginError(f'"{text}" names no phone: of a fleet it is NAME-INDEX, such as load-17', USAGE)
        return Meant(None, fleet)
    return Meant(name, fleet)


def kind_and_name(text: str) -> tuple[Kind | None, str]:
    """The kind that stands before a slash, as in kubectl's TYPE/NAME, and the name; None where none does."""
    kind, slash, rest = text.partition("/")
    known = _KINDS.get(kind.lower()) if slash and rest else None
    return known, rest if known else text


def meant_object(text: str) -> tuple[Kind, str] | None:
    """The object that a name such as `pbx/master` or `spf/load` may stand for as a whole, of any kind but Softphone.

    `spf/load-17` may also stand for a phone: the fleet is meant where there is one of that name.
    """
    kind, name = kind_and_name(text)
    return None if kind in (None, SOFTPHONE) or "/" in name else (kind, name)


def is_phone(text: str) -> bool:
    """Whether a name may stand for a phone of a fleet."""
    return _OF_A_FLEET.match(text) is not None


@dataclass(frozen=True)
class FoundPhone:
    """A phone and the object that it comes from. `agent` names the agent that carries it, as its labels do."""

    name: str
    namespace: str
    owner: Object
    agent: str
    spec: Object
    index: int | None = None

    @property
    def is_of_fleet(self) -> bool:
        """Whether it is one of a fleet's."""
        return self.index is not None

    @property
    def aor(self) -> str:
        """Its address of record, as far as the spec tells."""
        return str(self.spec.get("aor", ""))


def of_softphone(obj: Object) -> FoundPhone:
    """The phone of a Softphone, in an agent of its own or of a pool, as its status tells."""
    name = obj["metadata"]["name"]
    agent = (obj.get("status") or {}).get("agent") or softphone_agent(name)
    return FoundPhone(name, obj["metadata"]["namespace"], obj, str(agent), obj.get("spec") or {})


def of_fleet(obj: Object, index: int) -> FoundPhone:
    """The phone of a fleet with this index. Raises PluginError where the fleet has none."""
    name, spec = obj["metadata"]["name"], obj.get("spec") or {}
    try:
        wanted = SoftphoneFleetSpec.model_validate(spec, by_name=False, by_alias=True)
        indices = range(wanted.first_index, wanted.first_index + wanted.replicas)
        of = {
            field: template.parse(value).expand(index) if field in TEMPLATE_TEXTS and isinstance(value, str) else value
            for field, value in spec["template"].items()
        }
    except (ValidationError, template.TemplateError, KeyError, TypeError):
        raise PluginError(f"the spec of the SoftphoneFleet {name} is refused: kubectl describe spf {name}") from None
    if index not in indices:
        has = f"the indices {indices[0]} to {indices[-1]}" if indices else "no phones"
        raise PluginError(f"the SoftphoneFleet {name} has no index {index}: it has {has}", NOT_FOUND)
    agent = FLEET.agent(name, (index - wanted.first_index) // wanted.phones_per_agent)
    return FoundPhone(f"{name}-{index}", obj["metadata"]["namespace"], obj, agent, of, index)


@dataclass(frozen=True)
class Measured:
    """What an agent's metrics tell besides its status. Times in seconds."""

    expires_at: Mapping[str, float] = field(default_factory=dict)
    """When the binding of a phone ends unless it is refreshed, as Unix time."""
    pings: Mapping[str, float] = field(default_factory=dict)
    """Round trip of the last ping that a PBX answered."""
    registers: Mapping[str, float] = field(default_factory=dict)
    """How long a PBX took to answer a REGISTER, on average."""


@dataclass(frozen=True)
class AgentAnswer:
    """What an agent says of one of its phones, and of the PBXes."""

    report: PhoneReport | None
    config: ConfigReport
    pbxs: tuple[PbxReport, ...] = ()
    measured: Measured = field(default_factory=Measured)
    calls: tuple[CallReport, ...] = ()
    """The last of each test call of the phone, by the agent's order."""


@dataclass(frozen=True)
class Known:
    """All that is known of a phone: from its agent, or where that is silent from the object alone."""

    phone: FoundPhone
    heard: AgentAnswer | None
    why_not: str = ""
    """Why the agent cannot be heard."""

    @property
    def registration(self) -> RegistrationStatus | None:
        """Where it is, None where nothing is known."""
        if self.heard and self.heard.report:
            return registration_of(self.heard.report)
        return None if self.phone.is_of_fleet else stored_registration(self.phone.owner)


def registration_of(report: PhoneReport) -> RegistrationStatus:
    """A report in the terms of the object's status."""
    said = {name: getattr(report, name) for name in RegistrationStatus.model_fields}
    return RegistrationStatus(**said)


def stored_registration(obj: Object) -> RegistrationStatus | None:
    """status.registration of a Softphone; what a newer operator may have written besides is passed over."""
    stored = (obj.get("status") or {}).get("registration")
    if not stored:
        return None
    known = {field.alias or name for name, field in RegistrationStatus.model_fields.items()}
    try:
        return RegistrationStatus.model_validate({k: v for k, v in stored.items() if k in known}, by_alias=True)
    except ValidationError:
        return None


def condition(obj: Object, name: str) -> Mapping[str, str]:
    """A condition of an object; {} where it has none of that name."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == name), {})


def age(since: str | None, now: datetime) -> str:
    """How long ago a time was, in kubectl's short way: 12s, 4m, 3h, 9d; empty where there is none."""
    if not since:
        return ""
    return short((now - datetime.fromisoformat(since)).total_seconds())


def short(seconds: float) -> str:
    """A span of time in kubectl's short way."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= 2 * size:
            return f"{whole // size}{unit}"
    return f"{whole}s"
