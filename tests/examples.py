"""The folders of examples/, and what has to be put in place of their addresses and passwords to run them on the lab.

Everything else of an example is applied as it stands.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lab import pbx
from softphone_operator.api.kinds import API_VERSION

Object = dict[str, Any]

FOLDER = Path(__file__).resolve().parents[1] / "examples"
MANIFESTS = tuple(
    FOLDER / name
    for name in ("single-probe", "site-pair", "demo", "browser", "tls", "fleet", "pool", "calls", "rehearsal")
)
"""Folders for `kubectl apply -f`."""
SITES = (FOLDER / "gitops" / "sites" / "vienna", FOLDER / "gitops" / "sites" / "graz")
"""Folders for `kubectl apply -k`."""
ALONE = FOLDER / "without-kubernetes"

IN_THE_LAB = {
    "pbx1.example.com": "10.245.0.11",
    "pbx2.example.com": "10.245.0.12",
    "pbx3.example.com": "10.245.0.13",
    "@example.com": "@pbx.test",
}
"""The example's PBXes and domain, and those of the lab: its master, slave and standby."""


def fitted(text: str) -> str:
    """A text of an example or a document with the lab's addresses."""
    for ours, theirs in IN_THE_LAB.items():
        text = text.replace(ours, theirs)
    return pbx.here(text)


def documents(folder: Path) -> Iterator[Object]:
    """All objects in a folder's files."""
    for file in sorted(folder.glob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text())


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """Those of ours of a kind."""
    return [each for each in objects if (each["apiVersion"], each["kind"]) == (API_VERSION, kind)]


def password(user: str) -> str:
    """What the lab's PBXes want of a user."""
    return f"pw-{user}"


def with_passwords(objects: list[Object], authority: str) -> list[Object]:
    """The objects with passwords that the lab's PBXes take, and its authority; Secrets that are not there are made."""
    wanted = _secrets(objects)
    made = copy.deepcopy(objects)
    for each in made:
        if each["kind"] == "Secret":
            name = each["metadata"]["name"]
            each["stringData"] = wanted.pop(name, None) or {"ca.crt": authority}
    return made + [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
        for name, data in wanted.items()
    ]


def _secrets(objects: list[Object]) -> dict[str, dict[str, str]]:
    """For each Secret with passwords that phones name, its keys and the lab's values."""
    found: dict[str, dict[str, str]] = {}
    for phone in of_kind(objects, "Softphone"):
        credentials, pooled = phone["spec"]["credentials"], "pool" in phone["spec"].get("agent", {})
        key = credentials.get("passwordKey") or (phone["metadata"]["name"] if pooled else "password")
        found.setdefault(credentials["secretName"], {})[key] = password(user(phone["spec"]["aor"]))
    for fleet in of_kind(objects, "SoftphoneFleet"):
        spec, template = fleet["spec"], fleet["spec"]["template"]
        users = [user(template["aor"].format(index=index)) for index in range(spec["replicas"])]
        # In the lab every user has a password of his own.
        found[template["credentials"]["secretName"]] = {name: password(name) for name in users}
    return found


def user(aor: str) -> str:
    """The user of an AOR."""
    return aor.removeprefix("sip:").partition("@")[0]
