"""Holds as they stood at an instant: the audit keeps each with what it stopped and until when."""

from collections.abc import Iterable
from datetime import date, datetime

from shared.domain.book import AuditEntry
from shared.domain.contact_rules import Stops
from shared.domain.hold_orders import ADDED, ENDED
from shared.domain.holds import Hold


def holds_before(now: Iterable[Hold], audit: Iterable[AuditEntry], at: datetime) -> tuple[Hold, ...]:
    """The holds that were set before an instant and not ended before it. One whose end by date is over stops nothing,
    whether it still stands in the row or not."""
    entries = sorted((e for e in audit if e.what in (ADDED, ENDED)), key=lambda e: (e.at, e.revision))
    noted = {e.detail.get("hold_id") for e in entries}
    found = {hold.hold_id: hold for hold in now if hold.hold_id not in noted and hold.since < at}
    for entry in entries:
        if entry.at >= at:
            continue
        hold = _read(entry)
        if entry.what == ADDED:
            found[hold.hold_id] = hold
        else:
            found.pop(hold.hold_id, None)
    return tuple(found.values())


def _read(entry: AuditEntry) -> Hold:
    """The hold of an audit entry, as `hold_orders.as_detail` wrote it."""
    said = entry.detail
    until = None if said["until"] == "none" else date.fromisoformat(said["until"])
    return Hold(
        said["hold_id"], said["code"], frozenset(Stops(word) for word in said["stops"].split()), entry.at, until
    )
