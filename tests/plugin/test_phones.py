"""Which phone a name stands for, and where it lives."""

from __future__ import annotations

import pytest

from plugin.reports import at, fleet, report, softphone
from softphone_operator.api.kinds import PBX, SOFTPHONE_FLEET, Kind
from softphone_plugin.errors import NOT_FOUND, USAGE, PluginError
from softphone_plugin.phones import Meant, meant, meant_object, of_fleet, of_softphone, short, stored_registration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anna", Meant("anna", None)),
        ("sp/anna", Meant("anna", None)),
        ("softphone/load-17", Meant("load-17", None)),
        ("load-17", Meant("load-17", ("load", 17))),
        ("site-2-17", Meant("site-2-17", ("site-2", 17))),
        ("load/17", Meant(None, ("load", 17))),
        ("fleet/load-17", Meant(None, ("load", 17))),
        ("spf/load/17", Meant(None, ("load", 17))),
        ("softphone.softphone-fleet.io/anna", Meant("anna", None)),
        ("softphones.v1alpha1.softphone-fleet.io/load-17", Meant("load-17", None)),
        ("SoftphoneFleet.softphone-fleet.io/load-17", Meant(None, ("load", 17))),
    ],
)
def test_a_name_stands_for_a_softphone_or_a_phone_of_a_fleet(text: str, expected: Meant) -> None:
    assert meant(text) == expected


@pytest.mark.parametrize("text", ["spf/load", "pod/anna", "a/b/c"])
def test_a_name_that_can_be_no_phone_is_refused(text: str) -> None:
    with pytest.raises(PluginError, match="names no phone") as refused:
        meant(text)
    assert refused.value.code == USAGE


def test_a_pbx_is_no_phone() -> None:
    with pytest.raises(PluginError, match='"pbx/master" is a PBX, and no phone') as refused:
        meant("pbx/master")
    assert refused.value.code == USAGE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spf/load", (SOFTPHONE_FLEET, "load")),
        ("spf/load-7", (SOFTPHONE_FLEET, "load-7")),
        ("pbx/master", (PBX, "master")),
        ("PBXs/master", (PBX, "master")),
        ("pbx.softphone-fleet.io/master", (PBX, "master")),
        *((text, None) for text in ("load", "load-7", "load/7", "spf/load/7", "sp/load", "pbx/", "pod/x")),
    ],
)
def test_a_fleet_and_a_pbx_are_named_as_for_kubectl(text: str, expected: tuple[Kind, str] | None) -> None:
    assert meant_object(text) == expected


def test_a_phone_of_a_fleet_has_its_agent_and_its_own_texts() -> None:
    phone = of_fleet(fleet(firstIndex=100), 107)
    assert (phone.name, phone.agent, phone.aor) == ("load-107", "fleet-load-1", "sip:load107@acme.example")
    assert phone.spec["pri"] == "master"
    assert of_softphone(softphone()).agent == "softphone-anna"


def test_an_index_that_the_fleet_does_not_have_is_refused() -> None:
    with pytest.raises(PluginError, match="has no index 10: it has the indices 0 to 9") as refused:
        of_fleet(fleet(), 10)
    assert refused.value.code == NOT_FOUND
    with pytest.raises(PluginError, match="it has no phones"):
        of_fleet(fleet(replicas=0), 0)
    with pytest.raises(PluginError, match="is refused"):
        of_fleet(fleet(template={"aor": "sip:{x}@acme.example", "pri": "master"}), 0)


def test_the_status_of_a_newer_operator_is_read_as_far_as_it_is_known() -> None:
    obj = softphone(said=report())
    obj["status"]["registration"]["newField"] = 1
    registration = stored_registration(obj)
    assert registration is not None
    assert (registration.pbx, registration.since) == ("slave", at(0))
    assert stored_registration(softphone()) is None


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-1, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (200000, "2d")]
)
def test_spans_are_told_as_kubectl_tells_them(seconds: float, expected: str) -> None:
    assert short(seconds) == expected
