"""The agent's configuration file: the contract between whoever writes it (the operator, a person) and the agent.

Field names in the file are camelCase, as in the Kubernetes objects whose fields they are.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from softphone_agent import sip_uri, template
from softphone_agent.yaml_text import YamlFault, documents, text_of

Mode = Literal["Launcher", "Browser"]
TraceFlag = Literal["App", "Signaling"]
RedirectPolicy = Literal["Any", "KnownPBXes"]
CarrierType = Literal["Header", "ContactParameter", "Domain"]

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
MAX_NAME = 253
TOKEN_PATTERN = r"^[A-Za-z0-9\-.!%*_+`'~]{1,64}$"
LOCATION_PATTERN = r"^[\w\-.~]{1,63}$"
MAX_LOCATION = 63
ID_PATTERN = r"^[A-Za-z0-9\-]*$"
USER_AGENT_PATTERN = r"^[\x20-\x7e]+$"
LOCATION_WORDS = "it may hold letters, digits and - . _ ~, 1 to 63 of them"
PATTERN_WORDS = {
    NAME_PATTERN: "it may hold lower-case letters, digits, - and ., up to 253, a letter or digit first and last",
    TOKEN_PATTERN: "it may hold letters, digits and - . ! % * _ + ` ' ~, 1 to 64 of them",
    LOCATION_PATTERN: LOCATION_WORDS,
    ID_PATTERN: "it may hold letters, digits and -",
    USER_AGENT_PATTERN: "it may hold printable ASCII characters, one at least",
}
"""What the patterns ask for, in words for the person whose text does not fit."""
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
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_PHONES = 10000
LONGEST_SHOWN = 80
"""Characters of a value that was refused."""
MAX_TOLD = 3
"""Of the phones of a fleet that are wrong, so many are told about."""


class Model(BaseModel):
    """A part of the contract: immutable, camelCase in files, unknown fields refused."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True)

    def model_post_init(self, context: Any, /) -> None:
        """What pydantic calls with each new object."""
        self._share_fields_set()

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self._share_fields_set()

    def _share_fields_set(self) -> None:
        """Hold the set of the fields that were given together with all who were given the same: 700 bytes a phone."""
        object.__setattr__(self, "__pydantic_fields_set__", _fields_set(frozenset(self.__pydantic_fields_set__)))


@lru_cache(maxsize=1024)
def _fields_set(given: frozenset[str]) -> set[str]:
    return set(given)


def composed(text: str) -> str:
    """A text with its letters in one piece (NFC): an umlaut may come as a letter and two dots."""
    return unicodedata.normalize("NFC", text)


def _sip_uri(text: str) -> str:
    try:
        sip_uri.parse(text)
    except sip_uri.SipUriError as error:
        raise ValueError(f'"{sip_uri.without_password(text)}" is no SIP URI: it {error}') from None
    return text


def _aor(text: str) -> str:
    try:
        sip_uri.parse_aor(text)
    except sip_uri.SipUriError as error:
        raise ValueError(f'"{sip_uri.without_password(text)}" is no address of record: it {error}') from None
    return text


_SCOPE = re.compile(r"%(?![A-Za-z0-9._-]{1,15}\Z)")
"""The scope of an IPv6 address that is no interface's name: Python takes any text for one."""


def _ip_address(text: str) -> str:
    try:
        if _SCOPE.search(text):
            raise ValueError
        return str(ipaddress.ip_address(text)) if text else text
    except ValueError:
        raise ValueError(f'"{sip_uri.printable(text)}" is no IP address') from None


def _template(text: str) -> str:
    try:
        template.parse(text)
    except template.TemplateError as error:
        raise ValueError(f'"{shown_template(text)}" {error}') from None
    return text


def shown_template(text: str) -> str:
    """A template as messages may show it: a password in it is left out, the colon of a format is none."""
    return sip_uri.without_password(text.replace("{index:", "{index\ue000")).replace("\\ue000", ":")


def _name_server(text: str) -> str:
    try:
        sip_uri.split_address(text)
    except sip_uri.SipUriError:
        raise ValueError(f'"{sip_uri.printable(text)}" is no IP address, nor one with a port') from None
    return text


