"""Phones of the agent's configuration that the PBXes of a test know, and times of their outages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from agent_process import phone
from softphone_agent.contract.report import PhoneReport


def known(folder: Path, name: str, *, password: str = "", **fields: Any) -> dict[str, Any]:
    """A phone with its password, and the product's defaults but for an expiry of a minute."""
    file = folder / f"password-{name}"
    file.write_text(password or f"pw-{name}")
    registration = {"attemptTimeoutSeconds": 4, "pingSeconds": 2} | fields.pop("registration", {})
    return phone(name, credentials={"passwordFile": str(file)}, registration=registration, **fields)


def outage(report: PhoneReport) -> float:
    """Seconds that the phone's last outage took."""
    assert report.last_outage is not None
    assert report.last_outage.ended is not None, f"{report.name} is out still"
    return (_time(report.last_outage.ended) - _time(report.last_outage.began)).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def longest(reports: Iterable[PhoneReport]) -> float:
    """The longest of their last outages, in seconds."""
    return max(outage(report) for report in reports)


def words(seconds: Mapping[str, float]) -> str:
    """Times by what they are of: `UDP 2.04 s, TCP 0.03 s`."""
    return ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
