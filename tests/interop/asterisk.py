"""Asterisk: its configuration for a test, its life, and what it knows of phones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from interop.process import Process, command, inside, root
from lab.certificates import Certificate
from lab.waiting import wait_until

MODULES = (
    *("res_sorcery_config", "res_sorcery_astdb", "res_sorcery_memory", "res_pjproject", "res_pjsip"),
    *("res_pjsip_session", "res_pjsip_registrar", "res_pjsip_path", "res_pjsip_authenticator_digest"),
    *("res_pjsip_outbound_authenticator_digest", "res_pjsip_endpoint_identifier_user", "res_pjsip_sdp_rtp"),
    *("res_pjsip_messaging", "res_pjsip_notify", "res_pjsip_pubsub", "res_pjsip_mwi", "res_pjsip_mwi_body_generator"),
    *("res_pjsip_logger", "res_rtp_asterisk", "chan_pjsip", "codec_ulaw", "format_pcm", "app_dial", "app_echo"),
    *("res_srtp",),
    *("app_verbose", "pbx_config", "bridge_simple", "func_callerid", "res_security_log"),
)
FOLDERS = ("etc", "db", "lib", "spool", "run", "log")
DIALPLAN = """\
[phones]
exten => _X!,1,NoOp(nobody)
exten => _[a-z]!,1,Dial(PJSIP/${EXTEN},20)
 same => n,Verbose(0,call ended: ${DIALSTATUS} ${HANGUPCAUSE})
 same => n,Hangup(${HANGUPCAUSE})
[texts]
exten => _[a-z]!,1,MessageSend(pjsip:${EXTEN})
 same => n,Verbose(0,text: ${MESSAGE_SEND_STATUS})
