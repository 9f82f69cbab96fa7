"""What a running agent goes through: changes of its files, faulty ones, crashes, its end. Needs no lab, but time."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent_process import Agent, pbx, phone, running
from sip_responder import Request, Start, accept, challenge, in_turn, redirect, reply, silence
from softphone_agent.contract.report import Outage, PbxReport

pytestmark = pytest.mark.lab
FAULTS = Path(__file__).parent / "faults"


def config(agent: Agent, *phones: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """The agent's configuration with other phones."""
    return agent.config | {"phones": list(phones)} | changed


def state_of(agent: Agent, name: str) -> str | None:
    """The state of a phone; None where there is no such phone at the moment."""
    found = agent.phones.get(name)
    return found.state if found else None


# Live change


@pytest.mark.proves("S3", "S10")
@pytest.mark.proves("E9")
async def test_a_changed_configuration_acts_only_where_it_must(tmp_path: Path, start: Start) -> None:
    master, sec = await start(), await start()
    pbxs = [pbx("master", master.uri()), pbx("sec", sec.uri())]
    async with running(tmp_path, pbxs, [phone("alice", pri="master"), phone("bob", pri="master")]) as agent:
        await agent.phone("alice", registered=True)
        await agent.phone("bob", registered=True)
        assert master.registers == 2

        before = agent.running
        agent.write(config(agent, phone("alice", pri="master", sec="sec", trace=["App"]), phone("bob", pri="master")))
        await agent.until(lambda agent: agent.running != before, "the new configuration")
        agent.write(config(agent, phone("alice", pri="master", phys="branch"), phone("bob", pri="master")))
        await master.count(4)
        await agent.phone("alice", registered=True, physical_location="branch")
        asked = [(request.user, request.expires > 0) for request in master.requests[2:]]
        assert asked == [("alice", False), ("alice", True)], "sec and trace show nothing on the wire; phys moves alice"
        assert master.requests[-1].header("X-Physical-Location") == "branch"
        assert sec.registers == 0


async def test_phones_come_and_go_without_disturbing_the_others(tmp_path: Path, start: Start) -> None:
    master = await start()
    names = [f"p{number}" for number in range(9)]
    phones = [phone(n, pri="master") for n in names]
    async with running(tmp_path, [pbx("master", master.uri())], phones, workers={"phonesPerWorker": 7}) as agent:
        for name in names:
            await agent.phone(name, registered=True)
        assert len(agent.workers()) == 2, "seven phones a worker"
        call_ids = {request.user: request.header("Call-ID") for request in master.requests}
        agent.write(config(agent, *[phone(n, pri="master") for n in [*names[1:], "new"]]))
        await agent.until(lambda agent: "p0" not in agent.phones, "p0 to go")
        await agent.phone("new", registered=True)
        assert "p0" not in master.bindings()
        assert len(master.requests) == 9 + 2
        agent.write(config(agent))
        await agent.until(lambda agent: not agent.phones, "all to go")
        assert master.bindings() == set()
        assert len(call_ids) == 9
        agent.write(config(agent, phone("p0", pri="master")))
        await agent.phone("p0", registered=True)


async def test_a_fleet_of_another_size_leaves_the_phones_that_stay_alone(tmp_path: Path, start: Start) -> None:
    master = await start()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "password").write_text("pw")

    def fleet(count: int) -> list[dict[str, Any]]:
        like = phone(pri="master", credentials={"directory": str(secret)})
        del like["name"]
        return [{"count": count, "template": like | {"aor": "sip:load{index:02d}@pbx.test"}}]

    async with running(tmp_path, [pbx("master", master.uri())], [], fleet="load", fleets=fleet(9)) as agent:
        await agent.until(lambda agent: sum(p.registered for p in agent.phones.values()) == 9, "all to register")
        seen = len(master.requests)
        agent.write(agent.config | {"fleets": fleet(7)})
        await agent.until(lambda agent: set(agent.phones) == {f"load-{n}" for n in range(7)}, "two to go")
        agent.write(agent.config | {"fleets": fleet(8)})
        await agent.phone("load-7", registered=True)
        asked = sorted((request.user, request.expires > 0) for request in master.requests[seen:])
        assert asked == [("load07", False), ("load07", True), ("load08", False)]
        assert await agent.metric("softphone_registered", fleet="load") == 8
        _, text = await agent.get("/status?view=counts")
        counts = json.loads(text)
        assert (counts["phones"], counts["registered"], counts["states"]) == (8, 8, {"Registered": 8})


