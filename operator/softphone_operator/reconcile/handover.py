"""Which phones the agents of a pool must keep for the time being, and what is seen of them. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import partial

from softphone_agent.contract.report import PhoneReport
from softphone_operator.decide import decisions, mounts, names, status
from softphone_operator.decide.assignment import Seen
from softphone_operator.decide.desired_pool import AgentFile
from softphone_operator.decide.facts import Reported
from softphone_operator.kubernetes.resources import CONFIG_MAPS, DEPLOYMENTS, POOLS, SOFTPHONES, Resource
from softphone_operator.observe.carried import names_in, number_of
from softphone_operator.observe.observed import ObjectKey, Observed
from softphone_operator.observe.slimming import Object
from softphone_operator.reconcile.listening import Listening


class Handover:
    """A phone that leaves an agent is let go when its new agent has it, or when there is no binding to lose."""

    def __init__(self, observed: Observed, listening: Listening) -> None:
        self._observed = observed
        self._listening = listening

    def carried(self, pool: Object, missing: Iterable[tuple[Resource, Object]]) -> dict[int, AgentFile]:
        """The files of a pool's agents by their numbers: those that their pods mount.

        `missing`: objects of the pool that somebody has deleted. They come again.
        """
        namespace, name = pool["metadata"]["namespace"], pool["metadata"]["name"]
        found: dict[int, AgentFile] = {}
        for resource, gone in missing:
            if resource == CONFIG_MAPS and (number := number_of(gone)) is not None:
                text = next(iter((gone.get("data") or {}).values()), "")
                found[number] = AgentFile(names_in(text), lambda text=text: text)  # type: ignore[misc]
        for agent in self._agents(namespace, name):
            number = self._observed.carried.number((namespace, agent))
            if number is not None:
                deployment = self._observed.get(DEPLOYMENTS.kind, (namespace, agent))
                key = mounts.mounted_key(deployment) if deployment else names.CONFIG_KEY
                phones = self._observed.carried.phones((namespace, agent), key)
                found[number] = AgentFile(phones, partial(self._text, namespace, agent, key))
        return found

    def _text(self, namespace: str, agent: str, key: str) -> str:
        config_map = self._observed.get(CONFIG_MAPS.kind, (namespace, agent)) or {}
        return str((config_map.get("data") or {}).get(key, ""))

    def seen(self, pool: ObjectKey, carried: Mapping[int, AgentFile]) -> Seen:
        """What the agents of a pool say of the phones in their files."""
        registered, idle = {}, {}
        for number in carried:
            view = self._listening.view((pool[0], names.POOL.agent(pool[1], number)))
            if view is not None and view.connected:
                registered[number] = {name for name, phone in view.phones.items() if _is_settled(phone)}
                idle[number] = {name for name, phone in view.phones.items() if not phone.registered}
        return Seen({number: file.phones for number, file in carried.items()}, registered, idle)

    def staying(
        self,
        pool: ObjectKey,
        phones: Mapping[str, decisions.DesiredPhone | decisions.Refusal],
        carried: Mapping[int, AgentFile],
    ) -> frozenset[str]:
        """The phones that stay where they are: their specs are refused, or another agent has not got them yet."""
        there = frozenset().union(*(file.phones for file in carried.values()))
        refused = {name for name, one in phones.items() if isinstance(one, decisions.Refusal)}
        leaving = {name for name in there - phones.keys() if not self._is_let_go(pool, name)}
        return frozenset(there & (refused | leaving))

    def _is_let_go(self, pool: ObjectKey, phone: str) -> bool:
        namespace = pool[0]
        obj = self._observed.get(SOFTPHONES.kind, (namespace, phone))
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            return True
        if obj["status"].get("observedGeneration") != obj["metadata"].get("generation"):
            return False  # it is not known yet what is to become of it
        if status.condition(obj, "Accepted").get("status") != "True":
            return False
        ours = self._agents(namespace, pool[1]) & set(self._observed.carried.agents(namespace, phone))
        others = {*self._observed.carried.agents(namespace, phone), names.softphone_agent(phone)} - ours
        if any(_is_settled(self.report(namespace, agent, phone)) for agent in others):
            return True
        held = [self.report(namespace, agent, phone) for agent in ours]
        return bool(held) and all(one is not None and not one.registered for one in held)

    def report(self, namespace: str, agent: str, phone: str) -> PhoneReport | None:
        """What an agent that is heard says of a phone, None where nothing."""
        view = self._listening.view((namespace, agent))
        return view.phones.get(phone) if view is not None and view.connected else None

    def _agents(self, namespace: str, pool: str) -> Set[str]:
        return self._observed.groups.agents((POOLS.kind, namespace, pool))


def _is_settled(report: PhoneReport | None) -> bool:
    """Whether an agent has taken a phone over: it is registered there, or is not to be."""
    return report is not None and (report.registered or report.state == "Suspended")


def is_handed_over(new: Reported, old: Reported) -> bool:
    """Whether an agent may let a phone go: the new one has taken it over, or the old one has no binding to lose."""
    if new.stream == "connected" and _is_settled(new.phone):
        return True
    return old.stream == "connected" and old.phone is not None and not old.phone.registered
