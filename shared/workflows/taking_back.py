"""Money that left again, told of by a bank, a dispute or a gateway; and what of it came once more.

Safe to run twice: each news is marked in the transaction that books it, and what takes a payment back takes its place
among all that do, so that two of them collide.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.domain import keys
from shared.domain.book import EntryKind, LedgerEntry, MoneyMark, Outcome
from shared.domain.changes import Change, Insert, SaveInstalment
from shared.domain.errors import BookError
from shared.domain.money import Money
from shared.domain.repayment import GATEWAY, Channel, GivenAgain, Misfit, TakenBack, source_of
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
    may_close,
    moved_out,
    place_after,
    suspend,
    take_off_loan,
    undone_of,
)
from shared.workflows.facts import policy_or_none
from shared.workflows.held_money import still_open
from shared.workflows.refund_settling import booked_refund
from shared.workflows.returned_debits import debit_of, end_mandate
from shared.workflows.verdicts import KNOWN, Verdict, unmatched
from shared.workflows.waking import Touched


@dataclass(frozen=True, slots=True)
class TakingBack:
    """The ports of undoing payments, and whom it concerns."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    touched: Touched

    def take(self, back: TakenBack) -> Verdict:
        """Takes money off the loan of its payment; in suspense where the payment is not known or holds too little."""
        identity = _told_as(back)
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
            original = self._original(back.reference)
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
        if not self._is_signed(reference):
            return
        for one in self._waiting(reference):
            for _ in range(MOST_RACES):
                if self._off_suspense(one, reference):
                    break

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

    # what waits for its payment

    def _wait(self, entry: LedgerEntry, back: TakenBack) -> Verdict | None:
        """In suspense, with a sign for whoever books the payment; looked at again, lest that was this very moment."""
        apart = self._apart(back.reference)
        if twin := self._twin(self._unmoved(apart), entry.amount, back.channel):
            return self._absorbed(twin, entry, back.channel)
        beside = self._beside(apart, back.reference)
        verdict = suspend(self.book, entry, Misfit.NO_SUCH_PAYMENT, beside=beside)
        if verdict:
            self.take_what_waits(back.reference)
        return verdict

    def _is_signed(self, reference: str) -> bool:
        return self.book.money(keys.WAITING, keys.waits_for(source_of(reference), reference)) is not None

    def _beside(self, apart: Sequence[object], reference: str) -> list[Change]:
        """Says that something in suspense takes this payment back: whoever has to do with it looks there as well. And
        the next place among these: of two channels that tell of one money at the same moment, one reads again."""
        source = source_of(reference)
        place = MoneyMark(keys.WAITING, keys.waiting_place(source, reference, len(apart) + 1), keys.SUSPENSE)
        if self._is_signed(reference):
            return [Insert(place)]
        return [Insert(MoneyMark(keys.WAITING, keys.waits_for(source, reference), keys.SUSPENSE)), Insert(place)]

    def _apart(self, reference: str) -> list[tuple[LedgerEntry, str | None]]:
        """What takes this payment back and stood in suspense by itself, each with the channel that told of it: it came
        before the payment, or took more than was left."""
        if not self._is_signed(reference):
            return []
        told = [(e, _waiting_channel(e, reference)) for e in self.book.entries(keys.SUSPENSE)]
        return [(e, channel) for e, channel in told if channel]

    def _unmoved(self, apart: Iterable[tuple[LedgerEntry, str | None]]) -> list[tuple[LedgerEntry, str | None]]:
        """One that a person resolved meanwhile is still the money that was told of; one that came off its loan since is
        told of there."""
        return [(entry, channel) for entry, channel in apart if moved_out(self.book, entry) is None]

    def _waiting(self, reference: str) -> list[LedgerEntry]:
        return [
            one.entry
            for one in still_open(self.book.entries(keys.SUSPENSE))
            if one.left == one.entry.amount
            and one.entry.detail == Misfit.NO_SUCH_PAYMENT.value
            and _waiting_channel(one.entry, reference)
        ]

    def _off_suspense(self, waiting: LedgerEntry, reference: str) -> bool:
        """Moves one entry from suspense to the payment's loan. False where the race was lost: read again.

        What resembles an entry that came by another channel meanwhile, or takes too much, is left to a person.
        """
        original, channel = self._original(reference), _waiting_channel(waiting, reference)
        gone = undone_of(self.book, waiting)
        if original is None or original.loan_id == keys.SUSPENSE or channel is None or gone:
            return True
        undone = undone_of(self.book, original)
        if original.amount.currency != waiting.amount.currency or -waiting.amount.minor > left_of(original, undone):
            return True
        if self._twin(_told(undone), waiting.amount, channel):
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
            self._told_mark(entry, other)
            for other in Channel
            if self.book.money(keys.TOLD, keys.told_by(keys.SUSPENSE, entity(waiting), other))
        ]
        back = TakenBack(entry.kind, reference, out.amount, entry.booked_on, event_id, channel)
        return self._off_loan(entry, original, undone, back, [Insert(out), place_after(waiting, ()), *told])

    # off the loan

    def _undo(self, entry: LedgerEntry, original: LedgerEntry, back: TakenBack, identity: str) -> Verdict | None:
        undone, apart = undone_of(self.book, original), self._apart(back.reference)
        if twin := self._twin(self._all_told(original, apart), entry.amount, back.channel):
            return self._absorbed(twin, entry, back.channel)
        if back.amount.minor > left_of(original, undone):
            beside = self._beside(apart, back.reference)
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
        return Verdict("charged-back" if entry.kind is EntryKind.CHARGEBACK else "reversed")

    def _while_held(self, original: LedgerEntry) -> list[LedgerEntry]:
        """What took money back before a person moved the rest of it out of suspense."""
        if original.kind is not EntryKind.RESOLUTION or original.undoes is None:
            return []
        held = self.book.entry(keys.SUSPENSE, *keys.parse_ledger_entity(original.undoes))
        return [e for e in undone_of(self.book, held) if e.kind is not EntryKind.RESOLUTION] if held else []

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

    def _original(self, reference: str) -> LedgerEntry | None:
        """The entry that holds the payment's money by now: a person may have moved it out of suspense."""
        if source_of(reference) == GATEWAY:
            loan_id, _ = keys.parse_intent_key(reference)
            booked = self.book.entry(loan_id, GATEWAY, reference)
            found = booked or self.book.entry(keys.SUSPENSE, GATEWAY, reference)
        else:
            where = self.book.money(source_of(reference), reference)
            found = self.book.entry(where.loan_id, source_of(reference), reference) if where else None
        if found is None or found.loan_id != keys.SUSPENSE:
            return found
        return moved_out(self.book, found) or found

    # one money, told of twice

    def _twin(
        self, told: Iterable[tuple[LedgerEntry, str | None]], amount: Money, channel: Channel
    ) -> LedgerEntry | None:
        """What another channel told of with the same amount, and this one did not yet: the same money."""
        for entry, by in told:
            if by in (None, channel) or entry.amount != amount:
                continue
            if self.book.money(keys.TOLD, keys.told_by(entry.loan_id, entity(entry), channel)) is None:
                return entry
        return None

    def _all_told(
        self, original: LedgerEntry, apart: Iterable[tuple[LedgerEntry, str | None]]
    ) -> list[tuple[LedgerEntry, str | None]]:
        """All that takes a payment back, each with the channel that told of it."""
        undone = [*self._while_held(original), *undone_of(self.book, original)]
        return [*_told(undone), *self._unmoved(apart)]

    def _absorbed(self, twin: LedgerEntry, news: LedgerEntry, channel: Channel) -> Verdict | None:
        return KNOWN if self.book.commit(self._known_beside(twin, news.external_id, channel)) else None

    def _known_beside(self, twin: LedgerEntry, told_as: str, channel: Channel) -> list[Insert]:
        """Both marks at once: the news is known from now on, and the entry absorbs no second one of this channel."""
        return [Insert(MoneyMark(twin.source, told_as, twin.loan_id)), self._told_mark(twin, channel)]

    def _told_mark(self, entry: LedgerEntry, channel: str) -> Insert:
        return Insert(MoneyMark(keys.TOLD, keys.told_by(entry.loan_id, entity(entry), channel), entry.loan_id))

    # what came again

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
            beside += self._known_beside(twin, _told_as(news), news.channel)
        if taken.loan_id == keys.SUSPENSE:
            return Verdict("reinstated") if self.book.commit([Insert(entry), *beside]) else None
        return self._give_to_loan(entry, plain, beside)

    def _told_by_another(self, news: GivenAgain) -> LedgerEntry | None:
        """The entry by which the money left, where another channel told of that and this one did not yet."""
        original = self._original(news.reference)
        if news.kind is EntryKind.REFUND or original is None:
            return None
        amount = Money(-news.amount.minor, news.amount.currency)
        return self._twin(self._all_told(original, self._apart(news.reference)), amount, news.channel)

    def _never_went(self, news: GivenAgain, came: LedgerEntry) -> Verdict | None:
        """It failed before anybody had told that it went. Both stand in suspense from now on and come to nothing: told
        late, by this channel or by another, its going is known, and the loan is not short of it."""
        if news.kind is EntryKind.REVERSAL:
            went = replace(
                came,
                external_id=_told_as(news),
                amount=Money(-news.amount.minor, news.amount.currency),
                kind=EntryKind.REVERSAL,
                detail=Misfit.NEVER_TAKEN.value,
            )
            came = replace(came, undoes=entity(went), detail=f"{news.channel}:{news.event_id}")
            told = [mark(went, went.external_id), mark(came, came.external_id), place_after(went, ())]
            beside = self._beside(self._apart(news.reference), news.reference)
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
        where = self.book.money(news.source, _told_as(news))
        if where is None:
            return None, False
        waited = self.book.entry(where.loan_id, news.source, _told_as(news))
        if waited:
            return moved_out(self.book, waited) or waited, True
        told = f"{news.channel}:{news.event_id}"
        entries = self.book.entries(where.loan_id)
        return next((e for e in entries if e.kind is news.kind and e.detail == told), None), True


