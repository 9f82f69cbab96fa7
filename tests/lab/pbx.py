"""SIP PBXes (Kamailio) that redirect, stand in for each other and die as a telephony team's do.

system = default_system()
slave = system.pbx("slave")
here = slave.position()
slave.kill(); slave.start(); slave.wait_ready()
slave.bindings(); slave.registers(since=here)
system.set_home("alice", "standby")
"""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lab import net, rpc
from lab.certificates import Authority, Certificate
from lab.errors import LabError
from lab.register_log import Register, RegisterLog
from lab.services import Service
from lab.settings import Settings
from lab.settings import settings as present_settings

CONFIG = Path(__file__).with_name("kamailio.cfg")
REALM = "pbx.test"
HOME = "home"
NOT_SET = ("[not set]", "<null>", "")
# Pings are this often, and silence for this long means dead.
PING_MILLISECONDS = 200
DEAD_MILLISECONDS = 1000


@dataclass(frozen=True)
class Binding:
    """One binding that a PBX holds."""

    aor: str
    contact: str
    expires_seconds: int
    call_id: str
    cseq: int
    user_agent: str
    received: str | None
    socket: str | None


@dataclass(frozen=True)
class PbxSpec:
    """How one PBX behaves.

    Users whose home it is not are redirected to `redirects_to`: "home" (the user's own PBX), or another PBX's name.
    """

    name: str
    address: str
    redirects_to: str = HOME
    stand_in: str = ""
    """The PBX to which the others redirect its users while it is dead (a slave's standby)."""
    port: int = 5060
    tls_port: int = 0
    """0: no TLS."""
    min_expires: int = 10
    max_expires: int = 3600
    default_expires: int = 60
    nonce_seconds: int = 300
    ping_milliseconds: int = PING_MILLISECONDS
    dead_milliseconds: int = DEAD_MILLISECONDS


@dataclass(frozen=True)
class System:
    """PBXes that belong together, and where each user is at home (by name, or by a pattern of names)."""

    settings: Settings
    specs: Sequence[PbxSpec]
    homes: Mapping[str, str]
    patterns: Mapping[str, str] = field(default_factory=dict)
    location_header: str = "X-Physical-Location"
    place: str = ""
    """Begins the names of its services and files, where there is another system with PBXes of these names."""

    @cached_property
    def pbxes(self) -> list[Pbx]:
        """All of them."""
        return [Pbx(self, spec) for spec in self.specs]

    def pbx(self, name: str) -> Pbx:
        """One of them by its name."""
        try:
            return next(pbx for pbx in self.pbxes if pbx.name == name)
        except StopIteration:
            raise LabError(f"no PBX {name}; there are {', '.join(pbx.name for pbx in self.pbxes)}") from None

    @property
    def authority(self) -> Path:
        """The certificate of the authority that the PBXes' certificate is from; made when they first start."""
        return self._tls / "ca.pem"

    @cached_property
    def certificate(self) -> Certificate:
        """One for all PBXes, with all their addresses."""
        if not (self._tls / "pbx.pem").exists():
            return self.renew_certificate()
        return Certificate(self._tls / "pbx.pem", self._tls / "pbx.key")

    def renew_certificate(self, days: int = 2) -> Certificate:
        """Another one, valid for so many days, or expired (-1). A PBX takes it when it starts."""
        return Authority(self._tls).issue("pbx", *(f"IP:{spec.address}" for spec in self.specs), days=days)

    @property
    def _tls(self) -> Path:
        return self.folder / f"tls-{'-'.join(spec.name for spec in self.specs)}"

    @property
    def folder(self) -> Path:
        """Below it lies all that its PBXes keep."""
        return self.settings.run / "pbx" / self.place

    @property
    def _moved(self) -> Path:
        names = "-".join(spec.name for spec in self.specs)
        return self.folder / f"moved-{names}.json"

    def present_homes(self) -> dict[str, str]:
        """The table of users with all moves since the lab came up."""
        moved = json.loads(self._moved.read_text()) if self._moved.exists() else {}
        return {**self.homes, **moved}

    def set_home(self, user: str, name: str) -> None:
        """Makes a PBX a user's home, at once and for later restarts."""
        self.pbx(name)
        moved = {**self.present_homes(), user: name}
        self._moved.parent.mkdir(parents=True, exist_ok=True)
        self._moved.write_text(json.dumps(moved))
        for pbx in self.pbxes:
            if pbx.running:
                pbx.call("htable.sets", "homes", user, name)

    def reset_homes(self) -> None:
        """Takes all moves back."""
        moved = self.present_homes()
        self._moved.unlink(missing_ok=True)
        for user, name in moved.items():
            for pbx in self.pbxes:
                if not pbx.running or self.homes.get(user) == name:
                    continue
                if user in self.homes:
                    pbx.call("htable.sets", "homes", user, self.homes[user])
                else:
                    pbx.call("htable.delete", "homes", user)


