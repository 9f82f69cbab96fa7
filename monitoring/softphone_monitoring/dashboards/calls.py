"""Calls: who can call whom, from site to site, and how it sounds."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring.dashboards import parts
from softphone_monitoring.dashboards.parts import HERE, MORE_IS_BETTER, NONE_IS_BEST, Query
from softphone_monitoring.recordings import OF_PAIRS

_OF = 'check_namespace=~"$namespace",check=~"$check"'
_OUT = f'{HERE},direction="Out"'


def _pairs(by: str, state: str = "") -> str:
    """Pairs by their last calls; the operators of one release tell the same."""
    chosen = f'{_OF},state="{state}"' if state else _OF
    told = f"max by ({OF_PAIRS}) (softphone_operator_call_pairs{{{chosen}}})"
    return f"sum by ({by}) ({told})" if by else f"sum({told})"


def _share(by: str) -> str:
    """The share of pairs whose last call was as expected."""
    whole = _pairs(by)
    return f"({_pairs(by, 'passing')} or 0 * {whole}) / {whole}"


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
                f'(sum(increase(softphone_calls_total{{{_OUT},code="200"}}[$__range])) or vector(0))'
                f' / (sum(increase(softphone_calls_total{{{_OUT},code!~"3.."}}[$__range])) > 0)',
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
                "Calls by final answer",
                Query(
                    f"sum by (code) ({parts.grown(f'softphone_calls_total{{{_OUT}}}', '$__rate_interval')})",
                    "{{code}}",
                ),
                words="Calls that agents made, by the final answer to INVITE; without a code: there was none.",
                stacked=True,
            ),
            parts.lines(
                "What was heard",
                Query(
                    "sum by (direction, heard) ("
                    + parts.grown(f"softphone_call_audio_total{{{HERE}}}", "$__rate_interval")
                    + ")",
                    "{{direction}}: {{heard}}",
                ),
                words="Answered calls by what each end heard.",
                stacked=True,
            ),
            parts.lines(
                "Time to the answer",
                Query(parts.quantile(0.5, "softphone_call_answer_seconds", HERE, "$__rate_interval"), "median"),
                Query(parts.quantile(0.99, "softphone_call_answer_seconds", HERE, "$__rate_interval"), "p99"),
                words="From INVITE to 200, where phones of ours called.",
                unit="s",
            ),
            parts.lines(
                "Test calls by result",
                Query(
                    "sum by (check, result) ("
                    + parts.grown(f'softphone_call_checks_total{{{HERE},check=~"$check"}}', "$__rate_interval")
                    + ")",
                    "{{check}}: {{result}}",
                ),
                words="By what the caller's end alone knows; the pairs above know both ends.",
                stacked=True,
            ),
        ],
        [parts.failovers()],
    )
