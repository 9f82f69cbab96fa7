"""What the benches of the operator measured: a file for each in seen/operator. `operator_page.py` makes the page."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from drills.seen import Machine, today

FOLDER = Path(__file__).parent / "seen" / "operator"


class _Figures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reconciled(_Figures):
    """So many Softphones, from the first write of one until the last has its objects and its status."""

    client: str
    softphones: int
    seconds: float
    writes: float
    """Requests to write for each Softphone, the user's own not counted."""
    reads: float | None = None
    """The other requests for each Softphone; None where nobody counts."""
    megabytes: float | None = None
    cpu_seconds: float | None = None


class Ready(_Figures):
    """A new Softphone, seconds from its write: the medians of several, and the longest."""

    softphones: int
    started: float
    """Until its agent's process was started."""
    granted: float
    """Until a PBX granted it a binding."""
    told: float
    """Until a watch of the API server showed it as Registered."""
    longest: float
    after_start: float
    """From the start of the process until that was shown."""
    longest_after_start: float


class Lag(_Figures):
    """From a transition in an agent to the object that tells of it, as a watch of the API server shows; seconds."""

    rate: int
    softphones: int
    transitions: int
    told: int
    median: float
    p99: float
    longest: float
    writes: float
    """Status writes a second."""
    cores: float
    server_cores: float
    """CPU of API server and etcd meanwhile."""
    other_cores: float
    """CPU of what plays the agents and looks at the API server."""


class StatusWrites(_Figures):
    """The status of Softphones written by the bare client, one write after the other in each of its connections."""

    how: str
    in_flight: int
    writes: float
    """A second."""
    median: float
    p99: float
    server_cores: float
    client_cores: float


class Rest(_Figures):
    """What the operator holds and uses while nothing happens."""

    softphones: int
    streams: int
    megabytes: float
    cores: float
    requests_a_minute: float
    note: str = ""


class Different(_Figures):
    """Users of several systems, imported into a pool from a table, some of them with wrong passwords; seconds."""

    softphones: int
    systems: int
    wrong_passwords: int
    agents: int
    processes: int
    applied: float
    """Until kubectl had applied all of them."""
    granted: float
    """Until the last one with the right password was granted a binding."""
    told: float
    """Until a watch of the API server had shown of each what is true: Ready at its PBX, or why not."""
    megabytes: float
    """Of all agents."""
    single: int
    single_megabytes: float
    """What so many Softphones with agents of their own take, beside the others."""
    each_more: float
    """What one such agent more takes: what is not of files, which are in memory already."""


class Pooled(_Figures):
    """So many Softphones of a pool at once, written by the bare client; seconds."""

    softphones: int
    agents: int
    bare: float
    """What the bare client takes to write the same Softphones and their statuses, with nobody else at work."""
    written: float
    """Until it had written the Softphones."""
    granted: float
    told: float
    """Until a watch of the API server had shown all of them Ready."""
    writes: float
    """Requests to write by the operator, for each Softphone."""
    megabytes: float
    cpu_seconds: float


class Part(_Figures):
    """One part, from one run."""

    date: date
    machine: Machine
    reconciled: list[Reconciled] = []
    ready: list[Ready] = []
    lag: list[Lag] = []
    status_writes: list[StatusWrites] = []
    rest: list[Rest] = []
    different: list[Different] = []
    pooled: list[Pooled] = []

    @classmethod
    def now(cls, **found: object) -> Part:
        """Measured today on this machine."""
        return cls.model_validate({"date": today(), "machine": Machine.here(), **found})

    def write(self, name: str, folder: Path = FOLDER) -> None:
        """Renew the file of this part."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(self.model_dump_json(indent=1, exclude_defaults=True) + "\n")


def parts(folder: Path = FOLDER) -> dict[str, Part]:
    """All parts that were measured, by name."""
    return {file.stem: Part.model_validate_json(file.read_text()) for file in sorted(folder.glob("*.json"))}
