"""From what is there of users and phones to manifests: PBXes, Secrets and Softphones. Pure.

Sources: the connInfo object of innovaphone's client API, the address of myApps in a browser, the server configuration
of the myApps launcher, and tables of users. What is made is held against the operator's own rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

from softphone_agent.contract import sip_uri
from softphone_agent.contract.phone import REFERENCES, is_uri
from softphone_operator.api.kinds import API_VERSION
from softphone_operator.decide import decisions, desired_pbx, desired_pool, desired_softphone, references
from softphone_operator.decide.aors import canonical_aor
from softphone_operator.decide.names import shorten
from softphone_plugin.words import on_a_line

Object = dict[str, Any]

_ADDRESS = re.compile(r"(?:https?://)?(\[[0-9A-Fa-f:.]+\]|[^\s/:?#@\[\]]+)(?::(\d+))?(?:[/?#].*)?\Z", re.IGNORECASE)
_USERNAME = "_username"
"""With what the key of a user name ends in the Secret of a pool: no name of an object has such a character."""
_HAS_USER = re.compile(r"(?:https?://)?[^/?#\s]*@", re.IGNORECASE)


def aor_of(text: str) -> str:
    """An AOR as people write it: the scheme may be left out."""
    given = text.strip()
    return f"sip:{given}" if given and not given.lower().startswith(("sip:", "sips:")) else given


class ImportFault(Exception):  # noqa: N818 - a fault in what was given, not in the program
    """Why something cannot be taken over: the field and what is wrong with it, never a password."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(on_a_line(f"{where}: {message}" if where else message))


@dataclass(frozen=True)
class User:
    """One softphone, as it was found. PBXes are still addresses or names."""

    aor: str
    mode: str = "Launcher"
    pri: str = ""
    sec: str = ""
    cur: str = ""
    home: str = ""
    phys: str = ""
    name: str = ""
    username: str = ""
    password: str | None = field(default=None, repr=False)
    secret: str = ""
    """Name of a Secret that is there already."""


@dataclass(frozen=True)
class Settings:
    """What counts for all."""

    transport: str = "tcp"
    system: str = ""
    """Which PBXes belong together. Default: the domain of the first AOR."""
    namespace: str = ""
    credentials: bool = True
    """Whether a phone without a password is to have a Secret, which somebody else makes."""
    pool: str = ""
    """SoftphonePool that is to carry them; one Secret of its name holds the passwords of all."""
    pbxs: Mapping[str, str] = field(default_factory=dict)
    """Names of PBX objects and their addresses; without address they are in the cluster already."""


def host_of(text: str, where: str) -> tuple[str, str]:
    """Host and port of a server as people write it: a host, host:port, or the URL of a page there. Raises ImportFault.

    The port of a URL is that of HTTP and is left out.
    """
    given = text.strip().strip("<>\"'").rstrip(".,;")
    if _HAS_USER.match(given):
        raise ImportFault(where, "holds a user name or a password before the host; give it without")
    found = _ADDRESS.match(given)
    if not given or found is None or not sip_uri.is_host(found[1].strip("[]")):
        raise ImportFault(where, f'"{text.strip()}" is no address of a server' if given else "is empty")
    is_page = "/" in given
    return found[1].lower(), "" if is_page else found[2] or ""


