"""The running console, asked by HTTP, over a pretended API server and agents."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from console.api_server import ApiServer, agent_pod
from console.objects import NAMESPACE, event, fleet, pbx, rehearsal, run, softphone
from console.running import Running, running
from softphone_agent.contract.history import HistoryEntry
from softphone_console.http.server import HEADERS
from softphone_console.watch import keeping

Get = Callable[..., Awaitable[tuple[int, str, Any]]]


def api() -> ApiServer:
    made = ApiServer()
    made.put(pbx("master"), pbx("slave"), *(softphone(name) for name in ("anna", "ben", "cleo", "dora")))
    made.put(rehearsal("monthly", run()))
    made.put(fleet(), fleet("vienna", "SoftphonePool"), event("PBX", "slave", "Unreachable", "no agent", 1))
    return made


@pytest_asyncio.fixture
async def console(tmp_path: Path) -> AsyncGenerator[Running]:
    async with running(api(), tmp_path) as made:
        await _ready(made.url)
        yield made


@pytest_asyncio.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(30):
            while True:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
                await asyncio.sleep(0.02)


async def get(session: aiohttp.ClientSession, url: str) -> tuple[int, str, Any]:
    async with session.get(url, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "Systems"),
        ("/phones", "4 Softphones"),
        ("/phones?q=anna", "1 of 4 Softphones"),
        ("/phones?q=anna&order=nonsense&page=x", "1 of 4 Softphones"),
        ("/timeline?last=nonsense", "The last 1h"),
        ("/phones/demo/anna", "Registered at slave, at home."),
        ("/pbxs/demo/slave", "registered here"),
        ("/systems/demo/acme", "PBXes"),
        ("/fleets/demo/load", "SoftphoneFleet"),
        ("/pools/demo/vienna", "SoftphonePool"),
        ("/rehearsals", "monthly"),
        ("/rehearsals/demo/monthly", "kubectl softphone rehearsal report monthly -n demo -o html"),
    ],
)
async def test_pages(console: Running, session: aiohttp.ClientSession, path: str, shown: str) -> None:
    status, text, headers = await get(session, console.url + path)
    assert status == 200
    assert shown in text
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/phones/demo/nobody",
        "/pbxs/demo/x",
        "/systems/demo/x",
        "/fleets/a/b",
        "/pools/a/b",
        "/x",
        "/a//b",
        "//x",
        "/..%2fx",
    ],
)
async def test_what_is_not_there_says_so(console: Running, session: aiohttp.ClientSession, path: str) -> None:
    status, text, headers = await get(session, console.url + path)
    assert (status, "There is no such page." in text) == (404, True)
    assert headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


async def test_nothing_but_get_is_known(console: Running, session: aiohttp.ClientSession) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        async with session.request(method, console.url + "/phones") as answer:
            assert answer.status == 405
            assert "Content-Security-Policy" in answer.headers


async def test_a_name_that_it_does_not_know_is_refused(console: Running, session: aiohttp.ClientSession) -> None:
    for host, status in (("evil.example", 421), ("phones.example.com", 200)):
        async with session.get(console.url, headers={"Host": host}) as answer:
            assert answer.status == status
            assert ("Systems" in await answer.text()) == (status == 200)


async def test_files_are_found_where_the_page_says_and_kept(console: Running, session: aiohttp.ClientSession) -> None:
    _, text, _ = await get(session, console.url)
    found = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert [one.rpartition(".")[2] for one in found] == ["svg", "css", "js"]
    for path in found:
        status, _, headers = await get(session, console.url + path)
        assert (status, headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    for path in ("/static/0000/console.js", "/static/0000/nothing.js"):
        assert (await get(session, console.url + path))[0] == 404


async def test_metrics_and_probes(console: Running, session: aiohttp.ClientSession) -> None:
    await get(session, console.url + "/phones/demo/anna")
    assert (await get(session, console.url + "/healthz"))[:2] == (200, "ok\n")
    _, page, _ = await get(session, console.url + "/metrics")
    assert 'softphone_console_requests_total{code="200",page="phone"} 1.0' in page
    assert 'softphone_console_objects{kind="Softphone"} 4.0' in page
    assert "softphone_console_viewers 0.0" in page
    assert 'softphone_console_watch_age_seconds{kind="PBX"}' in page


class Stream:
    """The events of a page."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def next(self) -> dict[str, Any]:
        """The next event."""
        async with asyncio.timeout(30):
            while line := await self.answer.content.readline():
                if line.startswith(b"data: "):
                    return dict(json.loads(line[6:]))
        raise AssertionError("the stream has ended")


def live(session: aiohttp.ClientSession, url: str, path: str, digest: str) -> Any:
    return session.get(f"{url}/live", params={"path": path, "digest": digest})


async def digest_of(session: aiohttp.ClientSession, url: str) -> str:
    found = re.search(r'data-digest="(\w+)"', (await get(session, url))[1])
    assert found
    return found[1]


async def test_a_change_is_told_by_the_row_that_changed(console: Running, session: aiohttp.ClientSession) -> None:
    digest = await digest_of(session, f"{console.url}/phones")
    async with live(session, console.url, "/phones", digest) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        console.api.put(softphone("anna", "master", role="Standby"))
        said = await Stream(answer).next()
    assert said["main"] is None
    assert [name for name, _ in said["elements"]] == ["phone/demo/anna"]
    assert "Standby" in said["elements"][0][1]
    assert said["digest"] != digest


