"""Recording rules: series that are calculated ahead of time, for alerts, dashboards and people's own queries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that is calculated ahead of time. Its name is LEVEL:METRIC:OPERATION, as Prometheus' manual has it."""

    name: str
    expr: str
    seldom: bool = False
    """Whether it is calculated every quarter of an hour only: it looks far back."""


# Phones that want a binding.
WANTED = 'softphones{state!~"Suspended|Stopped|Unregistering"}'

FLEET_RATIO = "namespace_fleet:softphone_registered:ratio"
WHOLE_FLEET_RATIO = "namespace_fleet:softphone_operator_fleet_phones:ratio"
PBX_REACHABLE = "namespace_pbx:softphone_pbx_reachable:max"
SYSTEM_REACHABLE = "namespace_system:softphone_pbx_reachable:max"
PBX_PHONES = "namespace_pbx_role:softphone_registrations:sum"
PATH_OK = "namespace_fleet_softphone_via:softphone_path_ok:min"

# An agent that was restarted knows nothing yet. What was bad stays bad until it does, as long as the thing is there.
KNOWN_PBXES = "last_over_time(softphone_pbx_info[10m])"
_WAY = "namespace, fleet, softphone, via"


def _by_agent(series: str) -> str:
    """The series with the label `agent`: of an agent's pods the name without what each has of its own."""
    return f'label_replace({series}, "agent", "$1", "pod", "(.+?)(-[a-z0-9]+-[a-z0-9]{{5}})?")'


def by_status(state: str) -> str:
    """Phones of each fleet as its status has them, under the labels of the agents' own series."""
    told = f'max by (fleet_namespace, fleet) (softphone_operator_fleet_phones{{state="{state}"}})'
    return f'max by (namespace, fleet) (label_replace({told}, "namespace", "$1", "fleet_namespace", "(.*)"))'


PAIR = "namespace, check, from_site, to_site"
OF_PAIRS = "check_namespace, check, from_site, to_site, state, reason, after_fail_over"


def pairs(matchers: str, by: str = PAIR) -> str:
    """Pairs of CallChecks by their last calls, under the labels that agents' series have; each counted once."""
    told = f"max by ({OF_PAIRS}) (softphone_operator_call_pairs{{{matchers}}})"
    return f'sum by ({by}) (label_replace({told}, "namespace", "$1", "check_namespace", "(.*)"))'


_CALLS_WINDOW = "1h"


def _attempts(codes: str) -> str:
    """Test calls that ended within the window, by the codes of their final answers."""
    each = f"increase(softphone_call_attempts_total{{{codes}}}[{_CALLS_WINDOW}])"
    return f"sum by (namespace, check) (max by (namespace, pod, check, from_site, to_site, pbx, code) ({each}))"


def _share(part: str, of: str) -> str:
    """The share of the part in the whole; 0 where there is none of the part."""
    return f"({part} or 0 * {of}) / ({of} > 0)"


_ALL, _NOT_REDIRECTED = _attempts(""), _attempts('code!~"3.."')
"""RFC 6076 takes what is redirected out of SER and SEER. A call without any final answer has an empty code."""
_COMPLETED = (
    "sum by (namespace, check) (max by (namespace, pod, check, pbx)"
    f" (increase(softphone_call_disconnect_delay_seconds_count[{_CALLS_WINDOW}])))"
)
CALL_SHARES = {
    "namespace_check:softphone_call_attempts:ser1h": _share(_attempts('code="200"'), _NOT_REDIRECTED),
    "namespace_check:softphone_call_attempts:seer1h": _share(_attempts('code=~"200|480|486|600|603"'), _NOT_REDIRECTED),
    "namespace_check:softphone_call_attempts:isa1h": _share(_attempts('code=~"|408|500|503|504"'), _ALL),
    "namespace_check:softphone_call_attempts:scr1h": _share(_COMPLETED, _ALL),
}
"""As shares: session establishment ratio, session establishment effectiveness ratio, ineffective session attempts, and
session completion ratio (RFC 6076, 4.6 to 4.9)."""

_OF_NOW = (
    Recording("namespace_fleet:softphones_wanted:sum", f"sum by (namespace, fleet) ({WANTED})"),
    Recording(
        "namespace_fleet:softphone_registrations:sum",
        # Without a single registration there is no series to add up.
        "sum by (namespace, fleet) (softphone_registrations) or 0 * namespace_fleet:softphones_wanted:sum",
    ),
    Recording(
        FLEET_RATIO,
        "namespace_fleet:softphone_registrations:sum / (namespace_fleet:softphones_wanted:sum > 0)",
    ),
    Recording(
        # By the fleet's status: unlike the agents' own series it knows of phones whose agent is not there.
        WHOLE_FLEET_RATIO,
        by_status("registered") + f" / ({by_status('replicas')} > 0)",
    ),
    Recording(PBX_PHONES, "sum by (namespace, pbx, role) (softphone_registrations)"),
    Recording(
        PBX_REACHABLE,
        "max by (namespace, pbx) (softphone_pbx_reachable)"
        " or (max by (namespace, pbx) (last_over_time(softphone_pbx_reachable[15m])) == 0)"
        f" and on (namespace, pbx) max by (namespace, pbx) ({KNOWN_PBXES})",
    ),
    Recording(
        SYSTEM_REACHABLE,
        # Whoever scrapes an agent twice has two series of each: both sides are made one, or they would not match.
        "max by (namespace, system) ("
        'max by (namespace, pbx, system) (last_over_time(softphone_pbx_info{system!=""}[10m]))'
        f" * on (namespace, pbx) group_left () {PBX_REACHABLE})",
    ),
    Recording(
        PATH_OK,
        f"min by ({_WAY}) (min by ({_WAY}, agent) ({_by_agent('softphone_path_ok')})"
        f" or (min by ({_WAY}, agent) ({_by_agent('last_over_time(softphone_path_ok[1h])')}) == 0)"
        f" and on (namespace, agent) {_by_agent('last_over_time(softphones[10m])')})",
    ),
    *(Recording(name, expr) for name, expr in CALL_SHARES.items()),
)

