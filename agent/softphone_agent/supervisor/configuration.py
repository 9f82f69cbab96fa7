"""The configuration that counts: read again when its file, or a file that it names, was changed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import structlog
from watchfiles import awatch

from softphone_agent.contract import reading
from softphone_agent.contract.config import AgentConfig, waiting_for_a_start
from softphone_agent.contract.config_faults import ConfigFaults
from softphone_agent.contract.phone import PASSWORD
from softphone_agent.contract.report import ConfigReport
from softphone_agent.phone import credentials
from softphone_agent.registration.pacing import Rests
from softphone_agent.supervisor.disturbing import disturbs

WATCH_STEP_MS = 200
REST_SECONDS = (1.0, 8.0)
"""How long a configuration counts at least, and at most where somebody changes it all the time: a change may cost the
phones their registrations, and they need time to come back. Where it disturbs none of them, the first is enough: a pool
gets its phones one after the other."""

log = structlog.get_logger()


class Outcome(Enum):
    """What came of reading it again."""

    UNCHANGED = "no file was changed"
    TAKEN = "the configuration, or a file that it names, was changed"
    REFUSED = "it is faulty, the old one goes on"


class Configuration:
    """The configuration of a running agent."""

    def __init__(self, path: Path, config: AgentConfig, digest: str) -> None:
        self._path = path
        self.current = config
        self.started_with = config.model_copy(update={"pbxs": (), "phones": ()})
        """For what is taken at the start only."""
        self.report = self._found = ConfigReport(digest=digest)
        self._stamps: object = None
        """The state of all files when they were read last."""
        self._disturbed = False
        """Whether what was taken last may have cost phones their registrations."""

    async def watch(self, reload: Callable[[], bool], stopping: asyncio.Event) -> None:
        """Call `reload`, which returns whether anything was read, after each change.

        The folders of the files are watched, since Kubernetes swaps links in them.
        """
        rests = Rests(*REST_SECONDS)
        while not stopping.is_set():
            reload()  # what changed while nobody watched
            folders = self._folders()
            async for _ in awatch(*folders, stop_event=stopping, step=WATCH_STEP_MS, recursive=False):
                taken = reload()
                if self._folders() != folders:
                    break
                if taken:
                    await asyncio.sleep(rests.after(time.monotonic()) if self._disturbed else REST_SECONDS[0])

    def _folders(self) -> set[Path]:
        """The folders of all files; of one that is not there yet the folder in which it would appear."""
        files = {self._path}
        for phone in self.current.phones:
            if phone.credentials is not None:
                named = (phone.credentials.password_file, phone.credentials.username_file)
                files |= {Path(file) for file in named if file is not None}
                if phone.credentials.directory is not None:
                    files.add(Path(phone.credentials.directory) / PASSWORD)
        for pbx in self.current.pbxs:
            if pbx.tls is not None:
                tls = (pbx.tls.ca_file, pbx.tls.certificate_file, pbx.tls.key_file)
                files |= {Path(file) for file in tls if file is not None}
        return {next(filter(Path.is_dir, file.absolute().parents)) for file in files}

    def read_again(self) -> Outcome:
        """Take the file if it is good; refuse it whole if not, and go on with the old one.

        Other files of the same folders may change as often as they like.
        """
        stamps = credentials.Stamps().of(self.current.phones, self.current.pbxs, self._path)
        if stamps == self._stamps:
            return Outcome.UNCHANGED
        self._stamps = stamps
        try:
            config, digest = self._unchanged() or reading.load(self._path)
        except ConfigFaults as refused:
            self._found = self.report.model_copy(update={"refused": tuple(refused.faults)})
            return Outcome.REFUSED
        # Where the configuration is the same, another file is not, such as that of a password.
        self._disturbed = config is self.current or disturbs(self.current, config)
        self.current = config
        self._found = ConfigReport(digest=digest)
        return Outcome.TAKEN

    def look_again(self) -> None:
        """What was read last was not dealt with: it is read once more, changed or not."""
        self._stamps = None

    def _unchanged(self) -> tuple[AgentConfig, str] | None:
        """The configuration that runs, if the file still holds it: another file was changed."""
        digest = self.report.digest
        with contextlib.suppress(OSError):
            if reading.digest(self._path.read_bytes()) == digest:
                return self.current, digest
        return None

    def renew_report(self) -> bool:
        """Report what was found when it was read last. Returns whether that is news."""
        if self._found == self.report:
            return False
        self.report = self._found
        if self.report.refused:
            log.error("configuration refused, the old one goes on", faults=self.report.refused)
            return True
        log.info("configuration taken", digest=self.report.digest, phones=len(self.current.phones))
        if waiting := waiting_for_a_start(self.started_with, self.current):
            log.warning("changed fields are taken at the agent's next start only", fields=waiting)
        return True
