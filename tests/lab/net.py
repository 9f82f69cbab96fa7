"""Talking to the lab's addresses from a process outside of the sandbox's network."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from lab.sandbox import Sandbox
from lab.settings import settings

Result = TypeVar("Result")
CLONE_NEWNET = 0x40000000


def inside(work: Callable[[], Result]) -> Result:
    """Runs `work` in a thread that has moved to the sandbox's network: sockets it opens are opened there.

    Harmless where the caller is already inside, or where there is no sandbox.
    """
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def moved() -> None:
        try:
            _move()
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            failure.append(error)

    thread = threading.Thread(target=moved, name="lab-net")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def _move() -> None:
    now = settings()
    init = Sandbox(now).init_pid if now.own_cluster else None
    if init is None:
        return
    handle = os.open(f"/proc/{init}/ns/net", os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(handle)
