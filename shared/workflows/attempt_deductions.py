"""The debit line's worker: decide, claim, present once, settle.

Crash points and what they leave: before the claim nothing; after it an open attempt whose lease leads `reconcile` to
ask the gateway; after the presentment the same; after the settlement nothing open. No crash leads to a second
presentment under another key, and under the same key only after the gateway said that it never saw it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import keys
from shared.domain.book import Attempt, DebitCard, Line, LoanFile, Outcome
from shared.domain.changes import (
    Change,
    Insert,
    SaveDebitCard,
    SaveInstalment,
    TakeSeq,
)
from shared.domain.debit import Presentment
from shared.domain.decision import Act, Defer, Drop
from shared.domain.settlement import claimed
from shared.ports.book import Book
from shared.ports.decisions import DecisionSink
from shared.ports.world import Clock, DebitRequest, PaymentGateway, PolicyShelf, SwitchBoard, WorkQueue
from shared.workflows.debit_facts import DebitFacts, debit_facts
from shared.workflows.passes import Summary, for_each, next_step
from shared.workflows.settling import Settling
from shared.workflows.waking import Touched

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
    switches: SwitchBoard
    sink: DecisionSink | None = None

    def work(
        self,
        debit_keys: Sequence[str],
        run: str,
        has_time: Callable[[], bool] = lambda: True,
        summary: Summary | None = None,
    ) -> Summary:
        """Works through instalments' hints; safe to run twice on the same ones at once."""
        touched = Touched()
        summary = for_each(
            Line.DEBIT, debit_keys, self.book, lambda key, s: self._instalment(key, s, touched), has_time, summary
        )
        touched.tell(self.queue, run)
        return summary

    def _instalment(self, key: str, summary: Summary, touched: Touched) -> None:
        now = self.clock.now()
        facts = debit_facts(self.book, self.shelf, key, now)
        if facts is None:
            return
        decision = facts.decide(now, self.switches.read())
        summary.note(decision)
        if self.sink:
            self.sink.note(Line.DEBIT, key, now, decision)
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
        self, facts: DebitFacts, presentment: Presentment, now: datetime, summary: Summary, touched: Touched
    ) -> None:
        loan, rules = facts.file.loan, facts.rules.under(presentment.rail) or facts.rules
        attempt, claim = claim_of(presentment, facts.file, facts.debits, rules.version, now)
        if not self.book.commit(claim):
            summary.counts["lost"] += 1
            return
        settling = Settling(self.book, self.shelf, self.clock, summary)
        board = self.switches.read(fresh=True)
        later = self.clock.now()
        if later - now > FRESH:
            summary.counts["stale"] += 1
            return
        still = facts.decide(later, board)
        if isinstance(still, Act) and still.do == presentment:
            outcome = present(attempt, self.gateway, settling)
        else:
            settling.settle(attempt, Outcome.VOID, None)
            outcome = Outcome.VOID
        summary.counts[f"attempt.{outcome}"] += 1
        touched.note(loan.borrower_id, loan.loan_id, outcome)


def claim_of(
    presentment: Presentment, file: LoanFile, debits: DebitCard | None, policy_version: str, now: datetime
) -> tuple[Attempt, list[Change]]:
    """The next intent of a loan, and the claim to commit before it is presented: its number under the unchanged gate,
    its row, its instalments, and a place on the borrower's `DebitCard` where a rule spans loans."""
    loan = file.loan
    attempt, taken = claimed(presentment, loan, file.instalments, policy_version, now, reserves=debits is not None)
    changes: list[Change] = [
        TakeSeq(loan.loan_id, attempt.seq, loan.gate_rev),
        Insert(attempt),
        *(SaveInstalment(i) for i in taken),
    ]
    if debits:
        changes.append(SaveDebitCard(replace(debits, open=debits.open + 1, rev=debits.rev + 1)))
    return attempt, changes


def present(attempt: Attempt, gateway: PaymentGateway, settling: Settling) -> Outcome:
    """One request under the intent's key, and its answer settled; for an attempt that its caller has just claimed."""
    request = DebitRequest(
        keys.intent_key(attempt.loan_id, attempt.seq),
        attempt.amount,
        attempt.account_ref,
        attempt.mandate_id,
        attempt.funding,
    )
    answer = gateway.present(request)
    if answer.outcome.is_terminal:
        settling.settle(attempt, answer.outcome, answer.gateway_ref)
    else:
        settling.unknown(attempt, answer.outcome)
    return answer.outcome
