"""Holds: what a circumstance of the borrower stops on a loan, until it ends or somebody ends it.

A hold wins over every line. What it stops is written down when it is set, from the packs of that day, so that a later
pack never lets go what an operator was told is stopped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from shared.domain.calendar import at_local
from shared.domain.contact_rules import Stops
from shared.domain.decision import Defer, Reason

_LOOK_AGAIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold in force on a loan; `until` is its last business date, None: until somebody ends it."""

    hold_id: str
    code: str  # complaint, dispute, hardship, bereavement, ...
    stops: frozenset[Stops]
    since: datetime
    until: date | None = None


def in_force(holds: Iterable[Hold], what: Stops, today: date) -> tuple[Hold, ...]:
    """The holds that stop this on a business date."""
    return tuple(hold for hold in holds if what in hold.stops and (hold.until is None or today <= hold.until))


def held(holds: Iterable[Hold], what: Stops, now: datetime, today: date, business_zone: str) -> Defer | None:
    """The deferral while a hold stops this, to the first moment at which none may any more; None: nothing does."""
    found = in_force(holds, what, today)
    if not found:
        return None
    ends = [hold.until for hold in found if hold.until is not None]
    if len(ends) < len(found):
        return Defer(now + _LOOK_AGAIN, Reason.ON_HOLD)
    return Defer(at_local(max(ends) + timedelta(days=1), time.min, business_zone), Reason.ON_HOLD)
