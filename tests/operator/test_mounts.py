"""A file reaches only pods that mount the Secrets it names; a pod that cannot mount is told as such."""

from __future__ import annotations

from typing import Any

import pytest

from softphone_operator.decide import mounts
from softphone_operator.decide.names import SecretUse

ANNA = SecretUse("anna", ("password",), ("username",))
BOB = SecretUse("bob", ("password",), ("username",))
CA = SecretUse("ca", ("ca.crt",))
ALL = SecretUse("load", whole=True)


def deployment(*secrets: SecretUse, key: str = "agent.json", more: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    volumes = [*mounts.volumes("softphone-anna", key, secrets), *more]
    return {"metadata": {}, "spec": {"template": {"spec": {"volumes": volumes}}}}


def test_the_first_pod_mounts_the_usual_key_and_so_do_all_with_the_same_secrets() -> None:
    assert mounts.config_key([ANNA], None) == "agent.json"
    assert mounts.config_key([ANNA], deployment(ANNA)) == "agent.json"
    assert mounts.config_key([ANNA], deployment(ANNA, key="agent-0.json")) == "agent-0.json"


@pytest.mark.parametrize("wanted", [[], [BOB], [ANNA, CA], [SecretUse("anna", ("password", "token"), ("username",))]])
def test_a_pod_with_other_secrets_mounts_a_key_of_its_own(wanted: list[SecretUse]) -> None:
    there = deployment(ANNA)
    key = mounts.config_key(wanted, there)
    assert key != "agent.json"
    assert mounts.is_config_key(key)
    assert mounts.config_key(wanted, there) == key, "whoever goes on after a crash finds the same"
    assert mounts.config_key(wanted, deployment(*wanted, key=key)) == key
    assert mounts.config_key([ANNA], deployment(*wanted, key=key)) not in ("agent.json", key)


def test_the_agent_finds_its_file_under_the_same_name_whatever_the_key() -> None:
    assert mounts.volumes("softphone-anna", "agent.json", ())[0]["configMap"] == {"name": "softphone-anna"}
    assert mounts.volumes("softphone-anna", "agent-1.json", ())[0]["configMap"] == {
        "name": "softphone-anna",
        "items": [{"key": "agent-1.json", "path": "agent.json"}],
    }
    assert mounts.mounted_key(deployment(key="agent-1.json")) == "agent-1.json"
    assert mounts.mounted_key(deployment()) == "agent.json"


FILE = {"data": {"agent.json": "old", "agent-0.json": "older", "somebodys": "x"}}


@pytest.mark.parametrize(
    ("key", "there", "settled", "data"),
    [
        ("agent.json", None, False, {"agent.json": "new"}),
        ("agent-1.json", "agent.json", True, {"agent.json": "old", "agent-0.json": "older", "agent-1.json": "new"}),
        ("agent-1.json", "agent-1.json", False, {"agent.json": "old", "agent-0.json": "older", "agent-1.json": "new"}),
        ("agent-1.json", "agent-1.json", True, {"agent-1.json": "new"}),
        ("agent.json", "agent.json", False, {"agent.json": "new", "agent-0.json": "older"}),
    ],
)
def test_the_text_of_the_pod_before_stays_until_it_has_ended(
    key: str, there: str | None, settled: bool, data: dict[str, str]
) -> None:
    present = None if there is None else deployment(key=there)
    assert mounts.config_data("new", key, FILE, present, settled=settled) == data


def test_volumes_of_others_and_what_the_api_server_adds_make_no_other_mounts() -> None:
    there = deployment(ANNA, more=({"name": "of-the-sidecar", "emptyDir": {}},))
    there["spec"]["template"]["spec"]["volumes"][2]["projected"]["sources"][0]["secret"]["items"][0]["mode"] = 256
    assert mounts.config_key([ANNA], there) == "agent.json"
    injected = {"name": "secret-of-a-webhook", "secret": {"secretName": "x"}}
    there = deployment(ANNA, more=(injected,))
    there["metadata"]["managedFields"] = [
        {
            "manager": "softphone-operator",
            "operation": "Apply",
            "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:volumes": {'k:{"name":"secret-anna"}': {".": {}}}}}}},
        }
    ]
    assert mounts.config_key([ANNA], there) == "agent.json"


@pytest.mark.parametrize(
    ("uses", "there", "why"),
    [
        ((ANNA,), {"anna": {"password"}}, None),
        ((ANNA, CA), {"anna": {"password"}}, 'the Secret "ca" that it mounts does not exist'),
        ((ANNA,), {}, 'the Secret "anna" that it mounts does not exist'),
        ((ANNA,), {"anna": {"username"}}, 'the Secret "anna" that it mounts has no key "password"'),
        ((ALL,), {"load": set()}, None),
        ((ALL,), {}, 'the Secret "load" that it mounts does not exist'),
    ],
)
def test_why_a_pod_cannot_mount(uses: tuple[SecretUse, ...], there: dict[str, set[str]], why: str | None) -> None:
    assert mounts.unmountable(deployment(*uses), {name: frozenset(keys) for name, keys in there.items()}) == why
