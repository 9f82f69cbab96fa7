"""How long a new Softphone takes until it is registered: `make bench ONLY=operator-ready`.

In the lab, with its images: python -m bench.ready_bench [--count 20]

One after the other, each with a pod of its own. Told are the start of the agent's process, which is Kubernetes' part of
it; the 200 in the PBX's log; and the moment at which a watch of the API server shows the status.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from contextlib import aclosing
from statistics import median

from bench.api_client import SOFTPHONES, Client, Object, connected, kinds, namespace, path_of, softphone
from bench.operator_bench import operator
from bench.operator_figures import Part, Ready
from lab import procfs
from lab.images import Images
from lab.measuring import TICKS, first_registered, processes_of_pods
from lab.pbx import System, default_system
from lab.settings import settings
from softphone_operator.decide import names

PATIENCE = 60.0


def started(pod: str) -> float:
    """Unix time at which the agent of a pod was started, as exact as the kernel's ticks."""
    supervisor, *_ = processes_of_pods([pod])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + procfs.started(supervisor) / TICKS


async def one(client: Client, place: str, index: int, system: System) -> tuple[float, float, float]:
    """Seconds from the write of a Softphone to the start of its agent, to the PBX's 200, and to its status."""
    body = softphone(place, index)
    name = body["metadata"]["name"]
    body["spec"]["credentials"]["secretName"] = name
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"password": f"pw-{name}"},
    }
    await client.apply(path_of("api/v1", place, "secrets", name), secret)
    since = [(pbx, pbx.position()) for pbx in system.pbxes]
    collection = f"/{SOFTPHONES}/namespaces/{place}/softphones"
    begun = time.time()
    await client.apply(f"{collection}/{name}", body)
    async with asyncio.timeout(PATIENCE), aclosing(client.watch(collection)) as watch:
        async for found in watch:
            told = found.get("status", {}).get("registration", {}).get("state")
            if found["metadata"]["name"] == name and told == "Registered":
                break
    seen = time.time()
    selector = f"{names.INSTANCE}={names.softphone_agent(name)}"
    [pod] = await client.list(f"/api/v1/namespaces/{place}/pods?labelSelector={selector}")
    granted = first_registered(since)[body["spec"]["aor"].removeprefix("sip:")]
    times = started(pod["metadata"]["name"]) - begun, granted - begun, seen - begun
    print(f"{name}: process {times[0]:.2f} s, 200 {times[1]:.2f} s, status {times[2]:.2f} s", flush=True)
    return times


async def measure(count: int) -> Part:
    """One after the other."""
    image, system = Images(settings()).names.agent, default_system(settings())
    async with connected() as client:
        with namespace() as place, operator(place, agent_image=image, agent_replicas=1):
            found = [await one(client, place, index, system) for index in range(count)]
    after_start = [told - start for start, _, told in found]
    return Part.now(
        ready=[
            Ready(
                softphones=count,
                started=median(start for start, _, _ in found),
                granted=median(granted for _, granted, _ in found),
                told=median(told for _, _, told in found),
                longest=max(told for _, _, told in found),
                after_start=median(after_start),
                longest_after_start=max(after_start),
            )
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20)
    found = parser.parse_args()
    with kinds():
        made = asyncio.run(measure(found.count))
    if os.environ.get("WRITE"):
        made.write("ready")


if __name__ == "__main__":
    main()
