"""The console on the real cluster: installed by its chart, opened by kubectl's plugin, looked at in a real Chromium."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from charts.rendering import NEW, rendered
from e2e.objects import secret, softphone, system
from lab import browser, packages
from lab.images import Images
from lab.kube import Kube, is_ready, kubectl, registered_at, registration
from lab.pbx import System
from lab.settings import settings

pytestmark = pytest.mark.lab

PATIENCE = 60_000
"""Milliseconds for what the page shows; how long it took is printed, and asserted nowhere."""
ACCOUNT = "fleet-softphone-fleet-console"


@pytest.fixture(scope="module")
def installed(namespace: Kube) -> Kube:
    """The console of a release for this namespace alone, and a phone that is at home."""
    image, _, tag = Images(settings()).names.operator.rpartition(":")
    values = {
        "console.enabled": True,
        "watchNamespaces": [namespace.namespace],
        "image.operator": {"repository": image, "tag": tag},
    }
    objects = rendered(Path(packages.helm(settings())), values, NEW, namespace=namespace.namespace)
    component = "app.kubernetes.io/component"
    namespace.apply(*(obj for obj in objects if obj["metadata"].get("labels", {}).get(component) == "console"))
    namespace.apply(*system(), secret("alice"), softphone("alice"))
    namespace.wait("condition=Available", f"deployment/{ACCOUNT}", seconds=120)
    namespace.until("sp", "alice", is_ready)
    return namespace


@pytest.fixture(scope="module")
def url(installed: Kube) -> Iterator[str]:
    """Where `kubectl softphone console` leads."""
    command = [sys.executable, "-m", "softphone_plugin", "console", "-n", installed.namespace]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[0]
        process.terminate()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browser.fetch(settings())
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=browser.BINARY, args=list(browser.ARGUMENTS))
        yield made
        made.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    made = chromium.new_page()
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield made
    made.close()
    assert complaints == []


def test_the_overview_and_the_phone_are_there(installed: Kube, url: str, page: Page) -> None:
    page.goto(url)
    expect(page.locator("#live")).to_have_text("live", timeout=PATIENCE)
    expect(page.get_by_text("1 of 1 phones are registered.")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{url}/phones/{installed.namespace}/alice")
    expect(page.get_by_text("Registered at slave, at home.")).to_be_visible(timeout=PATIENCE)
    found = page.evaluate(f"{browser.fetch(settings()).read_text()}; axe.run()")
    assert [one["id"] for one in found["violations"]] == []


def test_a_fail_over_and_the_way_home_show_by_themselves(installed: Kube, url: str, page: Page, pbxes: System) -> None:
    page.goto(f"{url}/phones/{installed.namespace}/alice")
    expect(page.locator("#live")).to_have_text("live", timeout=PATIENCE)
    pbxes.pbx("slave").kill()
    expect(page.get_by_text("Registered at master, on standby.")).to_be_visible(timeout=PATIENCE)
    shown = time.time()
    moved = registration(installed.until("sp", "alice", registered_at("master", "Standby")))
    began = datetime.fromisoformat(moved["since"]).timestamp()
    print(f"\na fail-over is on the page {shown - began:.2f} s after the phone was registered at its standby")
    pbxes.pbx("slave").start()
    expect(page.get_by_text("Registered at slave, at home.")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{url}/timeline")
    expect(page.locator("#happened")).to_contain_text("fail-over", timeout=PATIENCE)
    expect(page.locator("#happened")).to_contain_text("from slave to master", timeout=PATIENCE)


@pytest.mark.parametrize(
    ("what", "part"), [("secrets", ""), ("configmaps", ""), ("pods", "log"), ("pods", "exec"), ("deployments", "")]
)
def test_its_account_may_not_read_more_than_it_shows(installed: Kube, what: str, part: str) -> None:
    account = f"--as=system:serviceaccount:{installed.namespace}:{ACCOUNT}"
    for verb in ("get", "list", "watch", "create"):
        asked = ["kubectl", "-n", installed.namespace, "auth", "can-i", verb, what, f"--subresource={part}", account]
        assert subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "no", verb
    assert kubectl("-n", installed.namespace, "auth", "can-i", "list", "softphones", account).strip() == "yes"
