"""Which PBXes the phones want to be pinged, how often, and in the name of which phone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from softphone_agent.contract.phone import Phone
from softphone_agent.phone.directory import address_of
from softphone_agent.registration.plan import Mode
from softphone_agent.sip.request import TlsFiles
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.running import RunningPhone


@dataclass(slots=True)
class WatchList:
    """By the URI of each registrar: seconds between two pings, the AOR that asks, and files for TLS."""

    seconds: dict[str, float] = field(default_factory=dict)
    aors: dict[str, str] = field(default_factory=dict)
    tls: dict[str, TlsFiles] = field(default_factory=dict)
    """Also of PBXes that nobody pings."""


def watch_list(phones: Iterable[RunningPhone], configured: Configured) -> WatchList:
    """Every PBX that a phone names, is registered at, or may be redirected to within its system, if that has a name.

    Each is pinged in the name of a phone that it knows: one that is registered there, else one that might be.
    """
    seconds_at: dict[str, float] = {}
    bound: dict[str, Phone] = {}
    candidates: dict[str, Phone] = {}
    systems: dict[str, Phone] = {}
    directory, tls = configured.directory, configured.tls_by_registrar()

    def watch(uri: str, seconds: float) -> None:
        seconds_at[uri] = min(seconds, seconds_at.get(uri, seconds))

    for phone in phones:
        seconds = phone.config.registration.ping_seconds
        if seconds <= 0 or phone.removed:
            continue
        plan = phone.state.plan
        system = configured.system(phone.config, plan)
        if system and plan.mode is Mode.LAUNCHER:  # in Browser mode no redirect is followed
            systems.setdefault(system, phone.config)
        for registrar in (plan.pri, plan.sec, plan.cur, plan.home, phone.state.home):
            if registrar is not None:
                watch(registrar.uri, seconds)
                candidates.setdefault(registrar.uri, phone.config)
                tls.setdefault(registrar.uri, configured.tls_files(phone.config, registrar.uri))
        if phone.state.binding is not None:
            uri = phone.state.binding.registrar.uri
            watch(uri, seconds)
            bound.setdefault(uri, phone.config)
            tls.setdefault(uri, configured.tls_files(phone.config, uri))
    fastest = min(seconds_at.values(), default=None)
    if fastest is not None:
        for uri, pbx in directory.by_registrar.items():
            if pbx.system in systems:
                watch(uri, fastest)
                candidates.setdefault(uri, systems[pbx.system])
    callers = {**candidates, **bound}
    aors = {uri: address_of(phone, directory.of_phone(phone), uri) for uri, phone in callers.items()}
    return WatchList(seconds_at, aors, tls)
