"""A debit that a person orders on the spot: the same claim, the same freshness and the same settling as the schedule's.

Whoever else wants one of its instalments, the schedule's worker or another order, takes the loan's next intent number
or an instalment's revision first, or loses: one of them debits. The crash points are those of the debit line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import keys
from shared.domain.book import Attempt, AuditEntry, DebitCard, LoanFile, Outcome, Told
from shared.domain.calendar import business_date
from shared.domain.changes import Insert
from shared.domain.debit import UNRULED, Presentment
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.intents import plan_pay_now
from shared.domain.pay_order import PayOrder
from shared.domain.policy import Policy
from shared.domain.switches import Switches
from shared.ports.book import Book
from shared.ports.world import Clock, PaymentGateway, PolicyShelf, SwitchBoard, WorkQueue
from shared.workflows.attempt_deductions import FRESH, claim_of, present
from shared.workflows.facts import policy_or_none
from shared.workflows.passes import Summary
from shared.workflows.settling import Settling
from shared.workflows.waking import Touched


@dataclass(frozen=True, slots=True)
class Paid:
    """What became of an order: the decision, and where it was presented the attempt with its outcome.

    `outcome` None with an attempt: the claim stands and an enquiry will tell. `lost`: somebody else was quicker, and
    nothing was claimed.
    """

    decision: Decision[Presentment]
    attempt: Attempt | None = None
    outcome: Outcome | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class PayFacts:
    """A loan as it stands, with what an order on it is decided on."""

    file: LoanFile
    told: Mapping[int, Told]
    policy: Policy | None
    debits: DebitCard | None = None  # read only where the rail's rule spans loans

    def decide(self, order: PayOrder, now: datetime, board: Switches) -> Decision[Presentment]:
        if self.policy is None:
            return Defer(now + UNRULED, Reason.POLICY_MISSING)
        mandate = self.file.mandate_on(business_date(now, self.policy.business_zone))
        return plan_pay_now(
            self.file,
            order.numbers,
            order.amount,
            mandate,
            self.policy,
            now,
            board,
            owner=order.owner,
            told=self.told,
            debits=self.debits,
        )


@dataclass(frozen=True, slots=True)
class PayNow:
    """The ports of paying now."""

    book: Book
    gateway: PaymentGateway
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue
    switches: SwitchBoard

    def pay(self, order: PayOrder, run: str, summary: Summary, notes: Sequence[AuditEntry] = ()) -> Paid:
        """Debits once, or says why not. An order that has a name is claimed once, and its repeat is told what became of
        it.

        `notes` are written in the transaction of the claim: no debit without them.
        """
        if known := self._known(order):
            return self._noted(known, summary)
        now = self.clock.now()
        facts = pay_facts(self.book, self.shelf, order.loan_id, now)
        if facts is None:
            return self._noted(Paid(Drop(Reason.UNKNOWN_KEY)), summary)
        decision = facts.decide(order, now, self.switches.read())
        if not isinstance(decision, Act) or facts.policy is None:
            return self._noted(Paid(decision), summary)
        attempt, claim = claim_of(decision.do, facts.file, facts.debits, facts.policy.version, now)
        named = [_named(order, attempt, now)] if order.order_id else []
        if not self.book.commit([*claim, *(Insert(note) for note in [*notes, *named])]):
            if known := self._known(order):
                return self._noted(known, summary)
            summary.counts["lost"] += 1
            return Paid(decision, lost=True)
        self._noted(Paid(decision), summary)
        outcome = self._present(order, facts, decision.do, attempt, now, summary)
        if outcome:
            summary.counts[f"attempt.{outcome}"] += 1
            touched = Touched()
            touched.note(facts.file.loan.borrower_id, order.loan_id, outcome)
            touched.tell(self.queue, run)
        return Paid(decision, attempt, outcome)

    def _present(
        self, order: PayOrder, facts: PayFacts, do: Presentment, attempt: Attempt, now: datetime, summary: Summary
    ) -> Outcome | None:
        """Presents what was claimed a moment ago, if it would still be decided by now; None where it is too late."""
        later = self.clock.now()
        if later - now > FRESH:
            summary.counts["stale"] += 1
            return None
        settling = Settling(self.book, self.shelf, self.clock, summary)
        still = facts.decide(order, later, self.switches.read(fresh=True))
        if not isinstance(still, Act) or not _is_same(still.do, do):
            settling.settle(attempt, Outcome.VOID, None)
            return Outcome.VOID
        return present(attempt, self.gateway, settling)

    def _known(self, order: PayOrder) -> Paid | None:
        """What became of an order that was claimed before under its name."""
        if order.order_id is None:
            return None
        revision = keys.order_revision(order.order_id)
        noted = next((e for e in self.book.audit(order.loan_id) if e.revision == revision), None)
        if noted is None:
            return None
        attempt = self.book.attempt(*keys.parse_intent_key(noted.detail["attempt"]))
        return Paid(Drop(Reason.ORDER_KNOWN), attempt, attempt.outcome if attempt else None)

    def _noted(self, paid: Paid, summary: Summary) -> Paid:
        summary.note(paid.decision)
        return paid


def _named(order: PayOrder, attempt: Attempt, now: datetime) -> AuditEntry:
    return AuditEntry(
        order.loan_id,
        keys.order_revision(order.order_id or ""),
        now,
        order.owner,
        "pay-now",
        "ordered",
        {"attempt": keys.intent_key(attempt.loan_id, attempt.seq)},
    )


def pay_facts(book: Book, shelf: PolicyShelf, loan_id: str, now: datetime) -> PayFacts | None:
    file = book.loan_file(loan_id)
    owner = book.borrower_file(file.loan.borrower_id) if file else None
    if file is None or owner is None:
        return None
    told = {
        i.number: said
        for i in file.instalments
        if (said := owner.card.told.get(keys.told_key(loan_id, i.number, i.episode)))
    }
    policy = policy_or_none(shelf, file.loan.product, now, owner.borrower.country)
    mandate = file.mandate_on(business_date(now, policy.business_zone)) if policy else None
    rail = policy.rails.get(mandate.rail) if policy and mandate else None
    spans = rail is not None and rail.failures_in_row is not None
    return PayFacts(file, told, policy, book.debit_card(file.loan.borrower_id) if spans else None)


def _is_same(now: Presentment, before: Presentment) -> bool:
    """The same but for the minute in which it was ordered."""
    return (now.numbers, now.amount, now.mandate_id, now.account_ref, now.funding) == (
        before.numbers,
        before.amount,
        before.mandate_id,
        before.account_ref,
        before.funding,
    )
