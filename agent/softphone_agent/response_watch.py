"""Sees every answer to a REGISTER before the SIP stack does: a module of pjsip's own kind, by ctypes.

pjsip answers 401, 407 and 423 by itself with another REGISTER and tells nobody, without a bound on 423; and it ends the
process over a 2xx with `Contact: *` (calculate_response_expiration in sip_reg.c takes every Contact for a URI).
pjsua2 offers no door there. The layouts of `pjsip_module` (sip_module.h), of the beginning of `msg_info` in
`pjsip_rx_data` (sip_transport.h) and of `pjsip_contact_hdr` (sip_msg.h) are relied upon.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import ClassVar

WATCHED = frozenset({401, 407, 423})
_PRIORITY = 10
"""Between pjsip's transport layer (8) and its transactions (16)."""
_PACKET_BYTES = 4000
"""PJSIP_MAX_PKT_LEN, the least that lies in pjsip_rx_data before `msg_info`."""
_SEARCHED_BYTES = 700
"""How far behind that `msg_info` may begin."""
_INFO = re.compile(rb"Response msg ([0-9]{3})/REGISTER/")
_CONTACT = 9
"""PJSIP_H_CONTACT."""

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


class _MessageInfo(ctypes.Structure):
    """The beginning of `msg_info` in `struct pjsip_rx_data`: the text of this message, and what was read from it."""

    _fields_: ClassVar = [("text", ctypes.c_void_p), ("length", ctypes.c_int), ("message", ctypes.c_void_p)]


class _ContactHeader(ctypes.Structure):
    """The beginning of `struct pjsip_contact_hdr`."""

    _fields_: ClassVar = [
        ("prev", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("type", ctypes.c_int),
        ("name", ctypes.c_void_p * 2),
        ("short_name", ctypes.c_void_p * 2),
        ("functions", ctypes.c_void_p),
        ("star", ctypes.c_int),
        ("uri", ctypes.c_void_p),
    ]


class ResponseWatch:
    """Calls `seen(code, message)` for each 401, 407 and 423 to a REGISTER; True from it swallows the answer.

    From 2xx it takes the Contacts that are no URI, so that the SIP stack never sees them.
    """

    def __init__(self, library: ctypes.CDLL, seen: Callable[[int, str], bool]) -> None:
        self._library = library
        self._seen = seen
        self._callback = _OnMessage(self._on_response)
        self._info_offset = 0
        name = b"softphone-agent"
        self._module = _Module(
            name=name, name_length=len(name), id=-1, priority=_PRIORITY, on_rx_response=self._callback
        )
        library.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
        library.pjsip_rx_data_get_info.restype = ctypes.c_char_p
        library.pjsip_rx_data_get_info.argtypes = [ctypes.c_void_p]
        library.pjsip_endpt_register_module.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        library.pjsip_msg_find_hdr.restype = ctypes.c_void_p
        library.pjsip_msg_find_hdr.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
        library.pj_list_erase.argtypes = [ctypes.c_void_p]

    def start(self) -> None:
        """Begin to watch, once the library is initialised. Raises RuntimeError where pjsip refuses."""
        status = self._library.pjsip_endpt_register_module(
            self._library.pjsua_get_pjsip_endpt(), ctypes.byref(self._module)
        )
        if status != 0:
            raise RuntimeError(f"pjsip takes no module: status {status}")

    def _on_response(self, rdata: int) -> int:
        found = _INFO.match(self._library.pjsip_rx_data_get_info(rdata) or b"")
        code = int(found[1]) if found else 0
        if code in WATCHED:
            info = self._message_info(rdata)
            return int(self._seen(code, _head(ctypes.string_at(info.text, info.length))))
        if code // 100 == 2:
            self._take_star_contacts(self._message_info(rdata).message)
        return 0

    def _message_info(self, rdata: int) -> _MessageInfo:
        """Where pjsip keeps what it read. A stream's packet may hold several messages: only this tells which it is."""
        if not self._info_offset:
            self._info_offset = _find_message_info(rdata)
        return _MessageInfo.from_address(rdata + self._info_offset)

    def _take_star_contacts(self, message: int) -> None:
        found = self._library.pjsip_msg_find_hdr(message, _CONTACT, None)
        while found:
            header = _ContactHeader.from_address(found)
            following = header.next
            if not header.uri:
                self._library.pj_list_erase(found)
            found = self._library.pjsip_msg_find_hdr(message, _CONTACT, following)


def _find_message_info(rdata: int) -> int:
    """The offset of `msg_info`, which differs between builds: its first word points into the packet before it."""
    step = ctypes.sizeof(ctypes.c_void_p)
    for offset in range(_PACKET_BYTES, _PACKET_BYTES + _SEARCHED_BYTES, step):
        info = _MessageInfo.from_address(rdata + offset)
        if rdata < (info.text or 0) < rdata + offset and ctypes.string_at(info.text, 8) == b"SIP/2.0 ":
            return offset
    raise RuntimeError("pjsip_rx_data of this pjsip is laid out in another way than the agent knows")


def _head(text: bytes) -> str:
    """The message without its body."""
    return text.partition(b"\r\n\r\n")[0].decode(errors="replace")
