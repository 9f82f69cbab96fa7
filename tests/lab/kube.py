"""kubectl as the tests use it: apply, get, patch, delete, and wait for what a watch says."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
Predicate = Callable[[Object], bool]


class KubeError(AssertionError):
    """kubectl refused something, or something never came true."""


def kubectl(*arguments: str, given: str | None = None) -> str:
    """Run kubectl; its output. Raises KubeError with its words where it fails."""
    done = subprocess.run(["kubectl", *arguments], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KubeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True)
class Kube:
    """One namespace."""

    namespace: str

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects, or the objects of files."""
        kubectl("-n", self.namespace, "apply", "-f", "-", given=yaml.safe_dump_all(objects))

    def apply_files(self, folder: Path) -> None:
        """Apply all files of a folder."""
        kubectl("-n", self.namespace, "apply", "-f", str(folder))

    def get(self, kind: str, name: str) -> Object:
        """The object. Raises KubeError where there is none."""
        found: Object = json.loads(kubectl("-n", self.namespace, "get", kind, name, "-o", "json"))
        return found

    def names(self, kind: str, selector: str = "") -> list[str]:
        """The names of all objects of a kind."""
        output = kubectl("-n", self.namespace, "get", kind, "-l", selector, "-o", "name")
        return [line.partition("/")[2] for line in output.split()]

    def patch(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        """Change fields of a spec, as `kubectl edit` would; None removes a field."""
        change = json.dumps({"spec": spec})
        kubectl("-n", self.namespace, "patch", kind, name, "--type=merge", "-p", change)

    def delete(self, kind: str, name: str, *more: str) -> None:
        """Delete an object and wait until it is gone."""
        kubectl("-n", self.namespace, "delete", kind, name, *more)

    def close(self) -> None:
        """Delete all phones and PBXes, wait until they are gone, and let the namespace go by itself.

        With them in it, it would go at any time later, when another test may have taken away their kinds.
        """
        kubectl("-n", self.namespace, "delete", "sp,spf,spp,rh,pbx", "--all")
        kubectl("delete", "namespace", self.namespace, "--wait=false")

    def wait(self, condition: str, what: str, *, seconds: float = 60) -> None:
        """`kubectl wait --for=…`, as a user would. Raises KubeError with the objects as they are then."""
        try:
            kubectl("-n", self.namespace, "wait", f"--for={condition}", *what.split(), f"--timeout={seconds:.0f}s")
        except KubeError as error:
            error.add_note(kubectl("-n", self.namespace, "describe", *what.split()))
            raise

    def until(self, kind: str, name: str, predicate: Predicate, *, seconds: float = 60) -> Object:
        """The object once `predicate` holds, told by a watch. Raises KubeError with the last state seen."""
        last: Object = {}
        # Not `get KIND NAME --watch`: that drops a change between its get and its watch.
        which = f"--field-selector=metadata.name={name}"
        command = ["kubectl", "-n", self.namespace, "get", kind, which, "-o", "json", "--watch"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            timer = threading.Timer(seconds, process.kill)
            timer.start()
            try:
                assert process.stdout is not None
                for last in _objects(process.stdout):
                    if predicate(last):
                        return last
            finally:
                timer.cancel()
                process.kill()
        told = json.dumps(last.get("status", last), indent=1)
        raise KubeError(f"{kind}/{name}: not within {seconds:.0f} s; last seen: {told}")

    def events(self, kind: str, name: str) -> list[tuple[str, str]]:
        """Reason and message of the events about an object."""
        listed = json.loads(kubectl("-n", self.namespace, "get", "events", "-o", "json"))["items"]
        about = [e for e in listed if (e["involvedObject"]["kind"], e["involvedObject"]["name"]) == (kind, name)]
        return [(event["reason"], event["message"]) for event in about]


def _objects(lines: Iterator[str]) -> Iterator[Object]:
    """The JSON objects of a stream of indented JSON; each ends with a brace in the first column."""
    text = ""
    for line in lines:
        text += line
        if line.rstrip() == "}":
            yield json.loads(text)
            text = ""


def condition(of: Object, name: str) -> Object:
    """A condition of an object's status; {} where it has none of that name."""
    found = [c for c in of.get("status", {}).get("conditions", []) if c["type"] == name]
    return found[0] if found else {}


def is_ready(of: Object) -> bool:
    """Whether the object's condition Ready is True for its present generation."""
    ready = condition(of, "Ready")
    return ready.get("status") == "True" and ready.get("observedGeneration") == of["metadata"]["generation"]


def registration(of: Object) -> Object:
    """status.registration of a Softphone."""
    found: Object = of.get("status", {}).get("registration", {})
    return found


def registered_at(pbx: str, role: str) -> Predicate:
    """Whether a Softphone is registered at a PBX in a role."""

    def holds(of: Object) -> bool:
        now = registration(of)
        return (now.get("state"), now.get("pbx"), now.get("role")) == ("Registered", pbx, role)

    return holds


def refused_for(reason: str) -> Predicate:
    """Whether a Softphone's spec is refused for a reason."""
    return lambda of: (
        condition(of, "Accepted").get("status") == "False" and condition(of, "Accepted").get("reason") == reason
    )
