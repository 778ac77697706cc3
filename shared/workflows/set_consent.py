"""Writes opt-outs down, and lifts them, by a person's word: the card and the audit's entry in one transaction.

A bar wins over whoever decided before it: it raises the revision of the borrower's card, which every claim of a message
requires. Safe to run twice: what stands so already is told as it is, and noted once.
"""

from dataclasses import dataclass, replace

from shared.domain import keys
from shared.domain.book import AuditEntry
from shared.domain.changes import Insert, SaveCard
from shared.domain.consent import Bar, BarredBy, barred, lifted
from shared.domain.consent_orders import BARRED, LIFTED, ConsentOrder, as_detail, bars_at
from shared.domain.contact_rules import Channel
from shared.domain.errors import BookError, InputError
from shared.ports.book import Book
from shared.ports.world import Clock

_MOST_RACES = 10


@dataclass(frozen=True, slots=True)
class ConsentResult:
    """What became of an order: `barred`, `stands` (it was barred so already), `lifted`, `open` (nothing barred it).

    `bars` are those of the channel's present address, as they stand after it.
    """

    borrower_id: str
    channel: Channel
    word: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Consent:
    """The ports of writing opt-outs down."""

    book: Book
    clock: Clock

    def order(self, order: ConsentOrder, actor: str) -> ConsentResult:
        """Bars or lifts. Raises InputError for a borrower who does not exist or has no address for the channel."""
        for _ in range(_MOST_RACES):
            file = self.book.borrower_file(order.borrower_id)
            if file is None:
                raise InputError(f"there is no borrower {order.borrower_id}")
            known = file.borrower.address(order.channel)
            if known is None:
                raise InputError(f"borrower {order.borrower_id} has no address for {order.channel}")
            now, card, address = self.clock.now(), file.card, keys.address_key(known)
            if order.lifts:
                what, done, idle = LIFTED, "lifted", "open"
                bars = lifted(card.bars, order.channel, address, order.classes)
            else:
                what, done, idle = BARRED, "barred", "stands"
                bars = barred(card.bars, Bar(order.channel, address, BarredBy.OPTED_OUT, now, order.classes))
            after = bars_at(bars, order.channel, address)
            if bars == card.bars:
                return ConsentResult(order.borrower_id, order.channel, idle, after)
            revision = keys.audit_revision(now, f"{card.rev + 1:06d}#{what}")
            subject = keys.consent_subject(order.borrower_id)
            note = AuditEntry(subject, revision, now, actor, what, order.reason, as_detail(order))
            if self.book.commit([SaveCard(replace(card, bars=bars, rev=card.rev + 1, step=now)), Insert(note)]):
                return ConsentResult(order.borrower_id, order.channel, done, after)
        raise BookError(f"the card of borrower {order.borrower_id} changes all the time")
