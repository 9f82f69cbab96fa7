"""Reads fields of objects as they are, whatever is in them: a wrong type is as good as a missing field. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

LARGEST = 1e12
"""Seconds that a duration may have: a number above it is none that anybody means, nor is infinity."""

Object = Mapping[str, Any]
"""A Kubernetes object, or a part of one, as the API server sends it."""


def part(of: Object, *path: str) -> Object:
    """The mapping at a path; {} where there is none."""
    found: Any = of
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def text(of: Object, *path: str) -> str:
    """The text at a path; empty where there is none."""
    found = part(of, *path[:-1]).get(path[-1])
    return found if isinstance(found, str) else ""


def number(of: Object, *path: str) -> int:
    """The whole number at a path; 0 where there is none."""
    found = part(of, *path[:-1]).get(path[-1])
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def seconds(of: Object, *path: str) -> float | None:
    """The number at a path, whole or not; None where there is none that is finite."""
    found = part(of, *path[:-1]).get(path[-1])
    if not isinstance(found, int | float) or isinstance(found, bool):
        return None
    return float(found) if abs(found) < LARGEST else None


def texts(of: Object, *path: str) -> tuple[str, ...]:
    """The texts of a list at a path."""
    found = part(of, *path[:-1]).get(path[-1])
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def truth(of: Object, *path: str) -> bool | None:
    """True or False at a path; None where there is neither."""
    found = part(of, *path[:-1]).get(path[-1])
    return found if isinstance(found, bool) else None


def parts(of: Object, *path: str) -> Iterator[Object]:
    """The mappings of a list at a path."""
    found = part(of, *path[:-1]).get(path[-1])
    for one in found if isinstance(found, list) else ():
        if isinstance(one, Mapping):
            yield one


def time(of: Object, *path: str) -> datetime | None:
    """The time at a path, in UTC; None where there is none, or none with a zone."""
    return parsed(text(of, *path))


def parsed(said: str) -> datetime | None:
    """A time of RFC 3339, in UTC; None where it is none, or has no zone."""
    try:
        found = datetime.fromisoformat(said)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
