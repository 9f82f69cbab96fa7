"""The users of several systems as a table, imported into a pool: what is true of each, and what they cost.

Three systems: the lab's own three PBXes over UDP, and two of two PBXes each, over TLS and over TCP.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import yaml

from bench.api_client import SOFTPHONES, Client, Object, kubectl
from bench.operator_figures import Different
from drills import pools
from e2e import objects
from lab.kube import is_ready, registration
from lab.measuring import anonymous, first_registered, processes_of_pods, pss
from lab.pbx import Pbx, PbxSpec, System, default_system
from lab.settings import settings

POOL, AUTHORITY = "office", "authority"
PER_AGENT = 250
SINGLE = 10
WRONG_EVERY = 7
PATIENCE = 300.0


class Place(NamedTuple):
    """A system's two entry PBXes, the home of its users, and the URIs by which they are reached."""

    pri: str
    sec: str
    home: str
    uris: dict[str, str]


@dataclass(frozen=True)
class User:
    """One line of the table."""

    name: str
    place: Place
    phys: str
    password: str

    @property
    def is_right(self) -> bool:
        """Whether its PBX takes the password."""
        return self.password == f"pw-{self.name}"


def systems() -> list[System]:
    """The lab's own, and two more."""
    now = settings()
    return [
        default_system(now),
        System(
            now,
            [
                PbxSpec("linz", "10.245.0.24", tls_port=5061),
                PbxSpec("linz-standby", "10.245.0.25", redirects_to="linz", tls_port=5061),
            ],
            {},
            {"load[0-9]+": "linz"},
        ),
        System(
            now,
            [PbxSpec("graz", "10.245.0.26"), PbxSpec("graz-standby", "10.245.0.27", redirects_to="graz")],
            {},
            {"load[0-9]+": "graz"},
        ),
    ]


@contextmanager
def running(found: Sequence[System]) -> Iterator[list[Pbx]]:
    """All their PBXes; those that did not run before end afterwards."""
    pbxes = [pbx for system in found for pbx in system.pbxes]
    started = [pbx for pbx in pbxes if not pbx.running]
    for pbx in started:
        pbx.start()
    for pbx in pbxes:
        pbx.wait_ready()
    try:
        yield pbxes
    finally:
        for pbx in started:
            pbx.kill()


def places(found: Sequence[System]) -> list[Place]:
    """Where users may be."""
    lab, linz, graz = ({pbx.name: pbx for pbx in system.pbxes} for system in found)
    return [
        Place("master", "standby", "slave", {name: pbx.uri for name, pbx in lab.items()}),
        Place("linz", "linz-standby", "linz", {name: pbx.tls_uri for name, pbx in linz.items()}),
        Place("graz", "graz-standby", "graz", {name: f"{pbx.uri};transport=tcp" for name, pbx in graz.items()}),
    ]


def users(count: int, wrong: int, of: Sequence[Place]) -> list[User]:
    """So many, in turn of all places; every seventh has a wrong password until there are enough of these."""
    found = []
    for index in range(count):
        name, is_wrong = f"load{index:03d}", index % WRONG_EVERY == 0 and index // WRONG_EVERY < wrong
        found.append(User(name, of[index % len(of)], f"room-{index}", "guessed" if is_wrong else f"pw-{name}"))
    return found


def surroundings(of: Sequence[Place], authorities: Sequence[str]) -> list[Object]:
    """The PBXes, the authorities of their certificates, and the pool."""
    secure = {"tls": {"caSecretName": AUTHORITY}}
    pbxs = [
        objects.pbx(name, address=uri, system=place.home, location=name, **(secure if "tls" in uri else {}))
        for place in of
        for name, uri in place.uris.items()
    ]
    # Named beforehand, so that the first phone over TLS makes no new pods.
    credentials = {"secretNames": [POOL, AUTHORITY]}
    made = pools.pool(POOL, PER_AGENT, [POOL], credentials=credentials)
    return [*pbxs, objects.secret(AUTHORITY, **{"ca.crt": "".join(authorities)}), made]


def table(of: Sequence[User]) -> str:
    """The users as CSV."""
    lines = (f"{user.name},{user.password},{user.place.pri},{user.place.sec},{user.phys}" for user in of)
    return "\n".join(["user,password,pri,sec,phys", *lines, ""])


