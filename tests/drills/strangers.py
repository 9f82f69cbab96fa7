"""Where strangers reach the agents of a fleet, what the agents count of them, and what must hold over an attack."""

from __future__ import annotations

import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from drills.drill import Drill, Fault
from drills.fleets import Fleet
from intruder import Address, ask, listening_ports, request
from lab.measuring import processes_of_pods
from lab.waiting import wait_until


def sip_ports(phones: Fleet) -> list[Address]:
    """Where the agents receive SIP: the hosts and ports of the Contacts."""
    contacts = {re.sub(r".*@|;.*", "", each.contact) for each in phones.history.pbxes["slave"].bindings()}
    return [(host, int(port)) for host, _, port in (contact.partition(":") for contact in sorted(contacts))]


def tcp_ports(phones: Fleet) -> list[Address]:
    """Where the agents receive SIP over TCP: another port than that of the Contacts, which are of UDP.

    It is found by asking, and that is over when the agents have counted it.
    """
    found, counted = [], ("softphone_unsolicited_requests_total", "code")
    before = counters(phones, *counted)
    for pod in phones.pods().values():
        for worker in processes_of_pods([pod["metadata"]["name"]])[1:]:
            for port in listening_ports(worker):
                to = (pod["status"]["podIP"], port)
                with suppress(TimeoutError):  # the port for TLS, of which the kernel drops all
                    if ask(request("OPTIONS", to, transport="TCP"), to, tcp=True, seconds=1.0).startswith(
                        "SIP/2.0 200"
                    ):
                        found.append(to)
    assert len(found) >= 2, "each agent listens for TCP"
    wait_until(lambda: (counters(phones, *counted) - before)["200"] >= len(found), "our own requests are counted")
    return found


def http_ports(phones: Fleet) -> list[Address]:
    """Where the agents serve HTTP."""
    (port,) = {
        port["containerPort"] for pod in phones.pods().values() for port in pod["spec"]["containers"][0]["ports"]
    }
    return [(pod["status"]["podIP"], port) for pod in phones.pods().values()]


def samples(phones: Fleet) -> Iterator[Sample]:
    """All samples that the agents show."""
    for host, port in http_ports(phones):
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=10) as page:
            for family in text_string_to_metric_families(page.read().decode()):
                yield from family.samples


def counters(phones: Fleet, name: str, label: str) -> Counter[str]:
    """The samples of a counter of all agents, by a label."""
    found: Counter[str] = Counter()
    for sample in samples(phones):
        if sample.name == name:
            found[sample.labels[label]] += int(sample.value)
    return found


def containers(phones: Fleet) -> set[str]:
    """The agents' containers: another one of a pod is a restarted one."""
    return {pod["status"]["containerStatuses"][0]["containerID"] for pod in phones.pods().values()}


def words(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counted.items())) or "none"


@contextmanager
def attack(drill: Drill, phones: Fleet, name: str, done: str, *, note: str = "") -> Iterator[Fault]:
    """An attack over which no agent ends, and whose discarded messages are told."""
    counted = ("softphone_sip_discarded_total", "reason")
    with drill("attackers", name, done, note=note) as fault:
        before, running = counters(phones, *counted), containers(phones)
        assert len(running) == len(sip_ports(phones)) == 2
        yield fault
        if discarded := counters(phones, *counted) - before:
            fault.figures["discarded"] = words(discarded)
        assert containers(phones) == running
