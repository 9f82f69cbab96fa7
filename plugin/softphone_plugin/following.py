"""Follows the status streams of many agents at the same time, through the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from softphone_agent.contract.report import (
    HEARTBEAT_SECONDS,
    PhoneChanged,
    PhoneRemoved,
    PhoneReport,
    Snapshot,
    parse_line,
)
from softphone_plugin.cluster import Cluster, Object, RefusedError
from softphone_plugin.errors import PluginError
from softphone_plugin.reading import agent_pod, proxied

SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
WAIT_SECONDS = 0.5
"""Between two attempts to hear an agent."""


@dataclass
class Followed:
    """An agent, its pod as it was found, and the phones it last told of."""

    namespace: str
    agent: str
    pod: Object | None
    phones: dict[str, PhoneReport] = field(default_factory=dict)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    why_not: str = ""


Told = Callable[[Followed, Mapping[str, PhoneReport]], None]
Lost = Callable[[Followed], None]


async def follow(cluster: Cluster, agents: Iterable[Followed], told: Told, lost: Lost) -> None:
    """Follow agents until cancelled. `told` gets the phones of a line, `lost` an agent that cannot be heard."""
    async with asyncio.TaskGroup() as group:
        for agent in agents:
            group.create_task(_follow(cluster, agent, told, lost))


async def _follow(cluster: Cluster, agent: Followed, told: Told, lost: Lost) -> None:
    while True:
        try:
            pod = agent.pod or await agent_pod(cluster, agent.namespace, agent.agent)
            await _listen(cluster, agent, pod, told)
            agent.why_not = "it ended its status stream"
        except RefusedError as error:
            if error.status == 403:
                raise
            agent.why_not = str(error)
        except ValidationError:
            agent.why_not = "its status is that of another version"
        except PluginError as error:
            agent.why_not = str(error)
        agent.pod = None  # it may be another one the next time
        lost(agent)
        agent.heard.set()
        await asyncio.sleep(WAIT_SECONDS)


async def _listen(cluster: Cluster, agent: Followed, pod: Object, told: Told) -> None:
    async for line in cluster.lines(proxied(pod, "status"), {"watch": "1"}, SILENCE_SECONDS):
        match parse_line(line):
            case Snapshot(phones=phones):
                agent.phones = {phone.name: phone for phone in phones}
                agent.why_not = ""
                told(agent, agent.phones)
                agent.heard.set()
            case PhoneChanged(phone=phone):
                agent.phones[phone.name] = phone
                told(agent, {phone.name: phone})
            case PhoneRemoved(name=name):
                agent.phones.pop(name, None)
