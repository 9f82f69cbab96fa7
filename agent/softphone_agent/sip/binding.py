"""One registration as it goes over the wire: what its REGISTERs have in common, and their headers. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from softphone_agent.contract import sip_uri
from softphone_agent.dns.targets import Place
from softphone_agent.sip import digest, sip_message
from softphone_agent.sip.request import RegisterRequest

PORT = "{port}"
"""In a Contact: our own port on the connection (images/pjsua2/client.h)."""


@dataclass(slots=True)
class Registration:
    """All REGISTERs with one Call-ID: one phone at one PBX (RFC 3261, section 10.2.4)."""

    request: RegisterRequest
    place: Place
    template: str
    """The Contact that the PBX is to bind, with its parameters; PORT stands for a port that is not known yet."""
    transport: int
    session: digest.Session | None
    expires: int
    """Asked for: the configured one, or more where the PBX wanted more."""
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    tag: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    cseq: int = 0
    port: str = ""
    """Our own on the connection over which the last answer came; it stands for PORT."""
    bound: bool = False
    """Whether the last answer granted a binding: a refresh can go on with it, and there is something to remove."""

    @property
    def own_binding(self) -> sip_message.OwnBinding:
        """How the binding is known in an answer."""
        return sip_message.own_binding(f"Contact: {self.template.replace(PORT, self.port)}\r\n")


def new_session(request: RegisterRequest) -> digest.Session | None:
    """To answer the PBX's challenges with this phone's credentials; None without a password."""
    return None if request.password is None else digest.Session(request.username, request.password)


def request_uri(request: RegisterRequest) -> str:
    """The Request-URI of its REGISTERs."""
    return request.request_uri or request.registrar


def contact(request: RegisterRequest, host: str, port: int | None, line: str) -> str:
    """The Contact of a phone that is reached at this host and port.

    `port` None: that of the connection, which is there only when the REGISTER goes out. `line` tells phones of one AOR
    in one process apart; empty for the only one.
    """
    to, user = sip_uri.parse(request.registrar), sip_uri.parse_aor(request.aor).user
    at = str(sip_uri.SipUri(to.scheme, user, host, None, None))
    kind = to.effective_transport
    transport = "" if to.scheme == "sips" or kind == "udp" else f";transport={kind}"
    apart = f";line={sip_uri.escaped(line)}" if line else ""
    parameters = "".join(f";{name}={value}" for name, value in request.contact_parameters)
    return f"<{at}:{port or PORT}{transport}{apart}>{parameters}"


def fetching_headers(registration: Registration, user_agent: str) -> list[tuple[str, str]]:
    """The headers of a REGISTER without Contact, which asks for the bindings and changes none (RFC 3261, 10.2.3)."""
    made = [("User-Agent", user_agent), *registration.request.headers]
    if registration.session is not None:
        made += registration.session.headers("REGISTER", request_uri(registration.request))
    return made


def headers(registration: Registration, expires: int, user_agent: str, allow: str) -> list[tuple[str, str]]:
    """The headers of its next REGISTER, besides those that every request has. Counts as a use of its nonces."""
    request = registration.request
    made = [
        ("Contact", registration.template),
        ("Expires", str(expires)),
        ("Allow", allow),
        ("User-Agent", user_agent),
        *request.headers,
    ]
    if registration.session is not None:
        made += registration.session.headers("REGISTER", request_uri(request))
    return made
