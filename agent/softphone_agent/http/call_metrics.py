"""The metrics of calls: names and labels are a contract (docs/metrics.md). Delays have the names of RFC 6076.

Labels are bounded by the configuration: check, sites and PBXes are what it names. No label is of a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as CounterMetric

from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.config import AgentConfig
from softphone_agent.http import births
from softphone_agent.phone.observations import CallableAgain, CallDone, CallTested

_DELAY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
_TALK_BUCKETS = (1, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
_CALLABLE_BUCKETS = (0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 8, 16, 32, 64, 128, 300, 600)
_WHO = ["check", "from_site", "to_site"]


class CallMetrics:
    """`label` gives the label of a PBX."""

    def __init__(self, registry: CollectorRegistry, label: Callable[[str], str]) -> None:
        self._label = label
        self._measured: set[tuple[str, tuple[str, ...]]] = set()
        """The gauges that have series, and the labels of these."""
        self._calls = CounterMetric(
            "softphone_calls",
            "Calls that ended or were refused, by the final answer to INVITE; code is empty where there was none.",
            ["direction", "code"],
            registry=registry,
        )
        self._audio = CounterMetric(
            "softphone_call_audio",
            "Answered calls that ended, by what was heard: Audio, Silence (packets without sound), Nothing.",
            ["direction", "heard"],
            registry=registry,
        )
        self._attempts = CounterMetric(
            "softphone_call_attempts",
            "Test calls by the PBX of the caller and the final answer to INVITE; code is empty where there was none.",
            [*_WHO, "pbx", "code"],
            registry=registry,
        )
        self._checks = CounterMetric(
            "softphone_call_checks",
            "Test calls by result: Passed, Failed. Those after a fail-over count when one has passed.",
            [*_WHO, "result"],
            registry=registry,
        )
        self._ways = CounterMetric(
            "softphone_call_check_audio",
            "Answered test calls by who heard whom: Both, In (only the caller), Out (only the callee, by RTCP), None.",
            [*_WHO, "audio"],
            registry=registry,
        )
        self._request_delay = self._histogram(
            registry,
            "softphone_call_request_delay_seconds",
            "From INVITE to the first answer that is not 100 (RFC 6076: SRD), the challenge included.",
        )
        self._answer = self._histogram(
            registry, "softphone_call_answer_seconds", "From our INVITE to its 200, the challenge included."
        )
        self._disconnect_delay = self._histogram(
            registry, "softphone_call_disconnect_delay_seconds", "From our BYE to its 200 (RFC 6076: SDD)."
        )
        self._duration = self._histogram(
            registry, "softphone_call_duration_seconds", "From 200 to BYE (RFC 6076: SDT).", _TALK_BUCKETS
        )
        self._callable = self._histogram(
            registry,
            "softphone_time_to_callable_seconds",
            "From the loss of a binding to the first test call that was answered with audio both ways.",
            _CALLABLE_BUCKETS,
        )
        self._survived = CounterMetric(
            "softphone_calls_survived",
            "Test calls that were up while a PBX failed, by what became of them: Untouched, Rescued, Lost.",
            ["check", "how"],
            registry=registry,
        )
        self._quality = {
            field: Gauge(f"softphone_call_{name}", words, [*_WHO, "end"], registry=registry)
            for field, name, words in (
                (
                    "mos",
                    "mos",
                    "MOS (ITU-T G.107) of the last test call, by the end that heard; absent until measured.",
                ),
                ("lost_percent", "lost_percent", "Packets that did not come in the last test call, in percent."),
                ("jitter_seconds", "jitter_seconds", "Worst jitter (RFC 3550) in the last test call."),
                ("round_trip_seconds", "round_trip_seconds", "Round trip of RTP by RTCP in the last test call."),
            )
        }

    def _histogram(
        self, registry: CollectorRegistry, name: str, words: str, buckets: tuple[float, ...] = _DELAY_BUCKETS
    ) -> Histogram:
        return Histogram(name, words, ["check", "pbx"], buckets=buckets, registry=registry)

    def configured(self, config: AgentConfig) -> None:
        """Begin with 0 what the configuration lets expect; how calls of checks sounded that are gone is no news."""
        checks = {check.label for check in config.call_checks} | {one.check for one in config.callees}
        for field, labels in {seen for seen in self._measured if seen[1][0] not in checks}:
            self._quality[field].remove(*labels)
            self._measured.remove((field, labels))
        for direction in births.directions(config):
            self._calls.labels(direction, "200")
            for sound in births.SOUNDS:
                self._audio.labels(direction, sound)
        for check in config.call_checks:
            who = (check.label, check.from_site or "", check.to_site or "")
            for result in ("Passed", "Failed"):
                self._checks.labels(*who, result)
            for audio in births.AUDIO:
                self._ways.labels(*who, audio)
            for how in births.SURVIVALS:
                self._survived.labels(check.label, how)

    def observe(self, observation: CallDone | CallTested | CallableAgain) -> None:
        """Count what a worker saw."""
        match observation:
            case CallDone(direction, code, heard):
                self._calls.labels(direction, code).inc()
                if heard:
                    self._audio.labels(direction, heard).inc()
            case CallTested(report, from_site, to_site):
                self._tested(report, (report.check, from_site, to_site))
            case CallableAgain(check, pbx, seconds):
                self._callable.labels(check, self._label(pbx)).observe(seconds)

    def _tested(self, report: CallReport, who: tuple[str, str, str]) -> None:
        if report.heard is not None and not report.own_lateness:
            for field, gauge in self._quality.items():
                value = getattr(report, field)
                if value is not None:
                    labels = (*who, report.end)
                    gauge.labels(*labels).set(value)
                    self._measured.add((field, labels))
        if report.end == "Callee":
            return
        pbx = self._label(report.pbx) if report.pbx else ""
        self._attempts.labels(*who, pbx, str(report.code or "")).inc()
        if report.passed is not None:
            self._checks.labels(*who, "Passed" if report.passed else "Failed").inc()
        if report.heard is not None and not report.after_fail_over:
            self._ways.labels(*who, births.audio_of(report)).inc()
        if report.survived is not None:
            self._survived.labels(report.check, report.survived).inc()
        for histogram, seconds in self._delays(report):
            if seconds is not None:
                histogram.labels(report.check, pbx).observe(seconds)

    def _delays(self, report: CallReport) -> Iterable[tuple[Histogram, float | None]]:
        return (
            (self._request_delay, report.ring_seconds),
            (self._answer, report.answer_seconds),
            (self._disconnect_delay, report.hang_up_seconds),
            (self._duration, report.talk_seconds),
        )