def _host(text: str) -> str:
    if not sip_uri.is_host(text):
        raise ValueError(f'"{sip_uri.printable(text)}" is neither a host name nor an IP address')
    return text


def _path_text(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f'"{sip_uri.printable(text)}" is no path: it contains control characters')
    return text


SipUriText = Annotated[str, Field(max_length=sip_uri.MAX_LENGTH), AfterValidator(_sip_uri)]
AorText = Annotated[str, Field(max_length=sip_uri.MAX_LENGTH), AfterValidator(_aor)]
IpAddressText = Annotated[str, AfterValidator(_ip_address)]
HostText = Annotated[str, AfterValidator(_host)]
PathText = Annotated[str, Field(max_length=1024), AfterValidator(_path_text)]
NameServerText = Annotated[str, Field(max_length=64), AfterValidator(_name_server)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Location = Annotated[
    str,
    Field(pattern=LOCATION_PATTERN),
    BeforeValidator(lambda given: composed(given) if isinstance(given, str) else given),
]
TemplateText = Annotated[str, Field(min_length=1, max_length=sip_uri.MAX_LENGTH), AfterValidator(_template)]
PbxReference = Annotated[str, Field(min_length=1, max_length=sip_uri.MAX_LENGTH)]


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
SECRET_KEY = re.compile(r"(?!\.\.)(?!\.\Z)[-._A-Za-z0-9]{1,253}\Z")
"""What a key of a Secret, and so a file with a password, may be called."""


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
    mode: Mode = Field(default="Launcher", description="Launcher: alternate pri and sec. Browser: cur only.")
    cur: PbxReference | None = Field(default=None, description="Current PBX. Browser mode needs it.")
    home: PbxReference | None = Field(default=None, description="PBX on which the user is configured, where known.")
    credentials: Credentials | None = Field(default=None, description="Files to authenticate with; none: no digest.")
    registration: Registration = Field(default_factory=Registration, description="How the phone registers.")
    trace: tuple[TraceFlag, ...] = Field(default=(), max_length=2, description="Trace flags.")
    suspend: bool = Field(default=False, description="Un-register and stay so.")

    @model_validator(mode="after")
    def _entries_fit_the_mode(self) -> Self:
        for fault in entry_faults(self.mode, self.pri, self.sec, self.cur):
            raise ValueError(fault)
        return self


SAME_AOR = "must hold {index}: each phone needs an address of record of its own"


class PhoneTemplate(Model):
    """What the phones of a fleet have in common. Texts may hold {index}, with a format as in {index:05d}."""

    id: TemplateText | None = Field(default=None, description="Stable identity. Default: derived from the name.")
    aor: TemplateText = Field(description="Address of record, as sip:load{index:05d}@domain.")
    pri: TemplateText | None = Field(default=None, description="Primary PBX. Launcher mode needs it.")
    sec: TemplateText | None = Field(default=None, description="Secondary PBX.")
    phys: TemplateText | None = Field(default=None, description="Explicit physical location.")
    mode: Mode = Field(default="Launcher", description="Launcher: alternate pri and sec. Browser: cur only.")
    cur: TemplateText | None = Field(default=None, description="Current PBX. Browser mode needs it.")
    home: TemplateText | None = Field(default=None, description="PBX on which the users are configured, where known.")
    credentials: Credentials | None = Field(default=None, description="Files to authenticate with; none: no digest.")
    registration: Registration = Field(default_factory=Registration, description="How the phones register.")
    trace: tuple[TraceFlag, ...] = Field(default=(), max_length=2, description="Trace flags.")
    suspend: bool = Field(default=False, description="Un-register and stay so.")

    @model_validator(mode="after")
    def _is_for_many(self) -> Self:
        if not template.parse(self.aor).varies:
            raise ValueError(f"aor: {SAME_AOR}")
        for fault in entry_faults(self.mode, self.pri, self.sec, self.cur):
            raise ValueError(fault)
        for name in ("password_file", "username_file", "directory"):
            if text := getattr(self.credentials, name, None):
                try:
                    template.parse(text)
                except template.TemplateError as error:
                    raise ValueError(f'credentials.{to_camel(name)}: "{shown_template(text)}" {error}') from None
        return self


class FleetSlice(Model):
    """Phones made from a template: `count` of them, with the indices from `firstIndex` on."""

    name: str = Field(
        default="",
        max_length=253,
        description="Phones are named after it: name-index. Default: the fleet's name.",
    )
    first_index: int = Field(default=0, ge=0, le=10**9, description="Index of the first phone.")
    count: int = Field(ge=0, le=MAX_PHONES, description="How many phones.")
    template: PhoneTemplate = Field(description="What they have in common.")


def entry_faults(mode: Mode, pri: str | None, sec: str | None, cur: str | None) -> list[str]:
    """What is wrong with the PBXes that a phone names, as messages that begin with the field. [] if nothing is."""
    faults = []
    if mode == "Launcher" and not pri:
        faults.append("pri: Launcher mode needs a primary PBX")
    if mode == "Browser" and not cur:
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


AT_START = "Taken at the agent's start."


class Http(Model):
    """Where the agent serves HTTP."""

    address: HostText = Field(default="0.0.0.0", max_length=64, description=f"Address to listen on. {AT_START}")
    port: int = Field(default=8080, ge=0, le=65535, description=f"TCP port; 0: any free one. {AT_START}")


class Sip(Model):
    """The agent's own SIP side."""

    bind_address: IpAddressText = Field(
        default="", max_length=64, description=f"IP address to send from. Default: the system's choice. {AT_START}"
    )
    port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description=f"Local SIP port; 0: any free one. Each further worker takes the port after it. {AT_START}",
    )
    public_address: HostText | None = Field(
        default=None, max_length=253, description="Address to announce in Contact, where pods are behind NAT."
    )
    name_servers: tuple[NameServerText, ...] = Field(
        default=(),
        max_length=8,
        description="DNS servers that are asked for the hosts of PBXes, as address or address:port. "
        "Default: the system's.",
    )
    user_agent: str = Field(
        default="softphone-fleet",
        max_length=64,
        pattern=USER_AGENT_PATTERN,
        description=f"User-Agent header. {AT_START}",
    )


