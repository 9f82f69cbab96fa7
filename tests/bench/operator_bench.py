"""What the operator costs: many Softphones at once, beside a bare client and a minimal kopf operator; and at rest.

`make bench ONLY=operator` (100, 300 and 1000 at once) and `ONLY=operator-rest`; or in the lab:
python -m bench.operator_bench [--sizes 100 300 1000] [--rest 5000]

The agents have no pods (`--agent-replicas 0`), since one node cannot run a thousand. Times count from the first write
of a Softphone until the last one has its ConfigMap, its Deployment and its status. The bare client is one process that
keeps 20 requests in flight and knows beforehand all that is to be written.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.api_client import SOFTPHONES, Client, connected, in_flight, kinds, namespace, path_of, settled, softphone
from bench.operator_figures import Part, Reconciled, Rest
from bench.wanted import write_agent, write_status
from e2e.operator_process import OperatorProcess
from lab.measuring import cpu, pss
from lab.waiting import wait_until

PORT, KOPF_PORT = 18080, 18082
WRITTEN = ("softphones", "configmaps", "deployments", "events")
BARE, KOPF, OURS = "bare client", "minimal kopf operator", "softphone-operator"


async def bare(client: Client, place: str, count: int) -> float:
    """All writes by the bare client; seconds."""

    async def one(index: int) -> None:
        body = softphone(place, index)
        made = await client.apply(path_of(SOFTPHONES, place, "softphones", body["metadata"]["name"]), body)
        await write_status(client, made, await write_agent(client, made))

    begun = time.perf_counter()
    await in_flight(partial(one, index) for index in range(count))
    return time.perf_counter() - begun


async def by_operator(client: Client, place: str, indices: range) -> float:
    """The Softphones by the bare client, the rest by an operator; seconds."""

    async def one(index: int) -> None:
        body = softphone(place, index)
        await client.apply(path_of(SOFTPHONES, place, "softphones", body["metadata"]["name"]), body)

    begun = time.perf_counter()
    await in_flight(partial(one, index) for index in indices)
    collection, last = f"/{SOFTPHONES}/namespaces/{place}/softphones", indices[-1]
    while True:
        # Asking for single objects costs next to nothing. Only when the last one is done the list is asked.
        found = await client.list(f"{collection}?limit=1&fieldSelector=metadata.name=load{last:05d}")
        if found and found[0].get("status"):
            everything = await client.list(collection)
            if all(obj.get("status") for obj in everything) and len(everything) == len(range(last + 1)):
                break
        await asyncio.sleep(0.05)
    return time.perf_counter() - begun


@contextmanager
def operator(place: str, *, agent_image: str = "none", agent_replicas: int = 0) -> Iterator[OperatorProcess]:
    """Ours, for one namespace."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        made = OperatorProcess(
            log,
            port=PORT,
            agent_image=agent_image,
            agent_replicas=agent_replicas,
            watch_namespaces=place,
            log_level="warning",
        )
        made.start()
        try:
            made.wait_ready()
            yield made
        finally:
            if made.running:
                made.stop()
            print(log.read_text()[-1500:], file=sys.stderr, end="")


@contextmanager
def kopf_peer(place: str) -> Iterator[int]:
    """The minimal one; its process id."""
    alive = f"http://127.0.0.1:{KOPF_PORT}/healthz"
    script = str(Path(__file__).parent / "kopf_peer.py")
    command = [sys.executable, "-m", "kopf", "run", "--quiet", "--namespace", place, "--liveness", alive, script]

    def answers() -> bool:
        try:
            return bool(urllib.request.urlopen(alive, timeout=1).status == 200)
        except OSError:
            return False

    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ))
        try:
            wait_until(answers, "the kopf operator lives", alive=lambda: process.poll() is None)
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)
            log.seek(0)
            print(log.read().decode()[-1500:], file=sys.stderr, end="")


async def one_by_bare(client: Client, count: int) -> Reconciled:
    with namespace() as place:
        client.writes = 0
        took = await bare(client, place, count)
        writes = client.writes / count - 1
        await settled(client, place, count)
    return Reconciled(client=BARE, softphones=count, seconds=took, writes=writes, reads=0)


