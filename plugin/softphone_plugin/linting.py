"""Whether manifests make sense, by the operator's own rules and without a cluster. Pure.

What the operator would refuse is a fault, what it would warn of is a warning. So is what may well be in the cluster
already: a Secret that is not among the files, and a PBX where the files hold no PBX at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from softphone_agent.contract import config_faults, fields, reading
from softphone_operator.api.kinds import (
    API_VERSION,
    CALL_CHECK,
    GROUP,
    KINDS,
    PBX,
    REHEARSAL,
    SOFTPHONE,
    SOFTPHONE_FLEET,
    SOFTPHONE_POOL,
)
from softphone_operator.decide import (
    aors,
    call_phones,
    decisions,
    desired_call_check,
    desired_fleet,
    desired_pbx,
    desired_pool,
    desired_softphone,
    label_selector,
    references,
)
from softphone_operator.rehearsals import desired
from softphone_plugin.manifests import Document, read
from softphone_plugin.words import on_a_line

Severity = Literal["fault", "warning"]

ANY_KEYS = frozenset({"password", "username", "ca.crt", "tls.crt", "tls.key"})
"""The keys of a Secret that is not among the files, as far as anybody asks for them."""
FIELDS = {"apiVersion", "kind", "metadata", "spec", "status"}
_FIELD = re.compile(r"([A-Za-z][\w.\[\]-]*):")
_OF_PHONES_ELSEWHERE = frozenset({"PhoneNotFound", "NothingSelected", "OneSite"})
"""Refusals of a CallCheck whose phones may be in other files."""
_AGENT_FIELDS = {"pbxs", "phones", "fleets"}


class Finding(NamedTuple):
    """What is wrong, and where. `what` names the object, such as Softphone/anna; empty where there is none."""

    file: str
    line: int
    what: str
    message: str
    severity: Severity = "fault"
    field: str = ""
    """Such as spec.pri; empty where it is about the whole."""
    column: int = 0
    """Of a text that cannot be read, where it is known; else 0."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")
        words = [place, self.severity, *([self.what] if self.what else []), self.message]
        return ": ".join(on_a_line(word) for word in words)

    def data(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "file": self.file,
            "line": self.line,
            **({"column": self.column} if self.column else {}),
            "severity": self.severity,
            "object": self.what,
            "field": self.field,
            "message": self.message,
        }


class Found(NamedTuple):
    """All that was found, in the order of files and lines, and how many objects were looked at."""

    findings: list[Finding]
    objects: int


@dataclass
class _Namespace:
    """The objects of a namespace, by name."""

    name: str
    pbxs: dict[str, Document] = field(default_factory=dict)
    softphones: dict[str, Document] = field(default_factory=dict)
    fleets: dict[str, Document] = field(default_factory=dict)
    pools: dict[str, Document] = field(default_factory=dict)
    checks: dict[str, Document] = field(default_factory=dict)
    rehearsals: dict[str, Document] = field(default_factory=dict)
    secrets: dict[str, frozenset[str]] = field(default_factory=dict)


def lint(files: Iterable[tuple[str, bytes | str]], namespace: str = "default", *, strict: bool = False) -> Found:
    """Look at files, given as name and content. `namespace` is that of objects which name none.

    `strict`: the files hold everything, so whatever is not among them is a fault.
    """
    documents = [document for name, content in files for document in read(name, content)]
    spaces: dict[str, _Namespace] = {}
    findings = [finding for document in documents for finding in _sorted_in(document, spaces, namespace)]
    for space in spaces.values():
        findings += _judged(space, strict=strict)
    order = {document.file: number for number, document in enumerate(documents)}
    objects = sum(document.fault is None for document in documents)
    return Found(sorted(findings, key=lambda one: (order.get(one.file, 0), one.line)), objects)


