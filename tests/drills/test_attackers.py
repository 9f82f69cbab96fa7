"""What strangers do to a fleet of two agents, which they reach at SIP and HTTP as if there were no NetworkPolicy.

What is sent is that of tests/agent (intruder.py) and of tests/hostile.py; what agents answer to it is tested there.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, suppress

import pytest
import yaml

from drills import fleets, link
from drills.conftest import EXPIRES_SECONDS, PHONES
from drills.drill import Drill, Fault
from drills.fleets import Fleet
from drills.forger import Forger
from drills.history import History
from drills.strangers import attack, counters, http_ports, sip_ports, tcp_ports, words
from e2e.objects import API, softphone
from hostile import HOSTILE
from hostile_objects import CASES, hostile_spec
from intruder import FORGING, GREEDY, NO_SIP, PER_SECOND, connections, flooding, lies
from lab.kube import Kube, Object, condition, kubectl
from lab.pbx import System, default_system
from lab.settings import settings
from lab.waiting import wait_until
from sip_responder import Request, answer

pytestmark = [pytest.mark.lab, pytest.mark.drill]

ATTACK_SECONDS = 30
"""In which every phone refreshes its binding once."""
FORGED_SECONDS = 15
CLIENTS = 150
"""HTTP clients of each sort."""
INJECTED = ("pbx,sp,spf", "--selector=injected=yes")
BREAKING = [text for text in HOSTILE.values() if "\r" in text]
TEMPLATES = [HOSTILE[aim] for aim in ("attribute", "globals", "width", "nested", "single brace")]


@pytest.fixture(scope="module")
def phones(namespace: Kube) -> Fleet:
    registration = {"expiresSeconds": EXPIRES_SECONDS, "redirectPolicy": "KnownPBXes"}
    return fleets.make(namespace, History(default_system()), PHONES, -(-PHONES // 2), registration=registration)


@pytest.mark.parametrize(
    ("kind", "what", "done"),
    [
        ("garbage", "datagrams", "Datagrams that are no SIP, or nearly some"),
        ("calls", "INVITEs", "INVITEs"),
        (
            "connections",
            "connections",
            "TCP connections over which nothing comes, and of which their opener keeps the latest 100 to 200",
        ),
    ],
)
def test_a_flood(drill: Drill, phones: Fleet, kind: str, what: str, done: str) -> None:
    done = (
        f"{done}, as fast as they can be sent or opened, {PER_SECOND} a second at most, for {ATTACK_SECONDS} s at each "
        "agent's SIP port."
    )
    with attack(drill, phones, kind, done) as fault:
        requests = ("softphone_unsolicited_requests_total", "code")
        targets = tcp_ports(phones) if kind == "connections" else sip_ports(phones)
        before = counters(phones, *requests)
        commands = [flooding(kind, to, ATTACK_SECONDS) for to in targets]
        floods = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
        sent = sum(int(flood.communicate()[0]) for flood in floods)
        assert sent > 1000 * len(floods)
        fault.figures[what] = str(sent)
        if requested := counters(phones, *requests) - before:
            fault.figures["requests by answer"] = words(
                Counter({code or "without one": count for code, count in requested.items()})
            )


def test_connections_that_bring_no_sip(drill: Drill, phones: Fleet) -> None:
    done = (
        f"For {ATTACK_SECONDS} s {len(NO_SIP)} TCP connections, one after the other, bring each agent HTTP, TLS, or no "
        "end; then a second's rest, and again."
    )
    with attack(drill, phones, "no-sip", done) as fault, ExitStack() as opened:
        targets, tried = tcp_ports(phones), Counter[str]()
        begun = time.monotonic()
        while time.monotonic() < begun + ATTACK_SECONDS:
            for to in targets:
                for data, _ in NO_SIP.values():
                    tried["tried"] += 1
                    try:
                        (one,) = connections(to, 1)
                    except ConnectionRefusedError:  # too many in a second: nobody is there for the next one
                        tried["refused"] += 1
                        continue
                    with suppress(ConnectionError):  # it was closed for being one too many
                        opened.enter_context(one).sendall(data)
            time.sleep(1)  # the rest
        fault.figures["connections"] = words(tried)
        assert tried["refused"] < tried["tried"]


def registers_elsewhere(foreign: socket.socket) -> int:
    """How many datagrams have come to a host that nobody should ask."""
    count = 0
    with suppress(BlockingIOError):
        while foreign.recv(65536, socket.MSG_DONTWAIT):
            count += 1
    return count


@pytest.fixture
def foreign() -> Iterator[socket.socket]:
    """A host to which forged answers lead."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((settings().pbx_addresses[6], 5060))
        yield one