class Pbx:
    """One running (or dead) PBX."""

    def __init__(self, system: System, spec: PbxSpec) -> None:
        self.system = system
        self.spec = spec
        self.name = spec.name
        self.address = spec.address
        self.port = spec.port
        self._folder = system.folder / spec.name
        # 32 MiB shared, 8 MiB for each process: good for some ten thousand bindings.
        argv = [
            "kamailio",
            "-DD",
            "-E",
            "-m",
            "32",
            "-M",
            "8",
            "-f",
            f"{self._folder}/kamailio.cfg",
            "-Y",
            str(self._folder),
        ]
        self.service = Service(system.settings, f"pbx-{system.place}{spec.name}", argv)
        self.log = RegisterLog(self.service.log)

    def __repr__(self) -> str:
        return f"Pbx({self.name} at {self.address}:{self.port})"

    @property
    def uri(self) -> str:
        """Its SIP URI."""
        return f"sip:{self.address}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether its processes live (a paused one does)."""
        return self.service.running

    @property
    def tls_uri(self) -> str:
        """Its SIP URI over TLS; `System.authority` has signed its certificate."""
        return f"sip:{self.address}:{self.spec.tls_port};transport=tls"

    def start(self) -> None:
        """Starts it; it comes up without bindings."""
        if self.running:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        # What a killed one left behind would be taken for the new one's.
        (self._folder / "rpc").unlink(missing_ok=True)
        (self._folder / "kamailio.cfg").write_text(self._config())
        self.service.start()

    def wait_ready(self, seconds: float = 10) -> None:
        """Waits until it answers, and knows which of the other PBXes answer."""
        self.service.wait_ready(self.answers, seconds)
        peers = [pbx for pbx in self.system.pbxes if pbx is not self and pbx.running and pbx.answers()]
        self.service.wait_ready(lambda: {pbx.name for pbx in peers} <= set(self.reachable()), seconds)

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        self.service.kill()

    def stop(self) -> None:
        """Stops it in an orderly way."""
        self.service.stop()

    def pause(self) -> None:
        """Makes it silent: connections stay open and packets are swallowed."""
        self.service.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on; what waited in its sockets is answered now."""
        self.service.signal(signal.SIGCONT)

    def answers(self, seconds: float = 0.3) -> bool:
        """Whether it answers an OPTIONS over UDP."""
        return net.inside(lambda: _options(self.address, self.port, seconds))

    def call(self, method: str, *parameters: str | int) -> Any:
        """Asks it by RPC."""
        return rpc.call(self._folder, method, *parameters)

    def reachable(self) -> list[str]:
        """The other PBXes that it believes to be there."""
        table = self.call("htable.dump", "answered")
        known = {slot["name"]: int(slot["value"]) for entry in table for slot in entry["slot"]}
        if not known:
            return []
        newest = max(known.values())
        return [name for name, when in known.items() if newest - when <= self.spec.dead_milliseconds]

    def bindings(self, aor: str | None = None) -> list[Binding]:
        """The bindings it holds now, of all users or of one (given as user@host or user)."""
        wanted = aor.removeprefix("sip:").partition("@")[0] if aor else None
        found = []
        for domain in self.call("ul.dump")["Domains"]:
            for entry in domain["Domain"]["AoRs"]:
                user = entry["Info"]["AoR"]
                if wanted in (None, user):
                    found += [_binding(user, item["Contact"]) for item in entry["Info"]["Contacts"]]
        return [binding for binding in found if binding.expires_seconds > 0]

    def forget(self) -> None:
        """Makes it lose all of its bindings while it goes on."""
        for aor in {binding.aor for binding in self.bindings()}:
            self.call("ul.rm", "location", aor)

    def position(self) -> int:
        """The present end of its log of REGISTERs, for `registers(since=...)`."""
        return self.log.position()

    def registers(self, since: int = 0, aor: str | None = None) -> list[Register]:
        """The REGISTERs with a Contact that it has seen (since a position, of one user), also before a restart."""
        return [register for register in self._seen(since, aor) if not register.asks]

    def queries(self, since: int = 0, aor: str | None = None) -> list[Register]:
        """The REGISTERs without Contact, which change no binding; otherwise as `registers`."""
        return [register for register in self._seen(since, aor) if register.asks]

    def _seen(self, since: int, aor: str | None) -> list[Register]:
        user = aor.removeprefix("sip:").partition("@")[0] if aor else None
        return [register for register in self.log.read(since) if user in (None, register.aor.partition("@")[0])]

    def _config(self) -> str:
        spec, system = self.spec, self.system
        words = {
            "PBX_NAME": spec.name,
            "PBX_ADDRESS": spec.address,
            "PBX_PORT": spec.port,
            "PBX_FOLDER": self._folder,
            "REDIRECTS_TO": spec.redirects_to,
            "MIN_EXPIRES": spec.min_expires,
            "MAX_EXPIRES": spec.max_expires,
            "DEFAULT_EXPIRES": spec.default_expires,
            "NONCE_EXPIRES": spec.nonce_seconds,
            "PING_MICROSECONDS": spec.ping_milliseconds * 1000,
            "DEAD_MILLISECONDS": spec.dead_milliseconds,
            "LOCATION_HEADER": system.location_header,
            "REALM": REALM,
        }
        if spec.tls_port:
            made = system.certificate
            words |= {"PBX_TLS_PORT": spec.tls_port, "PBX_CERTIFICATE": made.certificate, "PBX_KEY": made.key}
        lines = ["#!KAMAILIO", *(f"#!substdef '|{word}|{value}|g'" for word, value in words.items())]
        lines += [f'include_file "{CONFIG}"', "event_route[htable:mod-init] {"]
        lines += [f'    $sht(homes=>{user}) = "{home}";' for user, home in system.present_homes().items()]
        lines += [f'    $sht(stand_ins=>{p.name}) = "{p.stand_in}";' for p in system.specs if p.stand_in]
        lines += [f'    $sht(addresses=>{p.name}) = "{p.address}:{p.port}";' for p in system.specs]
        lines += [f'    $sht(tls_addresses=>{p.name}) = "{p.address}:{p.tls_port}";' for p in system.specs]
        lines += ["}", "route[HOME_OF_PATTERN] {", '    $var(home) = "";']
        lines += [
            f'    if ($tU =~ "^{pattern}$") {{ $var(home) = "{home}"; }}' for pattern, home in system.patterns.items()
        ]
        lines += ["}", "route[PING] {"]
        lines += [_ping(spec, peer) for peer in system.specs if peer.name != spec.name]
        # Kamailio takes no route without a statement, and a PBX may be alone.
        return "\n".join([*lines, "    return;", "}", ""])


def _ping(spec: PbxSpec, peer: PbxSpec) -> str:
    uri = f"sip:{peer.address}:{peer.port}"
    request = {
        "method": "OPTIONS",
        "ruri": uri,
        "turi": uri,
        "furi": f"sip:{spec.address}:{spec.port}",
        "evparam": peer.name,
    }
    lines = [f'    $uac_req({key}) = "{value}";' for key, value in request.items()]
    return "\n".join([*lines, "    $uac_req(evroute) = 1;", "    uac_req_send();"])


def _binding(user: str, contact: Mapping[str, Any]) -> Binding:
    def known(key: str) -> str | None:
        value = str(contact.get(key, ""))
        return None if value in NOT_SET else value

    expires = contact["Expires"]
    return Binding(
        aor=user,
        contact=str(contact["Address"]),
        expires_seconds=int(expires) if re.fullmatch(r"-?\d+", str(expires)) else 0,
        call_id=str(contact["Call-ID"]),
        cseq=int(contact["CSeq"]),
        user_agent=known("User-Agent") or "",
        received=known("Received"),
        socket=known("Socket"),
    )


def _options(address: str, port: int, seconds: float) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        try:
            sock.connect((address, port))
            host, local_port = sock.getsockname()
            here = f"{host}:{local_port}"
            lines = [
                f"OPTIONS sip:{address}:{port} SIP/2.0",
                f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{here.replace(':', '')};rport",
                f"From: <sip:lab@{here}>;tag=lab",
                f"To: <sip:{address}:{port}>",
                f"Call-ID: lab-{here}",
                "CSeq: 1 OPTIONS",
                "Max-Forwards: 70",
                "Content-Length: 0",
            ]
            sock.send(("\r\n".join(lines) + "\r\n\r\n").encode())
            return sock.recv(4096).startswith(b"SIP/2.0 200")
        except OSError:
            return False


PEOPLE = ("alice", "bob", "carol", "dave", "erin")


def default_system(settings: Settings | None = None) -> System:
    """Master, slave and standby.

    The slave is everybody's home; the standby redirects to the master and the master to the slave. A process of pytest
    beside which others use the lab has three of its own.
    """
    now = settings or present_settings()
    master, slave, standby = now.pbx_addresses[:3]
    specs = [
        PbxSpec("master", master, tls_port=5061),
        PbxSpec("slave", slave, redirects_to="master", tls_port=5061),
        PbxSpec("standby", standby, redirects_to="master", tls_port=5061),
    ]
    # u0, u1, ... for tests and load00000, ... for fleets; mallory is at home at the master.
    patterns = {"u[0-9]+": "slave", "load[0-9]+": "slave"}
    homes = {**dict.fromkeys(PEOPLE, "slave"), "mallory": "master"}
    return System(now, specs, homes, patterns, place="" if now.worker is None else f"worker{now.worker}-")


def here(text: str) -> str:
    """A text in which the lab's master, slave and standby stand by their addresses, with those of `default_system`."""
    now = present_settings()
    for usual, address in zip(now.pbx_addresses_in_lab[:3], now.pbx_addresses, strict=False):
        text = text.replace(usual, address)
    return text
