"""Opening instalments to debits that money taken back, or late money resolved by now, had closed: a person's word.

Safe to run twice: each instalment is opened under the revision on which it was closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain.book import Attempt, AuditEntry, Instalment, LoanFile
from shared.domain.changes import Insert, WakeContact
from shared.domain.decision import Reason
from shared.ports.book import Book
from shared.ports.world import Clock
from shared.workflows.booking import MOST_INSTALMENTS, entity, may_close
from shared.workflows.held_money import kept_closed
from shared.workflows.refund_settling import captured_by
from shared.workflows.resolve_suspense import opening


@dataclass(frozen=True, slots=True)
class Reopened:
    """What became of an order: the instalments that are open, or why none is. `lost`: they changed meanwhile."""

    numbers: tuple[int, ...] = ()
    refused: Reason | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Reopening:
    """The ports of opening."""

    book: Book
    clock: Clock

    def closed(self, attempt: Attempt) -> Sequence[Instalment]:
        """The closed instalments that an attempt was for, or that its money had paid when it was charged back."""
        file = self.book.loan_file(attempt.loan_id)
        return self._closed(attempt, file) if file else ()

    def _closed(self, attempt: Attempt, file: LoanFile) -> Sequence[Instalment]:
        blocked = [i for i in file.instalments if i.blocked]
        captured = captured_by(self.book, attempt) if blocked else None
        disputed = {
            number
            for entry in (self.book.entries(attempt.loan_id) if captured else ())
            if captured and may_close(entry) and entry.undoes == entity(captured)
            for number, _ in entry.split
        }
        return [i for i in blocked if i.number in attempt.numbers or i.number in disputed]

    def reopen(self, attempt: Attempt, note: AuditEntry) -> Reopened:
        """Opens at most as many as one transaction takes, with the note of who ordered it; the rest by another order.

        The loan is read before the suspense: late money that comes in between changes the instalments that it closes.
        """
        file = self.book.loan_file(attempt.loan_id)
        closed = self._closed(attempt, file)[:MOST_INSTALMENTS] if file else ()
        if file is None or not closed:
            return Reopened(refused=Reason.NOTHING_CLOSED)
        kept = kept_closed(self.book, attempt.loan_id)
        if kept & ({i.number for i in closed} | set(attempt.numbers)):
            return Reopened(refused=Reason.IN_SUSPENSE)
        numbers = tuple(i.number for i in closed)
        said = {**note.detail, "instalments": " ".join(map(str, numbers))}
        changes = [*opening(closed, self.clock.now()), WakeContact(file.loan.borrower_id, self.clock.now())]
        done = self.book.commit([*changes, Insert(replace(note, detail=said))])
        return Reopened(numbers) if done else Reopened(lost=True)
