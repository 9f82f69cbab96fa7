"""A door in front of the API server: it notes who asks for what, and can be shut, cut or made deaf.

door = Door(token); door.start(); door.kubeconfig
door.requests; door.cut(); door.deaf = True
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import aiohttp
import yaml
from aiohttp import web
from multidict import CIMultiDict

from softphone_operator.kubernetes.resources import Access

COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
DROPPED = {"host", "authorization", "content-length", "transfer-encoding", "accept-encoding"}


class Asked(NamedTuple):
    """A request that came through, when, and how it was answered."""

    time: float
    access: Access
    namespace: str
    name: str
    code: int

    @property
    def is_write(self) -> bool:
        """Whether it may have changed something other than a Lease."""
        return self.access.verb not in ("get", "list", "watch") and self.access.resource != "leases"


class Door:
    """An HTTP proxy in a thread of its own. What passes carries the token of whoever the door was made for."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="door", daemon=True)
        self._streams: set[asyncio.Transport] = set()
        self._stop = asyncio.Event()
        self._port = 0
        self._folder = tempfile.TemporaryDirectory()
        self.requests: list[Asked] = []
        self.deaf = False
        self.watches_asked = 0

    def start(self) -> None:
        """Open the door."""
        self._thread.start()
        assert self._ready.wait(10)

    def close(self) -> None:
        """Shut it for good."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._folder.cleanup()

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig that leads through the door."""
        path = Path(self._folder.name) / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "door",
            "contexts": [{"name": "door", "context": {"cluster": "door", "user": "door"}}],
            "clusters": [{"name": "door", "cluster": {"server": f"http://127.0.0.1:{self._port}"}}],
            "users": [{"name": "door", "user": {"token": "the door has it"}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def cut(self) -> int:
        """Break all watches that are under way; how many there were."""
        streams = list(self._streams)
        for stream in streams:
            self._loop.call_soon_threadsafe(stream.abort)
        return len(streams)

    def accesses(self) -> set[Access]:
        """What was asked for and not refused."""
        return {asked.access for asked in self.requests if asked.code not in (401, 403)}

    def writes(self) -> list[Asked]:
        """The writes, in their order."""
        return [asked for asked in self.requests if asked.is_write]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _serve(self) -> None:
        config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
        cluster = config["clusters"][0]["cluster"]
        self._server = str(cluster["server"])
        context = _trust(cluster)
        connector = aiohttp.TCPConnector(limit=0, ssl=context)
        limits = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False, timeout=limits) as self._session:
            application = web.Application(client_max_size=2**24)
            application.router.add_route("*", "/{path:.*}", self._pass)
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._port = runner.addresses[0][1]
            self._ready.set()
            await self._stop.wait()
            await runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        watch = request.query.get("watch") == "true"
        self.watches_asked += watch
        while watch and self.deaf:
            await asyncio.sleep(0.1)
        # A header may come several times, as kopf's Accept does.
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in DROPPED)
        headers["Authorization"] = f"Bearer {self._token}"
        # Nothing must be said of a body that is not there, or the API server refuses the request.
        body = await request.read() or None
        skipped = ("Accept-Encoding",) if body else ("Accept-Encoding", "Content-Type", "Accept")
        sent = self._session.request(
            request.method, self._server + request.raw_path, headers=headers, data=body, skip_auto_headers=skipped
        )
        try:
            async with sent as answer:
                self._note(request, answer.status)
                made = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
                await made.prepare(request)
                if watch and request.transport is not None:
                    self._streams.add(request.transport)
                async for chunk in answer.content.iter_any():
                    while watch and self.deaf:
                        await asyncio.sleep(0.1)
                    await made.write(chunk)
                return made
        except (aiohttp.ClientError, OSError):
            # The API server is away, or the operator: the other side shall see just that.
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPBadGateway from None
        finally:
            if request.transport is not None:
                self._streams.discard(request.transport)

    def _note(self, request: web.Request, code: int) -> None:
        if found := understood(request.method, request.path, request.query, code):
            self.requests += [Asked(time.monotonic(), access, *found[1:], code) for access in found[0]]


def understood(method: str, path: str, query: Mapping[str, str], code: int) -> tuple[list[Access], str, str] | None:
    """The accesses that a request needs, its namespace and its name; None for what is no resource."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    resource = "/".join([rest[0], *rest[2:]])
    verb = "watch" if query.get("watch") == "true" else (OBJECT_VERBS if name else COLLECTION_VERBS)[method]
    made = [Access(group, resource, verb)]
    if verb == "patch" and code == 201:
        made.append(Access(group, resource, "create"))
    return made, namespace, name


def _trust(cluster: Mapping[str, str]) -> ssl.SSLContext:
    if "certificate-authority" in cluster:
        return ssl.create_default_context(cafile=cluster["certificate-authority"])
    return ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
