"""Forwards a port of this machine to a Service of the cluster, by kubectl itself, whose plugin this is."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from softphone_plugin.errors import CLUSTER, NOT_FOUND, PluginError
from softphone_plugin.words import on_a_line

_FORWARDING = re.compile(rb"Forwarding from (127\.0\.0\.1:\d+) ->")
START_SECONDS = 30.0
END_SECONDS = 5.0


@dataclass(frozen=True)
class Target:
    """A port of a Service, and how the cluster is reached."""

    namespace: str
    service: str
    port: int
    context: str | None = None
    kubeconfig: Path | None = None


def command(kubectl: str, to: Target, local: int) -> list[str]:
    """What is typed. `local`: the port of this machine, 0 for any that is free."""
    how = [f"--context={to.context}"] if to.context else []
    how += [f"--kubeconfig={to.kubeconfig}"] if to.kubeconfig else []
    ports = f"{local or ''}:{to.port}"
    return [
        *(kubectl, *how, f"--namespace={to.namespace}", "port-forward", "--address=127.0.0.1"),
        *(f"service/{to.service}", ports),
    ]


@dataclass(frozen=True)
class Forwarded:
    """Where the Service is to be found, host and port; `ended` comes to its end when kubectl does, and says why."""

    address: str
    ended: asyncio.Task[str]


@contextlib.asynccontextmanager
async def forwarded(to: Target, local: int) -> AsyncGenerator[Forwarded]:
    """Forward for the time of the block. Raises PluginError where kubectl is not there, or says no."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise PluginError("kubectl is not in the PATH: it forwards the port", NOT_FOUND)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command(kubectl, to, local), stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    said = asyncio.create_task(_last_words(process))
    try:
        try:
            async with asyncio.timeout(START_SECONDS):
                found = _FORWARDING.match(await process.stdout.readline())
        except TimeoutError:
            raise PluginError(f"kubectl forwards no port within {START_SECONDS:g} s") from None
        if found is None:
            raise PluginError(f"kubectl forwards no port: {await said}", CLUSTER)
        yield Forwarded(found[1].decode(), said)
    finally:
        await _end(process)
        said.cancel()
        await asyncio.gather(said, return_exceptions=True)


async def _last_words(process: asyncio.subprocess.Process) -> str:
    """The last line of its errors, once it has ended."""
    assert process.stderr is not None
    last = b""
    while line := await process.stderr.readline():
        last = line
    await process.wait()
    return on_a_line(last.decode(errors="replace").strip().removeprefix("error: "))[:500] or "it has ended"


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