# Of how long phones were registered. A phone whose agent is gone counts as not registered, for an hour at most: then it
# is taken for deleted. What is suspended does not count.
_SUSPENDED = 'softphones{state="Suspended"} > 0'
_PHONES_NOW = f'softphone_registered{{fleet=""}} unless on (namespace, pod) {_SUSPENDED}'
_PHONES_KNOWN = f'last_over_time(softphone_registered{{fleet=""}}[1h]) unless on (namespace, pod) {_SUSPENDED}'
_AGENTS_SYSTEM = 'max by (namespace, pod, system) (softphone_pbx_info{system!=""})'
# The system of an agent that knows one. Of two nobody can say which of them a phone lacks.
ITS_SYSTEM = f"({_AGENTS_SYSTEM} unless on (namespace, pod) count by (namespace, pod) ({_AGENTS_SYSTEM}) > 1)"
PHONE_SHARE = "namespace_softphone:softphone_registered:avg15m"
FLEET_SHARE = "namespace_fleet:softphone_registered:avg15m"
SYSTEM_SHARE = "namespace_system:softphone_registered:avg15m"
PBX_SHARE = "namespace_pbx:softphone_pbx_reachable:avg15m"
PBX_HELD = "namespace_pbx:softphone_registrations:avg15m"
PHONE_MONTH = "namespace_softphone:softphone_registered:avg30d"
FLEET_MONTH = "namespace_fleet:softphone_registered:avg30d"
SYSTEM_MONTH = "namespace_system:softphone_registered:avg30d"
PBX_MONTH = "namespace_pbx:softphone_pbx_reachable:avg30d"
PBX_HELD_MONTH = "namespace_pbx:softphone_registrations:avg30d"
"""Phones that a PBX held on average: times the seconds of 30 days, the registered seconds that it gave."""


def _of_system(of_agents: str) -> str:
    """Phones of agents, by the system that the agents know."""
    by_agent = f"sum by (namespace, pod) (max by (namespace, pod, state) ({of_agents}))"
    return f"sum by (namespace, system) ({ITS_SYSTEM} * on (namespace, pod) group_left () {by_agent})"


_HELD = (
    "sum by (namespace, pod) (max by (namespace, pod, pbx, role, location) (softphone_registrations))"
    f" or 0 * max by (namespace, pod) ({WANTED})"
)
_SYSTEM_HELD = f"sum by (namespace, system) ({ITS_SYSTEM} * on (namespace, pod) group_left () ({_HELD}))"
_OF_A_MONTH = (
    Recording(
        PHONE_SHARE,
        f"avg_over_time((max by (namespace, softphone) ({_PHONES_NOW})"
        f" or 0 * max by (namespace, softphone) ({_PHONES_KNOWN}))[15m:1m])",
        seldom=True,
    ),
    Recording(
        # By the fleet's status, where there is an operator that tells it: it knows of phones without an agent.
        FLEET_SHARE,
        f'avg_over_time((({WHOLE_FLEET_RATIO} or {FLEET_RATIO}{{fleet!=""}})'
        f" unless on (namespace, fleet) {_SUSPENDED})[15m:1m])",
        seldom=True,
    ),
    Recording(SYSTEM_SHARE, f"avg_over_time(({_SYSTEM_HELD} / ({_of_system(WANTED)} > 0))[15m:1m])", seldom=True),
    Recording(PBX_SHARE, f"avg_over_time({PBX_REACHABLE}[15m])", seldom=True),
    Recording(
        PBX_HELD,
        "avg_over_time((sum by (namespace, pbx)"
        " (max by (namespace, pod, pbx, role, location) (softphone_registrations)))[15m:1m])",
        seldom=True,
    ),
    Recording(PHONE_MONTH, f"avg_over_time({PHONE_SHARE}[30d])", seldom=True),
    Recording(FLEET_MONTH, f"avg_over_time({FLEET_SHARE}[30d])", seldom=True),
    Recording(SYSTEM_MONTH, f"avg_over_time({SYSTEM_SHARE}[30d])", seldom=True),
    Recording(PBX_MONTH, f"avg_over_time({PBX_SHARE}[30d])", seldom=True),
    Recording(PBX_HELD_MONTH, f"avg_over_time({PBX_HELD}[30d])", seldom=True),
)
RECORDINGS = (*_OF_NOW, *_OF_A_MONTH)
