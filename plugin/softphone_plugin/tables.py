"""Tables of users, as spreadsheets write them: CSV with comma, semicolon or tab, in the encodings of Excel. Pure."""

from __future__ import annotations

import codecs
import csv
import io
import re
import shlex
from collections.abc import Mapping, Set
from dataclasses import dataclass

from softphone_agent.contract import sip_uri
from softphone_plugin.importing import ImportFault, Maker, User, aor_of

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "aor": ("aor", "address", "sipaddress", "sipuri"),
    "user": ("user", "sip", "sipname", "extension", "hardwareid", "hwid"),
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


_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_SEPARATOR = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)
"""A line by which Excel is told the separator."""


def decoded(file: str, data: bytes, maker: Maker) -> str:
    """The text of a table: UTF-8, UTF-16 with its mark, else Windows-1252, which is noted. Raises ImportFault."""
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    body = data[len(mark) :]
    encoding = _MARKS.get(mark, "utf-8")
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        if mark:
            raise ImportFault(file, f"begins as {encoding[:6].upper().rstrip('-')}, and is not") from None
        text = _of_windows(file, body)
        maker.notes.append(f"{file} is not UTF-8, and read as Windows-1252, which Excel writes")
    if "\0" in text:
        raise ImportFault(file, "holds NUL characters: is it UTF-16 without its mark? Save it as UTF-8")
    return text


def _of_windows(file: str, data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ImportFault(f"{file}:{line}", "is neither UTF-8 nor Windows-1252") from None


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


def read(file: str, text: str, defaults: Defaults, maker: Maker, left_out: Set[str] = frozenset()) -> Outcome:
    """Give every user of a table to the maker. Raises ImportFault where the table as a whole cannot be read.

    `left_out` are headings of columns that are passed over.
    """
    told = _SEPARATOR.match(text)
    before = 1 if told else 0
    text = text[told.end() :] if told else text
    first = text.partition("\n")[0]
    separator = told[1] if told else max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    faults: list[str] = []
    count, line = 0, before + 1
    try:
        heading = next(rows, [])
        fields = _fields(heading, {_plain(name) for name in left_out}, f"{file}:{line}")
        line = before + rows.line_num + 1
        for cells in rows:
            at, line = line, before + rows.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            try:
                maker.add(_user(cells, fields, heading, defaults), f"{file}:{at}")
            except ImportFault as fault:
                faults.append(f"{file}:{at}: {fault}")
    except csv.Error as error:
        raise ImportFault(f"{file}:{line}", f"is no CSV: {error}") from None
    return Outcome(count, faults)


def _plain(heading: str) -> str:
    """A heading as it is compared."""
    return re.sub(r"[\s_-]", "", heading).lower()


def _fields(heading: list[str], left_out: Set[str], where: str) -> dict[str, int]:
    """Which column is what. Raises ImportFault; cells are not shown, since a table without heading begins with one."""
    by_heading = {name: field for field, names in COLUMNS.items() for name in names}
    fields: dict[str, int] = {}
    strange = []
    for number, cell in enumerate(heading):
        if (plain := _plain(cell)) in left_out or not plain:
            continue
        field = by_heading.get(plain)
        if field is None:
            strange.append(cell.strip())
        elif field in fields:
            raise ImportFault(f"{where}: {field}", f"has two columns: {fields[field] + 1} and {number + 1}")
        else:
            fields[field] = number
    if not {"aor", "user"} & set(fields):
        raise ImportFault(where, f"is no heading: it needs aor or user, and may have {', '.join(COLUMNS)}")
    if strange:
        told = " and ".join(f'"{sip_uri.printable(name)}"' for name in strange)
        are = f"the column{'s' if strange[1:] else ''} {told} {'are' if strange[1:] else 'is'}"
        hint = " ".join(f"--leave-out {shlex.quote(name)}" for name in strange)
        raise ImportFault(where, f"{are} not known; known are {', '.join(COLUMNS)}; {hint} passes over")
    return fields


def _user(cells: list[str], fields: Mapping[str, int], heading: list[str], defaults: Defaults) -> User:
    if len(cells) > len(heading):
        told = f"has {len(cells)} cells, and the heading has {len(heading)}"
        raise ImportFault("", f"{told}: a separator in a cell needs quotes")
    for number, (name, value) in enumerate(zip(heading, cells, strict=False)):
        if not name.strip() and value.strip():
            raise ImportFault("", f"has a cell in column {number + 1}, which has no heading")
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
    user, domain = aor_of(cell.get("user", "")).partition(":"), cell.get("domain", "")
    scheme, name = user[0], user[2]
    if not name:
        raise ImportFault("aor" if "aor" in cell else "user", "is empty")
    of_user = name.rpartition("@")[2] if "@" in name else ""
    if of_user and domain and of_user.lower() != domain.lower():
        raise ImportFault("domain", f'"{domain}" is another one than that of the user, "{name}"')
    domain = domain or defaults.domain
    if of_user:
        return f"{scheme}:{name}"
    if not domain:
        raise ImportFault("domain", "is not told: give a column domain, or --domain")
    return f"{scheme}:{name}@{domain}"
