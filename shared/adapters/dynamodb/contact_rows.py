"""Borrowers and their notices as attributes, and back."""

from shared.adapters.dynamodb.attributes import (
    BY_PHONE,
    Item,
    Values,
    get_day,
    get_moment,
    get_money,
    get_number,
    get_text,
    get_texts,
    maybe,
    maybe_day,
    maybe_moment,
    maybe_number,
    maybe_text,
    moment,
    number,
    some_texts,
    text,
    texts,
    texts_if_any,
)
from shared.domain import keys
from shared.domain.book import Borrower, NoticeRecord, NoticeState


def borrower_values(row: Borrower) -> Values:
    return {
        "name": text(row.name),
        "phone": maybe_text(row.phone),
        "locale": text(row.locale),
        "time_zone": text(row.time_zone),
        "country": text(row.country),
        "payday": maybe_number(row.payday),
        "email": maybe_text(row.email),
        "push": maybe_text(row.push),
        "other_zones": texts_if_any(row.other_zones),
        BY_PHONE.key: text(keys.address_key(row.phone)) if row.phone else None,
    }


def read_borrower(item: Item) -> Borrower:
    return Borrower(
        get_text(item, "borrower_id"),
        get_text(item, "name"),
        maybe(get_text, item, "phone"),
        get_text(item, "locale"),
        get_text(item, "time_zone"),
        get_text(item, "country"),
        payday=maybe(get_number, item, "payday"),
        email=maybe(get_text, item, "email"),
        push=maybe(get_text, item, "push"),
        other_zones=some_texts(item, "other_zones"),
    )


def notice_values(row: NoticeRecord) -> Values:
    """All but what receipts say."""
    return {
        "kind": text(row.kind),
        "covers": texts(row.covers),
        "amount_minor": number(row.amount.minor),
        "currency": text(row.amount.currency),
        "channel": text(row.channel),
        "business_date": maybe_day(row.business_date),
        "claimed_at": moment(row.claimed_at),
        "policy_version": text(row.policy_version),
        "state": text(row.state),
        "sends": number(row.sends),
        "provider_ref": maybe_text(row.provider_ref or None),
        "settled_at": maybe_moment(row.settled_at),
        "detail": maybe_text(row.detail),
        "message_class": maybe_text(row.message_class or None),
        "tried": texts_if_any(row.tried),
    }


def receipt_values(row: NoticeRecord) -> Values:
    """What receipts say of a notice; written by no one else, so that a late settlement takes none of it away."""
    return {
        "delivery": maybe_text(row.delivery),
        "delivery_code": maybe_text(row.delivery_code),
        "delivery_at": maybe_moment(row.delivery_at),
        "opened_at": maybe_moment(row.opened_at),
        "clicked_at": maybe_moment(row.clicked_at),
    }


def read_notice(item: Item) -> NoticeRecord:
    return NoticeRecord(
        get_text(item, "borrower_id"),
        get_text(item, "notice_key"),
        get_text(item, "kind"),
        get_texts(item, "covers"),
        get_money(item),
        get_text(item, "channel"),
        get_day(item, "business_date"),
        get_moment(item, "claimed_at"),
        get_text(item, "policy_version"),
        NoticeState(get_text(item, "state")),
        get_number(item, "sends"),
        maybe(get_text, item, "provider_ref"),
        maybe(get_moment, item, "settled_at"),
        maybe(get_text, item, "detail"),
        message_class=maybe(get_text, item, "message_class") or "",
        tried=some_texts(item, "tried"),
        delivery=maybe(get_text, item, "delivery"),
        delivery_code=maybe(get_text, item, "delivery_code"),
        delivery_at=maybe(get_moment, item, "delivery_at"),
        opened_at=maybe(get_moment, item, "opened_at"),
        clicked_at=maybe(get_moment, item, "clicked_at"),
    )
