"""What a platform team does with the release as such."""

from __future__ import annotations

import subprocess

import pytest

from lab import release
from lab.kube import Kube

pytestmark = pytest.mark.lab


def test_helm_test_registers_a_throwaway_phone_and_leaves_nothing(operator: Kube) -> None:
    done = subprocess.run(
        ["helm", "-n", release.NAMESPACE, "test", release.NAME, "--timeout", "120s"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Phase:          Succeeded" in done.stdout
    for kind in ("softphones", "pbxs"):
        assert operator.names(kind) == []
