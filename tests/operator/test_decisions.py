"""What is decided for specs: every refusal with its exact message, and what accepted ones become."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import refusals
from softphone_agent.contract.reading import expanded
from softphone_operator.decide import (
    decisions,
    desired_call_check,
    desired_fleet,
    desired_pbx,
    desired_pool,
    desired_softphone,
    references,
)
from softphone_operator.decide.names import SecretUse
from softphone_operator.observe.observed import Observed
from softphone_operator.observe.phone_book import PhoneBook
from softphone_operator.rehearsals import desired

DATA = Path(__file__).parent / "data" / "refused"
MASTER = {"address": "sip:10.0.0.1:5060", "system": "acme"}
SLAVE = {"address": "sip:10.0.0.2:5060", "system": "acme"}
OTHER = {"address": "sip:10.0.0.9:5060", "system": "other"}
ALONE = {"address": "sip:10.0.0.8:5060"}
SPEC = {"aor": "sip:anna@acme.example", "pri": "master"}


def decisions_on(
    pbxs: Mapping[str, Any], secrets: Mapping[str, list[str]] | None = None
) -> dict[str, decisions.DesiredPbx | decisions.Refusal]:
    keys = {name: frozenset(found) for name, found in (secrets or {}).items()}
    return {name: desired_pbx.pbx(name, "demo", spec, keys) for name, spec in pbxs.items()}


def softphone(
    spec: Any, pbxs: Mapping[str, Any], secrets: Mapping[str, list[str]] | None = None
) -> decisions.DesiredAgent | decisions.Refusal:
    keys = {name: frozenset(found) for name, found in (secrets or {}).items()}
    return desired_softphone.softphone("anna", "demo", "uid-1", spec, decisions_on(pbxs, secrets), keys)


def fleet(
    spec: Any, pbxs: Mapping[str, Any], secrets: Mapping[str, list[str]] | None = None
) -> decisions.DesiredFleet | decisions.Refusal:
    keys = {name: frozenset(found) for name, found in (secrets or {}).items()}
    return desired_fleet.fleet("load", "demo", "uid-1", spec, decisions_on(pbxs, secrets), keys)


def pool(spec: Any, secrets: Mapping[str, list[str]] | None = None) -> decisions.DesiredPool | decisions.Refusal:
    return desired_pool.pool("demo", spec, {name: frozenset(found) for name, found in (secrets or {}).items()})


def pooled(
    spec: Any, pools: Mapping[str, Any], pbxs: Mapping[str, Any], secrets: Mapping[str, list[str]] | None = None
) -> decisions.DesiredPhone | decisions.Refusal:
    keys = {name: frozenset(found) for name, found in (secrets or {}).items()}
    given = pools.get(references.pool_of(spec))
    of = None if given is None else pool(given, secrets)
    return desired_softphone.in_pool("anna", "demo", "uid-1", spec, of, decisions_on(pbxs, secrets), keys)


def call_check(
    spec: Any, phones: Mapping[str, Any], pbxs: Mapping[str, Any]
) -> desired_call_check.DesiredCallCheck | decisions.Refusal:
    observed = Observed()
    for name, of in phones.items():
        metadata = {"name": name, "namespace": "demo", "resourceVersion": "1"}
        observed.take("Softphone", {"metadata": metadata, "spec": of})
    found = PhoneBook(observed).found("demo", desired_call_check.asked(spec), decisions_on(pbxs))
    return desired_call_check.call_check("sites", "demo", "uid-1", spec, found)


def accepted(
    spec: Any, pbxs: Mapping[str, Any], secrets: Mapping[str, list[str]] | None = None
) -> decisions.DesiredAgent:
    made = softphone(spec, pbxs, secrets)
    assert isinstance(made, decisions.DesiredAgent), made
    return made


CASES = sorted(DATA.glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_bad_spec_is_refused_with_its_message(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    pbxs, secrets = case.get("pbxs", {}), case.get("secrets", {})
    if "fleet" in case:
        outcome: Any = fleet(case["fleet"], pbxs, secrets)
    elif "pool" in case:
        outcome = pool(case["pool"], secrets)
    elif "callcheck" in case:
        outcome = call_check(case["callcheck"], case.get("phones", {}), pbxs)
    elif "pools" in case or references.pool_of(case.get("softphone")):
        outcome = pooled(case["softphone"], case.get("pools", {}), pbxs, secrets)
    elif "softphone" in case:
        outcome = softphone(case["softphone"], pbxs, secrets)
    elif "rehearsal" in case:
        outcome = desired.rehearsal("demo", case["rehearsal"], decisions_on(pbxs, secrets), jobs_allowed=True)
    else:
        outcome = decisions_on({"subject": case["pbx"]}, secrets)["subject"]
    assert outcome == decisions.Refusal(case["reason"], case["message"])


def test_the_page_of_refusals_is_fresh() -> None:
    assert refusals.PAGE.read_text() == refusals.page(), "run: make generate"


def test_there_are_cases() -> None:
    assert len(CASES) >= 25


def test_letters_beyond_ascii_may_stand_in_locations() -> None:
    """Written in one piece or in two: it is the same place."""
    pbxs = {"master": MASTER | {"location": "Zu\u0308rich"}}
    made = accepted(SPEC | {"phys": "Linz-Su\u0308d"}, pbxs)
    assert (made.config.pbxs[0].location, made.config.phones[0].phys) == ("Z\u00fcrich", "Linz-S\u00fcd")
    of_fleet = fleet({"template": {"aor": "sip:load{index}@acme.example", "pri": "master", "phys": "Süd{index}"}}, pbxs)
    assert isinstance(of_fleet, decisions.DesiredFleet), of_fleet


def test_all_faults_are_told_at_once_and_the_first_gives_the_reason() -> None:
    outcome = softphone({"aor": "anna", "pri": "mastr"}, {})
    assert outcome == decisions.Refusal(
        "InvalidSpec",
        'aor: "anna" is no address of record: it must begin with "sip:" or "sips:"; '
        'pri: there is no PBX "mastr" in the namespace demo',
    )


def test_the_agent_is_told_of_the_pbxs_named_and_of_all_others_of_their_systems() -> None:
    made = accepted(SPEC, {"master": MASTER, "slave": SLAVE, "other": OTHER, "alone": ALONE})
    assert [pbx.name for pbx in made.config.pbxs] == ["master", "slave"]


def test_a_pbx_without_system_has_no_relatives() -> None:
    made = accepted({**SPEC, "pri": "alone"}, {"alone": ALONE, "second": {"address": "sip:10.0.0.7"}})
    assert [pbx.name for pbx in made.config.pbxs] == ["alone"]


def test_a_refused_pbx_of_the_system_disturbs_nobody() -> None:
    made = accepted(SPEC, {"master": MASTER, "bad": {"address": "nonsense", "system": "acme"}})
    assert [pbx.name for pbx in made.config.pbxs] == ["master"]


def test_uris_need_no_pbx_object() -> None:
    made = accepted({**SPEC, "pri": "sip:10.0.0.1", "sec": "sips:pbx.example"}, {})
    assert made.config.pbxs == ()
    assert made.config.phones[0].sec == "sips:pbx.example"


def test_credentials_become_files_and_a_mount() -> None:
    made = accepted({**SPEC, "credentials": {"secretName": "anna"}}, {"master": MASTER}, {"anna": ["password"]})
    credentials = made.config.phones[0].credentials
    assert credentials is not None
    assert credentials.password_file == "/etc/softphone-secrets/anna/password"
    assert credentials.username_file == "/etc/softphone-secrets/anna/username"
    assert made.secrets == (SecretUse("anna", ("password",), ("username",)),)


def test_tls_secrets_of_pbxs_are_mounted_with_the_phones_own() -> None:
    tls = {"caSecretName": "ca", "certificateSecretName": "anna"}
    made = accepted(
        {**SPEC, "credentials": {"secretName": "anna"}},
        {"master": {**MASTER, "address": "sips:pbx.example", "tls": tls}},
        {"ca": ["ca.crt"], "anna": ["password", "tls.crt", "tls.key"]},
    )
    assert made.secrets == (
        SecretUse("anna", ("password", "tls.crt", "tls.key"), ("username",)),
        SecretUse("ca", ("ca.crt",), ()),
    )
    files = made.config.pbxs[0].tls
    assert files is not None
    assert (files.ca_file, files.key_file) == (
        "/etc/softphone-secrets/ca/ca.crt",
        "/etc/softphone-secrets/anna/tls.key",
    )


def test_the_identity_is_the_objects_uid() -> None:
    assert accepted(SPEC, {"master": MASTER}).config.phones[0].id == "uid-1"


def test_on_the_nodes_network_an_agent_has_its_own_port() -> None:
    made = accepted({**SPEC, "agent": {"hostNetwork": True}}, {"master": MASTER})
    assert 20000 <= made.config.http.port < 30000
    assert made == accepted({**SPEC, "agent": {"hostNetwork": True}}, {"master": MASTER})


def test_browser_mode_needs_only_cur() -> None:
    assert accepted({"aor": "sip:anna@acme.example", "mode": "Browser", "cur": "master"}, {"master": MASTER})


@pytest.mark.proves("S9", "P2")
@pytest.mark.proves("P3")
def test_an_inconsistent_system_is_a_warning() -> None:
    made = accepted(SPEC, {"master": MASTER, "slave": {**SLAVE, "noPhysicalLocation": True}})
    assert made.cautions == (
        decisions.Caution(
            "Inconsistent",
            'noPhysicalLocation must be the same on all PBXes of the system "acme": '
            "it is true on slave, false on master",
        ),
    )
    told = {pbx.name: pbx.no_physical_location for pbx in made.config.pbxs}
    assert told == {"master": False, "slave": True}, "the agent goes by that of the phone's primary PBX"


def test_of_pbxes_with_one_address_the_later_ones_are_told_of_the_first() -> None:
    same = {"address": "sip:10.0.0.1;transport=udp", "system": "other"}
    made = decisions_on({"a": same, "bad": {"address": "x"}, "master": MASTER, "slave": SLAVE, "z": MASTER})
    told = desired_pbx.with_duplicate_addresses(made, ["master", "bad", "slave", "z", "a"])
    words = 'is already that of the PBX "master"; phones that name "{0}" or "master" keep the one that they name'
    assert {
        name: one.cautions for name, one in told.items() if isinstance(one, decisions.DesiredPbx) and one.cautions
    } == {
        "a": (decisions.Caution("DuplicateAddress", f'address: "sip:10.0.0.1;transport=udp" {words.format("a")}'),),
        "z": (decisions.Caution("DuplicateAddress", f'address: "sip:10.0.0.1:5060" {words.format("z")}'),),
    }
    assert desired_pbx.with_duplicate_addresses(made, ["a", "z", "master", "bad", "slave"])["a"] == made["a"]
    assert told["bad"] == made["bad"]


KNOWN = {"registration": {"redirectPolicy": "KnownPBXes"}}
MIXED = (
    '{0}: the PBX "{1}" is of {2}, and pri "master" of the system "acme": '
    'with redirectPolicy KnownPBXes only redirects to PBXes of the system "acme" are followed'
)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({**KNOWN, "sec": "other"}, MIXED.format("sec", "other", 'the system "other"')),
        ({**KNOWN, "sec": "slave", "home": "alone"}, MIXED.format("home", "alone", "no system")),
        (
            {**KNOWN, "pri": "sip:10.0.0.1", "sec": "other", "home": "slave"},
            MIXED.format("sec", "other", 'the system "other"'),
        ),
        ({**KNOWN, "sec": "slave", "home": "slave"}, None),
        ({**KNOWN, "sec": "sip:10.0.0.77"}, None),
        ({"sec": "other"}, None),
        ({**KNOWN, "mode": "Browser", "cur": "other"}, None),
    ],
)
def test_with_known_pbxes_only_entries_in_two_systems_are_told(spec: dict[str, Any], message: str | None) -> None:
    pbxs = {"master": MASTER, "slave": SLAVE, "other": OTHER, "alone": ALONE}
    cautions = (decisions.Caution("MixedSystems", message),) if message else ()
    assert accepted({**SPEC, **spec}, pbxs).cautions == cautions
    of_fleet = accepted_fleet({**LOAD, "template": {**LOAD["template"], **spec}}, pbxs).cautions
    assert of_fleet == tuple(decisions.Caution(one.reason, f"template.{one.message}") for one in cautions)


def test_a_fleet_whose_last_phone_has_entries_in_two_systems_is_told() -> None:
    pbxs = {"master": MASTER, "pbx-0": SLAVE, "pbx-1": OTHER}
    spec = {**LOAD, "replicas": 2, "template": {**LOAD["template"], **KNOWN, "sec": "pbx-{index}"}}
    (caution,) = accepted_fleet(spec, pbxs).cautions
    assert caution.message.startswith('template.sec: the PBX "pbx-1" is of the system "other"')


@pytest.mark.proves("S9")
@pytest.mark.parametrize(
    ("pbxs", "inconsistent"),
    [
        ({"master": MASTER, "slave": SLAVE}, False),
        ({"master": MASTER, "slave": {**SLAVE, "noPhysicalLocation": True}}, True),
        ({"master": MASTER, "other": {**OTHER, "noPhysicalLocation": True}}, False),
        ({"master": MASTER, "bad": {"address": "x", "system": "acme", "noPhysicalLocation": True}}, False),
        ({"master": ALONE, "second": {**ALONE, "noPhysicalLocation": True}}, False),
    ],
    ids=["same", "different", "another system", "refused", "no system"],
)
@pytest.mark.proves("P3")
def test_consistency_is_over_the_accepted_pbxs_of_a_system(pbxs: dict[str, Any], inconsistent: bool) -> None:
    assert (desired_pbx.inconsistency("master", decisions_on(pbxs)) is not None) == inconsistent


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["aor", "pri", "sec", "cur", "home", "phys", "mode", "credentials", "agent", "trace", "suspend"]
)
URIS = st.sampled_from(["master", "slave", "sip:10.0.0.1", "sip:a@b", "sips:", "sip:[::1]", "SIP:x;transport=ws"])


@given(JSON | st.dictionaries(FIELDS, JSON | URIS | st.fixed_dictionaries({"secretName": URIS})))
def test_no_spec_breaks_the_plan(spec: Any) -> None:
    references.softphone_needs(spec)
    references.pbx_needs(spec)
    assert isinstance(softphone(spec, {"master": MASTER, "slave": SLAVE}), decisions.DesiredAgent | decisions.Refusal)
    assert isinstance(decisions_on({"x": spec})["x"], decisions.DesiredPbx | decisions.Refusal)


LONG = "x" * 64


def test_a_name_that_is_too_long_for_a_location_needs_one() -> None:
    words = "it may hold letters, digits and - . _ ~, 1 to 63 of them"
    assert decisions_on({LONG: MASTER})[LONG] == decisions.Refusal(
        "InvalidSpec",
        f'location: is required, since the name "{LONG}" has 64 characters: '
        f"without a location it stands for one, and {words}",
    )
    for spec in ({**MASTER, "location": "vienna"}, {**MASTER, "noPhysicalLocation": True}):
        assert isinstance(decisions_on({LONG: spec})[LONG], decisions.DesiredPbx)
    assert isinstance(decisions_on({"x" * 63: MASTER})["x" * 63], decisions.DesiredPbx)


@pytest.mark.parametrize(("length", "first", "replicas", "longest"), [(251, 0, 11, 254), (250, 999, 2, 255)])
def test_a_fleet_whose_phones_cannot_be_named_is_refused(length: int, first: int, replicas: int, longest: int) -> None:
    name, last = "x" * length, first + replicas - 1
    spec = {**LOAD, "firstIndex": first, "replicas": replicas}
    outcome = desired_fleet.fleet(name, "demo", "uid-1", spec, decisions_on({"master": MASTER}), {})
    assert outcome == decisions.Refusal(
        "InvalidSpec",
        f'metadata.name: "{name}" is too long: its phones are named after it, and with the index {last} '
        f"such a name has {longest} characters, 253 at most are possible",
    )
    shorter = desired_fleet.fleet(
        name, "demo", "uid-1", {**spec, "firstIndex": 0, "replicas": 10}, decisions_on({"master": MASTER}), {}
    )
    assert isinstance(shorter, decisions.DesiredFleet), shorter
    assert all(expanded(agent.config) for agent in shorter.agents)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (references.PbxUse(), ""),
        (references.PbxUse(("anna",)), "named by 1 Softphone (anna)"),
        (references.PbxUse((), 1), "1 phone is registered there"),
        (references.PbxUse(("anna", "bob"), 2), "named by 2 Softphones (anna, bob), 2 phones are registered there"),
        (references.PbxUse(tuple("abcdefg")), "named by 7 Softphones (a, b, c, d, e and 2 more)"),
    ],
)
def test_who_uses_a_pbx_in_words(use: references.PbxUse, words: str) -> None:
    assert str(use) == words


def test_needs_are_what_the_spec_names() -> None:
    needs = references.softphone_needs(
        {"pri": "a", "sec": "sip:1.2.3.4", "cur": "", "home": "b", "credentials": {"secretName": "s"}}
    )
    assert needs == references.Needs(frozenset({"a", "b"}), frozenset({"s"}))
    assert references.pbx_needs({"tls": {"caSecretName": "x", "certificateSecretName": "y"}}) == {"x", "y"}


LOAD: dict[str, Any] = {
    "replicas": 25,
    "phonesPerAgent": 10,
    "template": {**SPEC, "aor": "sip:load{index:03d}@acme.example"},
}


def accepted_fleet(
    spec: Any, pbxs: Mapping[str, Any], secrets: Mapping[str, list[str]] | None = None
) -> decisions.DesiredFleet:
    made = fleet(spec, pbxs, secrets)
    assert isinstance(made, decisions.DesiredFleet), made
    return made


def test_each_agent_of_a_fleet_carries_its_slice() -> None:
    made = accepted_fleet(LOAD | {"firstIndex": 100}, {"master": MASTER})
    assert [agent.agent for agent in made.agents] == ["fleet-load-0", "fleet-load-1", "fleet-load-2"]
    slices = [agent.config.fleets[0] for agent in made.agents]
    assert [(of.first_index, of.count) for of in slices] == [(100, 10), (110, 10), (120, 5)]
    phones = [phone for agent in made.agents for phone in expanded(agent.config).phones]
    assert [(phone.name, phone.id, phone.aor) for phone in phones[9:11]] == [
        ("load-109", "uid-1-109", "sip:load109@acme.example"),
        ("load-110", "uid-1-110", "sip:load110@acme.example"),
    ]
    assert len({phone.name for phone in phones}) == 25


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 100))
def test_another_size_changes_the_last_agents_only(before: int, after: int, per_agent: int) -> None:
    one, other = (
        accepted_fleet(LOAD | {"replicas": n, "phonesPerAgent": per_agent}, {"master": MASTER}).agents
        for n in (before, after)
    )
    untouched = min(before, after) // per_agent
    assert one[:untouched] == other[:untouched]
    assert sum(agent.config.fleets[0].count for agent in other) == after
    assert [a.pod for a in one[: len(other)]] == [a.pod for a in other[: len(one)]], "no pod is restarted for it"


def test_a_fleet_may_leave_out_the_series_of_each_phone_and_no_pod_is_restarted_for_it() -> None:
    usual = accepted_fleet(LOAD, {"master": MASTER}).agents
    quiet = accepted_fleet(LOAD | {"metrics": {"perPhone": False}}, {"master": MASTER}).agents
    assert [agent.config.metrics.per_phone for agent in quiet] == [False] * 3
    for one, other in zip(usual, quiet, strict=True):
        assert one.config.model_copy(update={"metrics": other.config.metrics}) == other.config
        assert (one.pod, one.secrets) == (other.pod, other.secrets)


def test_a_secret_of_a_fleet_is_mounted_whole() -> None:
    spec = LOAD | {"template": LOAD["template"] | {"credentials": {"secretName": "load"}}}
    keys = [f"load{index:03d}" for index in range(25)]
    for found in (["password"], keys):
        made = accepted_fleet(spec, {"master": MASTER}, {"load": found})
        assert made.agents[0].secrets == (SecretUse("load", whole=True),)
    assert isinstance(fleet(spec, {"master": MASTER}, {"load": keys[:-1]}), decisions.Refusal)


def test_a_fleet_may_name_a_pbx_for_each_phone() -> None:
    spec = LOAD | {"replicas": 2, "template": LOAD["template"] | {"pri": "pbx-{index}"}}
    pbxs = {f"pbx-{n}": {"address": f"sip:10.0.0.{n + 1}"} for n in range(3)}
    assert [pbx.name for pbx in accepted_fleet(spec, pbxs).agents[0].config.pbxs] == ["pbx-0", "pbx-1"]
    assert references.fleet_needs(spec).pbxs == {"pbx-0", "pbx-1"}


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)),
)
def test_the_needs_of_any_fleet_can_be_told(spec: Any) -> None:
    for one in (spec, {"template": spec}, {"replicas": 3, "template": {"aor": "sip:a{index}@b", "pri": spec}}):
        references.fleet_needs(one)