async def test_series_of_each_phone_come_and_go_without_a_register(tmp_path: Path, start: Start) -> None:
    master = await start()
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")]) as agent:
        await agent.phone(registered=True)
        workers = agent.workers()
        for per_phone in (False, True):
            before = agent.running
            agent.write(agent.config | {"metrics": {"perPhone": per_phone}})
            await agent.until(lambda agent, before=before: agent.running != before, "the new configuration")  # type: ignore[misc]
            assert ("softphone_registered{" in await agent.metrics()) == per_phone
            assert await agent.metric("softphones", state="Registered") == 1
        assert (master.registers, agent.workers()) == (1, workers)


async def test_fields_that_are_taken_at_the_start_only_are_named_where_they_change(
    tmp_path: Path, start: Start
) -> None:
    master = await start()
    new: dict[str, Any] = {"sip": {"bindAddress": "127.0.0.2", "userAgent": "other"}, "http": {"port": 8081}}
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")], may_crash=True) as agent:
        await agent.phone(registered=True)
        before = agent.running
        agent.write(agent.config | new)
        await agent.until(lambda agent: agent.running != before, "the new configuration")
        (line,) = agent.log_lines("changed fields are taken at the agent's next start only")
        assert line["level"] == "warning"
        assert line["fields"] == ["http.address", "http.port", "sip.bindAddress", "sip.userAgent"]
        os.kill(agent.workers()[0], signal.SIGKILL)
        await master.count(2)
        assert {(request.source[0], request.header("User-Agent")) for request in master.requests} == {
            ("127.0.0.1", "softphone-fleet")
        }, "nor does a new worker send in another way"
        assert await agent.stop() == 0


async def test_a_change_reaches_only_the_workers_whose_phones_changed(tmp_path: Path, start: Start) -> None:
    master = await start()
    names = ["alice", "bob", "carol"]
    phones = [phone(n, pri="master") for n in names]
    async with running(tmp_path, [pbx("master", master.uri())], phones, workers={"phonesPerWorker": 1}) as agent:
        for name in names:
            await agent.phone(name, registered=True)
        told = agent.log_lines("worker configured")
        assert sorted(line["worker"] for line in told) == [0, 1, 2]
        agent.write(config(agent, phones[0], phone("bob", pri="master", phys="branch"), phones[2]))
        await agent.phone("bob", registered=True, physical_location="branch")
        assert [line["worker"] for line in agent.log_lines("worker configured")[3:]] == [1]


async def test_a_changed_password_reaches_only_the_workers_that_use_it(tmp_path: Path, start: Start) -> None:
    master = await start()
    master.register = challenge(accept())
    phones = []
    for name in ("alice", "bob"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "password").write_text("old")
        phones.append(phone(name, pri="master", credentials={"passwordFile": str(folder / "password")}))
    async with running(tmp_path, [pbx("master", master.uri())], phones, workers={"phonesPerWorker": 1}) as agent:
        for name in ("alice", "bob"):
            await agent.phone(name, registered=True)
        asked = master.registers
        (tmp_path / "bob" / "password").write_text("new")
        await master.count(asked + 2)
        assert {request.user for request in master.requests[asked:]} == {"bob"}
        assert [line["worker"] for line in agent.log_lines("worker configured")[2:]] == [1]


async def test_a_phone_taken_back_while_it_leaves_registers_again(tmp_path: Path, start: Start) -> None:
    master = await start()
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")]) as agent:
        await agent.phone(registered=True)
        master.register = silence
        agent.write(config(agent))
        await agent.phone(state="Unregistering")
        agent.write(config(agent, phone(pri="master")))
        # The agent rests between two changes: alice may be gone by then.
        await agent.until(lambda agent: state_of(agent, "alice") == "Registering", "alice to begin again")
        master.register = accept()
        await agent.phone(registered=True, state="Registered")


@pytest.mark.proves("E1")
async def test_suspend_unregisters_and_its_end_registers(tmp_path: Path, start: Start) -> None:
    master = await start()
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")]) as agent:
        await agent.phone(registered=True)
        agent.write(config(agent, phone(pri="master", suspend=True)))
        await agent.phone(state="Suspended")
        assert master.bindings() == set()
        agent.write(config(agent, phone(pri="master")))
        await agent.phone(registered=True)


