"""The CustomResourceDefinitions, generated from the models in kinds.py.

`python -m softphone_operator.api.crd` writes them into the chart; with `--check` it only tells whether they are fresh.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from softphone_operator.api.kinds import CATEGORY, GROUP, KINDS, PBX, SOFTPHONE, VERSION, Kind
from softphone_operator.api.rules import RULES

Schema = dict[str, Any]

CHART = Path(__file__).resolve().parents[3] / "charts" / "softphone-fleet"
KEPT_DEFAULTS = {
    "Softphone": {"mode"},
    "SoftphoneFleet": {"replicas", "phonesPerAgent"},
    "SoftphonePool": {"phonesPerAgent"},
}
UNSEEN = {"observedGeneration": -1}
"""The status of an object that the operator has not looked at. Without it kstatus would call such an object done."""
SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}
RULES_MARK = "x-kubernetes-validations"
PRESERVED = "x-kubernetes-preserve-unknown-fields"


def _column(name: str, path: str, kind: str = "string", *, wide: bool = False, description: str = "") -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | {"priority": 1} if wide else column


AGE = _column("Age", ".metadata.creationTimestamp", "date", description="Age of the object.")
COLUMNS = {
    "PBX": [
        _column("Address", ".spec.address", description="SIP URI of the registrar."),
        _column("Location", ".status.location", description="Physical location that the PBX stands for."),
        _column("Registered", ".status.phones.registered", "integer", description="Softphones registered here."),
        _column("Standby", ".status.phones.standby", "integer", description="Those whose home is elsewhere."),
        _column("Reachable", ".status.reachable", "boolean", description="Whether any agent reaches it."),
        AGE,
        _column("System", ".spec.system", wide=True, description="Which PBXes belong together."),
        _column("Softphones", ".status.users.softphones", "integer", wide=True, description="Softphones that name it."),
        _column(
            "Accepted",
            '.status.conditions[?(@.type=="Accepted")].reason',
            wide=True,
            description="Accepted, or why not.",
        ),
        _column(
            "Consistent",
            '.status.conditions[?(@.type=="Consistent")].status',
            wide=True,
            description="Whether noPhysicalLocation is the same in the system.",
        ),
        _column(
            "Redundant",
            '.status.conditions[?(@.type=="Redundant")].status',
            wide=True,
            description="Whether the ways of its system's softphones hold.",
        ),
    ],
    "Softphone": [
        _column(
            "State",
            '.status.conditions[?(@.type=="Ready")].reason',
            description="Registered, or what stands in the way.",
        ),
        _column("PBX", ".status.registration.pbx", description="PBX that holds the registration."),
        _column("Role", ".status.registration.role", description="Home, Standby or Unknown."),
        _column("Location", ".status.registration.physicalLocation", description="Physical location sent."),
        _column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether all is well."),
        AGE,
        _column("Agent", ".status.agent", wide=True, description="Agent that carries it."),
        _column("Registrar", ".status.registration.registrar", wide=True, description="SIP URI of the registrar."),
        _column("Via", ".status.registration.via", wide=True, description="How the phone came there."),
        _column(
            "Redundant",
            '.status.conditions[?(@.type=="Redundant")].status',
            wide=True,
            description="Whether each way that was checked would hold.",
        ),
        _column(
            "Last Failure",
            ".status.registration.lastFailure.reason",
            wide=True,
            description="The last thing that went wrong.",
        ),
        _column(
            "Message",
            '.status.conditions[?(@.type=="Ready")].message',
            wide=True,
            description="State, in a sentence.",
        ),
    ],
}

_OF_MANY = [
    _column("Registered", ".status.registered", "integer", description="Those that are registered."),
    _column("Standby", ".status.standby", "integer", description="Those whose home is elsewhere."),
    _column("Agents", ".status.agents.ready", "integer", description="Agents that run and are heard."),
    _column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether all is well."),
    AGE,
    _column(
        "State",
        '.status.conditions[?(@.type=="Ready")].reason',
        wide=True,
        description="Registered, or what stands in the way.",
    ),
    _column(
        "Redundant",
        '.status.conditions[?(@.type=="Redundant")].status',
        wide=True,
        description="Whether the ways that were checked would hold.",
    ),
    _column(
        "Message", '.status.conditions[?(@.type=="Ready")].message', wide=True, description="State, in a sentence."
    ),
]
COLUMNS["SoftphoneFleet"] = [
    _column("Replicas", ".spec.replicas", "integer", description="Softphones that are wanted."),
    *_OF_MANY,
]
COLUMNS["SoftphonePool"] = [
    _column("Phones", ".status.phones", "integer", description="Softphones that its agents carry."),
    *_OF_MANY,
]
COLUMNS["CallCheck"] = [
    _column(
        "Passing", '.status.conditions[?(@.type=="Passing")].status', description="Whether all pairs' last calls pass."
    ),
    _column("Pairs", ".status.pairs.total", "integer", description="Pairs that are called."),
    _column("Failing", ".status.pairs.failing", "integer", description="Those whose last call was not as expected."),
    _column(
        "Reason", '.status.conditions[?(@.type=="Passing")].reason', description="What is wrong with the worst pair."
    ),
    AGE,
    _column("Mode", ".spec.mode", wide=True, description="Pairs or Mesh."),
    _column("Every", ".spec.everySeconds", "number", wide=True, description="Seconds from one call to the next."),
    _column("Callable", ".status.callable.seconds", "number", wide=True, description="Time to callable, in seconds."),
    _column(
        "Message", '.status.conditions[?(@.type=="Passing")].message', wide=True, description="The worst pair in words."
    ),
]


COLUMNS["Rehearsal"] = [
    _column("PBX", ".spec.pbx", description="PBX that is to fail."),
    _column("System", ".spec.system", description="System that is to fail."),
    _column("Phase", ".status.phase", description="Where it stands, or how the last one ended."),
    _column("Next", ".status.nextTime", description="When it begins by its schedule."),
    _column("Last Passed", ".status.lastPassed", "date", description="Since one passed."),
    AGE,
    _column("Phones", ".status.run.phones", "integer", wide=True, description="Phones that are watched."),
    _column("Missing", ".status.run.missing", "integer", wide=True, description="Those that are not registered."),
    _column("Message", ".status.message", wide=True, description="The phase, in a sentence."),
]


def crd(kind: Kind, *, rules: bool = True) -> Schema:
    """The CustomResourceDefinition of a kind, with its CEL rules or without."""
    schema: Schema = {
        "type": "object",
        "description": kind.description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"{kind.name}."},
            "metadata": {"type": "object"},
            "spec": _lenient(
                structural(kind.spec.model_json_schema(by_alias=True), KEPT_DEFAULTS.get(kind.name, set()))
            ),
            "status": structural(kind.status.model_json_schema(by_alias=True)) | {"default": dict(UNSEEN)},
        },
    }
    if rules:
        for path, texts in RULES[kind.name].items():
            place = schema
            for name in path:
                place = place["properties"][name]
            place[RULES_MARK] = list(texts)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": list(kind.short_names),
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}} | ({"scale": SCALE} if kind.name == "SoftphoneFleet" else {}),
                    "additionalPrinterColumns": COLUMNS[kind.name],
                }
            ],
        },
    }


def structural(schema: Mapping[str, Any], kept_defaults: Sequence[str] | set[str] = ()) -> Schema:
    """A pydantic schema as a structural one: references put in place, null, titles, patterns and defaults left out."""
    made = _converted(schema, schema.get("$defs", {}))
    for name in kept_defaults:
        made["properties"][name]["default"] = schema["properties"][name]["default"]
    return made


def _lenient(schema: Schema) -> Schema:
    """The schema of a spec with the empty text among the choices of fields that need not be given: it means none."""
    made = dict(schema)
    if "properties" in schema:
        made["properties"] = {
            name: {**part, "enum": [*part["enum"], ""]}
            if "enum" in part and name not in schema.get("required", ())
            else _lenient(part)
            for name, part in schema["properties"].items()
        }
    if "items" in schema:
        made["items"] = _lenient(schema["items"])
    return made


def _converted(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    if "$ref" in part:
        target = definitions[part["$ref"].rpartition("/")[2]]
        return _converted({**target, **{k: v for k, v in part.items() if k != "$ref"}}, definitions)
    if "anyOf" in part:
        return _any_of(part, definitions)
    made: Schema = {}
    if "type" in part:
        made["type"] = part["type"]
    if text := _description(part):
        made["description"] = text
    for name in (
        "format",
        "enum",
        "maxLength",
        "minLength",
        "maxItems",
        "minItems",
        "maxProperties",
        "minProperties",
    ):
        if name in part:
            made[name] = part[name]
    if "const" in part:
        made["enum"] = [part["const"]]
    for name in ("minimum", "maximum"):
        exclusive = f"exclusive{name.capitalize()}"
        if name in part:
            made[name] = _number(part[name])
        elif exclusive in part:
            made[name], made[exclusive] = _number(part[exclusive]), True
    if PRESERVED in part:
        made[PRESERVED] = part[PRESERVED]
    if "items" in part:
        made["items"] = _converted(part["items"], definitions)
        if "type" in part["items"].get("$ref", "") or part["items"].get("$ref", "").endswith("/Condition"):
            made |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    if "properties" in part:
        made["properties"] = {name: _converted(value, definitions) for name, value in part["properties"].items()}
    elif isinstance(part.get("additionalProperties"), Mapping):
        made["additionalProperties"] = _converted(part["additionalProperties"], definitions)
    if part.get("required"):
        made["required"] = list(part["required"])
    return made


def _any_of(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    others = [option for option in part["anyOf"] if option.get("type") != "null"]
    rest = {key: value for key, value in part.items() if key != "anyOf"}
    if len(others) == 1:
        return _converted({**others[0], **rest}, definitions)
    if {option.get("type") for option in others} == {"integer", "string"}:
        made: Schema = {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
        }
        longest = next((option["maxLength"] for option in others if "maxLength" in option), None)
        if text := _description(rest):
            made["description"] = text
        return made | ({"maxLength": longest} if longest else {})
    enums = [value for option in others for value in option.get("enum", [option.get("const")])]
    return _converted({**rest, "type": "string", "enum": enums}, definitions)


def _description(part: Mapping[str, Any]) -> str:
    text: str = part.get("description", "")
    default = part.get("default")
    if default in (None, "", [], ()) or isinstance(default, dict) or "Default:" in text:
        return text
    shown = (
        str(default).lower() if isinstance(default, bool) else f"{default:g}" if isinstance(default, float) else default
    )
    return f"{text} Default: {shown}."


def _number(value: float) -> float:
    return int(value) if value == int(value) else value


TEMPLATE_HEAD = """\
{{- /* Generated by `python -m softphone_operator.api.crd` from the models of that folder. Do not edit. */}}
{{- if .Values.crds.enabled }}
"""
MARKS = """\
  {{- $kept := dict "helm.sh/resource-policy" "keep" }}
  {{- $kept = ternary $kept dict .Values.crds.keep }}
  {{- include "softphone-fleet.marks" (dict "root" . "annotations" $kept) | nindent 2 }}
