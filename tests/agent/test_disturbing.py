"""Which changes of the configuration may cost phones their registrations."""

from __future__ import annotations

from typing import Any

import pytest

from softphone_agent.contract.config import AgentConfig
from softphone_agent.supervisor.disturbing import disturbs

MASTER, SLAVE = ({"name": name, "address": f"sip:10.0.0.{number}"} for number, name in enumerate(("master", "slave")))


def phone(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "aor": f"sip:{name}@acme.example", "pri": "master", **fields}


def config(*phones: dict[str, Any], pbxs: tuple[dict[str, Any], ...] = (MASTER,), **fields: Any) -> AgentConfig:
    return AgentConfig.model_validate({"pbxs": pbxs, "phones": phones, **fields}, by_name=False, by_alias=True)


ANNA, BOB = phone("anna"), phone("bob")
CHANGES: list[tuple[str, AgentConfig, bool]] = [
    ("nothing", config(ANNA), False),
    ("a phone more", config(ANNA, BOB), False),
    ("a phone more before the others", config(BOB, ANNA), False),
    ("a phone more, and a PBX more, which it needs", config(ANNA, BOB, pbxs=(SLAVE, MASTER)), False),
    ("the phone has another location", config(phone("anna", phys="linz")), True),
    ("the phone is gone", config(), True),
    ("another is there in its place", config(BOB), True),
    ("its PBX has another address", config(ANNA, pbxs=({**MASTER, "address": "sip:10.0.0.9"},)), True),
    ("something beside phones and PBXes", config(ANNA, stopSeconds=5), True),
]


@pytest.mark.parametrize(("wanted", "disturbed"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_what_disturbs_a_phone_that_runs(wanted: AgentConfig, disturbed: bool) -> None:
    assert disturbs(config(ANNA), wanted) is disturbed