async def test_what_is_told_of_a_binding_is_what_it_was_made_with(tmp_path: Path, start: Start) -> None:
    master = await start()
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master", phys="vienna")]) as agent:
        await agent.phone(registered=True, physical_location="vienna")
        master.register = silence
        agent.write(config(agent, phone(pri="master", phys="linz")))
        told = await agent.phone(state="Unregistering")
        assert (told.registered, told.physical_location) == (True, "vienna")
        assert await agent.metric("softphone_registration_info", location="linz") == 0
        master.register = accept()
        await agent.phone(registered=True, physical_location="linz")
        assert master.requests[-1].header("X-Physical-Location") == "linz"


@pytest.mark.proves("E9")
async def test_a_faulty_configuration_is_refused_whole(tmp_path: Path, start: Start) -> None:
    master = await start()
    async with running(tmp_path, [pbx("master", master.uri())], [phone("alice", pri="master")]) as agent:
        await agent.phone("alice", registered=True)
        good = agent.running
        assert good is not None
        agent.write(config(agent, phone("alice", pri="nowhere"), phone("bob", pri="master")))
        await agent.until(lambda agent: bool(agent.running and agent.running.refused), "the refusal")
        assert agent.running
        assert agent.running.refused == ('phones[0].pri: no PBX is named "nowhere"',)
        assert agent.running.digest == good.digest
        assert await agent.metric("softphone_config_refused") == 1
        assert agent.log_lines("configuration refused, the old one goes on")
        assert set(agent.phones) == {"alice"}
        assert agent.phones["alice"].registered
        agent.write(config(agent, phone("alice", pri="master"), phone("bob", pri="master")))
        await agent.phone("bob", registered=True)
        await agent.until(lambda agent: agent.running is not None and not agent.running.refused, "no refusal")
        assert await agent.metric("softphone_config_refused") == 0
        assert master.registers == 2, "alice noticed nothing"


@pytest.mark.proves("E9")
async def test_no_file_is_so_broken_that_the_next_one_is_not_read(tmp_path: Path, start: Start) -> None:
    """Python's own errors about numbers, dates and depth are faults of the file like others."""
    master = await start()
    broken = ["phones: [{name: 2020-13-45}]", "stopSeconds: !!int abc", "phones: " + "[" * 3000, "phones: &a [*a]"]
    async with running(tmp_path, [pbx("master", master.uri())], [phone("alice", pri="master")]) as agent:
        await agent.phone("alice", registered=True)
        for text in broken:
            before = agent.running
            agent.write(text)
            await agent.until(lambda agent, before=before: agent.running != before, f"the refusal of {text[:40]}")  # type: ignore[misc]
            assert agent.running is not None
            assert agent.running.refused
        assert await agent.metric("softphone_config_refused") == 1
        agent.write(config(agent, phone("alice", pri="master"), phone("bob", pri="master")))
        await agent.phone("bob", registered=True)
        assert await agent.metric("softphone_config_refused") == 0
        assert master.registers == 2, "alice noticed nothing"


async def test_what_the_system_refuses_is_tried_again(tmp_path: Path, start: Start) -> None:
    """No inotify watch is free at the start, and no process for the second worker."""
    master = await start()
    none = {name: tmp_path / name.lower() for name in ("NO_PROCESSES", "NO_WATCHES")}
    none["NO_WATCHES"].touch()
    path = {"PYTHONPATH": f"{FAULTS}:{os.environ['PYTHONPATH']}"}
    environment = {name: str(file) for name, file in none.items()} | path
    settings: dict[str, Any] = {"workers": {"phonesPerWorker": 1}, "environment": environment}
    alice, bob = phone("alice", pri="master"), phone("bob", pri="master")
    async with running(tmp_path, [pbx("master", master.uri())], [alice], **settings, may_crash=True) as agent:
        await agent.phone("alice", registered=True)
        none["NO_PROCESSES"].touch()
        before = agent.running
        agent.write(config(agent, alice, bob))
        await agent.until(lambda agent: agent.running != before, "the new configuration")
        assert agent.log_lines("a loop failed, it goes on")[0]["reason"].endswith("No space left on device")
        assert agent.log_lines("worker not started")[0]["reason"].endswith("Resource temporarily unavailable")
        none["NO_PROCESSES"].unlink()
        await agent.phone("bob", registered=True)
        none["NO_WATCHES"].unlink()
        agent.write(config(agent, alice))
        await agent.until(lambda agent: "bob" not in agent.phones, "bob to go")
        assert master.bindings() == {"alice"}
        assert await agent.stop() == 0


