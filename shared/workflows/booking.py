"""Booking money on a loan: alike for what arrives, and for what a person takes out of suspense."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.domain import keys
from shared.domain.book import EntryKind, Instalment, InstalmentState, LedgerEntry, LoanFile, LoanStatus, MoneyMark
from shared.domain.changes import Change, Insert, SaveCard, SaveInstalment, SaveStage
from shared.domain.errors import BookError, PolicyError
from shared.domain.repayment import GATEWAY, Misfit
from shared.domain.settlement import DEFAULT_WATERFALL, allocate, taken_back
from shared.ports.book import Book
from shared.ports.world import PolicyShelf
from shared.workflows.facts import policy_or_none
from shared.workflows.verdicts import Verdict
from shared.workflows.waking import wakes

MOST_RACES = 10
MOST_INSTALMENTS = 90
"""Instalments that one transaction can pay; more at once goes to suspense, in front of a person."""


def lender_today(shelf: PolicyShelf, now: datetime) -> date:
    """The lender's date; without a valid pack that of UTC, because money is booked all the same."""
    try:
        return shelf.today(now)
    except PolicyError:
        return now.date()


@dataclass(frozen=True, slots=True)
class Booked:
    """The changes that book an entry, and how many instalments they touch."""

    changes: tuple[Change, ...]
    touched: int


def book_on_loan(
    entry: LedgerEntry, file: LoanFile, shelf: PolicyShelf, now: datetime, chosen: tuple[int, ...] = ()
) -> Booked:
    """An entry's money on a loan: oldest due first, by the policy's waterfall; `chosen` instalments before the others
    where policy lets the borrower choose. Without a valid policy money is booked all the same, in the default order."""
    policy = policy_or_none(shelf, file.loan.product, now)
    waterfall = policy.waterfall if policy else DEFAULT_WATERFALL
    first = chosen if policy and policy.borrower_may_choose else ()
    paid = allocate(entry.amount, file.unpaid, entry.booked_on, waterfall, first=first)
    today, origin = lender_today(shelf, now), policy.dpd_origin if policy else 0
    changes: list[Change] = [
        Insert(replace(entry, split=paid.split, parts=paid.parts)),
        *(SaveInstalment(i) for i in paid.instalments),
        *wakes(file, paid.instalments, now, today, origin),
    ]
    return Booked(tuple(changes), len(paid.split))


def take_off_loan(
    entry: LedgerEntry,
    original: LedgerEntry,
    undone: Sequence[LedgerEntry],
    file: LoanFile,
    book: Book,
    now: datetime,
    *,
    closed: bool,
) -> tuple[Change, ...]:
    """A negative entry that takes an original's money back off its loan, in the next place after `undone`.

    `file` is whole. Instalments that open again stand on the agenda at once, or are `closed` to debits until a person
    has looked; a loan that was settled is open again and followed by its borrower. The loan and the card are written as
    they were read: the stage line may be about to leave an instalment behind, the contact line the loan.
    """
    loan = file.loan
    given = taken_back(original, undone, -entry.amount.minor, file.instalments)
    instalments = [_reopened(i, file, now) for i in given.instalments]
    if closed:
        instalments = [replace(i, blocked=True, step=None) for i in instalments]
    changes: list[Change] = [
        Insert(replace(entry, split=given.split, parts=given.parts)),
        place_after(original, undone),
        *(SaveInstalment(i) for i in instalments),
    ]
    if not instalments:
        return tuple(changes)
    lowest = min(i.number for i in instalments)
    again = replace(
        loan,
        status=LoanStatus.OPEN,
        first_open=min(loan.first_open, lowest),
        stage_rev=loan.stage_rev + 1,
        step=now,
    )
    return (*changes, SaveStage(again), _followed(file, book, now))


