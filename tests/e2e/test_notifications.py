"""The operator itself tells a receiver of losses, as the chart sets it up: no Prometheus has part in it."""

from __future__ import annotations

import json
import queue
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from e2e.objects import secret, softphone, system
from lab import release
from lab.images import Images
from lab.kube import Kube, kubectl, registered_at
from lab.pbx import System
from lab.settings import settings

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

TOKEN = "token-4711"
SECONDS = 60.0


class Receiver:
    """An HTTP server at the node's address, which refuses while it is `busy`."""

    def __init__(self) -> None:
        self.busy = False
        self.refused = threading.Event()
        self.taken: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.busy:
                    outer.refused.set()
                else:
                    outer.taken.put((self.headers.get("Authorization", ""), json.loads(body)))
                self.send_response(503 if outer.busy else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer((settings().node_address, 0), Handler)
        self.url = f"http://{settings().node_address}:{self._server.server_address[1]}/hook/path-0815"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> list[tuple[str, dict[str, Any]]]:
        """All messages until the one that holds such an alert."""
        found: list[tuple[str, dict[str, Any]]] = []
        while not found or not any(map(wanted, found[-1][1]["alerts"])):
            found.append(self.taken.get(timeout=SECONDS))
        return found


def says(alert: str, name: str, status: str) -> Callable[[dict[str, Any]], bool]:
    def holds(of: dict[str, Any]) -> bool:
        labels = of["labels"]
        return (labels["alertname"], labels.get("softphone"), of["status"]) == (alert, name, status)

    return holds


def lost(told: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """The Softphones of which these messages say that their redundancy is lost."""
    alerts = [alert for _, message in told for alert in message["alerts"] if alert["status"] == "firing"]
    return [of["labels"]["softphone"] for of in alerts if of["labels"]["alertname"] == "SoftphoneRedundancyLost"]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def phones(operator_rests: None, receiver: Receiver) -> Iterator[Kube]:
    """Two phones at home, in a namespace that an operator of its own serves."""
    made, place = Kube(f"told-{uuid.uuid4().hex[:6]}"), f"teller-{uuid.uuid4().hex[:6]}"
    for name in (made.namespace, place):
        kubectl("create", "namespace", name)
    Kube(place).apply(secret("alerts", token=TOKEN))
    values = {
        "watchNamespaces": f"{{{made.namespace}}}",
        "crds.enabled": "false",
        "notifications.url": receiver.url,
        "notifications.secretName": "alerts",
        "notifications.waitSeconds": "3",
    }
    flags = [f"--set={name}={value}" for name, value in values.items()]
    chart = [str(release.CHART), *release.images(Images(settings()).names)]
    release.helm("install", "teller", *chart, *flags, "--wait", "--timeout=120s", namespace=place)
    made.apply(*system(), *(secret(name) for name in ("alice", "bob")))
    often = {"expiresSeconds": 20, "pathCheckSeconds": 10}
    made.apply(*(softphone(name, registration=often) for name in ("alice", "bob")))
    for name in ("alice", "bob"):
        made.until("sp", name, registered_at("slave", "Home"))
    yield made
    logs = kubectl("-n", place, "logs", "deployment/teller-softphone-fleet-operator", "--tail=-1")
    assert TOKEN not in logs
    assert "path-0815" not in logs
    made.close()
    release.helm("uninstall", "teller", "--wait", namespace=place)
    kubectl("delete", "namespace", place, "--wait=false")


def test_a_standby_that_dies_is_told_once_with_the_token_and_its_return_too(
    phones: Kube, pbxes: System, receiver: Receiver
) -> None:
    standby = pbxes.pbx("standby")
    standby.kill()
    told: list[tuple[str, dict[str, Any]]] = []
    while {"alice", "bob"} - set(lost(told)):  # in one message where they are noticed together
        told += receiver.until(lambda one: one["labels"]["alertname"] == "SoftphoneRedundancyLost")
    assert sorted(lost(told)) == ["alice", "bob"], "each once"
    assert {authorization for authorization, _ in told} == {f"Bearer {TOKEN}"}
    labels = [message["groupLabels"] for _, message in told if lost([("", message)])]
    assert all(group == {"namespace": phones.namespace, "pbx": "standby"} for group in labels)
    standby.start()
    standby.wait_ready()
    back = receiver.until(says("SoftphoneRedundancyLost", "alice", "resolved"))
    assert not any(map(says("SoftphoneRedundancyLost", "alice", "firing"), [a for _, m in back for a in m["alerts"]]))


def test_a_receiver_that_is_busy_is_told_when_it_has_time_and_the_phones_do_not_wait(
    phones: Kube, pbxes: System, receiver: Receiver
) -> None:
    receiver.busy = True
    receiver.refused.clear()
    pbxes.pbx("slave").kill()
    for name in ("alice", "bob"):
        phones.until("sp", name, registered_at("master", "Standby"))
    assert receiver.refused.wait(SECONDS)
    receiver.busy = False
    told = receiver.until(says("SoftphonesOnStandby", "alice", "firing"))
    assert told[-1][1]["groupLabels"]["pbx"] == "master"
    pbxes.pbx("slave").start()
    receiver.until(says("SoftphonesOnStandby", "alice", "resolved"))