class Maker:
    """Makes the objects of many users, whose PBXes and names are told apart."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pbxs: dict[str, Object] = {}
        self._by_address: dict[str, str] = {}
        self._names: set[str] = set()
        self._aors: dict[str, str] = {}
        self._phones: list[Object] = []
        self._secrets: list[Object] = []
        self.notes: list[str] = []
        self.absent_secrets: dict[str, str] = {}
        """Secrets that are referred to and were not made, each with the user name that belongs into it, or nothing."""
        self.absent_keys: list[str] = []
        """Keys that the Secret of the pool is to have, and that were not told."""
        for name, address in settings.pbxs.items():
            if address:
                self._by_address[self._address(address, "--pbx")] = name

    def add(self, user: User, origin: str = "") -> None:
        """Make a user's objects. `origin` says where the user was found. Raises ImportFault, then nothing is made."""
        key = canonical_aor(user.aor)
        if key and key in self._aors:
            raise ImportFault("aor", f'"{user.aor}" is already that of {self._aors[key]}')
        if not self._settings.system:
            domain = user.aor.rpartition("@")[2].partition(";")[0].partition(":")[0]
            self._settings = replace(self._settings, system=domain)
        before = dict(self._pbxs), dict(self._by_address)
        try:
            references = {where: self._reference(getattr(user, where), where) for where in REFERENCES}
            same = references["sec"] != "" and references["sec"] == references["pri"]
            if same:
                references["sec"] = ""
            name, secret = self._name(user), user.secret
            if user.password is not None or (self._settings.credentials and not secret):
                secret = self._settings.pool or name
            phone = self._softphone(user, name, references, secret)
            self._check(phone)
        except ImportFault:
            self._pbxs, self._by_address = before
            raise
        self._names.add(name)
        if same:
            self.notes.append(f"{user.aor}: sec is the same PBX as pri, and left out")
        if key:
            self._aors[key] = origin or name
        if self._settings.pool and secret == self._settings.pool:
            self._into_the_secret_of_the_pool(user, name)
        elif user.password is not None:
            self._secrets.append(self._secret(user, name))
        elif secret and not user.secret:
            self.absent_secrets[secret] = user.username
        elif user.username:
            self.notes.append(f"{user.aor}: username is left out: it goes into a Secret, and none is made")
        self._phones.append(phone)

    def objects(self) -> list[Object]:
        """All that was made: PBXes, Secrets, Softphones."""
        return [*self._pbxs.values(), *self._secrets, *self._phones]

    @property
    def softphones(self) -> int:
        """How many Softphones were made."""
        return len(self._phones)

    def _address(self, text: str, where: str) -> str:
        if is_uri(text.strip()):
            return text.strip()
        host, port = host_of(text, where)
        return f"sip:{host}{f':{port}' if port else ''};transport={self._settings.transport}"

    def _reference(self, text: str, where: str) -> str:
        """The name of the PBX object for a PBX as it was found; the object is made where it is new."""
        given = text.strip()
        if not given:
            return ""
        known = self._settings.pbxs
        if given in known:
            if known[given]:
                self._pbx(given, self._address(known[given], "--pbx"), where)
            return given
        address = self._address(given, where)
        name = self._by_address.get(address)
        if name is None:
            name = self._free_pbx_name(address)
            self._by_address[address] = name
        if name not in self._pbxs and not (name in known and not known[name]):
            self._pbx(name, address, where)
        return name

    def _free_pbx_name(self, address: str) -> str:
        try:
            host = sip_uri.parse(address).host
        except sip_uri.SipUriError:
            host = "pbx"
        short = _slug(host if sip_uri.is_address(host) else host.partition(".")[0])
        short = f"pbx-{short}" if sip_uri.is_address(host) else short
        taken = set(self._by_address.values()) | set(self._settings.pbxs)
        return next(name for name in chain((short, _slug(host)), _numbered(short)) if name not in taken)

    def _pbx(self, name: str, address: str, where: str) -> None:
        spec = {"address": address, "system": self._settings.system}
        outcome = desired_pbx.pbx(name, "", spec, {})
        if isinstance(outcome, decisions.Refusal):
            raise ImportFault(where, outcome.message.partition(": ")[2] or outcome.message)
        self._pbxs.setdefault(name, self._object("PBX", name, spec))

    def _name(self, user: User) -> str:
        if user.name:
            if user.name in self._names:
                raise ImportFault("name", f'"{user.name}" is there twice')
            return user.name
        short = shorten(_slug(user.aor.partition(":")[2].rpartition("@")[0]) or "phone", 50)
        return next(name for name in chain((short,), _numbered(short)) if name not in self._names)

    def _softphone(self, user: User, name: str, references: Mapping[str, str], secret: str) -> Object:
        spec: Object = {"aor": user.aor, "mode": user.mode, **references, "phys": user.phys}
        if secret:
            spec["credentials"] = {"secretName": secret}
        if self._settings.pool:
            spec["agent"] = {"pool": self._settings.pool}
            if secret and user.username:
                spec["credentials"]["usernameKey"] = f"{name}{_USERNAME}"
        return self._object("Softphone", name, {key: value for key, value in spec.items() if value})

    def _into_the_secret_of_the_pool(self, user: User, name: str) -> None:
        data: dict[str, str] = {name: user.password} if user.password is not None else {}
        if user.username:
            data[f"{name}{_USERNAME}"] = user.username
        if user.password is None:
            self.absent_keys.append(name)
        if data and not self._secrets:
            made = self._object("Secret", self._settings.pool, {})
            del made["spec"]
            self._secrets.append({**made, "apiVersion": "v1", "stringData": {}})
        if data:
            self._secrets[0]["stringData"].update(data)

    def _secret(self, user: User, name: str) -> Object:
        data = {"password": user.password, **({"username": user.username} if user.username else {})}
        made = self._object("Secret", name, {})
        del made["spec"]
        return {**made, "apiVersion": "v1", "stringData": data}

    def _object(self, kind: str, name: str, spec: Object) -> Object:
        metadata = {"name": name, **({"namespace": self._settings.namespace} if self._settings.namespace else {})}
        return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}

    def _check(self, phone: Object) -> None:
        """Hold a Softphone against the operator's rules; PBXes and Secrets of the cluster are taken to be there."""
        spec, name = phone["spec"], phone["metadata"]["name"]
        pbxs = {one: desired_pbx.pbx(one, "", obj["spec"], {}) for one, obj in self._pbxs.items()}
        for one, address in self._settings.pbxs.items():
            if not address:
                placeholder = {"address": f"sip:{_slug(one)}.invalid"}
                pbxs[one] = desired_pbx.pbx(one, "", placeholder, {})
        secrets = {secret: frozenset({"password"}) for secret in references.softphone_needs(spec).secrets}
        outcome: decisions.Decision
        if self._settings.pool:
            named = spec.get("credentials", {}).get("secretName")
            keys = {named: frozenset({name, f"{name}{_USERNAME}"})} if named else {}
            pool = desired_pool.pool("", {"credentials": {"secretNames": list(keys)}}, keys)
            outcome = desired_softphone.in_pool(name, "", "", spec, pool, pbxs, keys)
        else:
            outcome = desired_softphone.softphone(name, "", "", spec, pbxs, secrets)
        if isinstance(outcome, decisions.Refusal):
            raise ImportFault("", outcome.message.replace("phones[0].", ""))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _numbered(name: str) -> Iterable[str]:
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def from_conn_info(data: Any, user: User) -> tuple[User, list[str]]:
    """A connInfo, alone or within the client API's model, as a user, and what is to be said of it. Raises ImportFault.

    `user` holds what is known besides, its AOR where the model does not tell it.
    """
    model = _find(data, "connInfo")
    info = model["connInfo"] if model is not None else data
    if not isinstance(info, dict) or not {"pri", "cur"} & set(info):
        raise ImportFault("connInfo", "is not there: neither pri nor cur is told")
    texts = {name: _text(info, name) for name in ("pri", "sec", "cur", "phys")}
    launcher = (model or {}).get("launcher")
    mode = "Browser" if launcher is False or (launcher is None and not texts["pri"]) else "Launcher"
    notes = [f"connInfo.{name}: is not known, and left out" for name in info if name not in _CONN_INFO]
    if mode == "Browser" and info.get("standby") is True:
        notes.append("connInfo.standby: the client was on a standby PBX, so cur may be another one in quiet times")
    if not user.aor and model is not None and _aor(model.get("user")):
        notes.append("aor: made of the SIP name; where the PBX knows the device by its hardware id, give it with --aor")
    wanted = ("cur", "phys") if mode == "Browser" else ("pri", "sec", "phys")
    found = replace(user, mode=mode, aor=user.aor or _aor((model or {}).get("user")), **_only(texts, wanted))
    return found, notes


