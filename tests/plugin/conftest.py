"""What the tests of commands at a pretended API server share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.api_server import ApiServer, serving


@pytest.fixture
def kubeconfig(api: ApiServer, tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of the test file's own API server."""
    with serving(api, tmp_path) as path:
        yield path
