"""What a phone would do next: the agent's own state machine, asked what it would make of this or that. Pure.

The plan is made from the objects by the operator's and the agent's own functions, the state from what the agent tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from softphone_agent.contract import config_faults, reading
from softphone_agent.contract import phone as phone_contract
from softphone_agent.phone.directory import Directory, location_of
from softphone_agent.phone.planning import plan_of
from softphone_agent.registration import machine
from softphone_agent.registration.actions import Action, Register
from softphone_agent.registration.events import PingFailed, TimePassed, Unreachable
from softphone_agent.registration.plan import Entry, Plan, Registrar
from softphone_agent.registration.policy import Role
from softphone_agent.registration.returning import returns_at
from softphone_agent.registration.states import Binding, Health, Hop, Phase, State
from softphone_operator.api.status import RegistrationStatus
from softphone_operator.decide import decisions, desired_fleet, desired_pbx, desired_pool, desired_softphone, references
from softphone_plugin.phones import FoundPhone, Object

EVERY_KEY = frozenset({"password", "username", "ca.crt", "tls.crt", "tls.key"})
MOST_ASKED = 8
"""No round asks more PBXes; it is a guard against a machine that never waits."""


class Configured(NamedTuple):
    """A phone as its agent is told of it."""

    plan: Plan
    directory: Directory
    phone: phone_contract.Phone

    @property
    def location(self) -> str | None:
        """The physical location that it registers with."""
        return location_of(self.phone, self.directory)


@dataclass(frozen=True)
class Round:
    """The PBXes that would be asked one after the other if none answered, and how long the phone would wait then."""

    asked: tuple[str, ...]
    waits_at_most: float


def configured(phone: FoundPhone, pbxs: Iterable[Object]) -> Configured | decisions.Refusal:
    """The phone as the operator would configure it now, or why it would not. Secrets are taken to be there."""
    specs = {obj["metadata"]["name"]: obj.get("spec") for obj in pbxs}
    of, uid = phone.owner.get("spec"), str(phone.owner["metadata"].get("uid", ""))
    secrets = _present(of, specs)
    plans = {name: desired_pbx.pbx(name, phone.namespace, spec, secrets) for name, spec in sorted(specs.items())}
    owner = phone.owner["metadata"]["name"]
    if phone.is_of_fleet:
        whole = desired_fleet.fleet(owner, phone.namespace, uid, of, plans, secrets)
        if isinstance(whole, decisions.Refusal):
            return whole
        config = next(agent.config for agent in whole.agents if agent.agent == phone.agent)
        try:
            config = reading.expanded(config)
        except config_faults.ConfigFaults as faults:
            return decisions.Refusal("InvalidSpec", str(faults))
    elif references.pool_of(of):
        return _pooled(phone, plans, secrets)
    else:
        one = desired_softphone.softphone(owner, phone.namespace, uid, of, plans, secrets)
        if isinstance(one, decisions.Refusal):
            return one
        config = one.config
    found = next(one for one in config.phones if one.name == phone.name)
    return _configured(found, Directory.of(config.pbxs))


def _pooled(
    phone: FoundPhone, plans: Mapping[str, decisions.DesiredPbx | decisions.Refusal], secrets: decisions.Secrets
) -> Configured | decisions.Refusal:
    """A phone of a pool. The pool and its Secrets are taken to be there, and to have what the phone needs."""
    of = phone.owner.get("spec")
    credentials = of.get("credentials") if isinstance(of, Mapping) else None
    named = credentials.get("secretName") if isinstance(credentials, Mapping) else None
    keys = {str(text) for text in credentials.values()} if isinstance(credentials, Mapping) else set()
    there = {**secrets, str(named): EVERY_KEY | keys | {phone.name}} if named else secrets
    spec = {"credentials": {"secretNames": [named] if named else []}}
    taken = desired_pool.pool(phone.namespace, spec, there)
    one = desired_softphone.in_pool(phone.name, phone.namespace, "", of, taken, plans, there)
    if isinstance(one, decisions.Refusal):
        return one
    found = phone_contract.Phone.model_validate_json(one.entry, by_alias=True, by_name=False)
    used = [plan.pbx for name, plan in plans.items() if name in one.pbxs and isinstance(plan, decisions.DesiredPbx)]
    return _configured(found, Directory.of(tuple(used)))


def _configured(found: phone_contract.Phone, directory: Directory) -> Configured:
    return Configured(plan_of(found, directory, None, found.registration.attempt_timeout_seconds), directory, found)


def _present(spec: Any, pbxs: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    named = references.softphone_needs(spec).secrets | references.fleet_needs(spec).secrets
    return dict.fromkeys(named.union(*(references.pbx_needs(of) for of in pbxs.values())), EVERY_KEY)


def after_a_loss(of: Configured, at: RegistrationStatus, silent: Set[str]) -> Round | None:
    """What a registered phone would ask if its PBX fell silent now. `silent`: PBXes that answer no pings already."""
    state = _registered(of, at, silent)
    if state is None or state.binding is None:
        return None
    return _walk(of, *machine.step(state, PingFailed(state.binding.registrar, since=0.0), 0.0, 0.0))


def comes_back_to(of: Configured, at: RegistrationStatus) -> str | None:
    """The primary PBX to which the phone returns by itself when that answers (failBack); None where it stays."""
    state, primary = _registered(of, at, set()), of.plan.pri
    if state is None or primary is None:
        return None
    answered = replace(state, health=replace(state.health, primary_since=0.0))
    return of.directory.label(primary.uri) if returns_at(answered) is not None else None


def next_round(of: Configured, silent: Set[str]) -> Round:
    """What a phone without registration would ask when its wait is over."""
    waiting = State(of.plan, Phase.WAITING, serial=1, wake_at=0.0, health=_health(of, silent))
    return _walk(of, *machine.step(waiting, TimePassed(), 0.0, 0.0))


def _walk(of: Configured, state: State, actions: tuple[Action, ...]) -> Round:
    """Let every PBX that is asked be silent, until the machine waits."""
    asked: list[str] = []
    for _ in range(MOST_ASKED):
        asked += [of.directory.label(one.registrar.uri) for one in actions if isinstance(one, Register)]
        if state.attempt is None:
            break
        # The greatest jitter that there is: so the wait is the longest that may come.
        state, actions = machine.step(state, Unreachable(state.serial), 0.0, 1.0)
    return Round(tuple(asked), state.wake_at)


def _health(of: Configured, silent: Set[str]) -> Health:
    known = {of.plan.pri, of.plan.sec, of.plan.cur, of.plan.home} - {None}
    return Health(dead=frozenset(one for one in known if one is not None and of.directory.label(one.uri) in silent))


def _registered(of: Configured, at: RegistrationStatus, silent: Set[str]) -> State | None:
    if at.registrar is None:
        return None
    by_label = {of.directory.label(uri): Registrar(uri) for uri in of.directory.by_registrar}
    registrar = Registrar(at.registrar)
    hops = tuple(
        Hop(by_label[hop.pbx], by_label.get(hop.target, registrar), hop.code)
        for hop in at.redirects
        if hop.pbx in by_label
    )
    entry = {"pri": Entry.PRI, "sec": Entry.SEC, "cur": Entry.CUR}.get(at.via or "")
    start = hops[0].source if hops else registrar
    if entry is None:
        entry = next((entry for entry, entered in of.plan.entries if entered == start), Entry.PRI)
    role = at.role or Role.UNKNOWN
    binding = Binding(registrar, entry, start, hops, role, of.plan.aor, of.plan.register_digest, 0.0, 1.0, 2.0)
    return State(of.plan, Phase.REGISTERED, serial=1, binding=binding, health=_health(of, silent))
