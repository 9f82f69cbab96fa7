"""A pretended API server, with agents behind its proxy that answer or are silent; commands are typed against it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.history import History, HistoryEntry
from softphone_agent.contract.report import ConfigReport, PhoneReport, Snapshot, to_line
from softphone_operator.api.kinds import KINDS, Kind
from softphone_operator.decide.names import APP, COMPONENT, FIELD_MANAGER, INSTANCE, MANAGED_BY

Object = dict[str, Any]
NAMESPACE = "demo"


class ApiServer:
    """What it answers. All objects are in one namespace; watches are open and tell nothing."""

    def __init__(self) -> None:
        self._collections: dict[str, list[Object]] = {kind.plural: [] for kind in KINDS}
        self.services: list[Object] = []
        self._collections |= {"pods": [], "services": self.services, "namespaces": [{"metadata": {"name": NAMESPACE}}]}
        self._collections |= {name: [] for name in ("deployments", "configmaps", "events", "secrets")}
        self.metrics = b""
        """What every agent's page of metrics says."""
        self.logs: dict[str, bytes] = {}
        """What the log of a pod is."""
        self.asked: list[str] = []
        """All paths that were asked for."""
        self._reports: dict[str, list[PhoneReport]] = {}
        self.silent: set[str] = set()
        """Agents that take a request and do not answer."""
        self.unheard: set[str] = set()
        """Agents that the API server does not reach, and says so at once."""
        self.history: list[HistoryEntry] = []
        """What agents remember of their phones."""
        self.patched: Callable[[Object], None] = lambda obj: None
        """Is told of an object that was patched: what an operator does then."""
        self.created: Callable[[Object], None] = lambda obj: None
        """Is told of an object that was made, likewise."""
        self.calls: dict[str, list[CallReport]] = {}
        """What agents tell of test calls."""
        self.closing = threading.Event()

    def add(self, kind: Kind, *objects: Object) -> None:
        """Objects that are there."""
        self._collections[kind.plural] += objects

    def add_other(self, plural: str, *objects: Object) -> None:
        """Objects of Kubernetes' own kinds."""
        self._collections[plural] += objects

    def objects(self, plural: str) -> list[Object]:
        """Those that are there, as they are."""
        return self._collections[plural]

    def merge(self, path: str, change: Object) -> bytes | None:
        """Merge a patch into an object (RFC 7396); None where there is no such object."""
        *_, plural, name = path.strip("/").split("/")
        one = next((obj for obj in self._collections[plural] if obj["metadata"]["name"] == name), None)
        if one is None:
            return None
        _merge(one, change)
        answer = json.dumps(one).encode()
        self.patched(one)
        return answer

    def create(self, path: str, obj: Object) -> bytes:
        """Make an object in a collection."""
        made = {**obj, "metadata": {**obj["metadata"], "uid": f"u-{obj['metadata']['name']}", "generation": 1}}
        self._collections[path.strip("/").split("/")[-1]].append(made)
        answer = json.dumps(made).encode()
        self.created(made)
        return answer

    def delete(self, path: str, uid: str) -> bool:
        """Delete an object of this uid; an agent's Deployment takes its pod with it."""
        *_, plural, name = path.strip("/").split("/")
        found = self._collections[plural]
        gone = [obj for obj in found if obj["metadata"]["name"] == name and obj["metadata"]["uid"] == uid]
        for obj in gone:
            found.remove(obj)
            self.deleted(name)
        return bool(gone)

    def deleted(self, name: str) -> None:
        """A Deployment is gone: what the operator does then is up to the test."""

    def agent(self, name: str, *reports: PhoneReport) -> None:
        """An agent that runs, and what it says of its phones."""
        labels = {APP: "softphone-agent", INSTANCE: name, MANAGED_BY: FIELD_MANAGER, COMPONENT: "agent"}
        running: Object = {"containerStatuses": [{"state": {"running": {}}}]}
        metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
        self._collections["pods"].append({"metadata": metadata, "status": running})
        self._reports[name] = list(reports)

    def page(self, path: str, query: Mapping[str, str]) -> bytes | None:
        """What is at a path; None where there is nothing."""
        parts = path.strip("/").split("/")
        self.asked.append(path)
        if path == "/version":
            return b'{"gitVersion": "v1.36.0"}'
        if parts[-1] == "log":
            return self.logs.get(parts[-2])
        if "proxy" in parts:
            name, page = parts[parts.index("proxy") - 1].partition(":")[0], parts[-1]
            if name in self.unheard:
                return None
            reports = tuple(self._reports[name])
            if page == "history":
                told = tuple(entry for entry in self.history if entry.phone == query.get("phone"))
                return History(version="1", entries=told).model_dump_json(by_alias=True).encode()
            return self.metrics if page == "metrics" else to_line(self._snapshot(name, reports))
        plural = next((part for part in reversed(parts) if part in self._collections), "")
        found = self._collections.get(plural)
        if found is None:
            return None
        if parts[-1] != plural:
            one = next((obj for obj in found if obj["metadata"]["name"] == parts[-1]), None)
            return None if one is None else json.dumps(one).encode()
        wanted = [pair.partition("=") for pair in query.get("labelSelector", "").split(",") if pair]
        items = [obj for obj in found if all(_has(obj, key, value) for key, _, value in wanted)]
        return json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()

    def _snapshot(self, agent: str, phones: tuple[PhoneReport, ...]) -> Snapshot:
        calls = tuple(self.calls.get(agent, ()))
        return Snapshot(version="1", config=ConfigReport(digest="d"), phones=phones, calls=calls)

    def is_silent(self, path: str) -> bool:
        """Whether this is asked of an agent that does not answer."""
        return "/proxy/" in path and any(f"/{name}:" in path for name in self.silent)


def _has(obj: Object, key: str, value: str) -> bool:
    labels = obj["metadata"].get("labels", {})
    return key in labels and value in ("", labels[key])


def _merge(into: Object, change: Object) -> None:
    for key, value in change.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


@contextmanager
def serving(api: ApiServer, folder: Path) -> Iterator[Path]:
    """Serve; the path of a kubeconfig that leads there."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            if api.is_silent(asked.path):
                self.close_connection = True
                api.closing.wait()
                return
            page = api.page(asked.path, query)
            watched = page is not None and "watch" in query
            self.send_response(404 if page is None else 200)
            if not watched:
                self.send_header("Content-Length", str(len(page or b"{}")))
            self.end_headers()
            if not watched:
                self.wfile.write(page or b"{}")
                return
            self.close_connection = True
            if "/proxy/" in asked.path:
                self.wfile.write(page or b"")
            self.wfile.flush()
            api.closing.wait()

        def do_PATCH(self) -> None:
            page = api.merge(urlsplit(self.path).path, self._body())
            self._answer(404 if page is None else 200, page or b"{}")

        def do_POST(self) -> None:
            self._answer(201, api.create(urlsplit(self.path).path, self._body()))

        def do_DELETE(self) -> None:
            done = api.delete(urlsplit(self.path).path, self._body()["preconditions"]["uid"])
            self._answer(200 if done else 409, b"{}")

        def _body(self) -> Any:
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, status: int, page: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig(f"http://127.0.0.1:{server.server_address[1]}")))
    try:
        yield kubeconfig
    finally:
        api.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _kubeconfig(address: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "anna", "namespace": NAMESPACE}}],
        "clusters": [{"name": "here", "cluster": {"server": address}}],
        "users": [{"name": "anna", "user": {}}],
    }
