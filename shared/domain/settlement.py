"""What an attempt and its answer do to the book: pure, so that a worker, an enquiry and a webhook settle alike."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    Component,
    DebitCard,
    Instalment,
    InstalmentState,
    LastAttempt,
    LedgerEntry,
    Loan,
    Mandate,
    MandateStatus,
    Outcome,
)
from shared.domain.debit import Presentment, slot_after
from shared.domain.money import Money
from shared.domain.outcomes import RULES
from shared.domain.policy import Waterfall

LEASE = timedelta(minutes=5)
"""How long a claim may go unanswered: longer than any worker lives after it (150 s) plus the gateway's time-out."""

DEFAULT_WATERFALL = Waterfall(tuple(Component), tuple(Component), None)
"""Fee, penalty, interest, principal: for money that arrives while no policy is valid."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """Instalments as they stand after the money, and which part of it each took, in all and by component."""

    instalments: tuple[Instalment, ...]
    split: tuple[tuple[int, int], ...]
    parts: tuple[tuple[int, Component, int], ...]


def allocate(
    amount: Money,
    instalments: Iterable[Instalment],
    paid_on: date,
    waterfall: Waterfall = DEFAULT_WATERFALL,
    paid_by: int | None = None,
    first: tuple[int, ...] = (),
) -> Allocation:
    """Pays instalments with an amount, oldest due first, each by the waterfall's order of components; what is left over
    is the borrower's credit.

    Only instalments that took something are returned. `paid_by` is the attempt that brought the money, None otherwise;
    the instalments in `first` were chosen by the borrower and come before the others.
    """
    left, changed, split, parts = amount.minor, [], [], []
    for instalment in sorted(instalments, key=lambda i: (i.number not in first, i.due_on, i.number)):
        part = min(left, instalment.outstanding_minor)
        if part <= 0:
            continue
        left -= part
        split.append((instalment.number, part))
        pieces = _pieces(instalment, part, waterfall.order_on(instalment.due_on, paid_on))
        parts += [(instalment.number, component, minor) for component, minor in pieces]
        paid = replace(_with_pieces(instalment, pieces), rev=instalment.rev + 1)
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
    return Allocation(tuple(changed), tuple(split), tuple(parts))


def _pieces(instalment: Instalment, minor: int, order: tuple[Component, ...]) -> list[tuple[Component, int]]:
    """How an amount that is at most outstanding pays the components, in their order."""
    pieces = []
    for component in order:
        part = min(minor, instalment.owed(component))
        if part > 0:
            minor -= part
            pieces.append((component, part))
    return pieces


def _with_pieces(instalment: Instalment, pieces: Iterable[tuple[Component, int]]) -> Instalment:
    """The instalment with these amounts paid (negative: taken back) of its components."""
    paid = {component: instalment.paid(component) for component in Component}
    for component, minor in pieces:
        paid[component] += minor
    return replace(
        instalment,
        paid_minor=sum(paid.values()),
        fee_paid_minor=paid[Component.FEE],
        penalty_paid_minor=paid[Component.PENALTY],
        interest_paid_minor=paid[Component.INTEREST],
    )


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Instalments as they stand without the money, and what each gave back: negative amounts."""

    instalments: tuple[Instalment, ...]
    split: tuple[tuple[int, int], ...]
    parts: tuple[tuple[int, Component, int], ...]