def _sorted_in(document: Document, spaces: dict[str, _Namespace], default: str) -> Iterator[Finding]:
    """Put a document where it belongs; what is wrong with its outer part."""
    value = document.value
    if document.fault is not None:
        yield Finding(document.file, document.line, "", document.fault, column=document.column)
        return
    if not isinstance(value, dict) or "kind" not in value or "apiVersion" not in value:
        if isinstance(value, dict) and "kind" not in value and _AGENT_FIELDS & set(value):
            yield from _agent_faults(document)
        else:
            yield Finding(document.file, document.line, "", "is no object of Kubernetes: it needs apiVersion and kind")
        return
    kind, version = str(value["kind"]), str(value["apiVersion"])
    names = {one.name for one in KINDS}
    if version != API_VERSION and (kind in names or version.partition("/")[0] == GROUP):
        yield _at(document, "apiVersion", kind, f'apiVersion: "{version}" is not {API_VERSION}')
        return
    if version == API_VERSION and kind not in names:
        yield _at(document, "kind", "", f'kind: "{kind}" is none of {", ".join(sorted(names))}')
        return
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    name, place = metadata.get("name"), str(metadata.get("namespace") or default)
    space = spaces.setdefault(place, _Namespace(place))
    if kind == "Secret" and version == "v1" and isinstance(name, str):
        parts = (value.get("data"), value.get("stringData"))
        space.secrets[name] = frozenset(str(key) for part in parts if isinstance(part, dict) for key in part)
    if kind not in names:
        return
    if not isinstance(name, str) or not re.match(fields.NAME_PATTERN, name):
        words = fields.PATTERN_WORDS[fields.NAME_PATTERN]
        shown = "is required" if name is None else f'"{name}" is refused: {words}'
        yield _at(document, "metadata.name", kind, f"metadata.name: {shown}")
        return
    what = f"{kind}/{name}"
    for extra in sorted(set(value) - FIELDS, key=str):
        yield _at(document, str(extra), what, f"{extra}: no such field")
    of_kind = dict(_kinds(space))[kind]
    if name in of_kind:
        before = of_kind[name]
        yield _at(document, "metadata.name", what, f"is there already: {before.file}:{before.line}")
        return
    of_kind[name] = document


def _at(document: Document, path: str, what: str, message: str, severity: Severity = "fault") -> Finding:
    return Finding(document.file, document.line_of(path), what, message, severity, path.removesuffix("."))


def _agent_faults(document: Document) -> Iterator[Finding]:
    """The faults of an agent's configuration, for those who run agents without Kubernetes."""
    try:
        reading.of(document.value)
    except config_faults.ConfigFaults as refused:
        for fault in refused.faults:
            yield _at(document, _field(fault), "agent configuration", fault)


def _field(message: str) -> str:
    found = _FIELD.match(message)
    return found[1] if found else ""


def _judged(space: _Namespace, *, strict: bool) -> Iterator[Finding]:
    """What the operator would say of the objects of a namespace."""
    specs = {kind: {n: d.value.get("spec") for n, d in of.items()} for kind, of in _kinds(space)}
    needed = {name for spec in specs["PBX"].values() for name in references.pbx_needs(spec)}
    needed |= {name for spec in specs["Softphone"].values() for name in references.softphone_needs(spec).secrets}
    needed |= {name for spec in specs["SoftphonePool"].values() for name in references.pool_needs(spec)}
    needed |= {name for spec in specs["SoftphoneFleet"].values() for name in references.fleet_needs(spec).secrets}
    secrets = {**dict.fromkeys(needed, ANY_KEYS), **space.secrets}
    planned = {name: desired_pbx.pbx(name, space.name, spec, secrets) for name, spec in sorted(specs["PBX"].items())}
    pbxs = desired_pbx.with_duplicate_addresses(planned, specs["PBX"])
    told: set[str] = set()
    for name, document in space.pbxs.items():
        yield from _refused(document, f"PBX/{name}", pbxs[name], space, strict=strict)
        yield from _absent_secrets(
            document, f"PBX/{name}", references.pbx_needs(specs["PBX"][name]), space, strict=strict
        )
        if (message := desired_pbx.inconsistency(name, pbxs)) and message not in told:
            told.add(message)
            yield _at(document, "spec.noPhysicalLocation", f"PBX/{name}", message, "warning")
        if isinstance(of := pbxs[name], decisions.DesiredPbx):
            yield from _warned(document, f"PBX/{name}", of.cautions)
    pools = {name: desired_pool.pool(space.name, spec, secrets) for name, spec in specs["SoftphonePool"].items()}
    for name, document in space.pools.items():
        yield from _refused(document, f"SoftphonePool/{name}", pools[name], space, strict=strict)
        needs = references.pool_needs(specs["SoftphonePool"][name])
        yield from _absent_secrets(document, f"SoftphonePool/{name}", needs, space, strict=strict)
    yield from _softphones(space, specs["Softphone"], specs["SoftphoneFleet"], pools, pbxs, secrets, strict=strict)
    yield from _fleets(space, specs["SoftphoneFleet"], pbxs, secrets, strict=strict)
    yield from _checks(space, pbxs, strict=strict)
    for name, document in space.rehearsals.items():
        meant = desired.rehearsal(space.name, specs["Rehearsal"][name], pbxs, jobs_allowed=True)
        yield from _refused(document, f"Rehearsal/{name}", meant, space, strict=strict)


