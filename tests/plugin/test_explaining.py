"""Why a phone is where it is and what it would do next: every reason of the machine has its words."""

from __future__ import annotations

from typing import Any

import pytest

from plugin.reports import NOW, SPEC, at, fleet, known, report
from softphone_agent.contract.report import ConfigReport, PbxReport, Reason
from softphone_operator.decide.decisions import Refusal
from softphone_plugin.explaining import REASONS, Explanation, explain
from softphone_plugin.foresight import Round, after_a_loss, configured, next_round
from softphone_plugin.phones import AgentAnswer, Known, Measured, of_fleet, of_softphone, registration_of


def pbx(name: str, **spec: Any) -> dict[str, Any]:
    of = {"address": f"sip:{name}.acme.example:5060", "system": "acme", **spec}
    return {"metadata": {"name": name, "namespace": "demo"}, "spec": of}


PBXS = [pbx("master", location="headquarters"), pbx("slave"), pbx("standby")]
ENTERED: dict[str, Any] = {"role": "Unknown", "redirects": ()}
STANDBY: dict[str, Any] = {"via": "pri", "role": "Standby", "redirects": ()}


def told(said: Any, spec: dict[str, Any] | None = None, **of: Any) -> Explanation:
    return explain(known(said, spec=spec, **of), PBXS, NOW)


def test_at_home() -> None:
    said = told(report(), measured=Measured({"anna": NOW.timestamp() + 100}))
    assert said.mood == "well"
    assert said.where == ("anna is registered at slave, its home, for 60s.",)
    assert said.why == (
        "It came by redirect: master (pri) -302-> slave.",
        "slave counts as its home: the redirects ended there.",
        "Its physical location is headquarters: that of its primary PBX, since spec.phys says nothing.",
    )
    assert said.then[0].startswith("It refreshes at slave after ")
    assert said.then[0].endswith(" s if slave granted the 120 s that it asked for.")
    assert said.then[2] == (
        "If slave falls silent, it asks master, then standby; if none answers, it waits 1 s at most, then begins anew."
    )
    assert said.unknown == ()


def test_on_the_standby() -> None:
    outage = {"began": at(10), "ended": at(12.25), "pbx": "slave", "reason": "PingFailed"}
    failure = {"code": 0, "reason": "PingFailed", "pbx": "slave", "time": at(12)}
    phone = report(pbx="master", **STANDBY, last_outage=outage, last_failure=failure)
    said = told(phone, pbxs={"slave": False, "master": True})
    assert said.mood == "standby"
    assert said.where == ("anna is registered at master, which stands in for its home, for 60s.",)
    assert said.why == (
        "It entered at master, its primary PBX (pri), which kept the registration instead of redirecting.",
        "master is not its home: a redirect had shown another one before.",
        "Its physical location is headquarters: that of its primary PBX, since spec.phys says nothing.",
        "Its last outage took 2.25 s, 50s ago: it lost slave (PingFailed: the PBX answered no pings any more).",
        "slave answers no pings now.",
    )
    assert said.then[1] == (
        "When its home is back, master redirects that refresh, and the phone goes home without an outage."
    )
    assert said.then[2].startswith("If master falls silent, it asks standby; ")


def test_a_phone_that_comes_back_by_itself() -> None:
    spec = {**SPEC, "registration": {"failBack": "Primary", "failBackAfterSeconds": 90}}
    at_secondary = report(pbx="standby", registrar="sip:standby.acme.example:5060;transport=udp", via="sec", **ENTERED)
    comes_back = (
        "When master has answered pings for 90 s it asks that one, at a moment of its own within half as long, and is "
        "registered at standby until it is accepted there (registration.failBack)."
    )
    assert told(at_secondary, spec=spec).then[2] == comes_back
    assert comes_back not in told(at_secondary).then, "by default it stays"
    assert comes_back not in told(report(), spec=spec).then, "it is at home"


def test_out() -> None:
    outage = {"began": at(55), "pbx": "slave", "reason": "TransportClosed"}
    failure = {"code": 403, "reason": "Rejected", "message": "Forbidden", "pbx": "master", "time": at(58)}
    said = told(report(pbx=None, last_outage=outage, last_failure=failure))
    assert said.mood == "ill"
    assert said.where[0] == "anna is registered nowhere, for 60s: it waits before it asks again."
    assert said.why == (
        "It is out since 5.0 s: it lost slave (TransportClosed: the connection to the PBX was closed).",
        "The last failure was Rejected at master (403 Forbidden), 2s ago: the PBX refused the phone.",
    )
    assert said.then[0] == ("It asks master, then standby, and follows redirects; the first PBX that keeps it has it.")


