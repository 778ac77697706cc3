"""The debit line's worker: decide, claim, present once, settle.

Crash points and what they leave: before the claim nothing; after it an open attempt whose lease leads `reconcile` to
ask the gateway; after the presentment the same; after the settlement nothing open. No crash leads to a second
presentment under another key, and under the same key only after the gateway said that it never saw it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import keys
from shared.domain.book import Attempt, Line, Outcome
from shared.domain.changes import Change, Insert, SaveInstalment, TakeSeq
from shared.domain.debit import Presentment
from shared.domain.decision import Act, Defer, Drop
from shared.domain.settlement import claimed
from shared.ports.book import Book
from shared.ports.world import Clock, DebitRequest, PaymentGateway, PolicyShelf, WorkQueue
from shared.workflows.decisions import DebitFacts, debit_facts
from shared.workflows.passes import Summary, for_each, next_step
from shared.workflows.settling import Settling

FRESH = timedelta(seconds=5)
"""A claim older than this is not presented any more: a worker that was frozen leaves it to an enquiry."""


@dataclass(frozen=True, slots=True)
class Deductions:
    """The ports of the debit line."""

    book: Book
    gateway: PaymentGateway
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue

    def work(self, debit_keys: Sequence[str], run: str, has_time: Callable[[], bool] = lambda: True) -> Summary:
        """Works through instalments' hints; safe to run twice on the same ones at once."""
        touched = Touched()
        summary = for_each(
            Line.DEBIT, debit_keys, self.book, lambda key, s: self._instalment(key, s, touched), has_time
        )
        touched.tell(self.queue, run)
        return summary

    def _instalment(self, key: str, summary: Summary, touched: "Touched") -> None:
        now = self.clock.now()
        facts = debit_facts(self.book, self.shelf, key, now)
        if facts is None:
            return
        decision = facts.decide(now)
        summary.note(decision)
        match decision:
            case Drop():
                if facts.instalment.step is not None:
                    self._save_step(facts, None, summary)
            case Defer():
                self._save_step(facts, next_step(decision, now), summary)
            case Act(presentment):
                self._present(facts, presentment, now, summary, touched)

    def _save_step(self, facts: DebitFacts, step: datetime | None, summary: Summary) -> None:
        row = replace(facts.instalment, step=step, rev=facts.instalment.rev + 1)
        if not self.book.commit([SaveInstalment(row)]):
            summary.counts["lost"] += 1

    def _present(
        self, facts: DebitFacts, presentment: Presentment, now: datetime, summary: Summary, touched: "Touched"
    ) -> None:
        loan, policy = facts.file.loan, facts.rules
        attempt, taken = claimed(presentment, loan, facts.file.instalments, policy.version, now)
        claim: list[Change] = [
            TakeSeq(loan.loan_id, attempt.seq, loan.gate_rev),
            Insert(attempt),
            *(SaveInstalment(i) for i in taken),
        ]
        if not self.book.commit(claim):
            summary.counts["lost"] += 1
            return
        settling = Settling(self.book, self.shelf, self.clock, summary)
        later = self.clock.now()
        if later - now > FRESH:
            summary.counts["stale"] += 1
            return
        still = facts.decide(later)
        if isinstance(still, Act) and still.do == presentment:
            outcome = present(attempt, self.gateway, settling)
        else:
            settling.settle(attempt, Outcome.VOID, None)
            outcome = Outcome.VOID
        summary.counts[f"attempt.{outcome}"] += 1
        touched.note(loan.borrower_id, loan.loan_id, outcome)


def present(attempt: Attempt, gateway: PaymentGateway, settling: Settling) -> Outcome:
    """One request under the intent's key, and its answer settled; for an attempt that its caller has just claimed."""
    request = DebitRequest(
        keys.intent_key(attempt.loan_id, attempt.seq), attempt.amount, attempt.account_ref, attempt.mandate_id
    )
    answer = gateway.present(request)
    if answer.outcome.is_terminal:
        settling.settle(attempt, answer.outcome, answer.gateway_ref)
    else:
        settling.unknown(attempt, answer.outcome)
    return answer.outcome


class Touched:
    """Whom outcomes concern, so that the other lines hear at once instead of at their next pass."""

    def __init__(self) -> None:
        self._borrowers: set[str] = set()
        self._loans: set[str] = set()

    def note(self, borrower_id: str, loan_id: str, outcome: Outcome) -> None:
        if outcome.is_terminal:
            self._borrowers.add(borrower_id)
        if outcome is Outcome.PAID:
            self._loans.add(loan_id)

    def tell(self, queue: WorkQueue, run: str) -> None:
        """Hints only: lost ones cost time, not messages, since both lines have their own next step."""
        if self._borrowers:
            queue.send(Line.CONTACT, sorted(self._borrowers), run)
        if self._loans:
            queue.send(Line.STAGE, sorted(self._loans), run)