def taken_back(
    entry: LedgerEntry, undone: Iterable[LedgerEntry], minor: int, instalments: Iterable[Instalment]
) -> TakenBack:
    """Takes `minor` (positive) of an entry's money back out of what it paid: its credit first, then its parts, the last
    paid first. `undone` are the earlier entries that took money of it back.

    A paid instalment that gives something back is open again, in a new episode, so that it may lawfully be told and
    debited anew. Only instalments that gave something are returned; they have no step.
    """
    earlier = tuple(undone)
    left = minor - max(0, entry.credit_minor + sum(e.credit_minor for e in earlier))
    stand = {i.number: i for i in instalments}
    split: dict[int, int] = {}
    parts: list[tuple[int, Component, int]] = []
    gone = _given_back(earlier)
    for number, component, paid in reversed(_parts_of(entry)):
        part = min(left, paid - gone[number, component])
        if part <= 0 or number not in stand:
            continue
        left -= part
        split[number] = split.get(number, 0) - part
        parts.append((number, component, -part))
    changed = []
    for number in split:
        before = stand[number]
        pieces = [(c, m) for n, c, m in parts if n == number]
        after = _with_pieces(before, pieces)
        reopened = before.is_paid
        changed.append(
            replace(
                after,
                state=InstalmentState.OPEN if before.state is InstalmentState.PAID else before.state,
                paid_on=None,
                paid_by=None,
                episode=before.episode + 1 if reopened else before.episode,
                step=None,
                rev=before.rev + 1,
            )
        )
    return TakenBack(tuple(changed), tuple(sorted(split.items())), tuple(parts))


def _given_back(entries: Iterable[LedgerEntry]) -> Counter[tuple[int, Component]]:
    gone: Counter[tuple[int, Component]] = Counter()
    for entry in entries:
        for number, component, minor in _parts_of(entry):
            gone[number, component] -= minor
    return gone


def _parts_of(entry: LedgerEntry) -> tuple[tuple[int, Component, int], ...]:
    """An entry's parts; one from before components were kept counts as principal."""
    return entry.parts or tuple((number, Component.PRINCIPAL, minor) for number, minor in entry.split)


def claimed(
    presentment: Presentment,
    loan: Loan,
    instalments: Iterable[Instalment],
    policy_version: str,
    now: datetime,
    *,
    reserves: bool = False,
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
        owner=presentment.owner,
        funding=presentment.funding,
        first_claimed_at=now,
        enquire_at=now + LEASE,
        reserves=reserves,
    )
    return attempt, tuple(_taken(i, presentment, seq, now) for i in instalments if i.number in presentment.numbers)


def _taken(instalment: Instalment, presentment: Presentment, seq: int, now: datetime) -> Instalment:
    before = instalment.last_attempt
    slot = slot_after(before, presentment.slot)
    on = date.fromisoformat(slot[:10])
    same_day, together = before is not None and before.on == on, len(presentment.numbers) > 1
    return replace(
        instalment,
        state=InstalmentState.CLAIMED,
        attempts=instalment.attempts + 1,
        first_attempt_on=instalment.first_attempt_on or (None if together or on < instalment.due_on else on),
        last_attempt=LastAttempt(
            seq,
            slot,
            now,
            amount_minor=presentment.amount.minor,
            source=presentment.source,
            of_day=before.of_day + 1 if before and same_day else 1,
            mandate_id=presentment.mandate_id,
            together=together,
            before=replace(before, before=None) if before else None,
        ),
        step=None,
        rev=instalment.rev + 1,
    )


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
    waterfall: Waterfall = DEFAULT_WATERFALL,
) -> Settled:
    """Settles an open attempt with a definite outcome: releases its instalments, and books the money if any came."""
    held = [i for i in instalments if i.number in attempt.numbers]
    done = replace(
        attempt, state=AttemptState.SETTLED, outcome=outcome, gateway_ref=gateway_ref, settled_at=now, stuck=None
    )
    released = [_released(i, attempt, outcome, today) for i in held]
    if outcome is not Outcome.PAID:
        return Settled(done, tuple(replace(i, rev=i.rev + 1) for i in released))
    paid = allocate(attempt.amount, released, today, waterfall, attempt.seq)
    shares = dict(paid.split)
    changed = {i.number: _with_share(i, shares[i.number]) for i in paid.instalments}
    entry = gateway_entry(attempt, today, paid)
    return Settled(done, tuple(changed.get(i.number) or replace(i, rev=i.rev + 1) for i in released), entry)


def _with_share(instalment: Instalment, minor: int) -> Instalment:
    """Of a debit of several instalments each keeps what it got: that is what its borrower is told of."""
    last = instalment.last_attempt
    if last is None or not last.together:
        return instalment
    return replace(instalment, last_attempt=replace(last, amount_minor=minor))


