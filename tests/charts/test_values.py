"""The values of the chart: page, schema and defaults say the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import yaml

import chart_values


def test_the_page_is_fresh() -> None:
    assert chart_values.PAGE.read_text() == chart_values.page(), "run make generate"


def test_every_value_of_the_schema_has_a_default_and_words() -> None:
    listed = {value.name: value for value in chart_values.values() if value.default}
    for name in chart_values.named():
        assert name == "global" or any(f"{name}.".startswith(f"{value}.") for value in listed), name
    assert [name for name, value in listed.items() if not value.words] == []


def test_the_schema_is_closed() -> None:
    def objects(of: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if "properties" in of:
            yield of
        for each in [*of.get("properties", {}).values(), *of.get("definitions", {}).values()]:
            yield from objects(each)

    assert all(found.get("additionalProperties") is False for found in objects(chart_values.schema()))


def test_the_defaults_keep_to_the_schema() -> None:
    defaults = yaml.safe_load((chart_values.CHART / "values.yaml").read_text())
    jsonschema.Draft7Validator(chart_values.schema()).validate(defaults)
