"""What operators do to payment attempts by hand: five verbs that never do each other's work.

`recheck` asks and never debits; `rerecord` settles from evidence and asks nobody; `recharge` makes a new attempt and
touches no old one; `refund` gives money back; `reopen` lets instalments be debited again, and debits none itself. Each
act is noted under its loan, with who, what and why, in the transaction that claims it, or before it where nothing is
claimed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, AuditEntry, Outcome, Owner
from shared.domain.changes import Insert
from shared.domain.decision import Act, Decision, Defer, Reason
from shared.domain.errors import GatewayError, InputError, StoreError
from shared.domain.money import Money
from shared.domain.operations import (
    APPROVED,
    Extent,
    Order,
    Verb,
    approved,
    check_approval,
    check_limits,
    check_order,
    extent_asked,
    extent_of,
    needs_second_person,
    read_order,
    request_id,
    requested,
)
from shared.domain.pay_order import PayOrder
from shared.domain.settlement import LEASE
from shared.ports.book import Book
from shared.ports.world import Clock, PaymentGateway, PolicyShelf, SwitchBoard, WorkQueue
from shared.workflows.booking import lender_today
from shared.workflows.facts import policy_or_none
from shared.workflows.passes import Summary
from shared.workflows.pay_now import PayNow
from shared.workflows.refunding import Refunds
from shared.workflows.reopening import Reopening
from shared.workflows.settling import Settling
from shared.workflows.taking_back import TakingBack
from shared.workflows.waking import Touched


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt: a word, the reason where nothing was done, and the new attempt where one was made.

    Words: an outcome; `conflict` (money against another outcome: it is in suspense), `known` (it was settled so
    already), `other-amount` (the gateway names another sum: that is in suspense, and it is stuck if open), `opened`,
    `not-found`, `refused`, `lost` (somebody else was quicker), `stale`, `gateway-silent`, `unsure` (the
    store did not answer: look again), `left` (no time).
    """

    target: str
    word: str
    reason: Reason | None = None
    until: datetime | None = None
    attempt: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """`request` is set where nothing was done yet, because a second person has to agree."""

    extent: Extent
    summary: Summary
    results: tuple[Result, ...] = ()
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked, in which run, and who agreed."""

    actor: str
    run: str
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An attempt of an order, the instalments that the order means, and what it would move at most."""

    attempt: Attempt
    numbers: tuple[int, ...]
    amount: Money


