"""Where the SIP stack sends what goes to a name: a table, in place of its own look-ups, which would block its loop.

pjsip's external resolver (pjsip_endpt_set_ext_resolver), by ctypes. Only the layouts of `pjsip_ext_resolver` and
`pjsip_host_info` are relied upon (sip_resolve.h, sip_types.h); the answer is made by pjsip itself from the address.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Set
from typing import ClassVar

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Target

_UNRESOLVABLE = 70018
"""PJ_ERESOLVE."""
_FIRST_HANDLE, _LAST_HANDLE = 1, 65535
MOST_NAMES = 1024
"""So few are kept, whether they are used or not."""


class _Text(ctypes.Structure):
    """`pj_str_t`."""

    _fields_: ClassVar = [("pointer", ctypes.c_void_p), ("length", ctypes.c_ssize_t)]


class _HostInfo(ctypes.Structure):
    """`pjsip_host_info`."""

    _fields_: ClassVar = [("flag", ctypes.c_uint), ("type", ctypes.c_int), ("host", _Text), ("port", ctypes.c_int)]


_Resolve = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(_HostInfo), ctypes.c_void_p, ctypes.c_void_p
)
_Callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class _ExternalResolver(ctypes.Structure):
    """`struct pjsip_ext_resolver`."""

    _fields_: ClassVar = [("resolve", _Resolve)]


class NameTable:
    """Names, each with a port that need not be one, and the targets that they stand for."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._targets: dict[tuple[str, int], Target] = {}
        self._handles: dict[tuple[str, Target], int] = {}
        self._numbers = itertools.cycle(range(_FIRST_HANDLE, _LAST_HANDLE + 1))
        self._resolver = _ExternalResolver(_Resolve(self._resolve))
        library.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
        library.pjsip_endpt_set_ext_resolver.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        library.pjsip_endpt_resolve.argtypes = [ctypes.c_void_p] * 5

    def start(self) -> None:
        """Take the place of the SIP stack's own look-ups. Raises RuntimeError where pjsip refuses."""
        status = self._install(ctypes.addressof(self._resolver))
        if status != 0:
            raise RuntimeError(f"pjsip takes no resolver: status {status}")

    def point(self, name: str, port: int, target: Target) -> None:
        """From now on `name` with this port (0: none) leads there."""
        self._targets[name.lower(), port] = target

    def handle(self, name: str, target: Target) -> int:
        """A port under which `name` leads to this target, always the same."""
        found = self._handles.get((name, target))
        if found is None:
            found = self._handles[name, target] = next(self._numbers)
        self.point(name, found, target)
        return found

    def keep(self, used: Set[tuple[str, Target]]) -> None:
        """Where there are many, forget all but the handles of these; others come back with `point`."""
        if len(self._targets) <= MOST_NAMES:
            return
        self._handles = {handled: number for handled, number in self._handles.items() if handled in used}
        self._targets = {(name.lower(), number): target for (name, target), number in self._handles.items()}

    def __len__(self) -> int:
        return len(self._targets)

    def _install(self, resolver: int | None) -> int:
        endpoint = self._library.pjsua_get_pjsip_endpt()
        return int(self._library.pjsip_endpt_set_ext_resolver(endpoint, resolver))

    def _resolve(self, _: int, pool: int, asked: ctypes._Pointer[_HostInfo], token: int, callback: int) -> None:
        host = ctypes.string_at(asked[0].host.pointer, asked[0].host.length).decode(errors="replace")
        port = asked[0].port
        target = Target(host, port) if sip_uri.is_address(host) else self._targets.get((host.lower(), port))
        if target is None:
            _Callback(callback)(_UNRESOLVABLE, token, None)
            return
        address = target.address.encode()
        text = ctypes.create_string_buffer(address)
        known = _HostInfo(asked[0].flag, asked[0].type, _Text(ctypes.addressof(text), len(address)), target.port)
        self._install(None)
        try:
            endpoint = self._library.pjsua_get_pjsip_endpt()
            self._library.pjsip_endpt_resolve(endpoint, pool, ctypes.addressof(known), token, callback)
        finally:
            self._install(ctypes.addressof(self._resolver))
