"""What an agent's pod mounts: its configuration file, and Secrets. Pure.

A file that names a Secret must not reach a pod that does not mount it: its phones would lose their passwords. So where
the mounts change, the new text gets a key of its own in the ConfigMap, and only the new pod mounts that key. The text
of the pod before stays under the key that it mounts, until that pod has ended. Whoever stops in the midst of it, the
operator too, leaves each pod with a file that fits its mounts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from softphone_operator.decide import comparing, names

Object = dict[str, Any]

CONFIG_VOLUME = "config"
TEMPLATE = ("f:spec", "f:template")


def volumes(agent: str, config_key: str, secrets: Iterable[names.SecretUse]) -> list[Object]:
    """The volumes of an agent's pod."""
    source: Object = {"name": agent}
    if config_key != names.CONFIG_KEY:
        source["items"] = [{"key": config_key, "path": names.CONFIG_KEY}]
    return [
        {"name": CONFIG_VOLUME, "configMap": source},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        *map(secret_volume, secrets),
    ]


def config_key(secrets: Iterable[names.SecretUse], observed: Mapping[str, Any] | None) -> str:
    """The key of the ConfigMap for a pod that mounts these Secrets, in place of the `observed` Deployment's.

    While the mounts stay the same, so does the key, so that no pod is replaced for it.
    """
    if observed is None:
        return names.CONFIG_KEY
    wanted = [secret_volume(use) for use in secrets]
    if not secrets_differ(wanted, observed):
        return mounted_key(observed)
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:8]
    return f"agent-{digest}.json"


def mounted_key(deployment: Mapping[str, Any]) -> str:
    """The key of the ConfigMap that the pods of a Deployment mount."""
    for volume in _volumes_of(deployment):
        if volume.get("name") == CONFIG_VOLUME:
            for item in (volume.get("configMap") or {}).get("items") or ():
                return str(item.get("key"))
    return names.CONFIG_KEY


def config_data(
    text: str, key: str, observed: Mapping[str, Any] | None, deployment: Mapping[str, Any] | None, *, settled: bool
) -> dict[str, str]:
    """The data of a ConfigMap whose text for the wanted pod is under `key`.

    `settled`: no pod of the `deployment` mounts anything else. Until then what others may mount stays.
    """
    kept: dict[str, str] = {}
    if observed is not None and deployment is not None and not (settled and mounted_key(deployment) == key):
        kept = {name: text for name, text in (observed.get("data") or {}).items() if is_config_key(name)}
    return {**kept, key: text}


def phones_of(config_map: Mapping[str, Any], deployment: Mapping[str, Any] | None) -> int:
    """How many phones are in the file that the pods of a Deployment mount; 0 if it cannot be read."""
    try:
        file = json.loads(config_map["data"][mounted_key(deployment) if deployment else names.CONFIG_KEY])
        return len(file.get("phones", ())) + int(sum(fleet["count"] for fleet in file.get("fleets", ())))
    except (KeyError, TypeError, ValueError, AttributeError):
        return 0


def is_config_key(name: str) -> bool:
    """Whether a key of a ConfigMap is one under which an agent's file may be."""
    return name == names.CONFIG_KEY or (name.startswith("agent-") and name.endswith(".json"))


def secrets_differ(wanted: list[Object], observed: Mapping[str, Any]) -> bool:
    """Whether the pods of a Deployment mount other Secrets than the `wanted` volumes."""
    there = [volume for volume in _volumes_of(observed) if _is_of_a_secret(volume, observed)]
    if {volume["name"] for volume in wanted} != {volume["name"] for volume in there}:
        return True
    return comparing.difference(wanted, there, "volumes") is not None


def _is_of_a_secret(volume: Mapping[str, Any], deployment: Mapping[str, Any]) -> bool:
    """Whether a volume is one that we made for a Secret."""
    name = str(volume.get("name"))
    key = f"k:{json.dumps({'name': name}, separators=(',', ':'))}"
    return name.startswith(names.SECRET_VOLUMES) and comparing.owns(deployment, *TEMPLATE, "f:spec", "f:volumes", key)


def mounted(deployment: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The Secrets without which a pod of a Deployment does not start, and the keys that it needs of them."""
    found: dict[str, frozenset[str]] = {}
    for volume in _volumes_of(deployment):
        for source in (volume.get("projected") or {}).get("sources") or ():
            secret = source.get("secret") or {}
            if name := (None if secret.get("optional") else secret.get("name")):
                keys = frozenset(str(item.get("key")) for item in secret.get("items") or ())
                found[name] = found.get(name, frozenset()) | keys
    return found


def unmountable(deployment: Mapping[str, Any], secrets: Mapping[str, frozenset[str]]) -> str | None:
    """Why a pod of a Deployment cannot mount its Secrets, None where it can. `secrets`: the keys of those there are."""
    for name, keys in sorted(mounted(deployment).items()):
        if name not in secrets:
            return f'the Secret "{name}" that it mounts does not exist'
        if missing := sorted(keys - secrets[name]):
            return f'the Secret "{name}" that it mounts has no key "{missing[0]}"'
    return None


def _volumes_of(deployment: Mapping[str, Any]) -> list[Object]:
    pod = (deployment["spec"].get("template") or {}).get("spec") or {}
    return [volume for volume in pod.get("volumes") or () if isinstance(volume, dict)]


def secret_volume(use: names.SecretUse) -> Object:
    """The volume of a Secret: a projection, since it can hold an optional key beside a required one.

    A whole Secret is projected without a list of keys, so that keys may come and go while the pod runs.
    A Secret that disappears, or loses a required key, leaves the files of a running pod as they were.
    """
    if use.whole:
        whole: Object = {"secret": {"name": use.name}}
        return {"name": names.secret_volume(use.name), "projected": {"defaultMode": 0o440, "sources": [whole]}}
    sources: list[Object] = [{"secret": {"name": use.name, "items": [{"key": k, "path": k} for k in use.required]}}]
    if use.optional:
        items = [{"key": k, "path": k} for k in use.optional]
        sources.append({"secret": {"name": use.name, "items": items, "optional": True}})
    return {"name": names.secret_volume(use.name), "projected": {"defaultMode": 0o440, "sources": sources}}
