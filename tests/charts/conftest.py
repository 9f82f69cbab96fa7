"""Helm, and the chart as it renders it."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from charts.rendering import Render, rendered
from lab import packages
from lab.settings import settings

# `make check` has a minute; `make test` has time for the other Helm too.
HELMS = [pytest.param("3", id="helm 3"), pytest.param("4", id="helm 4", marks=pytest.mark.lab)]


@pytest.fixture(scope="session", params=HELMS)
def helm(request: pytest.FixtureRequest) -> Path:
    """A Helm of each major version, fetched where it is not there yet."""
    packages.fetch_tools(settings(), request.param)
    return packages.helm(settings(), request.param)


@pytest.fixture(scope="session")
def helm3() -> Path:
    """Helm 3, where one of them is enough."""
    packages.fetch_tools(settings(), "3")
    return packages.helm(settings(), "3")


@pytest.fixture
def render_all(helm: Path) -> Render:
    """Render the chart with values, for a version of Kubernetes."""
    return functools.partial(rendered, helm)
