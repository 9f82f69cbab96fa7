"""Objects and reports of the tests, as the operator and the agents write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from softphone_agent.contract.report import ConfigReport, PbxReport, PhoneReport
from softphone_plugin.phones import AgentAnswer, Known, Measured, of_fleet, of_softphone

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SPEC = {"aor": "sip:anna@acme.example", "pri": "master", "sec": "standby"}


def at(second: float) -> str:
    """A time so many seconds after 11:59."""
    return f"2026-11-23T11:59:{second:06.3f}Z"


def report(name: str = "anna", pbx: str | None = "slave", **fields: Any) -> PhoneReport:
    """A phone that came home by a redirect, or is registered nowhere."""
    home: dict[str, Any] = {
        "registrar": f"sip:{pbx}.acme.example:5060;transport=udp",
        "via": "redirect",
        "role": "Home",
        "redirects": [{"pbx": "master", "target": "slave", "code": 302}],
        "physical_location": "headquarters",
    }
    base: dict[str, Any] = {"name": name, "since": at(0), "registered": pbx is not None, "pbx": pbx}
    state = {"state": "Registered", **home} if pbx else {"state": "Waiting"}
    return PhoneReport.model_validate({**base, **state, **fields})


def softphone(
    name: str = "anna", spec: dict[str, Any] | None = None, said: PhoneReport | None = None, ready: str = "True"
) -> dict[str, Any]:
    """A Softphone with the status that the operator writes for a report."""
    status: dict[str, Any] = {}
    if said is not None:
        fields = said.model_dump(mode="json", by_alias=True, exclude_none=True)
        skipped = ("name", "registered", "observedAddress", "lastOutage")
        status["registration"] = {key: value for key, value in fields.items() if key not in skipped}
        reason = "Registered" if said.registered else said.last_failure.reason if said.last_failure else said.state
        status["conditions"] = [{"type": "Ready", "status": ready, "reason": reason, "message": f"it is {reason}"}]
    return {
        "apiVersion": "softphone-fleet.io/v1alpha1",
        "kind": "Softphone",
        "metadata": {"name": name, "namespace": "demo", "uid": "u-1"},
        "spec": spec or SPEC,
        "status": status,
    }


def fleet(**spec: Any) -> dict[str, Any]:
    """Ten phones in two agents."""
    template = {"aor": "sip:load{index:02d}@acme.example", "pri": "master", "sec": "standby"}
    return {
        "apiVersion": "softphone-fleet.io/v1alpha1",
        "kind": "SoftphoneFleet",
        "metadata": {"name": "load", "namespace": "demo", "uid": "u-2"},
        "spec": {"replicas": 10, "phonesPerAgent": 5, "template": template, **spec},
    }


def known(said: PhoneReport | None, heard: bool = True, spec: dict[str, Any] | None = None, **of: Any) -> Known:
    """What is known of a Softphone, with its agent heard or not."""
    phone = of_softphone(softphone(spec=spec, said=said))
    if not heard:
        return Known(phone, None, "its agent has no pod")
    pbxs = tuple(PbxReport(name=name, reachable=alive) for name, alive in of.pop("pbxs", {}).items())
    return Known(phone, AgentAnswer(said, ConfigReport(digest="d"), pbxs, of.pop("measured", Measured())))


def known_of_fleet(said: PhoneReport | None, index: int) -> Known:
    """What is known of a phone of a fleet."""
    return Known(of_fleet(fleet(), index), AgentAnswer(said, ConfigReport(digest="d")))