# Crash isolation, the end


@pytest.mark.proves("E10")
async def test_a_worker_that_is_killed_takes_only_its_phones_with_it(tmp_path: Path, start: Start) -> None:
    master = await start()
    names = [f"p{number}" for number in range(8)]
    phones = [phone(name, pri="master") for name in names]
    settings: dict[str, Any] = {"workers": {"phonesPerWorker": 4}, "may_crash": True}

    def lost(agent: Agent) -> set[str]:
        return {report.name for report in agent.history if not report.registered}

    async with running(tmp_path, [pbx("master", master.uri())], phones, **settings) as agent:
        for name in names:
            await agent.phone(name, registered=True)
        accepted = await agent.metric("softphone_register_requests_total", outcome="accepted")
        assert accepted == 8
        first, second = agent.workers()
        agent.history.clear()
        os.kill(second, signal.SIGKILL)
        await agent.until(lambda agent: len(lost(agent)) == 4, "the loss")
        theirs = lost(agent)
        for name in theirs:
            await agent.phone(name, registered=True)
        assert {report.name for report in agent.history} == theirs, "the others notice nothing"
        assert first in agent.workers()
        assert await agent.metric("softphone_worker_restarts_total") == 1
        assert await agent.metric("softphone_register_requests_total", outcome="accepted") == accepted + 4
        agent.history.clear()
        os.kill(first, signal.SIGABRT)
        await agent.until(
            lambda agent: {report.name for report in agent.history if report.registered} == set(names) - theirs,
            "the other half to be back",
        )
        assert await agent.metric("softphone_register_requests_total", outcome="accepted") == accepted + 8
        assert await agent.stop() == 0


@pytest.mark.proves("E10")
async def test_a_worker_that_dies_again_and_again_is_restarted_with_back_off(tmp_path: Path, start: Start) -> None:
    master = await start()
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")], may_crash=True) as agent:
        for _ in range(3):
            await agent.phone(registered=True)
            os.kill(agent.workers()[0], signal.SIGKILL)
            await agent.phone(registered=False)
        await agent.phone(registered=True)
        assert [line["restart_in"] for line in agent.log_lines("worker died")] == [0.2, 0.4, 0.8]
        assert await agent.stop() == 0


@pytest.mark.proves("E12")
async def test_sigterm_unregisters_all_within_the_pace_that_the_pbx_bears(tmp_path: Path, start: Start) -> None:
    master = await start()
    names = [f"p{number}" for number in range(6)]
    pbxs = [pbx("master", master.uri(), registerRate=4)]
    async with running(tmp_path, pbxs, [phone(name, pri="master") for name in names], stopSeconds=15) as agent:
        for name in names:
            await agent.phone(name, registered=True)
        begun = asyncio.get_running_loop().time()
        assert await agent.stop() == 0
        assert master.bindings() == set()
        assert asyncio.get_running_loop().time() - begun >= 0.4, "paced: not faster than the PBX bears"
        assert agent.log_lines("agent stopped")


async def test_sigterm_as_soon_as_the_agent_has_begun_leaves_nothing_registered(tmp_path: Path, start: Start) -> None:
    master = await start()
    phones = [phone(f"p{number}", pri=master.uri()) for number in range(30)]
    async with running(tmp_path, [], phones, workers={"phonesPerWorker": 5}) as agent:
        assert await agent.stop() == 0
        assert master.bindings() == set()


async def test_sigterm_ends_in_time_though_a_pbx_is_silent(tmp_path: Path, start: Start) -> None:
    master = await start()
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")], stopSeconds=1) as agent:
        await agent.phone(registered=True)
        master.register = silence
        assert await agent.stop() == 0


