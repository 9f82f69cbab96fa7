"""Files of passwords that change, are missing, or come later, on a running agent. Needs no lab, but time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_process import pbx, phone, running
from sip_responder import Request, Responder, Start, digest

pytestmark = pytest.mark.lab


def replace_file(file: Path, content: str) -> None:
    """Give a file other contents the way Kubernetes does: at once."""
    new = file.with_suffix(".new")
    new.write_text(content)
    new.rename(file)


def by_password_file(file: Path, **fields: Any) -> dict[str, Any]:
    return phone(pri="master", credentials={"passwordFile": str(file)}, **fields)


def unregisters(at: Responder) -> list[Request]:
    """The un-REGISTERs that came there."""
    return [request for request in at.requests if request.expires == 0]


@pytest.mark.proves("E9", "E13")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_changed_password_registers_over_the_binding(tmp_path: Path, start: Start, transport: str) -> None:
    master = await start()
    master.register = digest("old", "new")
    file = tmp_path / "password"
    file.write_text("old")
    async with running(tmp_path, [pbx("master", master.uri(transport))], [by_password_file(file)]) as agent:
        before, asked = await agent.phone(registered=True), master.registers
        replace_file(file, "new")
        await master.count(asked + 2)
        assert {request.header("Contact") for request in master.requests} == {master.requests[0].header("Contact")}
        assert unregisters(master) == []
        assert agent.phones["alice"] == before, "nobody who looks at the phone sees anything"


@pytest.mark.proves("E13")
async def test_a_changed_password_that_the_pbx_does_not_know_yet_costs_no_binding(tmp_path: Path, start: Start) -> None:
    master = await start()
    master.register = digest("old")
    file = tmp_path / "password"
    file.write_text("old")
    async with running(tmp_path, [pbx("master", master.uri())], [by_password_file(file)]) as agent:
        await agent.phone(registered=True)
        replace_file(file, "new")
        told = await agent.phone(state="Registered", registered=True, failure="Rejected", code=403)
        assert told.last_failure is not None
        assert told.last_failure.pbx == "master"
        asked = master.registers
        master.register = digest("new")
        await master.count(asked + 2)
        assert (unregisters(master), await agent.metric("softphone_outage_seconds_count")) == ([], 0)
        assert all(report.registered for report in agent.history if report.state != "Starting" and report.registrar)


@pytest.mark.proves("E14")
@pytest.mark.parametrize("fault", ["No such file or directory", "is empty"])
async def test_a_password_that_is_not_there_yet_is_told_and_awaited(tmp_path: Path, start: Start, fault: str) -> None:
    master = await start()
    master.register = digest("pw")
    file = tmp_path / "secret" / "password"
    if fault == "is empty":
        file.parent.mkdir()
        file.touch()
    phones = [by_password_file(file), phone("open", pri="sip:127.0.0.1:9;transport=tcp")]
    async with running(tmp_path, [pbx("master", master.uri())], phones) as agent:
        told = await agent.phone(state="Waiting", failure="NoCredentials")
        assert told.last_failure is not None
        assert told.last_failure.message == f"credentials.passwordFile: {file}: {fault}"
        await agent.phone("open", failure="Unreachable")  # one without credentials asks as ever
        assert master.registers == 0
        file.parent.mkdir(exist_ok=True)
        replace_file(file, "pw")
        await agent.phone(registered=True)
        assert [request.header("Authorization") != "" for request in master.requests] == [False, True]


@pytest.mark.proves("E14")
@pytest.mark.parametrize("how", ["taken away", "emptied", "another file"])
async def test_a_phone_whose_password_is_taken_away_goes_on_with_the_one_it_had(
    tmp_path: Path, start: Start, how: str
) -> None:
    master = await start()
    master.register = digest("pw")
    file, other = tmp_path / "password", tmp_path / "other"
    file.write_text("pw")
    async with running(tmp_path, [pbx("master", master.uri())], [by_password_file(file)]) as agent:
        await agent.phone(registered=True)
        if how == "another file":  # as an edit of the Secret's name does, before the pod that has it
            agent.write(agent.config | {"phones": [by_password_file(other, trace=["App"])]})
        else:
            file.unlink() if how == "taken away" else replace_file(file, "")
        told = await agent.phone(registered=True, failure="NoCredentials")
        assert told.last_failure is not None
        assert str(other if how == "another file" else file) in told.last_failure.message
        assert unregisters(master) == []
        asked = master.registers
        master.register = digest("pw", "new")
        replace_file(other if how == "another file" else file, "new")
        await master.count(asked + 2)
        assert all(report.registered for report in agent.history if report.registrar)
        assert unregisters(master) == []
