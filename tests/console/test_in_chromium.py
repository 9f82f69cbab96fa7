"""The console as a person has it: in a real Chromium, with keyboard, both colour schemes, and hostile names."""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from console import objects
from console.api_server import ApiServer, agent_pod
from console.objects import event, fleet, pbx, rehearsal, run, softphone, way
from console.running import Running, running
from lab import browser
from lab.settings import settings
from softphone_agent.contract.history import HistoryEntry, HistoryKind

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egnp"
KINDS: tuple[HistoryKind, ...] = ("Outage", "FailOver")
PATHS = (
    "/",
    "/phones",
    "/phones?q=pbx:slave&order=state",
    "/timeline",
    "/timeline?last=7d",
    "/phones/demo/anna",
    "/phones/demo/cleo",
    "/phones/demo/dora",
    "/pbxs/demo/slave",
    "/pbxs/demo/standby",
    "/systems/demo/acme",
    "/systems/demo/branch",
    "/fleets/demo/load",
    "/pools/demo/vienna",
    "/rehearsals",
    "/rehearsals/demo/monthly",
    "/no/such/page",
)
"""Every kind of page, with what is well and what is not."""


def world() -> ApiServer:
    """A system that is not well, another one that is; a phone of each kind."""
    objects.NOW = datetime.now(UTC)
    api = ApiServer()
    lost = ("False", "Unreachable", "sec: standby does not answer")
    broken = [way("pri", "Holds", "slave", "master"), way("sec", "Unreachable", "standby")]
    api.put(pbx("master"), pbx("slave"), pbx("standby", reachable=False, redundant="False"))
    api.put(pbx("west", "branch", tls=True, certificateExpires=objects.at(-10 * 86400)))
    api.put(softphone("anna"), softphone("ben", "master", role="Standby"), softphone("cleo", None))
    api.put(softphone("dora", redundant=lost, paths=broken))
    api.put(fleet(), fleet("vienna", "SoftphonePool"))
    slow = run("Failed", reasons=["anna was out for 12.0 s, and 10 s are allowed"])
    api.put(rehearsal("monthly", slow, run(ago=31 * 86400)), rehearsal("weekly"))
    api.put(event("PBX", "standby", "Unreachable", "no agent reaches the PBX", 1200))
    api.put(event("Softphone", "ben", "Standby", "moved from slave: registered at master", 700))
    api.history = [
        HistoryEntry(
            time=objects.at(700),
            phone="anna",
            kind=kind,
            from_pbx="slave",
            to_pbx="master",
            seconds=2.3,
            reason="Expired",
        )
        for kind in KINDS
    ]
    return api


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncGenerator[Browser]:
    axe()
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=browser.BINARY, args=list(browser.ARGUMENTS))
        yield made
        await made.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def console(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Running]:
    api = world()
    async with running(api, tmp_path_factory.mktemp("console")) as made:
        api.put(agent_pod("softphone-anna", made.agents))
        yield made


