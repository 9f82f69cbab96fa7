"""What an agent leaves in Asterisk's log, as fail2ban's filter reads it."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from agent_process import pbx, running
from interop.asterisk import Asterisk, users
from interop.caller import Caller
from interop.conftest import Begin, Note
from interop.phones import known
from interop.process import command
from interop.seen import WRITE

pytestmark = pytest.mark.lab
FILTER = "/etc/fail2ban/filter.d/asterisk.conf"
PINGS = 300 if os.environ.get(WRITE) else 60
"""As many as ten minutes have, of one process with a ping every 2 s; for `make test` those of two."""
EVERY_SECONDS = 0.05


def matched(at: Asterisk) -> int:
    """How many lines of its log are an attack to fail2ban."""
    told = command("fail2ban-regex", at.log_file, FILTER)
    found = re.search(r"^Lines: \d+ lines, \d+ ignored, (\d+) matched", told, re.MULTILINE)
    assert found is not None, told
    return int(found[1])


def challenges(at: Asterisk) -> int:
    """How often it has asked who somebody is: once for each ping, and for what is left of each REGISTER."""
    return at.log().count('SecurityEvent="ChallengeSent"')


async def test_the_filter_of_fail2ban_takes_no_ping_for_an_attack(tmp_path: Path, asterisk: Begin, note: Note) -> None:
    names = ("anna", "ben", "chris")
    pri, sec = asterisk("pri", users(*names)), asterisk("sec", users(*names))
    registration = {"pingSeconds": EVERY_SECONDS}
    phones = [known(tmp_path, name, pri="pri", sec="sec", registration=registration) for name in names]
    pri.wait_ready()
    sec.wait_ready()
    async with running(tmp_path, [pbx("pri", pri.uri()), pbx("sec", sec.uri())], phones) as agent:
        for name in names:
            await agent.phone(name, registered=True, pbx="pri")
        wanted = PINGS + 2 * len(names)
        await pri.until(lambda: challenges(pri) >= wanted, f"{PINGS} pings")
        await sec.until(lambda: challenges(sec) >= wanted, f"{PINGS} pings")
        await pri.until_available(*names)
    assert (matched(pri), matched(sec)) == (0, 0)
    with Caller("ping") as stranger:
        await asyncio.to_thread(stranger.options, "ping", pri.address)
    await pri.until(lambda: matched(pri) > 0, "the filter to see a stranger's ping")
    note(
        "fail2ban",
        "asterisk",
        tried=f"The filter `asterisk` as the package brings it, over Asterisk's notices, warnings, errors and "
        f"security events: {PINGS} pings to each of two Asterisks, as many as ten minutes have, but every "
        f"{EVERY_SECONDS:g} s",
        result="0 lines match, at the PBX that holds the phones and at the other one: a ping is from a phone that "
        "the PBX knows. A stranger's OPTIONS in the same log does match",
    )


async def test_what_asterisk_does_not_take_is_an_attack_to_the_filter(
    tmp_path: Path, asterisk: Begin, note: Note
) -> None:
    """It should be one: the agent's part is to ask seldom."""
    lines = {}
    for name, password in (("anna", "wrong"), ("nobody", "")):
        at = asterisk(name, users("anna"))
        at.wait_ready()
        one = known(tmp_path, name, pri="pbx", password=password, registration={"pingSeconds": 0})
        async with running(tmp_path, [pbx("pbx", at.uri())], [one]) as agent:
            await agent.phone(name, failure="Rejected", code=401)
        assert challenges(at) == 1, "one attempt"
        lines[name] = matched(at)
    assert lines["anna"] > 0
    assert lines["nobody"] > lines["anna"]
    note(
        "fail2ban",
        "asterisk",
        tried="The same filter and log, over one attempt with a wrong password, and one of a user that Asterisk does "
        "not know",
        set_there="`ignoreip` of the jail with the agents' addresses, where users may be missing or passwords wrong",
        result=f"matching lines: {lines['anna']} of the wrong password, {lines['nobody']} of the unknown user. The "
        f"stock jail bans an address at its tenth in ten minutes",
    )