def settled_beside(
    attempt: Attempt,
    instalments: Iterable[Instalment],
    outcome: Outcome,
    gateway_ref: str | None,
    now: datetime,
    today: date,
) -> Settled:
    """Settles an attempt whose money stands on the ledger elsewhere: nothing is allocated, and its instalments that are
    unpaid are closed until a person has looked."""
    done = replace(
        attempt,
        state=AttemptState.SETTLED,
        outcome=outcome,
        gateway_ref=gateway_ref,
        settled_at=now,
        stuck=None,
    )
    held = [_released(i, attempt, outcome, today) for i in instalments if i.number in attempt.numbers]
    return Settled(done, tuple(replace(i, blocked=not i.is_paid, step=None, rev=i.rev + 1) for i in held))


def mandates_after(
    attempt: Attempt, mandates: tuple[Mandate, ...], outcome: Outcome, now: datetime
) -> tuple[Mandate, ...]:
    """A loan's mandates once an attempt was answered: a dead account is marked, and the mandate ends where the answer
    says so or no account of it is left. One that is not active any more stays: whoever ended it had his reason."""
    status = RULES[outcome].ends_mandate
    if status is None:
        return mandates
    return tuple(
        _ended(m, attempt, outcome, status, now)
        if m.mandate_id == attempt.mandate_id and m.status is MandateStatus.ACTIVE
        else m
        for m in mandates
    )


def _ended(mandate: Mandate, attempt: Attempt, outcome: Outcome, status: MandateStatus, now: datetime) -> Mandate:
    if outcome is Outcome.ACCOUNT_DEAD and mandate.funding:
        funding = tuple(replace(s, is_dead=s.is_dead or s.account_ref == attempt.account_ref) for s in mandate.funding)
        if not all(s.is_dead for s in funding):
            return replace(mandate, funding=funding)
        mandate = replace(mandate, funding=funding)
    return replace(mandate, status=status, since=now)


def debits_after(card: DebitCard, outcome: Outcome, failures_in_row: int | None, now: datetime) -> DebitCard:
    """The borrower's failures over all loans after one attempt of a rail that counts them; its place is free again.

    At the limit every authorisation of before is stopped, and a newer one starts to count anew; money that comes to a
    limit that was lowered meanwhile lifts no stop.
    """
    failures = 0 if outcome is Outcome.PAID else card.failures + RULES[outcome].in_a_row
    stops = failures_in_row is not None and max(card.failures, failures) >= failures_in_row
    return replace(
        card,
        failures=0 if stops else failures,
        open=card.open - 1,
        stopped_at=now if stops else card.stopped_at,
        rev=card.rev + 1,
    )


def gateway_entry(attempt: Attempt, today: date, paid: Allocation | None = None) -> LedgerEntry:
    """The ledger's row for the money of an attempt: one per intent, however often its payment is reported."""
    key = keys.intent_key(attempt.loan_id, attempt.seq)
    split, parts = (paid.split, paid.parts) if paid else ((), ())
    return LedgerEntry(attempt.loan_id, "gateway", key, attempt.amount, today, split, parts=parts)


def _released(instalment: Instalment, attempt: Attempt, outcome: Outcome, today: date) -> Instalment:
    """What was never presented leaves no trace: neither a slot nor a day nor an account counts as tried."""
    last, first_on = instalment.last_attempt, instalment.first_attempt_on
    if last and last.seq == attempt.seq:
        earlier = last.before and not last.before.together and last.before.on == first_on
        if outcome is Outcome.VOID and first_on == last.on and not earlier:
            first_on = None
        settled_last = replace(last, outcome=outcome, settled_on=today, before=None)
        last = last.before if outcome is Outcome.VOID else settled_last
    return replace(
        instalment,
        state=InstalmentState.PAID if instalment.is_paid else InstalmentState.OPEN,
        attempts=instalment.attempts if RULES[outcome].counts else instalment.attempts - 1,
        last_attempt=last,
        first_attempt_on=first_on,
    )