async def test_a_supervisor_that_is_killed_leaves_no_worker(tmp_path: Path, start: Start) -> None:
    master = await start()
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")], may_crash=True) as agent:
        await agent.phone(registered=True)
        (worker,) = agent.workers()
        agent.process.kill()
        await agent.process.wait()
        async with asyncio.timeout(10):
            while Path(f"/proc/{worker}").exists():  # its end is no event of ours
                await asyncio.sleep(0.05)


# Rules that need the whole agent


@pytest.mark.proves("S7", "B1", "B2", "B3", "S15")
async def test_browser_mode_registers_at_cur_only_and_follows_no_redirect(tmp_path: Path, start: Start) -> None:
    cur, other = await start(), await start()
    pbxs = [pbx("cur", cur.uri(), location="hq"), pbx("other", other.uri())]
    async with running(tmp_path, pbxs, [phone(mode="Browser", cur="cur", pri="other")]) as agent:
        report = await agent.phone(registered=True)
        assert (report.pbx, report.via, report.physical_location) == ("cur", "cur", None)
        cur.register = redirect(f"<{other.uri()}>")
        agent.write(config(agent, phone(mode="Browser", cur="cur", pri="other", phys="x")))
        await agent.phone(registered=False, failure="UnexpectedRedirect", code=302)
        assert other.registers == 0
        agent.write(config(agent, phone(mode="Browser", cur="other")))
        await agent.phone(registered=True, pbx="other")


@pytest.mark.proves("X2")
async def test_known_pbxes_only_means_pbxes_of_the_same_system(tmp_path: Path, start: Start) -> None:
    master, known, foreign = [await start() for _ in range(3)]
    master.register = redirect(f"<{foreign.uri()}>;q=1, <{known.uri()}>;q=0.5")
    pbxs = [pbx("master", master.uri()), pbx("known", known.uri()), pbx("foreign", foreign.uri(), system="other")]
    policy: dict[str, Any] = {"registration": {"redirectPolicy": "KnownPBXes"}}
    async with running(tmp_path, pbxs, [phone(pri="master", **policy)]) as agent:
        assert (await agent.phone(registered=True)).pbx == "known"
        assert foreign.registers == 0


@pytest.mark.proves("L3")
async def test_a_shorter_expiry_is_refreshed_in_time(tmp_path: Path, start: Start) -> None:
    master = await start()
    master.register = accept(expires=2)
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master")]) as agent:
        await agent.phone(registered=True)
        await master.count(4)
        assert {request.header("Call-ID") for request in master.requests} == {master.requests[0].header("Call-ID")}
        assert all(report.registered for report in agent.history if report.since == agent.phones["alice"].since)


@pytest.mark.proves("S4", "S6", "L3a", "L4", "R1", "R2")
async def test_a_lost_pbx_is_noticed_by_ping_and_the_phone_moves_and_comes_home(tmp_path: Path, start: Start) -> None:
    master, standby = await start(), await start()
    standby.register = accept(expires=3)
    pbxs = [pbx("master", master.uri()), pbx("standby", standby.uri())]
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}
    async with running(tmp_path, pbxs, [phone(pri="master", sec="standby", home="master", **lively)]) as agent:
        await agent.phone(registered=True, pbx="master", role="Home")
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        master.register = master.options = silence
        moved = await agent.phone(registered=True, pbx="standby", role="Standby", via="sec")
        outage = moved.last_outage
        assert outage is not None
        assert (outage.pbx, outage.reason) == ("master", "PingFailed")
        lasted = _seconds(outage) or 0.0
        assert abs(lasted - await agent.metric("softphone_outage_seconds_sum")) < 0.1, "both tell the same outage"
        labels = {"from": "master", "to": "standby", "reason": "PingFailed"}
        assert await agent.metric("softphone_failovers_total", **labels) == 1
        assert await agent.metric("softphone_outage_seconds_count") == 1
        await agent.until(lambda agent: agent.pbxs["master"].reachable is False, "master unreachable")
        master.register, master.options = accept(), reply(200)
        standby.register = redirect(f"<{master.uri()}>")
        await agent.phone(registered=True, pbx="master", role="Home", via="redirect")
        labels = {"from": "standby", "to": "master", "reason": "Redirected"}
        assert await agent.metric("softphone_failovers_total", **labels) == 1
        assert await agent.metric("softphone_outage_seconds_count") == 1, "going home is no outage"
        assert agent.phones["alice"].last_outage == outage


