"""What an object refers to, whether it exists or not, and who uses a PBX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract import template
from softphone_agent.contract.phone import REFERENCES, is_uri
from softphone_operator.api.spec import (
    SoftphoneFleetSpec,
)
from softphone_operator.decide.aors import FleetAors, canonical_aor

NAMES_TOLD = 5


@dataclass(frozen=True, slots=True)
class Needs:
    """What a Softphone refers to, whether it exists or not: names of PBX objects and of Secrets, its AOR and its pool.

    The Secrets of one in a pool are the pool's: many share one, and only their pool looks after it.
    """

    pbxs: frozenset[str] = field(default_factory=frozenset)
    secrets: frozenset[str] = field(default_factory=frozenset)
    aor: str = ""
    pool: str = ""


@dataclass(frozen=True, slots=True)
class PbxUse:
    """Who uses a PBX: the Softphones and fleets that name it, and how many phones are registered there."""

    softphones: tuple[str, ...] = ()
    registered: int = 0
    fleets: tuple[str, ...] = ()

    def __str__(self) -> str:
        """In words, empty where nobody does."""
        said = []
        if self.softphones:
            said.append(f"named by {counted('Softphone', self.softphones)}")
        if self.fleets:
            said.append(f"named by {counted('SoftphoneFleet', self.fleets)}")
        if self.registered:
            said.append(f"{self.registered} phone{'s are' if self.registered > 1 else ' is'} registered there")
        return ", ".join(said)


def counted(kind: str, names: Sequence[str]) -> str:
    """Such as `2 Softphones (anna, bob)`; of many only the first are named."""
    told = ", ".join(names[:NAMES_TOLD])
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return f"{len(names)} {kind}{'s' if len(names) > 1 else ''} ({told}{more})"


def softphone_needs(spec: Any) -> Needs:
    """The PBX objects, Secrets and AOR that a Softphone's raw spec names; never fails, whatever the spec holds."""
    if not isinstance(spec, Mapping):
        return Needs()
    references = [spec.get(name) for name in REFERENCES]
    credentials = spec.get("credentials")
    secret = credentials.get("secretName") if isinstance(credentials, Mapping) else None
    pool = pool_of(spec)
    return Needs(
        frozenset(r for r in references if isinstance(r, str) and r and not is_uri(r)),
        frozenset([secret] if isinstance(secret, str) and secret and not pool else []),
        canonical_aor(spec.get("aor")),
        pool,
    )


def pool_of(spec: Any) -> str:
    """The pool that a Softphone's raw spec names, empty for none."""
    agent = spec.get("agent") if isinstance(spec, Mapping) else None
    pool = agent.get("pool") if isinstance(agent, Mapping) else None
    return pool if isinstance(pool, str) else ""


def pool_needs(spec: Any) -> frozenset[str]:
    """The Secrets that a pool's raw spec names."""
    credentials = spec.get("credentials") if isinstance(spec, Mapping) else None
    listed = credentials.get("secretNames") if isinstance(credentials, Mapping) else None
    return (
        frozenset(name for name in listed if isinstance(name, str) and name)
        if isinstance(listed, list)
        else frozenset()
    )


def fleet_aors(spec: Any) -> FleetAors | None:
    """The AORs of a fleet's phones, None if they cannot be known from its spec."""
    try:
        wanted = SoftphoneFleetSpec.model_validate(spec, by_name=False, by_alias=True)
        return (
            FleetAors(wanted.template.aor, indices_of(wanted)) if template.parse(wanted.template.aor).varies else None
        )
    except (ValidationError, template.TemplateError):
        return None


def fleet_needs(spec: Any) -> Needs:
    """The PBX objects and Secrets that a fleet's raw spec names, for every index; never fails."""
    if not isinstance(spec, Mapping) or not isinstance(of := spec.get("template"), Mapping):
        return Needs()
    try:
        indices = indices_of(SoftphoneFleetSpec.model_validate(spec, by_name=False, by_alias=True))
        texts = {text for where in REFERENCES if isinstance(text := of.get(where), str)}
        named = {name for text in texts for name in expansions(text, indices)}
    except (ValidationError, template.TemplateError):
        return softphone_needs(of)
    return Needs(frozenset(name for name in named if name and not is_uri(name)), softphone_needs(of).secrets)


def pbx_needs(spec: Any) -> frozenset[str]:
    """The Secrets that a PBX's raw spec names."""
    tls = spec.get("tls") if isinstance(spec, Mapping) else None
    if not isinstance(tls, Mapping):
        return frozenset()
    named = (tls.get("caSecretName"), tls.get("certificateSecretName"))
    return frozenset(name for name in named if isinstance(name, str) and name)


def indices_of(spec: SoftphoneFleetSpec) -> range:
    """The indices of a fleet's phones."""
    return range(spec.first_index, spec.first_index + spec.replicas)


def distinct(text: str, indices: range) -> Iterator[tuple[int, str]]:
    """What a text becomes, with the first index for which it does. Raises TemplateError."""
    parsed = template.parse(text)
    for index in indices if parsed.varies else indices[:1]:
        yield index, parsed.expand(index)


def expansions(text: str, indices: range) -> list[str]:
    """All that a text with a placeholder becomes. Raises TemplateError."""
    return [expanded for _, expanded in distinct(text, indices)]
