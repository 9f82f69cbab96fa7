"""PBXes and phones, as the configuration file has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

from pydantic import Field, model_validator

from softphone_agent.contract import sip_uri
from softphone_agent.contract.fields import (
    ANSWERING_WORDS,
    ID_PATTERN,
    LOCATION_WORDS,
    MAX_LOCATION,
    MEDIA_ENCRYPTION_WORDS,
    TOKEN_PATTERN,
    Answering,
    AorText,
    CarrierType,
    FailBack,
    HostText,
    Location,
    MediaEncryption,
    Mode,
    Model,
    Name,
    PathText,
    PbxReference,
    RedirectPolicy,
    RequestUri,
    SipUriText,
    TraceFlag,
    uri_fault,
)

REFERENCES = ("pri", "sec", "cur", "home")
"""The fields of a phone that name a PBX."""

DEFAULT_LOCATION_HEADER = "X-Physical-Location"


RESERVED_HEADERS = frozenset(
    [
        *(
            "via",
            "from",
            "to",
            "call-id",
            "cseq",
            "contact",
            "max-forwards",
            "expires",
            "route",
            "record-route",
            "path",
        ),
        *("authorization", "proxy-authorization", "content-length", "content-type", "content-encoding", "user-agent"),
        *("require", "proxy-require", "supported", "allow", "date", "v", "f", "t", "i", "m", "l", "c", "e", "k"),
    ]
)
"""Headers that a REGISTER carries for the protocol's sake (RFC 3261, section 20, compact forms too)."""


RESERVED_PARAMETERS = frozenset({"expires", "q", "+sip.instance", "reg-id"})


DEFAULT_REGISTER_RATE = 1000.0


NEVER = float("inf")
"""The pathCheckSeconds of a fleet's phones that check no ways, while others of them do."""


class LocationCarrier(Model):
    """How the physical location travels in a REGISTER."""

    type: CarrierType = Field(
        default="Header",
        description="Header: a SIP header of its own. ContactParameter: a parameter of the Contact header. "
        "Domain: the domain of the AOR is replaced by the location.",
    )
    name: str | None = Field(
        default=None,
        max_length=64,
        pattern=TOKEN_PATTERN,
        description=f"Name of the header or parameter. Default: {DEFAULT_LOCATION_HEADER} for Header, "
        "location for ContactParameter. Not used by Domain.",
    )

    @model_validator(mode="after")
    def _name_is_free(self) -> Self:
        if self.type == "Header" and self.effective_name.lower() in RESERVED_HEADERS:
            raise ValueError(f'name: the header "{self.name}" has a meaning of its own in REGISTER')
        if self.type == "ContactParameter" and self.effective_name.lower() in RESERVED_PARAMETERS:
            raise ValueError(f'name: the Contact parameter "{self.name}" has a meaning of its own in REGISTER')
        return self

    def fault_of(self, location: str) -> str | None:
        """Why it cannot carry this location, None where it can."""
        if self.type != "Domain" or sip_uri.as_host(location):
            return None
        return f'"{sip_uri.printable(location)}" is no host name, as which the locationCarrier Domain sends it'

    @property
    def effective_name(self) -> str:
        """The header's or parameter's name with the default filled in."""
        return self.name or (DEFAULT_LOCATION_HEADER if self.type == "Header" else "location")


