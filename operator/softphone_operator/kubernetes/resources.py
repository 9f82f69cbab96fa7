"""The kinds of the Kubernetes API that the operator reads or writes, and the rights that it needs for them."""

from __future__ import annotations

from typing import NamedTuple

from softphone_operator.api.kinds import GROUP, VERSION
from softphone_operator.decide.names import OWNED_SELECTOR

METADATA_ONLY = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


class Access(NamedTuple):
    """A permission that the operator needs. The chart grants exactly these."""

    group: str
    resource: str
    verb: str


class Resource(NamedTuple):
    """A kind of object in the API server's terms. `selector` limits it to what is ours."""

    group: str
    version: str
    plural: str
    kind: str
    selector: str = ""

    @property
    def prefix(self) -> str:
        """The path of its group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The path of the collection, in a namespace or in all, or of one object."""
        place = f"/namespaces/{namespace}" if namespace else ""
        return f"{self.prefix}{place}/{self.plural}" + (f"/{name}" if name else "")


SOFTPHONES = Resource(GROUP, VERSION, "softphones", "Softphone")


FLEETS = Resource(GROUP, VERSION, "softphonefleets", "SoftphoneFleet")


POOLS = Resource(GROUP, VERSION, "softphonepools", "SoftphonePool")


CALL_CHECKS = Resource(GROUP, VERSION, "callchecks", "CallCheck")


PBXS = Resource(GROUP, VERSION, "pbxs", "PBX")


REHEARSALS = Resource(GROUP, VERSION, "rehearsals", "Rehearsal")


DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", OWNED_SELECTOR)


CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", OWNED_SELECTOR)


PODS = Resource("", "v1", "pods", "Pod", OWNED_SELECTOR)


SECRETS = Resource("", "v1", "secrets", "Secret")


EVENTS = Resource("", "v1", "events", "Event")


BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")


JOBS = Resource("batch", "v1", "jobs", "Job")


LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")


WATCHED = (PBXS, SOFTPHONES, FLEETS, POOLS, CALL_CHECKS, REHEARSALS, DEPLOYMENTS, CONFIG_MAPS, PODS)


SELECTED = (SOFTPHONES, FLEETS, POOLS, CALL_CHECKS, REHEARSALS)
"""Of these an operator with a selector sees only its own. PBXes are named by phones of others too; and the agents of a
phone that comes from another operator must be known when it comes."""


APPLIED = (CONFIG_MAPS, DEPLOYMENTS)


ACCESS = frozenset(
    [Access(r.group, r.plural, verb) for r in (*WATCHED, SECRETS) for verb in ("list", "watch")]
    + [Access(r.group, r.plural, verb) for r in (*APPLIED, BUDGETS) for verb in ("get", "create", "patch")]
    + [Access(r.group, r.plural, "delete") for r in APPLIED]
    + [
        Access(r.group, f"{r.plural}/status", "patch")
        for r in (SOFTPHONES, FLEETS, POOLS, PBXS, CALL_CHECKS, REHEARSALS)
    ]
    + [Access("", "secrets", "get"), Access("", "pods", "patch")]
    + [Access("", "events", "create"), Access("", "events", "patch")]
)


JOB_ACCESS = frozenset(Access(JOBS.group, JOBS.plural, verb) for verb in ("get", "create"))
"""What is needed besides where rehearsals may make Jobs."""


LEASE_ACCESS = frozenset(Access(LEASES.group, LEASES.plural, verb) for verb in ("get", "create", "update"))
"""What is needed besides, in the operator's own namespace, where several operators agree by a Lease who works."""


def watched(selector: str) -> tuple[Resource, ...]:
    """What is listed and watched by an operator that serves what this label selector selects; empty: everything."""
    return tuple(r._replace(selector=selector) if r in SELECTED else r for r in WATCHED)
