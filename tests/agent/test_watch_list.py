"""Which PBXes are pinged: those that phones use, may be sent to, or name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softphone_agent.contract.phone import Pbx, Phone
from softphone_agent.phone.directory import Directory
from softphone_agent.registration import machine
from softphone_agent.registration.plan import Entry, Registrar
from softphone_agent.registration.policy import Role
from softphone_agent.worker.configured import Configured
from softphone_agent.worker.running import RunningPhone
from softphone_agent.worker.watch_list import watch_list


def pbx(name: str, system: str = "") -> Pbx:
    return Pbx(name=name, address=f"sip:{name}.test", system=system)


PBXS = (pbx("master", "acme"), pbx("slave", "acme"), pbx("foreign", "other"), pbx("lone"), pbx("alone"))


def pinged(*phones: dict[str, Any]) -> dict[str, float]:
    """The names of the PBXes that are pinged for these phones, with the seconds between two pings."""
    configured = Configured(4.0)
    configured.directory = Directory.of(PBXS)
    running = []
    for number, fields in enumerate(phones):
        config = Phone.model_validate({"name": f"p{number}", "aor": f"sip:p{number}@pbx.test"} | fields)
        plan = configured.plan(config, None, sockets=0, fault="", waits=False)
        running.append(RunningPhone(config, None, machine.begin(plan, 0.0)))
    found = watch_list(running, configured).seconds
    return {configured.directory.label(uri): seconds for uri, seconds in found.items()}


@pytest.mark.parametrize(
    ("phone", "names"),
    [
        ({"pri": "master"}, {"master", "slave"}),  # redirects lead through its system
        ({"pri": "master", "sec": "foreign"}, {"master", "slave", "foreign"}),
        ({"mode": "Browser", "cur": "slave"}, {"slave"}),  # no redirect is followed
        ({"pri": "lone"}, {"lone"}),  # what has no system has nothing in common with others that have none
        ({"pri": "lone", "sec": "alone"}, {"lone", "alone"}),
        ({"pri": "sip:elsewhere.test"}, {"elsewhere.test:5060"}),
        ({"pri": "sip:elsewhere.test", "home": "alone"}, {"elsewhere.test:5060", "alone"}),
        ({"pri": "master", "registration": {"pingSeconds": 0}}, set()),
    ],
)
def test_a_pbx_is_pinged_for_phones_that_name_it_or_may_be_sent_there(phone: dict[str, Any], names: set[str]) -> None:
    assert set(pinged(phone)) == names


def test_a_pbx_that_holds_a_phone_is_pinged_in_the_name_of_that_phone() -> None:
    configured = Configured(4.0)
    configured.directory = Directory.of(PBXS)
    elsewhere = Registrar("sip:elsewhere.test:5060;transport=udp")
    running = []
    for name in ("guest", "resident"):
        config = Phone.model_validate({"name": name, "aor": f"sip:{name}@pbx.test", "pri": "lone"})
        plan = configured.plan(config, None, sockets=0, fault="", waits=False)
        running.append(RunningPhone(config, None, machine.begin(plan, 0.0)))
    at = running[1].state.plan.pri
    assert at is not None
    for phone, place in zip(running, (elsewhere, at), strict=True):
        binding = machine.Binding(place, Entry.PRI, at, (), Role.UNKNOWN, phone.config.aor, "", 0.0, 9.0, 9.0)
        phone.state = replace(phone.state, binding=binding)
    assert watch_list(running, configured).aors == {
        elsewhere.uri: "sip:guest@pbx.test",
        at.uri: "sip:resident@pbx.test",
    }


def test_the_phone_that_wants_it_most_often_decides_how_often() -> None:
    often, seldom = {"registration": {"pingSeconds": 1}}, {"registration": {"pingSeconds": 5}}
    assert pinged({"pri": "lone"} | seldom, {"pri": "lone"} | often, {"pri": "alone"} | seldom) == {
        "lone": 1.0,
        "alone": 5.0,
    }
