"""Which watches are alive: each must begin again within its time, or it counts as deaf. No I/O."""

from __future__ import annotations

from collections.abc import Callable

LATE_SECONDS = 5.0
MARGIN_SECONDS = 30.0

Key = tuple[str, str]
"""Kind and namespace of a watch; the namespace is empty where all are watched."""


def lifetime(watch_seconds: float) -> float:
    """How long a watch is waited for, in seconds: the API server ends it after `watch_seconds`; a longer one is dead.

    Silence means nothing: Kubernetes 1.20 sends no bookmark before the first change, which may be days away.
    """
    return watch_seconds + LATE_SECONDS


class Watches:
    """When each watch last began and last received something, and whether the API server has answered since.

    A watch lasts `watch_seconds`, then it is made anew; if it breaks, earlier. So one that did not begin for longer
    tells nothing any more, whatever the reason. An API server that is away makes no watch deaf:
    the watches have some time from when it answers again.
    """

    def __init__(self, watch_seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: dict[Key, float] = {}
        self._told: dict[Key, float] = {}
        self._absent: set[Key] = set()
        self._answering: float | None = None
        self._margin = min(MARGIN_SECONDS, watch_seconds)
        self._limit = lifetime(watch_seconds) + self._margin

    def expect(self, kind: str, namespace: str | None) -> None:
        """This watch must begin from now on."""
        self._begun.setdefault((kind, namespace or ""), self._clock())

    def began(self, kind: str, namespace: str | None) -> None:
        """This watch was accepted by the API server just now."""
        self._begun[kind, namespace or ""] = self._clock()
        self._absent.discard((kind, namespace or ""))

    def absent(self, kind: str, namespace: str | None) -> None:
        """The API server did not know the kind of this watch just now."""
        self._absent.add((kind, namespace or ""))

    def missing(self) -> str | None:
        """Which kinds the API server does not know, None where it knows all: a watch of those is not deaf, it waits."""
        kinds = sorted({kind for kind, _ in self._absent})
        return f"the API server does not know the kind {', '.join(kinds)}; was a CRD deleted?" if kinds else None

    def told(self, kind: str, namespace: str) -> None:
        """Something of this kind in this namespace was received just now."""
        for key in ((kind, ""), (kind, namespace)):
            if key in self._begun:
                self._told[key] = self._clock()

    def ages(self) -> dict[str, float]:
        """Seconds since something was last received of each kind; of several namespaces, in the one that is worst."""
        now, ages = self._clock(), dict[str, float]()
        for key, begun in self._begun.items():
            age = now - max(begun, self._told.get(key, begun))
            ages[key[0]] = max(age, ages.get(key[0], 0.0))
        return ages

    def overdue(self) -> list[Key]:
        """The watches that should have begun again long ago."""
        now = self._clock()
        late = {key for key, begun in self._begun.items() if now - begun > self._limit}
        return sorted(late - self._absent)

    def server_answers(self, yes: bool) -> None:
        """Whether the API server answered another question just now."""
        if not yes:
            self._answering = None
        elif self._answering is None:
            self._answering = self._clock()

    def deaf(self) -> str | None:
        """Why the operator is deaf, None while it is not."""
        overdue, now = self.overdue(), self._clock()
        if not overdue or self._answering is None or now - self._answering < self._margin:
            return None
        told = ", ".join(
            f"{kind}{f' in {namespace}' if namespace else ''} for {now - self._begun[kind, namespace]:.0f} s"
            for kind, namespace in overdue
        )
        return f"deaf: the API server answers, but watches have not begun anew: {told}"
