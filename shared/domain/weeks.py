"""Weeks: when something is open, as minutes of each weekday on a wall clock, whatever the zone."""

from collections.abc import Iterable
from datetime import time

type Day = tuple[tuple[int, int], ...]
"""Spans [from, to) in minutes of the day, in order, that neither overlap nor touch."""

type Week = tuple[Day, ...]
"""Seven days, Monday first."""

MINUTES_A_DAY = 24 * 60
CLOSED: Week = ((),) * 7


def week_of(weekdays: Iterable[int], start: time, end: time) -> Week:
    """Open from `start` to before `end` on these ISO weekdays; an end of 00:00 is the end of the day."""
    until = end.hour * 60 + end.minute or MINUTES_A_DAY
    span = (start.hour * 60 + start.minute, until)
    days = frozenset(weekdays)
    return tuple((span,) if number in days else () for number in range(1, 8))


def either(weeks: Iterable[Week]) -> Week:
    """Open where any of them is."""
    return tuple(_joined(spans) for spans in zip(*weeks, strict=True)) or CLOSED


def both(one: Week, other: Week) -> Week:
    """Open where the two of them are."""
    return tuple(_common(a, b) for a, b in zip(one, other, strict=True))


def covers(outer: Week, inner: Week) -> bool:
    """Whatever is open in `inner` is open in `outer`."""
    return both(outer, inner) == inner


def _joined(days: tuple[Day, ...]) -> Day:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(span for day in days for span in day):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def _common(one: Day, other: Day) -> Day:
    return tuple(
        (max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)
    )  # in order, as both are
