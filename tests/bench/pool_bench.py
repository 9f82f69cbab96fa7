"""Many Softphones of pools, with real agents and PBXes: `make bench ONLY=operator-pool`.

In the lab, with its images: python -m bench.pool_bench [--parts different pooled rest]

`different`: a table of users of three systems, as a user would apply it. `pooled`: 1000 at once, beside the bare
client. `rest`: 5000, and nothing happens. The operator is a process of the bench's own; one that is installed rests
meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from functools import partial

from bench import different_phones
from bench.api_client import PBXS, SOFTPHONES, Client, Object, connected, in_flight, kinds, namespace, path_of
from bench.operator_bench import WRITTEN, at_rest, operator
from bench.operator_figures import Part, Pooled, Rest
from bench.wanted import write_status
from drills import pools
from e2e.objects import secret
from e2e.operator_process import OperatorProcess
from lab import release
from lab.images import Images
from lab.kube import Predicate, is_ready
from lab.measuring import first_registered
from lab.pbx import default_system
from lab.settings import settings

PARTS = ("different", "pooled", "rest")
POOL, PER_AGENT = "office", 250
COUNT, WRONG, AT_ONCE, REST = 300, 40, 1000, 5000
WIDTH = 5
CHECK_SECONDS = 120
"""Between two walks of the same way. After the first a status changes no more, and it is at rest."""
PATIENCE = 600.0


@contextmanager
def resting() -> Iterator[None]:
    """An operator that is installed in the cluster rests."""
    was_there = release.is_installed()
    if was_there:
        release.stop()
    try:
        yield
    finally:
        if was_there:
            release.go_on()


def phones(count: int, **registration: int) -> list[Object]:
    """So many Softphones of the pool; they ask for an hour, so that no refresh falls into a measurement at rest."""
    of = {"expiresSeconds": 3600, **registration}
    return [pools.softphone(f"load{n:0{WIDTH}d}", POOL, POOL, registration=of) for n in range(count)]


async def surroundings(client: Client, place: str, count: int) -> None:
    """The pool and its Secret. The PBXes are those of the namespace."""
    keys = {f"load{n:0{WIDTH}d}": f"pw-load{n:0{WIDTH}d}" for n in range(count)}
    await client.apply(path_of("api/v1", place, "secrets", POOL), secret(POOL, **keys))
    made = pools.pool(POOL, PER_AGENT, [POOL])
    await client.apply(path_of(SOFTPHONES, place, "softphonepools", POOL), made)


async def write(client: Client, place: str, softphones: list[Object]) -> list[Object]:
    """Write Softphones, as many at a time as the bare client does; they as they are then."""
    found: list[Object] = []

    async def one(body: Object) -> None:
        name = body["metadata"]["name"]
        made = {**body, "metadata": {"name": name, "namespace": place}}
        found.append(await client.apply(path_of(SOFTPHONES, place, "softphones", name), made))

    await in_flight(partial(one, body) for body in softphones)
    return found


def is_checked(obj: Object) -> bool:
    """Whether a Softphone is Ready, and both of its ways were walked."""
    ways = [way["result"] for way in obj.get("status", {}).get("paths", [])]
    return is_ready(obj) and bool(ways) and "Unchecked" not in ways


async def all_of_them(client: Client, place: str, count: int, holds: Predicate = is_ready) -> float:
    """When a watch had shown that all of them are Ready, or whatever is to hold; on the clock of time.time()."""
    ready: set[str] = set()
    path = f"/{SOFTPHONES}/namespaces/{place}/softphones"
    async with asyncio.timeout(PATIENCE), aclosing(client.watch(path)) as watch:
        async for found in watch:
            if holds(found):
                ready.add(found["metadata"]["name"])
            if len(ready) == count:
                break
    return time.time()


async def bare(client: Client, count: int, statuses: dict[str, Object]) -> float:
    """The same Softphones and the same statuses by the bare client, with nobody else at work; seconds."""
    with namespace() as place:
        begun = time.perf_counter()
        made = await write(client, place, phones(count))
        await in_flight(partial(write_status, client, obj, statuses[obj["metadata"]["name"]]) for obj in made)
        return time.perf_counter() - begun


async def pooled(client: Client, count: int) -> Pooled:
    """So many at once by the operator, and then by the bare client."""
    pbxes = default_system().pbxes
    with namespace() as place, ours(place) as process:
        await surroundings(client, place, count)
        here = [(pbx, pbx.position()) for pbx in pbxes]
        used, before = process.cpu_seconds(), await client.written(*WRITTEN, "softphonepools")
        begun = time.time()
        waiting = asyncio.create_task(all_of_them(client, place, count))
        await write(client, place, phones(count))
        written = time.time() - begun
        told = await waiting - begun
        granted = max(first_registered(here).values()) - begun
        writes = (await client.written(*WRITTEN, "softphonepools") - before) / count - 1
        found = await client.list(f"/{SOFTPHONES}/namespaces/{place}/softphones")
        agents = {obj["status"]["agent"] for obj in found}
        megabytes, cpu_seconds = process.megabytes(), process.cpu_seconds() - used
        await empty(client, place)
    statuses = {obj["metadata"]["name"]: obj["status"] for obj in found}
    return Pooled(
        softphones=count,
        agents=len(agents),
        bare=await bare(client, count, statuses),
        written=written,
        granted=granted,
        told=told,
        writes=writes,
        megabytes=megabytes,
        cpu_seconds=cpu_seconds,
    )


async def rest(client: Client, count: int, seconds: int) -> list[Rest]:
    """What the operator takes while so many are registered in pools, and after a start with all of them there."""
    found = []
    with namespace() as place:
        with ours(place) as process:
            await surroundings(client, place, count)
            waiting = asyncio.create_task(all_of_them(client, place, count, is_checked))
            await write(client, place, phones(count, pathCheckSeconds=CHECK_SECONDS))
            await waiting
            streams = -(-count // PER_AGENT)
            found.append(await at_rest(process, count, seconds, "of a pool, after they were made", streams))
        with ours(place) as process:
            found.append(await at_rest(process, count, seconds, "of a pool, after a start", streams))
            await empty(client, place)
    return found


async def empty(client: Client, place: str) -> None:
    """Delete the pool, so that its agents un-REGISTER while their PBXes and their operator are there."""
    await client.delete(path_of(SOFTPHONES, place, "softphonepools", POOL))
    while await client.list(f"/api/v1/namespaces/{place}/pods"):
        await asyncio.sleep(0.5)


@contextmanager
def ours(place: str) -> Iterator[OperatorProcess]:
    """Our operator for one namespace, with real agents."""
    with operator(place, agent_image=Images(settings()).names.agent, agent_replicas=1) as process:
        yield process


async def measure(wanted: Sequence[str], count: int, seconds: int) -> dict[str, Part]:
    """The parts asked for, by the names of their files."""
    found: dict[str, Part] = {}
    async with connected() as client:
        if "different" in wanted:
            with namespace() as place, ours(place):
                seen = await different_phones.measure(client, place, COUNT, WRONG)
            print(seen, flush=True)
            found["different"] = Part.now(different=[seen])
        if "pooled" in wanted:
            many = await pooled(client, AT_ONCE)
            print(many, flush=True)
            found["pooled"] = Part.now(pooled=[many])
        if "rest" in wanted:
            found["rest-pooled"] = Part.now(rest=await rest(client, count, seconds))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rest", type=int, default=REST, help="how many are to be at rest")
    parser.add_argument("--seconds", type=int, default=60, help="how long to look at it at rest")
    found = parser.parse_args()
    for name in PBXS:
        default_system().pbx(name).wait_ready()
    with resting(), kinds():
        for name, part in asyncio.run(measure(found.parts, found.rest, found.seconds)).items():
            if os.environ.get("WRITE"):
                part.write(name)


if __name__ == "__main__":
    main()
