"""Manifests as people write them: YAML documents with the lines that their fields stand in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from softphone_agent.contract import sip_uri
from softphone_agent.contract.yaml_text import YamlFault, documents, text_of

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Document:
    """One YAML document, or one item of a List. `fault`: why it could not be read, else None."""

    file: str
    line: int
    value: Any = None
    node: yaml.Node | None = None
    fault: str | None = None
    column: int = 0
    """Of a fault, where it is known; else 0."""

    def line_of(self, path: str) -> int:
        """The line of a field such as spec.registration.backoff, or of the deepest part of it that is there."""
        node, line = self.node, self.line
        for key, number in _PART.findall(path):
            found = _item(node, int(number)) if number else _entry(node, key)
            if found is None:
                break
            mark, node = found
            line = mark.start_mark.line + 1
        return line


def read(file: str, content: bytes | str) -> Iterator[Document]:
    """The documents of a file, those of its Lists one by one; empty documents are left out. Nothing is raised."""
    try:
        text = content if isinstance(content, str) else text_of(content)
        for found in documents(text):
            yield from (Document(file, at, fault=fault) for at, fault in _twice(found.node, set()))
            yield from _unfolded(Document(file, found.line, found.value, found.node))
    except YamlFault as fault:
        yield Document(file, fault.line or 1, fault=fault.message, column=fault.column)


def _unfolded(document: Document) -> Iterator[Document]:
    value = document.value
    if not (isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list)):
        yield document
        return
    items = _entry(document.node, "items")
    for number, item in enumerate(value["items"]):
        found = _item(items[1], number) if items else None
        node = found[1] if found else None
        yield Document(document.file, node.start_mark.line + 1 if node else document.line, item, node)


def _entry(node: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name, value
    return None


def _item(node: yaml.Node | None, number: int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and number < len(node.value):
        return node.value[number], node.value[number]
    return None


def _twice(node: yaml.Node, known: set[int]) -> Iterator[tuple[int, str]]:
    """Keys that a mapping has twice: YAML takes the last one silently, and Kubernetes refuses them.

    `known` are the nodes that were looked at: aliases lead to the same ones again.
    """
    if id(node) in known:
        return
    known.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode):
                if name.value in seen:
                    yield name.start_mark.line + 1, f'the key "{sip_uri.printable(name.value)}" is there twice'
                seen.add(str(name.value))
            yield from _twice(value, known)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(value, known)
