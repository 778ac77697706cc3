"""Holds as people set and end them: which codes there are, until when at the longest, and under which id.

An id is derived from code, business date and number, so that a hold that is asked for twice is one hold.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.domain import keys
from shared.domain.book import AuditEntry
from shared.domain.contact_rules import ContactRules
from shared.domain.errors import InputError
from shared.domain.holds import Hold

MOST_HOLDS = 20
"""In force on one loan at once: they stand in the loan's row, which every worker reads."""

ADDED, ENDED = "hold.add", "hold.end"
"""The `what` of the audit entries."""


@dataclass(frozen=True, slots=True)
class HoldAdd:
    """A hold to be set on one loan, or on each open loan of a borrower; `until` None is as long as the packs allow."""

    code: str
    loan_id: str | None
    borrower_id: str | None
    until: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class HoldEnd:
    """A hold to be ended before its time, or one that has none."""

    loan_id: str
    hold_id: str
    reason: str


def new_hold(
    order: HoldAdd,
    rules: ContactRules,
    holds: Sequence[Hold],
    history: Iterable[AuditEntry],
    now: datetime,
    today: date,
) -> Hold:
    """The hold as it stands already, or as it shall stand: what it stops is all that any pack of today says.

    `rules` are those of the borrower's country, `holds` the loan's, `history` its audit. Raises InputError for a code
    that no pack knows, a last day that is over or later than the packs allow, and where the loan has MOST_HOLDS.
    """
    rule = rules.hold(order.code)
    if rule is None:
        known = ", ".join(sorted({hold.code for hold in rules.holds})) or "none"
        raise InputError(f"no pack of the borrower's country knows a hold {order.code}; known: {known}")
    longest = None if rule.days is None else today + timedelta(days=rule.days)
    until = order.until or longest
    if until is not None and until < today:
        raise InputError(f"until: {until} is over already; today is {today}")
    if until is not None and longest is not None and until > longest:
        raise InputError(f"until: a hold {order.code} lasts {rule.days} days at most, to {longest}")
    for hold in holds:
        if hold.hold_id.startswith(keys.hold_ids_of(order.code, today)) and hold.until == until:
            return hold
    if len(still_in_force(holds, today)) >= MOST_HOLDS:
        raise InputError(f"the loan has {MOST_HOLDS} holds already: end one of them first")
    set_before = {entry.detail.get("hold_id", "") for entry in history if entry.what == ADDED}
    number = 1
    while (hold_id := keys.hold_id(order.code, today, number)) in set_before | {hold.hold_id for hold in holds}:
        number += 1
    return Hold(hold_id, order.code, rule.stops, now, until)


def still_in_force(holds: Iterable[Hold], today: date) -> tuple[Hold, ...]:
    """The holds without those whose last day is over."""
    return tuple(hold for hold in holds if hold.until is None or today <= hold.until)


def as_detail(hold: Hold) -> dict[str, str]:
    """A hold as the audit keeps it."""
    return {
        "hold_id": hold.hold_id,
        "code": hold.code,
        "stops": " ".join(sorted(hold.stops)),
        "until": hold.until.isoformat() if hold.until else "none",
    }
