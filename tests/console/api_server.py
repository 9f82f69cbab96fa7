"""A pretended API server for the console: its objects come, change and go; and agents that remember."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from console.objects import NAMESPACE
from softphone_agent.contract.history import History, HistoryEntry
from softphone_operator.decide.names import PORT_ANNOTATION, agent_labels

Object = dict[str, Any]
PLURALS = {
    "PBX": "pbxs",
    "Softphone": "softphones",
    "SoftphoneFleet": "softphonefleets",
    "SoftphonePool": "softphonepools",
    "Rehearsal": "rehearsals",
    "Event": "events",
    "Pod": "pods",
}
PAGE = 3
"""Objects of a page of a list, however many are asked for: so there are always several."""


class ApiServer:
    """What it has, who watches, and what it refuses."""

    def __init__(self, page: int = PAGE) -> None:
        self._page = page
        self.objects: dict[str, dict[tuple[str, str], Object]] = {plural: {} for plural in PLURALS.values()}
        self.history: list[HistoryEntry] = []
        self.refused: dict[str, int] = {}
        """By plural: the status with which it answers."""
        self.asked: list[str] = []
        """Paths that were asked for."""
        self.forgetful: set[str] = set()
        """Plurals whose next watch is told that its version is too old."""
        self._log: list[tuple[int, str, Object]] = []
        self._version = 1
        self._watchers: dict[str, set[asyncio.Queue[Object | None]]] = {plural: set() for plural in PLURALS.values()}

    def put(self, *objects: Object) -> None:
        """Objects that are there now, or changed."""
        for obj in objects:
            plural, key = PLURALS[obj["kind"]], (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            self._tell(plural, "MODIFIED" if key in self.objects[plural] else "ADDED", obj)
            self.objects[plural][key] = obj

    def delete(self, kind: str, name: str, namespace: str = NAMESPACE) -> None:
        """An object that is gone now."""
        plural = PLURALS[kind]
        self._tell(plural, "DELETED", self.objects[plural].pop((namespace, name)))

    def break_watches(self) -> None:
        """End all watches, as a restart of the API server does."""
        for queues in self._watchers.values():
            for queue in queues:
                queue.put_nowait(None)

    def _tell(self, plural: str, kind: str, obj: Object) -> None:
        self._version += 1
        metadata = {**obj["metadata"], "resourceVersion": str(self._version)}
        change = {"type": kind, "object": {**obj, "metadata": metadata}}
        self._log.append((self._version, plural, change))
        for queue in self._watchers[plural]:
            queue.put_nowait(change)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Whatever is asked for."""
        parts = request.path.strip("/").split("/")
        plural = parts[-1]
        self.asked.append(request.path)
        if status := self.refused.get(plural):
            return web.json_response({"message": f"{plural} is forbidden"}, status=status)
        if plural not in self.objects:
            return web.json_response({"message": "not found"}, status=404)
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""
        if request.query.get("watch"):
            return await self._watch(request, plural)
        labels = dict(pair.split("=") for pair in request.query.get("labelSelector", "").split(",") if pair)
        found = [
            obj
            for (where, _), obj in self.objects[plural].items()
            if namespace in ("", where) and labels.items() <= obj["metadata"].get("labels", {}).items()
        ]
        begin = int(request.query.get("continue", 0))
        metadata = {"resourceVersion": str(self._version)}
        end = begin + self._page
        if end < len(found):
            metadata["continue"] = str(end)
        return web.json_response({"metadata": metadata, "items": found[begin:end]})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        response = web.StreamResponse()
        queue: asyncio.Queue[Object | None] = asyncio.Queue()
        for version, of, change in self._log:
            if of == plural and version > int(request.query["resourceVersion"]):
                queue.put_nowait(change)
        self._watchers[plural].add(queue)
        try:
            await response.prepare(request)
            if plural in self.forgetful:
                self.forgetful.remove(plural)
                gone = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
                await response.write(json.dumps(gone).encode() + b"\n")
                return response
            while (told := await queue.get()) is not None:
                await response.write(json.dumps(told).encode() + b"\n")
        except ConnectionError:
            pass
        finally:
            self._watchers[plural].discard(queue)
        return response

    async def remember(self, request: web.Request) -> web.Response:
        """What agents remember."""
        phone = request.query.get("phone")
        told = tuple(entry for entry in self.history if phone in (None, entry.phone))
        return web.Response(text=History(version="1", entries=told).model_dump_json(by_alias=True))


def agent_pod(name: str, port: int) -> Object:
    """The pod of an agent that serves HTTP here."""
    metadata = {
        "name": f"{name}-abc",
        "namespace": NAMESPACE,
        "labels": agent_labels(name),
        "annotations": {PORT_ANNOTATION: str(port)},
    }
    return {"kind": "Pod", "metadata": metadata, "status": {"phase": "Running", "podIP": "127.0.0.1"}}


@contextlib.asynccontextmanager
async def serving(api: ApiServer, folder: Path) -> AsyncGenerator[tuple[Path, int]]:
    """Serve; a kubeconfig that leads there, and the port at which agents answer."""
    app = web.Application()
    app.router.add_get("/history", api.remember)
    app.router.add_get("/{path:.*}", api.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig(f"http://127.0.0.1:{port}")))
    try:
        yield kubeconfig, port
    finally:
        api.break_watches()
        await runner.cleanup()


def _kubeconfig(address: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "anna"}}],
        "clusters": [{"name": "here", "cluster": {"server": address}}],
        "users": [{"name": "anna", "user": {}}],
    }
