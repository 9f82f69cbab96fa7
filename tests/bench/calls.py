"""What calls cost an agent beside its registered phones, and whether a check ever raises a false alarm.

python -m bench.calls [--write] [--calls 1000] [--seconds 30] [--only cost|clean]

On loopback, with the PBX of the agent's tests: it takes registrations and puts calls through, media goes directly. One
agent calls, another one is called and measured; both have all their phones in one process, as by default.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "agent"))  # its tests' agent and PBX

from agent_process import Agent, pbx, phone, running
from bench import output
from bench.clients import own_version
from bench.figures import CallCost, Clean, Part, parts
from call_proxy import Proxy
from lab import pjsua2
from lab.measuring import alone, cpu, processes
from lab.settings import settings

PHONES = 500
AT_ONCE = 32
"""workers.maxCalls by default."""
SETTLED = 40
"""Seconds after the last registration, as for the cost at rest."""
A_SECOND = 16
"""Calls: an agent looks at 20 INVITEs a second."""
CLEAN_SECONDS = 4.0
"""Of a test call that knows its round trip."""
SETTINGS: dict[str, tuple[str, int, str]] = {
    # answer of the callees, calls at a time, mediaEncryption
    "no phone answers": ("Never", 0, "Never"),
    "all phones answer, no call": ("Tone", 0, "Never"),
    "plain": ("Tone", AT_ONCE, "Never"),
    "echo": ("Echo", AT_ONCE, "Never"),
    "SRTP": ("Tone", AT_ONCE, "Required"),
}


def phones(name: str, count: int, **fields: Any) -> list[dict[str, Any]]:
    usual = {"expiresSeconds": 120, "attemptTimeoutSeconds": 4}
    return [phone(f"{name}{each}", pri="pbx", registration=usual, **fields) for each in range(count)]


def checks(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"name": f"check{each}", "caller": f"caller{each}", "to": f"sip:callee{each}@pbx.test"} | fields
        for each in range(count)
    ]


@contextlib.asynccontextmanager
async def agent(proxy: Proxy, made: list[dict[str, Any]], most: int = AT_ONCE) -> AsyncIterator[Agent]:
    """An agent with these phones, all registered."""
    environment = {"PYTHONPATH": os.pathsep.join([str(pjsua2.unpacked(settings())), os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryDirectory() as folder:
        known = {"environment": environment, "workers": {"maxCalls": most}}
        async with running(Path(folder), [pbx("pbx", proxy.uri)], made, **known) as one:
            wanted = {each["name"] for each in made}
            await one.until(lambda one: wanted <= {each.name for each in one.phones.values() if each.registered})
            yield one


async def answered(proxy: Proxy, count: int) -> None:
    """Wait until so many calls have been answered since the PBX began."""
    async with asyncio.timeout(120):
        while len(proxy.through("ACK ")) < count:
            await asyncio.sleep(0.2)


async def cost(name: str, seconds: float) -> CallCost:
    """Of one setting."""
    answer, calls, encryption = SETTINGS[name]
    proxy = await Proxy.start()
    fields = {"answer": answer, "mediaEncryption": encryption}
    async with agent(proxy, phones("callee", PHONES, **fields)) as callee, contextlib.AsyncExitStack() as stack:
        await asyncio.sleep(SETTLED)
        if calls:
            caller = await stack.enter_async_context(agent(proxy, phones("caller", calls, mediaEncryption=encryption)))
            made = checks(calls, everySeconds=3600, talkSeconds=seconds + 60, expected={"maxLossPercent": None})
            for each in made:
                each["expected"] = each["expected"] | {"hears": answer}
            caller.write({**caller.config, "callChecks": made})
            await answered(proxy, calls)
        pids = processes(callee.process.pid)
        used, began = cpu(pids), time.perf_counter()
        await asyncio.sleep(seconds)
        cores = (cpu(pids) - used) / (time.perf_counter() - began)
        megabytes = alone(pids)
    proxy.close()
    return CallCost(client=name, phones=PHONES, calls=calls, cores=round(cores, 5), megabytes=round(megabytes, 2))


async def set_up(seconds: float) -> CallCost:
    """Calls of a second each, as many a second as an agent takes from many callers: of the callee."""
    proxy = await Proxy.start()
    count = A_SECOND * 5
    callees, callers = phones("callee", count, answer="Tone"), phones("caller", count)
    async with agent(proxy, callees, count) as callee, agent(proxy, callers, count) as caller:
        made = checks(count, everySeconds=5, talkSeconds=1, expected={"maxLossPercent": None})
        caller.write({**caller.config, "callChecks": made})
        await answered(proxy, count)
        pids, before = processes(callee.process.pid), len(proxy.through("ACK "))
        used, began = cpu(pids), time.perf_counter()
        await asyncio.sleep(seconds)
        passed = time.perf_counter() - began
        cores, there = (cpu(pids) - used) / passed, len(proxy.through("ACK ")) - before
        megabytes = alone(pids)
    proxy.close()
    return CallCost(
        client="calls of 1 s, one after the other",
        phones=count,
        calls=A_SECOND,
        a_second=round(there / passed, 1),
        cores=round(cores, 5),
        megabytes=round(megabytes, 2),
    )


async def clean(wanted: int) -> Clean:
    """So many test calls on the clean path."""
    proxy = await Proxy.start()
    expected = {"maxLossPercent": 0.5, "minMos": 4.3}
    callees, callers = phones("callee", AT_ONCE, answer="Tone"), phones("caller", AT_ONCE)
    async with agent(proxy, callees) as callee, agent(proxy, callers) as caller:
        made = checks(AT_ONCE, everySeconds=5, talkSeconds=CLEAN_SECONDS, expected=expected)
        caller.write({**caller.config, "callChecks": made})
        while len(found := caller.log_lines("call check")) < wanted:
            await asyncio.sleep(2)
        heard = await callee.metric("softphone_call_audio_total", direction="In", heard="Audio")
    proxy.close()
    print(f"  {len(found)} calls; the callees heard audio in {heard:.0f}", file=sys.stderr)
    scores = [line["mos"] for line in found if line.get("mos")]
    faults = sorted({fault for line in found for fault in line["faults"]})
    return Clean(
        calls=len(found),
        seconds=CLEAN_SECONDS,
        at_once=AT_ONCE,
        failed=sum(not line["passed"] for line in found),
        faults=faults,
        measured=len(scores),
        lowest_mos=min(scores, default=None),
        median_answer_seconds=round(median(line["answer_seconds"] for line in found if "answer_seconds" in line), 4),
    )


async def costs(seconds: float) -> list[CallCost]:
    """Of all settings."""
    found = []
    for name in SETTINGS:
        print(f"  {PHONES} phones: {name}", file=sys.stderr)
        found.append(await cost(name, seconds))
    print("  calls a second", file=sys.stderr)
    found.append(await set_up(seconds))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000, help="on the clean path")
    parser.add_argument("--seconds", type=float, default=30, help="how long each is looked at")
    parser.add_argument("--write", action="store_true", help="keep it for docs/proof/benchmarks.md and calls.md")
    parser.add_argument("--only", choices=("cost", "clean"), help="the other one stays as it was seen before")
    asked = parser.parse_args()
    before = parts().get("calls")
    found, alarms = (before.calls, before.clean) if before else ([], None)
    if asked.only != "clean":
        found = asyncio.run(costs(asked.seconds))
    if asked.only != "cost":
        print(f"  {asked.calls} calls on the clean path", file=sys.stderr)
        alarms = asyncio.run(clean(asked.calls))
    output.show("calls", Part.now(own_version(settings()), calls=found, clean=alarms), write=asked.write)


if __name__ == "__main__":
    main()
