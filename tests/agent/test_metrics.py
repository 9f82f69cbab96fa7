"""The metrics: names and labels are a contract (docs/metrics.md)."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from softphone_agent.contract.call_report import CallReport
from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.phone import Pbx
from softphone_agent.contract.report import STATES, PathReport, PbxReport, PhoneReport
from softphone_agent.http.labels import MOST_STRANGERS
from softphone_agent.http.metrics import AgentMetrics, Picture
from softphone_agent.phone.observations import (
    CallableAgain,
    CallDone,
    CallTested,
    Discarded,
    FailoverSeen,
    OutageSeen,
    PathChecked,
    PingSeen,
    RedirectSeen,
    RegisterDone,
    RequestsSeen,
)

CONTRACT = {
    "softphone_registered": {"softphone", "fleet"},
    "softphone_registration_info": {"softphone", "pbx", "via", "role", "location"},
    "softphone_registration_expiry_timestamp_seconds": {"softphone"},
    "softphones": {"fleet", "state"},
    "softphone_registrations": {"fleet", "pbx", "role", "location"},
    "softphone_register_requests_total": {"pbx", "outcome", "code"},
    "softphone_register_duration_seconds_bucket": {"pbx", "le"},
    "softphone_register_duration_seconds_count": {"pbx"},
    "softphone_register_duration_seconds_sum": {"pbx"},
    "softphone_redirects_total": {"pbx"},
    "softphone_failovers_total": {"from", "to", "reason"},
    "softphone_outage_seconds_bucket": {"le"},
    "softphone_outage_seconds_count": set(),
    "softphone_outage_seconds_sum": set(),
    "softphone_path_ok": {"fleet", "softphone", "via"},
    "softphone_paths": {"fleet", "via", "result"},
    "softphone_path_checks_total": {"via", "result"},
    "softphone_path_check_seconds_bucket": {"le"},
    "softphone_path_check_seconds_count": set(),
    "softphone_path_check_seconds_sum": set(),
    "softphone_pbx_reachable": {"pbx"},
    "softphone_pbx_certificate_expiry_timestamp_seconds": {"pbx"},
    "softphone_pbx_info": {"pbx", "system", "location"},
    "softphone_pbx_ping_seconds": {"pbx"},
    "softphone_unsolicited_requests_total": {"method", "code"},
    "softphone_sip_discarded_total": {"reason"},
    "softphone_calls_total": {"direction", "code"},
    "softphone_call_audio_total": {"direction", "heard"},
    "softphone_call_attempts_total": {"check", "from_site", "to_site", "pbx", "code"},
    "softphone_call_checks_total": {"check", "from_site", "to_site", "result"},
    "softphone_call_check_audio_total": {"check", "from_site", "to_site", "audio"},
    **{
        f"softphone_{name}_seconds_{part}": {"check", "pbx"} | ({"le"} if part == "bucket" else set())
        for name in (
            "call_request_delay",
            "call_answer",
            "call_disconnect_delay",
            "call_duration",
            "time_to_callable",
        )
        for part in ("bucket", "count", "sum")
    },
    "softphone_calls_survived_total": {"check", "how"},
    **{
        f"softphone_call_{name}": {"check", "from_site", "to_site", "end"}
        for name in ("mos", "lost_percent", "jitter_seconds", "round_trip_seconds")
    },
    "softphone_worker_restarts_total": set(),
    "softphone_config_refused": set(),
    "softphone_agent_build_info": {"version", "pjsua"},
}


def report(name: str = "alice", **fields: Any) -> PhoneReport:
    given: dict[str, Any] = {
        "state": "Registered",
        "registered": True,
        "pbx": "slave",
        "via": "redirect",
        "role": "Home",
    } | fields
    return PhoneReport(
        name=name, registrar="sip:192.0.2.1:5060", contact="sip:secret-user@192.0.2.7", since="2026", **given
    )


def pbx(name: str, **fields: str) -> Pbx:
    return Pbx.model_validate({"name": name, "address": "sip:192.0.2.1:5060", **fields})


def scraped(picture: Picture, metrics: AgentMetrics | None = None) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    text = (metrics or AgentMetrics(picture, "1.2", "2.15.1")).exposition().decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def a_test_call(**fields: Any) -> CallReport:
    """A test call of which everything is known."""
    known: dict[str, Any] = {
        "end": "Caller",
        "check": "daily",
        "entry": "daily-1",
        "phone": "alice",
        "peer": "sip:secret-user@192.0.2.1",
        "state": "Ended",
        "began": "2026-01-01T00:00:00Z",
        "pbx": "slave",
        "passed": True,
        "code": 200,
        "ring_seconds": 0.1,
        "answer_seconds": 0.25,
        "talk_seconds": 5.0,
        "hang_up_seconds": 0.01,
        "heard": "Tone",
        "heard_there": True,
        "lost_percent": 0.0,
        "jitter_seconds": 0.001,
        "round_trip_seconds": 0.02,
        "mos": 4.4,
        "survived": "Rescued",
    }
    return CallReport(**known | fields)


def everything() -> AgentMetrics:
    """Metrics of an agent to which all has happened."""
    path = PathReport(via="sec", result="Holds", pbx="slave", code=200, since="2026-11-29T12:00:00.000Z")
    slave = PbxReport(name="slave", reachable=True, certificate_expires="2027-11-29T12:00:00.000Z")
    picture = Picture("load", {"alice": report(paths=(path,))}, {"slave": slave}, {"alice": 17.5})
    picture.known = (pbx("slave"),)
    metrics = AgentMetrics(picture, "1.2", "2.15.1")
    metrics.observe(
        [
            RegisterDone("master", "redirected", "302", 0.01),
            RegisterDone("slave", "challenged", "401", None),
            RegisterDone("slave", "accepted", "200", 0.02),
            RedirectSeen("master"),
            FailoverSeen("master", "slave", "PingFailed"),
            OutageSeen(2.5),
            PingSeen("slave", 0.001),
            PathChecked("sec", "Holds", 0.03),
            RequestsSeen("OPTIONS", "200", 3),
            Discarded("NotSip", 7),
            CallDone("In", "200", "Silence"),
            CallDone("Out", "200", "Audio"),
            CallDone("Out", "486", ""),
            CallTested(a_test_call(), "hq", "branch"),
            CallableAgain("daily", "slave", 2.5),
        ]
    )
    return metrics


def test_names_and_labels_are_those_of_the_contract() -> None:
    found = {name: set(samples[0][0]) for name, samples in scraped(Picture(), everything()).items()}
    assert found == CONTRACT


def test_every_series_of_a_metric_has_the_same_labels() -> None:
    for name, samples in scraped(Picture(), everything()).items():
        assert {frozenset(labels) for labels, _ in samples} == {frozenset(CONTRACT[name])}


def test_no_user_name_address_or_contact_is_a_label() -> None:
    text = everything().exposition().decode()
    for word in ("secret-user", "192.0.2.", "sip:"):
        assert word not in text


def test_a_challenge_counts_as_a_request_but_not_as_a_duration() -> None:
    found = scraped(Picture(), everything())
    requests = {
        (labels["outcome"], labels["code"]): value for labels, value in found["softphone_register_requests_total"]
    }
    assert requests == {("redirected", "302"): 1, ("challenged", "401"): 1, ("accepted", "200"): 1}
    durations = {labels["pbx"]: value for labels, value in found["softphone_register_duration_seconds_count"]}
    assert durations == {"master": 1, "slave": 1}


def test_a_call_counts_by_its_answer_and_what_was_heard_only_where_it_was_answered() -> None:
    found = scraped(Picture(), everything())
    calls = {(labels["direction"], labels["code"]): value for labels, value in found["softphone_calls_total"]}
    assert calls == {("In", "200"): 1, ("Out", "200"): 1, ("Out", "486"): 1}
    heard = {(labels["direction"], labels["heard"]): value for labels, value in found["softphone_call_audio_total"]}
    assert heard == {("In", "Silence"): 1, ("Out", "Audio"): 1}


def series_after(*reports: CallReport) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The series of calls after these test calls."""
    metrics = AgentMetrics(Picture(), "", "")
    metrics.observe(CallTested(one, "hq", "branch") for one in reports)
    return {name: samples for name, samples in scraped(Picture(), metrics).items() if "_call" in name}


