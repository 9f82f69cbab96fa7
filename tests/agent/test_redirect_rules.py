"""What a redirect need not cost: REGISTERs to a PBX that refused the phone, and rounds in a circle."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_process import pbx, phone, running
from sip_responder import Start, redirect, reply

pytestmark = pytest.mark.lab
SLOWLY = {"backoff": {"initialSeconds": 60, "maxSeconds": 60}}
"""One round is all that these tests see."""


@pytest.mark.proves("X3")
async def test_a_refused_phone_is_not_sent_back_by_another_pbx(tmp_path: Path, start: Start) -> None:
    master, standby = await start(), await start()
    master.register = reply(403)
    standby.register = redirect(f"<{master.uri()}>")
    pbxs = [pbx("master", master.uri()), pbx("standby", standby.uri())]
    async with running(tmp_path, pbxs, [phone(pri="master", sec="standby", registration=SLOWLY)]) as agent:
        report = await agent.phone(state="Rejected", failure="Rejected", code=403)
        assert report.last_failure is not None
        assert report.last_failure.pbx == "master"
        assert (master.registers, standby.registers) == (1, 1)


@pytest.mark.proves("X4")
async def test_a_primary_and_a_secondary_that_point_to_each_other_are_asked_once_each(
    tmp_path: Path, start: Start
) -> None:
    master, standby = await start(), await start()
    master.register = redirect(f"<{standby.uri()}>")
    standby.register = redirect(f"<{master.uri()}>")
    pbxs = [pbx("master", master.uri()), pbx("standby", standby.uri())]
    async with running(tmp_path, pbxs, [phone(pri="master", sec="standby", registration=SLOWLY)]) as agent:
        await agent.phone(state="Waiting", failure="RedirectLoop")
        assert (master.registers, standby.registers) == (1, 1)


@pytest.mark.proves("X5")
@pytest.mark.parametrize(
    ("contact", "words"),
    [
        ("<{}>;expires=0", 'Contact "{}" has expires=0: it is not to be used any more'),
        (
            "<{};maddr=192.0.2.9>",
            'Contact "{};maddr=192.0.2.9" has maddr=192.0.2.9, another host than its own: that is not followed',
        ),
    ],
)
async def test_a_contact_that_is_not_followed_is_told_with_its_reason(
    tmp_path: Path, start: Start, contact: str, words: str
) -> None:
    master, slave = await start(), await start()
    master.register = redirect(contact.format(slave.uri()))
    pbxs = [pbx("master", master.uri())]
    async with running(tmp_path, pbxs, [phone(pri="master", registration=SLOWLY)]) as agent:
        report = await agent.phone(state="Waiting", failure="BadRedirect")
        assert report.last_failure is not None
        assert report.last_failure.message == words.format(slave.uri())
        assert (master.registers, slave.registers) == (1, 0)