class Backoff(Model):
    """The wait after a round in which every PBX failed: exponential with full jitter."""

    initial_seconds: float = Field(
        default=1.0, ge=0.1, le=3600, description="Upper bound of the first wait, in seconds."
    )
    max_seconds: float = Field(default=60.0, ge=0.1, le=3600, description="Upper bound of every wait, in seconds.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_seconds < self.initial_seconds:
            raise ValueError(
                f"maxSeconds: must not be less than initialSeconds ({self.initial_seconds:g}), is {self.max_seconds:g}"
            )
        return self


class Registration(Model):
    """How a phone registers."""

    expires_seconds: int = Field(default=120, ge=10, le=86400, description="Expiry asked for in REGISTER, in seconds.")
    attempt_timeout_seconds: float = Field(
        default=4.0, ge=0.5, le=32, description="How long a PBX may take to answer a REGISTER, in seconds."
    )
    ping_seconds: float = Field(
        default=2.0,
        ge=0,
        le=3600,
        description="Interval of the OPTIONS pings that watch the PBX, in seconds. One ping serves all phones of a "
        "process of the agent; the shortest interval asked for counts. 0 turns them off.",
    )
    max_redirects: int = Field(default=8, ge=0, le=32, description="How many redirects one attempt follows at most.")
    backoff: Backoff = Field(default_factory=Backoff, description="The wait after a round in which every PBX failed.")
    redirect_policy: RedirectPolicy = Field(
        default="Any",
        description="Any: follow every redirect (never from TLS to a transport without TLS). "
        "KnownPBXes: only to PBX objects of the same system.",
    )
    fail_back: FailBack = Field(
        default="Redirect",
        description="How a phone that is registered elsewhere comes back to its primary PBX. Redirect: when a PBX "
        "sends it. Primary: also by itself, when the primary has answered for failBackAfterSeconds; for PBXes that "
        "send no phone home. Only with pri and sec, in Launcher mode.",
    )
    fail_back_after_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86400,
        description="For how long the primary PBX must have answered pings before phones return to it by themselves, "
        "in seconds. Each phone takes up to half as much more, so that they do not all come at once.",
    )
    closed_connection_wait_seconds: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="For how long a PBX that closed its TCP or TLS connection is asked again before the phone goes to "
        "another one, in seconds: a PBX that is restarted is back soon. 0: it is asked once.",
    )
    path_check_seconds: float = Field(
        default=300.0,
        ge=0,
        le=86400,
        description="Interval of the path checks, in seconds: while the phone is registered, it walks the way from "
        "each entry PBX to its end with REGISTERs without Contact, which change nothing there. 0 turns them off, and "
        "the binding checks with them: the phone sends no REGISTER without Contact.",
    )


class Tls(Model):
    """Files for TLS towards a PBX."""

    ca_file: PathText | None = Field(default=None, description="PEM file of the CAs that are trusted.")
    certificate_file: PathText | None = Field(default=None, description="PEM file of the client certificate.")
    key_file: PathText | None = Field(default=None, description="PEM file of the client's key.")
    server_name: HostText | None = Field(
        default=None, max_length=253, description="Name expected in the PBX's certificate."
    )

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if bool(self.certificate_file) != bool(self.key_file):
            missing = "keyFile" if self.certificate_file else "certificateFile"
            raise ValueError(f"{missing}: is required, a client certificate needs its key")
        return self


class Pbx(Model):
    """A PBX that phones register with or may be redirected to."""

    name: Name = Field(description="Name of the PBX object.")
    address: SipUriText = Field(description="SIP URI of the registrar: host, port, transport.")
    system: str = Field(default="", max_length=253, description="Which PBXes belong together.")
    location: Location | None = Field(
        default=None, description="Physical location; default: the name, of up to 63 characters."
    )
    no_physical_location: bool = Field(
        default=False, description='The PBX setting "No physical location" (from 13r3 SR7).'
    )
    location_carrier: LocationCarrier = Field(
        default_factory=LocationCarrier, description="How the location travels in REGISTER."
    )
    request_uri: RequestUri = Field(
        default="Address",
        description="Request-URI of a REGISTER. Address: that of the PBX. Domain: the domain of the AOR, as registrars "
        "that serve several domains want it (RFC 3261, section 10.2); the request goes to the address all the same.",
    )
    tls: Tls | None = Field(default=None, description="TLS files, where they differ from the system's.")
    register_rate: float = Field(
        default=DEFAULT_REGISTER_RATE,
        gt=0,
        le=100000,
        description="REGISTERs per second that one agent may send there.",
    )

    @model_validator(mode="after")
    def _name_may_be_its_location(self) -> Self:
        if self.location is None and not self.no_physical_location and len(self.name) > MAX_LOCATION:
            raise ValueError(
                f'location: is required, since the name "{self.name}" has {len(self.name)} characters: '
                f"without a location it stands for one, and {LOCATION_WORDS}"
            )
        return self

    @model_validator(mode="after")
    def _location_can_be_carried(self) -> Self:
        if self.location and (fault := self.location_carrier.fault_of(self.location)):
            raise ValueError(f"location: {fault}")
        return self


PASSWORD, USERNAME = "password", "username"


