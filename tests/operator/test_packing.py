"""What is packed comes out as it went in, and takes little."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_operator.observe.packing import Packed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | OBJECTS)))
def test_it_holds_what_a_dictionary_holds(changes: list[tuple[int, dict[str, Any] | None]]) -> None:
    packed, plain = Packed[int](), dict[int, dict[str, Any]]()
    for key, value in changes:
        for each in (packed, plain):
            if value is None:
                each.pop(key, None)
            else:
                each[key] = value
    assert dict(packed) == plain
    assert len(packed) == len(plain)
    assert all((key in packed) == (key in plain) for key in range(6))


def test_what_is_taken_out_is_a_copy() -> None:
    packed = Packed[str]()
    packed["anna"] = {"spec": {"pri": "master"}}
    packed["anna"]["spec"]["pri"] = "slave"
    assert packed["anna"] == {"spec": {"pri": "master"}}


def test_what_is_not_there_is_told_by_its_key() -> None:
    with pytest.raises(KeyError, match="bob"):
        Packed[str]()["bob"]
    with pytest.raises(KeyError, match="bob"):
        del Packed[str]()["bob"]
