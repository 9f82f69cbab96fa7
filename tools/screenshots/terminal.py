"""`kubectl softphone` in a terminal: status, top, explain and drill while a home fails and comes back."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable

from e2e.objects import fleet, secret, softphone, system
from lab import release
from lab.kube import Kube, is_ready, kubectl, registered_at
from lab.pbx import default_system
from lab.progress import Progress
from lab.settings import REPOSITORY
from softphone_operator.rehearsals.drill import Result
from softphone_plugin import rendering
from softphone_plugin.commands import explain, status, top
from softphone_plugin.counting import History
from softphone_plugin.rendering import Console
from softphone_plugin.session import Session, Where, run

PICTURES = REPOSITORY / "docs" / "pictures"
PHONES = 60
COLUMNS = 110
LOOKS, LOOK_SECONDS = 40, 0.5
"""What `top` has seen when its picture is taken."""


def take(progress: Progress) -> None:
    """Phones of a fleet and two of their own; their home is killed and started again."""
    story = Kube(f"screens-{uuid.uuid4().hex[:6]}")
    slave = default_system().pbx("slave")
    installed = release.is_installed()
    with progress.step("operator, by Helm"):
        release.install()
    kubectl("create", "namespace", story.namespace)
    try:
        with progress.step(f"{PHONES + 2} phones at home"):
            _phones(story)
        with progress.step("pictures: status"):
            _picture("status", story, lambda s, c: status.show(s, c, None, "", None))
            _picture("status-phone", story, lambda s, c: status.show(s, c, "bob", "", None))
        with progress.step("picture: drill, while the home is killed"):
            _drill(story, slave.kill)
        with progress.step("picture: explain, on the standby"):
            story.until("sp", "alice", registered_at("master", "Standby"))
            _picture("explain", story, lambda s, c: explain.show(s, c, "alice", None))
        with progress.step("picture: top, on the way home"):
            run(Where(story.namespace), lambda s: _top(s, slave.start))
    finally:
        slave.start()
        with progress.step("phones deleted"):
            kubectl("-n", story.namespace, "delete", "sp,spf,pbx", "--all")
            kubectl("delete", "namespace", story.namespace, "--wait=false")
            if not installed:
                release.uninstall()


def _phones(story: Kube) -> None:
    passwords = {f"load{index:03d}": f"pw-load{index:03d}" for index in range(PHONES)}
    quick = {"registration": {"expiresSeconds": 20}}
    bob = {"pri": "standby", "sec": "master", "phys": "vienna"}
    story.apply(*system(), secret("alice"), secret("bob"), secret("load", **passwords))
    story.apply(softphone("alice"), softphone("bob", **bob), fleet(PHONES, PHONES // 2, of=quick))
    for name in ("alice", "bob"):
        story.until("sp", name, registered_at("slave", "Home"))
    story.until("spf", "load", is_ready)


def _terminal() -> Console:
    return Console(record=True, file=io.StringIO(), width=COLUMNS, force_terminal=True, highlight=False)


def _save(console: Console, name: str, words: str) -> None:
    drawn = console.export_svg(title=f"kubectl softphone {words}")
    # rich would have a browser fetch a font from a foreign host; any font of even width will do.
    (PICTURES / f"{name}.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))


def _picture(name: str, story: Kube, show: Callable[[Session, Console], Awaitable[None]]) -> None:
    console = _terminal()
    run(Where(story.namespace), lambda session: show(session, console))
    words = {"status": "status", "status-phone": "status bob", "explain": "explain alice"}[name]
    _save(console, f"terminal-{name}", words)


def _drill(story: Kube, kill: Callable[[], None]) -> None:
    """The drill as a program of its own, since it is watched from outside; its outcome is shown here."""
    words = ["drill", "slave", "-n", story.namespace, "-o", "json"]
    command = [sys.executable, "-m", "softphone_plugin", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "Watching" in line)
        kill()
        out, _ = process.communicate()
    console = _terminal()
    console.print(rendering.drill(Result.read(json.loads(out))))
    _save(console, "terminal-drill", "drill slave")


async def _top(session: Session, start: Callable[[], None]) -> None:
    kept, history = top.Kept(session), History()
    keeping = asyncio.create_task(kept.keep())
    await kept.listed()
    for number in range(LOOKS):
        if number == LOOKS // 4:
            await asyncio.to_thread(start)
        began = time.monotonic()
        await top.look(session, kept, history)
        await asyncio.sleep(max(0.0, LOOK_SECONDS - (time.monotonic() - began)))
    keeping.cancel()
    console = _terminal()
    console.print(rendering.top(history, f"namespace {session.namespace}", COLUMNS))
    _save(console, "terminal-top", "top")