class Workers(Model):
    """The processes over which the agent spreads its phones."""

    phones_per_worker: int | None = Field(
        default=None,
        ge=1,
        le=MAX_PHONES,
        description="Phones that one process carries at most. Default: as many as its pjsua2 carries, which are "
        "7 with the PyPI wheel, but no more than 500. Phones that run stay in their process.",
    )


class Metrics(Model):
    """What `/metrics` shows."""

    per_phone: bool = Field(
        default=True, description="Whether each phone has series of its own, besides those of the agent."
    )


class AgentConfig(Model):
    """The whole file."""

    fleet: str = Field(default="", max_length=253, description="Name of the SoftphoneFleet, if any.")
    http: Http = Field(default_factory=Http, description="Where the agent serves HTTP.")
    sip: Sip = Field(default_factory=Sip, description="The agent's own SIP side.")
    workers: Workers = Field(default_factory=Workers, description="How phones are spread over processes.")
    metrics: Metrics = Field(default_factory=Metrics, description="What /metrics shows.")
    stop_seconds: float = Field(
        default=20.0, ge=0, le=3600, description="Time to un-REGISTER all phones on SIGTERM, in seconds."
    )
    pbxs: tuple[Pbx, ...] = Field(default=(), max_length=1000, description="The PBXes.")
    phones: tuple[Phone, ...] = Field(default=(), max_length=MAX_PHONES, description="The phones.")
    fleets: tuple[FleetSlice, ...] = Field(
        default=(), max_length=100, description="More phones, each of which is made from a template and its index."
    )

    @model_validator(mode="after")
    def _references_resolve(self) -> Self:
        faults = list(self._cross_faults())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _cross_faults(self) -> list[str]:
        faults = [f'pbxs: the name "{name}" is used twice' for name in _twice(p.name for p in self.pbxs)]
        faults += [f'phones: the name "{name}" is used twice' for name in _twice(p.name for p in self.phones)]
        known = {pbx.name: pbx for pbx in self.pbxs}
        for index, phone in enumerate(self.phones):
            faults += [f"phones[{index}].{fault}" for fault in _reference_faults(phone, known)]
        for index, fleet in enumerate(self.fleets):
            if not (fleet.name or self.fleet):
                faults.append(f"fleets[{index}].name: is required, since the file does not name a fleet")
        return faults


