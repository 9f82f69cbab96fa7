"""Sees every answer to a REGISTER before the SIP stack does: a module of pjsip's own kind, by ctypes.

pjsip answers 401, 407 and 423 by itself with another REGISTER and tells nobody, without a bound on 423; and it ends the
process over a 2xx with `Contact: *` (calculate_response_expiration in sip_reg.c takes every Contact for a URI).
pjsua2 offers no door there. Besides pjsip_layout.py, that of `pjsip_contact_hdr` (sip_msg.h) is relied upon.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import ClassVar

from softphone_agent.sip import sip_message
from softphone_agent.sip.pjsip_layout import OnMessage, Received, Text, module, register

WATCHED = frozenset({401, 407, 423})
_PRIORITY = 10
"""Between pjsip's transport layer (8) and its transactions (16)."""
_INFO = re.compile(rb"Response msg ([0-9]{3})/REGISTER/")
_CONTACT = 9
"""PJSIP_H_CONTACT."""


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
    """Calls `seen(code, message)` for each 401, 407 and 423 to a REGISTER of this process.

    If that returns True, the SIP stack never sees the answer. From 2xx it takes the Contacts that are no URI, so that
    the SIP stack never sees them.
    """

    def __init__(self, library: ctypes.CDLL, seen: Callable[[int, str], bool]) -> None:
        self._library = library
        self._seen = seen
        self._received = Received(library)
        self._module = module("softphone-agent", _PRIORITY)
        self._module.on_rx_response = OnMessage(self._on_response)
        library.pjsip_tsx_layer_find_tsx.restype = ctypes.c_void_p
        library.pjsip_tsx_layer_find_tsx.argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.pjsip_msg_find_hdr.restype = ctypes.c_void_p
        library.pjsip_msg_find_hdr.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
        library.pj_list_erase.argtypes = [ctypes.c_void_p]

    def start(self) -> None:
        """Begin to watch, once the library is initialised. Raises RuntimeError where pjsip refuses."""
        register(self._library, self._module)

    def _on_response(self, rdata: int) -> int:
        found = _INFO.match(self._received.summary(rdata))
        code = int(found[1]) if found else 0
        if code in WATCHED:
            head = self._received.info(rdata).head
            return int(self._is_awaited(head) and self._seen(code, head))
        if code // 100 == 2:
            self._take_star_contacts(self._received.info(rdata).message)
        return 0

    def _is_awaited(self, head: str) -> bool:
        """Whether a REGISTER of this process waits for this answer, by the rule of pjsip (create_tsx_key_3261)."""
        key = Text.of(f"c$REGISTER${sip_message.branch(head)}")
        return self._library.pjsip_tsx_layer_find_tsx(ctypes.byref(key), 0) is not None

    def _take_star_contacts(self, message: int) -> None:
        found = self._library.pjsip_msg_find_hdr(message, _CONTACT, None)
        while found:
            header = _ContactHeader.from_address(found)
            following = header.next
            if not header.uri:
                self._library.pj_list_erase(found)
            found = self._library.pjsip_msg_find_hdr(message, _CONTACT, following)