@pytest.mark.proves("R2", "R3")
async def test_a_slaves_standby_is_no_home_though_the_master_points_to_it(tmp_path: Path, start: Start) -> None:
    master, slave, stand_in = await start(), await start(), await start()
    master.register = redirect(f"<{slave.uri()}>")
    stand_in.register = accept(expires=3)
    pbxs = [pbx("master", master.uri()), pbx("slave", slave.uri()), pbx("standby-slave", stand_in.uri())]
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}
    alice, bob = phone("alice", pri="master", **lively), phone("bob", pri="master", **lively)
    async with running(tmp_path, pbxs, [alice]) as agent:
        await agent.phone("alice", registered=True, pbx="slave", role="Home")
        await agent.until(lambda agent: agent.pbxs["slave"].reachable is True, "slave reachable")
        slave.options = slave.register = silence
        master.register = redirect(f"<{stand_in.uri()}>")
        await agent.phone("alice", registered=True, pbx="standby-slave", role="Standby", via="redirect")
        agent.write(config(agent, alice, bob))
        await agent.phone("bob", registered=True, pbx="standby-slave", role="Unknown", via="redirect")
        slave.options, slave.register = reply(200), accept()
        stand_in.register = redirect(f"<{slave.uri()}>")
        for name in ("alice", "bob"):
            await agent.phone(name, registered=True, pbx="slave", role="Home", via="redirect")
        told = [report for report in agent.history if report.pbx == "standby-slave" and report.role == "Home"]
        assert told == []


@pytest.mark.parametrize("named", [True, False], ids=["a PBX of the configuration", "a home that a redirect has shown"])
async def test_a_pbx_that_no_phone_has_to_do_with_any_more_is_told_of_no_more(
    tmp_path: Path, start: Start, named: bool
) -> None:
    """Else it would be called unreachable for ever."""
    master, gone = await start(), await start()
    master.register = in_turn(redirect(f"<{gone.uri()}>"), accept())
    pbxs = [pbx("master", master.uri()), *([pbx("gone", gone.uri())] if named else [])]
    name = "gone" if named else f"127.0.0.1:{gone.port}"
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.2}}
    async with running(tmp_path, pbxs, [phone(pri="master", **lively)]) as agent:
        await agent.phone(registered=True, pbx=name)
        told = PbxReport(name=name, reachable=True, answers_options=True)
        await agent.until(lambda agent: agent.pbxs.get(name) == told, "reachable")
        gone.register = gone.options = silence
        await agent.until(lambda agent: agent.pbxs[name].reachable is False, "unreachable")
        assert f'softphone_pbx_reachable{{pbx="{name}"}} 0.0' in await agent.metrics()
        agent.write(config(agent, phone("bob", pri="master", **lively), pbxs=pbxs[:1]))
        await agent.until(lambda agent: agent.pbxs[name].reachable is None, "no word of it")
        for view in ("/status", "/status?view=counts"):
            told = json.loads((await agent.get(view))[1])["pbxs"]
            assert [pbx["name"] for pbx in told] == ["master"]
        for series in ("reachable", "ping_seconds"):
            assert f'softphone_pbx_{series}{{pbx="{name}"}}' not in await agent.metrics()


async def test_a_pbx_that_was_given_up_is_sent_no_unregister_that_could_come_late(tmp_path: Path, start: Start) -> None:
    """On a lossy way it may come after the next REGISTER there, and take away the binding that this one made."""
    master, standby = await start(), await start()
    standby.register = accept(expires=3)
    pbxs = [pbx("master", master.uri()), pbx("standby", standby.uri())]
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}
    async with running(tmp_path, pbxs, [phone(pri="master", sec="standby", **lively)]) as agent:
        await agent.phone(registered=True, pbx="master")
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        master.options = silence
        await agent.phone(registered=True, pbx="standby")
        master.options = reply(200)
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable again")
        standby.register = redirect(f"<{master.uri()}>")
        await agent.phone(registered=True, pbx="master", via="redirect")
        assert [request.expires > 0 for request in master.requests] == [True, True]
        assert all(request.expires for request in standby.requests)
    assert not master.requests[-1].expires, "at the end it is sent"


def _seconds(outage: Outage) -> float | None:
    """How long it lasted, None while it lasts."""
    began = datetime.fromisoformat(outage.began)
    return (datetime.fromisoformat(outage.ended) - began).total_seconds() if outage.ended else None


