"""Asking a Kamailio by JSON-RPC through its FIFO: works from any network namespace and with answers of any size."""

from __future__ import annotations

import errno
import json
import os
import select
import time
import uuid
from pathlib import Path
from typing import Any

from lab.errors import LabError


def call(folder: Path, method: str, *parameters: str | int, seconds: float = 5) -> Any:
    """The result of a method of the Kamailio whose FIFO `rpc` lies in `folder`."""
    reply = folder / f"reply-{uuid.uuid4().hex[:12]}"
    os.mkfifo(reply, 0o600)
    try:
        # Opened before the question, or a quick answer would find no reader and be thrown away.
        with os.fdopen(os.open(reply, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            request = {
                "jsonrpc": "2.0",
                "method": method,
                "params": parameters,
                "reply_name": reply.name,
                "id": 1,
            }
            _send(folder / "rpc", json.dumps(request).encode() + b"\n")
            answer = json.loads(_receive(stream.fileno(), time.monotonic() + seconds, method))
    finally:
        reply.unlink(missing_ok=True)
    if "error" in answer:
        raise LabError(f"{method}: {answer['error']}")
    return answer["result"]


def _send(fifo: Path, request: bytes) -> None:
    try:
        handle = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            raise LabError(f"nobody listens at {fifo}") from None
        raise
    try:
        os.write(handle, request)
    finally:
        os.close(handle)


def _receive(handle: int, deadline: float, method: str) -> bytes:
    received = b""
    waiting = select.poll()
    waiting.register(handle, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise LabError(f"{method}: no answer")
        for _, event in waiting.poll(left * 1000):
            if event & select.POLLIN:
                received += os.read(handle, 1 << 16)
            elif received:
                # The writer has closed its end: that was all.
                return received
            else:
                time.sleep(0.001)
