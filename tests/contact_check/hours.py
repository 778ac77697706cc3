"""When windows are open, read off every clock; and when they open next, by trying each moment at which one could."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from tests.contact_check.law import Week, Window

HORIZON = timedelta(days=8)
_DAY = timedelta(days=1)


@lru_cache(maxsize=1024)
def clocks(zones: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    """None at all where one of them is unknown."""
    try:
        return tuple(ZoneInfo(name) for name in zones)
    except (KeyError, ValueError, OSError):
        return ()


def closed(week: Week, zones: tuple[str, ...], at: datetime) -> list[tuple[str, str]]:
    """Which windows keep a message back: pack and leaf, a pack once."""
    found = []
    locals_ = [at.astimezone(clock) for clock in clocks(zones)]
    for pack, windows in week:
        for local in locals_:
            if not any(_has(window, local) for window in windows):
                found.append((pack, _blamed(windows, local)))
                break
    return found


def is_open(week: Week, zones: tuple[str, ...], at: datetime) -> bool:
    known = clocks(zones)
    return bool(known and week) and all(
        any(_has(window, local) for window in windows) for local in map(at.astimezone, known) for _, windows in week
    )


def opens(week: Week, zones: tuple[str, ...], at: datetime) -> datetime | None:
    """The first moment from `at` on, within the horizon, at which all are open."""
    if is_open(week, zones, at):
        return at
    starts = frozenset(window.start for _, windows in week for window in windows)
    for ahead in (timedelta(days=2), HORIZON):
        moments = sorted({m for m in _moments(starts, zones, at, ahead) if at < m <= at + ahead})
        found = next((m for m in moments if is_open(week, zones, m)), None)
        if found:
            return found
    return None


def _has(window: Window, local: datetime) -> bool:
    return local.isoweekday() in window.weekdays and window.start <= local.hour * 60 + local.minute < window.end


def _blamed(windows: tuple[Window, ...], local: datetime) -> str:
    today = [w.leaf for w in windows if local.isoweekday() in w.weekdays]
    return (today or [w.leaf for w in windows] or ["contact.windows"])[0]


def _moments(starts: frozenset[int], zones: tuple[str, ...], at: datetime, ahead: timedelta) -> Iterator[datetime]:
    """Every moment at which a window may begin on one of the clocks, clock changes included."""
    for clock in clocks(zones):
        first = at.astimezone(clock).date() - _DAY
        for number in range(ahead.days + 4):
            yield from _of_day(clock, first + number * _DAY, starts)


@lru_cache(maxsize=65536)
def _of_day(clock: ZoneInfo, day: date, starts: frozenset[int]) -> tuple[datetime, ...]:
    found = set()
    for start in starts:
        wall = datetime.combine(day, time(start // 60 % 24, start % 60), clock)
        found |= {wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)}
    midnight = datetime.combine(day, time(), UTC)
    quarters = [midnight + timedelta(minutes=15 * n) for n in range(97)]
    offsets = [m.astimezone(clock).utcoffset() for m in (quarters[0], quarters[-1])]
    if offsets[0] != offsets[1]:
        found |= set(quarters)  # clocks change on a quarter of an hour
    return tuple(found)