def _kinds(space: _Namespace) -> Sequence[tuple[str, dict[str, Document]]]:
    phones = ((SOFTPHONE.name, space.softphones), (SOFTPHONE_FLEET.name, space.fleets))
    later = ((CALL_CHECK.name, space.checks), (REHEARSAL.name, space.rehearsals))
    return ((PBX.name, space.pbxs), *phones, (SOFTPHONE_POOL.name, space.pools), *later)


def _softphones(
    space: _Namespace,
    specs: Mapping[str, Any],
    fleets: Mapping[str, Any],
    pools: Mapping[str, decisions.DesiredPool | decisions.Refusal],
    pbxs: Mapping[str, decisions.DesiredPbx | decisions.Refusal],
    secrets: decisions.Secrets,
    *,
    strict: bool,
) -> Iterator[Finding]:
    first: dict[str, str] = {}
    of_fleets = {name: found for name, spec in fleets.items() if (found := references.fleet_aors(spec))}
    for name, spec in specs.items():
        document, what, needs = space.softphones[name], f"Softphone/{name}", references.softphone_needs(spec)
        same = first.setdefault(needs.aor, name) if needs.aor else name
        in_fleet = next(((f, i) for f, a in of_fleets.items() if (i := a.index_of(needs.aor)) is not None), None)
        shared = same if same != name else None, in_fleet if needs.aor else None
        outcome: decisions.Decision
        if needs.pool:
            of_pool = _secrets_of_pool(spec, needs.pool, pools, secrets, space)
            outcome = desired_softphone.in_pool(
                name, space.name, "", spec, pools.get(needs.pool), pbxs, of_pool, *shared
            )
        else:
            outcome = desired_softphone.softphone(name, space.name, "", spec, pbxs, secrets, *shared)
        yield from _refused(document, what, outcome, space, strict=strict)
        yield from _absent_secrets(document, what, needs.secrets, space, strict=strict)
        if isinstance(outcome, decisions.DesiredAgent | decisions.DesiredPhone):
            yield from _warned(document, what, outcome.cautions)


def _secrets_of_pool(
    spec: Any,
    pool: str,
    pools: Mapping[str, decisions.DesiredPool | decisions.Refusal],
    secrets: decisions.Secrets,
    space: _Namespace,
) -> decisions.Secrets:
    """The Secrets as a phone of a pool sees them: of one that is not among the files every key is taken to be there."""
    found = pools.get(pool)
    if not isinstance(found, decisions.DesiredPool):
        return secrets
    credentials = spec.get("credentials") if isinstance(spec, Mapping) else None
    keys = {str(text) for text in credentials.values()} if isinstance(credentials, Mapping) else set()
    names = {name for name, document in space.softphones.items() if document.value.get("spec") is spec}
    absent = set(found.spec.credentials.secret_names) - set(space.secrets)
    return {**secrets, **dict.fromkeys(absent, ANY_KEYS | keys | names)}


def _fleets(
    space: _Namespace,
    specs: Mapping[str, Any],
    pbxs: Mapping[str, decisions.DesiredPbx | decisions.Refusal],
    secrets: decisions.Secrets,
    *,
    strict: bool,
) -> Iterator[Finding]:
    before: dict[str, aors.FleetAors] = {}
    for name, spec in specs.items():
        document, what, own = space.fleets[name], f"SoftphoneFleet/{name}", references.fleet_aors(spec)
        same = None
        if own is not None:
            met = ((other, aors.shared(own, theirs)) for other, theirs in before.items())
            same = next(((pair[0], other, pair[1]) for other, pair in met if pair is not None), None)
            before[name] = own
        outcome = desired_fleet.fleet(name, space.name, "", spec, pbxs, secrets, same)
        yield from _refused(document, what, outcome, space, strict=strict)
        yield from _absent_secrets(document, what, references.fleet_needs(spec).secrets, space, strict=strict)
        if isinstance(outcome, decisions.DesiredFleet):
            yield from _warned(document, what, outcome.cautions)


