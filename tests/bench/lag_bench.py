"""How long a transition in an agent takes to the status of its Softphone: `make bench ONLY=operator-lag`.

In the lab: python -m bench.lag_bench [--count 1000] [--rates 10 200 500]

The operator is real, and so are API server and Softphones. The agents are one server in this process that speaks the
status stream; each has an address of its own of 127.0.0.0/8, told by the status of a pod that no node runs. The clock
stops when a watch of the API server, in this process too, shows the Softphone with the transition.

Afterwards the bare client writes such statuses by itself: what the API server takes here, in each way to write one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from functools import partial
from itertools import count as counting
from statistics import median

from aiohttp import web

from bench import status_writes
from bench.api_client import SOFTPHONES, Client, Object, connected, in_flight, kinds, namespace, path_of, settled
from bench.figures import percentile
from bench.operator_bench import at_rest, by_operator, operator
from bench.operator_figures import Lag, Part, Rest
from bench.status_writes import phone_report, server_seconds
from e2e.operator_process import OperatorProcess
from softphone_agent.contract.report import (
    HEARTBEAT_SECONDS,
    ConfigReport,
    Heartbeat,
    PbxReport,
    PhoneChanged,
    PhoneReport,
    Snapshot,
    to_line,
)
from softphone_operator.api.kinds import API_VERSION
from softphone_operator.decide import manifests, names

PORT = 18083
DRAIN_SECONDS = 60.0


def address(index: int) -> str:
    """Of the agent of a Softphone."""
    return f"127.1.{index // 250}.{index % 250 + 1}"


class Agents:
    """All agents in one server; `streams` has those that are followed."""

    def __init__(self, digests: dict[int, str]) -> None:
        self._digests = digests
        self.streams: dict[int, web.StreamResponse] = {}
        self.sent: dict[str, float] = {}
        self._numbers = counting(1)
        self.last: dict[int, PhoneReport] = {}
        """What each said last, by its number; who connects again is told that."""

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """Serve `/status?watch=1`."""
        assert request.transport is not None
        _, _, high, low = request.transport.get_extra_info("sockname")[0].split(".")
        index = int(high) * 250 + int(low) - 1
        response = web.StreamResponse()
        await response.prepare(request)
        reachable = tuple(PbxReport(name=name, reachable=True) for name in ("master", "standby"))
        config = ConfigReport(digest=self._digests[index])
        phone = self.last.get(index) or phone_report(index, 0)
        await response.write(to_line(Snapshot(version="bench", config=config, phones=(phone,), pbxs=reachable)))
        self.streams[index] = response
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await response.write(to_line(Heartbeat()))

    async def transit(self, index: int) -> None:
        """A phone is registered elsewhere from now on."""
        phone = self.last[index] = phone_report(index, next(self._numbers))
        assert phone.registrar is not None
        self.sent[phone.registrar] = time.perf_counter()
        await self.streams[index].write(to_line(PhoneChanged(phone=phone)))


async def put_pod(client: Client, place: str, softphone: Object, index: int) -> None:
    """A pod that runs as far as the API server knows: no scheduler takes it, and its owner is the Softphone."""
    name = names.softphone_agent(softphone["metadata"]["name"])
    owner = {"apiVersion": softphone["apiVersion"], "kind": "Softphone", "name": softphone["metadata"]["name"],
             "uid": softphone["metadata"]["uid"], "controller": True}  # fmt: skip
    restricted = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": place,
            "labels": names.agent_labels(name),
            "annotations": {names.PORT_ANNOTATION: str(PORT)},
            "ownerReferences": [owner],
        },
        "spec": {
            "schedulerName": "nobody",
            "automountServiceAccountToken": False,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "agent", "image": "none", "securityContext": restricted}],
        },
    }
    path = path_of("api/v1", place, "pods", name)
    await client.apply(path, pod)
    ready = {"type": "Ready", "status": "True"}
    told = {"phase": "Running", "podIP": address(index), "podIPs": [{"ip": address(index)}], "conditions": [ready]}
    await client.merge(f"{path}/status", {"status": told})


async def lag(client: Client, place: str, agents: Agents, ours: OperatorProcess, rate: int, seconds: float) -> Lag:
    """Transitions one after the other through all phones, at this rate."""
    agents.sent.clear()
    lags: list[float] = []
    phones = len(agents.streams)
    changed = asyncio.Event()

    async def look() -> None:
        async for phone in client.watch(f"/{SOFTPHONES}/namespaces/{place}/softphones"):
            registrar = phone.get("status", {}).get("registration", {}).get("registrar", "")
            if (sent := agents.sent.pop(registrar, None)) is not None:
                lags.append(time.perf_counter() - sent)
                changed.set()

    looking = asyncio.create_task(look())
    await asyncio.sleep(1)
    used, server, other, begun = ours.cpu_seconds(), server_seconds(), time.process_time(), time.perf_counter()
    wrote = ours.metric("softphone_operator_api_requests_total", verb="PATCH")
    total = round(rate * seconds)
    for number in range(total):
        if (wait := begun + number / rate - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        await agents.transit(number % phones)
    lasted = time.perf_counter() - begun
    # What was overtaken by the next transition of its phone is never told.
    last = {phone.registrar for phone in agents.last.values()}
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while last & agents.sent.keys():
                changed.clear()
                await changed.wait()
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    whole = time.perf_counter() - begun
    made = Lag(
        rate=rate,
        softphones=phones,
        transitions=total,
        told=len(lags),
        median=median(lags),
        p99=percentile(lags, 99),
        longest=max(lags),
        writes=(ours.metric("softphone_operator_api_requests_total", verb="PATCH") - wrote) / whole,
        cores=(ours.cpu_seconds() - used) / whole,
        server_cores=(server_seconds() - server) / whole,
        other_cores=(time.process_time() - other) / whole,
    )
    print(f"{rate}/s wanted, {total / lasted:.0f}/s sent, all told after {whole:.1f} s: {made}", flush=True)
    return made


async def measure(count: int, rates: list[int], seconds: float) -> Part:
    async with connected() as client:
        with namespace() as place:
            with operator(place) as ours:
                lags, rests = await by_our_operator(client, place, ours, count, rates, seconds)
            written = await status_writes.measure(client, place)
    return Part.now(lag=lags, status_writes=written, rest=rests)


async def by_our_operator(
    client: Client, place: str, ours: OperatorProcess, count: int, rates: list[int], seconds: float
) -> tuple[list[Lag], list[Rest]]:
    """The lag at each rate, and what the operator costs before, with and without agents."""
    await by_operator(client, place, range(count))
    await settled(client, place, count)
    rests = [await at_rest(ours, count, 20, "no agent is there")]
    collection = f"namespaces/{place}"
    files = {file["metadata"]["name"]: file for file in await client.list(f"/api/v1/{collection}/configmaps")}
    phones = await client.list(f"/{SOFTPHONES}/{collection}/softphones")
    digests = {}
    for index, phone in enumerate(phones):
        file = files[names.softphone_agent(phone["metadata"]["name"])]
        digests[index] = manifests.text_digest(file["data"][names.CONFIG_KEY])
        phone |= {"apiVersion": API_VERSION, "kind": "Softphone"}
    agents = Agents(digests)
    application = web.Application()
    application.router.add_get("/status", agents.follow)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", PORT).start()
    try:
        await in_flight(partial(put_pod, client, place, phone, n) for n, phone in enumerate(phones))
        async with asyncio.timeout(120):
            while len(agents.streams) < count:
                await asyncio.sleep(0.1)
        rests.append(await at_rest(ours, count, 20, "each has an agent", streams=count))
        lags = [await lag(client, place, agents, ours, rate, seconds) for rate in rates]
    finally:
        await runner.cleanup()
    return lags, rests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rates", type=int, nargs="+", default=[10, 200, 500])
    parser.add_argument("--seconds", type=float, default=30)
    found = parser.parse_args()
    with kinds():
        made = asyncio.run(measure(found.count, found.rates, found.seconds))
    if os.environ.get("WRITE"):
        made.write("lag")


if __name__ == "__main__":
    main()