def test_a_test_call_is_told_by_the_names_of_rfc_6076() -> None:
    found = series_after(a_test_call())
    who = {"check": "daily", "from_site": "hq", "to_site": "branch"}
    at = {"check": "daily", "pbx": "slave"}
    assert found["softphone_call_attempts_total"] == [({**who, "pbx": "slave", "code": "200"}, 1)]
    assert found["softphone_call_checks_total"] == [({**who, "result": "Passed"}, 1)]
    assert found["softphone_call_check_audio_total"] == [({**who, "audio": "Both"}, 1)]
    sums = {name: found[f"softphone_call_{name}_seconds_sum"] for name in ("request_delay", "answer")}
    assert sums == {"request_delay": [(at, 0.1)], "answer": [(at, 0.25)]}
    assert found["softphone_call_disconnect_delay_seconds_sum"] == [(at, 0.01)]
    assert found["softphone_call_duration_seconds_sum"] == [(at, 5.0)]
    assert found["softphone_call_mos"] == [({**who, "end": "Caller"}, 4.4)]
    assert found["softphone_calls_survived_total"] == [({"check": "daily", "how": "Rescued"}, 1)]


def test_what_was_not_measured_has_no_series() -> None:
    refused = a_test_call(
        code=486, heard=None, mos=None, answer_seconds=None, talk_seconds=None, hang_up_seconds=None, passed=False
    )
    found = series_after(refused.model_copy(update={"survived": None, "lost_percent": None}))
    assert [labels["code"] for labels, _ in found["softphone_call_attempts_total"]] == ["486"]
    for name in ("mos", "lost_percent", "answer_seconds_sum", "check_audio_total"):
        assert f"softphone_call_{name}" not in found
    late = series_after(a_test_call(own_lateness=True))
    assert "softphone_call_mos" not in late, "an agent that was late itself tells nothing of quality"