def waiting_for_a_start(running: AgentConfig, wanted: AgentConfig) -> list[str]:
    """The fields that differ and that a running agent cannot take: those whose description ends in AT_START."""
    return [
        f"{part}.{to_camel(name)}"
        for part in ("http", "sip")
        for name, field in type(getattr(running, part)).model_fields.items()
        if (field.description or "").endswith(AT_START)
        and getattr(getattr(running, part), name) != getattr(getattr(wanted, part), name)
    ]


def _reference_faults(phone: Phone, known: Mapping[str, Pbx]) -> Iterator[str]:
    for field in ("pri", "sec", "cur", "home"):
        reference = getattr(phone, field)
        if reference is None:
            continue
        if is_uri(reference):
            try:
                sip_uri.parse(reference)
            except sip_uri.SipUriError as error:
                yield f'{field}: "{sip_uri.without_password(reference)}" is no SIP URI: it {error}'
        elif reference not in known:
            yield f'{field}: no PBX is named "{sip_uri.printable(reference)}"'
        elif phone.phys and (fault := known[reference].location_carrier.fault_of(phone.phys)):
            yield f"phys: {fault}"
            return


def expanded(config: AgentConfig) -> AgentConfig:
    """The configuration with the phones of all its fleets among its phones. Raises ConfigFaults."""
    if not config.fleets:
        return config
    total = len(config.phones) + sum(fleet.count for fleet in config.fleets)
    if total > MAX_PHONES:
        raise ConfigFaults([f"fleets: {total} phones in all are too many, an agent carries at most {MAX_PHONES}"])
    known = {pbx.name: pbx for pbx in config.pbxs}
    phones, faults = list(config.phones), list[str]()
    for number, fleet in enumerate(config.fleets):
        wrong = 0
        for index in range(fleet.first_index, fleet.first_index + fleet.count):
            try:
                phones.append(phone_at(fleet.template, phone_of_fleet(fleet.name or config.fleet, index), index, known))
            except ConfigFaults as refused:
                faults += [f"fleets[{number}].template.{fault}" for fault in refused.faults]
                wrong += 1
            if wrong == MAX_TOLD:
                break
    faults += [f'phones: the name "{name}" is used twice' for name in _twice(phone.name for phone in phones)]
    if faults:
        raise ConfigFaults(list(dict.fromkeys(faults)))
    return config.model_copy(update={"phones": tuple(phones), "fleets": ()})


def phone_of_fleet(fleet: str, index: int) -> str:
    """The name of a fleet's phone."""
    return f"{fleet}-{index}"


def phone_at(of: PhoneTemplate, name: str, index: int, pbxs: Mapping[str, Pbx]) -> Phone:
    """The phone with this index. Raises ConfigFaults; a fault in a text with a placeholder names the index."""
    texts = {field: getattr(of, field) for field in _TEMPLATE_TEXTS}
    values = {field: _parsed(text).expand(index) for field, text in texts.items() if text is not None}
    try:
        phone = Phone(
            name=name,
            credentials=_credentials_at(of.credentials, index),
            mode=of.mode,
            registration=of.registration,
            trace=of.trace,
            suspend=of.suspend,
            **values,
        )
        faults = list(_reference_faults(phone, pbxs))
    except ValidationError as error:
        faults = fault_messages(error)
    if faults:
        raise ConfigFaults([_with_index(fault, texts, index) for fault in faults])
    return phone


_TEMPLATE_TEXTS = ("id", "aor", "pri", "sec", "phys", "cur", "home")
_parsed = lru_cache(maxsize=1000)(template.parse)


def _credentials_at(credentials: Credentials | None, index: int) -> Credentials | None:
    if credentials is None:
        return None
    texts = {field: text for field, text in credentials if text is not None}
    if not any("{" in text or "}" in text for text in texts.values()):
        return credentials
    return Credentials(**{field: _parsed(text).expand(index) for field, text in texts.items()})


