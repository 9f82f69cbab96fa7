"""Which counters begin at 0, before anything has happened: a rate cannot see the first step of one without. Pure.

Who upgrades a PBX asks once, of counters that mostly nobody has raised before. What the configuration names can be
known beforehand; a host to which only a redirect leads cannot. All is bounded, since every agent has these series.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.fields import Mode
from softphone_agent.contract.phone import NEVER, Phone
from softphone_agent.contract.report import PathResult, PathVia
from softphone_agent.phone.directory import Directory, primary, registrar_uri

OUTCOMES = (
    ("accepted", "200"),
    ("redirected", "301"),
    ("redirected", "302"),
    ("challenged", "401"),
    ("challenged", "407"),
    ("rejected", "401"),
    ("rejected", "403"),
    ("rejected", "404"),
    ("rejected", "407"),
    ("rejected", "488"),
    ("rejected", "500"),
    ("rejected", "503"),
    ("unreachable", ""),
)
"""The usual ends of a REGISTER, with their codes."""
REASONS = (
    "PingFailed",
    "TransportClosed",
    "Unreachable",
    "Unavailable",
    "Rejected",
    "Expired",
    "Redirected",
    "FailBack",
)
"""The usual reasons why a binding moves."""
DISCARDS = ("NotSip", "TooLong", "Slow", "TooMany", "Stray")
"""Why messages are thrown away and connections closed."""
SOUNDS = ("Audio", "Silence", "Nothing")
"""What is heard in a call."""
AUDIO = ("Both", "In", "Out", "None")
"""Who hears whom in a test call, as its caller knows it."""
SURVIVALS = ("Untouched", "Rescued", "Lost")
"""What becomes of a test call that is up while a PBX fails."""
PATH_RESULTS: tuple[PathResult, ...] = (
    "Holds",
    "WouldKeep",
    "Unreachable",
    "Refused",
    "Loop",
    "TooManyRedirects",
    "OtherHome",
    "Forbidden",
    "CheckNotSupported",
)
"""What a path check may find."""
MOST_PAIRS = 20
"""So many ways from one PBX to another have series: all of a system of five PBXes."""


def entries(config: AgentConfig) -> list[str]:
    """What metrics call the PBXes that the phones name."""
    directory = Directory.of(config.pbxs)
    return sorted({name for phone in _unlike(config.phones) for name in _named(phone, directory)})


def directions(config: AgentConfig) -> list[str]:
    """Which ways calls may go."""
    answers = any(phone.answer in ("Echo", "Tone") for phone in config.phones) or bool(config.callees)
    return ["In"] * answers + ["Out"] * bool(config.call_checks)


def audio_of(report: CallReport) -> str:
    """Who heard whom: where the other end reports nothing by RTCP, it counts as one that hears."""
    hears, is_heard = report.heard in ("Tone", "Audio"), report.heard_there is not False
    return {(True, True): "Both", (True, False): "In", (False, True): "Out", (False, False): "None"}[hears, is_heard]


def moves(config: AgentConfig) -> list[tuple[str, str]]:
    """The ways that a binding may take, MOST_PAIRS at most: those between PBXes that a phone names first."""
    directory = Directory.of(config.pbxs)
    found: dict[tuple[str, str], int] = {}
    for phone in _unlike(config.phones):
        named, first = _named(phone, directory), primary(phone, directory)
        system = [pbx.name for pbx in config.pbxs if first is not None and pbx.system == first.system]
        for pair in permutations(dict.fromkeys([*named, *system]), 2):
            foreign = len(set(pair) - named)
            found[pair] = min(foreign, found.get(pair, foreign))
    return sorted(found, key=lambda pair: (found[pair], pair))[:MOST_PAIRS]


def paths(config: AgentConfig) -> list[tuple[PathVia, PathResult]]:
    """The ways that phones check, by the entry PBX at which they begin, with the results that a check may have."""
    vias: set[PathVia] = set()
    for phone in config.phones:
        if 0 < phone.registration.path_check_seconds < NEVER:
            launcher: set[PathVia] = {"pri", "sec"} if phone.sec else {"pri"}
            vias |= launcher if phone.mode is Mode.LAUNCHER else {"cur"}
    return [(via, result) for via in sorted(vias) for result in PATH_RESULTS]


def _unlike(phones: Iterable[Phone]) -> Iterable[Phone]:
    """Of the phones that name the same PBXes one: those of a fleet all do."""
    return {(phone.mode, phone.pri, phone.sec, phone.cur, phone.home): phone for phone in phones}.values()


def _named(phone: Phone, directory: Directory) -> set[str]:
    references = (phone.pri, phone.sec, phone.cur, phone.home)
    return {directory.label(registrar_uri(directory.address(each))) for each in references if each}