@pytest.mark.parametrize(
    ("heard", "heard_there", "audio"),
    [
        ("Tone", True, "Both"),
        ("Audio", None, "Both"),
        ("Tone", False, "In"),
        ("Silence", True, "Out"),
        ("Nothing", False, "None"),
    ],
)
def test_one_way_audio_has_a_direction(heard: str, heard_there: bool | None, audio: str) -> None:
    found = series_after(a_test_call(heard=heard, heard_there=heard_there))
    assert [labels["audio"] for labels, _ in found["softphone_call_check_audio_total"]] == [audio]


def test_how_calls_sounded_of_a_check_that_is_gone_is_no_news() -> None:
    metrics = AgentMetrics(Picture(), "", "")
    metrics.observe(CallTested(a_test_call(check=name), "hq", "branch") for name in ("daily", "former"))
    check = {"name": "x", "check": "daily", "caller": "alice", "to": "sip:bob@pbx.test"}
    alice = {"name": "alice", "aor": "sip:alice@pbx.test", "pri": "sip:192.0.2.1"}
    for _ in range(2):
        metrics.configured(AgentConfig.model_validate({"phones": [alice], "callChecks": [check]}))
    found = scraped(Picture(), metrics)
    for name in ("mos", "lost_percent", "jitter_seconds", "round_trip_seconds"):
        assert [labels["check"] for labels, _ in found[f"softphone_call_{name}"]] == ["daily"]


def test_calls_after_a_fail_over_count_when_one_has_passed() -> None:
    failed = a_test_call(after_fail_over=True, passed=None, code=0, heard=None)
    passed = a_test_call(after_fail_over=True, callable_seconds=2.5)
    assert "softphone_call_checks_total" not in series_after(failed)
    (one,) = series_after(failed, passed)["softphone_call_checks_total"]
    assert (one[0]["result"], one[1]) == ("Passed", 1)


