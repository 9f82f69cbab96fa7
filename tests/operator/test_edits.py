"""The table of edits is whole, and its page is fresh. What it says is tried in e2e/test_edits.py."""

from __future__ import annotations

import pytest

import edits
from softphone_operator.api.kinds import PBX, SOFTPHONE, SOFTPHONE_FLEET, SOFTPHONE_POOL, Kind


@pytest.mark.parametrize("away", [False, True], ids=["set", "taken away"])
@pytest.mark.parametrize(("kind", "rows"), [(SOFTPHONE, edits.SOFTPHONE_ROWS), (PBX, edits.PBX_ROWS)])
def test_every_field_has_a_row_and_no_row_is_without_a_field(kind: Kind, rows: list[edits.Row], away: bool) -> None:
    assert {row.field for row in rows if row.change and row.away == away} == edits.fields(kind)


def test_a_fleet_has_rows_for_its_own_fields_and_the_rest_is_that_of_a_softphone() -> None:
    named = edits.fields(SOFTPHONE_FLEET)
    of_the_template = {field for field in named if field.startswith("template.")}
    for away in (False, True):
        assert {row.field for row in edits.OF_THE_FLEET if row.away == away} == named - of_the_template
    alone = {"agent.pool", "credentials.passwordKey", "credentials.usernameKey"}
    assert of_the_template == {f"template.{field}" for field in edits.fields(SOFTPHONE) - alone}
    assert {row.field for row in edits.OF_THE_TEMPLATE} <= of_the_template
    assert {row.field for row in edits.AWAY_OF_THE_TEMPLATE} == {row.field for row in edits.OF_THE_TEMPLATE}


def test_the_rows_of_a_pool_are_fields_of_it() -> None:
    named = edits.fields(SOFTPHONE_POOL)
    assert {row.field for row in edits.OF_THE_POOL} == {
        field for field in named if not field.startswith("agent.") or field == "agent.nodeSelector"
    }


def test_the_page_is_fresh() -> None:
    assert edits.PAGE.read_text() == edits.page(), "run: make generate, or PYTHONPATH=tests python -m edits"
