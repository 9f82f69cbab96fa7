"""Takes every request before pjsua does, which would take calls and subscriptions, and answers that nobody waits for.

Modules of pjsip's own kind, by ctypes. Besides pjsip_layout.py, that of the beginning of `pjsip_hdr` (sip_msg.h) is
relied upon.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import ClassVar

from softphone_agent.sip.pjsip_layout import OnMessage, Received, Text, endpoint, module, register

_BEFORE_ALL = 11
"""Between pjsip's transport layer (8) and its transactions (16)."""
_AFTER_ALL = 180
"""After all of pjsip and pjsua."""
_METHOD = re.compile(rb"Request msg ([^/]{1,64})/cseq=")
_HEADER_BYTES = 256
"""More than `struct pjsip_generic_string_hdr` takes."""


class _Link(ctypes.Structure):
    """The beginning of every pjsip list's members, and a list's head."""

    _fields_: ClassVar = [("prev", ctypes.c_void_p), ("next", ctypes.c_void_p)]


class RequestWatch:
    """Calls `judge(method, head, source)` for each request and answers with the code that it returns, 0 for no answer.

    `source` is the IP address that the request came from.

    `stray()` is called for each answer that belongs to no request of this process.
    """

    def __init__(
        self, library: ctypes.CDLL, allowed: str, judge: Callable[[str, str, str], int], stray: Callable[[], None]
    ) -> None:
        self._library = library
        self._judge = judge
        self._stray = stray
        self._received = Received(library)
        self._requests = module("softphone-agent-requests", _BEFORE_ALL)
        self._requests.on_rx_request = OnMessage(self._on_request)
        self._strays = module("softphone-agent-strays", _AFTER_ALL)
        self._strays.on_rx_response = OnMessage(self._on_stray)
        self._texts = Text.of("Allow"), Text.of(allowed)
        self._header = ctypes.create_string_buffer(_HEADER_BYTES)
        self._headers = _Link()
        self._endpoint = ctypes.c_void_p()
        library.pjsip_generic_string_hdr_init2.argtypes = [ctypes.c_void_p] * 3
        library.pjsip_endpt_respond_stateless.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int,
            *[ctypes.c_void_p] * 3,
        ]

    def start(self) -> None:
        """Begin to watch, once the library is initialised. Raises RuntimeError where pjsip refuses."""
        self._endpoint = endpoint(self._library)
        name, value = (ctypes.byref(text) for text in self._texts)
        self._library.pjsip_generic_string_hdr_init2(self._header, name, value)
        head, only = ctypes.addressof(self._headers), ctypes.addressof(self._header)
        self._headers.prev = self._headers.next = only
        link = _Link.from_buffer(self._header)
        link.prev = link.next = head
        for one in (self._requests, self._strays):
            register(self._library, one)

    def _on_request(self, rdata: int) -> int:
        found = _METHOD.match(self._received.summary(rdata))
        method = found[1].decode(errors="replace") if found else ""
        code = self._judge(method, self._received.info(rdata).head, self._received.source(rdata))
        if code:
            headers = ctypes.byref(self._headers)
            self._library.pjsip_endpt_respond_stateless(self._endpoint, rdata, code, None, headers, None)
        return 1

    def _on_stray(self, rdata: int) -> int:
        self._stray()
        return 1