async def one_by_kopf(client: Client, count: int) -> Reconciled:
    with namespace() as place, kopf_peer(place) as pid:
        # One before the clock runs: then its watches are there.
        await by_operator(client, place, range(1))
        used, before = cpu([pid]), await client.written(*WRITTEN)
        took = await by_operator(client, place, range(1, count + 1))
        await settled(client, place, count)
        writes = (await client.written(*WRITTEN) - before) / count - 1
        return Reconciled(
            client=KOPF,
            softphones=count,
            seconds=took,
            writes=writes,
            megabytes=pss([pid]),
            cpu_seconds=cpu([pid]) - used,
        )


async def one_by_ours(client: Client, count: int) -> Reconciled:
    with namespace() as place, operator(place) as ours:
        await by_operator(client, place, range(1))
        used, before = ours.cpu_seconds(), await client.written(*WRITTEN)
        read = ours.metric("softphone_operator_api_requests_total", verb="GET")
        took = await by_operator(client, place, range(1, count + 1))
        await settled(client, place, count)
        writes = (await client.written(*WRITTEN) - before) / count - 1
        reads = (ours.metric("softphone_operator_api_requests_total", verb="GET") - read) / count
        return Reconciled(
            client=OURS, softphones=count, seconds=took, writes=writes, reads=reads, megabytes=ours.megabytes(),
            cpu_seconds=ours.cpu_seconds() - used,
        )  # fmt: skip


async def measure(sizes: list[int], rounds: int) -> Part:
    """Each size by each, in turn; of several rounds the fastest counts, since the machine is nobody's alone."""
    found = []
    async with connected() as client:
        for count in sizes:
            for one in (one_by_bare, one_by_kopf, one_by_ours):
                seen = [await one(client, count) for _ in range(rounds)]
                best = min(seen, key=lambda each: each.seconds)
                print(f"{best.client:22} {count} Softphones: {best.seconds:.2f} s of "
                      f"{', '.join(f'{each.seconds:.2f}' for each in seen)}; {best}", flush=True)  # fmt: skip
                found.append(best)
    return Part.now(reconciled=found)


async def measure_rest(count: int, seconds: int, others: str | None) -> Part:
    """What it holds after `count` Softphones were made, and after a start with all of them there.

    `others`: a folder with the package of another version, for the same after its start.
    """
    found = []
    async with connected() as client:
        with namespace() as place:
            with operator(place) as ours:
                await by_operator(client, place, range(count))
                await settled(client, place, count)
                found.append(await at_rest(ours, count, seconds, "after they were made"))
            with operator(place) as ours:
                found.append(await at_rest(ours, count, seconds, "after a start"))
            if others:
                os.environ["PYTHONPATH"] = os.pathsep.join([others, os.environ.get("PYTHONPATH", "")])
                with operator(place) as ours:
                    found.append(await at_rest(ours, count, seconds, "another version, after a start"))
    return Part.now(rest=found)


async def at_rest(ours: OperatorProcess, count: int, seconds: int, note: str, streams: int = 0) -> Rest:
    """What the operator costs while nothing happens."""

    def requests() -> float:
        return ours.metric("softphone_operator_api_requests_total")

    while True:
        before = ours.metric("softphone_operator_reconcile_total")
        await asyncio.sleep(5)
        if ours.metric("softphone_operator_reconcile_total") == before:
            break
    used, asked, begun = ours.cpu_seconds(), requests(), time.perf_counter()
    await asyncio.sleep(seconds)
    lasted = time.perf_counter() - begun
    made = Rest(
        softphones=count,
        streams=streams,
        megabytes=ours.megabytes(),
        cores=(ours.cpu_seconds() - used) / lasted,
        requests_a_minute=(requests() - asked) / lasted * 60,
        note=note,
    )
    print(f"at rest       {lasted:.0f} s: {made}", flush=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rest", type=int, default=0, help="instead: the costs at rest with so many Softphones")
    parser.add_argument("--seconds", type=int, default=60, help="how long to look at it at rest")
    parser.add_argument("--others", help="at rest: a folder with the package of another version, to be held against")
    found = parser.parse_args()
    with kinds():
        if found.rest:
            made, name = asyncio.run(measure_rest(found.rest, found.seconds, found.others)), "rest"
        else:
            made, name = asyncio.run(measure(found.sizes, found.rounds)), "reconciled"
    if os.environ.get("WRITE"):
        made.write(name)


if __name__ == "__main__":
    main()
