"""The debit line broken: claims, presentments and settlements, each in one way that has cost somebody money."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.memory.rows import Rows
from shared.adapters.memory.world import MemorySwitches
from shared.domain import debit, debit_mandates, keys, settlement
from shared.domain.book import Attempt, Instalment, InstalmentState, Outcome, Owner
from shared.domain.calendar import business_date
from shared.domain.changes import Change, SaveAttempt, SaveDebitCard, SaveHolds, SaveInstalment, TakeSeq
from shared.domain.debit import Presentment
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.switches import ALL_ON, Switches
from shared.ports.world import DebitRequest, PaymentGateway
from shared.simulation.patches import Patch, Patches
from shared.workflows import attempt_deductions, debit_facts, pay_now, reconcile, settling
from shared.workflows.settling import Settling

_PRESENT_IN = (attempt_deductions, pay_now, reconcile)


def _request(attempt: Attempt, key: str | None = None) -> DebitRequest:
    key = key or keys.intent_key(attempt.loan_id, attempt.seq)
    return DebitRequest(key, attempt.amount, attempt.account_ref, attempt.mandate_id, attempt.funding)


def claim_after_act() -> Patches:
    """The debit is presented first, and written down when the answer is there."""
    answered: dict[str, Any] = {}
    claim_of = attempt_deductions.claim_of

    def act_first(self: Any, facts: Any, presentment: Any, *rest: Any) -> None:
        attempt, _ = claim_of(presentment, facts.file, facts.debits, facts.rules.version, self.clock.now())
        answered[keys.intent_key(attempt.loan_id, attempt.seq)] = self.gateway.present(_request(attempt))
        original(self, facts, presentment, *rest)

    def present(attempt: Attempt, gateway: PaymentGateway, settling: Settling) -> Outcome:
        answer = answered.pop(keys.intent_key(attempt.loan_id, attempt.seq), None)
        if answer is None:
            return real_present(attempt, gateway, settling)
        if answer.outcome.is_terminal:
            settling.settle(attempt, answer.outcome, answer.gateway_ref)
        else:
            settling.unknown(attempt, answer.outcome)
        return Outcome(answer.outcome)

    original, real_present = attempt_deductions.Deductions._present, attempt_deductions.present
    yield Patch(attempt_deductions.Deductions, "_present", act_first)
    yield Patch(attempt_deductions, "present", present)


def unknown_is_failed() -> Patches:
    """A time-out is taken for a decline."""

    def present(attempt: Attempt, gateway: PaymentGateway, settling: Settling) -> Outcome:
        answer = gateway.present(_request(attempt))
        outcome = answer.outcome if answer.outcome.is_terminal else Outcome.INSUFFICIENT
        settling.settle(attempt, outcome, answer.gateway_ref)
        return outcome

    for module in _PRESENT_IN:
        yield Patch(module, "present", present)


def fresh_key_per_retry() -> Patches:
    """What is presented again goes out under another key."""

    def present(attempt: Attempt, gateway: PaymentGateway, settling: Settling) -> Outcome:
        key = keys.intent_key(attempt.loan_id, attempt.seq + 1000 * (attempt.presented - 1))
        answer = gateway.present(_request(attempt, key))
        if answer.outcome.is_terminal:
            settling.settle(attempt, answer.outcome, answer.gateway_ref)
        else:
            settling.unknown(attempt, answer.outcome)
        return answer.outcome

    yield Patch(reconcile, "present", present)


def not_found_without_a_claim() -> Patches:
    """What the gateway does not find is presented again without being claimed again."""

    def not_found(self: Any, attempt: Attempt, settling: Settling, summary: Any) -> Outcome:
        if self._stuck(attempt, self.clock.now()):
            return original(self, attempt, settling, summary)
        return attempt_deductions.present(attempt, self.gateway, settling)

    original: Callable[..., Outcome] = reconcile.Reconciliation._not_found
    yield Patch(reconcile.Reconciliation, "_not_found", not_found)


def reclaim_without_a_new_decision() -> Patches:
    """What the gateway does not find is claimed and presented again, whatever came since its first claim."""

    def still_right(_: Any, attempt: Attempt, __: datetime) -> list[Change] | None:
        return [] if attempt.refunds is None and attempt.owner is Owner.SCHEDULE else None

    yield Patch(reconcile.Reconciliation, "_still_right", still_right)


def late_settle_overwrites() -> Patches:
    """Whoever settles last is right."""

    def holds(self: Rows, change: Change) -> bool:
        return True if isinstance(change, SaveAttempt) else original(self, change)

    def settle(self: Settling, attempt: Attempt, outcome: Outcome, gateway_ref: str | None) -> str:
        file = self.book.loan_file(attempt.loan_id)
        current = self.book.attempt(attempt.loan_id, attempt.seq)
        if file is None or current is None or current.outcome is outcome:
            return "known"
        open_again = replace(current, state=attempt.state.CLAIMED, outcome=None, settled_at=None)
        self.book.commit(self._changes(open_again, file, outcome, gateway_ref, self.clock.now()))
        return "settled"

    original = Rows.holds
    yield Patch(Rows, "holds", holds)
    yield Patch(settling.Settling, "settle", settle)


def gate_not_required() -> Patches:
    """A claim is made whatever became of the mandate since it was decided."""

    def holds(self: Rows, change: Change) -> bool:
        if isinstance(change, TakeSeq):
            return self.loans[change.loan_id].last_seq == change.seq - 1
        return original(self, change)

    original = Rows.holds
    yield Patch(Rows, "holds", holds)


def suspense_dropped() -> Patches:
    """Money that contradicts an earlier answer is not kept."""
    yield Patch(settling.Settling, "_suspend", lambda *_: True)


def key_life_ignored() -> Patches:
    """A key is presented again however long ago the gateway forgot it."""
    yield Patch(reconcile.Reconciliation, "_stuck", lambda *_: None)


def instalments_not_claimed() -> Patches:
    """A claim takes the loan's next number and leaves its instalments open to the next one."""

    def claim_of(*facts: Any) -> tuple[Attempt, list[Change]]:
        attempt, changes = original(*facts)
        return attempt, [c for c in changes if not isinstance(c, SaveInstalment)]

    original = attempt_deductions.claim_of
    yield Patch(attempt_deductions, "claim_of", claim_of)
    yield Patch(pay_now, "claim_of", claim_of)


