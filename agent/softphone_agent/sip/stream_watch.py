"""Watches the TCP and TLS connections of the SIP stack: closes those that bring no SIP, and those that are too many.

pjsip by itself waits until 4000 bytes have come, drops them, and is then somewhere in the middle of the stream; and it
takes every connection, until it has no place left for its own. By ctypes: pjsua2 offers no door there.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import ClassVar, Literal

from softphone_agent.registration.pacing import TokenBucket
from softphone_agent.sip import connections, framing
from softphone_agent.sip.framing import Frame
from softphone_agent.sip.pjsip_layout import endpoint

MAX_INCOMING = 16
"""Connections that others may have open to one process, and may make in a second.

The PyPI wheel has places for 64 sockets in all, gives that of a closed one out again after half a second, and ends the
process over one too many.
"""
DEAF_SECONDS = 1.0
"""For so long nobody is let in after too many came at once."""
_IGNORED = 70020
"""PJ_EIGNORED: an empty line, by which a peer keeps its connection alive."""

Fault = Literal["NotSip", "TooLong", "Slow", "TooMany"]

_FAULTS: dict[Frame, Fault] = {Frame.HOPELESS: "NotSip", Frame.TOO_LONG: "TooLong"}


class _Data(ctypes.Structure):
    """`pjsip_tp_rx_data`, and the beginning of `pjsip_tp_dropped_data` (sip_transport.h)."""

    _fields_: ClassVar = [
        ("transport", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("status", ctypes.c_int),
    ]


_OnData = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Data))


class StreamWatch:
    """Calls `fault(reason)` for each message that is thrown away and each connection that is closed for a fault.

    A connection is known by the address of its `pjsip_transport`, as pjsua2's `TransportHandle` has it.
    """

    def __init__(self, library: ctypes.CDLL, fault: Callable[[Fault], None]) -> None:
        self._library = library
        self._fault = fault
        self._received, self._dropped = _OnData(self._on_received), _OnData(self._on_dropped)
        self._incoming: dict[int, None] = {}
        """Those that others opened, the one that was silent for longest first."""
        self._bucket = TokenBucket(MAX_INCOMING)
        self._ports: set[int] = set()
        self._deaf_until: float | None = None
        self._partial: dict[int, float] = {}
        """Those that wait for the rest of a message, and since when."""
        library.pjsip_endpt_get_tpmgr.restype = ctypes.c_void_p
        library.pjsip_endpt_get_tpmgr.argtypes = [ctypes.c_void_p]
        library.pjsip_tpmgr_set_recv_data_cb.argtypes = [ctypes.c_void_p, _OnData]
        library.pjsip_tpmgr_set_drop_data_cb.argtypes = [ctypes.c_void_p, _OnData]
        library.pjsip_transport_shutdown2.argtypes = [ctypes.c_void_p, ctypes.c_int]

    def start(self) -> None:
        """Begin to watch, once the library is initialised."""
        manager = self._library.pjsip_endpt_get_tpmgr(endpoint(self._library))
        self._library.pjsip_tpmgr_set_recv_data_cb(manager, self._received)
        self._library.pjsip_tpmgr_set_drop_data_cb(manager, self._dropped)

    def listens(self, port: int) -> None:
        """Others may connect to this TCP port of this process."""
        self._ports.add(port)

    def opened(self, transport: int) -> None:
        """A connection was made, by us or by another."""
        if not is_incoming(transport):
            return
        self._incoming[transport] = None
        now = time.monotonic()
        if not self._bucket.take(now):
            self._deaf_until = now + DEAF_SECONDS
            for port in self._ports:
                connections.refuse(port)
        if len(self._incoming) > MAX_INCOMING:
            self._close(next(iter(self._incoming)), "TooMany")

    def closed(self, transport: int) -> None:
        """A connection is no more; its address may be that of another one soon."""
        self._incoming.pop(transport, None)
        self._partial.pop(transport, None)

    def look(self, now: float, patience: float) -> None:
        """Close the connections on which a message was begun more than `patience` seconds ago and has not ended.

        Lets others in again when it is time.
        """
        if self._deaf_until is not None and now >= self._deaf_until:
            self._deaf_until = None
            for port in self._ports:
                connections.let_in(port)
        if self._partial and now - next(iter(self._partial.values())) > patience:
            for transport in [one for one, since in self._partial.items() if now - since > patience]:
                self._close(transport, "Slow")

    def _on_received(self, given: ctypes._Pointer[_Data]) -> None:
        data = given.contents
        frame = framing.judge(ctypes.string_at(data.data, data.length))
        if frame is Frame.PARTIAL:
            self._partial.setdefault(data.transport, time.monotonic())
            return
        self._partial.pop(data.transport, None)
        if frame is Frame.WHOLE:
            if data.transport in self._incoming:
                self._incoming[data.transport] = self._incoming.pop(data.transport)
            return
        transport, data.length = data.transport, 0
        self._close(transport, _FAULTS[frame])

    def _on_dropped(self, given: ctypes._Pointer[_Data]) -> None:
        if given.contents.status != _IGNORED:
            self._fault("NotSip")

    def _close(self, transport: int, fault: Fault) -> None:
        self.closed(transport)
        self._fault(fault)
        self._library.pjsip_transport_shutdown2(transport, 1)


def is_incoming(transport: int) -> bool:
    """Whether another one opened this connection: pjsip's name for it begins so."""
    return ctypes.string_at(transport, 4) in (b"tcps", b"tlss")
