"""Caps, counted anew on every contact of a life."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.contact_check.facts import Contact
from tests.contact_check.hours import clocks
from tests.contact_check.law import Cap

_AT_LEAST = {
    "attempt": {None, "attempt", "sent", "connected"},
    "sent": {None, "sent", "connected"},
    "connected": {None, "connected"},
}


def is_full(
    cap: Cap, log: tuple[Contact, ...], debts: tuple[str, ...], address: str, zones: tuple[str, ...], at: datetime
) -> bool:
    """Whether one more contact at this moment would be one too many."""
    for debt in debts or (None,) if cap.scope == "debt" else (None,):
        about = [c for c in log if _is_within(cap, c, debt, address) and c.at <= at]
        counted = [c for c in about if _counts(cap, c)]
        if cap.after is None:
            if sum(not _is_over(cap, c, zones, at) for c in counted) >= cap.most:
                return True
        elif any(
            sum(c.at > event.at for c in counted) >= cap.most
            for event in about
            if (event.event == cap.after or (event.channel == "voice" and event.outcome is None))
            and not _is_over(cap, event, zones, at)
        ):
            return True
    return False


def free_from(
    caps: tuple[Cap, ...],
    log: tuple[Contact, ...],
    debts: tuple[str, ...],
    address: str,
    zones: tuple[str, ...],
    at: datetime,
) -> datetime:
    """The first moment at which none is full."""
    full = [cap for cap in caps if is_full(cap, log, debts, address, zones, at)]
    if not full:
        return at
    ends = sorted({end for cap in full for c in log if (end := _end(cap, c, zones)) > at})
    return next(e for e in ends if not any(is_full(cap, log, debts, address, zones, e) for cap in full))


def _counts(cap: Cap, contact: Contact) -> bool:
    return (
        contact.counted
        and contact.channel in cap.channels
        and contact.message_class in cap.classes
        and contact.outcome in _AT_LEAST[cap.counts]
    )


def _is_within(cap: Cap, contact: Contact, debt: str | None, address: str) -> bool:
    if cap.scope == "address":
        return contact.address == address
    return debt is None or debt in contact.debts or not contact.debts


def _is_over(cap: Cap, contact: Contact, zones: tuple[str, ...], at: datetime) -> bool:
    if cap.hours is not None:
        return at - contact.at >= timedelta(hours=cap.hours)
    return all(_days_between(contact.at, at, clock) >= (cap.days or 0) for clock in clocks(zones))


def _days_between(one: datetime, other: datetime, clock: ZoneInfo) -> int:
    return (other.astimezone(clock).date() - one.astimezone(clock).date()).days


def _end(cap: Cap, contact: Contact, zones: tuple[str, ...]) -> datetime:
    if cap.hours is not None:
        return contact.at + timedelta(hours=cap.hours)
    days = timedelta(days=cap.days or 0)
    found = (datetime.combine(contact.at.astimezone(c).date() + days, time(), c) for c in clocks(zones))
    return max(midnight.astimezone(UTC) for midnight in found)