async def test_who_has_an_old_page_gets_it_whole(console: Running, session: aiohttp.ClientSession) -> None:
    async with live(session, console.url, "/phones/demo/anna", "old") as answer:
        said = await Stream(answer).next()
        assert "Registered at slave" in said["main"]
        console.api.delete("Softphone", "anna")
        assert "There is no such page." in (await Stream(answer).next())["main"]


async def test_a_stream_of_no_page_is_refused(console: Running, session: aiohttp.ClientSession) -> None:
    async with live(session, console.url, "https://elsewhere.example/", "") as answer:
        assert answer.status == 404


async def test_after_a_break_the_watches_go_on_and_nothing_is_missing(
    console: Running, session: aiohttp.ClientSession
) -> None:
    console.api.forgetful = {"softphones"}
    console.api.objects["softphones"]["demo", "emil"] = softphone("emil")  # comes while nobody watches
    console.api.break_watches()
    async with live(session, console.url, "/phones?q=emil", "old") as answer:
        stream = Stream(answer)
        await stream.next()
        console.api.put(softphone("emil", "master"))
        said = await stream.next()
        while "master" not in json.dumps(said):
            said = await stream.next()


async def test_a_refusal_is_told_on_every_page(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    made = api()
    made.refused = {"softphonepools": 403}
    async with running(made, tmp_path) as console:
        await _ready(console.url)
        _, text, _ = await get(session, console.url)
        assert "SoftphonePool: softphonepools is forbidden" in text


async def test_a_refused_kind_is_asked_for_again(
    tmp_path: Path, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "REFUSED_WAIT", 0.05)
    made = api()
    made.refused = {"softphonepools": 403}
    async with running(made, tmp_path) as console:
        await _ready(console.url)
        async with live(session, console.url, "/pools/demo/vienna", "") as answer:
            assert answer.status == 404
        async with live(session, console.url, "/", "old") as answer:
            stream = Stream(answer)
            assert "softphonepools is forbidden" in (await stream.next())["main"]
            made.refused = {}
            assert "softphonepools is forbidden" not in (await stream.next())["main"]


async def test_only_the_namespaces_that_are_asked_for_are_asked_about(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    made = api()
    async with running(made, tmp_path, ("demo", "other")) as console:
        await _ready(console.url)
        assert "4 Softphones" in (await get(session, f"{console.url}/phones"))[1]
        await get(session, f"{console.url}/timeline")
    ours = {f"/apis/softphone-fleet.io/v1alpha1/namespaces/{name}/softphones" for name in ("demo", "other")}
    assert ours < set(made.asked)
    assert all("/namespaces/" in path for path in made.asked)


async def test_no_secret_and_no_configmap_is_ever_asked_for(console: Running, session: aiohttp.ClientSession) -> None:
    for path in ("/", "/phones", "/timeline", "/phones/demo/anna", "/pbxs/demo/slave"):
        await get(session, console.url + path)
    assert {path.rpartition("/")[2] for path in console.api.asked} == {
        "pbxs",
        "softphones",
        "softphonefleets",
        "softphonepools",
        "rehearsals",
        "events",
        "pods",
    }


# Agents.


def remembered(phone: str) -> HistoryEntry:
    return HistoryEntry(time="2099-01-01T00:00:00Z", phone=phone, kind="Outage", from_pbx="slave", seconds=2.3)


async def test_what_agents_remember_is_shown(console: Running, session: aiohttp.ClientSession) -> None:
    console.api.history = [remembered("anna"), remembered("ben")]
    console.api.put(agent_pod("softphone-anna", console.agents))
    _, text, _ = await get(session, f"{console.url}/phones/demo/anna")
    assert text.count("2.30 s") == 1
    _, text, _ = await get(session, f"{console.url}/timeline")
    assert text.count("2.30 s") == 2


async def _broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    writer.close()


async def test_an_agent_that_cannot_be_heard_is_named(console: Running, session: aiohttp.ClientSession) -> None:
    odd = await asyncio.start_server(_broken, "127.0.0.1", 0)
    console.api.put(agent_pod("softphone-anna", odd.sockets[0].getsockname()[1]), agent_pod("softphone-ben", 1))
    _, text, _ = await get(session, f"{console.url}/phones/demo/anna")
    assert "What its agent remembers is not among this: it is of another version." in text
    _, text, _ = await get(session, f"{console.url}/phones/demo/cleo")
    assert "it has no pod that runs" in text
    _, text, _ = await get(session, f"{console.url}/timeline")
    assert "Not all agents answer: softphone-anna in demo: it is of another version and 1 more." in text
    odd.close()
    await odd.wait_closed()


async def test_a_phone_without_an_agent_says_so(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    made = api()
    made.put({**softphone("emil"), "status": {}})
    async with running(made, tmp_path) as console:
        await _ready(console.url)
        assert "It has no agent that could remember" in (await get(session, f"{console.url}/phones/demo/emil"))[1]


async def test_pods_that_may_not_be_listed_are_told_of(console: Running, session: aiohttp.ClientSession) -> None:
    console.api.refused = {"pods": 403}
    _, text, _ = await get(session, f"{console.url}/timeline")
    assert "Agents cannot be found: pods is forbidden." in text
    assert console.api.objects["softphones"].keys() == {(NAMESPACE, name) for name in ("anna", "ben", "cleo", "dora")}
