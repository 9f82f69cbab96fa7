"""Sees every answer to a REGISTER before the SIP stack does: a module of pjsip's own kind, by ctypes.

pjsip answers 401, 407 and 423 by itself with another REGISTER and tells nobody, without a bound on 423. pjsua2
offers no door there. Only the layout of `pjsip_module` (sip_module.h) is relied upon, and that the received
packet lies at the beginning of `pjsip_rx_data`.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import ClassVar

WATCHED = (b"401/REGISTER", b"407/REGISTER", b"423/REGISTER")
_PRIORITY = 10
"""Between pjsip's transport layer (8) and its transactions (16)."""
_PACKET_BYTES = 4000
"""PJSIP_MAX_PKT_LEN, the least that pjsip_rx_data holds."""
_INFO = re.compile(rb"Response msg ([0-9]{3}/REGISTER)/")

_OnMessage = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class _Module(ctypes.Structure):
    """`struct pjsip_module`."""

    _fields_: ClassVar = [
        ("prev", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("name_length", ctypes.c_ssize_t),
        ("id", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("load", ctypes.c_void_p),
        ("start", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("unload", ctypes.c_void_p),
        ("on_rx_request", ctypes.c_void_p),
        ("on_rx_response", _OnMessage),
        ("on_tx_request", ctypes.c_void_p),
        ("on_tx_response", ctypes.c_void_p),
        ("on_tsx_state", ctypes.c_void_p),
    ]


class ResponseWatch:
    """Calls `seen(code, message)` for each 401, 407 and 423 to a REGISTER; True from it swallows the answer."""

    def __init__(self, library: ctypes.CDLL, seen: Callable[[int, str], bool]) -> None:
        self._library = library
        self._seen = seen
        self._callback = _OnMessage(self._on_response)
        name = b"softphone-agent"
        self._module = _Module(
            name=name, name_length=len(name), id=-1, priority=_PRIORITY, on_rx_response=self._callback
        )
        library.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
        library.pjsip_rx_data_get_info.restype = ctypes.c_char_p
        library.pjsip_rx_data_get_info.argtypes = [ctypes.c_void_p]
        library.pjsip_endpt_register_module.argtypes = [ctypes.c_void_p, ctypes.c_void_p]

    def start(self) -> None:
        """Begin to watch, once the library is initialised. Raises RuntimeError where pjsip refuses."""
        status = self._library.pjsip_endpt_register_module(
            self._library.pjsua_get_pjsip_endpt(), ctypes.byref(self._module)
        )
        if status != 0:
            raise RuntimeError(f"pjsip takes no module: status {status}")

    def _on_response(self, rdata: int) -> int:
        info = _INFO.match(self._library.pjsip_rx_data_get_info(rdata) or b"")
        if info is None or info[1] not in WATCHED:
            return 0
        return int(self._seen(int(info[1][:3]), _packet(rdata)))


def _packet(rdata: int) -> str:
    """The head of the message that was received."""
    memory = ctypes.string_at(rdata, _PACKET_BYTES)
    start = memory.find(b"SIP/2.0 ")
    if start < 0:
        return ""
    end = memory.find(b"\r\n\r\n", start)
    return memory[start : end if end > 0 else None].decode(errors="replace")
