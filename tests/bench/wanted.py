"""What is to be written for a Softphone, by whomsoever: the operator's own objects and status, known beforehand."""

from __future__ import annotations

from datetime import UTC, datetime

from bench.api_client import PBXS, SOFTPHONES, Client, Object, path_of
from softphone_operator.api.kinds import API_VERSION
from softphone_operator.decide import availability, decisions, desired_pbx, desired_softphone, manifests, names, status
from softphone_operator.decide.facts import Reported

SECRETS = {"load": frozenset({"password"})}


async def write_agent(client: Client, softphone: Object) -> Object:
    """ConfigMap and Deployment of a Softphone that has its uid; returns the status that tells of them."""
    name, namespace, uid = (softphone["metadata"][field] for field in ("name", "namespace", "uid"))
    pbxs = {each: desired_pbx.pbx(each, namespace, spec, {}) for each, spec in PBXS.items()}
    wanted = desired_softphone.softphone(name, namespace, uid, softphone["spec"], pbxs, SECRETS)
    assert isinstance(wanted, decisions.DesiredAgent)
    agent = manifests.Agent(
        name=wanted.agent,
        namespace=namespace,
        owner=manifests.Owner(API_VERSION, "Softphone", name, uid),
        labels={names.SOFTPHONE_LABEL: name},
        config=wanted.config,
        image=manifests.Image("none"),
        secrets=wanted.secrets,
        replicas=0,
    )
    await client.apply(path_of("api/v1", namespace, "configmaps", agent.name), manifests.config_map(agent))
    path = path_of("apis/apps/v1", namespace, "deployments", agent.name)
    made = await client.apply(path, manifests.deployment(agent))
    reported = Reported("lost", why="its pod does not run")
    told = status.softphone(
        {},
        generation=1,
        accepted=status.ACCEPTED,
        agent=availability.availability(made, [], reported),
        reported=reported,
        wanted_digest="",
        now=datetime.now(UTC),
    )
    return dict(status.dump(told))


async def write_status(client: Client, softphone: Object, told: Object, manager: str = "bench") -> Object:
    """The status, by server-side apply; gives the Softphone as it is then."""
    name, namespace, uid = (softphone["metadata"][field] for field in ("name", "namespace", "uid"))
    metadata = {"name": name, "namespace": namespace, "uid": uid}
    written = {"apiVersion": API_VERSION, "kind": "Softphone", "metadata": metadata, "status": told}
    return await client.apply(path_of(SOFTPHONES, namespace, "softphones", f"{name}/status"), written, manager)
