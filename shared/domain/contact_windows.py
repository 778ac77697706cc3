"""Contact windows: when a message may go, given every zone where the borrower may be."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from shared.domain.calendar import zone
from shared.domain.contact_rules import Channel, ContactRules, MessageClass
from shared.domain.weeks import MINUTES_A_DAY, Week

HORIZON = timedelta(days=8)
"""A week and a day: rules that do not open within it do not open."""

_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=4096)
def known_zones(names: tuple[str, ...]) -> tuple[tzinfo, ...]:
    """The zones of these names; none at all where one of them is unknown, for then nobody knows what time it is."""
    try:
        return tuple(zone(name) for name in dict.fromkeys(names))
    except (KeyError, ValueError, OSError):  # no such zone, no name of one, a folder of zones
        return ()


def opens(
    now: datetime, rules: ContactRules, message_class: MessageClass, channel: Channel, zones: tuple[str, ...]
) -> datetime | None:
    """The first instant from `now` on at which every pack admits the message in every zone (IANA names).

    None where there is no such instant within HORIZON, where no zone is known, and where one of them is none: then
    nothing goes out, and somebody is told. A window is read off the wall clock: one whose beginning a clock change
    skips opens at the change.
    """
    week, clocks = rules.week(message_class, channel), known_zones(zones)
    if not clocks:
        return None
    last, moment = now + HORIZON, now
    while True:
        before = moment
        for clock in clocks:
            found = _admitted(moment, week, clock, last)
            if found is None:
                return None
            moment = found
        if moment is before:  # every zone admitted it as it was
            return moment


def closes(
    now: datetime, rules: ContactRules, message_class: MessageClass, channel: Channel, zones: tuple[str, ...]
) -> datetime:
    """Until when a message that is admitted `now` stays admitted, in every zone; `now` where it is not admitted.

    Exact where the clock does not change before, and else at most the change too early or too late; at most a day.
    """
    week = rules.week(message_class, channel)
    found = [now + timedelta(minutes=_rest(now.astimezone(clock), week)) for clock in known_zones(zones)]
    return min(found, default=now)


def _rest(local: datetime, week: Week) -> float:
    """Minutes for which the week stays open on this clock; 0: it is closed."""
    minute = local.hour * 60 + local.minute
    end = next((end for start, end in week[local.weekday()] if start <= minute < end), None)
    return 0 if end is None else end - minute - local.second / 60


def closed_by(
    now: datetime, rules: ContactRules, message_class: MessageClass, channel: Channel, zones: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """What keeps such a message back at `now`: the packs whose windows are closed, each with a zone."""
    return tuple(sorted(_closed(now, rules, message_class, channel, zones)))


def _closed(
    now: datetime, rules: ContactRules, message_class: MessageClass, channel: Channel, zones: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    for group in rules.groups:
        week = group.week(message_class, channel)
        for name in zones:
            clocks = known_zones((name,))
            if not clocks or _wait(now.astimezone(clocks[0]), week):
                yield group.pack, name


def _admitted(moment: datetime, week: Week, clock: tzinfo, last: datetime) -> datetime | None:
    """The first instant from `moment` to `last` that the week admits on one clock; `moment` itself where it does."""
    local = moment.astimezone(clock)
    while moment <= last:
        wait = _wait(local, week)
        if not wait:
            return moment
        later = moment + timedelta(0, wait * 60 - local.second, -local.microsecond)
        there = later.astimezone(clock)
        if there.utcoffset() != local.utcoffset():  # look again from where the wall clock jumps
            later = _change(moment, later, clock)
            there = later.astimezone(clock)
        moment, local = later, there
    return None


def _wait(local: datetime, week: Week) -> int:
    """Minutes until the week opens, or until midnight where it stays closed tomorrow too; 0: it is open."""
    minute, day = local.hour * 60 + local.minute, local.weekday()
    for start, end in week[day]:
        if minute < start:
            return start - minute
        if minute < end:
            return 0
    tomorrow = week[day - 6]
    return MINUTES_A_DAY - minute + (tomorrow[0][0] if tomorrow else 0)


def _change(before: datetime, after: datetime, clock: tzinfo) -> datetime:
    """The first whole second after `before` with the offset of `after`; between the two the clock changes once."""
    low, high = before.replace(microsecond=0), after
    offset = after.astimezone(clock).utcoffset()
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        if middle.astimezone(clock).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high
