"""No secret leaves the cluster in a report, wherever somebody put it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone_plugin import redacting

SECRET = "hunter2-KJH8a+"
TEXTS = [
    f'Authorization: Digest username="anna", response="{SECRET}"\r\nExpires: 60',
    f'{{"message": "REGISTER a\\r\\nAuthorization: Digest response=\\"{SECRET}\\"\\r\\nExpires: 60"}}',
    f"Proxy-Authorization: Basic {SECRET}",
    f'Authentication-Info: rspauth="{SECRET}"',
    f"GET / Authorization=Bearer {SECRET}",
    f"curl -H 'x: Bearer {SECRET}'",
    f"registers sip:anna:{SECRET}@pbx.example",
    f"posted to https://anna:{SECRET}@hooks.example/x",
    f'{{"password": "{SECRET}"}}',
    f'{{"a": "{{\\"credentials\\": {{\\"password\\": \\"{SECRET}\\"}}}}"}}',
    f"credentials:\n  password: {SECRET}\n",
    f"SIP_PASSWORD={SECRET}",
    f"started with --api-key {SECRET} --port 80",
    f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----\nafter",
    f"-----BEGIN PRIVATE KEY-----\n{SECRET}\ncut off here",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_loses_what_looks_like_a_secret(text: str) -> None:
    assert SECRET in text
    assert SECRET not in redacting.text(text)
    assert redacting.GONE in redacting.text(text)


@pytest.mark.parametrize("text", TEXTS)
def test_what_was_redacted_stays_as_it_is(text: str) -> None:
    once = redacting.text(text)
    assert redacting.text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        '{"event": "transition", "softphone": "anna", "on": "Registered", "actions": []}',
        "REGISTER sip:acme.example SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.7:4123\r\nTo: <sip:anna@acme.example>",
        'softphone_registered{softphone="anna",fleet=""} 1',
        "passwordFile: /etc/softphone-secrets/anna/password\nsecretName: anna\npasswordKey: anna\n",
        "sip:10.0.0.1:5060 and sip:anna@10.0.0.1:5060",
        "volumes:\n- secret:\n    secretName: anna\n  token:\n\n\nmore: here\n",
        "credentials not readable fault=there is no file",
        'WWW-Authenticate: Digest realm="acme", nonce="0a1b"',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacting.text(text) == text


OBJECTS: list[Any] = [
    {"kind": "Secret", "metadata": {"name": "anna"}, "stringData": {"a": SECRET}, "data": {"b": SECRET}},
    {"metadata": {"annotations": {"password": SECRET}}},
    {"metadata": {"annotations": {"sip-password": SECRET, "last": json.dumps({"spec": {"token": SECRET}})}}},
    {"metadata": {"managedFields": [{"manager": SECRET}]}},
    {"spec": {"containers": [{"env": [{"name": "SIP_PASSWORD", "value": SECRET}]}]}},
    {
        "spec": {
            "containers": [{"env": [{"name": "SOFTPHONE_NOTIFY_URL", "value": f"https://hooks.example/T0/{SECRET}"}]}]
        }
    },
    {"spec": {"containers": [{"args": [f"--url=https://hooks.example/?key={SECRET}"]}]}},
    {"data": {"agent.json": json.dumps({"phones": [{"credentials": {"password": SECRET}}]})}},
    {"data": {"agent.json": "{ no JSON\npassword: " + SECRET}},
    {"data": {"token": [SECRET]}, "pins": {"secret": 4711}},
    {"kind": "List", "items": [{"kind": "Secret", "data": {"b": SECRET}}]},
]


@pytest.mark.parametrize("obj", OBJECTS)
def test_an_object_loses_its_secrets(obj: Any) -> None:
    told = json.dumps(redacting.obj(obj), ensure_ascii=False)
    assert SECRET not in told
    assert "4711" not in told


def test_an_object_keeps_all_else() -> None:
    kept = {
        "kind": "Softphone",
        "metadata": {"name": "anna", "annotations": {"note": "[not JSON"}},
        "spec": {
            "credentials": {"secretName": "anna", "passwordKey": "anna"},
            "aor": "sip:anna@acme.example",
            "env": [{"name": "PORT", "value": "5060"}, {"name": "URL", "value": "https://hooks.example"}],
            "automountServiceAccountToken": False,
            "volumes": [{"secret": {"secretName": "anna"}}],
            "password": "",
            "token": None,
        },
    }
    assert redacting.obj(kept) == kept


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.text(), one),
    )
)
def test_any_object_can_be_redacted_and_stays_so(value: Any) -> None:
    once = redacting.obj(value)
    assert redacting.obj(once) == once


@given(st.sampled_from(["password", "token", "clientSecret", "SIP_PASSWORD", "apiKey"]), st.text(min_size=1))
def test_the_value_of_a_field_of_such_a_name_is_never_told(name: str, value: str) -> None:
    assert redacting.obj({"spec": {name: value}}) == {"spec": {name: redacting.GONE}}


@pytest.mark.parametrize("text", ["a" * 200_000, "\n" * 200_000, "-" * 200_000, '"' + "x." * 100_000, "sip:" * 50_000])
def test_a_long_text_of_one_thing_holds_up_nobody(text: str) -> None:
    """Where a pattern looked at each character anew for each character, this would take minutes."""
    assert redacting.text(text) == text
