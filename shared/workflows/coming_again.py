"""Money that was taken back and came again: a dispute that was won, a refund that failed.

Safe to run twice: each news is marked in the transaction that books it, and takes its place among all that undo the
entry by which the money had left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain import keys
from shared.domain.book import EntryKind, LedgerEntry, Outcome
from shared.domain.changes import Change, Insert, SaveInstalment
from shared.domain.errors import BookError
from shared.domain.money import Money
from shared.domain.repayment import GivenAgain, Misfit
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.booking import (
    MOST_INSTALMENTS,
    MOST_RACES,
    book_on_loan,
    entity,
    left_of,
    lender_today,
    mark,
    moved_out,
    place_after,
    suspend,
    undone_of,
)
from shared.workflows.refund_settling import booked_refund
from shared.workflows.tellings import Tellings, told_as
from shared.workflows.verdicts import KNOWN, Verdict, unmatched
from shared.workflows.waking import Touched


@dataclass(frozen=True, slots=True)
class ComingAgain:
    """The ports of booking it, and whom it concerns."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    touched: Touched

    @property
    def tellings(self) -> Tellings:
        return Tellings(self.book)

    def give_again(self, news: GivenAgain) -> Verdict:
        """Books money that was taken back and came again: on the loan that it had left, or in suspense.

        A second dispute about the same payment finds nothing left of it, and stands in suspense: the payment stays
        undone, what came again is an entry of its own.
        """
        identity = _again_as(news)
        for _ in range(MOST_RACES):
            if self.book.money(news.source, identity):
                return KNOWN
            if verdict := self._give(news, identity):
                return verdict
        raise BookError(f"what comes again of {news.reference} could not be booked")

    def _give(self, news: GivenAgain, identity: str) -> Verdict | None:
        taken, was_told = self._taken(news)
        twin = None if taken or was_told else self._told_by_another(news)
        taken = taken or twin
        plain = LedgerEntry(
            keys.SUSPENSE,
            news.source,
            identity,
            news.amount,
            lender_today(self.shelf, self.clock.now()),
            kind=EntryKind.REINSTATEMENT,
        )
        if taken is None and news.kind is not EntryKind.CHARGEBACK and not was_told:
            return self._never_went(news, plain)
        if taken is None or taken.amount.currency != news.amount.currency:
            return suspend(self.book, plain, Misfit.NEVER_TAKEN)
        given = undone_of(self.book, taken)
        nothing_left = news.amount.minor > -left_of(taken, given)
        if nothing_left or (taken.loan_id == keys.SUSPENSE and taken.undoes):
            return suspend(self.book, plain, Misfit.NEVER_TAKEN)
        entry = replace(
            plain,
            loan_id=taken.loan_id,
            external_id=f"{taken.external_id}:A{len(given) + 1:02d}",
            undoes=entity(taken),
            detail=f"{news.channel}:{news.event_id}",
        )
        beside = [place_after(taken, given), mark(entry, identity)]
        if twin:
            beside += self.tellings.known_beside(twin, told_as(news), news.channel)
        if taken.loan_id == keys.SUSPENSE:
            return Verdict("reinstated") if self.book.commit([Insert(entry), *beside]) else None
        return self._give_to_loan(entry, plain, beside)

    def _told_by_another(self, news: GivenAgain) -> LedgerEntry | None:
        """The entry by which the money left, where another channel told of that and this one did not yet."""
        original = self.tellings.original(news.reference)
        if news.kind is EntryKind.REFUND or original is None:
            return None
        amount = Money(-news.amount.minor, news.amount.currency)
        told = self.tellings.all_told(original, self.tellings.apart(news.reference))
        return self.tellings.twin(told, amount, news.channel)

    def _never_went(self, news: GivenAgain, came: LedgerEntry) -> Verdict | None:
        """It failed before anybody had told that it went. Both stand in suspense from now on and come to nothing: told
        late, by this channel or by another, its going is known, and the loan is not short of it."""
        if news.kind is EntryKind.REVERSAL:
            went = replace(
                came,
                external_id=told_as(news),
                amount=Money(-news.amount.minor, news.amount.currency),
                kind=EntryKind.REVERSAL,
                detail=Misfit.NEVER_TAKEN.value,
            )
            came = replace(came, undoes=entity(went), detail=f"{news.channel}:{news.event_id}")
            told = [mark(went, went.external_id), mark(came, came.external_id), place_after(went, ())]
            beside = self.tellings.beside(self.tellings.apart(news.reference), news.reference)
            if not self.book.commit([Insert(went), Insert(came), *told, *beside]):
                return None
        return unmatched(Misfit.NEVER_TAKEN)

    def _give_to_loan(self, entry: LedgerEntry, plain: LedgerEntry, beside: Sequence[Change]) -> Verdict | None:
        """Oldest due first, like any money; an instalment that it pays needs no debit, and is not closed any more."""
        file = self.book.loan_file(entry.loan_id)
        if file is None:
            raise BookError(f"loan {entry.loan_id} has a ledger entry and does not exist")
        booked = book_on_loan(entry, file, self.shelf, self.clock.now())
        if booked.touched > MOST_INSTALMENTS:
            return suspend(self.book, plain, Misfit.TOO_MANY_INSTALMENTS)
        if not self.book.commit([*(_opened_if_paid(change) for change in booked.changes), *beside]):
            return None
        self.touched.note(file.loan.borrower_id, file.loan.loan_id, Outcome.PAID)
        return Verdict("reinstated")

    def _taken(self, news: GivenAgain) -> tuple[LedgerEntry | None, bool]:
        """The entry by which the money left, and whether its leaving was told of at all."""
        if news.kind is EntryKind.REFUND:
            found = booked_refund(self.book, news.reference)
            return found, found is not None
        where = self.book.money(news.source, told_as(news))
        if where is None:
            return None, False
        waited = self.book.entry(where.loan_id, news.source, told_as(news))
        if waited:
            return moved_out(self.book, waited) or waited, True
        told = f"{news.channel}:{news.event_id}"
        entries = self.book.entries(where.loan_id)
        return next((e for e in entries if e.kind is news.kind and e.detail == told), None), True


def _again_as(news: GivenAgain) -> str:
    """By which a news of money that came again is known; a refund comes again once, whoever tells of it and how."""
    return f"{news.reference if news.kind is EntryKind.REFUND else told_as(news)}:again"


def _opened_if_paid(change: Change) -> Change:
    if isinstance(change, SaveInstalment) and change.row.is_paid:
        return SaveInstalment(replace(change.row, blocked=False))
    return change
