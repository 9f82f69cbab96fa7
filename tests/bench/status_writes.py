"""How many statuses of Softphones the API server takes from the bare client, in each way to write one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from itertools import count as counting
from statistics import median

from bench.api_client import IN_FLIGHT, SOFTPHONES, Client, Object, path_of
from bench.figures import percentile
from bench.operator_figures import StatusWrites
from bench.wanted import write_status
from lab.measuring import cpu
from lab.procfs import marked
from lab.settings import settings
from softphone_agent.contract.report import ConfigReport, PhoneReport, Role
from softphone_operator.api.kinds import API_VERSION
from softphone_operator.decide import status
from softphone_operator.decide.facts import Reported, Statement
from softphone_operator.decide.names import FIELD_MANAGER

SERVERS = ("kube-apiserver", "etcd")
SECONDS = 10.0

Write = Callable[[Object, Object], Awaitable[Object]]
"""Takes a Softphone as it is, and its new status; gives what it is then."""


def server_seconds() -> float:
    """The CPU that API server and etcd have used."""
    return cpu(pid for name in SERVERS for pid in marked(settings(), name))


def phone_report(index: int, number: int) -> PhoneReport:
    """What an agent says of a phone after its transition `number`: its registrar tells which one it was."""
    return PhoneReport(
        name=f"load{index:05d}",
        state="Registered",
        registered=True,
        pbx=("master", "standby")[number // 1000 % 2],
        registrar=f"sip:10.245.0.11;number={number}",
        via="pri",
        role=Role.HOME,
        since=datetime.now(UTC).isoformat(),
    )


async def measure(client: Client, place: str) -> list[StatusWrites]:
    """Each way for SECONDS, on the Softphones that are there; nobody else may write them."""
    listed = await client.list(f"/{SOFTPHONES}/namespaces/{place}/softphones")
    phones = [phone | {"apiVersion": API_VERSION, "kind": "Softphone"} for phone in listed]
    ways: dict[str, Write] = {
        "server-side apply": partial(_apply, client),
        "merge patch": partial(_merge, client),
        "update": partial(_update, client),
    }
    return [await _one(how, write, phones) for how, write in ways.items()]


async def _apply(client: Client, phone: Object, told: Object) -> Object:
    return await write_status(client, phone, told, FIELD_MANAGER)


async def _merge(client: Client, phone: Object, told: Object) -> Object:
    return await client.merge(_path(phone), {"status": told})


async def _update(client: Client, phone: Object, told: Object) -> Object:
    return await client.update(_path(phone), {**phone, "status": told})


def _path(phone: Object) -> str:
    metadata = phone["metadata"]
    return path_of(SOFTPHONES, metadata["namespace"], "softphones", f"{metadata['name']}/status")


async def _one(how: str, write: Write, phones: list[Object]) -> StatusWrites:
    took: list[float] = []
    numbers, end = counting(), time.perf_counter() + SECONDS

    async def worker() -> None:
        while (begun := time.perf_counter()) < end:
            number = next(numbers)
            index = number % len(phones)
            phone = phones[index]
            phones[index] = await write(phone, _status(phone, phone_report(index, number)))
            took.append(time.perf_counter() - begun)

    server, own, begun = server_seconds(), time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    lasted = time.perf_counter() - begun
    made = StatusWrites(
        how=how,
        in_flight=IN_FLIGHT,
        writes=len(took) / lasted,
        median=median(took),
        p99=percentile(took, 99),
        server_cores=(server_seconds() - server) / lasted,
        client_cores=(time.process_time() - own) / lasted,
    )
    print(f"bare client: {made}", flush=True)
    return made


def _status(phone: Object, report: PhoneReport) -> Object:
    """The status that the operator would write."""
    reported = Reported("connected", report, ConfigReport(digest="bench"))
    told = status.softphone(
        phone.get("status") or {},
        generation=phone["metadata"]["generation"],
        accepted=status.ACCEPTED,
        agent=Statement("True", "Running", "its pod runs"),
        reported=reported,
        wanted_digest="bench",
        now=datetime.now(UTC),
    )
    return dict(status.dump(told))
