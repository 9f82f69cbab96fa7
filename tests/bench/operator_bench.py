"""What the operator costs: many Softphones at once, beside a bare client that writes the same; and at rest.

`make bench ONLY=operator`, or in the lab: python -m bench.operator_bench [--count 1000] [--rest 5000]

The agents have no pods (`--agent-replicas 0`), since one node cannot run a thousand. Times count from the first write
of a Softphone until the last one has its ConfigMap, its Deployment and its status. The bare client is one process that
keeps 20 requests in flight and knows beforehand all that is to be written.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from e2e.operator_process import OperatorProcess
from softphone_operator import manifests, names, plan, status
from softphone_operator.api import API_VERSION, KINDS
from softphone_operator.crd import crd
from softphone_operator.facts import Heard

IN_FLIGHT = 20
PORT = 18080
APPLY = {"fieldManager": "bench", "force": "true"}
Object = dict[str, Any]


class Client:
    """The bare client: HTTP, JSON, a pool of connections, and nothing else."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session = session
        self._server = server
        self.writes = 0

    async def apply(self, path: str, body: Object) -> Object:
        """Server-side apply."""
        self.writes += 1
        headers = {"Content-Type": "application/apply-patch+yaml"}
        text = json.dumps(body)
        async with self._session.patch(self._server + path, params=APPLY, data=text, headers=headers) as answer:
            made: Object = await answer.json()
            if answer.status >= 300:
                raise SystemExit(f"{path}: {made}")
            return made

    async def list(self, path: str) -> list[Object]:
        """All objects of a collection."""
        async with self._session.get(self._server + path) as answer:
            found: list[Object] = (await answer.json())["items"]
            return found


def connect() -> tuple[str, ssl.SSLContext]:
    """Server and credentials of the kubeconfig."""
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cafile=_file(cluster, "certificate-authority"))
    context.load_cert_chain(_file(user, "client-certificate"), _file(user, "client-key"))
    return cluster["server"], context


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


def softphone(namespace: str, index: int) -> Object:
    spec = {
        "aor": f"sip:load{index:05d}@pbx.test",
        "pri": "master",
        "sec": "standby",
        "credentials": {"secretName": "load"},
    }
    metadata = {"name": f"load{index:05d}", "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": "Softphone", "metadata": metadata, "spec": spec}


PBXS = {"master": {"address": "sip:10.245.0.11"}, "standby": {"address": "sip:10.245.0.13"}}


def install_kinds() -> list[str]:
    """Make the CRDs that are not there; their names, so that they can be removed again."""
    there = kubectl("get", "crd", "-o", "name")
    objects = [made for made in (crd(kind, rules=False) for kind in KINDS) if made["metadata"]["name"] not in there]
    if objects:
        kubectl("apply", "-f", "-", given=yaml.safe_dump_all(objects))
        kubectl("wait", "--for=condition=Established", "crd", *(o["metadata"]["name"] for o in objects))
    return [made["metadata"]["name"] for made in objects]


def prepare(namespace: str) -> None:
    """The namespace, two PBXes and a Secret."""
    kubectl("create", "namespace", namespace)
    for name, spec in PBXS.items():
        pbx = {"apiVersion": API_VERSION, "kind": "PBX", "metadata": {"name": name}, "spec": spec}
        kubectl("-n", namespace, "apply", "-f", "-", given=yaml.safe_dump(pbx))
    kubectl("-n", namespace, "create", "secret", "generic", "load", "--from-literal=password=x")