class Seen:
    """A page, and what the browser complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)

    async def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    async def open(self, path: str) -> Page:
        """Open a page, and wait until it is live or has told that there is none."""
        await self.page.goto(self.url + path)
        if not path.startswith("/no/"):
            await expect(self.page.locator("#live")).to_have_text("live")
        return self.page


@pytest_asyncio.fixture(loop_scope="module")
async def seen(chromium: Browser, console: Running) -> AsyncGenerator[Seen]:
    context = await chromium.new_context(viewport={"width": 1200, "height": 900})
    yield Seen(await context.new_page(), console.url)
    await context.close()


@functools.cache
def axe() -> str:
    return browser.fetch(settings()).read_text()


async def violations(page: Page) -> list[str]:
    """What axe-core finds on the page: rule, and the elements in question."""
    found = await page.evaluate(f"{axe()}; axe.run()")
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
async def test_every_page_is_accessible_and_breaks_no_rule_of_its_own(
    chromium: Browser, console: Running, path: str, scheme: Any
) -> None:
    # axe is evaluated by the tester's protocol, which the page's policy does not bind; the page itself stays bound.
    context = await chromium.new_context(color_scheme=scheme, viewport={"width": 1200, "height": 900})
    try:
        seen = Seen(await context.new_page(), console.url)
        page = await seen.open(path)
        assert await violations(page) == []
        missing = [one for one in seen.complaints if "404" not in one] if path.startswith("/no/") else seen.complaints
        assert missing == []
    finally:
        await context.close()


@pytest.mark.parametrize("path", ["/", "/phones", "/phones/demo/dora", "/timeline"])
async def test_a_small_screen_shows_everything_without_scrolling_sideways(
    chromium: Browser, console: Running, path: str
) -> None:
    context = await chromium.new_context(viewport={"width": 390, "height": 800})
    try:
        page = await Seen(await context.new_page(), console.url).open(path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert await violations(page) == []
    finally:
        await context.close()


async def test_colours_follow_the_system_until_one_chooses_and_the_choice_stays(
    chromium: Browser, console: Running
) -> None:
    context = await chromium.new_context(color_scheme="dark")
    try:
        page = await Seen(await context.new_page(), console.url).open("/")
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = await page.evaluate(ground)
        await page.get_by_role("button", name="switch to light colours").click()
        light = await page.evaluate(ground)
        await page.reload()
        assert dark != light
        assert await page.evaluate(ground) == light
    finally:
        await context.close()


async def test_on_paper_there_are_no_buttons_and_the_ground_is_white(seen: Seen) -> None:
    page = await seen.open("/systems/demo/acme")
    await page.emulate_media(media="print", color_scheme="dark")
    await expect(page.locator("nav")).to_be_hidden()
    await expect(page.locator("#theme")).to_be_hidden()
    await expect(page.get_by_role("heading", name="PBXes")).to_be_visible()
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


# Keyboard.


async def test_keys_lead_to_all_pages_and_through_the_table(seen: Seen) -> None:
    page = await seen.open("/")
    await page.keyboard.press("2")
    await expect(page).to_have_url(f"{seen.url}/phones")
    await expect(page.locator("#live")).to_have_text("live")
    for _ in range(3):  # a fleet and a pool stand before the Softphones
        await page.keyboard.press("j")
    await expect(page.get_by_role("link", name="anna")).to_be_focused()
    await page.keyboard.press("k")
    await expect(page.get_by_role("link", name="vienna")).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{seen.url}/phones/demo/anna")


async def test_the_slash_leads_to_the_filter_whose_address_can_be_passed_on(seen: Seen) -> None:
    page = await seen.open("/phones")
    await page.keyboard.press("/")
    await page.keyboard.type("pbx:master")
    await expect(page.get_by_role("link", name="anna")).to_have_count(0)
    await expect(page.get_by_role("link", name="ben")).to_be_visible()
    await expect(page.locator("#filter")).to_be_focused()
    await expect(page.locator("#filter")).to_have_value("pbx:master")
    await page.goto(page.url)
    await expect(page.locator("#softphones tbody tr")).to_have_count(1)


async def test_without_a_script_the_filter_is_a_form(chromium: Browser, console: Running) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    try:
        page = await context.new_page()
        await page.goto(f"{console.url}/phones")
        await page.get_by_label("Filter").fill("cleo")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("#softphones tbody tr")).to_have_count(1)
        assert page.url == f"{console.url}/phones?q=cleo"
    finally:
        await context.close()


async def test_single_keys_can_be_switched_off(seen: Seen) -> None:
    page = await seen.open("/")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_label("single keys work").uncheck()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    await page.keyboard.press("2")
    await page.reload()
    await page.keyboard.press("2")
    assert page.url == f"{seen.url}/"


# Live.


async def test_a_fail_over_shows_by_itself_and_leaves_the_focus_where_it_was(seen: Seen, console: Running) -> None:
    page = await seen.open("/phones?q=anna")
    await page.get_by_role("link", name="anna").focus()
    console.api.put(softphone("anna", "master", role="Standby"))
    await expect(page.locator("#softphones tbody tr")).to_contain_text("master")
    await expect(page.locator("#softphones tbody tr")).to_contain_text("Standby")
    await expect(page.get_by_role("link", name="anna")).to_be_focused()
    console.api.put(softphone("anna"))
    await expect(page.locator("#softphones tbody tr")).to_contain_text("Home")
    assert seen.complaints == []


async def test_a_phone_that_comes_and_goes_shows_by_itself(seen: Seen, console: Running) -> None:
    page = await seen.open("/phones")
    console.api.put(softphone("emil"))
    await expect(page.get_by_role("link", name="emil")).to_be_visible()
    console.api.delete("Softphone", "emil")
    await expect(page.get_by_role("link", name="emil")).to_have_count(0)


async def test_the_page_says_how_old_it_is_while_the_api_server_is_away(seen: Seen, console: Running) -> None:
    page = await seen.open("/")
    console.api.refused = dict.fromkeys(console.api.objects, 500)
    console.api.break_watches()
    await expect(page.get_by_role("alert")).to_contain_text("The API server does not answer.")
    assert await violations(page) == []
    console.api.refused = {}
    await expect(page.get_by_role("alert")).to_have_count(0, timeout=30_000)


async def test_a_thousand_phones_and_how_long_they_take(chromium: Browser, tmp_path: Path) -> None:
    """Printed, and held to nothing: how fast a busy machine is says little."""
    api = ApiServer(page=500)
    api.put(pbx("master"), pbx("slave"), pbx("standby"), *(softphone(f"p{number:04d}") for number in range(1000)))
    async with running(api, tmp_path) as console:
        context = await chromium.new_context()
        seen = Seen(await context.new_page(), console.url)
        try:
            page = await seen.open("/")
            await expect(page.get_by_text("1000 of 1000 phones are registered.")).to_be_visible(timeout=60_000)
            for path in ("/", "/phones", "/systems/demo/acme", "/timeline", "/phones/demo/p0000"):
                await seen.open(path)
                timing = "performance.getEntriesByType('navigation')[0]"
                told = await page.evaluate(f"[{timing}.responseEnd, {timing}.loadEventEnd]")
                print(f"{path} with 1000 phones: answered after {told[0]:.0f} ms, loaded after {told[1]:.0f} ms")
            await seen.open("/phones")
            began = time.monotonic()
            for number in range(1000):
                api.put(softphone(f"p{number:04d}", "master", role="Standby"))
            rows = page.locator("#softphones tbody tr.attention")
            await expect(rows).to_have_count(500, timeout=60_000)
            print(f"all 500 of the page on their standby {time.monotonic() - began:.2f} s after the first moved")
            assert seen.complaints == []
        finally:
            await context.close()


# Hostile names.


async def test_names_are_texts_whatever_is_in_them(chromium: Browser, tmp_path: Path) -> None:
    api = ApiServer()
    api.put(_hostile(pbx("master", HOSTILE)), _hostile(softphone("anna")), _hostile(fleet()))
    api.put(_hostile(softphone("ben", None)), _hostile(event("Softphone", "anna", "Moved", HOSTILE, 10)))
    async with running(api, tmp_path) as console:
        context: BrowserContext = await chromium.new_context()
        seen = Seen(await context.new_page(), console.url)
        try:
            page = await seen.open("/")
            links = [await page.get_by_role("link").nth(i).get_attribute("href") for i in range(4, 6)]
            for path in ("/", "/phones", "/timeline", *map(str, links), "/phones/demo/anna", "/pbxs/demo/master"):
                await seen.open(path)
                assert await page.locator("main script, main img").count() == 0
                assert await page.evaluate("document.querySelectorAll('[onerror]').length") == 0
            assert seen.complaints == []
            assert "\u202e" not in await page.content()
        finally:
            await context.close()


def _hostile(obj: dict[str, Any]) -> dict[str, Any]:
    """An object whose every text is hostile, but for those by which it is found and understood."""
    kept = {"apiVersion", "kind", "name", "namespace", "status", "type", "lastTransitionTime", "lastTimestamp", "since"}

    def spoilt(value: Any, of: str) -> Any:
        if isinstance(value, dict):
            return {key: spoilt(inside, key) for key, inside in value.items()}
        if isinstance(value, list):
            return [spoilt(one, of) for one in value]
        return HOSTILE if isinstance(value, str) and of not in kept else value

    made = spoilt(copy.deepcopy(obj), "")
    made["metadata"] = obj["metadata"]
    return dict(made)
