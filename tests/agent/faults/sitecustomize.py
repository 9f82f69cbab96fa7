"""What the system refuses to an agent that is run with this folder in PYTHONPATH, as long as a file says so.

`NO_PROCESSES` and `NO_WATCHES` name those files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import watchfiles.main


def _refused(variable: str, code: int, given: Callable[..., Any]) -> Callable[..., Any]:
    file = Path(os.environ[variable])

    def asked(*arguments: Any, **more: Any) -> Any:
        if file.exists():
            raise OSError(code, os.strerror(code))
        return given(*arguments, **more)

    return asked


os.fork = _refused("NO_PROCESSES", errno.EAGAIN, os.fork)
_WATCH = "RustNotify"
setattr(watchfiles.main, _WATCH, _refused("NO_WATCHES", errno.ENOSPC, getattr(watchfiles.main, _WATCH)))
