"""The generated CRDs and reference page: fresh, bounded, described, and lenient where the operator wants to speak."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from softphone_operator.api import crd, reference
from softphone_operator.api.kinds import KINDS, SOFTPHONE, SOFTPHONE_FLEET, Kind

REFUSED = sorted((Path(__file__).parent / "data" / "refused").glob("*.yaml"))
# These are refused by the API server already, whose own messages are clear: types, choices, ranges, required fields.
STRICT = {
    "aor-missing",
    "mode-unknown",
    "expiry-too-short",
    "pbx-rate",
    "pbx-request-uri",
    "redirect-policy",
    "redirects-too-many",
    "trace-unknown",
}


def schema(kind: Kind) -> dict[str, Any]:
    return dict(crd.crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def fields(part: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in part.get("properties", {}).items():
        place = f"{path}.{name}"
        yield place, field
        yield from fields(field, place)
    for name in ("items", "additionalProperties"):
        if isinstance(part.get(name), dict):
            yield f"{path}[]", part[name]
            yield from fields(part[name], f"{path}[]")


def parts(kind: Kind) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in ("spec", "status"):
        yield from fields(schema(kind)["properties"][name], name)


def test_the_generated_files_are_fresh() -> None:
    assert crd.main(["--check"]) == 0
    assert reference.main(["--check"]) == 0


def test_stale_files_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crd.write({tmp_path / "x.yaml": "new"}, check=True) == 1
    assert capsys.readouterr().err == f"{tmp_path}/x.yaml is stale\n"
    assert crd.write({tmp_path / "x.yaml": "new"}, check=False) == 0
    assert crd.write({tmp_path / "x.yaml": "new"}, check=True) == 0


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_field_is_described(kind: Kind) -> None:
    assert [place for place, field in parts(kind) if not field.get("description") and "[]" not in place[-2:]] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_everything_is_bounded(kind: Kind) -> None:
    def unbounded(field: dict[str, Any]) -> bool:
        free = {"maxLength", "enum"}.isdisjoint(field) and field.get("format") != "date-time"
        return (
            (field.get("type") == "string" and free)
            or (field.get("type") == "array" and "maxItems" not in field)
            or ("additionalProperties" in field and "maxProperties" not in field)
        )

    assert [place for place, field in parts(kind) if unbounded(field)] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_schema_is_structural(kind: Kind) -> None:
    forbidden = {"$ref", "title", "const", "pattern", "nullable", "oneOf", "allOf"}
    for place, field in parts(kind):
        assert forbidden.isdisjoint(field), place
        assert "type" in field or field.get("x-kubernetes-int-or-string"), place
        assert not ("properties" in field and "additionalProperties" in field), place


def test_the_only_defaults_are_those_that_rules_and_kubectl_scale_need() -> None:
    assert [(place, field["default"]) for kind in KINDS for place, field in parts(kind) if "default" in field] == [
        ("spec.mode", "Launcher"),
        ("spec.replicas", 1),
        ("spec.phonesPerAgent", 1000),
        ("spec.phonesPerAgent", 250),
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_object_that_nobody_has_looked_at_says_so(kind: Kind) -> None:
    status = schema(kind)["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert jsonschema.Draft4Validator(status).is_valid(status["default"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_conditions_are_a_map_by_type(kind: Kind) -> None:
    conditions = schema(kind)["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_columns() -> None:
    shown = {
        kind.name: [
            (column["name"].upper(), column.get("priority", 0))
            for column in crd.crd(kind)["spec"]["versions"][0]["additionalPrinterColumns"]
        ]
        for kind in KINDS
    }
    assert [name for name, priority in shown["PBX"] if not priority] == [
        "ADDRESS",
        "LOCATION",
        "REGISTERED",
        "STANDBY",
        "REACHABLE",
        "AGE",
    ]
    assert [name for name, priority in shown["Softphone"] if not priority] == [
        "STATE",
        "PBX",
        "ROLE",
        "LOCATION",
        "READY",
        "AGE",
    ]
    assert [name for name, priority in shown["Softphone"] if priority] == [
        "AGENT",
        "REGISTRAR",
        "VIA",
        "REDUNDANT",
        "LAST FAILURE",
        "MESSAGE",
    ]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_what_the_operator_refuses_with_a_message_is_let_in(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    kinds = {kind.singular.removeprefix("softphone") or kind.singular: kind for kind in KINDS}
    (name,) = kinds.keys() & set(case)
    spec, made = case[name], schema(kinds[name])["properties"]["spec"]
    validator = jsonschema.Draft4Validator(made)
    assert validator.is_valid(spec) == (path.stem not in STRICT)


def test_rules_can_be_left_out() -> None:
    assert crd.RULES_MARK in yaml.safe_dump(crd.crd(SOFTPHONE))
    assert crd.RULES_MARK not in yaml.safe_dump(crd.crd(SOFTPHONE, rules=False))


def test_a_fleet_can_be_scaled() -> None:
    (version,) = crd.crd(SOFTPHONE_FLEET)["spec"]["versions"]
    paths = version["subresources"]["scale"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    for path in paths.values():
        _, part, field = path.split(".")
        assert field in properties[part]["properties"]
    assert crd.crd(SOFTPHONE_FLEET)["spec"]["names"]["shortNames"] == ["spf"]