def test_the_callees_end_tells_how_it_sounded_there_and_no_more() -> None:
    found = series_after(a_test_call(end="Callee", passed=None))
    assert [labels["end"] for labels, _ in found["softphone_call_mos"]] == ["Callee"]
    assert "softphone_call_attempts_total" not in found


def test_counters_of_calls_begin_with_0_where_phones_answer_or_call() -> None:
    master = {"name": "master", "address": "sip:192.0.2.1"}
    answers = {"name": "alice", "aor": "sip:alice@pbx.test", "pri": "master", "answer": "Echo"}
    checks = [{"name": "daily", "caller": "alice", "to": "sip:bob@pbx.test"}]
    for phones, call_checks, directions in (
        ([answers | {"answer": "Never"}], [], set()),
        ([answers | {"answer": "Checks"}], [], set()),
        ([answers], [], {"In"}),
        ([answers], checks, {"In", "Out"}),
    ):
        metrics = AgentMetrics(Picture(), "", "")
        metrics.configured(AgentConfig.model_validate({"pbxs": [master], "phones": phones, "callChecks": call_checks}))
        found = scraped(Picture(), metrics)
        assert {labels["direction"] for labels, _ in found.get("softphone_calls_total", [])} == directions
        results = [(labels["result"], value) for labels, value in found.get("softphone_call_checks_total", [])]
        assert results == ([("Passed", 0.0), ("Failed", 0.0)] if call_checks else [])


def test_only_a_registered_phone_has_a_place() -> None:
    waiting = report("bob", state="Waiting", registered=False, pbx=None, via=None, role=None)
    found = scraped(Picture("", {"alice": report(physical_location="hq"), "bob": waiting}))
    assert found["softphone_registered"] == [
        ({"softphone": "alice", "fleet": ""}, 1.0),
        ({"softphone": "bob", "fleet": ""}, 0.0),
    ]
    info = {"softphone": "alice", "pbx": "slave", "via": "redirect", "role": "Home", "location": "hq"}
    assert found["softphone_registration_info"] == [(info, 1.0)]


def test_registered_phones_are_counted_by_where_they_are() -> None:
    waiting = report("dave", state="Waiting", registered=False, pbx=None, via=None, role=None)
    away = report("carol", pbx="master", role="Standby", physical_location="hq")
    phones = {phone.name: phone for phone in (report(), report("bob"), away, waiting)}
    assert scraped(Picture("load", phones))["softphone_registrations"] == [
        ({"fleet": "load", "pbx": "master", "role": "Standby", "location": "hq"}, 1.0),
        ({"fleet": "load", "pbx": "slave", "role": "Home", "location": ""}, 2.0),
    ]


def test_a_pbx_tells_its_system_and_where_it_stands() -> None:
    known = (pbx("master", system="acme", location="hq"), pbx("alone"))
    assert scraped(Picture(known=known))["softphone_pbx_info"] == [
        ({"pbx": "master", "system": "acme", "location": "hq"}, 1.0),
        ({"pbx": "alone", "system": "", "location": "alone"}, 1.0),
    ]


def test_every_state_is_counted_also_where_no_phone_is_in_it() -> None:
    found = scraped(Picture("", {"alice": report()}))
    states = {labels["state"]: value for labels, value in found["softphones"]}
    assert set(states) == set(STATES)
    assert states["Registered"] == 1.0
    assert sum(states.values()) == 1.0


def test_a_pbx_of_which_nothing_is_known_has_no_series() -> None:
    pbxs = {name: PbxReport(name=name, reachable=alive) for name, alive in (("a", True), ("b", False), ("c", None))}
    found = scraped(Picture("", {}, pbxs))
    assert found["softphone_pbx_reachable"] == [({"pbx": "a"}, 1.0), ({"pbx": "b"}, 0.0)]