def _with_index(fault: str, texts: Mapping[str, str | None], index: int) -> str:
    text = texts.get(fault.partition(":")[0])
    if text is None or not _parsed(text).varies:
        return fault
    return f'{fault} (index {index} of "{shown_template(text)}")'


def _twice(names: Any) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


class ConfigFaults(Exception):  # noqa: N818 - the plural says that it carries all of them
    """A configuration that was refused. `faults` holds one message per fault, each beginning with its field."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def fault_messages(error: ValidationError) -> list[str]:
    """A pydantic error as one message per fault: `phones[0].aor: "x" is no address of record: …`."""
    messages: list[str] = []
    for fault in error.errors(include_url=False):
        where = _path(fault["loc"])
        if fault["type"] == "value_error":
            lines = str(fault["ctx"]["error"]).split("\n") if "ctx" in fault else [fault["msg"]]
            own_field = fault["loc"] and not isinstance(fault.get("input"), dict)
            messages += [_joined(where, line, own_field=bool(own_field)) for line in lines]
        elif fault["type"] == "missing":
            messages.append(f"{where}: is required")
        elif fault["type"] == "extra_forbidden":
            messages.append(f"{where}: no such field")
        else:
            shown = sip_uri.without_password(_beginning(fault["input"]))
            said = PATTERN_WORDS.get(
                fault.get("ctx", {}).get("pattern", ""), f"{fault['msg'][0].lower()}{fault['msg'][1:]}"
            )
            messages.append(f"{where}: {shown[:LONGEST_SHOWN]} is refused: {said}")
    return messages


def _beginning(value: Any) -> str:
    """As much of a value as messages show: with YAML's aliases it may hold itself, or more than fits anywhere."""
    shown = ""
    for piece in json.JSONEncoder(default=str, check_circular=False).iterencode(value):
        shown += piece  # whole, since a password ends where its URI does
        if len(shown) > LONGEST_SHOWN:
            break
    return shown


def _joined(where: str, line: str, *, own_field: bool) -> str:
    """A validator's line with its place; a validator of a whole object names the field itself."""
    if own_field:
        return f"{where}: {line}"
    return f"{where}.{line}" if where else line


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return sip_uri.printable(path)


def _data(text: str) -> object:
    """What a JSON or YAML text holds. Raises ConfigFaults, with line and column."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)  # what the operator writes, and quicker by far
        except (ValueError, RecursionError):
            pass
    try:
        first, more = (*documents(text), None, None)[:2]
    except YamlFault as fault:
        raise ConfigFaults([_placed(fault)]) from None
    if more is not None:
        raise ConfigFaults([f"line {more.line}: is a second document, and a configuration is one"])
    return first.value if first else None


def _placed(fault: YamlFault) -> str:
    where = f"line {fault.line}" + (f", column {fault.column}" if fault.column else "")
    return f"{where}: {fault.message}" if fault.line else fault.message


def parse(text: str) -> AgentConfig:
    """Parse a configuration from JSON or YAML text, its fleets expanded to phones; raises ConfigFaults."""
    try:
        return of(_data(text))
    except RecursionError:
        raise ConfigFaults(["is nested too deeply"]) from None


def of(data: object) -> AgentConfig:
    """What was read of a file as a configuration, its fleets expanded to phones; raises ConfigFaults."""
    if not isinstance(data, dict):
        raise ConfigFaults(["must be a mapping with the fields pbxs and phones"])
    try:
        config = AgentConfig.model_validate(data, by_name=False, by_alias=True)
    except ValidationError as error:
        raise ConfigFaults(fault_messages(error)) from None
    return expanded(config)


def load(path: Path) -> tuple[AgentConfig, str]:
    """Read the file at `path`: the configuration and its digest. Raises ConfigFaults, also for an unreadable file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigFaults([f"{path}: {error.strerror}"]) from None
    if len(data) > MAX_FILE_BYTES:
        raise ConfigFaults([f"{path}: is larger than {MAX_FILE_BYTES} bytes"])
    try:
        return parse(text_of(data)), digest(data)
    except YamlFault as fault:
        raise ConfigFaults([_placed(fault)]) from None


def digest(data: bytes) -> str:
    """The digest by which an agent tells which configuration it runs: the first 16 hex digits of SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]
