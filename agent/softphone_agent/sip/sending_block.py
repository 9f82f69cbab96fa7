"""Holds back what pjsua sends by itself: an account that is deleted un-REGISTERs (pjsua_acc_del in pjsua_acc.c).

A module of pjsip's own kind, by ctypes; the layouts are those of pjsip_layout.py.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

from softphone_agent.sip.pjsip_layout import OnMessage, module, register

_PRIORITY = 12
"""Between pjsip's transport layer (8) and its transactions (16)."""
_CANCELLED = 70014
"""PJ_ECANCELLED."""


class SendingBlock:
    """What the SIP stack sends within a `with` block never reaches the wire; to the stack its transport has failed."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._on = False
        self._module = module("softphone-agent-block", _PRIORITY)
        self._module.on_tx_request = OnMessage(self._on_request)

    def start(self) -> None:
        """Make it work, once the library is initialised. Raises RuntimeError where pjsip refuses."""
        register(self._library, self._module)

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Send nothing until the block ends."""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def _on_request(self, _: int) -> int:
        return _CANCELLED if self._on else 0
