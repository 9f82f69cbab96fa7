"""The agent's metrics: names and labels are a contract (docs/metrics.md).

Counters and histograms live in the supervisor, so that they survive a worker. What can be told from the phones'
reports is made from them at scrape time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, Histogram, Info, disable_created_metrics, generate_latest
from prometheus_client import Counter as CounterMetric
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.counting import count_paths
from softphone_agent.contract.phone import Pbx
from softphone_agent.contract.report import GOOD_PATHS, STATES, UNKNOWN_PATHS, PbxReport, PhoneReport
from softphone_agent.http import births
from softphone_agent.http.call_metrics import CallMetrics
from softphone_agent.http.labels import OTHER, Labels
from softphone_agent.phone.directory import Directory, registrar_uri
from softphone_agent.phone.observations import (
    CallableAgain,
    CallDone,
    CallTested,
    Discarded,
    FailoverSeen,
    Observation,
    OutageSeen,
    PathChecked,
    PingSeen,
    RedirectSeen,
    RegisterDone,
    RequestsSeen,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_REGISTER_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
_OUTAGE_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 8, 16, 32, 64, 128, 300, 600, 1800, 3600)


@dataclass
class Picture:
    """What the agent knows of its phones and PBXes at this moment."""

    fleet: str = ""
    phones: dict[str, PhoneReport] = field(default_factory=dict)
    pbxs: dict[str, PbxReport] = field(default_factory=dict)
    expiries: dict[str, float] = field(default_factory=dict)
    """Phone -> Unix time at which its binding ends."""
    per_phone: bool = True
    """Whether each phone has series of its own."""
    known: tuple[Pbx, ...] = ()
    """The PBXes of the configuration."""
    labels: Labels = field(default_factory=Labels)

    def configured(self, config: AgentConfig) -> None:
        """Take over what the configuration says."""
        self.fleet, self.per_phone, self.known = config.fleet, config.metrics.per_phone, config.pbxs
        directory = Directory.of(config.pbxs)
        named = {reference for p in config.phones for reference in (p.pri, p.sec, p.cur, p.home) if reference}
        uris = {registrar_uri(directory.address(reference)) for reference in named}
        self.labels.name({*directory.by_name, *map(directory.label, uris)})


class AgentMetrics:
    """Everything that `/metrics` shows. `picture` is read at every scrape."""

    def __init__(self, picture: Picture, version: str, pjsua_version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._picture = picture
        self.registry = CollectorRegistry()
        self.registry.register(_PictureCollector(picture))
        self._registers = CounterMetric(
            "softphone_register_requests",
            "REGISTERs by outcome: accepted, redirected, challenged, rejected, unreachable.",
            ["pbx", "outcome", "code"],
            registry=self.registry,
        )
        self._durations = Histogram(
            "softphone_register_duration_seconds",
            "From REGISTER to its final answer, the challenge included.",
            ["pbx"],
            buckets=_REGISTER_BUCKETS,
            registry=self.registry,
        )
        self._redirects = CounterMetric(
            "softphone_redirects",
            "Redirects that this PBX sent.",
            ["pbx"],
            registry=self.registry,
        )
        self._failovers = CounterMetric(
            "softphone_failovers",
            "Bindings that moved; the reason is why the old one was lost, Redirected on the way home, or FailBack.",
            ["from", "to", "reason"],
            registry=self.registry,
        )
        self._outages = Histogram(
            "softphone_outage_seconds",
            "From the first request that was not answered to the next registration.",
            buckets=_OUTAGE_BUCKETS,
            registry=self.registry,
        )
        self._path_checks = CounterMetric(
            "softphone_path_checks",
            "Path checks that have ended, by the entry PBX at which the way begins, and what was found.",
            ["via", "result"],
            registry=self.registry,
        )
        self._path_seconds = Histogram(
            "softphone_path_check_seconds",
            "From the beginning of a path check to the end of its way.",
            buckets=_REGISTER_BUCKETS,
            registry=self.registry,
        )
        self._pings = Gauge(
            "softphone_pbx_ping_seconds",
            "Round trip of the last OPTIONS ping that was answered.",
            ["pbx"],
            registry=self.registry,
        )
        self._requests = CounterMetric(
            "softphone_unsolicited_requests",
            "SIP requests of others, by our answer; code is empty where there was none (docs/proof/attackers.md).",
            ["method", "code"],
            registry=self.registry,
        )
        self._discarded = CounterMetric(
            "softphone_sip_discarded",
            "SIP messages thrown away and connections closed: NotSip, TooLong, Slow, TooMany, Stray.",
            ["reason"],
            registry=self.registry,
        )
        self._calls = CallMetrics(self.registry, picture.labels.of)
        self.worker_restarts = CounterMetric(
            "softphone_worker_restarts", "Worker processes that died and were replaced.", registry=self.registry
        )
        self.config_refused = Gauge(
            "softphone_config_refused",
            "1 while a newer configuration is refused and the old one goes on.",
            registry=self.registry,
        )
        build = Info("softphone_agent_build", "1: versions of the agent and of its SIP stack.", registry=self.registry)
        build.info({"version": version, "pjsua": pjsua_version})

    def configured(self, config: AgentConfig) -> None:
        """Take over what the configuration says, and begin with 0 what it lets expect."""
        self._picture.configured(config)
        for reason in births.DISCARDS:
            self._discarded.labels(reason)
        self._calls.configured(config)
        entries = births.entries(config)
        for pbx in {*entries, *(pbx.name for pbx in config.pbxs)}:
            self._redirects.labels(pbx)
            for outcome, code in births.OUTCOMES:
                self._registers.labels(pbx, outcome, code)
        for pbx in entries:
            self._durations.labels(pbx)
        for via, result in births.paths(config):
            self._path_checks.labels(via, result)
        for source, target in births.moves(config):
            for reason in births.REASONS:
                self._failovers.labels(source, target, reason)

    def observe(self, observations: Iterable[Observation]) -> None:
        """Count what a worker saw."""
        label = self._picture.labels.of
        for observation in observations:
            match observation:
                case RegisterDone(pbx, outcome, code, seconds):
                    self._registers.labels(label(pbx), outcome, code).inc()
                    if seconds is not None:
                        self._durations.labels(label(pbx)).observe(seconds)
                case RedirectSeen(pbx):
                    self._redirects.labels(label(pbx)).inc()
                case FailoverSeen(source, target, reason):
                    self._failovers.labels(label(source), label(target), reason).inc()
                case OutageSeen(seconds):
                    self._outages.observe(seconds)
                case PathChecked(via, result, seconds):
                    self._path_checks.labels(via, result).inc()
                    self._path_seconds.observe(seconds)
                case PingSeen(pbx, seconds):
                    if label(pbx) != OTHER:
                        self._pings.labels(pbx).set(seconds)
                case RequestsSeen(method, code, number):
                    self._requests.labels(method, code).inc(number)
                case CallDone() | CallTested() | CallableAgain():
                    self._calls.observe(observation)
                case Discarded(reason, number):
                    self._discarded.labels(reason).inc(number)

    def forget_pbx(self, name: str) -> None:
        """Nobody pings this PBX any more: how long the last ping took is no news of it."""
        self._pings.remove(name)

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return _series_of_phones(self._picture).encode() + generate_latest(self.registry)


def _head(name: str, description: str) -> str:
    """What stands before the series of a gauge."""
    return f"# HELP {name} {description}\n# TYPE {name} gauge\n"


_REGISTERED = _head("softphone_registered", "1 while the phone has a valid binding.")
_INFO = _head("softphone_registration_info", "1: where a registered phone is, and how it came there.")
_EXPIRY = _head(
    "softphone_registration_expiry_timestamp_seconds", "Unix time at which the binding ends unless it is refreshed."
)


def _series_of_phones(picture: Picture) -> str:
    """The series that each phone has of its own, as text: for thousands the library takes ten times as long."""
    if not picture.per_phone:
        return ""
    registered, info, expiry = [_REGISTERED], [_INFO], [_EXPIRY]
    fleet = _escaped(picture.fleet)
    for phone in picture.phones.values():
        name = _escaped(phone.name)
        registered.append(f'softphone_registered{{fleet="{fleet}",softphone="{name}"}} {phone.registered:d}\n')
        if phone.registered:
            pbx = picture.labels.of(phone.pbx or "")
            where = f'location="{_escaped(phone.physical_location)}",pbx="{_escaped(pbx)}"'
            how = f'role="{phone.role or ""}",softphone="{name}",via="{phone.via or ""}"'
            info.append(f"softphone_registration_info{{{where},{how}}} 1\n")
        if until := picture.expiries.get(phone.name):
            expiry.append(f'softphone_registration_expiry_timestamp_seconds{{softphone="{name}"}} {until:.3f}\n')
    return "".join([*registered, *info, *expiry])


def _escaped(value: str | None) -> str:
    """A label's value as the text format wants it."""
    if not value:
        return ""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


