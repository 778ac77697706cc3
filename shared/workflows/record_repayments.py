"""Books money once: manual repayments, oldest due first, and what the gateway reports of our attempts.

Safe to run twice: a ledger entry's key is its source and external id, and instalments change only in the transaction
that puts the entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain import keys
from shared.domain.book import LedgerEntry, Outcome
from shared.domain.changes import Insert, SaveInstalment
from shared.domain.errors import BookError, EventError
from shared.domain.repayment import GatewayReport, Repayment
from shared.domain.settlement import allocate
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf, WorkQueue
from shared.workflows.attempt_deductions import Touched
from shared.workflows.passes import Summary
from shared.workflows.settling import Settling, wakes

_MOST_RACES = 10
MOST_INSTALMENTS = 90
"""Instalments that one transaction can pay; more at once goes to suspense, in front of a person."""


@dataclass(frozen=True, slots=True)
class Repayments:
    """The ports of booking."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue

    def work(self, arrived: Sequence[Repayment | GatewayReport], run: str) -> Summary:
        """Books what arrived. What matches no loan or attempt is kept in suspense with its reason."""
        summary, touched = Summary(), Touched()
        for one in arrived:
            became = (
                self._repayment(one, touched) if isinstance(one, Repayment) else self._report(one, summary, touched)
            )
            summary.counts[f"repayment.{became}"] += 1
        touched.tell(self.queue, run)
        return summary

    def _repayment(self, repayment: Repayment, touched: Touched) -> str:
        entry = LedgerEntry(
            repayment.loan_id, repayment.source, repayment.external_id, repayment.amount, repayment.paid_on
        )
        for _ in range(_MOST_RACES):
            if self._is_booked(repayment.loan_id, repayment.source, repayment.external_id):
                return "known"
            file = self.book.loan_file(repayment.loan_id)
            if file is None:
                return self._suspend(entry, "no such loan")
            if file.loan.currency != repayment.amount.currency:
                return self._suspend(entry, f"the loan is in {file.loan.currency}")
            paid = allocate(repayment.amount, file.unpaid, repayment.paid_on)
            if len(paid.split) > MOST_INSTALMENTS:
                return self._suspend(entry, f"pays more than {MOST_INSTALMENTS} instalments at once")
            changes = [
                Insert(replace(entry, split=paid.split)),
                *(SaveInstalment(i) for i in paid.instalments),
                *wakes(file, paid.instalments, self.clock.now()),
            ]
            if self.book.commit(changes):
                touched.note(file.loan.borrower_id, file.loan.loan_id, Outcome.PAID)
                return "booked"
        raise BookError(f"repayment {repayment.external_id} of loan {repayment.loan_id} could not be booked")

    def _report(self, report: GatewayReport, summary: Summary, touched: Touched) -> str:
        try:
            loan_id, seq = keys.parse_intent_key(report.key)
        except EventError:
            return self._unmatched(report, "no key of ours")
        attempt = self.book.attempt(loan_id, seq)
        if attempt is None:
            return self._unmatched(report, "no such attempt")
        if attempt.amount != report.amount:
            return self._unmatched(report, f"the attempt was for {attempt.amount.decimal()} {attempt.amount.currency}")
        if not report.outcome.is_terminal:
            return "pending"
        settling = Settling(self.book, self.shelf, self.clock, summary)
        became = settling.settle(attempt, report.outcome, report.gateway_ref)
        file = self.book.loan_file(loan_id)
        if file and became == "settled":
            touched.note(file.loan.borrower_id, loan_id, report.outcome)
        return became

    def _unmatched(self, report: GatewayReport, reason: str) -> str:
        """A report of money is kept; one of no money is nothing to keep."""
        if report.outcome is not Outcome.PAID:
            return "unmatched"
        today = self.clock.now().date()
        return self._suspend(LedgerEntry(keys.SUSPENSE, "gateway", report.key, report.amount, today), reason)

    def _suspend(self, entry: LedgerEntry, reason: str) -> str:
        put = self.book.commit([Insert(replace(entry, loan_id=keys.SUSPENSE, detail=reason))])
        return "suspense" if put else "known"

    def _is_booked(self, loan_id: str, source: str, external_id: str) -> bool:
        return any(self.book.entry(where, source, external_id) for where in (loan_id, keys.SUSPENSE))
