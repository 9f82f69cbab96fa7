"""The shared library of pjsua2: where it lies, and its version."""

from __future__ import annotations

import contextlib
import ctypes
import importlib


def version() -> str:
    """The version of pjproject, as `2.17`."""
    library = ctypes.CDLL(path())
    library.pj_get_version.restype = ctypes.c_char_p
    found = library.pj_get_version()
    return found.decode() if found else "unknown"


def path() -> str:
    """The shared library, as a file."""
    for name in ("pjsua2._pjsua2", "_pjsua2"):
        with contextlib.suppress(ImportError):
            return str(importlib.import_module(name).__file__)
    raise RuntimeError("pjsua2 has no shared library beside it")
