"""Compute resources of pods: Kubernetes' quantities, and defaults that give way to what is given. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from softphone_operator.api.spec import Resources

Quantities = Mapping[str, int | str]

_QUANTITY = re.compile(r"[+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?\Z")
_SUFFIXES = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def is_quantity(value: int | str) -> bool:
    """Whether it is a quantity that a resource may have."""
    return _QUANTITY.match(str(value)) is not None


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity as a number, None where it is none."""
    text = str(value)
    factor = Decimal(1)
    if text.endswith("i") and text[-2:-1] in ("K", "M", "G", "T", "P", "E"):
        factor, text = Decimal(1024) ** ("KMGTPE".index(text[-2]) + 1), text[:-2]
    elif text[-1:] in _SUFFIXES:
        factor, text = Decimal(10) ** _SUFFIXES[text[-1]], text[:-1]
    try:
        return Decimal(text) * factor
    except ArithmeticError:
        return None


def below_requests(given: Resources) -> Iterator[tuple[str, int | str, int | str]]:
    """The resources whose limit is less than their request, with both: Kubernetes refuses such a pod."""
    for name, limit in (given.limits or {}).items():
        request = (given.requests or {}).get(name)
        if request is not None and _less(limit, request):
            yield name, limit, request


def with_defaults(given: Resources | None, requests: Quantities, limits: Quantities) -> Resources:
    """What is wanted of a pod; what is not said is the default, what is said to be empty stays empty.

    A default gives way where it would contradict what is given: no request is above its limit.
    """
    wanted = given or Resources()
    asked = dict(requests if wanted.requests is None else wanted.requests)
    most = dict(limits if wanted.limits is None else wanted.limits)
    for name in set(asked) & set(most):
        if _less(most[name], asked[name]):
            if wanted.requests is None:
                asked[name] = most[name]
            elif wanted.limits is None:
                most[name] = asked[name]
    return Resources(requests=asked, limits=most)


def _less(one: int | str, other: int | str) -> bool:
    left, right = quantity(one), quantity(other)
    return left is not None and right is not None and left < right
