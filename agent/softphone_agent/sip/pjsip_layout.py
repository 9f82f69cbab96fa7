"""The parts of pjsip's memory that the agent reads and writes by ctypes, where pjsua2 offers no door.

The layouts of `pjsip_module` (sip_module.h), of the beginning of `msg_info` in `pjsip_rx_data` and of `src_name` before
it, of `buf` in `pjsip_tx_data` and of `pjsip_transport` (sip_transport.h) and of `pj_str_t` (pj/types.h) are relied
upon. They are the same in pjproject 2.15 and 2.17, and images/pjsua2/layout.c lets no other be built.
"""

from __future__ import annotations

import ctypes
from typing import ClassVar

_PACKET_BYTES = 4000
"""PJSIP_MAX_PKT_LEN, the least that lies in pjsip_rx_data before `msg_info`."""
_SEARCHED_BYTES = 700
"""How far behind that `msg_info` may begin."""
_SOURCE_BEFORE = 56
"""How far before `msg_info` the text `pkt_info.src_name` begins."""
_SOURCE_BYTES = 46
"""PJ_INET6_ADDRSTRLEN."""
_FIRST_LINE_BYTES = 512
_PRINTED_AT = range(128, 1024, ctypes.sizeof(ctypes.c_void_p))
"""Where `buf` may begin in pjsip_tx_data."""
_LONGEST_PRINTED = 1 << 20

OnMessage = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
"""A module's `on_rx_request` or `on_rx_response`: whether the message was handled. `on_tx_request`: 0 lets it pass."""


class Module(ctypes.Structure):
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
        ("on_rx_request", OnMessage),
        ("on_rx_response", OnMessage),
        ("on_tx_request", OnMessage),
        ("on_tx_response", ctypes.c_void_p),
        ("on_tsx_state", ctypes.c_void_p),
    ]


class MessageInfo(ctypes.Structure):
    """The beginning of `msg_info` in `struct pjsip_rx_data`: the text of this message, and what was read from it."""

    _fields_: ClassVar = [("text", ctypes.c_void_p), ("length", ctypes.c_int), ("message", ctypes.c_void_p)]

    @property
    def head(self) -> str:
        """The message without its body."""
        return ctypes.string_at(self.text, self.length).partition(b"\r\n\r\n")[0].decode(errors="replace")


class Text(ctypes.Structure):
    """`pj_str_t`."""

    _fields_: ClassVar = [("pointer", ctypes.c_char_p), ("length", ctypes.c_ssize_t)]

    @classmethod
    def of(cls, text: str) -> Text:
        """The same text; it stays valid as long as this does."""
        data = text.encode()
        return cls(data, len(data))


def module(name: str, priority: int) -> Module:
    """A module without callbacks. It must outlive the endpoint that it is registered with."""
    data = name.encode()
    return Module(name=data, name_length=len(data), id=-1, priority=priority)


def register(library: ctypes.CDLL, made: Module) -> None:
    """Make it part of the endpoint, once that is initialised. Raises RuntimeError where pjsip refuses."""
    status = library.pjsip_endpt_register_module(endpoint(library), ctypes.byref(made))
    if status != 0:
        raise RuntimeError(f"pjsip takes no module: status {status}")


def endpoint(library: ctypes.CDLL) -> ctypes.c_void_p:
    """The SIP endpoint."""
    library.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
    library.pjsip_endpt_register_module.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    return ctypes.c_void_p(library.pjsua_get_pjsip_endpt())


class Received:
    """Reads `pjsip_rx_data`, the messages that were received."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._offset = 0
        library.pjsip_rx_data_get_info.restype = ctypes.c_char_p
        library.pjsip_rx_data_get_info.argtypes = [ctypes.c_void_p]

    def summary(self, rdata: int) -> bytes:
        """What pjsip calls it, as `Request msg OPTIONS/cseq=1 (…)` or `Response msg 200/REGISTER/cseq=1 (…)`."""
        return self._library.pjsip_rx_data_get_info(rdata) or b""

    def info(self, rdata: int) -> MessageInfo:
        """Where pjsip keeps what it read. A stream's packet may hold several messages: only this tells which it is."""
        return MessageInfo.from_address(self._info_at(rdata))

    def source(self, rdata: int) -> str:
        """The IP address from which the message came, IPv6 without brackets."""
        text = ctypes.string_at(self._info_at(rdata) - _SOURCE_BEFORE, _SOURCE_BYTES)
        return text.partition(b"\0")[0].decode(errors="replace")

    def _info_at(self, rdata: int) -> int:
        if not self._offset:
            self._offset = _find_message_info(rdata)
        return rdata + self._offset


def _find_message_info(rdata: int) -> int:
    """The offset of `msg_info`, which differs between builds: its first word points into the packet before it."""
    step = ctypes.sizeof(ctypes.c_void_p)
    for offset in range(_PACKET_BYTES, _PACKET_BYTES + _SEARCHED_BYTES, step):
        info = MessageInfo.from_address(rdata + offset)
        if not rdata < (info.text or 0) < rdata + offset or info.length <= 0:
            continue
        if b"SIP/2.0" in ctypes.string_at(info.text, min(info.length, _FIRST_LINE_BYTES)).partition(b"\n")[0]:
            return offset
    raise RuntimeError("pjsip_rx_data of this pjsip is laid out in another way than the agent knows")


class Printed(ctypes.Structure):
    """`pjsip_buffer`: the text of a message that is to be sent."""

    _fields_: ClassVar = [("start", ctypes.c_size_t), ("current", ctypes.c_size_t), ("end", ctypes.c_size_t)]


class Sent:
    """Reads and writes `pjsip_tx_data`, the messages that are sent, once they are in print."""

    def __init__(self) -> None:
        self._offset = 0

    def text(self, tdata: int) -> str:
        """The message without its body."""
        return self.message(tdata).partition(b"\r\n\r\n")[0].decode(errors="replace")

    def message(self, tdata: int) -> bytes:
        """The whole message."""
        printed = self._printed(tdata)
        return ctypes.string_at(printed.start, printed.current - printed.start)

    def write(self, tdata: int, message: bytes) -> None:
        """Send this instead. Raises ValueError where it has no room."""
        printed = self._printed(tdata)
        if len(message) >= printed.end - printed.start:
            raise ValueError(f"no room for {len(message)} bytes")
        ctypes.memmove(printed.start, message + b"\0", len(message) + 1)
        printed.current = printed.start + len(message)

    def _printed(self, tdata: int) -> Printed:
        if not self._offset:
            self._offset = _find_printed(tdata)
        return Printed.from_address(tdata + self._offset)


def _find_printed(tdata: int) -> int:
    """The offset of `buf`: three pointers into one piece of memory of at least a packet's length, which holds SIP."""
    for offset in _PRINTED_AT:
        printed = Printed.from_address(tdata + offset)
        if not 0 < printed.start < printed.current <= printed.end:
            continue
        if not _PACKET_BYTES <= printed.end - printed.start < _LONGEST_PRINTED:
            continue
        if b" SIP/2.0\r\n" in ctypes.string_at(printed.start, printed.current - printed.start):
            return offset
    raise RuntimeError("pjsip_tx_data of this pjsip is laid out in another way than the agent knows")
