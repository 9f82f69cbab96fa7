"""The configuration that is in force: the PBXes with their TLS files, and what they mean for one phone."""

from __future__ import annotations

import structlog

from softphone_agent.contract import sip_uri
from softphone_agent.contract.phone import Phone, Tls
from softphone_agent.dns.targets import Place
from softphone_agent.phone import credentials
from softphone_agent.phone.directory import Directory, registrar_uri, tls_of
from softphone_agent.phone.planning import plan_of, register_request
from softphone_agent.registration.plan import Plan, Registrar
from softphone_agent.sip.request import RegisterRequest, Secret, TlsFiles
from softphone_agent.worker.messages import Configure

log = structlog.get_logger()


class Configured:
    """What all phones of a worker have in common. `answer_seconds` is the time that one transaction may take."""

    def __init__(self, answer_seconds: float) -> None:
        self.directory = Directory.of(())
        self.answer_seconds = answer_seconds
        self._public_address: str | None = None
        self._tls: dict[Tls | None, TlsFiles] = {}
        self._tls_of_pbx: dict[str, TlsFiles] = {}

    def take(self, order: Configure) -> None:
        """Put another configuration in force."""
        self.directory = Directory.of(order.pbxs)
        self.answer_seconds = max(
            (phone.registration.attempt_timeout_seconds for phone in order.phones), default=self.answer_seconds
        )
        self._public_address = order.sip.public_address
        self._read_tls(order)

    def plan(self, config: Phone, secret: Secret | None, *, sockets: int, fault: str, waits: bool) -> Plan:
        """The plan for a phone's machine. `sockets` as in RunningPhone, `fault` and `waits` as in Plan."""
        return plan_of(
            config,
            self.directory,
            secret,
            self.answer_seconds,
            public_address=self._public_address,
            transports=f"{self._tls_digest(config)} {sockets}",
            fault=fault,
            waits=waits,
        )

    def request(self, config: Phone, secret: Secret | None, place: Place) -> RegisterRequest:
        """The REGISTER of a phone to this place."""
        return register_request(
            config,
            self.directory,
            secret,
            place.uri,
            public_address=self._public_address,
            tls=self.connection_files(config, place.uri),
            target=place.target,
        )

    def label(self, config: Phone, uri: str) -> str:
        """How people and metrics call this registrar of a phone."""
        return self.directory.of_phone(config).label(uri)

    def registrar(self, uri: str, config: Phone, plan: Plan) -> Registrar:
        """The registrar at `uri` as this phone sees it: known where it is a PBX of the phone's system."""
        return self.directory.of_phone(config).registrar(uri, self.system(config, plan))

    def system(self, config: Phone, plan: Plan) -> str | None:
        """The system to which the phone's entry PBX belongs."""
        entry = plan.pri or plan.cur
        pbx = self.directory.of_phone(config).pbx(entry.uri) if entry else None
        return pbx.system if pbx else None

    def tls_files(self, config: Phone, uri: str) -> TlsFiles:
        """The files with which this phone makes TLS connections to a registrar."""
        return self._tls.get(tls_of(config, self.directory, uri), TlsFiles())

    def connection_files(self, config: Phone, uri: str) -> TlsFiles | None:
        """The same; None for a registrar that is not reached over TLS."""
        return self.tls_files(config, uri) if sip_uri.parse(uri).secure else None

    def tls_by_registrar(self) -> dict[str, TlsFiles]:
        """The TLS files of every PBX, by its registrar's URI."""
        return {uri: self._tls.get(pbx.tls, TlsFiles()) for uri, pbx in self.directory.by_registrar.items()}

    def _read_tls(self, order: Configure) -> None:
        """Read the files of every PBX. A PBX with a missing or empty file keeps the files that it had."""
        former, self._tls = self._tls_of_pbx, {}
        for pbx in order.pbxs:
            if pbx.tls not in self._tls:
                files, faults = credentials.read_tls(pbx.tls)
                for fault in faults:
                    log.warning("TLS file not usable", pbx=pbx.name, fault=fault)
                self._tls[pbx.tls] = former.get(pbx.name, files) if faults else files
        self._tls_of_pbx = {pbx.name: self._tls[pbx.tls] for pbx in order.pbxs}

    def _tls_digest(self, config: Phone) -> str:
        """The content of the TLS files that this phone needs for the PBXes that it names."""
        digests = []
        for reference in (config.pri, config.sec, config.cur, config.home):
            if reference is None or not sip_uri.parse(self.directory.address(reference)).secure:
                continue
            uri = registrar_uri(self.directory.address(reference))
            digests.append(self.tls_files(config, uri).digest)
        return " ".join(digests)
