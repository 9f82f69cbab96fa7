"""Reads what a command shows: objects from the API server, and agents through its proxy to pods."""

from __future__ import annotations

from pydantic import ValidationError

from softphone_agent.contract.report import Snapshot
from softphone_operator.api.kinds import CALL_CHECK, PBX, SOFTPHONE, SOFTPHONE_FLEET, SOFTPHONE_POOL, Kind
from softphone_operator.decide.availability import current_pod
from softphone_operator.decide.names import PORT_ANNOTATION, selector_labels
from softphone_plugin import pages
from softphone_plugin.cluster import Cluster, Object, RefusedError, objects, pods
from softphone_plugin.errors import NOT_FOUND, USAGE, PluginError
from softphone_plugin.overview import Shown
from softphone_plugin.phones import (
    AgentAnswer,
    FoundPhone,
    Known,
    Measured,
    is_phone,
    kind_and_name,
    meant,
    meant_object,
    of_fleet,
    of_softphone,
)


async def find_phone(cluster: Cluster, namespace: str, text: str) -> FoundPhone:
    """The phone that a name on the command line stands for. Raises PluginError."""
    wanted = meant(text)
    if wanted.softphone is not None:
        try:
            phone = of_softphone(await cluster.get(objects(SOFTPHONE, namespace, wanted.softphone)))
        except RefusedError as error:
            if error.status != 404 or wanted.fleet is None:
                raise
        else:
            if wanted.fleet is not None and await _is_there(cluster, namespace, *wanted.fleet):
                both = f'"{text}" is a Softphone, and a phone of the SoftphoneFleet {wanted.fleet[0]} as well'
                raise PluginError(f"{both}: say sp/{text} or spf/{text}", USAGE)
            return phone
    assert wanted.fleet is not None
    name, index = wanted.fleet
    try:
        return of_fleet(await cluster.get(objects(SOFTPHONE_FLEET, namespace, name)), index)
    except RefusedError as error:
        if error.status == 404 and wanted.softphone is not None:
            missing = f'there is no Softphone "{text}" and no SoftphoneFleet "{name}" in the namespace {namespace}'
            raise PluginError(missing, NOT_FOUND) from None
        raise


async def _is_there(cluster: Cluster, namespace: str, fleet: str, index: int) -> bool:
    """Whether a fleet has a phone of this index, as far as one may know."""
    try:
        of_fleet(await cluster.get(objects(SOFTPHONE_FLEET, namespace, fleet)), index)
    except PluginError:
        return False
    return True


async def find_object(cluster: Cluster, namespace: str, text: str) -> tuple[Kind, Object] | None:
    """The PBX, fleet, pool or CallCheck that a name stands for as a whole, None where it can be a phone only.

    Raises PluginError.
    """
    found = meant_object(text)
    if found is None:
        return None
    kind, name = found
    try:
        return kind, await cluster.get(objects(kind, namespace, name))
    except RefusedError as error:
        if error.status == 404 and kind is SOFTPHONE_FLEET and is_phone(name):
            return None
        raise


async def find_one(cluster: Cluster, namespace: str, text: str) -> tuple[Kind, Object]:
    """The Softphone, fleet, pool or PBX that a name stands for, with or without its kind. Raises PluginError."""
    known, name = kind_and_name(text)
    if known is not None:
        return known, await cluster.get(objects(known, namespace, name))
    found: list[tuple[Kind, Object]] = []
    for kind in (SOFTPHONE, SOFTPHONE_FLEET, SOFTPHONE_POOL):
        try:
            found.append((kind, await cluster.get(objects(kind, namespace, name))))
        except RefusedError as error:
            if error.status != 404:
                raise
    if len(found) > 1:
        ways = " or ".join(f"{kind.short_names[0]}/{name}" for kind, _ in found)
        raise PluginError(
            f'"{name}" is the name of {" and of ".join(f"a {kind.name}" for kind, _ in found)}: say {ways}', USAGE
        )
    if not found:
        of_fleet = f"; a fleet is changed as a whole: spf/{text.rpartition('-')[0]}" if is_phone(text) else ""
        missing = (
            f'there is no Softphone, SoftphoneFleet or SoftphonePool "{name}" in the namespace {namespace}{of_fleet}'
        )
        raise PluginError(missing, NOT_FOUND)
    return found[0]


async def agent_pod(cluster: Cluster, namespace: str, agent: str) -> Object:
    """The pod of an agent. Raises PluginError where there is none that runs."""
    selector = ",".join(f"{key}={value}" for key, value in selector_labels(agent).items())
    found = current_pod(await cluster.find_all(pods(namespace), selector))
    if found is None:
        raise PluginError("its agent has no pod", NOT_FOUND)
    pod = dict(found)
    if not is_running(pod):
        raise PluginError(f"the pod {pod['metadata']['name']} does not run", NOT_FOUND)
    return pod


def is_running(pod: Object) -> bool:
    """Whether a pod's container runs."""
    states = pod.get("status", {}).get("containerStatuses") or ()
    return any("running" in of.get("state", {}) for of in states)


def proxied(pod: Object, page: str) -> str:
    """The path by which the API server asks an agent for a page."""
    metadata = pod["metadata"]
    port = (metadata.get("annotations") or {}).get(PORT_ANNOTATION, "8080")
    return pods(metadata["namespace"], f"{metadata['name']}:{port}", f"proxy/{page}")


async def status_of(cluster: Cluster, pod: Object) -> Snapshot:
    """What an agent says of itself and its phones. Raises PluginError."""
    try:
        return Snapshot.model_validate(await cluster.get(proxied(pod, "status")))
    except ValidationError:
        raise PluginError("its status is that of another version") from None


async def hear(cluster: Cluster, phone: FoundPhone) -> Known:
    """What the agent says of a phone; where it cannot be heard, why not."""
    try:
        pod = await agent_pod(cluster, phone.namespace, phone.agent)
        said = await status_of(cluster, pod)
    except PluginError as error:
        return Known(phone, None, str(error))
    try:
        measured = pages.measured(await cluster.text(proxied(pod, "metrics")))
    except PluginError:
        measured = Measured()  # then times are missing, and nothing else
    report = next((one for one in said.phones if one.name == phone.name), None)
    calls = tuple(one for one in said.calls if one.phone == phone.name)
    return Known(phone, AgentAnswer(report, said.config, said.pbxs, measured, calls))


async def all_kinds(cluster: Cluster, namespace: str | None, selector: str = "") -> Shown:
    """The objects of our kinds that a selector matches. What an older chart does not know is left out."""
    pbxs, softphones, fleets = [
        await cluster.find_all(objects(kind, namespace), selector) for kind in (PBX, SOFTPHONE, SOFTPHONE_FLEET)
    ]
    later = []
    for kind in (SOFTPHONE_POOL, CALL_CHECK):
        try:
            later.append(await cluster.find_all(objects(kind, namespace), selector))
        except RefusedError as error:
            if error.status not in (403, 404):
                raise
            later.append([])
    return Shown(pbxs, softphones, fleets, *later)
