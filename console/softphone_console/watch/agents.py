"""Asks agents what they remember of their phones, by HTTP at their pods' addresses. Answers are kept for a moment."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import aiohttp
from pydantic import ValidationError

from softphone_agent.contract.history import History, HistoryEntry
from softphone_console.view import raw
from softphone_console.view.facts import Key, Phone
from softphone_console.view.raw import Object
from softphone_console.view.timeline import Memory, Remembered
from softphone_console.watch.cluster import Cluster, ClusterError, Collection
from softphone_operator.decide.availability import current_pod
from softphone_operator.decide.names import HTTP_PORT, INSTANCE, OWNED_SELECTOR, PORT_ANNOTATION, selector_labels

KEPT_SECONDS = 5.0
"""How long an answer counts: many people look, and pages are made anew with every change."""
ANSWER_SECONDS = 5.0
AT_ONCE = 20
MOST_AGENTS = 300
"""Agents that are asked for the timeline of all."""
MOST_BYTES = 4 * 1024 * 1024


class Agents:
    """What agents remember. `clock`: seconds of any beginning."""

    def __init__(
        self, cluster: Cluster, session: aiohttp.ClientSession, namespaces: Sequence[str], clock: Callable[[], float]
    ) -> None:
        self._cluster = cluster
        self._session = session
        self._namespaces = namespaces
        self._clock = clock
        self._kept: dict[str, tuple[float, asyncio.Task[Remembered]]] = {}

    async def of_phone(self, phone: Phone) -> Remembered:
        """What the agent of a Softphone remembers of it."""
        if not phone.agent:
            return Remembered(notes=["It has no agent that could remember anything: this is of Events only."])
        key = phone.key
        return await self._once(f"{key.namespace}/{phone.agent}/{key.name}", lambda: self._ask_one(phone))

    async def of_all(self) -> Remembered:
        """What all agents remember."""
        return await self._once("", self._ask_all)

    async def _once(self, about: str, ask: Callable[[], Coroutine[Any, Any, Remembered]]) -> Remembered:
        """The answer of a moment ago, or a new one; who asks meanwhile waits for the same."""
        now = self._clock()
        self._kept = {key: one for key, one in self._kept.items() if now - one[0] < KEPT_SECONDS or not one[1].done()}
        if about not in self._kept:
            self._kept[about] = (now, asyncio.create_task(ask()))
        return await asyncio.shield(self._kept[about][1])

    async def _ask_one(self, phone: Phone) -> Remembered:
        labels = ",".join(f"{name}={value}" for name, value in selector_labels(phone.agent).items())
        try:
            pod = current_pod(await self._pods(phone.key.namespace, labels))
            said = await self._history(pod, {"phone": phone.key.name})
        except (ClusterError, AgentError) as error:
            return Remembered(notes=[f"What its agent remembers is not among this: {error}."])
        return Remembered([Memory(phone.key.namespace, said)])

    async def _ask_all(self) -> Remembered:
        notes, pods = list[str](), list[Object]()
        for namespace in self._namespaces or ("",):
            try:
                pods += await self._pods(namespace, OWNED_SELECTOR)
            except ClusterError as error:
                notes.append(f"Agents{f' in {namespace}' if namespace else ''} cannot be found: {error}.")
        agents = _current(pods)
        slots = asyncio.Semaphore(AT_ONCE)

        async def ask(key: Key, pod: Object) -> Memory | str:
            async with slots:
                try:
                    return Memory(key.namespace, await self._history(pod, {}))
                except AgentError as error:
                    return f"{key.name} in {key.namespace}: {error}"

        answers = await asyncio.gather(*(ask(*one) for one in agents[:MOST_AGENTS]))
        silent = [one for one in answers if isinstance(one, str)]
        if silent:
            more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
            notes.append(f"Not all agents answer: {silent[0]}{more}.")
        if len(agents) > MOST_AGENTS:
            notes.append(f"{MOST_AGENTS} of {len(agents)} agents were asked; of the others there are Events only.")
        return Remembered([one for one in answers if isinstance(one, Memory)], notes)

    async def _pods(self, namespace: str, labels: str) -> list[Object]:
        found = list[Object]()
        async for pods, _ in self._cluster.each(Collection("Pod", "v1", "pods", namespace or None, labels)):
            found += pods
        return found

    async def _history(self, pod: Object | None, query: dict[str, str]) -> Sequence[HistoryEntry]:
        url = address(pod)
        if url is None:
            raise AgentError("it has no pod that runs")
        limits = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._session.get(
                f"{url}/history", params=query, timeout=limits, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise AgentError(f"it answers {answer.status}")
                body = await answer.content.read(MOST_BYTES)
                while chunk := await answer.content.read(MOST_BYTES - len(body)):
                    body += chunk
            return History.model_validate_json(body).entries
        except ValidationError:
            raise AgentError("it is of another version") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AgentError(str(error) or "it does not answer in time") from None


class AgentError(Exception):
    """Why an agent told nothing, in words."""


def address(pod: Object | None) -> str | None:
    """Where the agent in a pod serves HTTP; None while it cannot."""
    host, phase = raw.text(pod or {}, "status", "podIP"), raw.text(pod or {}, "status", "phase")
    if not pod or not host or phase != "Running":
        return None
    port = raw.text(pod, "metadata", "annotations", PORT_ANNOTATION) or str(HTTP_PORT)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _current(pods: Iterable[Object]) -> list[tuple[Key, Object]]:
    """The pod that counts of each agent."""
    of: defaultdict[Key, list[Object]] = defaultdict(list)
    for pod in pods:
        namespace = raw.text(pod, "metadata", "namespace")
        of[Key(namespace, raw.text(pod, "metadata", "labels", INSTANCE))].append(pod)
    return [(key, newest) for key, found in sorted(of.items()) if (newest := current_pod(found))]
