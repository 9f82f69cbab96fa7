"""What is wrong with a configuration, in messages that begin with the field."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from softphone_agent.contract import sip_uri
from softphone_agent.contract.fields import LONGEST_SHOWN, PATTERN_WORDS


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
