"""Calls: who can call whom, from site to site, and how it sounds."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring.dashboards import parts
from softphone_monitoring.dashboards.parts import HERE, MORE_IS_BETTER, NONE_IS_BEST, Query
from softphone_monitoring.recordings import OF_PAIRS

_OF = 'check_namespace=~"$namespace",check=~"$check"'
_CHECKS = f'{HERE},check=~"$check"'
_QUALITY = "max by (from_site, to_site, end) (%s)"
"""Of the last call of each pair of sites, the worst; MOS is the other way round."""


def _pairs(by: str, state: str = "") -> str:
    """Pairs by their last calls; the operators of one release tell the same."""
    chosen = f'{_OF},state="{state}"' if state else _OF
    told = f"max by ({OF_PAIRS}) (softphone_operator_call_pairs{{{chosen}}})"
    return f"sum by ({by}) ({told})" if by else f"sum({told})"


def _share(by: str) -> str:
    """The share of pairs whose last call was as expected."""
    whole = _pairs(by)
    return f"({_pairs(by, 'passing')} or 0 * {whole}) / {whole}"


_ENDS = "{{from_site}} to {{to_site}}: {{end}}"


def _grown(by: str, counter: str) -> str:
    """By how much a counter of test calls has grown."""
    return f"sum by ({by}) ({parts.grown(f'{counter}{{{_CHECKS}}}', '$__rate_interval')})"


def _quantile(share: float, histogram: str) -> str:
    return parts.quantile(share, histogram, _CHECKS, "$__rate_interval")


def dashboard() -> Dashboard:
    """The CallChecks of the namespaces that are chosen."""
    return parts.board(
        "softphone-calls",
        "Softphones / Calls",
        "Test calls between phones: who can call whom, how long until a call is answered, and who hears whom.",
        [
            parts.NAMESPACES,
            parts.choice(
                "check",
                "Check",
                'label_values(softphone_operator_call_pairs{check_namespace=~"$namespace"}, check)',
            ),
        ],
        [
            parts.number(
                "Pairs that pass",
                _share(""),
                "Share of the pairs of phones whose last call was as expected.",
                unit="percentunit",
                steps=MORE_IS_BETTER,
                span=6,
            ),
            parts.number(
                "Pairs that fail",
                f"{_pairs('', 'failing')} or vector(0)",
                "Pairs whose last call was not as expected.",
                steps=NONE_IS_BEST,
                span=6,
            ),
            parts.number(
                "Fail since a fail-over",
                f"sum(max by ({OF_PAIRS})"
                f' (softphone_operator_call_pairs{{{_OF},state="failing",after_fail_over="true"}})) or vector(0)',
                "Pairs of which a phone has moved to another PBX, and whose calls fail there.",
                steps=NONE_IS_BEST,
                span=6,
            ),
            parts.number(
                "Calls answered",
                f'(sum(increase(softphone_call_attempts_total{{{_CHECKS},code="200"}}[$__range])) or vector(0))'
                f' / (sum(increase(softphone_call_attempts_total{{{_CHECKS},code!~"3.."}}[$__range])) > 0)',
                "Session establishment ratio (RFC 6076): calls that were answered, of those that were not redirected.",
                unit="percentunit",
                steps=MORE_IS_BETTER,
                span=6,
            ),
            parts.matrix(
                "From site to site",
                Query(_share("from_site, to_site")),
                "from_site",
                "to_site",
                "Who can call whom: the share of pairs that pass, the caller's site on the left.",
            ),
            parts.rows(
                "What fails",
                Query(
                    _pairs("check_namespace, check, from_site, to_site, reason", "failing"),
                ),
                ("check_namespace", "check", "from_site", "to_site", "reason"),
                "The reasons are those of the condition Passing; kubectl get cc -o wide has the worst pair in words.",
                value="pairs",
            ),
            parts.lines(
                "Pairs by their last call",
                Query(_pairs("state"), "{{state}}"),
                words="Unknown: there was no call yet, or none for three intervals.",
                stacked=True,
            ),
            parts.lines(
                "Failing pairs by reason",
                Query(_pairs("reason", "failing"), "{{reason}}"),
                words="Why calls are not as expected.",
                stacked=True,
            ),
            parts.lines(
                "Time to callable",
                Query(_quantile(0.5, "softphone_time_to_callable_seconds"), "median"),
                Query(_quantile(1, "softphone_time_to_callable_seconds"), "worst"),
                words="After a fail-over: from the loss of a binding to the first call with audio both ways.",
                unit="s",
            ),
            parts.lines(
                "Calls up while a PBX failed",
                Query(_grown("how", "softphone_calls_survived_total"), "{{how}}"),
                words="Untouched: they went on. Rescued: made anew by another PBX. Lost: neither.",
                stacked=True,
            ),
            parts.lines(
                "Test calls by final answer",
                Query(_grown("pbx, code", "softphone_call_attempts_total"), "{{pbx}} {{code}}"),
                words="By the PBX of the caller and the final answer to INVITE; without a code: there was none.",
                stacked=True,
            ),
            parts.lines(
                "Test calls by result",
                Query(_grown("check, result", "softphone_call_checks_total"), "{{check}}: {{result}}"),
                words="By what the caller's end alone knows; the pairs above know both ends.",
                stacked=True,
            ),
            parts.lines(
                "Who heard whom",
                Query(_grown("audio", "softphone_call_check_audio_total"), "{{audio}}"),
                words="Answered test calls. In: only the caller heard something; Out: only the callee.",
                stacked=True,
            ),
            parts.lines(
                "Delays",
                *(
                    Query(_quantile(0.99, f"softphone_call_{name}_seconds"), words)
                    for name, words in (
                        ("request_delay", "to the first answer (SRD)"),
                        ("answer", "to 200"),
                        ("disconnect_delay", "from BYE to its 200 (SDD)"),
                    )
                ),
                words="The 99th percentiles of RFC 6076's delays.",
                unit="s",
            ),
            parts.lines(
                "Quality (MOS)",
                Query(f"min by (from_site, to_site, end) (softphone_call_mos{{{_CHECKS}}})", _ENDS),
                words="Of the last call, by the end that heard: 4.4 is as good as G.711 can be (ITU-T G.107).",
                highest=5,
            ),
            parts.lines(
                "Loss",
                Query(_QUALITY % f"softphone_call_lost_percent{{{_CHECKS}}}", _ENDS),
                words="Packets of the last call that did not come, by the end that missed them.",
                unit="percent",
            ),
            parts.lines(
                "Jitter",
                Query(_QUALITY % f"softphone_call_jitter_seconds{{{_CHECKS}}}", _ENDS),
                words="Of the last call (RFC 3550), by the end that heard.",
                unit="s",
            ),
            parts.lines(
                "Round trip",
                Query(_QUALITY % f"softphone_call_round_trip_seconds{{{_CHECKS}}}", _ENDS),
                words="Of the last call, by RTCP.",
                unit="s",
            ),
            parts.lines(
                "How long calls lasted",
                Query(_quantile(0.5, "softphone_call_duration_seconds"), "median"),
                words="From 200 to BYE (RFC 6076: SDT). Shorter than holdSeconds: calls end before their time.",
                unit="s",
            ),
            parts.lines(
                "All calls of these agents",
                Query(
                    "sum by (direction, code) ("
                    + parts.grown(f"softphone_calls_total{{{HERE}}}", "$__rate_interval")
                    + ")",
                    "{{direction}} {{code}}",
                ),
                Query(
                    "sum by (direction, heard) ("
                    + parts.grown(f"softphone_call_audio_total{{{HERE}}}", "$__rate_interval")
                    + ")",
                    "{{direction}}: {{heard}}",
                ),
                words="Also those of others that phones with answer: Echo or Tone take, by final answer and by sound.",
            ),
        ],
        [parts.failovers()],
    )
