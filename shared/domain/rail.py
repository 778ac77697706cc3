"""Rails: what a way of debiting accounts can do, what its scheme forbids, and what its codes mean.

A rail is a policy pack of its own (`type = "rail"`), merged under the lender's rules strictest-wins: a lender may try
less often than the scheme allows, and never more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

from shared.domain.book import Outcome
from shared.domain.calendar import at_local, zone
from shared.domain.errors import PolicyError
from shared.domain.packs import (
    MIDNIGHT,
    Pack,
    Reader,
    a_zone,
    count,
    days,
    flag,
    maybe_count,
    maybe_day,
    outcomes,
    texts,
    weekdays,
    windows,
)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rail:
    """The rules of one rail. None is "no such rule"; days are the lender's business dates."""

    name: str
    version: str
    max_attempts: int | None  # per instalment, over every owner
    attempts_within_days: int | None  # of the first attempt
    max_per_day: int | None
    same_amount: bool  # a retry takes exactly what the first attempt asked for
    failures_in_row: int | None  # over all loans of a borrower, until a newer authorisation
    days_before_due: int  # a debit may go this early
    days_after_due: int | None  # and no later than this; None: as late as policy likes
    notice_required: bool
    notice_lead_days: int  # between the pre-debit notice and the debit
    notice_valid_days: int | None  # a notice covers debits up to this many days after its lead
    windows: tuple[tuple[time, time], ...]  # [from, to) in `zone`, in order, to MIDNIGHT at most; none: at any time
    zone: str
    settle_weekdays: frozenset[int]  # ISO, 1 is Monday
    closed_on: frozenset[date]
    calendar_until: date | None  # the last day for which `closed_on` is known; None: the rail never closes
    partial: bool  # takes a lower amount after a definite insufficient-funds answer
    order_in_one_call: bool  # takes the funding order in one request; else each source is one of its own
    retries_itself: bool  # the rail tries again on its own
    retry_outcomes: frozenset[Outcome]
    codes: Mapping[str, Outcome]

    def settles_on(self, day: date) -> bool:
        """The rail moves money on this business date. A day past the calendar is none on which it surely does."""
        if self.calendar_until is not None and day > self.calendar_until:
            return False
        return day.isoweekday() in self.settle_weekdays and day not in self.closed_on

    def knows(self, day: date) -> bool:
        """The calendar covers the day; past it nothing is debited, and somebody is told."""
        return self.calendar_until is None or day <= self.calendar_until

    def opens(self, now: datetime) -> datetime:
        """`now` where the rail takes debits, else the UTC instant at which it next does."""
        if not self.windows:
            return now
        local = now.astimezone(zone(self.zone))
        if any(start <= local.time() and (end == MIDNIGHT or local.time() < end) for start, end in self.windows):
            return now
        ahead = [start for start, _ in self.windows if start > local.time()]
        day = local.date() if ahead else local.date() + _DAY
        return at_local(day, min(ahead or [start for start, _ in self.windows]), self.zone)

    def outcome_of(self, code: str) -> Outcome:
        """What a code of the rail means; UNKNOWN for one that is in no table: it may have charged."""
        return self.codes.get(code, Outcome.UNKNOWN)


def read_rail(pack: Pack) -> Rail:
    """The rail of a pack; raises PolicyError naming the pack and the leaf."""
    try:
        return _read(pack, Reader(pack.leaves))
    except PolicyError as error:
        raise PolicyError(f"{pack.id}: {error}") from error


def _read(pack: Pack, reader: Reader) -> Rail:
    codes: dict[str, Outcome] = {}
    for name, group in reader.take_all("codes", texts).items():
        for code in group:
            if code in codes:
                raise PolicyError(f"codes.{name}: {code!r} stands under codes.{codes[code]} already")
            codes[code] = _class(name)
    rail = Rail(
        name=pack.id,
        version=pack.version,
        max_attempts=reader.take("rail.max_attempts", maybe_count),
        attempts_within_days=reader.take("rail.attempts_within_days", maybe_count),
        max_per_day=reader.take("rail.max_per_day", maybe_count),
        same_amount=reader.take("rail.same_amount", flag),
        failures_in_row=reader.take("rail.failures_in_row", maybe_count),
        days_before_due=reader.take("rail.days_before_due", count),
        days_after_due=reader.take("rail.days_after_due", maybe_count),
        notice_required=reader.take("rail.notice_required", flag),
        notice_lead_days=reader.take("rail.notice_lead_days", count),
        notice_valid_days=reader.take("rail.notice_valid_days", maybe_count),
        windows=tuple(reader.take("rail.windows", windows)),
        zone=reader.take("rail.zone", a_zone),
        settle_weekdays=frozenset(reader.take("rail.settle_weekdays", weekdays)),
        closed_on=frozenset(reader.take("rail.closed_on", days)),
        calendar_until=reader.take("rail.calendar_until", maybe_day),
        partial=reader.take("rail.partial", flag),
        order_in_one_call=reader.take("rail.order_in_one_call", flag),
        retries_itself=reader.take("rail.retries_itself", flag),
        retry_outcomes=frozenset(reader.take("rail.retry_outcomes", outcomes)),
        codes=MappingProxyType(codes),
    )
    reader.refuse_rest()
    return rail


_CLASSES = {str(outcome): outcome for outcome in Outcome if outcome is not Outcome.VOID}
"""VOID is our own word for an attempt that no rail ever heard of."""


def _class(name: str) -> Outcome:
    if name not in _CLASSES:
        raise PolicyError(f"codes.{name} is no outcome that a rail reports: {', '.join(_CLASSES)}")
    return _CLASSES[name]
