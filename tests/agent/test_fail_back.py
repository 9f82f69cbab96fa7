"""Fail-back without redirects: two PBXes that know nothing of each other, and phones that come home by themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent_process import pbx, phone, running
from sip_responder import Request, Start, accept, reply, silence

pytestmark = pytest.mark.lab
RETURNS = {"failBack": "Primary", "failBackAfterSeconds": 0.5, "pingSeconds": 0.5, "expiresSeconds": 3600}


class Bindings:
    """Which PBX holds a phone, as the PBXes see it, and the fewest that did so at a time once it was registered."""

    def __init__(self) -> None:
        self.holding: dict[str, set[str]] = {}
        self.order: list[str] = []
        self.fewest: dict[str, int] = {}

    def at(self, name: str) -> Any:
        keep = accept()

        def behave(request: Request) -> Any:
            held = self.holding.setdefault(request.user, set())
            held.add(name) if request.expires else held.discard(name)
            self.order.append(f"{request.user} {'+' if request.expires else '-'}{name}")
            self.fewest[request.user] = min(self.fewest.get(request.user, len(held)), len(held))
            return keep(request)

        return behave


@pytest.mark.proves("F1", "F2")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_phones_return_to_their_primary_without_a_gap(tmp_path: Path, start: Start, transport: str) -> None:
    primary, secondary, bindings = await start(), await start(), Bindings()
    primary.register, secondary.register = bindings.at("primary"), bindings.at("secondary")
    pbxs = [pbx("primary", primary.uri(transport)), pbx("secondary", secondary.uri(transport))]
    names = ["alice", "bob", "carol"]
    phones = [phone(name, pri="primary", sec="secondary", registration=RETURNS) for name in names]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in names:
            await agent.phone(name, registered=True, pbx="primary")
        await agent.until(lambda agent: agent.pbxs["primary"].reachable is True, "primary answers")
        primary.register = primary.options = silence
        for name in names:
            await agent.phone(name, registered=True, pbx="secondary")
        bindings.holding, bindings.order, bindings.fewest = {name: {"secondary"} for name in names}, [], {}
        outages = await agent.metric("softphone_outage_seconds_count")
        primary.register, primary.options = bindings.at("primary"), reply(200)
        for name in names:
            report = await agent.phone(name, registered=True, pbx="primary")
            assert (report.via, report.state) == ("pri", "Registered")
        while len(bindings.order) < 2 * len(names):
            await secondary.told(lambda request: request.expires == 0)
            await asyncio.sleep(0.01)
        for name in names:
            told = [what for what in bindings.order if what.startswith(name)]
            assert told == [f"{name} +primary", f"{name} -secondary"], "the new binding is made first"
        assert bindings.fewest == dict.fromkeys(names, 1), "at no moment without a binding"
        assert await agent.metric("softphone_outage_seconds_count") == outages
        moved = {"from": "secondary", "to": "primary", "reason": "FailBack"}
        assert await agent.metric("softphone_failovers_total", **moved) == len(names)
        assert all(report.registered for report in agent.history[-len(names) :])
    assert all(what.endswith("-primary") for what in bindings.order[2 * len(names) :])
    assert bindings.holding == {name: set() for name in names}, "and all of them leave their primary at the end"


@pytest.mark.proves("F1")
async def test_by_default_nobody_returns_by_himself(tmp_path: Path, start: Start) -> None:
    primary, secondary = await start(), await start()
    primary.register = reply(503)
    pbxs = [pbx("primary", primary.uri()), pbx("secondary", secondary.uri())]
    lively = {"pingSeconds": 0.5, "failBackAfterSeconds": 0, "backoff": {"initialSeconds": 0.1, "maxSeconds": 0.2}}
    phones = [
        phone("alice", pri="primary", sec="secondary", registration=lively),
        phone("bob", pri="primary", sec="secondary", registration=lively | {"failBack": "Primary"}),
    ]
    async with running(tmp_path, pbxs, phones) as agent:
        await agent.phone("alice", registered=True, pbx="secondary")
        await agent.phone("bob", registered=True, pbx="secondary")
        primary.register = accept()
        await agent.phone("bob", registered=True, pbx="primary")
        assert agent.phones["alice"].pbx == "secondary"


@pytest.mark.proves("F4")
async def test_a_primary_that_answers_pings_and_refuses_the_phone_costs_nothing(tmp_path: Path, start: Start) -> None:
    primary, secondary = await start(), await start()
    pbxs = [pbx("primary", primary.uri()), pbx("secondary", secondary.uri())]
    one = phone(pri="primary", sec="secondary", registration=RETURNS)
    async with running(tmp_path, pbxs, [one]) as agent:
        await agent.phone(registered=True, pbx="primary")
        await agent.until(lambda agent: agent.pbxs["primary"].reachable is True, "primary answers")
        primary.register = primary.options = silence
        await agent.phone(registered=True, pbx="secondary")
        history = len(agent.history)
        asked, primary.register, primary.options = primary.registers, reply(403), reply(200)
        await primary.count(asked + 2)
        await agent.phone(registered=True, pbx="secondary", failure="Rejected", code=403)
        assert all(report.registered for report in agent.history[history:])
        agent.write({**agent.config, "phones": [one | {"suspend": True}]})
        await agent.phone(state="Suspended")
        assert secondary.bindings() == set(), "also after its REGISTERs went to the primary in between"


@pytest.mark.proves("F1")
async def test_the_setting_takes_effect_while_the_phone_runs(tmp_path: Path, start: Start) -> None:
    primary, secondary = await start(), await start()
    primary.register = reply(503)
    pbxs = [pbx("primary", primary.uri()), pbx("secondary", secondary.uri())]
    stays = RETURNS | {"failBack": "Redirect"}
    async with running(tmp_path, pbxs, [phone(pri="primary", sec="secondary", registration=stays)]) as agent:
        await agent.phone(registered=True, pbx="secondary")
        await agent.until(lambda agent: agent.pbxs["primary"].reachable is True, "primary answers")
        primary.register = accept()
        agent.write({**agent.config, "phones": [phone(pri="primary", sec="secondary", registration=RETURNS)]})
        await agent.phone(registered=True, pbx="primary")
