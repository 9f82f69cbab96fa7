"""Shows phones failing over between two Asterisks, in their own words and the agent's.

`tests/interop/run python -m interop.show`; docs/how-to/asterisk.md has what it printed.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from agent_process import Agent, pbx, running
from interop.asterisk import Asterisk, users
from interop.phones import known

NAMES = ("anna", "ben")
FAIL_BACK = {"failBack": "Primary", "failBackAfterSeconds": 10}
PLACES = {"pri": "127.0.0.11", "sec": "127.0.0.12"}


def say(what: str) -> None:
    print(f"\n# {what}", flush=True)


def show(agent: Agent, pbxs: dict[str, Asterisk]) -> None:
    for report in agent.phones.values():
        outage = report.last_outage
        why = f", lost {outage.pbx} at {outage.began[11:22]} ({outage.reason.value})" if outage else ""
        print(f"agent  {report.name:5} {report.state} at {report.pbx} since {report.since[11:22]}{why}")
    for name, at in pbxs.items():
        for aor, found in sorted(at.contacts().items() if at.running else ()):
            print(f"{name}    {aor:5} {', '.join(f'{contact.uri} {contact.status}' for contact in found)}")
        if not at.running:
            print(f"{name}    is dead")


async def main() -> None:
    pbxs = {name: Asterisk(name, address, users(*NAMES)) for name, address in PLACES.items()}
    pri, sec = pbxs.values()
    for at in pbxs.values():
        at.start()
        at.wait_ready()
    with tempfile.TemporaryDirectory() as folder:
        phones = [known(Path(folder), name, pri="pri", sec="sec", registration=FAIL_BACK) for name in NAMES]
        async with running(Path(folder), [pbx(name, at.uri()) for name, at in pbxs.items()], phones) as agent:
            await all_at(agent, "pri")
            await pri.until_available(*NAMES)
            say("two phones, registered at the primary")
            show(agent, pbxs)
            say("kill -9 of the primary")
            pri.kill()
            await all_at(agent, "sec")
            await sec.until_available(*NAMES)
            show(agent, pbxs)
            say("the primary is started again")
            pri.start()
            await asyncio.to_thread(pri.wait_ready)
            await agent.until(lambda agent: agent.pbxs["pri"].reachable is True, "pri to be reachable")
            show(agent, pbxs)
            say("and has answered for ten seconds")
            await all_at(agent, "pri")
            await pri.until_available(*NAMES)
            await sec.until(lambda: not sec.contacts(), "no contact to be left")
            show(agent, pbxs)
    for at in pbxs.values():
        at.kill()


async def all_at(agent: Agent, place: str) -> None:
    for name in NAMES:
        await agent.phone(name, registered=True, pbx=place)


if __name__ == "__main__":
    asyncio.run(main())
