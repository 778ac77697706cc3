"""Money that left again, told of by a bank, a dispute or a gateway.

Safe to run twice: each news is marked in the transaction that books it, and what takes a payment back takes its place
among all that do, so that two of them collide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain import keys
from shared.domain.book import EntryKind, LedgerEntry, Outcome
from shared.domain.changes import Change, Insert
from shared.domain.errors import BookError
from shared.domain.money import Money
from shared.domain.repayment import Channel, Misfit, TakenBack
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.booking import (
    MOST_RACES,
    entity,
    left_of,
    lender_today,
    mark,
    may_close,
    place_after,
    suspend,
    take_off_loan,
    undone_of,
)
from shared.workflows.facts import policy_or_none
from shared.workflows.held_money import still_open
from shared.workflows.returned_debits import debit_of, end_mandate
from shared.workflows.tellings import Tellings, told_as, told_by, waiting_channel
from shared.workflows.verdicts import CHARGED_BACK, KNOWN, Verdict
from shared.workflows.waking import Touched


@dataclass(frozen=True, slots=True)
class TakingBack:
    """The ports of undoing payments, and whom it concerns."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    touched: Touched

    @property
    def tellings(self) -> Tellings:
        return Tellings(self.book)

    def take(self, back: TakenBack) -> Verdict:
        """Takes money off the loan of its payment; in suspense where the payment is not known or holds too little."""
        identity = told_as(back)
        if not self.book.money(back.source, identity):
            end_mandate(self.book, self.clock, back)
        for _ in range(MOST_RACES):
            if self.book.money(back.source, identity):
                return KNOWN
            entry = LedgerEntry(
                keys.SUSPENSE,
                back.source,
                identity,
                Money(-back.amount.minor, back.amount.currency),
                back.taken_on or lender_today(self.shelf, self.clock.now()),
                kind=back.kind,
            )
            original = self.tellings.original(back.reference)
            if original is None or original.amount.currency != back.amount.currency:
                verdict = self._wait(entry, back)
            else:
                self.take_what_waits(back.reference)
                verdict = self._undo(entry, original, back, identity)
            if verdict:
                return verdict
        raise BookError(f"what takes back {back.reference} could not be booked")

    def take_what_waits(self, reference: str) -> None:
        """Takes off its loan what was told of before the payment itself was booked, and stands in suspense."""
        if not self.tellings.is_signed(reference):
            return
        for one in self._waiting(reference):
            for _ in range(MOST_RACES):
                if self._off_suspense(one, reference):
                    break

    # what waits for its payment

    def _wait(self, entry: LedgerEntry, back: TakenBack) -> Verdict | None:
        """In suspense, with a sign for whoever books the payment; looked at again, lest that was this very moment."""
        apart = self.tellings.apart(back.reference)
        if twin := self.tellings.twin(self.tellings.unmoved(apart), entry.amount, back.channel):
            return self._absorbed(twin, entry, back.channel)
        beside = self.tellings.beside(apart, back.reference)
        verdict = suspend(self.book, entry, Misfit.NO_SUCH_PAYMENT, beside=beside)
        if verdict:
            self.take_what_waits(back.reference)
        return verdict

    def _waiting(self, reference: str) -> list[LedgerEntry]:
        return [
            one.entry
            for one in still_open(self.book.entries(keys.SUSPENSE))
            if one.left == one.entry.amount
            and one.entry.detail == Misfit.NO_SUCH_PAYMENT.value
            and waiting_channel(one.entry, reference)
        ]

    def _off_suspense(self, waiting: LedgerEntry, reference: str) -> bool:
        """Moves one entry from suspense to the payment's loan. False where the race was lost: read again.

        What resembles an entry that came by another channel meanwhile, or takes too much, is left to a person.
        """
        original, channel = self.tellings.original(reference), waiting_channel(waiting, reference)
        gone = undone_of(self.book, waiting)
        if original is None or original.loan_id == keys.SUSPENSE or channel is None or gone:
            return True
        undone = undone_of(self.book, original)
        if original.amount.currency != waiting.amount.currency or -waiting.amount.minor > left_of(original, undone):
            return True
        if self.tellings.twin(told_by(undone), waiting.amount, channel):
            return True
        out = replace(
            waiting,
            external_id=f"{waiting.external_id}:S01",
            amount=Money(-waiting.amount.minor, waiting.amount.currency),
            kind=EntryKind.RESOLUTION,
            undoes=entity(waiting),
            detail=original.loan_id,
        )
        event_id = waiting.external_id.removeprefix(f"{reference}:{channel}:")
        entry = replace(
            waiting,
            loan_id=original.loan_id,
            external_id=out.external_id,
            undoes=entity(original),
            detail=f"{channel}:{event_id}",
        )
        told = [
            self.tellings.told_mark(entry, other)
            for other in Channel
            if self.book.money(keys.TOLD, keys.told_by(keys.SUSPENSE, entity(waiting), other))
        ]
        back = TakenBack(entry.kind, reference, out.amount, entry.booked_on, event_id, channel)
        return self._off_loan(entry, original, undone, back, [Insert(out), place_after(waiting, ()), *told])

    # off the loan

    def _undo(self, entry: LedgerEntry, original: LedgerEntry, back: TakenBack, identity: str) -> Verdict | None:
        undone, apart = undone_of(self.book, original), self.tellings.apart(back.reference)
        if twin := self.tellings.twin(self.tellings.all_told(original, apart), entry.amount, back.channel):
            return self._absorbed(twin, entry, back.channel)
        if back.amount.minor > left_of(original, undone):
            beside = self.tellings.beside(apart, back.reference)
            return suspend(self.book, entry, Misfit.TAKES_TOO_MUCH, beside=beside)
        entry = replace(
            entry,
            loan_id=original.loan_id,
            external_id=f"{original.external_id}:R{len(undone) + 1:02d}",
            undoes=entity(original),
            detail=f"{back.channel}:{back.event_id}",
        )
        if original.loan_id == keys.SUSPENSE:
            put = self.book.commit([Insert(entry), place_after(original, undone), mark(entry, identity)])
            return Verdict("reversed") if put else None
        if not self._off_loan(entry, original, undone, back, [mark(entry, identity)]):
            return None
        return Verdict(CHARGED_BACK if entry.kind is EntryKind.CHARGEBACK else "reversed")

    def _off_loan(
        self,
        entry: LedgerEntry,
        original: LedgerEntry,
        undone: Sequence[LedgerEntry],
        back: TakenBack,
        beside: Sequence[Change],
    ) -> bool:
        now, file = self.clock.now(), self.book.loan_file(original.loan_id, whole=True)
        if file is None:
            raise BookError(f"loan {original.loan_id} has a ledger entry and does not exist")
        is_retried = entry.kind is EntryKind.REVERSAL and self._is_retried(back, file.loan.product)
        closed = may_close(entry) and not is_retried
        changes = take_off_loan(entry, original, undone, file, self.book, now, closed=closed)
        if not self.book.commit([*changes, *beside]):
            return False
        self.touched.note(file.loan.borrower_id, file.loan.loan_id, Outcome.PAID)
        return True

    def _is_retried(self, back: TakenBack, product: str) -> bool:
        """The rail's reason is one after which policy debits again by itself; without a reason or a policy, no."""
        policy = policy_or_none(self.shelf, product, self.clock.now())
        attempt = debit_of(self.book, back.reference)
        if back.outcome is None or policy is None:
            return False
        rules = policy.under(attempt.rail) if attempt else None
        return rules is not None and back.outcome in rules.retry_outcomes

    def _absorbed(self, twin: LedgerEntry, news: LedgerEntry, channel: Channel) -> Verdict | None:
        return KNOWN if self.book.commit(self.tellings.known_beside(twin, news.external_id, channel)) else None