def test_a_binding_that_ended_has_no_expiry() -> None:
    found = scraped(Picture("", {"alice": report(), "bob": report("bob")}, {}, {"alice": 17.0, "bob": 0.0}))
    assert found["softphone_registration_expiry_timestamp_seconds"] == [({"softphone": "alice"}, 17.0)]


def test_a_large_agent_can_leave_out_what_is_told_of_each_phone() -> None:
    picture = Picture("load", {"alice": report()}, expiries={"alice": 17.0}, per_phone=False)
    with_phones = set(scraped(Picture("load", {"alice": report()}, expiries={"alice": 17.0})))
    assert with_phones - set(scraped(picture)) == {
        "softphone_registered",
        "softphone_registration_info",
        "softphone_registration_expiry_timestamp_seconds",
    }
    for name in ("softphones", "softphone_registrations"):
        assert scraped(picture)[name] == scraped(Picture("load", {"alice": report()}))[name]


def test_a_scrape_of_a_thousand_phones_stays_below_300_kb() -> None:
    names = [f"rehearsal-{index}" for index in range(1000)]
    phones = {name: report(name, physical_location="headquarters") for name in names}
    picture = Picture("rehearsal", phones, expiries=dict.fromkeys(names, 1795430400.123456))
    assert len(AgentMetrics(picture, "1.2", "2.17").exposition()) < 300_000


def test_odd_texts_come_through_as_they_are() -> None:
    odd = 'a "quoted" \\ name,\nof two lines'
    found = scraped(Picture(odd, {odd: report(odd, pbx=odd, physical_location=odd)}, expiries={odd: 17.5}))
    assert found["softphone_registered"] == [({"softphone": odd, "fleet": odd}, 1.0)]
    where = {"softphone": odd, "pbx": odd, "via": "redirect", "role": "Home", "location": odd}
    assert found["softphone_registration_info"] == [(where, 1.0)]
    assert found["softphone_registration_expiry_timestamp_seconds"] == [({"softphone": odd}, 17.5)]


def agent_config(*pris: str) -> AgentConfig:
    """One PBX, and phones that name these."""
    phones = [{"name": f"p{number}", "aor": "sip:a@pbx.test", "pri": pri} for number, pri in enumerate(pris)]
    pbxs = [{"name": "slave", "address": "sip:192.0.2.1:5060"}]
    return AgentConfig.model_validate({"pbxs": pbxs, "phones": phones})


def flood(hosts: int) -> AgentMetrics:
    """Metrics of an agent whose PBX redirects to so many hosts, and whose phone registers at each."""
    picture = Picture()
    picture.configured(agent_config("slave", "sip:192.0.2.9"))
    metrics = AgentMetrics(picture, "1", "2")
    before = "slave"
    for number in range(hosts):
        host = f"198.51.100.1:{number + 1}"
        accepted, redirected = RegisterDone(host, "accepted", "200", 0.1), RegisterDone(host, "redirected", "302", None)
        moved = FailoverSeen(before, host, "Redirected")
        metrics.observe([accepted, redirected, RedirectSeen(host), moved, PingSeen(host, 0.1)])
        picture.pbxs[host] = PbxReport(name=host, reachable=True)
        picture.phones[f"alice{number}"] = report(f"alice{number}", pbx=host)
        before = host
    metrics.observe(
        [RegisterDone("slave", "accepted", "200", 0.1), RegisterDone("192.0.2.9:5060", "accepted", "200", 1)]
    )
    picture.pbxs["slave"] = PbxReport(name="slave", reachable=True)
    return metrics


