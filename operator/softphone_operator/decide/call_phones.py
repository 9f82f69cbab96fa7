"""The phones that test calls may be made of: their addresses and their sites. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from softphone_agent.contract import sip_uri, template
from softphone_agent.contract.fields import LOCATION_PATTERN, Answering, Mode, composed
from softphone_agent.contract.fleet import phone_of_fleet
from softphone_operator.api.spec import SoftphoneFleetSpec, SoftphoneSpec, TemplateSpec
from softphone_operator.decide.aors import canonical_aor
from softphone_operator.decide.decisions import DesiredPbx, Refusal
from softphone_operator.decide.references import indices_of

Pbxs = Mapping[str, DesiredPbx | Refusal]

_LOCATION = re.compile(LOCATION_PATTERN)


class CallPhone(NamedTuple):
    """A phone that may call or be called. `aor`: as a SIP URI. `site`: where no label says otherwise."""

    name: str
    aor: str
    site: str
    labels: Mapping[str, str]
    answer: Answering
    suspended: bool = False

    def site_by(self, label: str | None) -> str:
        """The site, by this label where the phone has it."""
        return (self.labels.get(label) if label else None) or self.site


def of_softphone(name: str, spec: Any, labels: Mapping[str, str] | None, pbxs: Pbxs) -> CallPhone | None:
    """The phone of a Softphone with this raw spec; None where the spec makes none."""
    try:
        wanted = SoftphoneSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError:
        return None
    return _phone(name, wanted, labels, pbxs)


def of_fleet(
    fleet: str, spec: Any, labels: Mapping[str, str] | None, pbxs: Pbxs, index: int | None = None
) -> CallPhone | None:
    """The phone of a fleet with this index, the first one by default; None where the fleet has none such."""
    try:
        wanted = SoftphoneFleetSpec.model_validate(spec, by_name=False, by_alias=True)
        at = wanted.first_index if index is None else index
        if at not in indices_of(wanted):
            return None
        of = wanted.template
        texts = {field: getattr(of, field) for field in ("aor", "pri", "cur", "phys")}
        values = {field: template.parse(text).expand(at) for field, text in texts.items() if text}
    except (ValidationError, template.TemplateError):
        return None
    return _phone(phone_of_fleet(fleet, at), of.model_copy(update=values), labels, pbxs)


def split_name(name: str) -> tuple[str, int] | None:
    """A fleet and an index, where the name can be that of a fleet's phone."""
    fleet, _, index = name.rpartition("-")
    return (fleet, int(index)) if fleet and index.isdecimal() and index.isascii() and str(int(index)) == index else None


def _phone(name: str, spec: TemplateSpec, labels: Mapping[str, str] | None, pbxs: Pbxs) -> CallPhone | None:
    if not (aor := canonical_aor(spec.aor)):
        return None
    return CallPhone(name, f"sip:{aor}", _site(spec, pbxs), dict(labels or {}), spec.answer, spec.suspend)


def _site(spec: TemplateSpec, pbxs: Pbxs) -> str:
    """The explicit physical location, else that of the entry PBX, else its host; empty where it can be no location."""
    entry = (spec.pri if spec.mode is Mode.LAUNCHER else spec.cur) or ""
    found = pbxs.get(entry)
    if spec.phys:
        site = composed(spec.phys)
    elif isinstance(found, DesiredPbx):
        site = found.pbx.location or found.pbx.name
    else:
        try:
            site = sip_uri.parse(entry).host
        except sip_uri.SipUriError:
            site = entry
    return site if _LOCATION.fullmatch(site) else ""