def test_a_phone_without_credentials_asks_nobody() -> None:
    message = "credentials.passwordFile: /etc/softphone/password: is empty"
    failure = {"code": 0, "reason": "NoCredentials", "message": message, "pbx": "master", "time": at(58)}
    said = told(report(pbx=None, last_failure=failure))
    assert said.then == (
        "Nothing, until the file is there that the last failure names: without credentials it asks nobody.",
    )


def test_an_agent_that_is_not_heard_leaves_less_to_say_and_that_is_said() -> None:
    said = told(report(), heard=False)
    assert said.where == ("anna is registered at slave, its home, for 60s.",)
    assert said.unknown == (
        "The agent cannot be heard: its agent has no pod. All this is from the objects, and may be old.",
    )
    nothing = told(None, heard=False)
    assert nothing.mood == "unknown"
    assert nothing.where == ("Where anna is, nobody can tell now.",)


def test_a_spec_that_is_refused_is_told_and_nothing_is_foreseen() -> None:
    said = told(report(), {**SPEC, "pri": "mastr"})
    assert said.then == (
        "What comes next cannot be told: the spec is refused, and a phone that runs keeps to an earlier one.",
    )
    assert said.unknown == ('The spec is refused: pri: there is no PBX "mastr" in the namespace demo.',)


@pytest.mark.parametrize(
    ("spec", "fields", "expected"),
    [
        ({"home": "slave"}, {}, "slave is its home: spec.home says so."),
        ({"home": "slave"}, {"pbx": "master", **STANDBY}, "master is not its home: spec.home says slave."),
        (
            {},
            {"via": "pri", "role": "Unknown", "redirects": ()},
            "Which PBX is its home is not known: spec.home says nothing, and no redirect has shown it yet.",
        ),
        ({"phys": "graz"}, {"physical_location": "graz"}, "Its physical location is graz: spec.phys says so."),
        ({"phys": "graz"}, {}, "It registered with the physical location headquarters; graz is due."),
        (
            {"mode": "Browser", "cur": "slave"},
            {"via": "cur", "redirects": (), "physical_location": None},
            "It sends no physical location: spec.phys says nothing, and mode Browser leaves it out.",
        ),
        ({"mode": "Browser", "cur": "slave"}, {}, "A redirect of that refresh is not followed: mode Browser."),
        ({"suspend": True}, {}, "Nothing, until spec.suspend is taken back."),
    ],
)
def test_the_reasons_are_those_of_the_rules(spec: dict[str, Any], fields: dict[str, Any], expected: str) -> None:
    said = told(report(**fields), {**SPEC, **spec})
    assert expected in (*said.why, *said.then)


def test_every_reason_of_the_machine_has_words() -> None:
    assert set(REASONS) == set(Reason)


def test_a_configuration_that_the_agent_refused_is_told() -> None:
    phone = of_softphone(known(report()).phone.owner)
    heard = AgentAnswer(report(), ConfigReport(digest="d", refused=("pri: no PBX",)), (PbxReport(name="slave"),))
    assert explain(Known(phone, heard), PBXS, NOW).unknown == ("The agent refused a newer configuration: pri: no PBX.",)


def test_what_comes_next_is_asked_of_the_machine_itself() -> None:
    of = configured(known(None).phone, PBXS)
    assert not isinstance(of, Refusal)
    at_home = registration_of(report(registrar="sip:slave.acme.example:5060;transport=udp"))
    assert after_a_loss(of, at_home, set()) == Round(("master", "standby"), 1.0)
    assert after_a_loss(of, at_home, {"master"}) == Round(("standby",), 1.0), "a PBX known to be dead costs no time-out"
    assert next_round(of, {"master"}) == Round(("standby",), 1.0)
    assert next_round(of, {"master", "standby"}).asked == ("master",), "somebody has to be asked"


def test_a_phone_of_a_fleet_has_the_plan_of_its_slice() -> None:
    of = configured(of_fleet(fleet(), 7), PBXS)
    assert not isinstance(of, Refusal)
    assert (of.phone.name, of.phone.aor) == ("load-7", "sip:load07@acme.example")
    assert 0.5 <= of.plan.refresh_fraction < 0.9