"""
IF_RULES = '{{- if and .Values.crds.celRules (semverCompare ">=1.25.0-0" .Capabilities.KubeVersion.Version) }}'


def template(kind: Kind) -> str:
    """The CRD as a template of the chart: switches for CRDs as such, for keeping them, and for the CEL rules."""
    text = _yaml(crd(kind))
    head, _, tail = text.partition("metadata:\n")
    name, _, rest = tail.partition("\n")
    lines: list[str] = []
    depth = -1
    for line in rest.splitlines():
        indent = len(line) - len(line.lstrip())
        inside_rules = depth >= 0 and (indent > depth or (indent == depth and line.lstrip().startswith("- ")))
        if depth >= 0 and not inside_rules:
            lines.append("{{- end }}")
            depth = -1
        if line.strip() == f"{RULES_MARK}:":
            lines.append(IF_RULES)
            depth = indent
        lines.append(line)
    if depth >= 0:
        lines.append("{{- end }}")
    body = "\n".join(lines) + "\n"
    return f"{TEMPLATE_HEAD}{head}metadata:\n{name}\n{MARKS}{body}{{{{- end }}}}\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Never write anchors: CRDs are read by people."""
        return True


def _yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def files() -> dict[Path, str]:
    """All generated files by path."""
    return {CHART / "templates" / f"crd-{kind.plural}.yaml": template(kind) for kind in KINDS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or tell with `--check` which are stale."""
    parser = argparse.ArgumentParser(prog="python -m softphone_operator.api.crd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    check = parser.parse_args(arguments).check
    return write(files(), check=check)


def write(wanted: Mapping[Path, str], *, check: bool) -> int:
    """Write generated files; with `check` only tell on stderr which are stale, and return 1 if any is."""
    stale = {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        if check:
            sys.stderr.write(f"{path} is stale\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

__all__ = ["COLUMNS", "PBX", "RULES", "SOFTPHONE", "crd", "files", "main", "structural", "template", "write"]
