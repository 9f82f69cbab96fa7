"""What many phones on one agent cost, and how fast they fail over: 1000 phones of the lab's Kamailio by default.

In the lab:  python -m lab exec -- .venv/bin/python -m bench.agent_bench [--phones 1000] [--transport udp]

The phones enter at `master`, are redirected to their home `slave`, which is then killed; the others take them in.
Times of registrations are those in the PBXes' logs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from lab import pjsua2
from lab.measuring import RATE, cpu, excess, first_registered, processes, pss
from lab.pbx import System, default_system
from lab.settings import settings

PORT = 18081
NOTICED = 300
"""Milliseconds after which a PBX takes a silent peer for dead."""
PATIENCE = 120


def attentive() -> System:
    """The lab's PBXes, quicker to notice a dead peer: until then they send phones there, which is no time of ours."""
    system = default_system()
    return replace(system, specs=[replace(s, ping_milliseconds=50, dead_milliseconds=NOTICED) for s in system.specs])


def restart(system: System) -> None:
    """End the lab's PBXes and start them as this system has them."""
    for pbx in system.pbxes:
        pbx.stop()
    for pbx in system.pbxes:
        pbx.start()
    for pbx in system.pbxes:
        pbx.wait_ready()


def configuration(system: System, folder: Path, count: int, transport: str) -> dict[str, Any]:
    """The agent's file; the passwords are files of its folder `secret`."""
    secret = folder / "secret"
    secret.mkdir()
    for index in range(count):
        (secret / f"load{index}").write_text(f"pw-load{index}")
    pbxs: list[dict[str, Any]] = [
        {"name": pbx.name, "address": f"{pbx.uri};transport={transport}", "system": "lab", "registerRate": RATE}
        for pbx in system.pbxes
    ]
    if transport == "tls":
        for pbx, entry in zip(system.pbxes, pbxs, strict=True):
            entry |= {"address": pbx.tls_uri, "tls": {"caFile": str(system.authority)}}
    template = {
        "aor": "sip:load{index}@pbx.test",
        "pri": "master",
        "sec": "standby",
        "credentials": {"directory": str(secret)},
        "registration": {"expiresSeconds": 120},
    }
    return {
        "fleet": "bench",
        "http": {"address": "127.0.0.1", "port": PORT},
        "pbxs": pbxs,
        "fleets": [{"count": count, "template": template}],
    }


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for what the PBXes' logs say."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.25)
    print(f"  ({what})", file=sys.stderr)


async def scrape(session: aiohttp.ClientSession) -> tuple[float, int]:
    """Milliseconds, of the fastest of ten, and bytes of /metrics."""
    took, size = [], 0
    for _ in range(10):
        begun = time.perf_counter()
        async with session.get(f"http://127.0.0.1:{PORT}/metrics") as answer:
            size = len(await answer.read())
        took.append(time.perf_counter() - begun)
    return min(took) * 1000, size


async def measure(count: int, transport: str, seconds: int, profile: str | None) -> None:
    system = attentive()
    restart(system)
    master, slave, standby = (system.pbx(name) for name in ("master", "slave", "standby"))
    print(f"{count} phones over {transport}")
    own = {"PYTHONPATH": f"{pjsua2.unpacked(settings())}:{os.environ.get('PYTHONPATH', '')}"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "log").mkdir()
        file = folder / "agent.json"
        file.write_text(json.dumps(configuration(system, folder, count, transport)))
        begun_at = {pbx: pbx.position() for pbx in (master, slave, standby)}
        begun = time.time()
        with (folder / "log" / "agent").open("wb") as log:  # not in a folder that the agent watches
            agent = subprocess.Popen(
                [sys.executable, "-m", "softphone_agent", "run", "--config", str(file)],
                stdout=log,
                stderr=log,
                env={**os.environ, **own},
            )
        try:
            home = [(slave, begun_at[slave])]
            await until(lambda: len(first_registered(home)) >= count, "registered")
            took = max(first_registered(home).values()) - begun
            print(f"start         last phone registered after {took:.2f} s (target 3)")
            for pbx, since in begun_at.items():
                print(f"              above the rate at {pbx.name}: {excess(pbx.registers(since=since)):.0f}")
            await asyncio.sleep(40)  # transactions and bursts are over
            pids = processes(agent.pid)
            used, at = cpu(pids), time.perf_counter()
            await asyncio.sleep(seconds)
            load = (cpu(pids) - used) / (time.perf_counter() - at)
            memory = pss(pids)
            print(f"at rest       {load:.1%} of a core (target 2 %), {len(pids) - 1} workers")
            print(f"              {memory:.0f} MB PSS, {memory / count:.3f} MB a phone (target 0.08), "
                  f"of that the supervisor {pss(pids[:1]):.0f} MB")  # fmt: skip
            async with aiohttp.ClientSession() as session:
                milliseconds, size = await scrape(session)
            print(f"scrape        {milliseconds:.0f} ms, {size / 1000:.0f} KB (target 50, 300)")
            others = [(pbx, pbx.position()) for pbx in (master, standby)]
            if profile:
                subprocess.Popen(["py-spy", "record", "-d", "8", "-r", "500", "-o", profile, "--pid", str(pids[1])])
                await asyncio.sleep(1)
            killed = time.time()
            slave.kill()
            await until(lambda: len(first_registered(others)) >= count, "moved")
            times = sorted(at - killed for at in first_registered(others).values())
            target = 5 if transport == "udp" else 1.5
            print(f"kill -9       the PBXes take {NOTICED / 1000:g} s to notice that a peer is dead")
            print(f"              first phone elsewhere after {times[0]:.2f} s, half {times[len(times) // 2]:.2f} s, "
                  f"last {times[-1]:.2f} s (target {target})")  # fmt: skip
            for pbx, since in others:
                print(f"              above the rate at {pbx.name}: {excess(pbx.registers(since=since)):.0f} "
                      f"of {len(pbx.registers(since=since))} REGISTERs")  # fmt: skip
            agent.send_signal(signal.SIGTERM)
            at = time.perf_counter()
            await asyncio.to_thread(agent.wait, 60)
            print(f"SIGTERM       ended after {time.perf_counter() - at:.2f} s")
        finally:
            if agent.poll() is None:
                agent.terminate()
                agent.wait(30)
            restart(default_system())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phones", type=int, default=1000)
    parser.add_argument("--transport", choices=("udp", "tcp", "tls"), default="udp")
    parser.add_argument("--seconds", type=int, default=60, help="how long to look at it at rest")
    parser.add_argument("--profile", help="file for py-spy's picture of a worker during the fail-over")
    found = parser.parse_args()
    asyncio.run(measure(found.phones, found.transport, found.seconds, found.profile))


if __name__ == "__main__":
    main()