class _PictureCollector(Collector):
    """Gauges told from the reports."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        phones = self._picture.phones.values()
        pbxs = [pbx for pbx in self._picture.pbxs.values() if self._picture.labels.of(pbx.name) != OTHER]
        yield from (self._states(phones), self._places(phones), self._reachable(pbxs), self._systems())
        yield from (self._path_ok(phones), self._paths(phones), self._certificates(pbxs))

    def _states(self, phones: Iterable[PhoneReport]) -> Metric:
        states = GaugeMetricFamily("softphones", "Phones by state.", labels=["fleet", "state"])
        count = Counter(phone.state for phone in phones)
        for state in STATES:
            states.add_metric([self._picture.fleet, state], float(count[state]))
        return states

    def _places(self, phones: Iterable[PhoneReport]) -> Metric:
        """What softphone_registration_info tells of each phone, as counts: it stays small with thousands of them."""
        places = GaugeMetricFamily(
            "softphone_registrations",
            "Registered phones by where they are.",
            labels=["fleet", "pbx", "role", "location"],
        )
        label = self._picture.labels.of
        count = Counter((label(p.pbx or ""), p.role or "", p.physical_location or "") for p in phones if p.registered)
        for place, number in sorted(count.items()):
            places.add_metric([self._picture.fleet, *place], float(number))
        return places

    def _systems(self) -> Metric:
        systems = GaugeMetricFamily(
            "softphone_pbx_info",
            "1: the PBXes that the agent knows, and of which system they are.",
            labels=["pbx", "system", "location"],
        )
        for pbx in self._picture.known:
            systems.add_metric([pbx.name, pbx.system, pbx.location or pbx.name], 1.0)
        return systems

    def _reachable(self, pbxs: Iterable[PbxReport]) -> Metric:
        reachable = GaugeMetricFamily("softphone_pbx_reachable", "1 while the PBX answers this agent.", labels=["pbx"])
        for pbx in pbxs:
            if pbx.reachable is not None:
                reachable.add_metric([pbx.name], float(pbx.reachable))
        return reachable

    def _certificates(self, pbxs: Iterable[PbxReport]) -> Metric:
        expiries = GaugeMetricFamily(
            "softphone_pbx_certificate_expiry_timestamp_seconds",
            "Unix time at which the certificate ends that the PBX showed when it was connected to last; TLS only.",
            labels=["pbx"],
        )
        for pbx in pbxs:
            if pbx.certificate_expires is not None:
                expiries.add_metric([pbx.name], datetime.fromisoformat(pbx.certificate_expires).timestamp())
        return expiries

    def _path_ok(self, phones: Iterable[PhoneReport]) -> Metric:
        """Of a fleet one series for each entry PBX: its phones share their ways."""
        ok = GaugeMetricFamily(
            "softphone_path_ok",
            "1 while the way from this entry PBX leads to a PBX that holds or would keep the phone, 0 while not, "
            "absent while unknown. Of a fleet: 0 while it does not for one phone; softphone is empty.",
            labels=["fleet", "softphone", "via"],
        )
        fleet, found = self._picture.fleet, dict[tuple[str, str], bool]()
        for phone in phones if fleet or self._picture.per_phone else ():
            for path in phone.paths:
                if path.result not in UNKNOWN_PATHS:
                    series = ("" if fleet else phone.name, path.via)
                    found[series] = found.get(series, True) and path.result in GOOD_PATHS
        for (name, via), is_ok in found.items():
            ok.add_metric([fleet, name, via], float(is_ok))
        return ok

    def _paths(self, phones: Iterable[PhoneReport]) -> Metric:
        paths = GaugeMetricFamily(
            "softphone_paths",
            "Ways of the phones that check theirs, by the entry PBX at which they begin and by what was found.",
            labels=["fleet", "via", "result"],
        )
        for counts in count_paths(path for phone in phones for path in phone.paths):
            for result, number in counts.results.items():
                paths.add_metric([self._picture.fleet, counts.via, result], float(number))
        return paths
