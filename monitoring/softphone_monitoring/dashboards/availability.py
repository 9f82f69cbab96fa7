"""Availability: for what share of the last 30 days phones were registered, and PBXes answered."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from softphone_monitoring import recordings
from softphone_monitoring.dashboards import parts
from softphone_monitoring.dashboards.parts import HERE, Query

OBJECTIVES = ((None, "red"), (0.99, "orange"), (0.999, "green"))
"""Below 99 %, below 99.9 %, and above."""
_MONTH_MINUTES = 30 * 24 * 60


def _last(recorded: str) -> str:
    """The newest value of a series that is calculated every quarter of an hour."""
    return f"last_over_time({recorded}{{{HERE}}}[31m])"


def _table(title: str, recorded: str, columns: tuple[str, ...], words: str) -> parts.Panel:
    """Minutes lost, the most on top."""
    lost = f"sort_desc((1 - {_last(recorded)}) * {_MONTH_MINUTES})"
    return parts.rows(title, Query(lost), columns, words, value="minutes lost")


def dashboard() -> Dashboard:
    """What an agreement on service goes by. It needs the recording rules, and 30 days in Prometheus."""
    return parts.board(
        "softphone-availability",
        "Softphones / Availability",
        "For what share of the last 30 days phones were registered and PBXes answered. Needs the recording rules.",
        [parts.NAMESPACES],
        [
            parts.number(
                "Systems",
                f"min({_last(recordings.SYSTEM_MONTH)})",
                "Of the system that fared worst: the share of its phones that were registered, over 30 days.",
                unit="percentunit",
                steps=OBJECTIVES,
                span=6,
            ),
            parts.number(
                "Fleets",
                f"min({_last(recordings.FLEET_MONTH)})",
                "Of the fleet that fared worst.",
                unit="percentunit",
                steps=OBJECTIVES,
                span=6,
            ),
            parts.number(
                "Single Softphones",
                f"min({_last(recordings.PHONE_MONTH)})",
                "Of the Softphone that fared worst.",
                unit="percentunit",
                steps=OBJECTIVES,
                span=6,
            ),
            parts.number(
                "PBXes",
                f"min({_last(recordings.PBX_MONTH)})",
                "Of the PBX that fared worst: the share of the time in which it answered an agent.",
                unit="percentunit",
                steps=OBJECTIVES,
                span=6,
            ),
            _table(
                "Systems, minutes lost",
                recordings.SYSTEM_MONTH,
                ("namespace", "system"),
                "30 days have 43 200 minutes. A minute in which half of the phones are out counts half.",
            ),
            _table("Fleets, minutes lost", recordings.FLEET_MONTH, ("namespace", "fleet"), "Of 43 200, as above."),
            _table(
                "Softphones, minutes lost",
                recordings.PHONE_MONTH,
                ("namespace", "softphone"),
                "Single Softphones: phones of fleets are told by their fleet.",
            ),
            _table("PBXes, minutes of silence", recordings.PBX_MONTH, ("namespace", "pbx"), "They answered no agent."),
            parts.rows(
                "Registered hours by PBX",
                Query(f"sort_desc({_last(recordings.PBX_HELD_MONTH)} * 720)"),
                ("namespace", "pbx"),
                "How long it held registrations, added up over its phones: a thousand phones in an hour are 1000.",
                value="hours",
            ),
            parts.lines(
                "Phones by PBX, of each quarter of an hour",
                Query(f"sum by (pbx) ({_last(recordings.PBX_HELD)})", "{{pbx}}"),
                words="How many it held on average.",
                stacked=True,
            ),
            parts.lines(
                "Systems, of each quarter of an hour",
                Query(_last(recordings.SYSTEM_SHARE), "{{namespace}} {{system}}"),
                words="Share of the phones of a system that were registered.",
                unit="percentunit",
                highest=1,
            ),
            parts.lines(
                "Fleets, of each quarter of an hour",
                Query(_last(recordings.FLEET_SHARE), "{{namespace}} {{fleet}}"),
                words="Share of the phones of a fleet that were registered.",
                unit="percentunit",
                highest=1,
            ),
        ],
    )
