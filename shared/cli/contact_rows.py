"""A borrower's stored rows as the checks read them."""

from datetime import date, datetime

from shared.adapters.dynamodb.models import BorrowerItem, CardItem, LoanItem, NoticeItem
from shared.domain import keys
from shared.domain.consent import BarredBy
from shared.domain.contact_rules import Channel, MessageClass
from shared.invariants.rows import BarRow, BorrowerRow, CardRow, HoldRow, NoticeRow, Place


def place_of(partition: str | None, sort: str | None) -> Place | None:
    """A row's place on an agenda by its index keys; None where it is on none."""
    if not partition or not sort:
        return None
    return Place(datetime.fromisoformat(sort.partition("#")[0]), partition == keys.QUARANTINE)


def borrower_row(item: BorrowerItem) -> BorrowerRow:
    reached = {Channel.SMS: item.phone, Channel.PUSH: item.push, Channel.VOICE: item.phone, Channel.EMAIL: item.email}
    addresses = tuple((str(channel), keys.address_key(to)) for channel, to in reached.items() if to)
    return BorrowerRow(item.borrower_id, item.country, (item.time_zone, *(item.other_zones or ())), addresses)


def card_row(item: CardItem) -> CardRow:
    bars = tuple(_bar_row(*words) for words in item.bars or ())
    return CardRow(item.borrower_id, item.loan_ids, place_of(item.contact_pk, item.contact_sk), bars)


def dead_channels(borrower: BorrowerItem, card: CardItem | None) -> tuple[list[str], bool]:
    """The channels whose address takes no message any more, for good, and whether that is all that is known."""
    addresses = borrower_row(borrower).addresses
    dead = {address for _, _, address, by, _ in (card.bars if card else None) or () if by == BarredBy.DEAD}
    gone = [channel for channel, address in addresses if address in dead]
    return gone, len(gone) == len(addresses)


def _bar_row(since: str, channel: str, address: str, _by: str, classes: str) -> BarRow:
    named = map(str, MessageClass) if classes == "*" else filter(None, classes.split(","))
    return BarRow(channel, address, frozenset(named), datetime.fromisoformat(since))


def hold_rows(item: LoanItem) -> tuple[HoldRow, ...]:
    return tuple(_hold_row(*words) for words in item.holds or ())


def _hold_row(_id: str, code: str, stops: str, since: str, until: str) -> HoldRow:
    day = date.fromisoformat(until) if until else None
    return HoldRow(code, frozenset(filter(None, stops.split(","))), datetime.fromisoformat(since), day)


def notice_row(item: NoticeItem) -> NoticeRow:
    return NoticeRow(
        borrower_id=item.borrower_id,
        notice_key=item.notice_key,
        kind=item.kind,
        covers=item.covers,
        amount_minor=item.amount_minor,
        currency=item.currency,
        business_date=item.business_date,
        claimed_at=item.claimed_at,
        state=item.state,
        provider_ref=item.provider_ref,
        channel=item.channel,
        message_class=item.message_class or "",
        delivery=item.delivery,
    )
