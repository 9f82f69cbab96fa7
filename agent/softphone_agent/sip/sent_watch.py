"""Sees every request of this process as it is sent: a module of pjsip's own kind, by ctypes.

pjsua2 neither takes a Call-ID for a registration nor tells which one it took, and the same goes for the Contact.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from softphone_agent.sip.pjsip_layout import OnMessage, Sent, module, register

_PRIORITY = 6
"""Below pjsip's transport layer (8), which puts the message in print: what is sent goes from high to low."""


class SentWatch:
    """Calls `sent(text)` for each request before it is sent, where `wanted()`: to read one costs."""

    def __init__(self, library: ctypes.CDLL, wanted: Callable[[], bool], sent: Callable[[str], None]) -> None:
        self._library = library
        self._wanted, self._sent = wanted, sent
        self._layout = Sent()
        self._module = module("softphone-agent-sent", _PRIORITY)
        self._module.on_tx_request = OnMessage(self._on_request)

    def start(self) -> None:
        """Begin to watch, once the library is initialised. Raises RuntimeError where pjsip refuses."""
        register(self._library, self._module)

    def _on_request(self, tdata: int) -> int:
        if self._wanted():
            self._sent(self._layout.text(tdata))
        return 0
