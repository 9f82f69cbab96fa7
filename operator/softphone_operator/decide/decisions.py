"""What is decided about an object: what is desired, or a refusal that names field and value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.phone import Pbx
from softphone_operator.api.spec import (
    AgentSpec,
    Resources,
    SoftphonePoolSpec,
)
from softphone_operator.decide.names import (
    SecretUse,
)
from softphone_operator.decide.redundancy import Asked

MAX_MESSAGE = 4000


Secrets = Mapping[str, frozenset[str]]
"""The key names of the Secrets of a namespace, by name; a Secret that is not there does not exist."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a spec is not acted upon. `faults` has the reason and message of each fault."""

    reason: str
    message: str
    faults: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Caution:
    """What is odd about a spec that is acted upon all the same."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class DesiredPbx:
    """An accepted PBX, as agents get it in their configuration, and the Secrets that it needs."""

    pbx: Pbx
    secrets: tuple[SecretUse, ...] = ()
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class DesiredAgent:
    """An accepted Softphone: what its agent is to run, and in what pod."""

    agent: str
    config: AgentConfig
    pod: AgentSpec
    secrets: tuple[SecretUse, ...] = ()
    cautions: tuple[Caution, ...] = ()
    own_resources: Resources | None = None
    """What the object itself says of them, before any defaults."""
    entries: Mapping[str, str] = field(default_factory=dict)
    """The phones of its file by name and in order, as JSON, where `config` has none: a pool has very many."""

    @property
    def phones(self) -> int:
        """How many phones its file has."""
        return len(self.config.phones) + len(self.entries) + sum(part.count for part in self.config.fleets)


@dataclass(frozen=True, slots=True)
class DesiredFleet:
    """An accepted SoftphoneFleet: its agents in the order of their slices, and how many of them may be away."""

    agents: tuple[DesiredAgent, ...]
    max_unavailable: int
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class DesiredPhone:
    """An accepted Softphone of a pool. `entry`: what an agent's file has of it, as JSON, but for the phone's id.

    `pbxs`: names of the accepted PBXes that the file must have, for this phone. `asked`: what it asks for of ways.
    """

    uid: str
    entry: str
    pbxs: frozenset[str]
    asked: Asked
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class DesiredPool:
    """An accepted SoftphonePool: what all its agents have in common."""

    spec: SoftphonePoolSpec
    pod: AgentSpec
    secrets: tuple[SecretUse, ...] = ()
    cautions: tuple[Caution, ...] = ()


Decision = DesiredAgent | DesiredPhone | DesiredFleet | DesiredPool | DesiredPbx | Refusal


def refusal(faults: Iterable[tuple[str, str]]) -> Refusal:
    """One refusal for all faults; its reason is that of the first."""
    all_of_them = tuple(faults)
    message = "; ".join(message for _, message in all_of_them)
    return Refusal(all_of_them[0][0], message[:MAX_MESSAGE], all_of_them)
