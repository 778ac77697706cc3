"""The production workflows, each broken in one way that has cost somebody money; the checks must notice every one.

`broken(name)` patches the real code for as long as its block lasts. What a patch is called says what it leaves out.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from shared.adapters.memory.rows import Rows
from shared.domain import keys
from shared.domain.book import Attempt, Outcome
from shared.domain.changes import Change, SaveAttempt, SaveInstalment, TakeSeq
from shared.ports.world import DebitRequest, PaymentGateway
from shared.workflows import attempt_deductions, pay_now, reconcile, settling
from shared.workflows.settling import Settling

_PRESENT_IN = ("attempt_deductions", "pay_now", "reconcile")
_MODULES = {"attempt_deductions": attempt_deductions, "pay_now": pay_now, "reconcile": reconcile}

type Patches = Iterator[Any]


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
    yield patch.object(attempt_deductions.Deductions, "_present", act_first)
    yield patch.object(attempt_deductions, "present", present)


def unknown_is_failed() -> Patches:
    """A time-out is taken for a decline."""

    def present(attempt: Attempt, gateway: PaymentGateway, settling: Settling) -> Outcome:
        answer = gateway.present(_request(attempt))
        outcome = answer.outcome if answer.outcome.is_terminal else Outcome.INSUFFICIENT
        settling.settle(attempt, outcome, answer.gateway_ref)
        return outcome

    for name in _PRESENT_IN:
        yield patch.object(_MODULES[name], "present", present)


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

    yield patch.object(reconcile, "present", present)


def not_found_without_a_claim() -> Patches:
    """What the gateway does not find is presented again without being claimed again."""

    def not_found(self: Any, attempt: Attempt, settling: Settling, summary: Any) -> Outcome:
        if self._stuck(attempt, self.clock.now()):
            return original(self, attempt, settling, summary)
        return attempt_deductions.present(attempt, self.gateway, settling)

    original: Callable[..., Outcome] = reconcile.Reconciliation._not_found
    yield patch.object(reconcile.Reconciliation, "_not_found", not_found)


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
    yield patch.object(Rows, "holds", holds)
    yield patch.object(settling.Settling, "settle", settle)


def gate_not_required() -> Patches:
    """A claim is made whatever became of the mandate since it was decided."""

    def holds(self: Rows, change: Change) -> bool:
        if isinstance(change, TakeSeq):
            return self.loans[change.loan_id].last_seq == change.seq - 1
        return original(self, change)

    original = Rows.holds
    yield patch.object(Rows, "holds", holds)


def suspense_dropped() -> Patches:
    """Money that contradicts an earlier answer is not kept."""
    yield patch.object(settling.Settling, "_suspend", lambda *_: True)


def key_life_ignored() -> Patches:
    """A key is presented again however long ago the gateway forgot it."""
    yield patch.object(reconcile.Reconciliation, "_stuck", lambda *_: None)


def instalments_not_claimed() -> Patches:
    """A claim takes the loan's next number and leaves its instalments open to the next one."""

    def claim_of(*facts: Any) -> tuple[Attempt, list[Change]]:
        attempt, changes = original(*facts)
        return attempt, [c for c in changes if not isinstance(c, SaveInstalment)]

    original = attempt_deductions.claim_of
    yield patch.object(attempt_deductions, "claim_of", claim_of)
    yield patch.object(pay_now, "claim_of", claim_of)


@dataclass(frozen=True, slots=True)
class Break:
    """A patch, and the checks of which one must notice it: another one would have found something else."""

    patches: Callable[[], Patches]
    noticed_by: frozenset[str]


def _by(patches: Callable[[], Patches], *checks: str) -> tuple[str, Break]:
    return patches.__name__.replace("_", "-"), Break(patches, frozenset(checks))


_MONEY = ("gateway-agrees", "charged-once")
BREAKS: Mapping[str, Break] = dict(
    (
        _by(claim_after_act, "requests-were-claimed"),
        _by(unknown_is_failed, "charged-once"),
        _by(fresh_key_per_retry, "requests-were-claimed", *_MONEY),
        _by(not_found_without_a_claim, "requests-were-claimed"),
        _by(late_settle_overwrites, "attempts-are-booked", "gateway-agrees"),
        _by(gate_not_required, "claims-were-free"),
        _by(suspense_dropped, "gateway-agrees"),
        _by(key_life_ignored, *_MONEY),
        _by(instalments_not_claimed, "claims-match", "claims-were-free"),
    )
)


@contextmanager
def broken(name: str | None) -> Iterator[None]:
    """The workflows with one of the patches, or as they are."""
    with ExitStack() as stack:
        for one in BREAKS[name].patches() if name else ():
            stack.enter_context(one)
        yield