async def in_flight(work: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Do all of it, IN_FLIGHT at a time."""
    waiting = iter(work)

    async def worker() -> None:
        for each in waiting:
            await each()

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


def path_of(group: str, namespace: str, plural: str, name: str) -> str:
    return f"/{group}/namespaces/{namespace}/{plural}/{name}"


SOFTPHONES = f"apis/{API_VERSION}"


async def bare(client: Client, namespace: str, count: int) -> float:
    """All writes by the bare client; seconds."""
    pbxs = {name: plan.pbx(name, namespace, spec, {}) for name, spec in PBXS.items()}
    secrets = {"load": frozenset({"password"})}

    async def one(index: int) -> None:
        body = softphone(namespace, index)
        name = body["metadata"]["name"]
        made = await client.apply(path_of(SOFTPHONES, namespace, "softphones", name), body)
        uid = made["metadata"]["uid"]
        wanted = plan.softphone(name, namespace, uid, body["spec"], pbxs, secrets)
        assert isinstance(wanted, plan.AgentPlan)
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
        deployment = manifests.deployment(agent)
        made = await client.apply(path_of("apis/apps/v1", namespace, "deployments", agent.name), deployment)
        heard = Heard("unheard", why="its pod does not run")
        told = status.softphone(
            {},
            generation=1,
            accepted=status.ACCEPTED,
            agent=status.availability(made, [], heard),
            heard=heard,
            wanted_digest="",
            now=datetime.now(UTC),
        )
        metadata = {"name": name, "namespace": namespace, "uid": uid}
        written = {"apiVersion": API_VERSION, "kind": "Softphone", "metadata": metadata, "status": status.dump(told)}
        await client.apply(path_of(SOFTPHONES, namespace, "softphones", f"{name}/status"), written)

    begun = time.perf_counter()
    await in_flight(partial(one, index) for index in range(count))
    return time.perf_counter() - begun


async def by_operator(client: Client, namespace: str, indices: range) -> float:
    """The Softphones by the bare client, the rest by the operator; seconds."""

    async def one(index: int) -> None:
        body = softphone(namespace, index)
        await client.apply(path_of(SOFTPHONES, namespace, "softphones", body["metadata"]["name"]), body)

    begun = time.perf_counter()
    await in_flight(partial(one, index) for index in indices)
    done = f"/{SOFTPHONES}/namespaces/{namespace}/softphones?limit=1&fieldSelector=metadata.name="
    last = indices[-1]
    while True:
        # Asking for single objects costs next to nothing. Only when the last one is done the list is asked.
        found = await client.list(f"{done}load{last:05d}")
        if found and found[0].get("status"):
            everything = await client.list(f"/{SOFTPHONES}/namespaces/{namespace}/softphones")
            if all(obj.get("status") for obj in everything) and len(everything) == len(range(last + 1)):
                break
        await asyncio.sleep(0.05)
    return time.perf_counter() - begun


async def settled(client: Client, namespace: str, count: int) -> None:
    """Wait until the cluster's own controllers have done their part."""
    while True:
        found = await client.list(f"/apis/apps/v1/namespaces/{namespace}/deployments")
        if len(found) >= count and all(d.get("status", {}).get("observedGeneration") for d in found):
            return
        await asyncio.sleep(1)


async def measure(count: int, rest: int, seconds: int) -> None:
    server, context = connect()
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT, ssl=context)
    names_of = [f"bench-{uuid.uuid4().hex[:6]}" for _ in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        operator = OperatorProcess(
            Path(folder) / "log", port=PORT, agent_replicas=0, watch_namespaces=names_of[1], log_level="warning"
        )
        async with aiohttp.ClientSession(connector=connector) as session:
            client = Client(session, server)
            made = install_kinds()
            for namespace in names_of:
                prepare(namespace)
            try:
                alone = await bare(client, names_of[0], count)
                print(f"bare client   {count} Softphones, {client.writes} writes: {alone:.1f} s")
                await settled(client, names_of[0], count)
                operator.start()
                operator.wait_ready()
                empty = operator.megabytes()
                client.writes, used = 0, operator.cpu_seconds()
                took = await by_operator(client, names_of[1], range(count))
                requests = {
                    verb: int(operator.metric("softphone_operator_api_requests_total", verb=verb))
                    for verb in ("GET", "PATCH", "POST")
                }
                print(f"operator      {count} Softphones: {took:.1f} s, ratio {took / alone:.2f} (target 1.5)")
                print(f"              requests {requests}, besides {client.writes} of the user")
                print(f"              {operator.cpu_seconds() - used:.1f} s of CPU; reconciles "
                      f"{operator.metric('softphone_operator_reconcile_total'):.0f}")  # fmt: skip
                print(f"              memory {empty:.0f} MB before, {operator.megabytes():.0f} MB after")
                await settled(client, names_of[1], count)
                if rest > count:
                    await by_operator(client, names_of[1], range(count, rest))
                    await settled(client, names_of[1], rest)
                    await at_rest(operator, rest, seconds)
            finally:
                if operator.running:
                    operator.stop()
                print((Path(folder) / "log").read_text()[-1500:], file=sys.stderr, end="")
                for namespace in names_of:
                    kubectl("delete", "namespace", namespace, "--wait=false")
                if made:
                    kubectl("delete", "crd", *made)


async def at_rest(operator: OperatorProcess, count: int, seconds: int) -> None:
    """What the operator costs while nothing happens."""

    def requests() -> float:
        return operator.metric("softphone_operator_api_requests_total")

    while True:
        before = operator.metric("softphone_operator_reconcile_total")
        await asyncio.sleep(5)
        if operator.metric("softphone_operator_reconcile_total") == before:
            break
    used, asked, begun = operator.cpu_seconds(), requests(), time.perf_counter()
    await asyncio.sleep(seconds)
    lasted = time.perf_counter() - begun
    print(f"at rest       {count} Softphones, {lasted:.0f} s: {operator.megabytes():.0f} MB (target 200), "
          f"{(operator.cpu_seconds() - used) / lasted:.2%} of a core, "
          f"{(requests() - asked) / lasted * 60:.1f} requests a minute")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rest", type=int, default=0, help="also the costs at rest with so many Softphones")
    parser.add_argument("--seconds", type=int, default=120, help="how long to look at it at rest")
    found = parser.parse_args()
    asyncio.run(measure(found.count, found.rest, found.seconds))


if __name__ == "__main__":
    main()
