"""Label selectors of Kubernetes: the API server filters by them, the operator must know for itself what they select.

The grammar and its meaning are those of the API server (apimachinery's labels.Parse), but for `>` and `<`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PREFIX = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_KEY = rf"(?:{_PREFIX}/)?{_NAME}"
_VALUE = rf"(?:{_NAME})?"
_REQUIREMENT = re.compile(
    rf"""\s*(?:
        !\s*(?P<absent>{_KEY})
      | (?P<key>{_KEY})(?:
            \s*(?P<comparison>==?|!=)\s*(?P<value>{_VALUE})
          | \s+(?P<set>in|notin)\s*\(\s*(?P<values>{_VALUE}(?:\s*,\s*{_VALUE})*)\s*\)
        )?
    )\s*(?:,(?!\s*\Z)|\Z)""",
    re.VERBOSE,
)


class LabelSelectorError(ValueError):
    """The text is no label selector; the message says from which part on."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one label must be. `values` None: any. `negated`: none of them, or not there at all."""

    key: str
    values: frozenset[str] | None = None
    negated: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it."""
        there = self.key in labels and (self.values is None or labels[self.key] in self.values)
        return there is not self.negated


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements together; none: everything is selected."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Whether an object with these labels is selected."""
        return all(requirement.matches(labels or {}) for requirement in self.requirements)

    def example(self) -> dict[str, str]:
        """Labels with which an object is selected, if the requirements do not contradict each other."""
        return {
            wanted.key: min(wanted.values) if wanted.values else ""
            for wanted in self.requirements
            if not wanted.negated
        }


def parse(text: str) -> LabelSelector:
    """Read a selector; empty: everything. Raises LabelSelectorError."""
    found, at = [], 0
    while at < len(text.rstrip()):
        part = _REQUIREMENT.match(text, at)
        if part is None:
            raise LabelSelectorError(f'"{text[at:].strip()}" is no requirement of a label')
        found.append(_requirement(part))
        at = part.end()
    return LabelSelector(tuple(found))


def _requirement(part: re.Match[str]) -> Requirement:
    if part["absent"]:
        return Requirement(part["absent"], negated=True)
    if part["comparison"]:
        return Requirement(part["key"], frozenset([part["value"]]), negated=part["comparison"] == "!=")
    if part["set"]:
        values = frozenset(value.strip() for value in part["values"].split(","))
        return Requirement(part["key"], values, negated=part["set"] == "notin")
    return Requirement(part["key"])
