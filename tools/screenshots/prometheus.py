"""Prometheus' own graph page while a fleet fails over and comes home."""

from __future__ import annotations

import time
import urllib.parse
import uuid
from pathlib import Path

from e2e.objects import fleet, secret, system
from lab import browser, release
from lab.kube import Kube, is_ready, kubectl
from lab.pbx import default_system
from lab.progress import Progress
from lab.prometheus import Prometheus
from lab.settings import REPOSITORY
from lab.waiting import wait_until

PICTURES = REPOSITORY / "docs" / "pictures"
PHONES = 100
SHOWN_SECONDS = 20
"""How long each part of the story lasts in the picture."""
WIDTH, HEIGHT = 1200, 830
PORT = 18429


def take(progress: Progress) -> None:
    """Bring up a fleet, kill its home, take a picture, start the home, take the other."""
    story = Kube(f"pictures-{uuid.uuid4().hex[:6]}")
    slave = default_system().pbx("slave")
    installed = release.is_installed()
    with progress.step("operator, by Helm"):
        release.install()
    kubectl("create", "namespace", story.namespace)
    try:
        with progress.step(f"{PHONES} phones at home"):
            passwords = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(PHONES)}
            quick = {"registration": {"expiresSeconds": 20}}
            story.apply(*system(), secret("load", **passwords), fleet(PHONES, PHONES // 2, of=quick))
            story.until("spf", "load", is_ready)
            _held(story, "slave")
            time.sleep(SHOWN_SECONDS)
        with progress.step("kill -9 of their home"):
            slave.kill()
            _held(story, "master")
            time.sleep(SHOWN_SECONDS)
        with progress.step("picture: a fail-over"):
            _picture(story, PICTURES / "fail-over.png", minutes=1)
        with progress.step("home started"):
            slave.start()
            slave.wait_ready()
            _held(story, "slave")
            time.sleep(SHOWN_SECONDS)
        with progress.step("picture: the way home"):
            _picture(story, PICTURES / "way-home.png", minutes=2)
    finally:
        slave.start()
        with progress.step("fleet deleted"):
            kubectl("-n", story.namespace, "delete", "spf,pbx", "--all")
            kubectl("delete", "namespace", story.namespace, "--wait=false")
            if not installed:
                release.uninstall()


def _of(story: Kube, metric: str, *more: str) -> str:
    labels = ",".join([f'namespace="{story.namespace}"', *more])
    return f"{metric}{{{labels}}}"


def _held(story: Kube, pbx: str) -> None:
    """Wait until Prometheus sees all phones at a PBX."""
    there = _of(story, "softphone_registration_info", f'pbx="{pbx}"')
    wait_until(lambda: Prometheus().value(f"sum({there})") == PHONES, f"Prometheus sees all phones at the {pbx}")


def _picture(story: Kube, file: Path, *, minutes: int) -> None:
    # The pages come from Debian's Prometheus, the samples from the lab's, which Debian sid builds without pages.
    samples = {"url": f"{Prometheus().address}/api/v1/read", "read_recent": True}
    pages = Prometheus(name="prometheus-with-pages", port=PORT, config={"remote_read": [samples]}, binary="prometheus")
    expr = f"sum by (pbx, role) ({_of(story, 'softphone_registration_info')})"
    asked = {"g0.expr": expr, "g0.tab": "0", "g0.range_input": f"{minutes}m", "g0.step_input": "1"}
    pages.start()
    try:
        url = f"{pages.address}/graph?{urllib.parse.urlencode(asked)}"
        browser.picture(url, file, width=WIDTH, height=HEIGHT)
    finally:
        pages.remove()
