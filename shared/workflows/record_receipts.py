"""What providers say of messages, and what borrowers write back: each applied once, however often and late it comes.

Safe to run twice: what a receipt says is written by what it says (`deliveries`), with what follows for the card in the
same transaction. A receipt of no message that we know is counted and dropped: repeating it would not help.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from shared.domain import keys, tiers
from shared.domain.book import Borrower, ContactCard, NoticeRecord, NoticeState, Told
from shared.domain.changes import SaveCard
from shared.domain.consent import Bar, BarredBy, barred
from shared.domain.contact_caps import Contact, settled
from shared.domain.contact_rules import Channel, ContactEvent, MessageClass, Reached
from shared.domain.errors import BookError, IdentifierError, StoreError
from shared.domain.reach import is_unreachable, ways_to
from shared.ports.book import Book
from shared.ports.messages import Inbound, Receipt, What
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.deliveries import FAILED, REQUIRED_BY_LAW, changes_of, heard, is_news, never_arrived
from shared.workflows.facts import policy_or_none
from shared.workflows.opt_outs import MOST_RACES, OptOuts
from shared.workflows.passes import Summary

type News = Receipt | Inbound

_CARRIED_BY: Mapping[str, Channel] = {
    **dict.fromkeys(("sns-sms", "eum-sms", "http-sms"), Channel.SMS),
    "sns-push": Channel.PUSH,
    "eum-voice": Channel.VOICE,
    "ses": Channel.EMAIL,
}
"""A channel that refused a notice leaves its key to the next one: what is said of the refused send is not about it."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """The ports of hearing what became of messages."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    opt_outs: OptOuts

    def work(self, news: Iterable[News], summary: Summary | None = None) -> Summary:
        """Applies what came. One that fails is counted and stops no other; a store that does not answer ends it."""
        summary = summary or Summary()
        for one in news:
            try:
                match one:
                    case Receipt():
                        self._receipt(one, summary)
                    case Inbound():
                        self.opt_outs.hear(one, summary)
                    case _:
                        assert_never(one)
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - the batch boundary: this one is reported, the rest goes on
                summary.note_failure(one.provider, error)
        return summary

    def _receipt(self, receipt: Receipt, summary: Summary) -> None:
        summary.counts[f"receipt.{receipt.what}"] += 1
        place = self._place(receipt)
        for _ in range(MOST_RACES):
            record = self.book.notice(*place) if place else None
            file = self.book.borrower_file(record.borrower_id) if record else None
            if record is None or file is None:
                summary.counts["receipt.of-a-code" if _is_code(place) else "receipt.of-nobody"] += 1
                return
            if _CARRIED_BY.get(receipt.provider, record.channel) != record.channel:
                summary.counts["receipt.of-another-channel"] += 1
                return
            after, now = heard(record, receipt), self.clock.now()
            card, repeats = self._card_after(receipt, record, after, file.borrower, file.card, now)
            changes = changes_of(record, after)
            if card != file.card:
                changes.append(SaveCard(replace(card, rev=file.card.rev + 1)))
            if not changes:
                summary.counts["receipt.no-news"] += 1
                return
            if self.book.commit(changes):
                _count(summary, record, after, repeats=repeats)
                if card.bars != file.card.bars and is_unreachable(file.borrower, card.bars):
                    summary.counts["borrower.unreachable"] += 1
                return
        raise BookError(f"a receipt of a notice of borrower {place[0] if place else '?'} could not be written down")

    def _place(self, receipt: Receipt) -> tuple[str, str] | None:
        """The key of the notice that a receipt is about, by our own key or by the provider's reference."""
        if receipt.key is None:
            return self.book.notice_by_ref(receipt.provider_ref or "")
        borrower_id, notice_key = keys.parse_notice_hint(receipt.key)
        try:
            return (keys.checked_id(borrower_id), notice_key) if notice_key else None
        except IdentifierError:
            return None

    def _card_after(
        self,
        receipt: Receipt,
        before: NoticeRecord,
        after: NoticeRecord,
        borrower: Borrower,
        card: ContactCard,
        now: datetime,
    ) -> tuple[ContactCard, bool]:
        """The borrower's card once the receipt is known, and whether the message has to be told again."""
        if after.state is NoticeState.RELEASED or after.channel not in list(Channel):
            return card, False
        channel = Channel(after.channel)
        bars = _barred_by(receipt, channel, before, after, borrower, card, now)
        card = replace(card, bars=bars, step=now) if bars != card.bars else card
        if channel is Channel.VOICE and is_news(before, after):
            card = replace(card, contacts=_called(card, after))
        if not (is_news(before, after) and never_arrived(after) and after.message_class in REQUIRED_BY_LAW):
            return card, False
        untold = _without(card.told, after)
        if untold == card.told or not self._has_another_way(after, borrower, card, now):
            return card, False
        return replace(card, told=untold, step=now), True

    def _has_another_way(self, record: NoticeRecord, borrower: Borrower, card: ContactCard, now: datetime) -> bool:
        """A channel is left over which a notice may go that certainly did not arrive."""
        loans = [self.book.loan_file(keys.parse_tier_key(tier)[0]) for tier in record.covers]
        product = next((file.loan.product for file in loans if file), None)
        policy = policy_or_none(self.shelf, product, now, borrower.country) if product else None
        ways = ways_to(borrower, card.bars, policy, MessageClass(record.message_class)) if policy else ()
        return bool(set(ways) - {record.channel, *record.tried})


