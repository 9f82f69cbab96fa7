"""What the SIP engine is given to send: one REGISTER, with its credentials and TLS files."""

from __future__ import annotations

from dataclasses import dataclass

from softphone_agent.dns.targets import Target


@dataclass(frozen=True, slots=True)
class Secret:
    """What a phone authenticates with."""

    username: str
    password: str | None

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a TLS connection is made with. `digest` changes when a file's content does."""

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    digest: str = ""
    server_name: str | None = None
    """Name that the PBX's certificate must have; default: the host of its address."""


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """One REGISTER as it goes on the wire. `headers` and `contact_parameters` are name-value pairs."""

    registrar: str
    aor: str
    username: str
    password: str | None
    expires: int
    headers: tuple[tuple[str, str], ...] = ()
    contact_parameters: tuple[tuple[str, str], ...] = ()
    public_address: str | None = None
    """Host to announce in Contact instead of our own address."""
    tls: TlsFiles | None = None
    """For a registrar that is reached over TLS."""
    request_uri: str | None = None
    """Request-URI; None: the registrar's. The request goes to the registrar in either case."""
    target: Target | None = None
    """Where the registrar's name leads; None where it has an address."""

    def __repr__(self) -> str:
        return f"RegisterRequest({self.aor} at {self.registrar})"