def _told_as(news: TakenBack | GivenAgain) -> str:
    """By which a news of money that left is known; `_waiting_channel` reads it."""
    return f"{news.reference}:{news.channel}:{news.event_id}"


def _again_as(news: GivenAgain) -> str:
    """By which a news of money that came again is known; a refund comes again once, whoever tells of it and how."""
    return f"{news.reference if news.kind is EntryKind.REFUND else _told_as(news)}:again"


def _waiting_channel(entry: LedgerEntry, reference: str) -> Channel | None:
    """By which channel an entry in suspense was told of that takes this payment back; None for any other entry."""
    if entry.kind not in (EntryKind.REVERSAL, EntryKind.CHARGEBACK) or entry.source != source_of(reference):
        return None
    return next((c for c in Channel if entry.external_id.startswith(f"{reference}:{c}:")), None)


def _told(undone: Iterable[LedgerEntry]) -> list[tuple[LedgerEntry, str | None]]:
    """Entries that take money back, each with the channel that told of it; None for one that nobody told of."""
    told_of = (EntryKind.REVERSAL, EntryKind.CHARGEBACK)
    return [(e, (e.detail or "").partition(":")[0] if e.kind in told_of else None) for e in undone]


def _opened_if_paid(change: Change) -> Change:
    if isinstance(change, SaveInstalment) and change.row.is_paid:
        return SaveInstalment(replace(change.row, blocked=False))
    return change
