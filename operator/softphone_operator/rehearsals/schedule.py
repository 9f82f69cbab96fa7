"""When a rehearsal is due: cron with a time zone. Only here the cron library is known. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from softphone_agent.contract.sip_uri import printable, without_password

FIELDS = 5


class ScheduleError(ValueError):
    """A schedule or a time zone that is none; the message says why."""


def zone(name: str | None) -> tzinfo:
    """The time zone of a name of IANA's database, UTC for none. Raises ScheduleError."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(f'"{without_password(name)}" is no time zone, such as Europe/Vienna') from None


def next_after(schedule: str, time_zone: str | None, now: datetime) -> datetime:
    """The next time after `now` that is due, in UTC. Raises ScheduleError, also where there is none within 50 years.

    Where clocks are put on, a time that does not exist is taken later that day; where they are put back, one that comes
    twice is taken once.
    """
    there = zone(time_zone)
    shown = without_password(schedule)
    if len(schedule.split()) != FIELDS:
        raise ScheduleError(f'"{shown}" must have five fields: minute, hour, day of month, month, day of week')
    try:
        found = next(CronSim(schedule, now.astimezone(there)), None)
    except CronSimError as error:
        raise ScheduleError(f'"{shown}" is no schedule: {printable(str(error))}') from None
    if found is None:
        raise ScheduleError(f'"{shown}" never comes')
    return found.astimezone(UTC)
