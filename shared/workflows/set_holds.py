"""Sets and ends holds on loans, by a person's word: in one transaction with its audit and what it brings forward.

A hold wins over whoever decided before it: it raises the loan's gate, which every claim of a debit requires, the loan's
stage revision, and the revision of the borrower's card. Safe to run twice: the hold's id is derived from its code and
date, and one that stands, or was ended, is told as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import batched

from shared.domain import keys
from shared.domain.book import AuditEntry, Instalment, LoanFile, LoanStatus
from shared.domain.calendar import business_date
from shared.domain.changes import Change, Insert, SaveHolds, SaveInstalment, WakeContact
from shared.domain.contact_rules import Stops
from shared.domain.errors import BookError, InputError
from shared.domain.hold_orders import ADDED, ENDED, HoldAdd, HoldEnd, as_detail, new_hold, still_in_force
from shared.domain.holds import Hold
from shared.domain.mandates import to_wake
from shared.domain.policy import Policy
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.facts import owner_of

MOST_INSTALMENTS = 80
"""Instalments woken in the transaction that ends a hold, beside the loan, the card and the audit's entry."""

_MOST_RACES = 10


@dataclass(frozen=True, slots=True)
class HoldResult:
    """What became of an order on one loan: `set`, `stands` (already), `ended`, `over` (was ended already)."""

    loan_id: str
    word: str
    hold_id: str
    hold: Hold | None = None  # as it stands; None once it is ended


@dataclass(frozen=True, slots=True)
class Holds:
    """The ports of holds."""

    book: Book
    shelf: PolicyShelf
    clock: Clock

    def add(self, order: HoldAdd, actor: str) -> tuple[HoldResult, ...]:
        """Sets a hold on the order's loan, or on each open loan of its borrower, one after the other.

        Raises InputError, before anything is written, for what `new_hold` refuses on any of the loans, for a loan or
        borrower that does not exist and for one that is closed; PolicyError where no pack says what a hold stops.
        """
        loan_ids = self._loans_of(order)
        for loan_id in loan_ids:
            self._planned(order, loan_id)
        return tuple(self._set(order, loan_id, actor) for loan_id in loan_ids)

    def end(self, order: HoldEnd, actor: str) -> HoldResult:
        """Ends a hold; the lines look again at once. Raises InputError for a hold that the loan never had."""
        for _ in range(_MOST_RACES):
            file, now = self._file(order.loan_id), self.clock.now()
            hold = next((h for h in file.loan.holds if h.hold_id == order.hold_id), None)
            if hold is None:
                return self._ended_before(file, order)
            left = tuple(h for h in file.loan.holds if h is not hold)
            near, far = self._waiting(file, now) if Stops.DEBIT in hold.stops else ((), ())
            changes: list[Change] = [SaveInstalment(replace(i, step=now, rev=i.rev + 1)) for i in near]
            if self._write(file, left, hold, (ENDED, actor, order.reason), changes, now):
                self._wake(far, now)
                return HoldResult(order.loan_id, "ended", order.hold_id)
        raise BookError(f"loan {order.loan_id} changes all the time")

    def _loans_of(self, order: HoldAdd) -> tuple[str, ...]:
        if order.loan_id is not None:
            return (order.loan_id,)
        owner = self.book.borrower_file(order.borrower_id or "")
        if owner is None:
            raise InputError(f"there is no borrower {order.borrower_id}")
        files = [self.book.loan_file(loan_id) for loan_id in owner.card.loan_ids]
        found = tuple(f.loan.loan_id for f in files if f and f.loan.status is LoanStatus.OPEN)
        if not found:
            raise InputError(f"borrower {order.borrower_id} has no open loan")
        return found

    def _planned(self, order: HoldAdd, loan_id: str) -> tuple[LoanFile, Hold, datetime, date]:
        """The loan's gate is read before the audit: a hold set in between makes the write fail."""
        file, now = self._file(loan_id), self.clock.now()
        if file.loan.status is not LoanStatus.OPEN:
            raise InputError(f"loan {loan_id} is closed: there is nothing to hold")
        policy = self._policy(file, now)
        today = business_date(now, policy.business_zone)
        hold = new_hold(order, policy.contact, file.loan.holds, self.book.audit(loan_id), now, today)
        return file, hold, now, today

    def _set(self, order: HoldAdd, loan_id: str, actor: str) -> HoldResult:
        for _ in range(_MOST_RACES):
            file, hold, now, today = self._planned(order, loan_id)
            if hold in file.loan.holds:
                return HoldResult(loan_id, "stands", hold.hold_id, hold)
            holds = (*still_in_force(file.loan.holds, today), hold)
            if self._write(file, holds, hold, (ADDED, actor, order.reason), [], now):
                return HoldResult(loan_id, "set", hold.hold_id, hold)
        raise BookError(f"loan {loan_id} changes all the time")

    def _write(
        self,
        file: LoanFile,
        holds: tuple[Hold, ...],
        hold: Hold,
        note: tuple[str, str, str],
        more: Sequence[Change],
        now: datetime,
    ) -> bool:
        loan, (what, actor, reason) = file.loan, note
        revision = keys.audit_revision(now, f"{loan.gate_rev + 1:06d}#{what}")
        detail = as_detail(hold) | {"gate_rev": str(loan.gate_rev + 1)}
        return self.book.commit(
            [
                SaveHolds(loan.loan_id, holds, loan.gate_rev, now),
                WakeContact(loan.borrower_id, now),
                Insert(AuditEntry(loan.loan_id, revision, now, actor, what, reason, detail)),
                *more,
            ]
        )

    def _waiting(self, file: LoanFile, now: datetime) -> tuple[tuple[Instalment, ...], tuple[Instalment, ...]]:
        """The instalments that would be looked at later: those that fit the transaction, earliest due first, and the
        others. One on no agenda is there for another reason than the hold."""
        waiting = tuple(i for i in to_wake(file) if i.step is not None and i.step > now)
        return waiting[:MOST_INSTALMENTS], waiting[MOST_INSTALMENTS:]

    def _wake(self, rows: Sequence[Instalment], now: datetime) -> None:
        """What is not woken here comes up by itself: no row waits longer than seven days."""
        for part in batched(rows, MOST_INSTALMENTS, strict=False):
            self.book.commit([SaveInstalment(replace(i, step=now, rev=i.rev + 1)) for i in part])

    def _ended_before(self, file: LoanFile, order: HoldEnd) -> HoldResult:
        """A hold that is over by its date leaves the loan's row when the next one is set."""
        history = self.book.audit(order.loan_id)
        if any(e.what == ADDED and e.detail.get("hold_id") == order.hold_id for e in history):
            return HoldResult(order.loan_id, "over", order.hold_id)
        known = ", ".join(hold.hold_id for hold in file.loan.holds) or "none"
        raise InputError(f"loan {order.loan_id} has no hold {order.hold_id}; it has: {known}")

    def _file(self, loan_id: str) -> LoanFile:
        file = self.book.loan_file(loan_id)
        if file is None:
            raise InputError(f"there is no loan {loan_id}")
        return file

    def _policy(self, file: LoanFile, now: datetime) -> Policy:
        return self.shelf.policy(file.loan.product, now).within(owner_of(self.book, file).borrower.country)
