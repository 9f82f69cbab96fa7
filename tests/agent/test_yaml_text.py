"""YAML from people: whatever the bytes are, data comes or a fault that says where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile_yaml import hostile_bytes
from softphone_agent.contract import reading
from softphone_agent.contract.config_faults import ConfigFaults
from softphone_agent.contract.yaml_text import DEEPEST, YamlFault, documents, text_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "without-kubernetes" / "agent.yaml"
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def read(text: str, *, each_key_once: bool = False) -> list[Any]:
    return [document.value for document in documents(text, each_key_once=each_key_once)]


def refused(data: bytes | str, *, each_key_once: bool = False) -> tuple[int, int, str]:
    with pytest.raises(YamlFault) as fault:
        read(text_of(data) if isinstance(data, bytes) else data, each_key_once=each_key_once)
    return fault.value.line, fault.value.column, fault.value.message


@pytest.mark.parametrize(
    ("data", "line", "column", "said"),
    [
        ("a: 1\nb: 2026-02-30\n", 2, 4, '"2026-02-30" is no timestamp (text that looks like one goes in quotes)'),
        ("a: 2026-02-28 25:61:00\n", 1, 4, '"2026-02-28 25:61:00" is no timestamp'),
        ("a: !!int ''\n", 1, 4, '"" is no int'),
        ("a: &x\n  - *x\n", 2, 5, 'the anchor "x" holds itself'),
        ("a: &x {b: {<<: *x}}\n", 1, 16, 'the anchor "x" holds itself'),
        ("[a, b]: c\n", 1, 1, "is no YAML: a key must be a text, and not a list or a mapping"),
        ("? {a: b}\n: c\n", 1, 3, "is no YAML: a key must be a text"),
        ("a: " + "[" * 5000, 1, DEEPEST + 3, "is nested more than 100 levels deep"),
        ("- " * 5000, 1, 2 * DEEPEST + 1, "is nested more than 100 levels deep"),
        (LAUGHS, 7, 4, "aliases make too much of it"),
        ("a: [\n", 2, 1, "is no YAML: expected the node content, but found '<stream end>'"),
        ("a: *nobody\n", 1, 4, "is no YAML: an alias of no anchor (text that begins with * goes in quotes)"),
        ("a: b\x00c\n", 1, 5, "holds the character U+0000"),
        ("x: 1\nab: \x1b[31m\n", 2, 5, "holds the character U+001B"),
        (b"a: 1\nphys: Sankt P\xf6lten\n", 2, 14, "is not UTF-8"),
        (b"\xff\xfea\0:\0\xd8", 1, 3, "is not UTF-16"),
        ('a: "\\ud800"\n', 1, 4, "holds half a character"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, 4, "is no YAML: a tag that nobody knows"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_column(
    data: bytes | str, line: int, column: int, said: str
) -> None:
    assert refused(data)[:2] == (line, column)
    assert refused(data)[2].startswith(said)


def test_a_chain_of_aliases_is_as_deep_as_what_it_makes() -> None:
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, DEEPEST + 5))
    line, _, said = refused(chain)
    assert (line, said) == (DEEPEST, "is nested more than 100 levels deep, with its aliases")


@pytest.mark.parametrize("number", ["1" * 5000, "0x" + "1" * 5000, "1:" * 500 + "1"])
def test_a_number_that_cannot_be_written_out_again_is_refused(number: str) -> None:
    assert refused(f"a: {number}\n")[:2] == (1, 4)


@pytest.mark.parametrize("around", ["{}", "kind: List\nitems:\n- {}"])
def test_no_value_of_a_secret_is_shown(around: str) -> None:
    secret = "{kind: Secret, stringData: {password: 2026-02-30, pin: !!int geheim}}"
    said = refused(around.replace("{}", secret))[2]
    assert said == "this is no timestamp (text that looks like one goes in quotes)"
    for password in ("*geheim", "!geheim", "@geheim", "%geheim", "`geheim"):
        assert "geheim" not in refused(f"kind: Secret\nstringData:\n  password: {password}\n")[2]


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("pri: a\nsec: b\npri: c\n", 3, 1, 'the key "pri" is there twice, first in line 1'),
        ("a: [{b: 1, c: 2, b: 1}]\n", 1, 18, 'the key "b" is there twice, first in line 1'),
        ('a: 1\n"a": 2\n', 2, 1, 'the key "a" is there twice, first in line 1'),
        ('a: 1\n"\\x61": 2\n', 2, 1, 'the key "a" is there twice'),
        ("8: a\n0x8: b\n", 2, 1, 'the key "0x8" is there twice'),
        ("yes: a\n1: b\n", 2, 1, 'the key "1" is there twice'),  # one key to Python
        ("? a\n: 1\n? a\n", 3, 3, 'the key "a" is there twice'),
        ("a: &x {b: 1}\nc: {<<: *x, d: 1, b: 2, d: 2}\n", 2, 25, 'the key "d" is there twice, first in line 2'),
        ("a: 1\n---\nb: 1\nb: 2\n", 4, 1, 'the key "b" is there twice, first in line 3'),
        ("&k a: 1\n*k : 2\n", 1, 1, 'the key "a" is there twice'),  # an alias has the place of its anchor
        ('{"a": 1,\n "b": {"c": 1,\n "c": 2}}', 3, 2, 'the key "c" is there twice, first in line 2'),
        ('{\n\t"a": "\U0001f600",\n\t"a": 2\n}', 3, 2, 'the key "a" is there twice, first in line 2'),
        ('{"\\ud83d\\ude00": 1, "\U0001f600": 2}', 1, 21, 'the key "\U0001f600" is there twice'),
    ],
)
def test_a_key_given_twice_is_a_fault_with_its_place(text: str, line: int, column: int, said: str) -> None:
    """Else the first of two values would be lost without a word."""
    told = refused(text, each_key_once=True)
    assert told[:2] == (line, column)
    assert told[2].startswith(said)
    with pytest.raises(ConfigFaults) as fault:
        reading.parse(text)
    assert "---" in text or fault.value.faults == [f"line {line}, column {column}: {told[2]}"]
    assert len(read(text)) == 1 + text.count("---"), "whoever wants it reads the last value"


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: {b: 3, <<: *x}\n",
        "a: &x {b: 1}\nc: &y {<<: *x, b: 2}\nd: {<<: *y, b: 3}\ne: {<<: [*x, *y], b: 4}\n",
        "a: {b: 1}\nc: {b: 1}\n",
        "a: 1\nA: 2\n'1': 3\n1: 4\n=: 5\n",
    ],
)
def test_a_key_that_overrides_a_merged_one_or_looks_alike_is_none_given_twice(text: str) -> None:
    assert read(text, each_key_once=True) == [yaml.safe_load(text)]


def test_a_key_given_twice_in_a_secret_is_not_shown() -> None:
    assert refused("kind: Secret\nstringData: {geheim: 1, geheim: 2}\n", each_key_once=True) == (
        *(2, 25),
        "this key is there twice, first in line 2",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_as_editors_write_it(encoding: str) -> None:
    assert read(text_of("a: Pölten 😀\r\n---\r\nb: 1\r\n".encode(encoding))) == [{"a": "Pölten 😀"}, {"b": 1}]


def test_aliases_and_merges_that_people_use_are_read() -> None:
    text = "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: [*x, *x]\n"
    assert read(text) == [yaml.safe_load(text)]


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_read_as_json_writes_it(indent: int | str | None) -> None:
    value = {"a": ["ö", "😀", "\t\n", 1.5, True, None], "b": {}}
    assert read(json.dumps(value, indent=indent)) == [value]


@given(hostile_bytes())
@settings(max_examples=300)
def test_no_bytes_raise_anything_but_our_fault(data: bytes) -> None:
    fault = None
    try:
        repr(read(text_of(data)))  # what was read can be written out
    except YamlFault as raised:
        fault = raised
    assert fault is None or (fault.line >= 1 and fault.message.isprintable())


@given(hostile_bytes(EXAMPLE.read_text()))
@settings(max_examples=200)
def test_no_configuration_of_an_agent_raises_anything_but_its_faults(data: bytes) -> None:
    faults = ["none"]
    try:
        reading.parse(text_of(data))
    except YamlFault as raised:
        faults = [raised.message]
    except ConfigFaults as raised:
        faults = raised.faults
    assert faults
    assert all(fault.isprintable() for fault in faults)


@given(st.text())
def test_what_pyyaml_reads_we_read_alike(text: str) -> None:
    """But where PyYAML raises."""
    try:
        expected = [value for value in yaml.safe_load_all(text) if value is not None]
    except Exception:  # noqa: BLE001 - that is what it does
        return
    assert repr(read(text)) == repr(expected)
