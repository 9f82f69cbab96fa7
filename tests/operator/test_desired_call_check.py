"""Who calls whom: what CallChecks make of the phones that they select, and what agents are told of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from call_world import anna_calls_berta, check, found, phone
from softphone_agent.contract.call_check import CallCheck, Callee, CallExpectation
from softphone_agent.contract.config import AgentConfig
from softphone_agent.contract.fleet import FleetSlice, PhoneTemplate
from softphone_agent.contract.phone import Phone
from softphone_operator.api.spec import AgentSpec
from softphone_operator.decide import call_phones, call_plan, desired_call_check, desired_pbx
from softphone_operator.decide.call_plan import NO_CALLS, CallPlan
from softphone_operator.decide.decisions import DesiredAgent, Refusal
from softphone_operator.decide.desired_call_check import Asked

VIENNA = [phone("anna", "vienna"), phone("albert", "vienna")]
GRAZ = [phone("berta", "graz"), phone("bruno", "graz")]
LINZ = [phone("carla", "linz")]
MESH = {"mode": "Mesh", "from": {"selector": "probe"}}


def called(spec: Any, *phones: call_phones.CallPhone, room: int = 360, **selected: Any) -> list[str]:
    """The pairs of a CallCheck, as `anna > berta`."""
    made = check(spec, found(*phones, selected=selected), room=room)
    return [f"{pair.caller.name} > {pair.called}" for pair in made.pairs]


def test_one_phone_calls_another() -> None:
    assert called({"from": {"softphone": "anna"}, "to": {"softphone": "berta"}}, *VIENNA, *GRAZ) == ["anna > berta"]


def test_each_phone_that_is_selected_calls_each_other_one_but_not_itself() -> None:
    spec = {"from": {"selector": "a"}, "to": {"selector": "b"}}
    assert sorted(called(spec, a=VIENNA, b=GRAZ)) == [
        "albert > berta",
        "albert > bruno",
        "anna > berta",
        "anna > bruno",
    ]
    everybody = {"from": {"selector": "a"}, "to": {"selector": "a"}}
    assert sorted(called(everybody, a=[*VIENNA, *LINZ])) == [
        "albert > anna",
        "albert > carla",
        "anna > albert",
        "anna > carla",
        "carla > albert",
        "carla > anna",
    ]


def test_a_uri_of_somebody_else_is_called_by_each_phone() -> None:
    uri = "sip:4711@acme.example"
    assert called({"from": {"selector": "a"}, "to": {"uri": uri}}, a=VIENNA) == [f"albert > {uri}", f"anna > {uri}"]


def test_in_a_mesh_one_phone_stands_for_each_site_and_each_site_calls_each_other_one() -> None:
    assert sorted(called(MESH, probe=[*VIENNA, *GRAZ, *LINZ])) == [
        "albert > berta",
        "albert > carla",
        "berta > albert",
        "berta > carla",
        "carla > albert",
        "carla > berta",
    ]


def test_a_mesh_may_call_other_phones_than_those_that_call() -> None:
    spec = MESH | {"to": {"selector": "halls"}}
    assert called(spec, probe=[*VIENNA, *GRAZ], halls=[phone("hall", "graz")]) == ["albert > hall"]


def test_a_label_may_name_the_site() -> None:
    phones = [phone("anna", "vienna", labels={"floor": "1"}), phone("berta", "vienna", labels={"floor": "2"})]
    made = check(MESH | {"siteLabel": "floor"}, found(selected={"probe": tuple(phones)}))
    assert [(pair.from_site, pair.to_site) for pair in made.pairs] == [("1", "2"), ("2", "1")]


def test_phones_that_are_suspended_stand_for_no_site_and_are_not_selected() -> None:
    phones = [phone("albert", "vienna", suspended=True), phone("anna", "vienna"), *GRAZ]
    assert sorted(called(MESH, probe=phones)) == ["anna > berta", "berta > anna"]


@pytest.mark.parametrize(("room", "callers"), [(2, {"anna", "berta"}), (3, {"anna", "berta", "carla"})])
def test_of_too_many_pairs_the_first_are_called_and_they_have_as_many_phones_as_can_be(room: int, callers: Any) -> None:
    phones = tuple(phone(name) for name in ("anna", "berta", "carla"))
    everybody = {"from": {"selector": "a"}, "to": {"selector": "a"}}
    made = check(everybody, found(selected={"a": phones}), room=room)
    # The first turn would have each call itself.
    assert {pair.caller.name for pair in made.pairs} == callers
    (caution,) = made.cautions
    assert (caution.reason, caution.message) == (
        "TooManyPairs",
        f"6 pairs are selected, and only {room} are called: the CallChecks of a namespace have 360 pairs at most",
    )


names = st.sampled_from([f"p{n}" for n in range(8)])


@given(st.sets(names), st.sets(names), st.sampled_from(["Pairs", "Mesh"]), st.integers(0, 70))
def test_whoever_is_selected_the_pairs_are_different_ones_and_as_many_as_are_counted(
    callers: set[str], callees: set[str], mode: str, room: int
) -> None:
    of = {name: phone(name, f"site{int(name[1:]) % 3}") for name in callers | callees}
    selected = {"a": tuple(of[name] for name in callers), "b": tuple(of[name] for name in callees)}
    spec = {"mode": mode, "from": {"selector": "a"}, "to": {"selector": "b"}}
    made = desired_call_check.call_check("sites", "demo", "uid-1", spec, found(selected=selected), room)
    if isinstance(made, Refusal):
        assert made.reason in ("NothingSelected", "OneSite")
        return
    pairs = [(pair.caller.name, pair.called) for pair in made.pairs]
    assert len(set(pairs)) == len(pairs) <= room
    assert len({pair.entry for pair in made.pairs}) == len(pairs)
    assert all(caller in callers and callee in callees and caller != callee for caller, callee in pairs)
    whole = check(spec, found(selected=selected))
    assert bool(made.cautions) == (len(pairs) < len(whole.pairs))
    if mode == "Pairs":
        assert len(whole.pairs) == len(callers) * len(callees) - len(callers & callees)


def test_what_agents_are_told_of_a_call() -> None:
    made, pair = anna_calls_berta(
        everySeconds=30,
        holdSeconds=8,
        ringSeconds=2,
        times=3,
        rescue=True,
        expect={"code": 200, "mosAtLeast": 4, "setUpSecondsAtMost": 1.5},
        after=["FailedOver"],
    )
    assert list(made.entries()) == [
        CallCheck(
            name=pair.entry,
            check="sites",
            caller="anna",
            to="sip:berta@acme.example",
            callee="berta",
            token=made.token,
            from_site="vienna",
            to_site="graz",
            times=3,
            after_fail_over=True,
            every_seconds=30,
            answer_timeout_seconds=22,
            talk_seconds=8,
            rescue=True,
            expected=CallExpectation(answer_seconds=1.5, hears="Tone", max_loss_percent=None, min_mos=4),
        )
    ]
    assert pair.entry.startswith("sites.")
    assert len(made.token) == 32
    assert "uid-1" not in made.token


@pytest.mark.parametrize(
    ("spec", "hears"),
    [
        ({}, "Tone"),
        ({"expect": {"audio": "None"}}, "Unasked"),
        ({"to": {"uri": "sip:4711@acme.example"}}, "Anything"),
        ({"to": {"uri": "sip:4711@acme.example"}, "expect": {"answeredBy": "carla"}}, "Tone"),
        ({"to": {"softphone": "carla"}}, "Tone"),
    ],
)
def test_what_the_caller_must_hear(spec: Any, hears: str) -> None:
    made, _ = anna_calls_berta(**spec)
    assert [entry.expected.hears for entry in made.entries()] == [hears]


def test_a_phone_that_sends_back_what_it_hears_is_heard_as_an_echo() -> None:
    said = {"from": {"softphone": "anna"}, "to": {"softphone": "echo"}}
    made = check(said, found(phone("anna"), phone("echo", answer="Echo")))
    assert [entry.expected.hears for entry in made.entries()] == ["Echo"]


def test_another_phone_may_be_meant_to_answer() -> None:
    made, pair = anna_calls_berta(expect={"answeredBy": "carla"})
    (entry,) = made.entries()
    assert (entry.to, entry.callee, pair.called) == ("sip:berta@acme.example", "carla", "berta")
    assert set(call_plan.plan([made]).callees) == {"carla"}


@pytest.mark.parametrize(("code", "told"), [(200, ["NeverAnswers"]), (480, [])])
def test_a_callee_that_never_answers_is_told_of_unless_that_is_expected(code: int, told: list[str]) -> None:
    said = {"from": {"softphone": "anna"}, "to": {"softphone": "mute"}, "expect": {"code": code}}
    made = check(said, found(phone("anna"), phone("mute", answer="Never")))
    assert [caution.reason for caution in made.cautions] == told
    assert all("mute: answer is Never" in caution.message for caution in made.cautions)


def test_a_check_that_is_suspended_tells_agents_nothing() -> None:
    made, _ = anna_calls_berta(suspend=True)
    assert list(made.entries()) == []
    assert call_plan.plan([made]) == NO_CALLS


def test_each_name_of_an_entry_is_a_name_however_long_that_of_the_check() -> None:
    spec = {"from": {"softphone": "anna"}, "to": {"softphone": "berta"}}
    there = found(phone("anna"), phone("berta"))
    made = desired_call_check.call_check("x" * 253, "demo", "uid", spec, there)
    assert not isinstance(made, Refusal)
    (entry,) = made.entries()
    assert len(entry.name) < 253


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        (None, Asked()),
        ({"from": {"softphone": "a"}, "to": {"selector": "b"}}, Asked(frozenset({"a"}), frozenset({"b"}))),
        (
            {"from": {"selector": "a"}, "to": {"uri": "sip:x@y"}, "expect": {"answeredBy": "c"}},
            Asked(frozenset({"c"}), frozenset({"a"})),
        ),
    ],
)
def test_what_a_spec_asks_for(spec: Any, asked: Asked) -> None:
    assert desired_call_check.asked(spec) == asked


# Phones and their sites.

PBXS = {
    "master": desired_pbx.pbx("master", "demo", {"address": "sip:10.0.0.1", "location": "vienna"}, {}),
    "slave": desired_pbx.pbx("slave", "demo", {"address": "sip:10.0.0.2"}, {}),
    "broken": desired_pbx.pbx("broken", "demo", {"address": "10.0.0.2"}, {}),
}
ANNA = {"aor": "sips:anna@ACME.example", "pri": "master"}


@pytest.mark.parametrize(
    ("more", "site"),
    [
        ({}, "vienna"),
        ({"pri": "slave"}, "slave"),
        ({"phys": "linz"}, "linz"),
        ({"mode": "Browser", "cur": "slave"}, "slave"),
        ({"pri": "sip:pbx.acme.example:5070"}, "pbx.acme.example"),
        ({"pri": "sip:[2001:db8::1]"}, ""),
        ({"pri": "broken"}, "broken"),
        ({"pri": "sip:"}, ""),
    ],
)
def test_the_site_of_a_phone(more: Any, site: str) -> None:
    found_one = call_phones.of_softphone("anna", ANNA | more, {"a": "b"}, PBXS)
    assert found_one == phone("anna", site, labels={"a": "b"})._replace(aor="sip:anna@acme.example")


@pytest.mark.parametrize("spec", [None, {"aor": "anna"}, {"aor": 7}])
def test_a_spec_that_makes_no_phone(spec: Any) -> None:
    assert call_phones.of_softphone("anna", spec, None, PBXS) is None


FLEET = {"replicas": 2, "firstIndex": 7, "template": {"aor": "sip:load{index:03d}@acme.example", "pri": "slave"}}


@pytest.mark.parametrize(
    ("index", "name"), [(None, "load-7"), (7, "load-7"), (8, "load-8"), (9, None), (0, None)], ids=str
)
def test_a_phone_of_a_fleet(index: int | None, name: str | None) -> None:
    made = call_phones.of_fleet("load", FLEET, None, PBXS, index)
    assert (made.name if made else None) == name
    if made:
        assert (made.aor, made.site) == (f"sip:load00{name[-1:] if name else ''}@acme.example", "slave")


@pytest.mark.parametrize(
    "spec", [None, {"template": {"aor": "sip:load{x}@acme.example", "pri": "slave"}}, FLEET | {"replicas": 0}]
)
def test_a_fleet_without_phones(spec: Any) -> None:
    assert call_phones.of_fleet("load", spec, None, PBXS) is None


@pytest.mark.parametrize(
    ("name", "parts"),
    [("load-7", ("load", 7)), ("a-b-0", ("a-b", 0)), ("load-07", None), ("load", None), ("-7", None), ("load-x", None)],
)
def test_the_name_of_a_fleets_phone(name: str, parts: Any) -> None:
    assert call_phones.split_name(name) == parts


# What the agents' files have of it.


def agent(**config: Any) -> DesiredAgent:
    return DesiredAgent("one", AgentConfig(**config), AgentSpec())


def test_the_file_of_an_agent_has_the_calls_of_its_phones_and_who_calls_them() -> None:
    made, pair = anna_calls_berta(ringSeconds=3)
    plan = call_plan.plan([made])
    callee = Callee(phone="berta", check="sites", token=made.token, callers=("sip:anna@acme.example",), ring_seconds=3)
    entry = next(made.entries())
    assert plan == CallPlan({"anna": (entry,)}, {"berta": (callee,)}, {entry.name: "sip:anna@acme.example"})
    both = [Phone(name=name, aor=f"sip:{name}@acme.example", pri="sip:10.0.0.1") for name in ("anna", "berta", "carla")]
    files = {one.name: call_plan.with_calls(agent(phones=(one,)), plan).config for one in both}
    assert (files["anna"].call_checks, files["anna"].callees) == (tuple(made.entries()), ())
    assert (files["berta"].call_checks, files["berta"].callees) == ((), (callee,))
    assert files["carla"] == agent(phones=(both[2],)).config
    together = call_plan.with_calls(agent(phones=tuple(both)), plan)
    assert AgentConfig.model_validate(together.config.model_dump()) == together.config
    assert call_plan.without_calls(together) == agent(phones=tuple(both))
    assert pair.answers is not None


def test_a_phone_that_moves_calls_from_its_new_agent_only_and_may_be_called_at_both() -> None:
    made, _ = anna_calls_berta()
    plan = call_plan.plan([made])
    entries = {"anna": '{"name":"anna"}', "berta": '{"name":"berta"}'}
    file = DesiredAgent("one", AgentConfig(), AgentSpec(), entries=entries)
    leaving = call_plan.with_calls(file, plan, callers=frozenset())
    assert (leaving.config.call_checks, len(leaving.config.callees)) == ((), 1)


def test_the_phones_of_a_fleets_agent_are_known_by_their_indices() -> None:
    there = found(phone("load-7"), phone("load-9"))
    made = check({"from": {"softphone": "load-7"}, "to": {"softphone": "load-9"}}, there)
    plan = call_plan.plan([made])
    template = PhoneTemplate(aor="sip:load{index}@acme.example", pri="sip:10.0.0.1")
    slices = [FleetSlice(first_index=first, count=2, template=template) for first in (6, 8, 10)]
    files = [call_plan.with_calls(agent(fleet="load", fleets=(one,)), plan).config for one in slices]
    assert [(len(file.call_checks), len(file.callees)) for file in files] == [(1, 0), (0, 1), (0, 0)]


def test_only_the_phones_of_which_something_has_changed_are_told_of() -> None:
    one, _ = anna_calls_berta()
    other, _ = anna_calls_berta(to={"softphone": "carla"})
    before, after = call_plan.plan([one]), call_plan.plan([other])
    assert call_plan.changed(before, before) == frozenset()
    assert call_plan.changed(NO_CALLS, before) == {"anna", "berta"}
    assert call_plan.changed(before, after) == {"anna", "berta", "carla"}


def test_a_call_is_made_when_its_callee_knows_of_it_or_it_was_made_before() -> None:
    made, _ = anna_calls_berta()
    plan = call_plan.plan([made])
    (entry,), (callee,) = plan.checks["anna"], plan.callees["berta"]
    known = {("berta", "sites"): callee}
    assert call_plan.is_expected(entry, plan, known)
    assert call_plan.is_expected(entry, plan, {}, f'{{"callChecks":[{{"name":"{entry.name}"}}]}}')
    assert call_plan.is_expected(entry.model_copy(update={"callee": None}), plan, {})
    assert not call_plan.is_expected(entry, plan, {})
    for other in ({"token": "another"}, {"callers": ("sip:otto@acme.example",)}):
        assert not call_plan.is_expected(entry, plan, {("berta", "sites"): callee.model_copy(update=other)})
