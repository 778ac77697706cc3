"""What an attempt and its answer do to the book: pure, so that a worker, an enquiry and a webhook settle alike."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    Instalment,
    InstalmentState,
    LastAttempt,
    LedgerEntry,
    Loan,
    Outcome,
)
from shared.domain.debit import Presentment
from shared.domain.money import Money


@dataclass(frozen=True, slots=True)
class Allocation:
    """Instalments as they stand after the money, and which part of it each took."""

    instalments: tuple[Instalment, ...]
    split: tuple[tuple[int, int], ...]


def allocate(amount: Money, instalments: Iterable[Instalment], paid_on: date, paid_by: int | None = None) -> Allocation:
    """Pays instalments with an amount, oldest due first; what is left over is the borrower's credit.

    Only instalments that took something are returned. `paid_by` is the attempt that brought the money, None otherwise.
    """
    left, changed, split = amount.minor, [], []
    for instalment in sorted(instalments, key=lambda i: (i.due_on, i.number)):
        part = min(left, instalment.outstanding_minor)
        if part <= 0:
            continue
        left -= part
        split.append((instalment.number, part))
        paid = replace(instalment, paid_minor=instalment.paid_minor + part, rev=instalment.rev + 1)
        if paid.is_paid:
            claimed = instalment.state is InstalmentState.CLAIMED and paid_by is None
            paid = replace(
                paid,
                state=InstalmentState.CLAIMED if claimed else InstalmentState.PAID,
                paid_on=paid_on,
                paid_by=paid_by,
                step=None,
            )
        changed.append(paid)
    return Allocation(tuple(changed), tuple(split))


def claimed(
    presentment: Presentment, loan: Loan, instalments: Iterable[Instalment], policy_version: str, now: datetime
) -> tuple[Attempt, tuple[Instalment, ...]]:
    """The next intent of a loan and its instalments, off the agenda and closed to every other debit."""
    seq = loan.last_seq + 1
    attempt = Attempt(
        presentment.loan_id,
        seq,
        presentment.numbers,
        presentment.amount,
        presentment.mandate_id,
        presentment.rail,
        presentment.account_ref,
        presentment.slot,
        now,
        policy_version,
    )
    last = LastAttempt(seq, presentment.slot, now, amount_minor=presentment.amount.minor)
    taken = tuple(
        replace(
            i,
            state=InstalmentState.CLAIMED,
            attempts=i.attempts + 1,
            last_attempt=last,
            step=None,
            rev=i.rev + 1,
        )
        for i in instalments
        if i.number in presentment.numbers
    )
    return attempt, taken


@dataclass(frozen=True, slots=True)
class Settled:
    """The rows after a terminal outcome; `instalments` still need their next step."""

    attempt: Attempt
    instalments: tuple[Instalment, ...]
    entry: LedgerEntry | None = None


def settled(
    attempt: Attempt,
    instalments: Iterable[Instalment],
    outcome: Outcome,
    gateway_ref: str | None,
    now: datetime,
    today: date,
) -> Settled:
    """Settles an open attempt with a definite outcome: releases its instalments, and books the money if any came."""
    held = [i for i in instalments if i.number in attempt.numbers]
    done = replace(attempt, state=AttemptState.SETTLED, outcome=outcome, gateway_ref=gateway_ref, settled_at=now)
    released = [_released(i, attempt, outcome, today) for i in held]
    if outcome is not Outcome.PAID:
        return Settled(done, tuple(replace(i, rev=i.rev + 1) for i in released))
    paid = allocate(attempt.amount, released, today, attempt.seq)
    changed = {i.number: i for i in paid.instalments}
    entry = gateway_entry(attempt, today, paid.split)
    return Settled(done, tuple(changed.get(i.number) or replace(i, rev=i.rev + 1) for i in released), entry)


def gateway_entry(attempt: Attempt, today: date, split: tuple[tuple[int, int], ...]) -> LedgerEntry:
    """The ledger's row for the money of an attempt: one per intent, however often its payment is reported."""
    key = keys.intent_key(attempt.loan_id, attempt.seq)
    return LedgerEntry(attempt.loan_id, "gateway", key, attempt.amount, today, split)


def _released(instalment: Instalment, attempt: Attempt, outcome: Outcome, today: date) -> Instalment:
    last = instalment.last_attempt
    if last and last.seq == attempt.seq:
        last = replace(last, outcome=outcome, settled_on=today)
    return replace(
        instalment,
        state=InstalmentState.PAID if instalment.is_paid else InstalmentState.OPEN,
        attempts=instalment.attempts - 1 if outcome is Outcome.VOID else instalment.attempts,
        last_attempt=last,
    )
