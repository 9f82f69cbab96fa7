"""What the agents of a pool get: their files, their pods, and what goes on of phones whose specs are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from softphone_agent.contract import reading
from softphone_operator.decide import decisions, desired_pbx, desired_pool, desired_softphone, manifests, pool_files
from softphone_operator.decide.desired_pool import AgentFile
from softphone_operator.decide.names import SecretUse, digest

SECRETS = {"vienna": frozenset({"anna", "bob"}), "tls": frozenset({"ca.crt", "tls.crt", "tls.key"})}
PBXS: dict[str, Any] = {
    "master": {"address": "sip:10.0.0.1", "system": "acme"},
    "slave": {"address": "sip:10.0.0.2", "system": "acme"},
    "other": {"address": "sip:10.0.0.9"},
    "secure": {"address": "sips:10.0.0.3", "tls": {"caSecretName": "tls", "certificateSecretName": "tls"}},
}


def pbxs(*left_out: str) -> dict[str, decisions.DesiredPbx | decisions.Refusal]:
    return {name: desired_pbx.pbx(name, "demo", spec, SECRETS) for name, spec in PBXS.items() if name not in left_out}


def pool(**spec: Any) -> decisions.DesiredPool:
    made = desired_pool.pool("demo", {"credentials": {"secretNames": ["vienna"]}, **spec}, SECRETS)
    assert isinstance(made, decisions.DesiredPool), made
    return made


def phone(name: str, **spec: Any) -> decisions.DesiredPhone:
    of = {"aor": f"sip:{name}@acme.example", "pri": "master", "agent": {"pool": "vienna"}, **spec}
    made = desired_softphone.in_pool(name, "demo", f"uid-{name}", of, pool(), pbxs(), SECRETS)
    assert isinstance(made, decisions.DesiredPhone), made
    return made


def agents(
    files: dict[int, set[str]], phones: dict[str, Any], known: Any = None, carried: Any = None, of: Any = None
) -> dict[int, decisions.DesiredAgent]:
    return pool_files.agents("vienna", "demo", of or pool(), files, phones, known or pbxs(), carried or {})


def text(agent: decisions.DesiredAgent) -> str:
    return manifests.config_text(agent.config, agent.entries.values())


def test_the_file_of_an_agent_in_full() -> None:
    credentials = {"credentials": {"secretName": "vienna"}}
    made = agents({0: {"anna", "bob"}}, {"anna": phone("anna", **credentials), "bob": phone("bob", phys="linz")})[0]
    assert json.loads(text(made)) == {
        "stopSeconds": 32.5,
        "pbxs": [
            {"name": "master", "address": "sip:10.0.0.1", "system": "acme"},
            {"name": "slave", "address": "sip:10.0.0.2", "system": "acme"},
        ],
        "phones": [
            {
                "id": f"uid-anna-{digest('pool-vienna-0')}",
                "name": "anna",
                "aor": "sip:anna@acme.example",
                "pri": "master",
                "credentials": {"passwordFile": "/etc/softphone-secrets/vienna/anna"},
            },
            {
                "id": f"uid-bob-{digest('pool-vienna-0')}",
                "name": "bob",
                "aor": "sip:bob@acme.example",
                "pri": "master",
                "phys": "linz",
            },
        ],
    }
    assert [found.name for found in reading.parse(text(made)).phones] == ["anna", "bob"]
    assert (made.agent, made.phones, made.secrets) == ("pool-vienna-0", 2, (SecretUse("vienna", whole=True),))


def test_resources_grow_with_what_an_agent_may_carry_and_not_with_what_it_carries() -> None:
    few, many = (
        agents({0: set(names)}, {name: phone(name) for name in names})[0] for names in (["anna"], ["anna", "bob"])
    )
    assert few.pod == many.pod
    assert few.pod.resources is not None
    assert few.pod.resources.requests == {"cpu": "22m", "memory": "95Mi"}
    assert few.config.stop_seconds == many.config.stop_seconds


def test_what_the_pbxes_of_any_phone_need_is_mounted_by_all_agents() -> None:
    """So that a phone that comes to another agent makes no new pod there."""
    made = agents({0: {"anna"}, 1: {"bob"}}, {"anna": phone("anna"), "bob": phone("bob", pri="secure")})
    wanted = (SecretUse("tls", ("ca.crt", "tls.crt", "tls.key")), SecretUse("vienna", whole=True))
    assert made[0].secrets == made[1].secrets == wanted
    assert [pbx.name for pbx in made[0].config.pbxs] == ["master", "slave"]
    assert [pbx.name for pbx in made[1].config.pbxs] == ["secure"]


def test_on_the_nodes_network_each_agent_has_a_port_of_its_own() -> None:
    made = agents(
        {0: {"anna"}, 1: {"bob"}},
        {"anna": phone("anna"), "bob": phone("bob")},
        of=pool(agent={"hostNetwork": True, "publicAddress": "192.0.2.7"}),
    )
    ports = [made[number].config.http.port for number in (0, 1)]
    assert ports[1] == ports[0] + 1
    assert made[0].config.sip.public_address == "192.0.2.7"


def carried(agent: decisions.DesiredAgent) -> AgentFile:
    return AgentFile(frozenset(agent.entries), lambda: text(agent))


@pytest.mark.parametrize("gone", [(), ("secure",)], ids=["its PBX is there", "its PBX is gone"])
def test_a_phone_whose_spec_is_refused_has_the_same_file_and_the_same_mounts(gone: tuple[str, ...]) -> None:
    phones: dict[str, Any] = {"anna": phone("anna"), "bob": phone("bob", pri="secure")}
    before = agents({0: {"anna", "bob"}}, phones)[0]
    refused = {**phones, "bob": decisions.Refusal("PBXNotFound", "pri: there is none")}
    after = agents({0: {"anna", "bob"}}, refused, pbxs(*gone), {0: carried(before)})[0]
    assert after == before


def test_a_phone_that_goes_on_learns_of_another_address_of_its_pbx() -> None:
    before = agents({0: {"bob"}}, {"bob": phone("bob")})[0]
    moved = {**pbxs(), "master": desired_pbx.pbx("master", "demo", {"address": "sip:10.0.0.77"}, SECRETS)}
    after = agents({0: {"bob"}}, {}, moved, {0: carried(before)})[0]
    assert [pbx.address for pbx in after.config.pbxs] == ["sip:10.0.0.77", "sip:10.0.0.2"]


def test_a_phone_that_is_in_no_file_cannot_go_on() -> None:
    assert agents({0: {"anna", "bob"}}, {"anna": phone("anna")})[0].entries.keys() == {"anna"}


@pytest.mark.parametrize("broken", ["", "[", "[]", '{"phones": 1}', '{"phones": [{}, 1], "pbxs": [1, {"name": "x"}]}'])
def test_a_file_that_somebody_broke_stops_nobody(broken: str) -> None:
    assert desired_pool.phones_in(desired_pool.parsed(broken)) == []
    assert list(AgentFile(frozenset(), lambda: broken).pbxs(["anna"])) == []


def test_a_pbx_of_a_file_that_cannot_be_read_is_left_out() -> None:
    broken = {"phones": [{"name": "anna", "pri": "master"}], "pbxs": [{"name": "master", "address": "nonsense"}]}
    assert list(AgentFile(frozenset({"anna"}), lambda: json.dumps(broken)).pbxs(["anna"])) == []


def test_the_bytes_of_a_phone_are_those_of_its_entry() -> None:
    phones: dict[str, Any] = {"anna": phone("anna"), "bob": decisions.Refusal("InvalidSpec", "aor: none")}
    before = agents({0: {"anna", "bob"}}, {"anna": phone("anna"), "bob": phone("bob")})[0]
    sizes = pool_files.sizes(phones, {"bob"}, {0: carried(before)})
    assert sizes["anna"] >= len(before.entries["anna"].encode()) > 0
    assert sizes["bob"] == len(before.entries["bob"].encode())


def test_where_so_many_phones_do_not_fit_a_file_that_is_told() -> None:
    assert desired_pool.full_file(pool(phonesPerAgent=1000), [300, 400]) is None
    caution = desired_pool.full_file(pool(phonesPerAgent=1000), [300, 2000])
    assert caution is not None
    assert caution.reason == "FileFull"
    assert caution.message == (
        "phonesPerAgent: 1000 phones as long as the longest, 2000 bytes, would not fit the ConfigMap of an agent; "
        "200 such phones do, and an agent carries no more"
    )


def test_the_file_of_as_many_phones_as_there_may_be_is_half_a_config_map() -> None:
    """While pods are changed a ConfigMap may hold two of them, and the API server takes 1 MiB."""
    capacity = desired_pool.capacity(pool(phonesPerAgent=1000))
    assert capacity.phones == 1000
    assert 2 * capacity.bytes <= 1024 * 1024 - 2 * 32 * 1024
