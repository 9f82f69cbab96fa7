"""Lets a ping say which phone asks: one in From and To that the PBX knows, as a REGISTER has it.

A PBX calls an OPTIONS of nobody it knows an intruder (Asterisk: "No matching endpoint found", in a line for which
fail2ban bans the address). pjsua2 gives all requests of an account the account's own From, and an account for each AOR
would cost the phones' places.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Iterator

from softphone_agent.sip.pjsip_layout import OnMessage, Sent, module, register

NOBODY = "sip:ping@softphone-fleet.invalid"
"""The pinging account's own AOR. It never reaches the wire."""
_PRIORITY = 7
"""Below pjsip's transport layer (8), which puts the message in print: what is sent goes from high to low."""
_PARTIES = re.compile(rb"^(From|To): <[^>]*>", re.MULTILINE)


def asked_by(message: bytes, aor: str) -> bytes:
    """The request with this AOR in From and To; their parameters stay."""
    head, end, body = message.partition(b"\r\n\r\n")
    return _PARTIES.sub(lambda found: found[1] + b": <" + aor.encode() + b">", head) + end + body


class PingCaller:
    """Rewrites what is sent within its `with` block. Sent again it is as it was."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._aor: str | None = None
        self._layout = Sent()
        self._module = module("softphone-agent-caller", _PRIORITY)
        self._module.on_tx_request = OnMessage(self._on_request)

    def start(self) -> None:
        """Make it work, once the library is initialised. Raises RuntimeError where pjsip refuses."""
        register(self._library, self._module)

    @contextlib.contextmanager
    def __call__(self, aor: str) -> Iterator[None]:
        """Let requests be from this AOR until the block ends."""
        self._aor = aor
        try:
            yield
        finally:
            self._aor = None

    def _on_request(self, tdata: int) -> int:
        if self._aor is not None:
            self._layout.write(tdata, asked_by(self._layout.message(tdata), self._aor))
        return 0
