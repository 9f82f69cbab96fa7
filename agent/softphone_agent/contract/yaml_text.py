"""YAML from people, as plain data: whatever the bytes are, data comes or a fault that says where.

PyYAML's own loader lets a text of a few lines end a program: by dates that do not exist, keys that are lists, anchors
that hold themselves or grow without bound, nesting without end. JSON is read too: it is YAML, but for tabs.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import yaml

from softphone_agent.contract.sip_uri import without_password

DEEPEST = 100
"""So deep may values be nested, aliases included: Python's own bound is near, and nobody reads such a file."""
MOST_REPEATED = 1_000_000
"""So many characters may aliases add to what is written out."""
MOST_BITS = 1024
"""So large may a number be: Python writes out no larger ones than some thousand digits."""
LONGEST_SHOWN = 80
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_IN_WORDS = {
    "found unhashable key": "a key must be a text, and not a list or a mapping",
    "found undefined alias": "an alias of no anchor (text that begins with * goes in quotes)",
    "could not determine a constructor for the tag": "a tag that nobody knows (text that begins with ! goes in quotes)",
}
"""PyYAML's words that nobody understands, or that hold a value: a password without quotes is taken for an alias."""
_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
_MERGE, _VALUE = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"
_SURROGATE = re.compile("[\ud800-\udfff]")
_REFUSED_BY_PYTHON = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class YamlFault(Exception):  # noqa: N818 - a fault in what was given, not in the program
    """Why a text cannot be read. `line` and `column` begin with 1; 0 where they are not known."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Document(NamedTuple):
    """One document of a text. `line` is that of its first value."""

    value: Any
    node: yaml.Node
    line: int


def text_of(data: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 where a mark at its beginning says so. Raises YamlFault."""
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    body = data[len(mark) :]
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        # Which byte it is, is not said: it may be one of a password.
        raise YamlFault(f"is not {name}", *_place(body[: error.start].decode(encoding))) from None


