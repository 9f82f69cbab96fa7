"""The agent's configuration file: the contract between whoever writes it (the operator, a person) and the agent.

Field names in the file are camelCase, as in the Kubernetes objects whose fields they are.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from softphone_agent.contract.call_check import CallCheck, Callee
from softphone_agent.contract.fields import USER_AGENT_PATTERN, HostText, IpAddressText, Model, NameServerText
from softphone_agent.contract.fleet import MAX_PHONES, FleetSlice
from softphone_agent.contract.phone import Pbx, Phone, reference_faults

AT_START = "Taken at the agent's start."
MAX_PHONES_PER_WORKER = 500
"""A process has one thread: where all phones move at once, as at a fail-over, each waits for those before it."""


class Http(Model):
    """Where the agent serves HTTP."""

    address: HostText = Field(default="0.0.0.0", max_length=64, description=f"Address to listen on. {AT_START}")
    port: int = Field(default=8080, ge=0, le=65535, description=f"TCP port; 0: any free one. {AT_START}")


class Sip(Model):
    """The agent's own SIP side."""

    bind_address: IpAddressText = Field(
        default="", max_length=64, description=f"IP address to send from. Default: the system's choice. {AT_START}"
    )
    port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description=f"Local SIP port; 0: any free one. Each further worker takes the port after it. {AT_START}",
    )
    public_address: HostText | None = Field(
        default=None, max_length=253, description="Address to announce in Contact, where pods are behind NAT."
    )
    name_servers: tuple[NameServerText, ...] = Field(
        default=(),
        max_length=8,
        description="DNS servers that are asked for the hosts of PBXes, as address or address:port. "
        "Default: the system's.",
    )
    user_agent: str = Field(
        default="softphone-fleet",
        max_length=64,
        pattern=USER_AGENT_PATTERN,
        description=f"User-Agent header. {AT_START}",
    )


class Workers(Model):
    """The processes over which the agent spreads its phones."""

    phones_per_worker: int = Field(
        default=MAX_PHONES_PER_WORKER,
        ge=1,
        le=MAX_PHONES_PER_WORKER,
        description="Phones that one process carries at most. Phones that run stay in their process.",
    )
    max_calls: int = Field(
        default=32,
        ge=0,
        le=200,
        description="Calls that one process has at a time at most; others get 486.",
    )


class Metrics(Model):
    """What `/metrics` shows."""

    per_phone: bool = Field(
        default=True, description="Whether each phone has series of its own, besides those of the agent."
    )


class AgentConfig(Model):
    """The whole file."""

    fleet: str = Field(default="", max_length=253, description="Name of the SoftphoneFleet, if any.")
    http: Http = Field(default_factory=Http, description="Where the agent serves HTTP.")
    sip: Sip = Field(default_factory=Sip, description="The agent's own SIP side.")
    workers: Workers = Field(default_factory=Workers, description="How phones are spread over processes.")
    metrics: Metrics = Field(default_factory=Metrics, description="What /metrics shows.")
    stop_seconds: float = Field(
        default=20.0, ge=0, le=3600, description="Time to un-REGISTER all phones on SIGTERM, in seconds."
    )
    pbxs: tuple[Pbx, ...] = Field(default=(), max_length=1000, description="The PBXes.")
    phones: tuple[Phone, ...] = Field(default=(), max_length=MAX_PHONES, description="The phones.")
    call_checks: tuple[CallCheck, ...] = Field(default=(), max_length=1000, description="Test calls of these phones.")
    callees: tuple[Callee, ...] = Field(
        default=(), max_length=1000, description="Phones of these that test calls are for, by whatever agent."
    )
    fleets: tuple[FleetSlice, ...] = Field(
        default=(), max_length=100, description="More phones, each of which is made from a template and its index."
    )

    @model_validator(mode="after")
    def _references_resolve(self) -> Self:
        faults = list(self._cross_faults())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _cross_faults(self) -> list[str]:
        faults = [f'pbxs: the name "{name}" is used twice' for name in used_twice(p.name for p in self.pbxs)]
        faults += [f'phones: the name "{name}" is used twice' for name in used_twice(p.name for p in self.phones)]
        faults += [
            f'callChecks: the name "{name}" is used twice' for name in used_twice(c.name for c in self.call_checks)
        ]
        known = {pbx.name: pbx for pbx in self.pbxs}
        for index, phone in enumerate(self.phones):
            faults += [f"phones[{index}].{fault}" for fault in reference_faults(phone, known)]
        callers = {phone.name for phone in self.phones}
        for index, check in enumerate(self.call_checks):
            if not self._has(check.caller, callers):
                faults.append(f'callChecks[{index}].caller: no phone is named "{check.caller}"')
        for index, callee in enumerate(self.callees):
            if not self._has(callee.phone, callers):
                faults.append(f'callees[{index}].phone: no phone is named "{callee.phone}"')
        faults += [
            f'callees: the phone "{phone}" is there twice for the check "{check}"'
            for phone, check in used_twice((callee.phone, callee.check) for callee in self.callees)
        ]
        for index, fleet in enumerate(self.fleets):
            if not (fleet.name or self.fleet):
                faults.append(f"fleets[{index}].name: is required, since the file does not name a fleet")
        return faults

    def _has(self, name: str, phones: set[str]) -> bool:
        return name in phones or any(self._is_of(fleet, name) for fleet in self.fleets)

    def _is_of(self, fleet: FleetSlice, name: str) -> bool:
        """Whether a phone of this fleet has the name."""
        of, _, index = name.rpartition("-")
        known = range(fleet.first_index, fleet.first_index + fleet.count)
        return (
            of == (fleet.name or self.fleet) and index.isdecimal() and int(index) in known and str(int(index)) == index
        )


def waiting_for_a_start(running: AgentConfig, wanted: AgentConfig) -> list[str]:
    """The fields that differ and that a running agent cannot take: those whose description ends in AT_START."""
    return [
        f"{part}.{to_camel(name)}"
        for part in ("http", "sip")
        for name, field in type(getattr(running, part)).model_fields.items()
        if (field.description or "").endswith(AT_START)
        and getattr(getattr(running, part), name) != getattr(getattr(wanted, part), name)
    ]


def used_twice(names: Any) -> list[Any]:
    """The names that occur more than once, in order."""
    return sorted(name for name, count in Counter(names).items() if count > 1)