def uri(of: socket.socket) -> str:
    host, port = of.getsockname()
    return f"sip:{host}:{port}"


def test_forged_answers_to_nothing(drill: Drill, phones: Fleet, pbxes: System, foreign: socket.socket) -> None:
    done = (
        f"For {ATTACK_SECONDS} s one who sees all REGISTERs sends 200, 302, 401, 403 and 423 to each, before the "
        "home PBX can and from another port than its own: with another branch, or another method in CSeq."
    )
    slave = pbxes.pbx("slave")

    def forged(request: Request) -> list[bytes]:
        return [forge(lie, request) for forge in FORGING.values() for lie in lies(request, uri(foreign))]

    with attack(drill, phones, "forged-strays", done) as fault:
        with link.bad(slave.address, loss=0, seconds=0.1), Forger(slave.address, slave.port, forged) as forger:
            time.sleep(ATTACK_SECONDS)
        told(fault, phones, forger, foreign)
        assert fault.registered() == phones.phones


def test_a_forged_redirect_to_a_foreign_host(
    drill: Drill, phones: Fleet, pbxes: System, foreign: socket.socket
) -> None:
    done = (
        f"For {FORGED_SECONDS} s one who sees all REGISTERs redirects each to a host of his own, before the home PBX "
        "can and from another port than its own. The phones have `redirectPolicy: KnownPBXes`."
    )
    note = (
        "None goes there. But an answer by one who knows the branch is an answer, wherever it comes from "
        "(docs/proof/attackers.md): the phones give the attempt up, and "
        "none is registered anew until he ends; then they come back by their back-off of up to 60 s. He sees nothing "
        "of phones on TLS."
    )
    slave = pbxes.pbx("slave")

    def forged(request: Request) -> list[bytes]:
        return [answer(request, 302, f"Contact: <{uri(foreign)}>")]

    with attack(drill, phones, "forged-redirect", done, note=note) as fault:
        with link.bad(slave.address, loss=0, seconds=0.1), Forger(slave.address, slave.port, forged) as forger:
            time.sleep(FORGED_SECONDS)
        told(fault, phones, forger, foreign)
        fault.until_all_at("slave")


def told(fault: Fault, phones: Fleet, forger: Forger, foreign: socket.socket) -> None:
    """The figures of one who forges."""
    assert len(forger.seen) >= phones.phones // 4
    fault.figures["forged answers"] = f"{forger.sent} to {len(forger.seen)} REGISTERs"
    fault.figures["REGISTERs at his host"] = str(elsewhere := registers_elsewhere(foreign))
    assert elsewhere == 0


def test_slow_and_greedy_http_clients(drill: Drill, phones: Fleet) -> None:
    done = (
        f"{CLIENTS} HTTP clients of each sort at each agent, for {ATTACK_SECONDS} s: silent, half a request, streams "
        "and pages that are not read, 200 kB of path, a body without end."
    )
    with attack(drill, phones, "http-clients", done), ExitStack() as held:
        for to in http_ports(phones):
            for data in GREEDY:
                for one in connections(to, CLIENTS):
                    held.enter_context(one).setblocking(False)
                    with suppress(OSError):  # as much as it takes; or it had to go
                        one.send(data)
        time.sleep(ATTACK_SECONDS)