def may_close(entry: LedgerEntry) -> bool:
    """What it took back of a debit for this loan is not debited again before a person has looked: a dispute, a refund,
    a reversal without a reason that allows a repetition. A transfer that bounced, or that its payer disputes, is no
    debit that anybody refused, and there is no attempt by which a person could open what it had closed.
    """
    ours = entry.source == GATEWAY and entry.external_id.startswith(keys.intents_of(entry.loan_id))
    return ours and entry.kind in (EntryKind.CHARGEBACK, EntryKind.REVERSAL, EntryKind.REFUND)


def _reopened(instalment: Instalment, file: LoanFile, now: datetime) -> Instalment:
    """On the agenda at once. Where a whole loan was repaid, its end must be told again: under an episode of its own."""
    if not file.unpaid:
        instalment = replace(instalment, episode=max(i.episode for i in file.instalments) + 1)
    waits = instalment.state is InstalmentState.OPEN and not instalment.blocked
    return replace(instalment, step=now if waits else None)


def _followed(file: LoanFile, book: Book, now: datetime) -> Change:
    owner = book.borrower_file(file.loan.borrower_id)
    if owner is None:
        raise BookError(f"loan {file.loan.loan_id} has no borrower")
    card, loan_id = owner.card, file.loan.loan_id
    followed = card.loan_ids if loan_id in card.loan_ids else (*card.loan_ids, loan_id)
    return SaveCard(replace(card, loan_ids=followed, step=now, rev=card.rev + 1))


def mark(entry: LedgerEntry, external_id: str | None = None) -> Insert:
    """Says where an entry's money was booked; the transaction that puts both is made once."""
    return Insert(MoneyMark(entry.source, external_id or entry.external_id, entry.loan_id))


def suspend(
    book: Book, entry: LedgerEntry, misfit: Misfit, said: str | None = None, beside: Sequence[Change] = ()
) -> Verdict | None:
    """Keeps money in front of a person; None when the race for its mark was lost."""
    kept = replace(entry, loan_id=keys.SUSPENSE, detail=said or misfit.value)
    put = book.commit([Insert(kept), mark(kept), *beside])
    return Verdict("suspense", misfit, kept.detail) if put else None


def moved_out(book: Book, held: LedgerEntry) -> LedgerEntry | None:
    """Where the money of an entry in suspense arrived, on a loan; None where it went to none, or did not leave."""
    for moved in book.entries(keys.SUSPENSE):
        if moved.undoes == entity(held) and moved.kind is EntryKind.RESOLUTION and moved.detail:
            return book.entry(moved.detail, moved.source, moved.external_id)
    return None


def undone_of(book: Book, original: LedgerEntry) -> Sequence[LedgerEntry]:
    """What took money of an entry back, or out of suspense, so far."""
    return [e for e in book.entries(original.loan_id) if e.undoes == entity(original) and not _arrives(e)]


def _arrives(entry: LedgerEntry) -> bool:
    """It brings a loan money out of suspense, and names the entry there, which another one on the loan may resemble."""
    return entry.kind is EntryKind.RESOLUTION and entry.loan_id != keys.SUSPENSE


def left_of(original: LedgerEntry, undone: Sequence[LedgerEntry]) -> int:
    """Minor units of an entry that nothing took back yet."""
    return original.amount.minor + sum(e.amount.minor for e in undone)


def place_after(original: LedgerEntry, undone: Sequence[LedgerEntry]) -> Insert:
    """Takes the next place among what takes an entry's money back, whatever its kind: refund, reversal, chargeback, or
    the way out of suspense.

    Each is decided on those before it, and instalments alone would not tell two apart that take only credit. Of two
    that were decided on the same ones, one is written; the other reads again.
    """
    number = keys.undo_place(original.loan_id, entity(original), len(undone) + 1)
    return Insert(MoneyMark(keys.UNDO, number, original.loan_id))


def entity(entry: LedgerEntry) -> str:
    """The name by which another entry undoes or moves this one."""
    return keys.ledger_entity(entry.source, entry.external_id)