async def test_an_outage_ends_untold_where_the_phone_is_told_to_rest(tmp_path: Path, start: Start) -> None:
    master = await start()
    lively: dict[str, Any] = {"registration": {"pingSeconds": 0.5}}
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master", **lively)]) as agent:
        await agent.phone(registered=True)
        await agent.until(lambda agent: agent.pbxs["master"].reachable is True, "master reachable")
        master.register = master.options = silence
        lost = await agent.phone(registered=False, failure="PingFailed")
        assert lost.last_outage is not None
        assert lost.last_outage.ended is None
        agent.write(config(agent, phone(pri="master", suspend=True, **lively)))
        assert (await agent.phone(state="Suspended")).last_outage is None


@pytest.mark.proves("L2b")
async def test_retry_after_is_honoured(tmp_path: Path, start: Start) -> None:
    master, sec = await start(), await start()
    master.register = reply(503, "Retry-After: 3600")
    sec.register = in_turn(reply(500), reply(500), reply(500), accept())
    pbxs = [pbx("master", master.uri()), pbx("sec", sec.uri())]
    async with running(tmp_path, pbxs, [phone(pri="master", sec="sec")]) as agent:
        await agent.phone(registered=True, pbx="sec")
        assert master.registers == 1
        assert sec.registers == 4


@pytest.mark.proves("E2")
async def test_a_small_pbx_gets_no_more_registers_a_second_than_it_asks_for(tmp_path: Path, start: Start) -> None:
    master = await start()
    times: list[float] = []

    def behave(request: Request) -> list[bytes]:
        times.append(asyncio.get_running_loop().time())
        return list(accept()(request))

    master.register = behave
    names = [f"p{number}" for number in range(7)]
    pbxs = [pbx("master", master.uri(), registerRate=2)]
    async with running(tmp_path, pbxs, [phone(name, pri="master") for name in names]) as agent:
        for name in names:
            await agent.phone(name, registered=True)
        assert times[6] - times[0] >= (7 - 1 - 2) / 2


@pytest.mark.proves("E2")
async def test_a_small_pbx_slows_nobody_who_registers_elsewhere(tmp_path: Path, start: Start) -> None:
    master, small = await start(), await start()
    pbxs = [pbx("master", master.uri()), pbx("small", small.uri(), registerRate=0.01)]
    phones = [phone("bob", pri="small"), *(phone(f"p{number}", pri="master", sec="small") for number in range(5))]
    async with running(tmp_path, pbxs, phones) as agent:
        for one in phones:
            await agent.phone(one["name"], registered=True)
        assert (master.registers, small.registers) == (5, 1)


# Secrets


@pytest.mark.proves("T2")
@pytest.mark.proves("E11")
async def test_no_password_and_no_digest_response_shows_anywhere(tmp_path: Path, start: Start) -> None:
    master = await start()
    master.register = challenge(accept())
    file = tmp_path / "password"
    file.write_text("Sesame-open-4711\n")
    user = tmp_path / "username"
    user.write_text("auth-alice-0815")
    credentials = {"passwordFile": str(file), "usernameFile": str(user)}
    phones = [phone(pri="master", credentials=credentials, trace=["App", "Signaling"])]
    async with running(tmp_path, [pbx("master", master.uri())], phones) as agent:
        await agent.phone(registered=True)
        agent.write(config(agent, phone(pri="master", credentials=credentials, trace=["App", "Signaling"], phys="x")))
        await agent.phone(registered=True, physical_location="x")
        shown = [await agent.metrics(), (await agent.get("/status"))[1], "".join(map(str, agent.history))]
        for process in (agent.process.pid, *agent.workers()):
            for file_name in ("cmdline", "environ"):
                shown.append(Path(f"/proc/{process}/{file_name}").read_bytes().decode(errors="replace"))
        metrics = shown[0]
    shown.append(agent.log())
    responses = re.findall('response="([0-9a-f]+)"', "".join(request.text for request in master.requests))
    assert responses
    for secret in ("Sesame-open-4711", *responses):
        assert not [text for text in shown if secret in text], "a secret shows"
    assert "sip:alice" not in metrics, "metrics carry the object's own name only"
    assert "auth-alice-0815" not in metrics
