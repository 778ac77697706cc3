"""Suspense: money that nobody could match, until a person says where it belongs.

Nothing on the ledger is changed: a second entry takes the money out of suspense, a third books it where it belongs, in
one transaction with the note of who decided it. Safe to run twice: the entries' keys are derived from the money's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain import keys
from shared.domain.book import AuditEntry, EntryKind, Instalment, InstalmentState, LedgerEntry, LoanFile, Outcome
from shared.domain.changes import Change, Insert, SaveInstalment, WakeContact, WakeStage
from shared.domain.errors import BookError, InputError
from shared.domain.money import Money
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf, WorkQueue
from shared.workflows.booking import (
    MOST_INSTALMENTS,
    MOST_RACES,
    book_on_loan,
    lender_today,
    may_close,
    place_after,
)
from shared.workflows.held_money import Open, kept_closed, still_open
from shared.workflows.waking import Touched

ELSEWHERE = "elsewhere"
"""Where money went that left suspense for no loan: it was given back, or belongs to other books."""


@dataclass(frozen=True, slots=True)
class Suspense:
    """The ports of resolving."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue

    def open(self) -> list[Open]:
        """What stands in front of a person, by source and external id."""
        return list(still_open(self.book.entries(keys.SUSPENSE)))

    def fitting(self, key: str, loan_id: str | None, numbers: tuple[int, ...]) -> Open:
        """What `resolve` would move, with nothing written; raises InputError as it does."""
        entries = self.book.entries(keys.SUSPENSE)
        found = _found(entries, key)
        self._changes(found, self._out(found, sum(e.undoes == found.key for e in entries), loan_id), loan_id, numbers)
        return found

    def resolve(
        self,
        key: str,
        loan_id: str | None,
        *,
        reason: str,
        actor: str,
        numbers: tuple[int, ...] = (),
        run: str = "by-hand",
        second: str | None = None,
        looked_at: Mapping[str, int] | None = None,
    ) -> LedgerEntry:
        """Moves what is left of one entry to a loan, its `numbers` first; `loan_id` None says that it went elsewhere.

        Returns the entry by which it left suspense. Instalments that the money had closed to debits are open again.
        `second` is who agreed; `looked_at` what it came to, by currency, when limits were checked. Raises InputError
        where there is nothing left to resolve or more than was looked at, or the money does not fit the loan.
        """
        if not reason or not actor:
            raise InputError("resolving needs a reason and who decided it")
        for _ in range(MOST_RACES):
            entries = self.book.entries(keys.SUSPENSE)
            found = _found(entries, key)
            if looked_at is not None and abs(found.left.minor) > looked_at.get(found.left.currency, 0):
                raise InputError(f"{key} comes to more by now than was looked at: order again")
            undone = [e for e in entries if e.undoes == found.key]
            out = self._out(found, len(undone), loan_id)
            changes, borrower_id = self._changes(found, out, loan_id, numbers)
            note = AuditEntry(
                loan_id or keys.SUSPENSE,
                keys.audit_revision(self.clock.now(), f"resolve#{key}"),
                self.clock.now(),
                actor,
                "suspense.resolve",
                reason,
                {"entry": key, "to": loan_id or ELSEWHERE, "amount_minor": str(found.left.minor)}
                | ({"approved_by": second} if second else {}),
            )
            if self.book.commit([Insert(out), place_after(found.entry, undone), *changes, Insert(note)]):
                if loan_id and borrower_id:
                    touched = Touched()
                    touched.note(borrower_id, loan_id, Outcome.PAID)
                    touched.tell(self.queue, run)
                return out
        raise BookError(f"{key} could not be resolved")

    def _out(self, found: Open, count: int, loan_id: str | None) -> LedgerEntry:
        return LedgerEntry(
            keys.SUSPENSE,
            found.entry.source,
            f"{found.entry.external_id}:S{count + 1:02d}",
            Money(-found.left.minor, found.left.currency),
            lender_today(self.shelf, self.clock.now()),
            detail=loan_id or ELSEWHERE,
            kind=EntryKind.RESOLUTION,
            undoes=found.key,
        )

    def _changes(
        self, found: Open, out: LedgerEntry, loan_id: str | None, numbers: tuple[int, ...]
    ) -> tuple[list[Change], str | None]:
        """What books the money on the loan, and what opens the instalments that it had closed."""
        now = self.clock.now()
        file = self.book.loan_file(loan_id) if loan_id else None
        closed = self._closed_by(found, file)
        if loan_id is None:
            return opening(closed, now), None
        if found.left.minor < 0:
            raise InputError(
                "money that left can only be resolved elsewhere; it comes off its loan by itself once its payment is"
                " told of (duebell attempt recheck, where that was a debit)"
            )
        if file is None:
            raise InputError(f"there is no loan {loan_id}")
        if file.loan.currency != found.left.currency:
            raise InputError(f"loan {loan_id} is in {file.loan.currency}, the money in {found.left.currency}")
        into = LedgerEntry(
            loan_id,
            out.source,
            out.external_id,
            found.left,
            found.entry.booked_on,
            detail=f"out of suspense: {found.entry.detail}",
            kind=EntryKind.RESOLUTION,
            undoes=found.key,
        )
        same_loan = {i.number for i in closed if i.loan_id == loan_id}
        unblocked = tuple(replace(i, blocked=False) if i.number in same_loan else i for i in file.instalments)
        booked = book_on_loan(into, replace(file, instalments=unblocked), self.shelf, now, numbers)
        paid = {c.row.number for c in booked.changes if isinstance(c, SaveInstalment)}
        left_closed = [i for i in closed if i.loan_id != loan_id or i.number not in paid]
        if booked.touched + len(left_closed) > MOST_INSTALMENTS:
            raise InputError(f"pays and opens more than {MOST_INSTALMENTS} instalments at once: ask for fewer")
        changes = [_awake(change, now, same_loan) for change in booked.changes]
        return [*changes, *opening(left_closed, now), WakeContact(file.loan.borrower_id, now)], file.loan.borrower_id

    def _closed_by(self, found: Open, read: LoanFile | None) -> list[Instalment]:
        """The instalments of the attempt whose late money this is, where nothing else keeps them closed.

        `read` is the loan on which the money is booked. Where it is the attempt's, this one reading is judged and
        written: what closes an instalment in between makes the write fail.
        """
        if found.attempt is None:
            return []
        loan_id, seq = found.attempt
        file = read if read and read.loan.loan_id == loan_id else self.book.loan_file(loan_id)
        attempt = self.book.attempt(loan_id, seq)
        if attempt is None or file is None:
            return []
        others = kept_closed(self.book, loan_id, but=found.key)
        disputed = {number for entry in self.book.entries(loan_id) if may_close(entry) for number, _ in entry.split}
        return [i for i in _blocked(file) if i.number in attempt.numbers and i.number not in others | disputed]


def _found(entries: Sequence[LedgerEntry], key: str) -> Open:
    found = next((one for one in still_open(entries) if one.key == key), None)
    if found is None:
        raise InputError(f"{key} is not in suspense, or was resolved already")
    return found


def _blocked(file: LoanFile) -> list[Instalment]:
    return [i for i in file.instalments if i.blocked]


def opening(closed: Sequence[Instalment], now: datetime) -> list[Change]:
    """What opens closed instalments to debits, to the stage line and, where they are unpaid, to the agenda at once."""
    rows = [SaveInstalment(replace(i, blocked=False, step=_step(i, now), rev=i.rev + 1)) for i in closed]
    return [*rows, *(WakeStage(loan_id, now) for loan_id in sorted({i.loan_id for i in closed}))]


def _awake(change: Change, now: datetime, numbers: set[int]) -> Change:
    """An instalment that was closed and is still unpaid is looked at again at once."""
    if isinstance(change, SaveInstalment) and change.row.number in numbers:
        return SaveInstalment(replace(change.row, step=_step(change.row, now)))
    return change


def _step(instalment: Instalment, now: datetime) -> datetime | None:
    return now if instalment.state is InstalmentState.OPEN and not instalment.is_paid else None
