"""What is made from code and tests is fresh and whole."""

from __future__ import annotations

import pytest

import call_diagram
import conformance
import diagram
import mutation
import registration_coverage


@pytest.mark.proves("M4")
def test_the_state_diagram_is_fresh() -> None:
    assert diagram.PAGE.read_text() == diagram.page(), "run: make generate, or PYTHONPATH=tools:tests python -m diagram"


@pytest.mark.proves("M4")
def test_the_state_diagrams_picture_is_drawn_from_the_same_table() -> None:
    assert diagram.mark() in diagram.PICTURE.read_text(), (
        "run: PYTHONPATH=tools:tests python -m diagram (needs graphviz)"
    )


def test_the_conformance_page_is_fresh() -> None:
    assert conformance.PAGE.read_text() == conformance.page(), "run: PYTHONPATH=tools:tests python -m conformance"


def test_every_rule_is_proved_and_no_test_proves_a_rule_that_is_not() -> None:
    found = conformance.proofs()
    assert not [rule for rule, tests in found.items() if not tests], "rules that no test proves"
    assert set(found) == set(conformance.RULES), "rules that do not exist"


@pytest.mark.parametrize("room", mutation.ROOMS.values(), ids=mutation.ROOMS.keys())
def test_the_mutation_run_was_about_the_present_rules(room: mutation.Room) -> None:
    assert mutation.stamp(room) in mutation.PAGE.read_text(), (
        f"run: PYTHONPATH=tools:tests python -m mutation {room.name}, and renew the page"
    )


def test_the_page_of_the_calls_machine_is_fresh() -> None:
    assert call_diagram.PAGE.read_text() == call_diagram.page(), "run: PYTHONPATH=tools:tests python -m call_diagram"


@pytest.mark.lab
@pytest.mark.parametrize("room", registration_coverage.ROOMS)
def test_the_rules_are_covered_whole(room: str) -> None:
    result = registration_coverage.measure(room)
    assert result.returncode == 0, result.stdout
