"""Every row of the table of odd pings, against the real agent: no phone suffers for what a PBX does with OPTIONS."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from agent_process import pbx, phone, running
from odd_pings import LIMITED, PORTS, UNANSWERED, PingRow
from sip_responder import Responder, Start

pytestmark = pytest.mark.lab

LIVELY = {"pingSeconds": 0.2, "attemptTimeoutSeconds": 0.5}
NEW_SOCKET = "the pbx answers others: a new UDP socket for it"


def registrations(at: Responder) -> set[tuple[str, tuple[str, int]]]:
    """Call-ID and source of every REGISTER."""
    return {(request.header("Call-ID"), request.source) for request in at.requests}


@pytest.mark.parametrize("row", UNANSWERED, ids=lambda row: row.name)
async def test_a_pbx_that_answers_no_ping_in_the_end_moves_nobody(tmp_path: Path, start: Start, row: PingRow) -> None:
    odd, other = await start(), await start("127.0.0.2")
    odd.options = row.options()
    pbxs = [pbx("odd", odd.uri()), pbx("other", other.uri())]
    phones = [phone(name, pri=name, registration=LIVELY) for name in ("odd", "other")]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in ("odd", "other"):
            await agent.phone(name, registered=True)
        await odd.pinged(8)
        assert [len(registrations(at)) for at in (odd, other)] == [1, 1]
        assert all(report.registered for report in agent.phones.values())


async def test_a_new_socket_is_for_one_pbx_and_is_not_replaced_soon_where_it_does_not_help(
    tmp_path: Path, start: Start
) -> None:
    odd, other = await start(), await start("127.0.0.2")
    odd.options = PORTS.options()
    pbxs = [pbx("odd", odd.uri()), pbx("other", other.uri())]
    phones = [phone(name, pri=name, registration=LIVELY) for name in ("odd", "other")]
    async with running(tmp_path, pbxs, phones) as agent:
        for name in ("odd", "other"):
            await agent.phone(name, registered=True)
        await odd.pinged(20)
        await agent.phone("odd", registered=True)
        assert len(registrations(other)) == 1, "the other PBX's phone has kept its Call-ID and its port"
        assert len({request.source for request in odd.requests}) == 2
        assert len(agent.log_lines(NEW_SOCKET)) == 1


@pytest.mark.parametrize("row", LIMITED, ids=lambda row: row.name)
async def test_a_pbx_that_limits_pings_and_takes_every_register_does_not_make_its_phones_flap(
    tmp_path: Path, start: Start, row: PingRow
) -> None:
    master = await start()
    master.options = row.options()
    async with running(tmp_path, [pbx("master", master.uri())], [phone(pri="master", registration=LIVELY)]) as agent:
        await agent.phone(registered=True)
        await master.pinged(60)
        losses = [before.registered and not after.registered for before, after in itertools.pairwise(agent.history)]
        assert sum(losses) <= 3, f"{sum(losses)} losses"
