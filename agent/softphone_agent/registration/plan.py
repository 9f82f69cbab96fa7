"""What one phone is asked to do: its entry PBXes and the bounds within which it tries them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Mode(StrEnum):
    """Where the softphone runs (docs/rules.md, Launcher mode and Browser mode)."""

    LAUNCHER = "Launcher"
    BROWSER = "Browser"


class Entry(Enum):
    """Where an attempt starts."""

    PRI = "pri"
    SEC = "sec"
    CUR = "cur"
    CURRENT = "current"
    """The PBX that holds, or last held, the binding."""


@dataclass(frozen=True, slots=True)
class Registrar:
    """A PBX as something to send REGISTER to. Equal when the canonical URIs are."""

    uri: str
    secure: bool = field(default=False, compare=False)
    """Whether it is reached over TLS."""
    known: bool = field(default=False, compare=False)
    """Whether it belongs to a configured PBX of the phone's system (redirectPolicy KnownPBXes)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The configuration of one phone, resolved. Times in seconds.

    `register_digest` stands for all that shapes a REGISTER besides AOR, registrar and credentials (location, expiry):
    where it changes, the binding is removed and made again.
    """

    aor: str
    pri: Registrar | None = None
    sec: Registrar | None = None
    cur: Registrar | None = None
    home: Registrar | None = None
    mode: Mode = Mode.LAUNCHER
    register_digest: str = ""
    credentials: str = ""
    """Stands for what the phone authenticates with: where it changes, a REGISTER is sent over the binding."""
    fault: str = ""
    """What is wrong with the files of its credentials, in words, reported as a failure."""
    waits: bool = False
    """Whether it has, for that fault, nothing to authenticate with: it asks nobody."""
    suspend: bool = False
    known_pbxes_only: bool = False
    max_redirects: int = 8
    answer_seconds: float = 9.0
    """Safety net for one REGISTER: two transactions (challenge, answer) and a second."""
    backoff_initial: float = 1.0
    backoff_max: float = 60.0
    refresh_fraction: float = 0.7
    """Part of the granted expiry after which the binding is refreshed, 0.5 to 0.9, fixed for a phone."""
    fail_back_after: float | None = None
    """For how long the primary PBX must have answered before a phone that is elsewhere returns to it, fixed for a
    phone; None: only a redirect brings it back."""
    closed_wait: float = 0.0
    """For how long a PBX that closed its connection is asked before another one is."""

    @property
    def rests(self) -> bool:
        """Whether the phone is to have no binding for now."""
        return self.suspend or self.waits

    def entry(self, entry: Entry) -> Registrar | None:
        """The PBX at which an attempt of this kind starts, None where the mode does not use it."""
        if self.mode is Mode.BROWSER:
            return self.cur if entry is Entry.CUR else None
        return self.pri if entry is Entry.PRI else self.sec if entry is Entry.SEC else None

    @property
    def entries(self) -> tuple[tuple[Entry, Registrar], ...]:
        """The entry PBXes in the order of alternation."""
        order = (Entry.PRI, Entry.SEC, Entry.CUR)
        return tuple((entry, at) for entry in order if (at := self.entry(entry)) is not None)
