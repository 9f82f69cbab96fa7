"""The console's pages while a home fails, in Chromium: overview, system, phones, a phone, timeline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect, sync_playwright

from e2e.objects import fleet, pbx, secret, softphone
from lab import browser, release
from lab.kube import Kube, is_ready, kubectl, registered_at
from lab.pbx import default_system
from lab.progress import Progress
from lab.settings import REPOSITORY

PICTURES = REPOSITORY / "docs" / "pictures"
PHONES = 40
PEOPLE = {"alice": "vienna", "bob": "vienna", "carol": "graz", "dave": "graz", "erin": "linz"}
"""Phones of their own, with the sites at which they are."""
WIDTH, HEIGHT = 1200, 800
PATIENCE = 60_000


def take(progress: Progress) -> None:
    """Phones at home; their home is killed, and started again."""
    story = Kube("telephony")
    slave = default_system().pbx("slave")
    installed = release.is_installed()
    with progress.step("operator and console, by Helm"):
        release.install("--set", "console.enabled=true")
    kubectl("wait", "--for=delete", f"namespace/{story.namespace}", "--timeout=120s")  # of the time before
    kubectl("create", "namespace", story.namespace)
    try:
        with progress.step(f"{PHONES + len(PEOPLE)} phones at home"):
            _phones(story)
        with _browser() as page, progress.step("pictures: a fail-over and the way home"):
            _story(page, story)
    finally:
        slave.start()
        with progress.step("phones deleted"):
            kubectl("-n", story.namespace, "delete", "sp,spf,pbx", "--all")
            kubectl("delete", "namespace", story.namespace, "--wait=false")
            if not installed:
                release.uninstall()


def _phones(story: Kube) -> None:
    passwords = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(PHONES)}
    quick = {"registration": {"expiresSeconds": 20}}
    system = [pbx(name, system="acme") for name in ("master", "slave", "standby")]
    story.apply(*system, *(secret(name) for name in PEOPLE), secret("load", **passwords))
    story.apply(*(softphone(name, phys=site) for name, site in PEOPLE.items()), fleet(PHONES, PHONES // 2, of=quick))
    for name in PEOPLE:
        story.until("sp", name, registered_at("slave", "Home"))
        story.wait("condition=Redundant", f"sp {name}")
    story.until("spf", "load", is_ready)


def _story(page: Page, story: Kube) -> None:
    address = kubectl("-n", release.NAMESPACE, "get", "service", release.CONSOLE, "-o", "jsonpath={.spec.clusterIP}")
    url, slave = f"http://{address}", default_system().pbx("slave")
    alice = f"{url}/phones/{story.namespace}/alice"
    page.goto(alice)
    expect(page.get_by_text("Registered at slave, at home.")).to_be_visible(timeout=PATIENCE)
    _picture(page, "phone")
    slave.kill()
    expect(page.get_by_text("Registered at master, on standby.")).to_be_visible(timeout=PATIENCE)
    for name in PEOPLE:
        story.until("sp", name, registered_at("master", "Standby"))
    page.goto(url)
    everybody = re.compile(rf"{PHONES + len(PEOPLE)} of {PHONES + len(PEOPLE)}, .* on standby")
    expect(page.get_by_text(everybody).first).to_be_visible(timeout=PATIENCE)
    _picture(page, "overview")
    page.goto(f"{url}/systems/{story.namespace}/acme")
    _picture(page, "system")
    slave.start()
    slave.wait_ready()
    for name in PEOPLE:
        story.until("sp", name, registered_at("slave", "Home"), seconds=90)
    page.emulate_media(color_scheme="dark")
    page.goto(f"{url}/timeline")
    expect(page.locator("#happened")).to_contain_text("from slave to master", timeout=PATIENCE)
    _picture(page, "timeline")


@contextmanager
def _browser() -> Iterator[Page]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.BINARY, args=list(browser.ARGUMENTS))
        try:
            yield chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        finally:
            chromium.close()


def _picture(page: Page, name: str) -> None:
    expect(page.locator("#live")).to_have_text("live", timeout=PATIENCE)
    page.screenshot(path=PICTURES / f"console-{name}.png", full_page=False)
