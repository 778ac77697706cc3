"""Writes a change of mandates, by whichever hand: in one transaction with its audit and what it brings forward."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import batched

from shared.domain.book import DebitCard, Instalment, InstalmentState, LoanFile, Mandate, MandateStatus
from shared.domain.changes import (
    Change,
    HoldInstalment,
    Insert,
    SaveDebitCard,
    SaveInstalment,
    SaveMandate,
    WakeContact,
)
from shared.domain.mandate_requests import Changed, Refused
from shared.domain.mandates import Actor, Move, Refusal, authorised_at, mandate_entry, refusal_of, to_wake
from shared.domain.policy import Policy
from shared.ports.book import Book
from shared.ports.world import Clock

MOST_INSTALMENTS = 80
"""Instalments that one change wakes or holds; with the mandate, its loan, the code and both cards they fit one
transaction of 100 rows."""

MOST_RACES = 10

LATER = timedelta(days=1)
"""When a loan's instalments beyond the nearest 80 are looked at after a new authorisation."""


@dataclass(frozen=True, slots=True)
class Note:
    """Who changes, as the audit keeps it."""

    what: str
    actor: str
    reason: str
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """What one of the two hands without a one-time code wants a mandate to be."""

    loan_id: str
    mandate_id: str
    status: MandateStatus
    by: Actor


def write_changes(
    book: Book, file: LoanFile, moves: tuple[Move, ...], note: Note, more: Sequence[Change], now: datetime
) -> Changed | None:
    """The change, its audit and what it brings forward, in one transaction; None where it lost a race."""
    loan = file.loan
    stand = {m.mandate_id: m.status for m in file.mandates} | {m.row.mandate_id: m.row.status for m in moves}
    debits = MandateStatus.ACTIVE in stand.values()
    woken = to_wake(file) if debits else ()
    claimed = [i for i in file.unpaid if i.state is InstalmentState.CLAIMED] if debits else []
    room = max(0, MOST_INSTALMENTS - len(claimed))
    near, far = woken[:room], woken[room:]
    if not _wake_later(book, far, now):
        return None
    changes: list[Change] = [
        *(SaveMandate(replace(move.row, since=now), loan.gate_rev) for move in moves),
        Insert(mandate_entry(loan, moves, note.what, note.actor, note.reason, note.detail, now)),
        *(SaveInstalment(replace(i, step=now, rev=i.rev + 1)) for i in near),
        *(SaveInstalment(replace(i, rev=i.rev + 1)) for i in claimed),  # who settles it decides its step anew
        WakeContact(loan.borrower_id, now),
        *(change for change in more if not _is_held_by_its_save(change, (*near, *claimed))),
    ]
    if not book.commit(changes):
        return None
    return Changed(tuple((move.row.mandate_id, move.row.status) for move in moves), now)


def tell(book: Book, clock: Clock, said: Said, note: Note) -> Changed | Refused:
    """Writes what the rail or the lender says of one mandate, unless it stands so or may not be."""
    for _ in range(MOST_RACES):
        now = clock.now()
        file = book.loan_file(said.loan_id)
        if file is None:
            return Refused(Refusal.NO_LOAN)
        mandate = next((m for m in file.mandates if m.mandate_id == said.mandate_id), None)
        if mandate is None:
            return Refused(Refusal.NO_MANDATE)
        if refusal := refusal_of(mandate.status, said.status, said.by):
            return Refused(refusal)
        if said.by is Actor.LENDER and said.status is MandateStatus.ACTIVE and all(s.is_dead for s in mandate.sources):
            return Refused(Refusal.ALL_DEAD)
        move = Move(replace(mandate, status=said.status), mandate.status)
        if changed := write_changes(book, file, (move,), note, (), now):
            return changed
    return Refused(Refusal.RACED)


def _is_held_by_its_save(change: Change, saved: Sequence[Instalment]) -> bool:
    """A save requires the row's revision as much as a hold does, and a row is written once in a transaction."""
    return isinstance(change, HoldInstalment) and change.number in {row.number for row in saved}


def _wake_later(book: Book, rows: tuple[Instalment, ...], now: datetime) -> bool:
    """Puts instalments that are on no agenda on it, before the change: one that is looked at in vain does no harm,
    one that nobody looks at would never be deducted."""
    asleep = [i for i in rows if i.step is None]
    return all(
        book.commit([SaveInstalment(replace(i, step=now + LATER, rev=i.rev + 1)) for i in part])
        for part in batched(asleep, MOST_INSTALMENTS, strict=False)
    )


def fresh_start(mandate: Mandate, debits: DebitCard, policy: Policy) -> list[Change]:
    """What the borrower's new authorisation makes of failures in a row that had reached the limit and stopped nobody,
    because the limit was lowered since: they count anew, and every authorisation before this one is stopped. Fewer stay
    counted: those that follow are in a row with them, and stop it again."""
    rail = policy.rails.get(mandate.rail)
    if rail is None or rail.failures_in_row is None or debits.failures < rail.failures_in_row:
        return []
    before = authorised_at(mandate) - timedelta.resolution
    stopped_at = max(before, debits.stopped_at or before)
    return [SaveDebitCard(replace(debits, failures=0, stopped_at=stopped_at, rev=debits.rev + 1))]
