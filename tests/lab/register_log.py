"""The REGISTERs that a PBX has seen and how it answered them, read from its log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MARK = b"<script>: REGISTER\t"
ABSENT = "<null>"


@dataclass(frozen=True)
class Register:
    """One REGISTER and its answer."""

    time: float
    aor: str
    from_domain: str
    source: str
    call_id: str
    cseq: int
    expires: int | None
    contact: str
    location_header: str | None
    user_agent: str
    user_name: str | None
    code: int
    redirected_to: str | None

    @property
    def credentials_given(self) -> bool:
        """Whether it carried an Authorization header."""
        return self.user_name is not None

    @property
    def contact_uri(self) -> str:
        """The URI in Contact."""
        match = re.search(r"<([^>]*)>", self.contact)
        return match[1] if match else self.contact.partition(";")[0].strip()

    @property
    def contact_parameters(self) -> dict[str, str]:
        """The parameters of Contact behind the URI; a flag has an empty value."""
        outside = re.sub(r"<[^>]*>", "", self.contact)
        pairs = re.findall(r';\s*([^=;\s]+)\s*(?:=\s*("[^"]*"|[^;]*))?', outside)
        return {name: value.strip().strip('"') for name, value in pairs}

    @property
    def asks(self) -> bool:
        """Whether it only asked for the bindings: it had no Contact (RFC 3261, section 10.2.3)."""
        return not self.contact

    @property
    def unregisters(self) -> bool:
        """Whether it asked to remove a binding."""
        return self.expires == 0 or self.contact_parameters.get("expires") == "0"


@dataclass(frozen=True)
class RegisterLog:
    """Reads a log from a position on; a position costs nothing and stays valid across restarts of the PBX."""

    path: Path

    def position(self) -> int:
        """Where the log ends now."""
        return self.path.stat().st_size if self.path.exists() else 0

    def read(self, since: int = 0) -> list[Register]:
        """The REGISTERs logged after a position."""
        return self.read_on(since)[0]

    def read_on(self, since: int) -> tuple[list[Register], int]:
        """The REGISTERs logged after a position, and the position to go on from: the end of the last whole line."""
        if not self.path.exists():
            return [], since
        with self.path.open("rb") as log:
            log.seek(since)
            text, _, _ = log.read().rpartition(b"\n")
        seen = [_parse(line.partition(MARK)[2].decode(errors="replace")) for line in text.split(b"\n") if MARK in line]
        return seen, since + len(text) + bool(text)


def _parse(line: str) -> Register:
    fields = [None if value == ABSENT else value for value in line.split("\t")]
    time, aor, domain, source, call_id, cseq, expires, contact, location, agent, user, code, target = fields
    return Register(
        time=float(time or 0),
        aor=aor or "",
        from_domain=domain or "",
        source=source or "",
        call_id=call_id or "",
        cseq=int(cseq or 0),
        expires=int(expires) if expires else None,
        contact=contact or "",
        location_header=location,
        user_agent=agent or "",
        user_name=user,
        code=int(code or 0),
        redirected_to=target or None,
    )
