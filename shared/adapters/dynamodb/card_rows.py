"""Contact cards as attributes, and back: what was told, the contacts that caps count, and whom nothing may reach."""

from collections.abc import Mapping
from datetime import date, datetime

from shared.adapters.dynamodb.attributes import (
    Item,
    Value,
    Values,
    get_count,
    get_day,
    get_moment,
    get_number,
    get_text,
    get_texts,
    maybe,
    number,
    texts,
)
from shared.adapters.dynamodb.lines import brief, lines, read_brief, read_lines
from shared.domain import keys
from shared.domain.book import ContactCard, Told
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import Channel, ContactEvent, MessageClass, Reached

_SAME_DAY = "="
_ALL = "*"
_UNCOUNTED = "-"


def card_values(row: ContactCard) -> Values:
    return {
        "loan_ids": texts(row.loan_ids),
        "told": lines(told_words(key, told) for key, told in row.told.items()) or texts(()),
        "contacts": lines(map(contact_words, row.contacts)),
        "bars": lines(map(bar_words, row.bars)),
        "rev": number(row.rev),
    }


def read_card(item: Item) -> ContactCard:
    return ContactCard(
        get_text(item, "borrower_id"),
        get_texts(item, "loan_ids"),
        read_told(item["told"]),
        get_number(item, "rev"),
        maybe(get_moment, item, "step"),
        read_contacts(item["contacts"]) if "contacts" in item else (),
        read_bars(item["bars"]) if "bars" in item else (),
    )


def told_words(key: str, told: Told) -> list[str]:
    words = [key, told.tier, told.on.isoformat()]
    if told.announced_on or told.announced_minor:
        announced = told.announced_on.isoformat() if told.announced_on else ""
        words += [_SAME_DAY if told.announced_on == told.on else announced, str(told.announced_minor)]
    return words


def read_told(value: Value) -> Mapping[str, Told]:
    """Also as the first version wrote it: a map of maps."""
    if "M" in value:
        return {key: _read_told_map(told["M"]) for key, told in value["M"].items()}
    return {key: _read_told(*words) for key, *words in read_lines(value)}


def _read_told(tier: str, on: str, announced_on: str = "", announced_minor: str = "0") -> Told:
    announced = on if announced_on == _SAME_DAY else announced_on
    day = date.fromisoformat(announced) if announced else None
    return Told(tier, date.fromisoformat(on), day, int(announced_minor))


def _read_told_map(item: Item) -> Told:
    return Told(
        get_text(item, "tier"),
        get_day(item, "on"),
        maybe(get_day, item, "announced_on"),
        get_count(item, "announced_minor"),
    )


def contact_words(contact: Contact) -> list[str]:
    words = [brief(contact.at), contact.key, contact.channel, contact.message_class, ",".join(contact.debts)]
    words += [contact.address, contact.outcome or "", contact.event or "", "" if contact.counted else _UNCOUNTED]
    while not words[-1]:
        words.pop()
    return words


def read_contacts(value: Value) -> tuple[Contact, ...]:
    return tuple(_read_contact(*words) for words in read_lines(value))


def _read_contact(
    at: str,
    key: str,
    channel: str,
    message_class: str,
    debts: str = "",
    address: str = "",
    outcome: str = "",
    event: str = "",
    counted: str = "",
) -> Contact:
    return Contact(
        key,
        read_brief(at),
        Channel(channel),
        MessageClass(message_class),
        tuple(debts.split(",")) if debts else (),
        address,
        Reached(outcome) if outcome else None,
        ContactEvent(event) if event else None,
        counted != _UNCOUNTED,
    )


def bar_words(bar: Bar) -> list[str]:
    classes = _ALL if bar.classes == frozenset(MessageClass) else ",".join(sorted(bar.classes))
    return [keys.instant(bar.since), bar.channel, bar.address, bar.by, classes]


def read_bars(value: Value) -> tuple[Bar, ...]:
    return tuple(_read_bar(*words) for words in read_lines(value))


def _read_bar(since: str, channel: str, address: str, by: str, classes: str) -> Bar:
    named = MessageClass if classes == _ALL else (MessageClass(of) for of in classes.split(",") if of)
    return Bar(Channel(channel), address, BarredBy(by), datetime.fromisoformat(since), frozenset(named))