def test_hosts_to_which_redirects_lead_have_a_bounded_number_of_labels() -> None:
    few, many = (scraped(Picture(), flood(MOST_STRANGERS + more)) for more in (10, 100))
    own_lines = {"softphone_registered", "softphone_registration_info"}
    assert {name: len(samples) for name, samples in few.items() if name not in own_lines} == {
        name: len(samples) for name, samples in many.items() if name not in own_lines
    }
    requests = {(each["pbx"], each["outcome"]): value for each, value in many["softphone_register_requests_total"]}
    assert requests["Other", "accepted"] == 100
    assert requests["198.51.100.1:1", "accepted"] == 1
    places = {each["pbx"]: value for each, value in many["softphone_registrations"]}
    assert places["Other"] == 100
    info = [each["pbx"] for each, _ in many["softphone_registration_info"]]
    assert info.count("Other") == 100


def test_whether_the_others_answer_is_not_told_as_if_they_were_one() -> None:
    found = scraped(Picture(), flood(MOST_STRANGERS + 1))
    for name in ("softphone_pbx_reachable", "softphone_pbx_ping_seconds"):
        assert "Other" not in {labels["pbx"] for labels, _ in found[name]}


def test_pbxes_that_the_configuration_names_always_have_their_own_label() -> None:
    found = scraped(Picture(), flood(MOST_STRANGERS + 1))
    accepted = {labels["pbx"] for labels, _ in found["softphone_register_requests_total"]}
    assert {"slave", "192.0.2.9:5060"} <= accepted
    assert "slave" in {labels["pbx"] for labels, _ in found["softphone_pbx_reachable"]}


def test_a_pbx_that_nobody_pings_any_more_has_no_round_trip() -> None:
    metrics = everything()
    metrics.forget_pbx("slave")
    metrics.forget_pbx("never pinged")
    assert "softphone_pbx_ping_seconds" not in scraped(Picture(), metrics)


def ways(**results: str) -> tuple[PathReport, ...]:
    return tuple(PathReport.model_validate({"via": via, "result": result}) for via, result in results.items())


def test_a_way_is_1_or_0_and_absent_while_nothing_is_known_of_it() -> None:
    phones = {
        "alice": report("alice", paths=ways(pri="Holds", sec="WouldKeep")),
        "bob": report("bob", paths=ways(pri="Unreachable", sec="CheckNotSupported")),
        "carol": report("carol", paths=ways(cur="Unchecked")),
        "dave": report("dave"),
    }
    assert scraped(Picture("", phones))["softphone_path_ok"] == [
        ({"fleet": "", "softphone": "alice", "via": "pri"}, 1.0),
        ({"fleet": "", "softphone": "alice", "via": "sec"}, 1.0),
        ({"fleet": "", "softphone": "bob", "via": "pri"}, 0.0),
    ]
    assert "softphone_path_ok" not in scraped(Picture("", phones, per_phone=False))


def test_the_ways_of_a_fleet_are_good_when_those_of_all_its_phones_are() -> None:
    phones = {
        "load-0": report("load-0", paths=ways(pri="Holds", sec="WouldKeep")),
        "load-50": report("load-50", paths=ways(pri="Holds", sec="Refused")),
        "load-100": report("load-100", paths=ways(pri="Unchecked", sec="WouldKeep")),
    }
    found = scraped(Picture("load", phones, per_phone=False))
    assert found["softphone_path_ok"] == [
        ({"fleet": "load", "softphone": "", "via": "pri"}, 1.0),
        ({"fleet": "load", "softphone": "", "via": "sec"}, 0.0),
    ]
    assert found["softphone_paths"] == [
        ({"fleet": "load", "via": "pri", "result": "Holds"}, 2.0),
        ({"fleet": "load", "via": "pri", "result": "Unchecked"}, 1.0),
        ({"fleet": "load", "via": "sec", "result": "Refused"}, 1.0),
        ({"fleet": "load", "via": "sec", "result": "WouldKeep"}, 2.0),
    ]


def test_the_end_of_a_certificate_is_told_in_unix_time() -> None:
    pbxs = {"a": PbxReport(name="a", certificate_expires="2026-11-29T12:00:00.000Z"), "b": PbxReport(name="b")}
    found = scraped(Picture("", {}, pbxs))
    assert found["softphone_pbx_certificate_expiry_timestamp_seconds"] == [({"pbx": "a"}, 1795953600.0)]
