"""Reads the configuration file: JSON or YAML text becomes an AgentConfig, or faults."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract.config import AgentConfig, used_twice
from softphone_agent.contract.config_faults import ConfigFaults, fault_messages
from softphone_agent.contract.fleet import (
    MAX_PHONES,
    MAX_TOLD,
    checks_paths,
    phone_at,
    phone_of_fleet,
    without_path_checks,
)
from softphone_agent.contract.yaml_text import YamlFault, documents, text_of

MAX_FILE_BYTES = 16 * 1024 * 1024


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
        asks, rests = fleet.template, without_path_checks(fleet.template)
        for index in range(fleet.first_index, fleet.first_index + fleet.count):
            try:
                template = asks if checks_paths(fleet, index) else rests
                phones.append(phone_at(template, phone_of_fleet(fleet.name or config.fleet, index), index, known))
            except ConfigFaults as refused:
                faults += [f"fleets[{number}].template.{fault}" for fault in refused.faults]
                wrong += 1
            if wrong == MAX_TOLD:
                break
    faults += [f'phones: the name "{name}" is used twice' for name in used_twice(phone.name for phone in phones)]
    if faults:
        raise ConfigFaults(list(dict.fromkeys(faults)))
    return config.model_copy(update={"phones": tuple(phones), "fleets": ()})


def _data(text: str) -> object:
    """What a JSON or YAML text holds. Raises ConfigFaults, with line and column."""
    if text.lstrip().startswith("{"):
        try:
            # What the operator writes, and quicker by far. Of a faulty one YAML says where.
            return json.loads(text, object_pairs_hook=_each_once)
        except (ValueError, RecursionError):
            pass
    try:
        first, more = (*documents(text, each_key_once=True), None, None)[:2]
    except YamlFault as fault:
        raise ConfigFaults([_placed(fault)]) from None
    if more is not None:
        raise ConfigFaults([f"line {more.line}: is a second document, and a configuration is one"])
    return first.value if first else None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises ValueError where a key is there twice, of which one value would be lost."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key is there twice")
    return made


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
