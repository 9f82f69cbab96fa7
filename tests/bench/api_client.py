"""The bare client of the API server: HTTP, JSON, a pool of connections. And what benches make by it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from softphone_operator.api.crd import crd
from softphone_operator.api.kinds import API_VERSION, KINDS

IN_FLIGHT = 20
SOFTPHONES = f"apis/{API_VERSION}"
PBXS = {"master": {"address": "sip:10.245.0.11"}, "standby": {"address": "sip:10.245.0.13"}}
WRITING = ("APPLY", "PATCH", "POST", "PUT")
Object = dict[str, Any]


class Client:
    """IN_FLIGHT requests at a time at most."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session = session
        self._server = server
        self.writes = 0

    async def apply(self, path: str, body: Object, manager: str = "bench") -> Object:
        """Server-side apply."""
        query = {"fieldManager": manager, "force": "true"}
        return await self._write("PATCH", path, body, "application/apply-patch+yaml", query)

    async def merge(self, path: str, body: Object) -> Object:
        """A merge patch."""
        return await self._write("PATCH", path, body, "application/merge-patch+json", {})

    async def update(self, path: str, body: Object) -> Object:
        """Put an object in the place of the one that is there, which must be the one that was read."""
        return await self._write("PUT", path, body, "application/json", {})

    async def delete(self, path: str) -> None:
        """Delete an object."""
        async with self._session.delete(self._server + path) as answer:
            if answer.status >= 300:
                raise SystemExit(f"{path}: {await answer.text()}")

    async def _write(self, verb: str, path: str, body: Object, content: str, query: Mapping[str, str]) -> Object:
        self.writes += 1
        headers, text = {"Content-Type": content}, json.dumps(body)
        url = self._server + path
        async with self._session.request(verb, url, params=query, data=text, headers=headers) as answer:
            made: Object = await answer.json()
            if answer.status >= 300:
                raise SystemExit(f"{path}: {made}")
            return made

    async def list(self, path: str) -> list[Object]:
        """All objects of a collection."""
        found: list[Object] = (await self.get(path))["items"]
        return found

    async def get(self, path: str) -> Object:
        """What is there."""
        async with self._session.get(self._server + path) as answer:
            found: Object = await answer.json()
            return found

    async def watch(self, path: str) -> AsyncGenerator[Object, None]:
        """The objects that are there, and each anew when it changes, for ever.

        The API server ends the watch of a client that is too slow; then everything is told once more.
        """
        endless = aiohttp.ClientTimeout(total=None)
        while True:
            page = await self.get(path)
            for found in page["items"]:
                yield found
            query = {"watch": "true", "resourceVersion": page["metadata"]["resourceVersion"]}
            async with self._session.get(self._server + path, params=query, timeout=endless) as answer:
                rest = b""
                async for chunk in answer.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for change in map(json.loads, lines):
                        if change["type"] != "ERROR":
                            yield change["object"]
            print(f"the watch of {path} ended, it is begun anew", file=sys.stderr, flush=True)

    async def written(self, *resources: str) -> int:
        """How often the API server was asked to write these resources, by whom ever but its own controllers.

        Those write the status of Deployments by PUT.
        """
        async with self._session.get(f"{self._server}/metrics") as answer:
            page = await answer.text()
        total = 0.0
        for line in page.splitlines():
            if line.startswith("apiserver_request_total{"):
                series, _, value = line.rpartition(" ")
                labels = dict(re.findall(r'(\w+)="([^"]*)"', series))
                if labels["resource"] in resources and labels["verb"] in WRITING:
                    total += 0 if labels["resource"] == "deployments" and labels["verb"] == "PUT" else float(value)
        return round(total)


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    """A client with the server and credentials of the kubeconfig."""
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cafile=_file(cluster, "certificate-authority"))
    context.load_cert_chain(_file(user, "client-certificate"), _file(user, "client-key"))
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT + 1, ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Client(session, cluster["server"])


def _file(part: Object, name: str) -> str:
    if name in part:
        return str(part[name])
    with tempfile.NamedTemporaryFile(delete=False) as made:
        made.write(base64.b64decode(part[f"{name}-data"]))
    return made.name


def kubectl(*arguments: str, given: str | None = None) -> str:
    done = subprocess.run(["kubectl", *arguments], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


@contextmanager
def kinds() -> Iterator[None]:
    """The CRDs, where they are not there already."""
    there = kubectl("get", "crd", "-o", "name")
    made = [each for each in (crd(kind, rules=False) for kind in KINDS) if each["metadata"]["name"] not in there]
    if made:
        kubectl("apply", "-f", "-", given=yaml.safe_dump_all(made))
        kubectl("wait", "--for=condition=Established", "crd", *(each["metadata"]["name"] for each in made))
    try:
        yield
    finally:
        if made:
            kubectl("delete", "crd", *(each["metadata"]["name"] for each in made))


@contextmanager
def namespace() -> Iterator[str]:
    """A namespace with two PBXes and a Secret."""
    name = f"bench-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    try:
        for each, spec in PBXS.items():
            pbx = {"apiVersion": API_VERSION, "kind": "PBX", "metadata": {"name": each}, "spec": spec}
            kubectl("-n", name, "apply", "-f", "-", given=yaml.safe_dump(pbx))
        kubectl("-n", name, "create", "secret", "generic", "load", "--from-literal=password=x")
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def path_of(group: str, namespace: str, plural: str, name: str) -> str:
    return f"/{group}/namespaces/{namespace}/{plural}/{name}"


def softphone(namespace: str, index: int) -> Object:
    spec = {
        "aor": f"sip:load{index:05d}@pbx.test",
        "pri": "master",
        "sec": "standby",
        "credentials": {"secretName": "load"},
    }
    metadata = {"name": f"load{index:05d}", "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": "Softphone", "metadata": metadata, "spec": spec}


async def in_flight(work: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Do all of it, IN_FLIGHT at a time."""
    waiting = iter(work)

    async def worker() -> None:
        for each in waiting:
            await each()

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def settled(client: Client, namespace: str, count: int) -> None:
    """Wait until the cluster's own controllers have done their part."""
    while True:
        found = await client.list(f"/apis/apps/v1/namespaces/{namespace}/deployments")
        if len(found) >= count and all(d.get("status", {}).get("observedGeneration") for d in found):
            return
        await asyncio.sleep(1)