def imported(of: Sequence[User]) -> str:
    """What `kubectl softphone import csv --pool` makes of the table."""
    known = [word for place in {user.place.home: user.place for user in of}.values() for word in place.uris]
    words = [word for name in known for word in ("--pbx", name)]
    command = [sys.executable, "-m", "softphone_plugin", "import", "csv", "-", "--domain", "pbx.test", "--pool", POOL]
    done = subprocess.run([*command, *words], input=table(of), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def is_told(obj: Object, user: User) -> bool:
    """Whether the status of a Softphone says what is true."""
    told = registration(obj)
    if user.is_right:
        return is_ready(obj) and (told.get("pbx"), told.get("physicalLocation")) == (user.place.home, user.phys)
    return told.get("lastFailure", {}).get("reason") == "Rejected" and not is_ready(obj)


async def all_told(client: Client, namespace: str, of: Sequence[User]) -> float:
    """The time at which a watch had shown of each what is true."""
    left = {user.name: user for user in of}
    path = f"/{SOFTPHONES}/namespaces/{namespace}/softphones"
    last: dict[str, Object] = {}
    try:
        async with asyncio.timeout(PATIENCE), aclosing(client.watch(path)) as watch:
            async for found in watch:
                name = found["metadata"]["name"]
                last[name] = found
                if name in left and is_told(found, left[name]):
                    del left[name]
                if not left:
                    break
    except TimeoutError:
        shown = {name: last.get(name, {}).get("status") for name in sorted(left)[:3]}
        raise SystemExit(f"not true of {len(left)}: {shown}") from None
    return time.time()


async def measure(client: Client, namespace: str, count: int, wrong: int) -> Different:
    """Apply them, wait until all is told, measure; then a few single ones beside."""
    found = systems()
    with running(found) as pbxes:
        of = users(count, wrong, where := places(found))
        authorities = [system.authority.read_text() for system in found if any(s.tls_port for s in system.specs)]
        begun = yaml.safe_dump_all(surroundings(where, authorities))
        await asyncio.to_thread(kubectl, "-n", namespace, "apply", "-f", "-", given=begun)
        here = [(pbx, pbx.position()) for pbx in pbxes]
        text, began = imported(of), time.time()
        waiting = asyncio.create_task(all_told(client, namespace, of))
        await asyncio.to_thread(kubectl, "-n", namespace, "apply", "-f", "-", given=text)
        applied = time.time() - began
        told = await waiting - began
        granted = first_registered(here)
        right = {f"{user.name}@pbx.test" for user in of if user.is_right}
        if granted.keys() != right:
            raise SystemExit(f"registered are others than those with the right password: {granted.keys() ^ right}")
        pods = await client.list(f"/api/v1/namespaces/{namespace}/pods")
        pids = processes_of_pods(pod["metadata"]["name"] for pod in pods)
        megabytes = pss(pids)
        single, each_more = await beside(client, namespace, {pod["metadata"]["name"] for pod in pods})
        return Different(
            softphones=count,
            systems=len(found),
            wrong_passwords=sum(not user.is_right for user in of),
            agents=len(pods),
            processes=len(pids),
            applied=applied,
            granted=max(granted.values()) - began,
            told=told,
            megabytes=megabytes,
            single=SINGLE,
            single_megabytes=single,
            each_more=each_more,
        )


async def beside(client: Client, namespace: str, others: set[str]) -> tuple[float, float]:
    """What a few single Softphones take, and one more of them."""
    names = [f"load9{index:02d}" for index in range(SINGLE)]
    made = [each for name in names for each in (objects.secret(name), objects.softphone(name, registration=None))]
    await asyncio.to_thread(kubectl, "-n", namespace, "apply", "-f", "-", given=yaml.safe_dump_all(made))
    left = set(names)
    async with (
        asyncio.timeout(PATIENCE),
        aclosing(client.watch(f"/{SOFTPHONES}/namespaces/{namespace}/softphones")) as w,
    ):
        async for found in w:
            if is_ready(found):
                left.discard(found["metadata"]["name"])
            if not left:
                break
    pods = {pod["metadata"]["name"] for pod in await client.list(f"/api/v1/namespaces/{namespace}/pods")} - others
    pids = processes_of_pods(pods)
    return pss(pids), anonymous(pids) / SINGLE
