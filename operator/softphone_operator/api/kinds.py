"""The kinds of softphone-fleet.io/v1alpha1. The models are the one source of the CRDs and of the reference page."""

from __future__ import annotations

from typing import NamedTuple

from softphone_agent.contract.fields import Model
from softphone_operator.api.call_checks import CallCheckSpec, CallCheckStatus
from softphone_operator.api.rehearsal import RehearsalSpec, RehearsalStatus
from softphone_operator.api.spec import PBXSpec, SoftphoneFleetSpec, SoftphonePoolSpec, SoftphoneSpec
from softphone_operator.api.status import PBXStatus, SoftphoneFleetStatus, SoftphonePoolStatus, SoftphoneStatus

GROUP = "softphone-fleet.io"


VERSION = "v1alpha1"


API_VERSION = f"{GROUP}/{VERSION}"


CATEGORY = "telephony"


class Kind(NamedTuple):
    """A kind of object and its models."""

    name: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    spec: type[Model]
    status: type[Model]
    description: str


PBX = Kind(
    "PBX",
    "pbxs",
    "pbx",
    (),
    PBXSpec,
    PBXStatus,
    "A PBX that softphones register with or may be redirected to.",
)


SOFTPHONE = Kind(
    "Softphone",
    "softphones",
    "softphone",
    ("sp",),
    SoftphoneSpec,
    SoftphoneStatus,
    "A SIP softphone that registers with redundant PBXes.",
)


SOFTPHONE_FLEET = Kind(
    "SoftphoneFleet",
    "softphonefleets",
    "softphonefleet",
    ("spf",),
    SoftphoneFleetSpec,
    SoftphoneFleetStatus,
    "Thousands of SIP softphones in few agents.",
)


SOFTPHONE_POOL = Kind(
    "SoftphonePool",
    "softphonepools",
    "softphonepool",
    ("spp",),
    SoftphonePoolSpec,
    SoftphonePoolStatus,
    "Few agents that carry many different Softphones.",
)


CALL_CHECK = Kind(
    "CallCheck",
    "callchecks",
    "callcheck",
    ("cc",),
    CallCheckSpec,
    CallCheckStatus,
    "Test calls between softphones: who calls whom, how often, and what is expected.",
)


REHEARSAL = Kind(
    "Rehearsal",
    "rehearsals",
    "rehearsal",
    ("rh",),
    RehearsalSpec,
    RehearsalStatus,
    "A fail-over that is tried on purpose, watched, and judged.",
)


KINDS = (PBX, SOFTPHONE, SOFTPHONE_FLEET, SOFTPHONE_POOL, CALL_CHECK, REHEARSAL)
