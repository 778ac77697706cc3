"""What was told of the money of one payment that left: by which channel, and where it stands.

The same leaving may be told by a webhook, a bank file and a person. It is one money where another channel tells of the
same amount; each entry absorbs one news of each other channel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.domain import keys
from shared.domain.book import EntryKind, LedgerEntry, MoneyMark
from shared.domain.changes import Change, Insert
from shared.domain.money import Money
from shared.domain.repayment import GATEWAY, Channel, GivenAgain, TakenBack, source_of
from shared.ports.book import Book
from shared.workflows.booking import entity, moved_out, undone_of

type Told = tuple[LedgerEntry, str | None]
"""An entry by which money left, and the channel that told of it; None where nobody told."""


@dataclass(frozen=True, slots=True)
class Tellings:
    """The book, read for what takes payments back."""

    book: Book

    def original(self, reference: str) -> LedgerEntry | None:
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

    def is_signed(self, reference: str) -> bool:
        """Something in suspense takes this payment back, or did."""
        return self.book.money(keys.WAITING, keys.waits_for(source_of(reference), reference)) is not None

    def apart(self, reference: str) -> list[Told]:
        """What takes this payment back and stood in suspense by itself, each with the channel that told of it: it came
        before the payment, or took more than was left."""
        if not self.is_signed(reference):
            return []
        told = [(e, waiting_channel(e, reference)) for e in self.book.entries(keys.SUSPENSE)]
        return [(e, channel) for e, channel in told if channel]

    def unmoved(self, apart: Iterable[Told]) -> list[Told]:
        """One that a person resolved meanwhile is still the money that was told of; one that came off its loan since is
        told of there."""
        return [(entry, channel) for entry, channel in apart if moved_out(self.book, entry) is None]

    def all_told(self, original: LedgerEntry, apart: Iterable[Told]) -> list[Told]:
        """All that takes a payment back, each with the channel that told of it."""
        undone = [*self._while_held(original), *undone_of(self.book, original)]
        return [*told_by(undone), *self.unmoved(apart)]

    def _while_held(self, original: LedgerEntry) -> list[LedgerEntry]:
        """What took money back before a person moved the rest of it out of suspense."""
        if original.kind is not EntryKind.RESOLUTION or original.undoes is None:
            return []
        held = self.book.entry(keys.SUSPENSE, *keys.parse_ledger_entity(original.undoes))
        return [e for e in undone_of(self.book, held) if e.kind is not EntryKind.RESOLUTION] if held else []

    def twin(self, told: Iterable[Told], amount: Money, channel: Channel) -> LedgerEntry | None:
        """What another channel told of with the same amount, and this one did not yet: the same money."""
        for entry, by in told:
            if by in (None, channel) or entry.amount != amount:
                continue
            if self.book.money(keys.TOLD, keys.told_by(entry.loan_id, entity(entry), channel)) is None:
                return entry
        return None

    def beside(self, apart: Sequence[object], reference: str) -> list[Change]:
        """Says that something in suspense takes this payment back: whoever has to do with it looks there as well. And
        the next place among these: of two channels that tell of one money at the same moment, one reads again."""
        source = source_of(reference)
        place = MoneyMark(keys.WAITING, keys.waiting_place(source, reference, len(apart) + 1), keys.SUSPENSE)
        if self.is_signed(reference):
            return [Insert(place)]
        return [Insert(MoneyMark(keys.WAITING, keys.waits_for(source, reference), keys.SUSPENSE)), Insert(place)]

    def known_beside(self, twin: LedgerEntry, told_as: str, channel: Channel) -> list[Insert]:
        """Both marks at once: the news is known from now on, and the entry absorbs no second one of this channel."""
        return [Insert(MoneyMark(twin.source, told_as, twin.loan_id)), self.told_mark(twin, channel)]

    def told_mark(self, entry: LedgerEntry, channel: str) -> Insert:
        """This channel told of the entry as well."""
        return Insert(MoneyMark(keys.TOLD, keys.told_by(entry.loan_id, entity(entry), channel), entry.loan_id))


def told_as(news: TakenBack | GivenAgain) -> str:
    """By which a news of money that left is known; `waiting_channel` reads it."""
    return f"{news.reference}:{news.channel}:{news.event_id}"


def waiting_channel(entry: LedgerEntry, reference: str) -> Channel | None:
    """By which channel an entry in suspense was told of that takes this payment back; None for any other entry."""
    if entry.kind not in (EntryKind.REVERSAL, EntryKind.CHARGEBACK) or entry.source != source_of(reference):
        return None
    return next((c for c in Channel if entry.external_id.startswith(f"{reference}:{c}:")), None)


def told_by(undone: Iterable[LedgerEntry]) -> list[Told]:
    """Entries that take money back, each with the channel that told of it; None for one that nobody told of."""
    told_of = (EntryKind.REVERSAL, EntryKind.CHARGEBACK)
    return [(e, (e.detail or "").partition(":")[0] if e.kind in told_of else None) for e in undone]