_CONN_INFO = ("up", "standby", "cur", "pri", "sec", "phys")


def _only(texts: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: texts[name] for name in names}


def _text(info: Mapping[str, Any], name: str) -> str:
    value = info.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ImportFault(f"connInfo.{name}", "is no text")
    return value.strip()


def _aor(user: Any) -> str:
    if not isinstance(user, dict) or not isinstance(user.get("sip"), str) or not isinstance(user.get("domain"), str):
        raise ImportFault("aor", "is not told by the connInfo: give it with --aor")
    return f"sip:{user['sip']}@{user['domain']}"


def _find(data: Any, key: str) -> dict[str, Any] | None:
    """The object that holds `key`, wherever it is."""
    if isinstance(data, dict):
        if key in data:
            return data
        return next((found for value in data.values() if (found := _find(value, key)) is not None), None)
    return None


def from_address(text: str, user: User) -> tuple[User, list[str]]:
    """The address of myApps as a browser shows it, as a user in mode Browser. Raises ImportFault.

    `#phys=` gives the physical location, as in https://pbx.example.com/PBX0/APPCLIENT/appclient.htm#phys=vienna.
    """
    given = text.strip().strip("<>\"'")
    host, _ = host_of(f"{given.split('#')[0].split('?')[0].rstrip('/')}/", "address")
    tail = [part for part in re.split(r"[?#]", given)[1:] if part]
    asked = [pair for part in tail for pair in parse_qsl(part.replace("#", "&"), keep_blank_values=True)]
    notes = [f"{name}: no setting of a Softphone, left out" for name, _ in asked if name.lower() != "phys"]
    phys = [value.strip() for name, value in asked if name.lower() == "phys" and value.strip()]
    if len(set(phys)) > 1:
        raise ImportFault("phys", f"is there twice: {' and '.join(phys)}")
    return replace(user, mode="Browser", cur=host, phys=phys[0] if phys else user.phys), notes


def from_launcher(server: str, secondary: str, user: User) -> User:
    """The launcher's server configuration: server address and physical location, as a user in mode Launcher.

    Raises ImportFault.
    """
    found = {"pri": host_of(server, "server"), "sec": host_of(secondary, "secondary") if secondary else ("", "")}
    hosts = {name: f"{host}:{port}" if port else host for name, (host, port) in found.items()}
    return replace(user, mode="Launcher", **hosts)
