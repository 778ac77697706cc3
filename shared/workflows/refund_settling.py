"""What a refund's answer does to the book, whoever brings it: its worker, an enquiry or a webhook."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, EntryKind, LedgerEntry, Outcome
from shared.domain.changes import Change, Insert, SaveAttempt
from shared.domain.errors import BookError
from shared.domain.money import Money
from shared.domain.repayment import GATEWAY, Misfit
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.booking import entity, left_of, lender_today, may_close, moved_out, take_off_loan, undone_of
from shared.workflows.held_money import still_open
from shared.workflows.passes import Summary

_MOST_RACES = 10


def captured_by(book: Book, payment: Attempt) -> LedgerEntry | None:
    """The entry of an attempt's money on its loan: booked there at once, or out of suspense later."""
    key = keys.intent_key(payment.loan_id, payment.seq)
    if at_once := book.entry(payment.loan_id, GATEWAY, key):
        return at_once
    held = book.entry(keys.SUSPENSE, GATEWAY, key)
    return moved_out(book, held) if held else None


def is_in_suspense(book: Book, payment: Attempt) -> bool:
    """Something in suspense is about the attempt's money: it came against the outcome, or was taken back before it was
    booked, or beyond what was left. A person resolves it before any of it is given back."""
    key = keys.intent_key(payment.loan_id, payment.seq)
    return any(
        one.entry.source == GATEWAY
        and (one.entry.external_id == key or (one.left.minor < 0 and one.entry.external_id.startswith(f"{key}:")))
        for one in still_open(book.entries(keys.SUSPENSE))
    )


def booked_refund(book: Book, key: str) -> LedgerEntry | None:
    """The entry of a refund's money by the refund's key: where its payment's money was, or in suspense."""
    loan_id, seq = keys.parse_intent_key(key)
    refund = book.attempt(loan_id, seq)
    payment = book.attempt(loan_id, refund.refunds) if refund and refund.refunds is not None else None
    captured = captured_by(book, payment) if payment else None
    owners = (captured.loan_id if captured else loan_id, keys.SUSPENSE)
    return next((found for owner in owners if (found := book.entry(owner, GATEWAY, key))), None)


def settle_refund(
    book: Book,
    shelf: PolicyShelf,
    clock: Clock,
    summary: Summary,
    attempt: Attempt,
    outcome: Outcome,
    gateway_ref: str | None,
) -> str:
    """Writes a refund's definite outcome once, whoever brings it. Returns `settled`, `known` or `conflict`.

    Money that went although the refund was settled otherwise, or although a bank took it back meanwhile, is booked all
    the same, as it went, and counted as `conflict`: the second to suspense, in front of a person. So is a failure after
    the money went, which moves nothing here: the rail tells of money that comes again by a word of its own.
    """
    key = keys.intent_key(attempt.loan_id, attempt.seq)
    for _ in range(_MOST_RACES):
        current = book.attempt(attempt.loan_id, attempt.seq)
        if current is None:
            raise BookError(f"refund {key} has no row")
        if stands := _stands(current, attempt, outcome):
            if stands == "conflict":
                summary.counts["conflict"] += 1
            return stands
        was_settled, now, too_much = current.state is AttemptState.SETTLED, clock.now(), False
        done = _settled(current, outcome, gateway_ref, now)
        changes: list[Change] = [] if was_settled else [SaveAttempt(done, was_presented=attempt.presented)]
        if outcome is Outcome.PAID:
            if booked_refund(book, key):
                return "known"
            booked = _money_gone(book, shelf, current, now)
            changes += booked.changes
            too_much = booked.exceeds
        if book.commit(changes):
            if was_settled or too_much:
                summary.counts["conflict"] += 1
            if was_settled:
                return "conflict"
            summary.note_settled(outcome)
            return "settled"
    raise BookError(f"refund {key} could not be settled")


def _settled(current: Attempt, outcome: Outcome, gateway_ref: str | None, now: datetime) -> Attempt:
    return replace(
        current, state=AttemptState.SETTLED, outcome=outcome, gateway_ref=gateway_ref, settled_at=now, stuck=None
    )


def _stands(current: Attempt, seen: Attempt, outcome: Outcome) -> str | None:
    """Why nothing is written: it was presented again since it was seen, or was settled and no money went since."""
    if outcome is Outcome.VOID and current.presented != seen.presented:
        return "known"
    if current.state is not AttemptState.SETTLED:
        return None
    if current.outcome is Outcome.PAID and outcome.is_failure:
        return "conflict"
    return "known" if current.outcome is outcome or outcome is not Outcome.PAID else None


@dataclass(frozen=True, slots=True)
class _Gone:
    """What books money that was given back; `exceeds`: the payment does not hold it any more."""

    changes: tuple[Change, ...]
    exceeds: bool = False


def _money_gone(book: Book, shelf: PolicyShelf, refund: Attempt, now: datetime) -> _Gone:
    """The payment's credit goes first, then what it paid, which is not debited again before a person has looked. What a
    reversal took before cannot leave twice: then the refund stands in suspense.
    """
    payment = book.attempt(refund.loan_id, refund.refunds or 0)
    captured = captured_by(book, payment) if payment else None
    file = book.loan_file(captured.loan_id, whole=True) if captured else None
    if file is None or captured is None:
        raise BookError(f"refund {keys.intent_key(refund.loan_id, refund.seq)} gives back money that is on no ledger")
    entry = LedgerEntry(
        captured.loan_id,
        GATEWAY,
        keys.intent_key(refund.loan_id, refund.seq),
        Money(-refund.amount.minor, refund.amount.currency),
        lender_today(shelf, now),
        kind=EntryKind.REFUND,
        undoes=entity(captured),
    )
    earlier = undone_of(book, captured)
    if refund.amount.minor > left_of(captured, earlier):
        kept = replace(entry, loan_id=keys.SUSPENSE, undoes=None, detail=Misfit.TAKES_TOO_MUCH.value)
        return _Gone((Insert(kept),), exceeds=True)
    return _Gone(take_off_loan(entry, captured, earlier, file, book, now, closed=may_close(entry)))
