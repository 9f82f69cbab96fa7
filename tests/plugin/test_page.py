"""The reference page of the command line is fresh."""

from __future__ import annotations

import cli_reference


def test_the_reference_of_the_command_line_is_fresh() -> None:
    assert cli_reference.PAGE.read_text() == cli_reference.page(), "run: make generate"
