"""Fills every text: each product in the locale's own country, and one product in the other countries too."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from shared.adapters.jinja_texts import fill
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Borrower, Stage
from shared.domain.contact_rules import Channel, MessageClass, class_of
from shared.domain.messages import Rendered, render, text_name
from shared.domain.money import Money
from shared.domain.notices import Item, Notice
from shared.domain.text_parts import count_parts
from shared.domain.tiers import NoticeKind

FOLDER = Path(__file__).parent
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PRODUCTS = ("jiebei", "huabei", "wangshangdai", "baitiao")
HOMES = {"zh-CN": "CN", "en": "GB"}
CURRENCIES = {"CN": "CNY", "GB": "GBP", "US": "USD", "IN": "INR", "IE": "EUR"}
NAMES = {"zh-CN": "张三", "en": "Anna Brown"}
TONES = {NoticeKind.OVERDUE: (Stage.M1, Stage.M2, Stage.M3)}
FILES = [(locale, channel) for locale in HOMES for channel in Channel]
SHELF = PolicyFiles()


@dataclass(frozen=True, slots=True)
class Told:
    product: str
    country: str
    notice: Notice
    rendered: Rendered


def every_text(locale: str, channel: Channel) -> Iterator[Told]:
    home = HOMES[locale]
    for product in PRODUCTS:
        for country in (home, *(c for c in CURRENCIES if c != home)) if product == PRODUCTS[0] else (home,):
            yield from _texts(locale, channel, product, country)


def _texts(locale: str, channel: Channel, product: str, country: str) -> Iterator[Told]:
    policy = SHELF.policy(product, NOW).within(country)
    borrower = Borrower("b-1", NAMES[locale], "+8613800000001", locale, "Asia/Shanghai", country)
    for kind in NoticeKind:
        for tone in TONES.get(kind, (Stage.CURRENT,)):
            for count in (1, 3):
                notice = a_notice(kind, tone, count, product, CURRENCIES[country])
                yield Told(product, country, notice, render(notice, channel, borrower, policy, fill))


def a_notice(kind: NoticeKind, tone: Stage, count: int, product: str, currency: str) -> Notice:
    """Of one loan, or of three instalments of two loans. The firmest tone is the one that a law asks for."""
    other = "huabei" if product == "jiebei" else "jiebei"
    items = [Item("L-2026-0001", product, Money(123_450, currency), date(2026, 3, 5))]
    if count > 1:
        items.append(Item("L-2026-0002", other, Money(60_000, currency), date(2026, 3, 8)))
    return Notice(
        kind,
        "b-1",
        (),
        Money(sum(item.amount.minor for item in items), currency),
        date(2026, 3, 5),
        count,
        product,
        tone,
        "v",
        class_of(kind, required_by_law=tone is Stage.M3),
        (),
        (),
        tuple(items),
    )


def golden(locale: str, channel: Channel) -> str:
    """The file of a locale and channel; where a text has faults, they stand beside it."""
    return "\n".join(_written(told, channel) for told in every_text(locale, channel))


def path_of(locale: str, channel: Channel) -> Path:
    return FOLDER / f"{locale}.{channel}.txt"


def _written(told: Told, channel: Channel) -> str:
    made = told.rendered
    head = f"== {told.product} {text_name(told.notice)} {told.country}"
    if channel is Channel.SMS:
        head += f" | {count_parts(made.text).encoding}, {made.parts} part{'s' if made.parts > 1 else ''}"
    head += "".join(f" | {fault.leaf} {fault.says}" for fault in made.faults)
    title = [] if made.title is None else [f"= {made.title}"]
    return "\n".join([head, *title, made.text, ""])


def classes() -> set[MessageClass]:
    return {class_of(kind) for kind in NoticeKind} | {MessageClass.LEGAL_NOTICE}
