"""Two calendars, two names: the lender's business date, and the borrower's local time. All instants are aware UTC."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The IANA zone; raises ZoneInfoNotFoundError (a KeyError) for a name that is none."""
    return ZoneInfo(name)


def business_date(now: datetime, business_zone: str) -> date:
    """The lender's calendar date at an instant: the date that due dates, dpd and stages are counted on."""
    return now.astimezone(zone(business_zone)).date()


def at_local(day: date, clock: time, zone_name: str) -> datetime:
    """The UTC instant of a wall-clock time; one that a clock change skips is the moment it would have been."""
    return datetime.combine(day, clock, zone(zone_name)).astimezone(UTC)


def opening(now: datetime, start: time, end: time, zone_name: str) -> datetime:
    """`now` when the local time is within [start, end), else the UTC instant at which that window opens next."""
    local = now.astimezone(zone(zone_name))
    if start <= local.time() < end:
        return now
    day = local.date() if local.time() < start else local.date() + timedelta(days=1)
    return at_local(day, start, zone_name)
