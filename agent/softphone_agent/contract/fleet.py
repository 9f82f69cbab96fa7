"""Phones that are made from a template and an index."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Self

from pydantic import Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from softphone_agent.contract import template
from softphone_agent.contract.config_faults import ConfigFaults, fault_messages
from softphone_agent.contract.fields import (
    ANSWERING_WORDS,
    MEDIA_ENCRYPTION_WORDS,
    Answering,
    MediaEncryption,
    Mode,
    Model,
    TemplateText,
    TraceFlag,
    shown_template,
)
from softphone_agent.contract.phone import (
    NEVER,
    Credentials,
    Pbx,
    Phone,
    Registration,
    entry_faults,
    reference_faults,
)

MAX_PHONES = 10000


MAX_TOLD = 3
"""Of the phones of a fleet that are wrong, so many are told about."""


TEMPLATE_TEXTS = ("aor", "pri", "sec", "phys", "cur", "home")
"""The fields of a template that may hold {index}, in files and in objects alike."""


SAME_AOR = "must hold {index}: each phone needs an address of record of its own"


class PhoneTemplate(Model):
    """What the phones of a fleet have in common. Texts may hold {index}, with a format as in {index:05d}."""

    id: TemplateText | None = Field(default=None, description="Stable identity. Default: derived from the name.")
    aor: TemplateText = Field(description="Address of record, as sip:load{index:05d}@domain.")
    pri: TemplateText | None = Field(default=None, description="Primary PBX. Launcher mode needs it.")
    sec: TemplateText | None = Field(default=None, description="Secondary PBX.")
    phys: TemplateText | None = Field(default=None, description="Explicit physical location.")
    mode: Mode = Field(default=Mode.LAUNCHER, description="Launcher: alternate pri and sec. Browser: cur only.")
    cur: TemplateText | None = Field(default=None, description="Current PBX. Browser mode needs it.")
    home: TemplateText | None = Field(default=None, description="PBX on which the users are configured, where known.")
    credentials: Credentials | None = Field(default=None, description="Files to authenticate with; none: no digest.")
    registration: Registration = Field(default_factory=Registration, description="How the phones register.")
    answer: Answering = Field(default="Checks", description=ANSWERING_WORDS)
    media_encryption: MediaEncryption = Field(default="Never", description=MEDIA_ENCRYPTION_WORDS)
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
    path_checks_one_in: int = Field(
        default=100,
        ge=1,
        le=MAX_PHONES,
        description="One phone in so many checks its ways (registration.pathCheckSeconds): those whose index is a "
        "multiple of it, and the slice's first.",
    )


def checks_paths(fleet: FleetSlice, index: int) -> bool:
    """Whether the phone with this index is one of those that check their ways."""
    return index == fleet.first_index or index % fleet.path_checks_one_in == 0


def without_path_checks(of: PhoneTemplate) -> PhoneTemplate:
    """The template of the phones that check no ways. They still take part in binding checks, unless those are off."""
    registration = of.registration
    if registration.path_check_seconds == 0:
        return of
    return of.model_copy(update={"registration": registration.model_copy(update={"path_check_seconds": NEVER})})


def phone_of_fleet(fleet: str, index: int) -> str:
    """The name of a fleet's phone."""
    return f"{fleet}-{index}"


def phone_at(of: PhoneTemplate, name: str, index: int, pbxs: Mapping[str, Pbx]) -> Phone:
    """The phone with this index. Raises ConfigFaults; a fault in a text with a placeholder names the index."""
    texts = {field: getattr(of, field) for field in ("id", *TEMPLATE_TEXTS)}
    values = {field: _parsed(text).expand(index) for field, text in texts.items() if text is not None}
    try:
        phone = Phone(
            name=name,
            credentials=_credentials_at(of.credentials, index),
            mode=of.mode,
            registration=of.registration,
            answer=of.answer,
            media_encryption=of.media_encryption,
            trace=of.trace,
            suspend=of.suspend,
            **values,
        )
        faults = list(reference_faults(phone, pbxs))
    except ValidationError as error:
        faults = fault_messages(error)
    if faults:
        raise ConfigFaults([with_index(fault, texts, index) for fault in faults])
    return phone


_parsed = lru_cache(maxsize=1000)(template.parse)


def _credentials_at(credentials: Credentials | None, index: int) -> Credentials | None:
    if credentials is None:
        return None
    texts = {field: text for field, text in credentials if text is not None}
    if not any("{" in text or "}" in text for text in texts.values()):
        return credentials
    return Credentials(**{field: _parsed(text).expand(index) for field, text in texts.items()})


def with_index(fault: str, texts: Mapping[str, str | None], index: int) -> str:
    """A fault of one phone, with the index if a text with a placeholder made the field that the fault begins with."""
    text = texts.get(fault.partition(":")[0])
    if text is None or not _parsed(text).varies:
        return fault
    return f'{fault} (index {index} of "{shown_template(text)}")'