def _checks(
    space: _Namespace, pbxs: Mapping[str, decisions.DesiredPbx | decisions.Refusal], *, strict: bool
) -> Iterator[Finding]:
    for name, document in space.checks.items():
        spec, what = document.value.get("spec"), f"CallCheck/{name}"
        asked = desired_call_check.asked(spec)
        found = desired_call_check.Found(
            {one: phone for one in asked.names if (phone := _phone(space, one, pbxs))},
            {text: sorted(_selected(space, text, pbxs)) for text in asked.selectors},
        )
        outcome = desired_call_check.call_check(name, space.name, name, spec, found)
        yield from _refused(document, what, outcome, space, strict=strict)
        if isinstance(outcome, desired_call_check.DesiredCallCheck):
            yield from _warned(document, what, outcome.cautions)


def _phone(space: _Namespace, name: str, pbxs: Mapping[str, decisions.DesiredPbx | decisions.Refusal]) -> Any:
    if (document := space.softphones.get(name)) is not None:
        return call_phones.of_softphone(name, document.value.get("spec"), {}, pbxs)
    split = call_phones.split_name(name)
    fleet = space.fleets.get(split[0]) if split else None
    return call_phones.of_fleet(split[0], fleet.value.get("spec"), {}, pbxs, split[1]) if split and fleet else None


def _selected(
    space: _Namespace, text: str, pbxs: Mapping[str, decisions.DesiredPbx | decisions.Refusal]
) -> Iterator[call_phones.CallPhone]:
    try:
        selector = label_selector.parse(text)
    except label_selector.LabelSelectorError:
        return
    for of, make in ((space.softphones, call_phones.of_softphone), (space.fleets, call_phones.of_fleet)):
        for name, document in of.items():
            metadata = document.value.get("metadata")
            given = metadata.get("labels") if isinstance(metadata, dict) else None
            labels = {str(k): str(v) for k, v in given.items()} if isinstance(given, dict) else {}
            if selector.matches(labels) and (phone := make(name, document.value.get("spec"), labels, pbxs)):
                yield phone


def _refused(document: Document, what: str, outcome: Any, space: _Namespace, *, strict: bool) -> Iterator[Finding]:
    if not isinstance(outcome, decisions.Refusal):
        return
    for reason, message in outcome.faults:
        if reason in ("PBXInvalid", "PoolInvalid"):
            continue  # told of the PBX or the pool itself
        absent = (reason == "PBXNotFound" and not space.pbxs) or (reason == "PoolNotFound" and not space.pools)
        absent = absent or reason in _OF_PHONES_ELSEWHERE
        elsewhere = absent and not strict
        path = _field(message)
        if path.startswith("metadata."):
            yield _at(document, path, what, message, _severity(elsewhere))
            continue
        yield _at(document, f"spec.{path}", what, f"spec.{message}" if path else message, _severity(elsewhere))


def _severity(elsewhere: bool) -> Severity:
    return "warning" if elsewhere else "fault"


def _warned(document: Document, what: str, cautions: Iterable[decisions.Caution]) -> Iterator[Finding]:
    for caution in cautions:
        if caution.reason != "Inconsistent":  # told of the PBXes themselves
            yield _at(document, f"spec.{_field(caution.message)}", what, f"spec.{caution.message}", "warning")


def _absent_secrets(
    document: Document, what: str, named: Iterable[str], space: _Namespace, *, strict: bool
) -> Iterator[Finding]:
    for name in sorted(set(named) - set(space.secrets)):
        listed = _value(document.value, _LISTED_SECRETS)
        rest = _LISTED_SECRETS if isinstance(listed, list) and name in listed else "spec"
        path = next((path for path in _SECRET_PATHS if _value(document.value, path) == name), rest)
        yield _at(document, path, what, f'{path}: the Secret "{name}" is not among the files', _severity(not strict))


_SECRET_PATHS = (
    "spec.credentials.secretName",
    "spec.template.credentials.secretName",
    "spec.tls.caSecretName",
    "spec.tls.certificateSecretName",
)


_LISTED_SECRETS = "spec.credentials.secretNames"


def _value(of: Any, path: str) -> Any:
    for part in path.split("."):
        of = of.get(part) if isinstance(of, dict) else None
    return of