def injected(namespace: Kube) -> list[Object]:
    """The objects with hostile texts that the API server took."""
    found: list[Object] = json.loads(kubectl("-n", namespace.namespace, "get", *INJECTED, "-o", "json"))["items"]
    return found


@pytest.mark.parametrize(
    ("name", "texts", "kind"),
    [
        ("line-breaks", BREAKING, "texts with CR, such as CR, LF and a header, or a whole INVITE"),
        ("templates", TEMPLATES, f"texts that want more of a template than {{index}}, such as `{HOSTILE['globals']}`"),
    ],
)
def test_hostile_texts_in_every_field_of_every_object(
    drill: Drill, phones: Fleet, name: str, texts: Collection[str], kind: str
) -> None:
    done = (
        f"{len(CASES) * len(texts)} PBXes, Softphones and SoftphoneFleets are created: one for each field that "
        f"takes a text and each of {len(texts)} {kind}."
    )
    note = "`system` may hold any text: it is compared, and shown with breaks escaped, and goes nowhere else."
    namespace = phones.namespace
    with attack(drill, phones, name, done, note=note) as fault:
        specs = [(kind, hostile_spec(kind, place, text)) for kind, place in CASES for text in texts]
        made = [
            {
                "apiVersion": API,
                "kind": kind,
                "metadata": {"name": f"injected-{number}", "labels": {"injected": "yes"}},
                "spec": spec,
            }
            for number, (kind, spec) in enumerate(specs)
        ]
        create = ["kubectl", "-n", namespace.namespace, "create", "-f", "-"]
        subprocess.run(create, input=yaml.safe_dump_all(made), capture_output=True, text=True, check=False)
        there = injected(namespace)
        assert there, "the API server knows nothing of most of it"
        wait_until(
            lambda: all(condition(each, "Accepted") for each in injected(namespace)), "the operator has looked at all"
        )
        taken = [each for each in injected(namespace) if condition(each, "Accepted")["status"] == "True"]
        fault.figures["refused"] = f"{len(made) - len(there)} by the API server, {len(there) - len(taken)} by us"
        assert all(each["spec"]["system"] in texts for each in taken)
        for each in there:
            assert "\r" not in condition(each, "Accepted").get("message", "")
        assert len(phones.pods()) == 2
        kubectl("-n", namespace.namespace, "delete", *INJECTED)


ELSEWHERE: dict[str, Callable[[str], Object]] = {
    "a PBX": lambda _: softphone("load001", sec=None),
    "a PBX with its namespace": lambda there: softphone("load002", pri=f"{there}/master", sec=None),
    "a Secret": lambda _: softphone("load003", pri="sip:10.245.0.11", sec=None, credentials={"secretName": "load"}),
    "a Secret with its namespace": lambda there: softphone(
        "load004", pri="sip:10.245.0.11", sec=None, credentials={"secretName": f"{there}/load"}
    ),
}
"""Softphones that would use what another namespace has."""


def test_another_namespace_names_our_secret_and_pbxes(drill: Drill, phones: Fleet) -> None:
    done = (
        "Softphones in another namespace take the fleet's users, and name its PBXes and its Secret, with and without "
        "their namespace."
    )
    other = Kube(f"{phones.namespace.namespace}-other")
    kubectl("create", "namespace", other.namespace)
    with attack(drill, phones, "other-namespace", done) as fault:
        other.apply(*(make(phones.namespace.namespace) for make in ELSEWHERE.values()))
        reasons: Counter[str] = Counter()
        for number in range(1, len(ELSEWHERE) + 1):
            found = other.until("sp", f"load{number:03d}", lambda of: bool(condition(of, "Accepted")))
            assert condition(found, "Accepted")["status"] == "False"
            reasons[condition(found, "Accepted")["reason"]] += 1
        fault.figures["refused"] = words(reasons)
        assert other.names("pod,deployment") == []
    other.close()