@dataclass(frozen=True, slots=True)
class Operations:
    """The ports of the operators' verbs."""

    book: Book
    gateway: PaymentGateway
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue
    switches: SwitchBoard

    def order(self, order: Order, actor: str, run: str, has_time: Callable[[], bool] = lambda: True) -> Report:
        """Does an order within its limits, or notes it as a request where it needs a second person.

        Raises InputError, before anything is done or noted, for an attempt that does not exist or a limit exceeded.
        """
        check_order(order)
        targets = self._targets(order)
        extent = extent_of(order, (target.amount for target in targets))
        check_limits(order, extent)
        if not self._needs_second_person(order, extent):
            return self._each(order, targets, extent, Asker(actor, run), has_time)
        now = self.clock.now()
        request = request_id(order, lender_today(self.shelf, now))
        made = self.book.commit([Insert(requested(order, request, extent, actor, now))])
        if not made and any(entry.revision == APPROVED for entry in self.book.audit(request)):
            raise InputError(f"request {request} was used already: give another reason")
        return Report(extent, Summary(Counter({"requested": 1})), request=request)

    def approve(self, request: str, actor: str, run: str, has_time: Callable[[], bool] = lambda: True) -> Report:
        """Does what another person asked for. The request is used up before the first act, and only once.

        Raises InputError where this person may not approve it, it was used or is too old, or what it names has grown.
        """
        now = self.clock.now()
        asked = check_approval(self.book.audit(request), request, actor, now)
        order = read_order(asked)
        targets = self._targets(order)
        extent = extent_of(order, (target.amount for target in targets))
        check_limits(order, extent)
        if extent.exceeds(extent_asked(asked)):
            raise InputError(f"request {request} reaches further than when it was made: ask anew")
        if not self.book.commit([Insert(approved(request, actor, now, order.reason))]):
            raise InputError(f"request {request} was used already: each is used once")
        return self._each(order, targets, extent, Asker(asked.actor, run, actor), has_time)

    def recheck(self, attempt: Attempt, note: AuditEntry, run: str, summary: Summary) -> Result:
        """Asks the gateway once and settles what is definite; never presents anything.

        An answer that contradicts the attempt settles nothing: where it still is open, it is stuck until a person has
        evidence.
        """
        key = keys.intent_key(attempt.loan_id, attempt.seq)
        if not self.book.commit([Insert(note)]):
            return Result(key, "lost")
        answer = self.gateway.enquire(key)
        if answer is None:
            return Result(key, "not-found")
        if other := answer.other_amount(attempt.amount):
            Settling(self.book, self.shelf, self.clock, summary).doubt(attempt, other)
            return Result(key, "other-amount")
        if not answer.outcome.is_terminal:
            return Result(key, answer.outcome)
        return self._settle(attempt, answer.outcome, answer.gateway_ref, run, summary)

    def rerecord(self, attempt: Attempt, outcome: Outcome, note: AuditEntry, run: str, summary: Summary) -> Result:
        """Settles an attempt that no enquiry could settle, from evidence that a person has seen.

        Not while it may still be on its way: what it then released could be debited beside it.
        """
        key = keys.intent_key(attempt.loan_id, attempt.seq)
        attempt = self.book.attempt(attempt.loan_id, attempt.seq) or attempt  # an order of many takes its time
        if attempt.state is AttemptState.SETTLED and outcome not in (Outcome.PAID, attempt.outcome):
            return Result(key, "refused", Reason.ATTEMPT_SETTLED)
        if attempt.state is not AttemptState.SETTLED and self.clock.now() < attempt.claimed_at + LEASE:
            return Result(key, "refused", Reason.ATTEMPT_FRESH, attempt.claimed_at + LEASE)
        if not self.book.commit([Insert(note)]):
            return Result(key, "lost")
        return self._settle(attempt, outcome, attempt.gateway_ref, run, summary, from_evidence=True)

    def recharge(self, target: Target, note: AuditEntry, run: str, summary: Summary) -> Result:
        """A new attempt on what its instalments still owe: a debit like any other, under the same budget."""
        key = keys.intent_key(target.attempt.loan_id, target.attempt.seq)
        if target.attempt.refunds is not None:
            return Result(key, "refused", Reason.ATTEMPT_SETTLED)
        paying = PayNow(self.book, self.gateway, self.shelf, self.clock, self.queue, self.switches)
        amount = target.amount if target.amount.minor else None
        order = PayOrder(target.attempt.loan_id, target.numbers, amount, Owner.OPERATOR)
        done = paying.pay(order, run, summary, [note])
        return _result(key, done.decision, done.attempt, done.outcome, lost=done.lost)

    def refund(self, attempt: Attempt, amount: Money | None, note: AuditEntry, summary: Summary) -> Result:
        """Gives back an amount of its money, or all that is left of it."""
        key = keys.intent_key(attempt.loan_id, attempt.seq)
        refunds = Refunds(self.book, self.gateway, self.shelf, self.clock, self.switches)
        done = refunds.refund(attempt, amount, summary, [note])
        return _result(key, done.decision, done.attempt, done.outcome, lost=done.lost)

    def reopen(self, attempt: Attempt, note: AuditEntry) -> Result:
        """Opens its instalments to debits again, under the budget that they had."""
        key = keys.intent_key(attempt.loan_id, attempt.seq)
        done = Reopening(self.book, self.clock).reopen(attempt, note)
        if done.refused:
            return Result(key, "refused", done.refused)
        return Result(key, "lost" if done.lost else "opened")

    def _targets(self, order: Order) -> tuple[Target, ...]:
        found = []
        for key in order.targets:
            attempt = self.book.attempt(*keys.parse_intent_key(key))
            if attempt is None:
                raise InputError(f"there is no attempt {key}")
            found.append(self._target(order, attempt))
        return tuple(found)

    def _target(self, order: Order, attempt: Attempt) -> Target:
        if order.verb is Verb.REOPEN:
            closed = Reopening(self.book, self.clock).closed(attempt)
            owed = Money(sum(i.outstanding_minor for i in closed), attempt.amount.currency)
            return Target(attempt, tuple(i.number for i in closed), owed)
        if order.verb is not Verb.RECHARGE:
            return Target(attempt, attempt.numbers, order.amount or attempt.amount)
        file = self.book.loan_file(attempt.loan_id)
        unpaid = [i for i in file.unpaid if i.number in attempt.numbers] if file else []
        owed = Money(sum(i.outstanding_minor for i in unpaid), attempt.amount.currency)
        return Target(attempt, tuple(i.number for i in unpaid) or attempt.numbers, order.amount or owed)

    def _needs_second_person(self, order: Order, extent: Extent) -> bool:
        now = self.clock.now()
        files = [self.book.loan_file(loan_id) for loan_id in sorted(order.loan_ids)]
        products = {file.loan.product for file in files if file}
        policies = [policy_or_none(self.shelf, product, now) for product in sorted(products)]
        return not all(files) or needs_second_person(extent, policies)

    def _each(
        self, order: Order, targets: Sequence[Target], extent: Extent, asker: Asker, has_time: Callable[[], bool]
    ) -> Report:
        summary, results = Summary(), []
        for target in targets:
            key = keys.intent_key(target.attempt.loan_id, target.attempt.seq)
            result = self._one(order, target, asker, summary) if has_time() else Result(key, "left")
            summary.counts[f"{order.verb}.{result.word}"] += 1
            results.append(result)
        return Report(extent, summary, tuple(results))

    def _one(self, order: Order, target: Target, asker: Asker, summary: Summary) -> Result:
        note, attempt = self._note(order, target.attempt, asker), target.attempt
        try:
            match order.verb:
                case Verb.RECHECK:
                    return self.recheck(attempt, note, asker.run, summary)
                case Verb.RERECORD:
                    return self.rerecord(attempt, order.outcome or Outcome.UNKNOWN, note, asker.run, summary)
                case Verb.RECHARGE:
                    return self.recharge(target, note, asker.run, summary)
                case Verb.REFUND:
                    return self.refund(attempt, order.amount, note, summary)
                case Verb.REOPEN:
                    return self.reopen(attempt, note)
                case _:
                    assert_never(order.verb)
        except GatewayError:
            return Result(keys.intent_key(attempt.loan_id, attempt.seq), "gateway-silent")
        except StoreError:
            return Result(keys.intent_key(attempt.loan_id, attempt.seq), "unsure")

    def _note(self, order: Order, attempt: Attempt, asker: Asker) -> AuditEntry:
        now, key = self.clock.now(), keys.intent_key(attempt.loan_id, attempt.seq)
        revision = keys.audit_revision(now, f"{order.verb}:{attempt.seq}")
        said = {name: value for name, value in order.as_detail().items() if name in ("amount", "outcome", "evidence")}
        detail = {"attempt": key} | said | ({"approved_by": asker.second} if asker.second else {})
        return AuditEntry(attempt.loan_id, revision, now, asker.actor, f"attempt.{order.verb}", order.reason, detail)

    def _settle(
        self,
        attempt: Attempt,
        outcome: Outcome,
        gateway_ref: str | None,
        run: str,
        summary: Summary,
        *,
        from_evidence: bool = False,
    ) -> Result:
        became = Settling(self.book, self.shelf, self.clock, summary).settle(
            attempt, outcome, gateway_ref, from_evidence=from_evidence
        )
        touched, key = Touched(), keys.intent_key(attempt.loan_id, attempt.seq)
        file = self.book.loan_file(attempt.loan_id)
        if file and became == "settled":
            touched.note(file.loan.borrower_id, attempt.loan_id, outcome)
        if outcome is Outcome.PAID:  # what took it back may wait in suspense
            TakingBack(self.book, self.shelf, self.clock, touched).take_what_waits(key)
        touched.tell(self.queue, run)
        return Result(key, outcome.value if became == "settled" else became)


def _result(
    key: str, decision: Decision[object], attempt: Attempt | None, outcome: Outcome | None, *, lost: bool
) -> Result:
    if lost:
        return Result(key, "lost")
    if not isinstance(decision, Act):
        return Result(key, "refused", decision.reason, decision.until if isinstance(decision, Defer) else None)
    made = keys.intent_key(attempt.loan_id, attempt.seq) if attempt else None
    return Result(key, outcome.value if outcome else "stale", attempt=made)
