"""Which PBXes answer a REGISTER without Contact as RFC 3261 has it, and which do not: learned once. Pure.

Silence alone says nothing: the PBX may be dead. It does when the PBX answers a REGISTER that was sent after it.
"""

from __future__ import annotations

from softphone_agent.paths.moments import SELDOM_SECONDS

SILENT = "it does not answer a REGISTER without Contact, and answers others"


class Support:
    """By the URI of the registrar. Times in seconds."""

    def __init__(self) -> None:
        self._unsupported: dict[str, tuple[float, str]] = {}
        """Until when it is not asked, and why."""
        self._silent: dict[str, float] = {}
        """Since when a REGISTER without Contact has no answer."""
        self._listed: dict[str, float] = {}
        """When it has listed a binding for the last time."""

    def why_not(self, uri: str, now: float) -> str | None:
        """Why there is no use in asking this PBX, in words; None where it may be asked."""
        until, why = self._unsupported.get(uri, (float("-inf"), ""))
        return why if now < until else None

    def learned(self, uri: str, why: str, now: float) -> None:
        """It has shown that it does not support it."""
        self._unsupported[uri] = (now + SELDOM_SECONDS, why)

    def listed(self, uri: str, now: float) -> None:
        """It has listed a binding."""
        self._listed[uri] = now

    def has_listed(self, uri: str, now: float) -> bool:
        """Whether it has, not long ago: then a binding that it does not list is a forgotten one, however often."""
        return now - self._listed.get(uri, float("-inf")) < SELDOM_SECONDS

    def unanswered(self, uri: str, asked_at: float) -> None:
        """A REGISTER without Contact that was sent then was not answered."""
        self._silent.setdefault(uri, asked_at)

    def answered(self, uri: str) -> None:
        """One was."""
        self._silent.pop(uri, None)

    def register_answered(self, uri: str, asked_at: float, now: float) -> None:
        """A REGISTER with a Contact that was sent then was answered."""
        silent_from = self._silent.get(uri)
        if silent_from is not None and asked_at >= silent_from:
            del self._silent[uri]
            self.learned(uri, SILENT, now)

    def forget(self, now: float) -> None:
        """Keep nothing that counts no more: redirects may lead to ever new PBXes."""
        self._unsupported = {uri: known for uri, known in self._unsupported.items() if known[0] > now}
        self._silent = {uri: at for uri, at in self._silent.items() if now - at < SELDOM_SECONDS}
        self._listed = {uri: at for uri, at in self._listed.items() if now - at < SELDOM_SECONDS}