def hold_ignored_at_the_claim() -> Patches:
    """A hold does not raise the gate: whoever decided before it claims all the same."""

    def make(self: Rows, change: Change) -> None:
        original(self, change)
        if isinstance(change, SaveHolds):
            self.loans[change.loan_id] = replace(self.loans[change.loan_id], gate_rev=change.gate_rev)

    original = Rows.make
    yield Patch(Rows, "make", make)


def switch_ignored_at_the_last_gate() -> Patches:
    """What an operator switched off since the decision is presented all the same."""

    def present(self: Any, *rest: Any) -> None:
        original(replace(self, switches=MemorySwitches(ALL_ON)), *rest)

    original = attempt_deductions.Deductions._present
    yield Patch(attempt_deductions.Deductions, "_present", present)


def deferral_without_a_new_decision() -> Patches:
    """What was decided for later is done then, whatever came in between."""
    planned: dict[tuple[str, int, int], tuple[datetime, Act[Presentment]]] = {}

    def decide(self: Any, now: datetime, switches: Switches = ALL_ON) -> Decision[Presentment]:
        key = self.instalment.loan_id, self.instalment.number, self.instalment.attempts
        when, act = planned.get(key, (now, None))
        if act and now >= when and self.instalment.state is InstalmentState.OPEN:
            return act
        decision = original(self, now, switches)
        if isinstance(decision, Defer) and self.policy:
            later = original(self, decision.until, switches)
            if isinstance(later, Act):
                planned[key] = decision.until, later
        return decision

    original = debit_facts.DebitFacts.decide
    yield Patch(debit_facts.DebitFacts, "decide", decide)


def equality_on_days() -> Patches:
    """A debit is made on its due day, and on no other."""

    def plan_debit(instalment: Instalment, *facts: Any, **more: Any) -> Decision[Presentment]:
        policy, now = facts[3], facts[4]
        if business_date(now, policy.business_zone) > instalment.due_on:
            return Drop(Reason.CATCH_UP_OVER)
        return original(instalment, *facts, **more)

    original = debit.plan_debit
    yield Patch(debit_mandates, "plan_debit", plan_debit)


def budget_counted_by_owner() -> Patches:
    """What the borrower or an operator asks for takes nothing of the schedule's budget."""

    def taken(instalment: Instalment, presentment: Presentment, *rest: Any) -> Instalment:
        row = original(instalment, presentment, *rest)
        return row if presentment.owner is Owner.SCHEDULE else replace(row, attempts=instalment.attempts)

    original = settlement._taken
    yield Patch(settlement, "_taken", taken)


def place_not_reserved() -> Patches:
    """A debit over a rail whose rule spans loans takes no place on the borrower's card."""

    def claim_of(*facts: Any) -> tuple[Attempt, list[Change]]:
        attempt, changes = original(*facts)
        return attempt, [c for c in changes if not isinstance(c, SaveDebitCard)]

    original = attempt_deductions.claim_of
    yield Patch(attempt_deductions, "claim_of", claim_of)
    yield Patch(pay_now, "claim_of", claim_of)


def failures_do_not_stop() -> Patches:
    """Failures in a row are counted, and stop nothing."""
    yield Patch(debit, "is_stopped", lambda *_: False)


def loan_not_claimed_with_its_amount() -> Patches:
    """What was outstanding when the decision was made is claimed: a payment since does not undo it."""

    def holds(self: Rows, change: Change) -> bool:
        if isinstance(change, SaveInstalment) and change.row.state is InstalmentState.CLAIMED:
            stands = self.instalments[change.row.loan_id][change.row.number]
            return stands.state is not InstalmentState.CLAIMED
        return original(self, change)

    original = Rows.holds
    yield Patch(Rows, "holds", holds)


def debit_always_deferred() -> Patches:
    """What would be debited now is put off to the next day, and on that day to the one after."""

    def plan_debit(*facts: Any, **more: Any) -> Decision[Presentment]:
        decision, now = original(*facts, **more), facts[5]
        return Defer(now + timedelta(days=1), decision.reason) if isinstance(decision, Act) else decision

    original = debit.plan_debit
    yield Patch(debit_mandates, "plan_debit", plan_debit)
