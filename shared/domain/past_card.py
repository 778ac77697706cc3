"""A borrower's card as it stood at an instant, told again message by message."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from shared.domain import keys, tiers
from shared.domain.book import Borrower, ContactCard, NoticeRecord, NoticeState, Told
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.history import History

type Owed = Callable[[str, datetime], int]
"""What was outstanding of an instalment (by `keys.told_key`) before an instant, in minor units."""


def card_before(history: History, at: datetime, owed: Owed) -> ContactCard:
    """The card before an instant: what was told, to whom it was counted, and which loans it followed."""
    told: dict[str, Told] = {}
    contacts: list[Contact] = []
    loan_ids = list(history.card.loan_ids)
    kept = {contact.key: contact for contact in history.card.contacts}
    for notice in sorted(history.notices, key=lambda n: (n.claimed_at, n.notice_key)):
        if notice.state is NoticeState.RELEASED:
            continue
        if notice.claimed_at >= at:
            loan_ids += [loan_id for loan_id in _settled_by(notice) if loan_id not in loan_ids]
            continue
        for key in notice.covers:
            _tell(told, key, notice, owed)
        if notice.state is not NoticeState.UNDELIVERABLE or notice.delivery:  # what a receipt says of was on its way
            contacts.append(kept.get(notice.notice_key) or _contact(notice, history.borrower))
    bars = tuple(bar for bar in history.card.bars if bar.since < at)
    return replace(history.card, told=told, contacts=tuple(contacts), bars=bars, loan_ids=tuple(loan_ids), step=None)


def _tell(told: dict[str, Told], key: str, notice: NoticeRecord, owed: Owed) -> None:
    """As `told_after` does it. A notice announced what was owed when it was claimed."""
    tier, _, told_key = key.partition("#")
    old, today = told.get(told_key), notice.business_date
    highest = max(tier, old.tier, key=tiers.rank) if old else tier
    if tier == tiers.PRE_DEBIT:
        told[told_key] = Told(highest, today, today, owed(told_key, notice.claimed_at))
    else:
        told[told_key] = replace(old, tier=highest, on=today) if old else Told(highest, today)


def _settled_by(notice: NoticeRecord) -> list[str]:
    return [key.split("#")[1] for key in notice.covers if key.startswith(f"{tiers.SETTLED}#")]


def _contact(notice: NoticeRecord, borrower: Borrower) -> Contact:
    """A contact that the card forgot since, about the loans of which the message told a step."""
    debts = tuple(dict.fromkeys(key.split("#")[1] for key in notice.covers))
    is_known = notice.channel in list(Channel)
    channel = Channel(notice.channel) if is_known else Channel.SMS
    message_class = MessageClass(notice.message_class or MessageClass.SERVICE_REMINDER)
    address = keys.address_key(borrower.address(channel) or "")
    return Contact(notice.notice_key, notice.claimed_at, channel, message_class, debts, address, counted=is_known)
