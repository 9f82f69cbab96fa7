"""What is desired for a SoftphonePool and for each of its agents, or why it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract.config import AgentConfig, Http, Sip
from softphone_agent.contract.config_faults import fault_messages
from softphone_agent.contract.phone import REFERENCES, Pbx
from softphone_operator.api.spec import SoftphonePoolSpec
from softphone_operator.decide import many_phones
from softphone_operator.decide.assignment import Capacity
from softphone_operator.decide.decisions import (
    Caution,
    DesiredAgent,
    DesiredPbx,
    DesiredPhone,
    DesiredPool,
    Refusal,
    Secrets,
    refusal,
)
from softphone_operator.decide.desired_pbx import tls_secrets_of
from softphone_operator.decide.desired_softphone import merged
from softphone_operator.decide.faults import secret_faults
from softphone_operator.decide.names import POOL, SecretUse, digest, http_port
from softphone_operator.decide.pod_faults import pod_faults
from softphone_operator.decide.rollout import agents_away

MAX_FILE_BYTES = 392 * 1024
"""Of the phones in an agent's file. The API server takes a ConfigMap of 1 MiB, and while pods are changed it may hold
two files; each may have all test calls of the namespace besides, 120 KiB."""


def pool(namespace: str, spec: Any, secrets: Secrets) -> DesiredPool | Refusal:
    """What is desired for the SoftphonePool with the raw `spec`, given the Secrets of its namespace."""
    try:
        wanted = SoftphonePoolSpec.model_validate(spec, by_name=False, by_alias=True)
    except ValidationError as error:
        return refusal(("InvalidSpec", message) for message in fault_messages(error))
    faults = list(_pool_faults(wanted, namespace, secrets))
    if faults:
        return refusal(faults)
    resources = many_phones.resources(wanted.agent.resources, wanted.phones_per_agent)
    pod = wanted.agent.model_copy(update={"resources": resources})
    uses = tuple(SecretUse(name, whole=True) for name in sorted(set(wanted.credentials.secret_names)))
    return DesiredPool(wanted, pod, uses)


def _pool_faults(spec: SoftphonePoolSpec, namespace: str, secrets: Secrets) -> Iterator[tuple[str, str]]:
    yield from pod_faults(spec.agent)
    try:
        agents_away(spec.max_unavailable, 1)
    except ValueError as error:
        yield "InvalidSpec", f"maxUnavailable: {error}"
    for number, name in enumerate(spec.credentials.secret_names):
        yield from secret_faults(f"credentials.secretNames[{number}]", name, (), namespace, secrets)


def capacity(of: DesiredPool) -> Capacity:
    """What an agent of a pool holds at most."""
    return Capacity(of.spec.phones_per_agent, MAX_FILE_BYTES)


def full_file(of: DesiredPool, sizes: Iterable[int]) -> Caution | None:
    """What is to be said where phonesPerAgent phones of these sizes, in bytes, do not fit an agent's file."""
    largest = max(sizes, default=0)
    if largest * of.spec.phones_per_agent <= MAX_FILE_BYTES:
        return None
    return Caution(
        "FileFull",
        f"phonesPerAgent: {of.spec.phones_per_agent} phones as long as the longest, {largest} bytes, would not fit the "
        f"ConfigMap of an agent; {MAX_FILE_BYTES // largest} such phones do, and an agent carries no more",
    )


def entry_of(phone: DesiredPhone, agent: str) -> str:
    """A phone as the file of an agent has it.

    It has another +sip.instance with each agent: while it moves, two agents hold a binding each, and a registrar that
    knows user agents by that must not take the end of the old one for the end of the new one (RFC 5626, section 4.1).
    """
    return f'{{"id":"{phone.uid}-{digest(agent)}",{phone.entry[1:]}'


def agent(
    name: str,
    namespace: str,
    number: int,
    of: DesiredPool,
    entries: Mapping[str, str],
    pbxs: Iterable[DesiredPbx],
    secrets: Iterable[SecretUse],
) -> DesiredAgent:
    """One agent of the pool `name`.

    `entries`: what its file has of its phones, by name. `pbxs`: those that the file must have. `secrets`: what the
    PBXes of all phones of the pool need, so that a phone more or less makes no new pod.
    """
    config = AgentConfig(
        http=Http(port=http_port(namespace, f"pool {name}", host_network=of.pod.host_network, number=number)),
        sip=Sip(public_address=of.pod.public_address or None),
        metrics=of.spec.metrics,
        stop_seconds=many_phones.stop_seconds(of.spec.phones_per_agent),
        pbxs=tuple(desired.pbx for desired in sorted(pbxs, key=lambda desired: desired.pbx.name)),
    )
    uses = tuple(merged(of.secrets, secrets))
    in_order = {phone: entries[phone] for phone in sorted(entries)}
    return DesiredAgent(POOL.agent(name, number), config, of.pod, uses, (), of.spec.agent.resources, entries=in_order)


class AgentFile:
    """An agent's file as it is: its phones and PBXes, from which those go on whose spec is refused, or that leave.

    `phones`: the names of its phones; `read` gives its text, which is seldom needed.
    """

    def __init__(self, phones: frozenset[str], read: Callable[[], str]) -> None:
        self.phones = phones
        self._read = read
        self._file: Mapping[str, Any] | None = None

    def entry(self, phone: str) -> str:
        """What it has of a phone, as JSON."""
        found = next(raw for raw in phones_in(self._parsed()) if raw["name"] == phone)
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False)

    def pbxs(self, phones: Iterable[str]) -> Iterator[DesiredPbx]:
        """The PBXes of these phones, and the others of their systems; what cannot be read is left out."""
        if not (wanted := set(phones)):
            return
        named = {raw.get(where) for raw in phones_in(self._parsed()) if raw["name"] in wanted for where in REFERENCES}
        there = [raw for raw in self._parsed().get("pbxs") or () if isinstance(raw, Mapping)]
        systems = {raw.get("system", "") for raw in there if raw.get("name") in named} - {""}
        for raw in there:
            if raw.get("name") in named or raw.get("system") in systems:
                try:
                    made = Pbx.model_validate(raw, by_name=False, by_alias=True)
                except ValidationError:
                    continue
                yield DesiredPbx(made, tuple(tls_secrets_of(made)))

    def _parsed(self) -> Mapping[str, Any]:
        if self._file is None:
            self._file = parsed(self._read())
        return self._file


def parsed(text: str) -> Mapping[str, Any]:
    """An agent's file; empty if it cannot be read."""
    try:
        file = json.loads(text)
    except ValueError:
        return {}
    return file if isinstance(file, Mapping) else {}


def phones_in(file: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The phones of an agent's file."""
    listed = file.get("phones")
    found = listed if isinstance(listed, list) else []
    return [phone for phone in found if isinstance(phone, Mapping) and isinstance(phone.get("name"), str)]
