"""A minimal operator by kopf, as its documentation shows one: a handler each for create, resume and update.

It makes the same objects as ours by the same client, and has kopf write the status and the rest as it likes.
`python -m kopf run --namespace NS tests/bench/kopf_peer.py`
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import kopf

from bench.api_client import connected
from bench.wanted import write_agent


@kopf.on.startup()
async def connect(memo: kopf.Memo, **_: Any) -> None:
    """Have the client at hand."""
    memo.stack = AsyncExitStack()
    memo.client = await memo.stack.enter_async_context(connected())


@kopf.on.cleanup()
async def disconnect(memo: kopf.Memo, **_: Any) -> None:
    """Close its connections."""
    await memo.stack.aclose()


@kopf.on.create("softphones")
@kopf.on.resume("softphones")
@kopf.on.update("softphones")
async def made(body: kopf.Body, memo: kopf.Memo, patch: kopf.Patch, **_: Any) -> None:
    """Make the agent of a Softphone."""
    patch.status.update(await write_agent(memo.client, dict(body)))
