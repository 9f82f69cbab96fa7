"""`kubectl softphone report`: what whoever is to help wants to see, in one file, without secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from softphone_operator.api.kinds import KINDS
from softphone_operator.decide.names import COMPONENT, INSTANCE, OWNED_SELECTOR
from softphone_plugin.bundling import Bundle
from softphone_plugin.cluster import VERSION, Object, gather_bounded, objects, others, pods
from softphone_plugin.errors import CLUSTER, NO, PluginError
from softphone_plugin.output import document
from softphone_plugin.reading import is_running, proxied
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session
from softphone_plugin.words import counted

AT_ONCE = 8
OPERATOR_SELECTOR = f"{COMPONENT}=operator,app.kubernetes.io/name=softphone-fleet"
OURS = {kind.name for kind in KINDS}
LOG_BYTES = 8 * 1024 * 1024


async def report(session: Session, notes: Console, file: Path | None, lines: int) -> Path:
    """Write the report; its path. `lines`: so many of each log. Raises PluginError where nothing at all can be had."""
    now = datetime.now(UTC)
    bundle = Bundle()
    await _about(session, bundle, now)
    await _objects(session, bundle)
    if len(bundle.missing) > len(KINDS):
        raise PluginError(bundle.missing[-1], CLUSTER)
    agents = await _made(session, bundle)
    await gather_bounded([_agent(session, bundle, pod, lines) for pod in agents], AT_ONCE)
    await _operator(session, bundle, lines)
    where = "all-namespaces" if session.all_namespaces else session.namespace
    folder = f"softphone-report-{where}-{now:%Y%m%dT%H%M%SZ}"
    to = file or Path(f"{folder}.tar.gz")
    _write(to, bundle.packed(folder, now))
    notes.print(f"{to}: {counted(len(bundle.files), 'file')}, of {counted(len(agents), 'agent')}.")
    for line in bundle.missing:
        notes.print(f"missing: {line}", style="yellow")
    return to


def _write(to: Path, content: bytes) -> None:
    """A new file, for its owner's eyes only."""
    try:
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise PluginError(f"{to}: {error.strerror}", NO) from None


async def _had(bundle: Bundle, what: str, work: Awaitable[Any]) -> Any:
    """What is asked for; None where it cannot be had, which the report says."""
    try:
        return await work
    except PluginError as error:
        bundle.lacks(what, str(error))
        return None


async def _about(session: Session, bundle: Bundle, now: datetime) -> None:
    told = {
        "time": now.isoformat(),
        "plugin": version("softphone-fleet"),
        "namespace": session.scope or "all",
        "kubernetes": await _had(bundle, "the version of Kubernetes", session.cluster.get(VERSION)),
    }
    bundle.put_text("about.yaml", document(told, "yaml"))


async def _objects(session: Session, bundle: Bundle) -> None:
    for kind in KINDS:
        found = await _had(bundle, kind.plural, session.cluster.find_all(objects(kind, session.scope)))
        if found is not None:
            bundle.put_objects(f"objects/{kind.plural}.yaml", found)


async def _made(session: Session, bundle: Bundle) -> list[Object]:
    """What the operator made, and Events; the pods of agents."""
    agents: list[Object] = []
    wanted: tuple[tuple[str, str, str, Callable[[Object], bool]], ...] = (
        ("pods", pods(session.scope), OWNED_SELECTOR, _any),
        ("deployments", others("apps/v1", session.scope, "deployments"), OWNED_SELECTOR, _any),
        ("configmaps", others("v1", session.scope, "configmaps"), OWNED_SELECTOR, _any),
        ("events", others("v1", session.scope, "events"), "", _concerns_us),
    )
    for name, path, selector, counts in wanted:
        found = await _had(bundle, name, session.cluster.find_all(path, selector))
        if found is not None:
            kept = [obj for obj in found if counts(obj)]
            bundle.put_objects(f"kubernetes/{name}.yaml", kept)
            agents = kept if name == "pods" else agents
    return agents


def _any(_: Object) -> bool:
    return True


def _concerns_us(event: Object) -> bool:
    about = event.get("involvedObject") or {}
    return about.get("kind") in OURS or str(about.get("name", "")).startswith(("softphone-", "fleet-", "pool-"))


async def _agent(session: Session, bundle: Bundle, pod: Object, lines: int) -> None:
    metadata = pod["metadata"]
    place = f"agents/{metadata['namespace']}/{metadata['labels'].get(INSTANCE, metadata['name'])}"
    if is_running(pod):
        status = await _had(bundle, f"{place}/status.json", session.cluster.get(proxied(pod, "status")))
        if status is not None:
            bundle.put_text(f"{place}/status.json", json.dumps(status, indent=1, ensure_ascii=False))
        metrics = await _had(bundle, f"{place}/metrics.txt", session.cluster.text(proxied(pod, "metrics")))
        if metrics is not None:
            bundle.put_text(f"{place}/metrics.txt", metrics)
    else:
        bundle.lacks(f"{place}/status.json", "its pod does not run")
    await _logs(session, bundle, pod, place, lines)


async def _logs(session: Session, bundle: Bundle, pod: Object, place: str, lines: int) -> None:
    """The log of each container, and of the one before where it was restarted."""
    metadata = pod["metadata"]
    for of in (pod.get("status") or {}).get("containerStatuses") or ():
        name = of.get("name", "")
        path = pods(metadata["namespace"], metadata["name"], "log")
        for previous in (False, True) if of.get("restartCount") else (False,):
            file = f"{place}/{'previous-' if previous else ''}log-{name}.txt"
            query = {"tailLines": str(lines), "limitBytes": str(LOG_BYTES), "timestamps": "true", "container": name}
            query |= {"previous": "true"} if previous else {}
            text = await _had(bundle, file, session.cluster.text(path, query))
            if text is not None:
                bundle.put_text(file, text)


async def _operator(session: Session, bundle: Bundle, lines: int) -> None:
    """The operator, which may live in another namespace than what it serves; many may not look there."""
    found = await _had(bundle, "operator", session.cluster.find_all(pods(None), OPERATOR_SELECTOR))
    if found is None:
        return
    bundle.put_objects("operator/pods.yaml", found)
    for pod in found:
        place = f"operator/{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        await _logs(session, bundle, pod, place, lines)