class Credentials(Model):
    """Files that hold what a phone authenticates with. They are read again when they change."""

    password_file: PathText | None = Field(
        default=None, min_length=1, description="File that holds the password, no newline needed."
    )
    username_file: PathText | None = Field(
        default=None,
        description="File that holds the user name. Default, also where the file is missing: the user part of the AOR.",
    )
    directory: PathText | None = Field(
        default=None,
        min_length=1,
        description="Instead of files: a folder. Its file `password`, with `username` where that is there, is for all "
        "phones; without it each phone has a file named like the user part of its AOR, which holds the password.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.directory is None and self.password_file is None:
            raise ValueError("passwordFile: is required")
        if self.directory is not None and (self.password_file or self.username_file):
            raise ValueError("directory: stands instead of passwordFile and usernameFile")
        return self


class Phone(Model):
    """A softphone. `pri`, `sec`, `cur` and `home` name an entry of `pbxs` or are SIP URIs."""

    name: Name = Field(description="Name of the Softphone object; metrics carry it.")
    id: str = Field(
        default="",
        max_length=64,
        pattern=ID_PATTERN,
        description="Stable identity (the object's UID), sent as +sip.instance. Default: derived from the name.",
    )
    aor: AorText = Field(description="Address of record, as sip:user@domain.")
    pri: PbxReference | None = Field(default=None, description="Primary PBX. Launcher mode needs it.")
    sec: PbxReference | None = Field(default=None, description="Secondary PBX.")
    phys: Location | None = Field(default=None, description="Explicit physical location.")
    mode: Mode = Field(default=Mode.LAUNCHER, description="Launcher: alternate pri and sec. Browser: cur only.")
    cur: PbxReference | None = Field(default=None, description="Current PBX. Browser mode needs it.")
    home: PbxReference | None = Field(default=None, description="PBX on which the user is configured, where known.")
    credentials: Credentials | None = Field(default=None, description="Files to authenticate with; none: no digest.")
    registration: Registration = Field(default_factory=Registration, description="How the phone registers.")
    answer: Answering = Field(default="Checks", description=ANSWERING_WORDS)
    media_encryption: MediaEncryption = Field(default="Never", description=MEDIA_ENCRYPTION_WORDS)
    trace: tuple[TraceFlag, ...] = Field(default=(), max_length=2, description="Trace flags.")
    suspend: bool = Field(default=False, description="Un-register and stay so.")

    @model_validator(mode="after")
    def _entries_fit_the_mode(self) -> Self:
        for fault in entry_faults(self.mode, self.pri, self.sec, self.cur):
            raise ValueError(fault)
        return self


def entry_faults(mode: Mode, pri: str | None, sec: str | None, cur: str | None) -> list[str]:
    """What is wrong with the PBXes that a phone names, as messages that begin with the field. [] if nothing is."""
    faults = []
    if mode is Mode.LAUNCHER and not pri:
        faults.append("pri: Launcher mode needs a primary PBX")
    if mode is Mode.BROWSER and not cur:
        faults.append("cur: Browser mode needs the current PBX")
    if pri and sec and same_reference(pri, sec):
        faults.append(f'sec: must differ from pri, both are "{sip_uri.without_password(sec)}"')
    return faults


def is_uri(reference: str) -> bool:
    """Whether a PBX reference is a URI rather than the name of a PBX object."""
    return reference.lower().startswith(("sip:", "sips:"))


def same_reference(one: str, other: str) -> bool:
    """Whether two references are the same name, or URIs of the same registrar."""
    if is_uri(one) and is_uri(other):
        try:
            return sip_uri.parse(one).registrar() == sip_uri.parse(other).registrar()
        except sip_uri.SipUriError:
            return one == other
    return one == other


def reference_faults(phone: Phone, known: Mapping[str, Pbx]) -> Iterator[str]:
    """What is wrong with the PBXes that a phone refers to; `known` are the names of PBX objects."""
    for field in REFERENCES:
        reference = getattr(phone, field)
        if reference is None:
            continue
        if is_uri(reference):
            if fault := uri_fault(reference):
                yield f"{field}: {fault}"
        elif reference not in known:
            yield f'{field}: no PBX is named "{sip_uri.printable(reference)}"'
        elif phone.phys and (fault := known[reference].location_carrier.fault_of(phone.phys)):
            yield f"phys: {fault}"
            return
