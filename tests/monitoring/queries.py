"""The queries in the documents: code that asks for one of our series."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import documents
from softphone_monitoring import contract

NOT_A_QUERY = re.compile(r"kubectl |curl |\w+{\w+(, \w+)*}\Z")
"""Commands; and a name with its labels in braces, as in `x_total{method, code}`."""


def of(document: Path) -> Iterator[str]:
    """Its queries in order, without the comments behind them."""
    for text in documents.code(document):
        query = re.split(r"\s{2,}#", text)[0].strip()
        if contract.asked_for(query) and re.search(r"[({\[]", query) and not NOT_A_QUERY.match(query):
            yield query


def filled(query: str, values: Mapping[str, str]) -> str:
    """A query with what a reader would put in place of words in capitals."""
    for word, value in values.items():
        query = query.replace(f'"{word}"', f'"{value}"')
    return query
