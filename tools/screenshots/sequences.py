"""Two sequence pictures of one real phone, drawn from the logs of the PBXes: a fail-over, and the way home."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import sequence
from e2e.objects import secret, softphone, system
from lab import release
from lab.kube import Kube, kubectl, registered_at
from lab.pbx import System, default_system
from lab.progress import Progress
from lab.register_log import Register
from lab.settings import REPOSITORY

PICTURES = REPOSITORY / "docs" / "pictures"
USER = "u900"
PHONE = "phone"
PBXES = ("master", "slave", "standby")


def take(progress: Progress) -> None:
    """Register a phone, kill its home, draw; start the home, draw."""
    story = Kube(f"sequences-{uuid.uuid4().hex[:6]}")
    pbxes = default_system()
    slave = pbxes.pbx("slave")
    installed = release.is_installed()
    with progress.step("operator, by Helm"):
        release.install()
    kubectl("create", "namespace", story.namespace)
    try:
        with progress.step("sequence: a fail-over"):
            before = _positions(pbxes)
            story.apply(*system(), secret(USER), softphone(USER))
            story.until("sp", USER, registered_at("slave", "Home"))
            killed = time.time()
            slave.kill()
            story.until("sp", USER, registered_at("master", "Standby"))
            mark = sequence.Mark(0, "slave", "kill -9", alive=False)
            _picture(PICTURES / "sequence-fail-over.svg", "A fail-over", _seen(pbxes, before, killed), mark)
        with progress.step("sequence: the way home"):
            started, before = time.time(), _positions(pbxes)
            slave.start()
            story.until("sp", USER, registered_at("slave", "Home"))
            mark = sequence.Mark(0, "slave", "started", alive=True)
            _picture(PICTURES / "sequence-way-home.svg", "The way home", _seen(pbxes, before, started), mark)
    finally:
        slave.start()
        kubectl("-n", story.namespace, "delete", "sp,pbx", "--all")
        kubectl("delete", "namespace", story.namespace, "--wait=false")
        if not installed:
            release.uninstall()


def _positions(pbxes: System) -> dict[str, int]:
    return {pbx.name: pbx.position() for pbx in pbxes.pbxes}


def _seen(pbxes: System, since: dict[str, int], zero: float) -> list[sequence.Step]:
    """The phone's REGISTERs and their answers, by all PBXes' logs."""
    found = [(pbx.name, register) for pbx in pbxes.pbxes for register in pbx.registers(since=since[pbx.name], aor=USER)]
    steps: list[sequence.Step] = []
    for pbx, register in sorted(found, key=lambda each: each[1].time):
        at = register.time - zero
        asked = "un-REGISTER" if register.unregisters else "REGISTER"
        asked += ", with credentials" if register.credentials_given else ""
        steps.append(sequence.Message(at, PHONE, pbx, asked))
        steps.append(sequence.Message(at, pbx, PHONE, _answer(register), good=_good(register)))
    return steps


def _answer(register: Register) -> str:
    if register.redirected_to:
        return f"{register.code}, Contact: {register.redirected_to}"
    return {200: "200 OK", 401: "401, who are you?"}.get(register.code, str(register.code))


def _good(register: Register) -> bool | None:
    return True if register.code == 200 and not register.unregisters else None


def _picture(file: Path, title: str, steps: list[sequence.Step], mark: sequence.Mark) -> None:
    dead = frozenset({mark.where}) if mark.alive else frozenset[str]()
    ordered = sorted([*steps, mark], key=lambda step: step.seconds)
    file.write_text(sequence.draw(title, (PHONE, *PBXES), ordered, dead=dead))