def _place(before: str) -> tuple[int, int]:
    """Line and column of what comes after this text."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def documents(text: str, *, secret: bool = False, each_key_once: bool = False) -> Iterator[Document]:
    """The documents of a text that are not empty, one by one. Raises YamlFault, and nothing else.

    `secret`: no fault shows a value; nor does it where the document is, or holds, a Secret of Kubernetes.
    `each_key_once`: a key that is there twice in a mapping is a fault; else its last value counts.
    """
    strange = _UNPRINTABLE.search(text)
    if strange:
        said = f"holds the character U+{ord(strange[0]):04X}, which no YAML may hold"
        raise YamlFault(said, *_place(text[: strange.start()]))
    loader = _Loader(_without_tabs(text), secret=secret, each_key_once=each_key_once)
    line = 1
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None, "there is one"
            line = _start(node).line + 1
            value = loader.construct_document(node)
            if value is not None:
                yield Document(value, node, line)
    except yaml.MarkedYAMLError as error:
        said = " ".join(str(error.problem or error.context).split())
        said = next((words for begins, words in _IN_WORDS.items() if said.startswith(begins)), said)
        said = without_password(said)
        mark = error.problem_mark or error.context_mark
        unread = "" if isinstance(error, _BoundError) else "is no YAML: "
        raise YamlFault(unread + said, *((mark.line + 1, mark.column + 1) if mark else (line, 0))) from None
    except (yaml.YAMLError, RecursionError, *_REFUSED_BY_PYTHON):
        raise YamlFault("is no YAML that can be read", line) from None
    finally:
        loader.dispose()


def _without_tabs(text: str) -> str:
    """JSON that is indented by tabs, with blanks in their place: within its strings there are none."""
    if "\t" in text and text.lstrip().startswith(("{", "[")):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return text
        return text.replace("\t", " ")
    return text


class _BoundError(yaml.constructor.ConstructorError):
    """What could be read as YAML, and is no value that anybody can use."""


class _Measure(NamedTuple):
    """How large a value is when it is written out: its depth, and its characters."""

    depth: int
    characters: int


class _Loader(yaml.SafeLoader):
    """PyYAML's loader of plain data, with bounds. Raises YAMLError; where Python refuses a value, it says where."""

    def __init__(self, text: str, *, secret: bool, each_key_once: bool) -> None:
        super().__init__(text)
        self._depth = 0
        self._written = 0
        self._measures: dict[int, _Measure] = {}
        self._mappings: list[yaml.MappingNode] = []
        self._all_secret = self._secret = secret
        self._each_key_once = each_key_once

    def compose_document(self) -> yaml.Node | None:
        """The next document's nodes; of the one before nothing is kept."""
        self._depth = self._written = 0
        self._measures.clear()
        self._mappings.clear()
        self._secret = self._all_secret
        return super().compose_document()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node, none of which holds itself, or is too deep or too large when it is written out."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if self._depth >= DEEPEST:
            raise _fault(f"is nested more than {DEEPEST} levels deep", _start(event))
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is None:
            return None
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._measures:
                raise _fault(f'the anchor "{_shown(event.anchor)}" holds itself', _start(event))
            return node
        self._secret = self._secret or _is_secret(node)
        if isinstance(node, yaml.MappingNode):
            self._mappings.append(node)
        measure = self._measures[id(node)] = self._measured(node)
        if measure.depth > DEEPEST:
            raise _fault(f"is nested more than {DEEPEST} levels deep, with its aliases", _start(event))
        if measure.characters - self._written > MOST_REPEATED:
            raise _fault("aliases make too much of it", _start(event))
        return node

    def _measured(self, node: yaml.Node) -> _Measure:
        own, parts = 1, []
        if isinstance(node, yaml.ScalarNode):
            own += len(node.value)
        else:
            held = [one for pair in node.value for one in pair] if isinstance(node, yaml.MappingNode) else node.value
            parts = [self._measures[id(one)] for one in held]
        self._written += own
        depth = 1 + max((part.depth for part in parts), default=0)
        return _Measure(depth, own + sum(part.characters for part in parts))

    def construct_document(self, node: yaml.Node) -> Any:
        """The value of a document."""
        if self._each_key_once:
            for mapping in self._mappings:
                self._refuse_a_key_twice(mapping)
        return super().construct_document(node)

    def _refuse_a_key_twice(self, mapping: yaml.MappingNode) -> None:
        """Of such a key one value would be lost without a word."""
        first: dict[Hashable, yaml.Mark] = {}
        for node, _ in mapping.value:
            if not isinstance(node, yaml.ScalarNode) or node.tag == _MERGE:
                continue  # no key at all, or one that loses nothing: what is merged gives way by intention
            key = node.value if node.tag == _VALUE else self.construct_object(node)
            if not isinstance(key, Hashable):
                continue
            if key in first:
                shown = "this key" if self._secret else f'the key "{_shown(node.value)}"'
                raise _fault(f"{shown} is there twice, first in line {first[key].line + 1}", _start(node))
            first[key] = _start(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node."""
        try:
            value = super().construct_object(node, deep)
        except _REFUSED_BY_PYTHON:
            raise self._no(node) from None
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise self._no(node)
        return value

    def _no(self, node: yaml.Node) -> yaml.YAMLError:
        kind = str(node.tag).rpartition(":")[2]
        known = isinstance(node, yaml.ScalarNode) and not self._secret
        shown = f'"{_shown(node.value)}"' if known else "this"
        return _fault(f"{shown} is no {kind} (text that looks like one goes in quotes)", _start(node))

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """The text of a node. JSON writes a character beyond U+FFFF as two escapes, which make one here."""
        value = super().construct_scalar(node)
        if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
            try:
                return value.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                raise _fault("holds half a character: \\ud800 to \\udfff come in pairs", _start(node)) from None
        return value


def _start(of: Any) -> yaml.Mark:
    """Where an event or a node begins."""
    mark: yaml.Mark = of.start_mark
    return mark


def _fault(said: str, mark: yaml.Mark) -> yaml.YAMLError:
    return _BoundError(None, None, said, mark)


def _is_secret(node: yaml.Node) -> bool:
    """Whether it is a Secret of Kubernetes, whose values nobody may see."""
    return isinstance(node, yaml.MappingNode) and any(
        (name.value, value.value) == ("kind", "Secret") for name, value in node.value
    )


def _shown(text: object) -> str:
    return without_password(str(text))[:LONGEST_SHOWN]
