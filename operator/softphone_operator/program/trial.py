"""What `helm test` runs: a throwaway Softphone must become Ready at a small responder in this process.

So the whole way is tried: operator, agent pod, SIP between pods, and back into the status. Exit code 0: it did.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import structlog

from softphone_agent.contract import early_stop
from softphone_operator.api.kinds import API_VERSION
from softphone_operator.decide import label_selector
from softphone_operator.kubernetes.cluster import Cluster, ClusterError
from softphone_operator.kubernetes.resources import PBXS, SOFTPHONES, Resource

Object = dict[str, Any]

SIP_PORT = 5060
_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")
_POLL_SECONDS = 1.0
_log = structlog.get_logger()


class Objects(Protocol):
    """What of the cluster is used here."""

    async def create(self, resource: Resource, obj: Mapping[str, Any]) -> Object:
        """Make an object."""

    async def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Read an object."""

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Delete an object."""


def answer(request: str) -> str | None:
    """The 200 to a REGISTER, which keeps the binding, or to an OPTIONS (RFC 3261, section 10.3); None to all else."""
    method = request.partition(" ")[0]
    headers = [(name, value) for name in _COPIED for value in _values(request, name)]
    if method not in ("REGISTER", "OPTIONS") or {name for name, _ in headers} != set(_COPIED):
        return None
    lines = ["SIP/2.0 200 OK", *(f"{name}: {value}" + (";tag=test" if name == "To" else "") for name, value in headers)]
    if method == "REGISTER":
        lines += [f"{name}: {value}" for name in ("Contact", "Expires") for value in _values(request, name)]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])


def _values(message: str, name: str) -> list[str]:
    return re.findall(rf"^{name}[ \t]*:[ \t]*(.*?)\r?$", message.partition("\r\n\r\n")[0], re.MULTILINE | re.IGNORECASE)


class _Responder(asyncio.DatagramProtocol):
    """Answers by `answer`, to where the request came from."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        back = answer(data.decode(errors="replace"))
        if back is not None:
            self._transport.sendto(back.encode(), addr)


async def try_a_softphone(
    objects: Objects,
    namespace: str,
    address: str,
    seconds: float,
    say: Callable[[str], None],
    labels: Mapping[str, str] | None = None,
) -> bool:
    """Whether a Softphone whose PBX is at `address` becomes Ready within `seconds`. Leaves no objects behind.

    `labels` are those by which the operator selects what it serves.
    """
    name = f"helm-test-{secrets.token_hex(3)}"
    wanted: list[tuple[Resource, Object]] = [
        (PBXS, {"address": f"sip:{_host(address)}:{SIP_PORT};transport=udp"}),
        (SOFTPHONES, {"aor": f"sip:{name}@softphone-fleet.invalid", "pri": name}),
    ]
    made: list[tuple[Resource, Object]] = []
    try:
        for resource, spec in wanted:
            obj: Object = {"apiVersion": API_VERSION, "kind": resource.kind, "spec": spec}
            obj["metadata"] = {"name": name, "namespace": namespace, "labels": dict(labels or {})}
            made.append((resource, await objects.create(resource, obj)))
        return await _ready(objects, namespace, name, seconds, say)
    finally:
        for resource, obj in reversed(made):
            await objects.delete(resource, namespace, name, obj["metadata"]["uid"])


async def _ready(objects: Objects, namespace: str, name: str, seconds: float, say: Callable[[str], None]) -> bool:
    until = time.monotonic() + seconds
    told = ""
    while time.monotonic() < until:
        softphone = await objects.get(SOFTPHONES, namespace, name) or {}
        conditions = {c["type"]: c for c in softphone.get("status", {}).get("conditions", ())}
        state = "; ".join(f"{kind}: {c['status']} ({c['reason']}) {c['message']}" for kind, c in conditions.items())
        if state and state != told:
            told = state
            say(state)
        if conditions.get("Ready", {}).get("status") == "True":
            return True
        await asyncio.sleep(_POLL_SECONDS)
    say(f"not Ready within {seconds:g} s" + ("" if told else ": the operator says nothing of it; does it run?"))
    return False


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


async def _run(namespace: str, address: str, seconds: float, labels: Mapping[str, str]) -> bool:
    loop, trying = asyncio.get_running_loop(), asyncio.current_task()
    assert trying is not None
    for number in early_stop.SIGNALS:
        loop.add_signal_handler(number, trying.cancel)  # the objects are removed first
    transport, _ = await loop.create_datagram_endpoint(_Responder, local_addr=(address, SIP_PORT))
    cluster = await Cluster.connect(1)
    try:
        return await try_a_softphone(cluster, namespace, address, seconds, lambda line: _log.info(line), labels)
    finally:
        await cluster.close()
        transport.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the test and exit: 0 Ready, 1 not Ready, 2 it could not be tried."""
    parser = argparse.ArgumentParser(prog="softphone_operator.program.self_test", description=__doc__)
    parser.add_argument("--namespace", required=True, help="where the throwaway objects are made")
    parser.add_argument("--address", required=True, help="address of this pod, where agents reach the responder")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to wait")
    parser.add_argument("--selector", default="", help="the operator's label selector; the objects bear such labels")
    settings = parser.parse_args(arguments)
    try:
        labels = label_selector.parse(settings.selector).example()
        ready = asyncio.run(_run(settings.namespace, settings.address, settings.seconds, labels))
    except asyncio.CancelledError:
        _log.error("cannot try: told to stop")
        sys.exit(2)
    except (ClusterError, OSError, label_selector.LabelSelectorError) as error:
        _log.error(f"cannot try: {error}")
        sys.exit(2)
    sys.exit(0 if ready else 1)
