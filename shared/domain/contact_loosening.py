"""Which leaf of a lender's pack would allow more than the packs of law, scheme and provider above it.

A merge would not let it through; that somebody wrote it shows a mistake, so such a pack is refused at load.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product

from shared.domain.contact_rules import CalendarDays, Cap, ContactRules, Reached, Scope
from shared.domain.weeks import covers

_ORDER = {reached: place for place, reached in enumerate(Reached)}


def loosens(base: ContactRules, lender: ContactRules) -> str | None:
    """The first leaf in which the lender's own rules allow more than `base`; None where they only tighten."""
    return next(_loosened(base, lender), None)


def _loosened(base: ContactRules, lender: ContactRules) -> Iterator[str]:
    for window in sorted((w for group in lender.groups for w in group.windows), key=lambda w: w.id):
        if not all(covers(base.week(c, ch), window.week) for c, ch in product(window.classes, window.channels)):
            yield window.id
    for cap in sorted(lender.caps, key=lambda cap: cap.id):
        if any(_is_wider(cap, limit) for limit in base.caps):
            yield cap.id
    for hold in sorted(lender.holds, key=lambda hold: hold.code):
        own = base.hold(hold.code)
        if own and (own.stops - hold.stops or _ends_sooner(hold.days, own.days)):
            yield f"holds.{hold.code}"
    if lender.recipients is not None and base.recipients is not None and lender.recipients - base.recipients:
        yield "contact.recipients"
    numbers = {
        "contact.confirm_minutes": _is_above(lender.confirm_minutes, base.confirm_minutes),
        "contact.retention_days": _is_above(base.retention_days, lender.retention_days),
        "debit.lead_days": _is_above(base.lead_days, lender.lead_days),
        "debit.lead_days_varied": _is_above(base.lead_days_varied, lender.lead_days_varied),
        "debit.max_attempts": _is_above(lender.max_attempts, base.max_attempts),
        "delinquency.grace_days": _is_above(base.grace_days, lender.grace_days),
    }
    yield from (leaf for leaf, is_looser in numbers.items() if is_looser)


def _is_above(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one > other


def _is_wider(cap: Cap, limit: Cap) -> bool:
    """Whatever `cap` counts, `limit` counts too, and allows less of it or for longer: `cap` can never bind."""
    return (
        cap.channels <= limit.channels
        and cap.classes <= limit.classes
        and _ORDER[cap.counts] >= _ORDER[limit.counts]
        and limit.scope in (cap.scope, Scope.BORROWER)
        and cap.after == limit.after
        and type(cap.window) is type(limit.window)
        and cap.limit >= limit.limit
        and _length(cap.window) <= _length(limit.window)
        and (cap.limit, _length(cap.window)) != (limit.limit, _length(limit.window))
    )


def _length(window: CalendarDays | timedelta) -> timedelta:
    return window if isinstance(window, timedelta) else timedelta(days=window.count)


def _ends_sooner(days: int | None, others: int | None) -> bool:
    return days is not None and (others is None or days < others)
