"""Borrowers, their contact cards and their notices as attributes, and back."""

from shared.adapters.dynamodb.attributes import (
    Item,
    Values,
    above_zero,
    get_count,
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
    present,
    text,
    texts,
)
from shared.domain.book import Borrower, ContactCard, NoticeRecord, NoticeState, Told


def borrower_values(row: Borrower) -> Values:
    return {
        "name": text(row.name),
        "phone": maybe_text(row.phone),
        "locale": text(row.locale),
        "time_zone": text(row.time_zone),
        "country": text(row.country),
        "payday": maybe_number(row.payday),
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
    )


def card_values(row: ContactCard) -> Values:
    return {
        "loan_ids": texts(row.loan_ids),
        "told": {"M": {key: {"M": _told_values(told)} for key, told in row.told.items()}},
        "rev": number(row.rev),
    }


def read_card(item: Item) -> ContactCard:
    return ContactCard(
        get_text(item, "borrower_id"),
        get_texts(item, "loan_ids"),
        {key: _read_told(told["M"]) for key, told in item["told"]["M"].items()},
        get_number(item, "rev"),
        maybe(get_moment, item, "step"),
    )


def _told_values(told: Told) -> Item:
    return present(
        {
            "tier": text(told.tier),
            "on": maybe_day(told.on),
            "announced_on": maybe_day(told.announced_on),
            "announced_minor": above_zero(told.announced_minor),
        }
    )


def _read_told(item: Item) -> Told:
    return Told(
        get_text(item, "tier"),
        get_day(item, "on"),
        maybe(get_day, item, "announced_on"),
        get_count(item, "announced_minor"),
    )


def notice_values(row: NoticeRecord) -> Values:
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
        "provider_ref": maybe_text(row.provider_ref),
        "settled_at": maybe_moment(row.settled_at),
        "detail": maybe_text(row.detail),
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
    )