"""
PATIENCE = 30.0
"""Seconds after which a test gives up waiting; no statement about speed."""
_CONTACT = re.compile(r"Contact:\s+([^/\s<]+)/(\S+)\s+\S+\s+(\S+)\s+(\S+)")


@dataclass(frozen=True)
class User:
    """An endpoint with its auth and its AOR; `aor` are options of the AOR beside those that all have."""

    name: str
    digest: str = "MD5"
    aor: Mapping[str, str] = field(default_factory=dict)
    endpoint: Mapping[str, str] = field(default_factory=dict)

    def config(self) -> str:
        name = self.name
        return _sections(
            (name, {"type": "endpoint", "context": "phones", "message_context": "texts", "disallow": "all"}
             | {"allow": "ulaw", "auth": name, "aors": name, "direct_media": "no", **self.endpoint}),
            (name, {"type": "auth", "auth_type": "digest", "username": name, "password": f"pw-{name}"}
             | {"supported_algorithms_uas": self.digest}),
            (name, {"type": "aor", "max_contacts": "1", "remove_existing": "yes", "minimum_expiration": "10"}
             | {"maximum_expiration": "3600", "qualify_frequency": "2", **self.aor}),
        )  # fmt: skip


def users(*names: str) -> list[User]:
    """Plain ones."""
    return [User(name) for name in names]


@dataclass(frozen=True)
class Contact:
    """A contact of an AOR; `status` is Avail, Unavail, NonQual or Unknown."""

    uri: str
    status: str


class Asterisk(Process):
    """One Asterisk, at an address of its own: UDP and TCP at 5060, and TLS at 5061 where it has a certificate."""

    def __init__(
        self, name: str, address: str, known: Iterable[User], *, certificate: Certificate | None = None, **extra: str
    ) -> None:
        super().__init__(name)
        self.address = address
        self._users = list(known)
        self._write(certificate, extra)

    def uri(self, transport: str = "udp") -> str:
        """Where phones register."""
        return f"sip:{self.address}:{5061 if transport == 'tls' else 5060};transport={transport}"

    def start(self) -> None:
        """Start it; its contacts are in its database, if it had any."""
        self.begin(["asterisk", "-f", "-C", f"{inside(self.folder)}/etc/asterisk.conf"])

    def wait_ready(self) -> None:
        """Wait until it has read its configuration and takes REGISTERs."""
        wait_until(self._booted, self.name, seconds=PATIENCE, interval=0.05, alive=lambda: self.running,
                   explain=self.output)  # fmt: skip

    def _booted(self) -> bool:
        return "fully booted" in self.cli("core waitfullybooted")

    def cli(self, words: str) -> str:
        """What its command line says; nothing where it cannot be reached."""
        config = f"{inside(self.folder)}/etc/asterisk.conf"
        return command("sh", "-c", f"asterisk -C {config} -rx '{words}' 2>&1 || true")

    def contacts(self) -> dict[str, list[Contact]]:
        """By AOR, what it would call now."""
        found: dict[str, list[Contact]] = {}
        for aor, uri, status, _ in _CONTACT.findall(self.cli("pjsip show contacts")):
            found.setdefault(aor, []).append(Contact(uri, status))
        return found

    def available(self) -> set[str]:
        """The AORs whose only contact answers its OPTIONS."""
        return {aor for aor, found in self.contacts().items() if [contact.status for contact in found] == ["Avail"]}

    async def until(self, condition: Callable[[], bool], what: str) -> float:
        """Wait until something holds here; returns the seconds that it took."""
        return await asyncio.to_thread(
            wait_until,
            condition,
            f"{self.name}: {what}",
            seconds=PATIENCE,
            explain=lambda: self.cli("pjsip show contacts"),
        )

    async def until_available(self, *names: str) -> float:
        """Wait until exactly these AORs have a contact, each one, that answers its OPTIONS."""
        return await self.until(
            lambda: self.available() == set(names) == set(self.contacts()), f"{', '.join(names)} to be Avail"
        )

    async def until_async(self, number: Callable[[], Awaitable[float]], wanted: float) -> None:
        """Wait until a number is this one, or more."""
        async with asyncio.timeout(PATIENCE):
            while await number() < wanted:
                await asyncio.sleep(0.1)

    def log(self) -> str:
        """Its log of notices, warnings, errors and what the dialplan says, as a filter of fail2ban reads it."""
        file = self.folder / "log" / "messages"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def log_file(self) -> str:
        """The file of `log`, as programs in the root see it."""
        return f"{inside(self.folder)}/log/messages"

    def _write(self, certificate: Certificate | None, extra: Mapping[str, str]) -> None:
        for folder in FOLDERS:
            (self.folder / folder).mkdir()
        here = inside(self.folder)
        directories = {"astetcdir": f"{here}/etc", "astdbdir": f"{here}/db", "astkeydir": f"{here}/lib"}
        directories |= {"astspooldir": f"{here}/spool", "astrundir": f"{here}/run", "astlogdir": f"{here}/log"}
        directories |= {"astvarlibdir": "/var/lib/asterisk", "astdatadir": "/usr/share/asterisk"}
        directories |= {"astagidir": f"{here}/lib", "astmoddir": _modules()}
        pjsip = _sections(
            ("global", {"type": "global", "user_agent": "Asterisk", **extra}),
            ("udp", {"type": "transport", "protocol": "udp", "bind": f"{self.address}:5060"}),
            ("tcp", {"type": "transport", "protocol": "tcp", "bind": f"{self.address}:5060"}),
        )
        if certificate is not None:
            (self.folder / "etc" / "cert.pem").write_bytes(certificate.certificate.read_bytes())
            (self.folder / "etc" / "key.pem").write_bytes(certificate.key.read_bytes())
            files = {"cert_file": f"{here}/etc/cert.pem", "priv_key_file": f"{here}/etc/key.pem"}
            tls = {"type": "transport", "protocol": "tls", "bind": f"{self.address}:5061", "method": "tlsv1_2"}
            pjsip += _sections(("tls", tls | files))
        files = {
            "asterisk.conf": _sections(("directories", directories)),
            "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in MODULES),
            "extensions.conf": DIALPLAN,
            "logger.conf": "[logfiles]\nmessages => notice,warning,error,verbose,security\n",
            "pjsip.conf": pjsip + "".join(user.config() for user in self._users),
            "pjsip_notify.conf": "[check-sync]\nEvent=>check-sync\n",
        }
        for name, text in files.items():
            (self.folder / "etc" / name).write_text(text)


def _modules() -> str:
    return inside(next((root() / "usr" / "lib").glob("*/asterisk/modules")))


def _sections(*sections: tuple[str, Mapping[str, str]]) -> str:
    return "".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in options.items()) for name, options in sections
    )
