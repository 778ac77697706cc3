"""Giving money back: an intent of its own, claimed by the loan's next number, presented once and settled once.

Crash points are those of a debit: after the claim an open attempt stays, and an enquiry under its own key tells what
became of it; nothing gives the money back a second time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, AuditEntry, LedgerEntry, LoanFile, Outcome, Owner
from shared.domain.calendar import zone
from shared.domain.changes import Change, Insert, TakeSeq
from shared.domain.debit import UNRULED
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.errors import BookError
from shared.domain.intents import SWITCH_RETRY, plan_refund
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.repayment import GATEWAY
from shared.domain.switches import Switches, rail
from shared.ports.book import Book
from shared.ports.world import Clock, PaymentGateway, PolicyShelf, RefundRequest, SwitchBoard
from shared.workflows.attempt_deductions import FRESH
from shared.workflows.booking import entity, undone_of
from shared.workflows.facts import policy_or_none
from shared.workflows.passes import Summary
from shared.workflows.refund_settling import captured_by, is_in_suspense
from shared.workflows.settling import Settling


@dataclass(frozen=True, slots=True)
class Refunded:
    """What became of an order: the decision, and where it was presented the refund's own attempt with its outcome.

    `outcome` None with an attempt: the claim stands and an enquiry will tell. `lost`: the loan changed meanwhile, and
    nothing was claimed.
    """

    decision: Decision[Money]
    attempt: Attempt | None = None
    outcome: Outcome | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Refunds:
    """The ports of giving money back."""

    book: Book
    gateway: PaymentGateway
    shelf: PolicyShelf
    clock: Clock
    switches: SwitchBoard

    def refund(
        self, payment: Attempt, amount: Money | None, summary: Summary, notes: Sequence[AuditEntry] = ()
    ) -> Refunded:
        """Gives an attempt's money back, `amount` of it or all that is left.

        Safe beside another one: what was refunded is read after the loan's last number, and the claim takes the next
        one, so that of two orders at once one is lost. `notes` are written in the transaction of the claim.
        """
        now = self.clock.now()
        file = self.book.loan_file(payment.loan_id)
        if file is None:
            raise BookError(f"attempt {keys.intent_key(payment.loan_id, payment.seq)} has no loan")
        policy = policy_or_none(self.shelf, file.loan.product, now)
        if policy is None:
            return Refunded(Defer(now + UNRULED, Reason.POLICY_MISSING))
        decision = self._decide(payment, amount, self.switches.read(), now)
        summary.note(decision)
        if not isinstance(decision, Act):
            return Refunded(decision)
        attempt = _claimed(payment, decision.do, file, policy, now)
        claim: list[Change] = [TakeSeq(payment.loan_id, attempt.seq, file.loan.gate_rev), Insert(attempt)]
        claim += [Insert(note) for note in notes]
        if not self.book.commit(claim):
            summary.counts["lost"] += 1
            return Refunded(decision, lost=True)
        outcome = self._present(payment, attempt, now, summary)
        if outcome:
            summary.counts[f"refund.{outcome}"] += 1
        return Refunded(decision, attempt, outcome)

    def _decide(self, payment: Attempt, amount: Money | None, board: Switches, now: datetime) -> Decision[Money]:
        """The attempts are read before the ledger: a refund that settles in between counts twice, never not at all."""
        if board.stops(rail(payment.rail)):
            return Defer(now + SWITCH_RETRY, Reason.SWITCHED_OFF)
        attempts = self.book.attempts(payment.loan_id)
        captured = captured_by(self.book, payment)
        if is_in_suspense(self.book, payment):
            return Drop(Reason.IN_SUSPENSE)
        taken = [*undone_of(self.book, captured), *self._suspended(captured, payment, attempts)] if captured else []
        return plan_refund(payment, captured, attempts, taken, amount)

    def _suspended(self, captured: LedgerEntry, payment: Attempt, attempts: Sequence[Attempt]) -> Iterator[LedgerEntry]:
        """Refunds that went when the payment did not hold their money any more: they stand in suspense, and went."""
        for attempt in attempts:
            if attempt.refunds == payment.seq and attempt.state is AttemptState.SETTLED:
                key = keys.intent_key(attempt.loan_id, attempt.seq)
                if entry := self.book.entry(keys.SUSPENSE, GATEWAY, key):
                    yield replace(entry, undoes=entity(captured))

    def _present(self, payment: Attempt, attempt: Attempt, now: datetime, summary: Summary) -> Outcome | None:
        later = self.clock.now()
        if later - now > FRESH:
            summary.counts["stale"] += 1
            return None
        settling = Settling(self.book, self.shelf, self.clock, summary)
        if self.switches.read(fresh=True).stops(rail(payment.rail)):
            settling.settle(attempt, Outcome.VOID, None)
            return Outcome.VOID
        answer = self.gateway.refund(
            RefundRequest(
                keys.intent_key(attempt.loan_id, attempt.seq),
                keys.intent_key(payment.loan_id, payment.seq),
                attempt.amount,
            )
        )
        if answer.outcome.is_terminal:
            settling.settle(attempt, answer.outcome, answer.gateway_ref)
        else:
            settling.unknown(attempt, answer.outcome)
        return answer.outcome


def _claimed(payment: Attempt, amount: Money, file: LoanFile, policy: Policy, now: datetime) -> Attempt:
    return Attempt(
        payment.loan_id,
        file.loan.last_seq + 1,
        payment.numbers,
        amount,
        payment.mandate_id,
        payment.rail,
        payment.account_ref,
        f"{now.astimezone(zone(policy.business_zone)):%Y-%m-%dT%H:%M}",
        now,
        policy.version,
        owner=Owner.OPERATOR,
        first_claimed_at=now,
        refunds=payment.seq,
    )
