"""The packages of the package index that go into an image: those of an extra of pyproject.toml, and all they need."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement

OURS = "softphone-fleet"
IMAGES = ("agent", "operator")


def packages_of(image: str) -> list[Distribution]:
    """The packages of an image by name, without our own."""
    found: dict[str, Distribution] = {}
    ours = distribution(OURS)
    wanted = list(_needed(ours, frozenset({"", image})))
    while wanted:
        name, extras = wanted.pop()
        package = distribution(name)
        key = package.name.lower().replace("_", "-")
        if key not in found:
            found[key] = package
            wanted += _needed(package, extras | {""})
    return [found[key] for key in sorted(found)]


def _needed(package: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for line in package.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement.name, frozenset(requirement.extras)


def licence(package: Distribution) -> str:
    """Its licence as its metadata tell: an SPDX expression, a short text, or classifiers."""
    told = package.metadata
    short = _one(package, "License")
    classified = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or () if line.startswith("License")]
    named = ", ".join(name for name in classified if name != "OSI Approved")
    return _one(package, "License-Expression") or (short if short and len(short) < 60 and "\n" not in short else named)


def _one(package: Distribution, field: str) -> str:
    """A field of the metadata that is there once at most, empty where it is not."""
    return next(iter(package.metadata.get_all(field) or ()), "").strip()
