"""Manifests as people write them: YAML documents with the lines that their fields stand in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Document:
    """One YAML document, or one item of a List. `fault`: why it could not be read, else None."""

    file: str
    line: int
    value: Any = None
    node: yaml.Node | None = None
    fault: str | None = None

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


def read(file: str, text: str) -> Iterator[Document]:
    """The documents of a file, those of its Lists one by one; empty documents are left out."""
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                continue
            line = node.start_mark.line + 1
            yield from (Document(file, at, fault=fault) for at, fault in _twice(node))
            value = loader.construct_document(node)
            if value is not None:
                yield from _unfolded(Document(file, line, value, node))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or " ".join(str(error).split())
        yield Document(file, mark.line + 1 if mark else 1, fault=f"is no YAML: {said}")
    finally:
        loader.dispose()


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


def _twice(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Keys that a mapping has twice: YAML takes the last one silently, and Kubernetes refuses them."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for name, value in node.value:
            if name.value in seen:
                yield name.start_mark.line + 1, f'the key "{name.value}" is there twice'
            seen.add(str(name.value))
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(value)
