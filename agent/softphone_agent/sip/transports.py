"""The transports of the SIP client: which are open, and over which one a request goes."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Set

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place
from softphone_agent.sip.client import SipClient
from softphone_agent.sip.request import TlsFiles
from softphone_agent.sip.routing import server_of
from softphone_agent.sip.settings import EngineSettings

_SYSTEM_CA_FILE = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"

_Key = tuple[str, bool, TlsFiles | str | None]
"""Kind, whether it is of IPv6, and the TLS files, or the only address that a UDP socket is for."""


class Transports:
    """By kind, family and TLS files. A PBX may have a UDP socket of its own."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._client: SipClient | None = None
        self._open: dict[_Key, int] = {}
        self._own_sockets: set[str] = set()
        """The addresses that have a UDP socket of their own."""

    def start(self, client: SipClient) -> None:
        """Open UDP and TCP. Raises OSError."""
        self._client = client
        for kind in ("udp", "tcp"):
            self._opened(kind, v6=False)

    def for_place(self, place: Place, tls: TlsFiles | None) -> int:
        """The transport over which a request goes there; opened where it is the first one. Raises OSError."""
        kind, address = sip_uri.parse(place.uri).effective_transport, server_of(place).address
        own = address if kind == "udp" and address in self._own_sockets else None
        return self._opened(kind, v6=":" in address, of=(tls or TlsFiles()) if kind == "tls" else own)

    def open_once(self, place: Place, tls: TlsFiles | None) -> int:
        """A TLS transport for one request there: it makes a connection though there may be one. Raises OSError."""
        return self._opened_tls(tls or TlsFiles(), v6=":" in server_of(place).address)

    def close_once(self, number: int) -> None:
        """Close that with its connection."""
        assert self._client is not None
        self._client.close_transport(number)

    def close_unused_tls(self, used: Set[int]) -> None:
        """Close the TLS transports that are not among these, with their connections."""
        assert self._client is not None
        for key, number in list(self._open.items()):
            if key[0] == "tls" and number not in used:
                del self._open[key]
                self._client.close_transport(number)

    def renew_udp(self, address: str) -> None:
        """From now on what goes to this address by UDP leaves from a new socket, which nothing else uses."""
        assert self._client is not None
        former = self._open.pop(("udp", ":" in address, address), None)
        if former is not None:
            self._client.close_transport(former)
        self._own_sockets.add(address)

    def keep_own_sockets(self, addresses: Set[str]) -> None:
        """Close the UDP sockets of PBXes that are not at these addresses."""
        assert self._client is not None
        for address in self._own_sockets - addresses:
            number = self._open.pop(("udp", ":" in address, address), None)
            if number is not None:
                self._client.close_transport(number)
        self._own_sockets &= addresses

    def bound_address(self, *, v6: bool) -> str:
        """The agent's own address of this family; empty where it is left to the system."""
        own = self._settings.bind_address
        return own if (":" in own) == v6 else ""

    def own_host(self, to: str) -> str:
        """The agent's address as a PBX at this IP address sees it. Raises OSError where there is no way there."""
        return self.bound_address(v6=":" in to) or local_address(to)

    def host_towards(self, place: Place) -> str:
        """The agent's address as a PBX at this place sees it. Raises OSError where there is no way there."""
        return self.own_host(server_of(place).address)

    def port(self, transport: int) -> int:
        """The port at which a transport listens."""
        assert self._client is not None
        return self._client.port(transport)

    def listening(self) -> list[int]:
        """The transports on which TCP connections are accepted."""
        return [number for (kind, _, _), number in self._open.items() if kind == "tcp"]

    def _opened(self, kind: str, *, v6: bool, of: TlsFiles | str | None = None) -> int:
        """The number of this transport; opened unless it is open. Raises OSError."""
        assert self._client is not None
        present = self._open.get((kind, v6, of))
        if present is not None:
            return present
        address = self.bound_address(v6=v6)
        port = 0 if v6 or of is not None else self._settings.port  # the port of the settings is for IPv4 only
        if kind == "udp":
            number = self._client.udp(address, port, v6)
        elif kind == "tcp":
            number = self._client.tcp(address, port, v6)
        else:
            number = self._opened_tls(of if isinstance(of, TlsFiles) else TlsFiles(), v6=v6)
        if number < 0:
            raise OSError(self._client.error())
        self._open[kind, v6, of] = number
        return number

    def _opened_tls(self, files: TlsFiles, *, v6: bool) -> int:
        """The number of a new TLS transport. Raises OSError."""
        assert self._client is not None
        patience = int(self._settings.answer_seconds * 1000)
        ca_file, certificate_file = files.ca_file or _SYSTEM_CA_FILE, files.certificate_file or ""
        address = self.bound_address(v6=v6)
        number = self._client.tls(address, v6, ca_file, certificate_file, files.key_file or "", patience)
        if number < 0:
            raise OSError(self._client.error())
        return number


def local_address(to: str) -> str:
    """Our address towards `to`, an IP address. Raises OSError where there is no way; nothing is sent."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((to, 9))
        return str(probe.getsockname()[0])
