"""What happens when an agent's own address changes: another interface, a lease of DHCP, a mobile uplink.

All phones are at home at `slave`; half of them are the other agent's, whose address stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network

import pytest

from drills import link
from drills.drill import Drill
from drills.fleets import Fleet
from lab.measuring import processes_of_pods
from lab.pbx import System
from lab.settings import settings
from lab.shell import run

pytestmark = [pytest.mark.lab, pytest.mark.drill]

NOTE = (
    "SIP does not tell a phone that its address has changed. It sees it with its next refresh, 15 to 27 s after the "
    "last one, and registers with another Contact."
)


@contextmanager
def _another_address(pod: str) -> Iterator[str]:
    """Give a pod an address besides its first one, and let it send from there."""
    (first, *_) = processes_of_pods([pod])
    inside = ["nsenter", f"--net=/proc/{first}/ns/net", "ip"]
    network = ip_network(settings().pod_range)
    address, gateway = str(network[-6]), settings().node_address
    run([*inside, "address", "add", f"{address}/32", "dev", "eth0"])
    run([*inside, "route", "replace", "default", "via", gateway, "dev", "eth0", "src", address])
    try:
        yield address
    finally:
        run([*inside, "route", "replace", "default", "via", gateway, "dev", "eth0"])
        run([*inside, "address", "delete", f"{address}/32", "dev", "eth0"])


def _call_ids(phones: Fleet, host: str) -> dict[str, str]:
    """The Call-IDs of the phones whose Contact is at this host."""
    held = phones.history.pbxes["slave"].bindings()
    return {each.aor: each.call_id for each in held if f"@{host}:" in each.contact}


def test_the_address_of_an_agent_changes(drill: Drill, phones: Fleet, pbxes: System) -> None:
    pod = phones.pods()["0"]
    old, other = (str(phones.pods()[number]["status"]["podIP"]) for number in ("0", "1"))
    half = phones.phones // 2
    before = _call_ids(phones, other)
    assert len(before) == half
    with ExitStack() as stack:
        done = "One of two agents gets another address to send from; nothing passes to or from its old one any more."
        with drill("pbx", "address-changed", done, note=NOTE) as fault:
            for entry in ("slave", "master", "standby"):
                stack.enter_context(link.cut(pbxes.pbx(entry).address, of=old))
            new = stack.enter_context(_another_address(pod["metadata"]["name"]))
            fault.gone(old)
            fault.until(lambda _: len(_call_ids(phones, new)) == half, "all have the new address")
        assert _call_ids(phones, other) == before, "the other agent's phones keep their Call-IDs"
        with drill("pbx", "address-changed-back", "It has its old address again, and no other.", note=NOTE) as fault:
            stack.close()
            fault.gone(new)
            fault.until(lambda _: len(_call_ids(phones, old)) == half, "all have the old address")
        assert _call_ids(phones, other) == before, "the other agent's phones keep their Call-IDs"
