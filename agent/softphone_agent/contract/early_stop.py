"""SIGTERM and SIGINT before there is anything to end: every program asks for this before its other imports.

Imports take half a second, and the kernel drops a signal for which process 1 of a container has no handler: the pod
would then run until its grace period is over. What can leave something behind takes the signals over itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def listen(code: int = 0) -> None:
    """End the process with this exit code at SIGTERM or SIGINT, until somebody else handles them.

    At once, not by an exception: who imports may catch any.
    """
    for number in SIGNALS:
        signal.signal(number, lambda *_: os._exit(code))


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let the signals wait until the block ends: a process that is forked within begins with them held back."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_to_parent() -> None:
    """In a process that was forked while they were held back: ignore the signals, the parent says when to end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
