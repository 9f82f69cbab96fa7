"""What an echo phone keeps between hearing and sending. Pure."""

from __future__ import annotations

from softphone_agent.calls.g711 import FRAME, Codec

FILL = 2 * FRAME
"""Bytes that are there before the first is sent, so that packets may come unevenly."""
MOST = 10 * FRAME
"""More than 200 ms is never kept: the oldest goes."""


class Echo:
    """Takes payloads as they come, and gives out frames of 20 ms; packets may be of another length."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._flows = False

    def put(self, payload: bytes) -> None:
        """This was heard."""
        self._kept += payload
        del self._kept[:-MOST]

    def take(self, codec: Codec) -> bytes:
        """The next frame to send; silence while there is too little."""
        self._flows = len(self._kept) >= (FRAME if self._flows else FILL)
        if not self._flows:
            return codec.silent(FRAME)
        frame = bytes(self._kept[:FRAME])
        del self._kept[:FRAME]
        return frame
