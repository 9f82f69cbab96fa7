"""The transports of the SIP stack: which are open, and over which one a request goes."""

from __future__ import annotations

from collections.abc import Callable, Set

import pjsua2 as pj

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place
from softphone_agent.sip import connections
from softphone_agent.sip.pjsua_configs import transport_config
from softphone_agent.sip.request import TlsFiles
from softphone_agent.sip.routing import address_of
from softphone_agent.sip.settings import EngineSettings

_KINDS = {
    ("udp", False): pj.PJSIP_TRANSPORT_UDP,
    ("udp", True): pj.PJSIP_TRANSPORT_UDP6,
    ("tcp", False): pj.PJSIP_TRANSPORT_TCP,
    ("tcp", True): pj.PJSIP_TRANSPORT_TCP6,
    ("tls", False): pj.PJSIP_TRANSPORT_TLS,
    ("tls", True): pj.PJSIP_TRANSPORT_TLS6,
}
"""(transport, whether the host is an IPv6 address) -> pjsip's name for it."""
_V6_KINDS = frozenset(kind for (_, v6), kind in _KINDS.items() if v6)


class Transports:
    """By kind and TLS files. `listens` is told every port on which TCP connections are accepted."""

    def __init__(self, settings: EngineSettings, listens: Callable[[int], None]) -> None:
        self._settings = settings
        self._listens = listens
        self._endpoint: pj.Endpoint | None = None
        self._open: dict[tuple[int, TlsFiles | None], int] = {}
        self._of_pbx: dict[str, int] = {}
        """UDP sockets for one PBX each, by its IP address."""

    @property
    def several_udp(self) -> bool:
        """Whether a PBX has a UDP socket of its own."""
        return bool(self._of_pbx)

    def start(self, endpoint: pj.Endpoint) -> None:
        """Open UDP and TCP. Raises pj.Error."""
        self._endpoint = endpoint
        for kind in (pj.PJSIP_TRANSPORT_UDP, pj.PJSIP_TRANSPORT_TCP):
            self._opened(kind)

    def for_place(self, place: Place, tls: TlsFiles | None) -> int:
        """The transport over which a request goes there; opened where it is the first one of its kind."""
        uri = sip_uri.parse(place.uri)
        own = self._of_pbx.get(address_of(place)) if uri.effective_transport == "udp" else None
        if own is not None:
            return own
        kind = _KINDS[uri.effective_transport, ":" in (place.target.address if place.target else uri.host)]
        return self._opened(kind, (tls or TlsFiles()) if uri.secure else None)

    def close_unused_tls(self, used: Set[int]) -> None:
        """Close the TLS transports that are not among these: the SIP stack carries but a few."""
        assert self._endpoint is not None
        for key, number in list(self._open.items()):
            if key[1] is not None and number not in used:
                del self._open[key]
                self._endpoint.transportClose(number)

    def reopen_udp(self, address: str) -> None:
        """Take a new UDP socket for the PBX at this IP address; others keep theirs."""
        assert self._endpoint is not None
        former = self._of_pbx.pop(address, None)
        if former is not None:
            self._endpoint.transportClose(former)
        v6 = ":" in address
        config = transport_config(self.bound_address(v6=v6), 0, None, self._settings.answer_seconds)
        self._of_pbx[address] = self._endpoint.transportCreate(_KINDS["udp", v6], config)

    def bound_address(self, *, v6: bool) -> str:
        """The agent's own address of this family; empty where it is left to the system."""
        own = self._settings.bind_address
        return own if (":" in own) == v6 else ""

    def port(self, transport: int) -> int:
        """The port on which a transport listens."""
        assert self._endpoint is not None
        return int(str(self._endpoint.transportGetInfo(transport).localName).rpartition(":")[2])

    def _opened(self, kind: int, tls: TlsFiles | None = None) -> int:
        """The number of this transport; opened unless it is open. Raises pj.Error."""
        assert self._endpoint is not None
        present = self._open.get((kind, tls))
        if present is not None:
            return present
        # The port of the settings is for IPv4 only.
        port = self._settings.port if kind in (pj.PJSIP_TRANSPORT_UDP, pj.PJSIP_TRANSPORT_TCP) else 0
        address = self.bound_address(v6=kind in _V6_KINDS)
        config = transport_config(address, port, tls, self._settings.answer_seconds)
        number: int = self._endpoint.transportCreate(kind, config)
        self._open[kind, tls] = number
        if tls is not None:
            connections.refuse(self.port(number))  # the SIP stack cannot but listen
        elif kind in (pj.PJSIP_TRANSPORT_TCP, pj.PJSIP_TRANSPORT_TCP6):
            self._listens(self.port(number))
        return number
