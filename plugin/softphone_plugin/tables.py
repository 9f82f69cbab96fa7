"""Tables of users, as spreadsheets write them: CSV with comma, semicolon or tab. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from softphone_plugin.importing import ImportFault, Maker, User, aor_of

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "aor": ("aor", "address", "sipaddress", "sipuri"),
    "user": ("user", "sip", "sipname", "extension"),
    "domain": ("domain",),
    "name": ("name", "object"),
    "password": ("password", "pwd", "pw"),
    "username": ("username", "authname", "authuser"),
    "mode": ("mode",),
    "pri": ("pri", "primary", "primarypbx"),
    "sec": ("sec", "secondary", "secondarypbx"),
    "cur": ("cur", "current", "currentpbx"),
    "home": ("home", "homepbx"),
    "phys": ("phys", "location", "physicallocation"),
}
"""The columns that are understood, each with the headings that it may have; case, blanks, - and _ do not matter."""
MODES = {"": "", "launcher": "Launcher", "browser": "Browser"}


@dataclass(frozen=True)
class Defaults:
    """What counts where a row says nothing."""

    domain: str = ""
    pri: str = ""
    sec: str = ""
    mode: str = "Launcher"


@dataclass(frozen=True)
class Outcome:
    """How it went. `faults` name the line and the field of every row that was left out."""

    rows: int
    faults: list[str]


def read(file: str, text: str, defaults: Defaults, maker: Maker) -> Outcome:
    """Give every user of a table to the maker. Raises ImportFault where the table as a whole cannot be read."""
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    faults: list[str] = []
    count, line = 0, 1
    try:
        heading = next(rows, [])
        fields = _fields(heading, maker)
        line = rows.line_num + 1
        for cells in rows:
            at, line = line, rows.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            try:
                maker.add(_user(cells, fields, len(heading), defaults), f"{file}:{at}")
            except ImportFault as fault:
                faults.append(f"{file}:{at}: {fault}")
    except csv.Error as error:
        raise ImportFault(f"{file}:{line}", f"is no CSV: {error}") from None
    return Outcome(count, faults)


def _fields(heading: list[str], maker: Maker) -> dict[str, int]:
    """Which column is what. Raises ImportFault; cells are not shown, since a table without heading begins with one."""
    by_heading = {name: field for field, names in COLUMNS.items() for name in names}
    fields: dict[str, int] = {}
    strange = []
    for number, cell in enumerate(heading):
        field = by_heading.get(re.sub(r"[\s_-]", "", cell).lower())
        if field is None:
            strange.append(number)
        elif field in fields:
            raise ImportFault(field, f"has two columns: {fields[field] + 1} and {number + 1}")
        else:
            fields[field] = number
    if not {"aor", "user"} & set(fields):
        raise ImportFault("", f"line 1 is no heading: it needs aor or user, and may have {', '.join(COLUMNS)}")
    for number in strange:
        maker.notes.append(f'the column "{heading[number].strip()}" is not known, and left out')
    return fields


def _user(cells: list[str], fields: Mapping[str, int], width: int, defaults: Defaults) -> User:
    if len(cells) > width:
        told = f"has {len(cells)} cells, and the heading has {width}"
        raise ImportFault("", f"{told}: a separator in a cell needs quotes")
    cell = {field: cells[number].strip() if number < len(cells) else "" for field, number in fields.items()}
    mode = MODES.get(cell.get("mode", "").lower())
    if mode is None:
        raise ImportFault("mode", f'"{cell["mode"]}" is neither Launcher nor Browser')
    mode = mode or defaults.mode
    password = None
    if "password" in fields:
        # As it is: blanks may be meant.
        password = cells[fields["password"]] if fields["password"] < len(cells) else ""
        if not password:
            raise ImportFault("password", "is empty")
    taken = ("cur",) if mode == "Browser" else ("pri", "sec")
    entries = {name: cell.get(name) or getattr(defaults, name, "") for name in taken}
    more = {name: cell.get(name, "") for name in ("home", "phys", "name", "username")}
    return User(aor=_aor(cell, defaults), mode=mode, password=password, **entries, **more)


def _aor(cell: Mapping[str, str], defaults: Defaults) -> str:
    if cell.get("aor"):
        return aor_of(cell["aor"])
    user, domain = cell.get("user", ""), cell.get("domain") or defaults.domain
    if not user:
        raise ImportFault("aor" if "aor" in cell else "user", "is empty")
    if "@" in user:
        return f"sip:{user}"
    if not domain:
        raise ImportFault("domain", "is not told: give a column domain, or --domain")
    return f"sip:{user}@{domain}"
