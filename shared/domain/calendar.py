"""Two calendars, two names: the lender's business date, and the borrower's local time. All instants are aware UTC."""

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The IANA zone; raises ZoneInfoNotFoundError (a KeyError) for a name that is none."""
    return ZoneInfo(name)


@lru_cache(maxsize=512)
def business_date(now: datetime, business_zone: str) -> date:
    """The lender's calendar date at an instant: the date that due dates, dpd and stages are counted on."""
    return now.astimezone(zone(business_zone)).date()


def days_past_due(due_on: date, today: date, origin: int = 0) -> int:
    """Calendar days since the due date, which itself counts `origin` (0: the day after is dpd 1); never below 0."""
    return max(0, (today - due_on).days + origin)


def at_local(day: date, clock: time, zone_name: str) -> datetime:
    """The UTC instant of a wall-clock time; one that a clock change skips is the moment it would have been."""
    return datetime.combine(day, clock, zone(zone_name)).astimezone(UTC)
