"""The shared library of pjsua2: where it lies, its version, and how many phones it carries."""

from __future__ import annotations

import contextlib
import ctypes
import importlib

WHEEL_ACCOUNTS = 8
"""Accounts that a process on the PyPI wheel carries; a ninth aborts it."""


def phones_per_endpoint() -> int:
    """How many phones one process carries; one account of its table is the pinger's.

    The own build (images/pjsua2) tells the size of its table. One that does not is taken for the PyPI wheel.
    """
    library = ctypes.CDLL(path())
    try:
        accounts = ctypes.c_uint.in_dll(library, "softphone_fleet_max_accounts").value
    except ValueError:
        accounts = WHEEL_ACCOUNTS
    return accounts - 1


def version() -> str:
    """The version of pjproject, as `2.15.1`."""
    library = ctypes.CDLL(path())
    library.pj_get_version.restype = ctypes.c_char_p
    found = library.pj_get_version()
    return found.decode() if found else "unknown"


def path() -> str:
    """The shared library, in the wheel's layout or that of an own build."""
    for name in ("pjsua2._pjsua2", "_pjsua2"):
        with contextlib.suppress(ImportError):
            return str(importlib.import_module(name).__file__)
    raise RuntimeError("pjsua2 has no shared library beside it")
