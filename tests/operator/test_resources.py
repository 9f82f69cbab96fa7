"""Compute resources of pods: whatever is given, no pod is asked for whose limit is below its request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_operator.api.spec import Resources
from softphone_operator.decide.resources import below_requests, is_quantity, quantity, with_defaults

REQUESTS = {"cpu": "10m", "memory": "64Mi"}
LIMITS = {"memory": "256Mi"}
some = st.none() | st.dictionaries(
    st.sampled_from(["cpu", "memory"]), st.sampled_from(["0", 1, "500m", "1Ki", "32Mi", "1G", "1e3", "nonsense"])
)


@pytest.mark.parametrize(
    ("given_", "requests", "limits"),
    [
        (None, REQUESTS, LIMITS),
        (Resources(requests={}, limits={}), {}, {}),
        (Resources(requests={"memory": "1Gi"}), {"memory": "1Gi"}, {"memory": "1Gi"}),
        (
            Resources(limits={"memory": "32Mi", "cpu": 1}),
            {"cpu": "10m", "memory": "32Mi"},
            {"memory": "32Mi", "cpu": 1},
        ),
        (Resources(requests={"cpu": "1"}, limits={"cpu": "2"}), {"cpu": "1"}, {"cpu": "2"}),
    ],
)
def test_a_default_gives_way_to_what_is_given(
    given_: Resources | None, requests: dict[str, int | str], limits: dict[str, int | str]
) -> None:
    assert with_defaults(given_, REQUESTS, LIMITS) == Resources(requests=requests, limits=limits)


@given(some, some)
def test_only_a_contradiction_of_the_spec_itself_is_left(
    requests: dict[str, int | str] | None, limits: dict[str, int | str] | None
) -> None:
    wanted = Resources(requests=requests, limits=limits)
    made = with_defaults(wanted, REQUESTS, LIMITS)
    assert list(below_requests(made)) == list(below_requests(wanted))


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("500m", 0.5), (".5", 0.5), ("1e3", 1000), ("1E3", 1000), ("2Ki", 2048), ("1E", 10**18), ("1Ei", 2**60)],
)
def test_a_quantity_is_a_number(text: str, number: float) -> None:
    assert is_quantity(text)
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "-1", "1 Gi", "1KB", "lots", "1\n", "0x10"])
def test_what_is_no_quantity(text: str) -> None:
    assert not is_quantity(text)
