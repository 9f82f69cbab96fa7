"""Texts of the configuration file and of the objects: what they may hold, and the words for what they may not."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from softphone_agent.contract import sip_uri, template
from softphone_agent.registration.plan import Mode as Mode

TraceFlag = Literal["App", "Signaling"]


RedirectPolicy = Literal["Any", "KnownPBXes"]
FailBack = Literal["Redirect", "Primary"]


Answering = Literal["Checks", "Never", "Echo", "Tone"]
MediaEncryption = Literal["Never", "Offered", "Required"]
MEDIA_ENCRYPTION_WORDS = (
    "Whether the media of calls is encrypted: SRTP, with keys by SDES (RFC 4568). Never: calls with encrypted media "
    "are refused. Offered: it is encrypted where the other end wants it, too. Required: other calls are refused. The "
    "keys are in the signaling: only over TLS nobody on the way reads them."
)
ANSWERING_WORDS = (
    "What the phone does when it is called. Checks: it answers test calls of call checks that name it, with a tone of "
    "1050 Hz; others get 486, or 480 where no check names it. Never: all get 480. Echo: it answers everybody and sends "
    "back what it hears. Tone: it answers everybody with the tone."
)


CarrierType = Literal["Header", "ContactParameter", "Domain"]
RequestUri = Literal["Address", "Domain"]


NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"


MAX_NAME = 253


TOKEN_PATTERN = r"^[A-Za-z0-9\-.!%*_+`'~]{1,64}$"


LOCATION_PATTERN = r"^[\w\-.~]+$"
"""Not `{1,63}`: pydantic's regular expressions would hold all letters of the world 63 times, 0.6 MB in each model."""


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


LONGEST_SHOWN = 80
"""Characters of a value that was refused."""


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


def uri_fault(text: str) -> str | None:
    """Why a text is no SIP URI, None where it is one."""
    try:
        sip_uri.parse(text)
    except sip_uri.SipUriError as error:
        return f'"{sip_uri.without_password(text)}" is no SIP URI: it {error}'
    return None


def aor_fault(text: str) -> str | None:
    """Why a text is no address of record, None where it is one."""
    try:
        sip_uri.parse_aor(text)
    except sip_uri.SipUriError as error:
        return f'"{sip_uri.without_password(text)}" is no address of record: it {error}'
    return None


def _sip_uri(text: str) -> str:
    if fault := uri_fault(text):
        raise ValueError(fault)
    return text


def _aor(text: str) -> str:
    if fault := aor_fault(text):
        raise ValueError(fault)
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
    Field(pattern=LOCATION_PATTERN, max_length=MAX_LOCATION),
    BeforeValidator(lambda given: composed(given) if isinstance(given, str) else given),
]


TemplateText = Annotated[str, Field(min_length=1, max_length=sip_uri.MAX_LENGTH), AfterValidator(_template)]


PbxReference = Annotated[str, Field(min_length=1, max_length=sip_uri.MAX_LENGTH)]


SECRET_KEY = re.compile(r"(?!\.\.)(?!\.\Z)[-._A-Za-z0-9]{1,253}\Z")
"""What a key of a Secret, and so a file with a password, may be called."""