def _without(told: Mapping[str, Told], record: NoticeRecord) -> dict[str, Told]:
    """What was told once it is known that a message did not arrive: its tiers are open again, where nothing later was
    told, and so is the announcement that it made, whatever was told since. One that was given anew stands."""
    left = dict[str, Told]()
    for key, one in told.items():
        announced = keys.tier_of_told(tiers.PRE_DEBIT, key) in record.covers
        if announced and one.announced_on != record.business_date:
            left[key] = one
        elif announced and one.tier != tiers.PRE_DEBIT:
            left[key] = replace(one, announced_on=None, announced_minor=0)
        elif keys.tier_of_told(one.tier, key) not in record.covers:
            left[key] = one
    return left


def _barred_by(
    receipt: Receipt,
    channel: Channel,
    before: NoticeRecord,
    after: NoticeRecord,
    borrower: Borrower,
    card: ContactCard,
    now: datetime,
) -> tuple[Bar, ...]:
    """The card's bars with those that follow from a receipt, from now on.

    Of the address that the message went to, as its contact says; where that is forgotten, an opt-out is taken for the
    present address, and a dead one for none: the next message will tell. A word that a stronger one overtook bars
    nothing, but a complaint does, which comes after the delivery.
    """
    by = BarredBy.DEAD if receipt.address_is_dead else BarredBy.OPTED_OUT if receipt.what is What.OPTED_OUT else None
    if by is None or not (is_news(before, after) or channel is Channel.EMAIL):
        return card.bars
    known = next((contact.address for contact in card.contacts if contact.key == after.notice_key), None)
    present = borrower.address(channel)
    if known is None and by is BarredBy.OPTED_OUT and present:
        known = keys.address_key(present)
    return barred(card.bars, Bar(channel, known, by, now)) if known else card.bars


def _called(card: ContactCard, record: NoticeRecord) -> tuple[Contact, ...]:
    """The contacts once it is known how far a call came: a call that was picked up counts as a conversation."""
    if record.delivery == What.ANSWERED:
        return settled(card.contacts, record.notice_key, Reached.CONNECTED, ContactEvent.CONVERSATION)
    return settled(card.contacts, record.notice_key, Reached.ATTEMPT) if record.delivery in FAILED else card.contacts


def _count(summary: Summary, before: NoticeRecord, after: NoticeRecord, *, repeats: bool) -> None:
    if after.state is not before.state:
        summary.counts[f"notice.{after.kind}.{after.state}"] += 1
    if is_news(before, after) and after.delivery in FAILED and after.message_class in REQUIRED_BY_LAW:
        summary.counts["receipt.required-failed"] += 1
    if repeats:
        summary.counts["receipt.told-again"] += 1


def _is_code(place: Sequence[str] | None) -> bool:
    return place is not None and place[1].startswith(keys.CODE)
