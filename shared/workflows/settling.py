"""Settling an attempt: alike for a worker's answer, an enquiry and a webhook; whoever comes first settles it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    Instalment,
    Loan,
    LoanFile,
    Mandate,
    MandateStatus,
    Outcome,
    Stage,
)
from shared.domain.calendar import business_date
from shared.domain.changes import (
    Change,
    Insert,
    SaveAttempt,
    SaveInstalment,
    SaveMandate,
    WakeContact,
    WakeStage,
)
from shared.domain.debit import plan_debit
from shared.domain.decision import Act, Defer
from shared.domain.errors import BookError
from shared.domain.settlement import gateway_entry, settled
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.decisions import policy_or_none
from shared.workflows.passes import Summary

_MOST_RACES = 10


@dataclass(frozen=True, slots=True)
class Settling:
    """The ports of settling. A contradiction that is new is counted in `summary` as `conflict`: it pages."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    summary: Summary

    def settle(self, attempt: Attempt, outcome: Outcome, gateway_ref: str | None) -> str:
        """Writes a definite outcome once. Returns `settled`, `known` (it was settled so before) or `conflict`.

        Money that arrives after another definite outcome is booked to suspense, and its instalments are closed to
        further debits until a person has looked: evidence of money is never discarded.
        """
        for _ in range(_MOST_RACES):
            current = self.book.attempt(attempt.loan_id, attempt.seq)
            file = self.book.loan_file(attempt.loan_id)
            if current is None or file is None:
                raise BookError(f"attempt {keys.intent_key(attempt.loan_id, attempt.seq)} has no row or no loan")
            now = self.clock.now()
            if outcome is Outcome.VOID and current.presented != attempt.presented:
                return "known"  # claimed again meanwhile: it may be on the wire
            if current.state is not AttemptState.SETTLED:
                if self.book.commit(self._changes(current, file, outcome, gateway_ref, now)):
                    return "settled"
            elif current.outcome is outcome or outcome is not Outcome.PAID:
                return "known"
            elif self._suspend(current, file, now):
                return "conflict"
        raise BookError(f"attempt {keys.intent_key(attempt.loan_id, attempt.seq)} could not be settled")

    def unknown(self, attempt: Attempt, outcome: Outcome) -> None:
        """Notes that there is no definite answer; somebody's definite one that came meanwhile stands."""
        row = replace(attempt, state=AttemptState.UNKNOWN, outcome=outcome)
        self.book.commit([SaveAttempt(row, was_presented=attempt.presented)])

    def _changes(
        self, attempt: Attempt, file: LoanFile, outcome: Outcome, gateway_ref: str | None, now: datetime
    ) -> list[Change]:
        done = settled(attempt, file.instalments, outcome, gateway_ref, now, self._today(file, now))
        mandate, mandate_changes = self._mandate(attempt, file, outcome)
        instalments = [replace(i, step=self._next_step(i, file.loan, mandate, now)) for i in done.instalments]
        changes: list[Change] = [
            SaveAttempt(done.attempt, was_presented=attempt.presented),
            *(SaveInstalment(i) for i in instalments),
            *mandate_changes,
        ]
        if done.entry:
            changes.append(Insert(done.entry))
            changes += wakes(file, instalments, now)
        return changes

    def _next_step(self, instalment: Instalment, loan: Loan, mandate: Mandate | None, now: datetime) -> datetime | None:
        """When the instalment's debit line looks again. The notice that a debit needs was there for this attempt;
        whether it still suffices is decided then."""
        policy = policy_or_none(self.shelf, loan.product, now)
        if policy is None:
            return now if not instalment.is_paid else None
        unannounced = replace(policy, notice_required=False)
        match plan_debit(instalment, loan, mandate, None, unannounced, now):
            case Act():
                return now
            case Defer(until):
                return until
            case _:
                return None

    def _mandate(self, attempt: Attempt, file: LoanFile, outcome: Outcome) -> tuple[Mandate | None, list[Change]]:
        status = outcome.ends_mandate
        used = next((m for m in file.mandates if m.mandate_id == attempt.mandate_id), None)
        if status is None or used is None or used.status is not MandateStatus.ACTIVE:
            return file.mandate, []  # whoever ended it before had his reason
        ended = replace(used, status=status)
        others = replace(file, mandates=tuple(m for m in file.mandates if m is not used))
        return others.mandate, [SaveMandate(ended, file.loan.gate_rev)]

    def _today(self, file: LoanFile, now: datetime) -> date:
        """The lender's date; without a valid pack that of UTC, because money is booked all the same."""
        policy = policy_or_none(self.shelf, file.loan.product, now)
        return business_date(now, policy.business_zone) if policy else now.date()

    def _suspend(self, attempt: Attempt, file: LoanFile, now: datetime) -> bool:
        key = keys.intent_key(attempt.loan_id, attempt.seq)
        if self.book.entry(keys.SUSPENSE, "gateway", key):
            return True
        detail = f"paid after {attempt.outcome}"
        entry = replace(gateway_entry(attempt, self._today(file, now), ()), loan_id=keys.SUSPENSE, detail=detail)
        blocked = [
            replace(i, blocked=True, step=None, rev=i.rev + 1) for i in file.instalments if i.number in attempt.numbers
        ]
        if not self.book.commit([Insert(entry), *(SaveInstalment(i) for i in blocked)]):
            return False
        self.summary.counts["conflict"] += 1
        return True


def wakes(file: LoanFile, changed: Iterable[Instalment], now: datetime) -> list[Change]:
    """What money brings forward: the stage line where a stage may end, both lines where the loan is repaid.

    A single payment of a loan in no stage brings nothing forward: the contact line looks after each deduction anyway.
    """
    after = {i.number: i for i in file.instalments} | {i.number: i for i in changed}
    if all(i.is_paid for i in after.values()):
        return [WakeContact(file.loan.borrower_id, now), WakeStage(file.loan.loan_id, now)]
    return [WakeStage(file.loan.loan_id, now)] if file.loan.stage is not Stage.CURRENT else []
