"""`duebell template preview`: the texts of the packs as a borrower would read them, what they cost, what is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

import typer

from shared.adapters.jinja_texts import fill
from shared.adapters.policy_files import read_packs
from shared.cli.output import Json, say, say_json
from shared.cli.policy import Day, Folder, day_of, existing
from shared.domain.book import Borrower, Stage
from shared.domain.contact_rules import Channel, MessageClass, class_of
from shared.domain.errors import InputError, PolicyError
from shared.domain.messages import Rendered, most_parts, render, text_name
from shared.domain.money import Money
from shared.domain.notices import Item, Notice
from shared.domain.policy import Policy
from shared.domain.policy_assembly import assemble
from shared.domain.text_parts import count_parts
from shared.domain.tiers import NoticeKind
from shared.domain.wording import language_of

_NAMES = {"zh": "张三"}  # of the made-up borrower; elsewhere Anna Brown
_CURRENCIES = {"CN": "CNY", "GB": "GBP", "IN": "INR", "US": "USD"}  # elsewhere EUR
_TONES = (Stage.M1, Stage.M2, Stage.M3)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One text to show."""

    product: str
    locale: str
    channel: Channel
    country: str
    notice: Notice


def preview_command(
    product: Annotated[str | None, typer.Option(help="Of one product; else of all.")] = None,
    locale: Annotated[str | None, typer.Option(help="In one locale, such as en; else in all.")] = None,
    channel: Annotated[Channel | None, typer.Option(help="For one channel; else for SMS.")] = None,
    country: Annotated[str, typer.Option(help="Of the borrower, ISO 3166-1 alpha-2.")] = "CN",
    kind: Annotated[
        str | None, typer.Option(help="One text, such as remind, pre_debit_many or overdue_M2; else all.")
    ] = None,
    on: Day = None,
    folder: Folder = None,
    as_json: Json = False,
) -> int:
    """Show texts as a made-up borrower would read them: encoding, parts, cost, and what forbids them.

    Ends with 1 when a text has a fault: such a text is not sent.
    """
    packs = read_packs(existing(folder))
    day = day_of(on, packs)
    products = sorted({p.id for p in packs if p.type == "product" and p.is_valid_on(day)})
    shown = []
    for name in _chosen("product", product, products):
        policy = assemble(packs, name, day).within(country)
        for spoken in _chosen("locale", locale, sorted(policy.wording)):
            asked = (
                _Asked(name, spoken, channel or Channel.SMS, country, n) for n in _notices(policy, country, kind, day)
            )
            shown += [_shown(one, policy) for one in asked]
    if not shown:
        raise InputError(f"--kind: no text is called {kind!r}; for instance remind, due_many or overdue_M2")
    if as_json:
        say_json(shown)
    else:
        for one in shown:
            _say(one)
    return 1 if any(one["faults"] for one in shown) else 0


def _chosen(option: str, wanted: str | None, known: list[str]) -> list[str]:
    if wanted is not None and wanted not in known:
        raise InputError(f"--{option}: {wanted!r} is none of {', '.join(known)}")
    return known if wanted is None else [wanted]


def _notices(policy: Policy, country: str, wanted: str | None, day: date) -> Iterator[Notice]:
    for kind in NoticeKind:
        for tone in _TONES if kind is NoticeKind.OVERDUE else (Stage.CURRENT,):
            for count in (1, 2):
                notice = _notice(policy, country, kind, tone, count, day)
                if wanted in (None, text_name(notice)):
                    yield notice


def _notice(policy: Policy, country: str, kind: NoticeKind, tone: Stage, count: int, day: date) -> Notice:
    """Of one loan, or of two. The class is that of the stage's notice: a legal one where a law asks for it."""
    currency = _CURRENCIES.get(country, "EUR")
    items = tuple(
        Item(f"SAMPLE-{n + 1}", policy.product, Money(123_450, currency), day + timedelta(days=n)) for n in range(count)
    )
    is_law = any(rule.stage is tone and rule.notice_is_law for rule in policy.stages)
    message_class = class_of(kind, required_by_law=is_law)
    amount = Money(123_450 * count, currency)
    channels = policy.channels[message_class]
    return Notice(
        kind,
        "SAMPLE",
        (),
        amount,
        day,
        count,
        policy.product,
        tone,
        policy.version,
        message_class,
        channels,
        channels,
        items,
    )


def _shown(asked: _Asked, policy: Policy) -> dict[str, Any]:
    notice = asked.notice
    name = _NAMES.get(language_of(asked.locale), "Anna Brown")
    borrower = Borrower("SAMPLE", name, "", asked.locale, policy.business_zone, asked.country)
    about: dict[str, Any] = {
        "product": asked.product,
        "text": text_name(notice),
        "locale": asked.locale,
        "channel": asked.channel.value,
        "country": asked.country,
        "class": notice.message_class.value,
    }
    try:
        made = render(notice, asked.channel, borrower, policy, fill)
    except PolicyError as error:
        return about | {"faults": [str(error)]}
    return about | _measured(made, asked.channel, notice.message_class, policy)


def _measured(made: Rendered, channel: Channel, message_class: MessageClass, policy: Policy) -> dict[str, Any]:
    provider = policy.providers.get(channel)
    cost: Decimal | None = provider.max_price(made.parts) if provider else None
    sms = {}
    if channel is Channel.SMS:
        counted = count_parts(made.text)
        sms = {
            "encoding": counted.encoding.value,
            "units": counted.units,
            "most_parts": most_parts(channel, message_class, policy),
        }
    return {
        "title": made.title,
        "message": made.text,
        **sms,
        "parts": made.parts,
        "provider": provider.name if provider else None,
        "cost_at_most": None if cost is None else str(cost),
        "faults": [f"{fault.leaf}: {fault.says}" for fault in made.faults],
    }


def _say(one: dict[str, Any]) -> None:
    say(" ".join(str(one[name]) for name in ("product", "text", "locale", "channel", "country", "class")))
    if "message" in one:
        if one["title"]:
            say(f"  {one['title']}")
        for line in str(one["message"]).splitlines():
            say(f"  {line}")
        say(f"  ({_figures(one)})")
    for fault in one["faults"]:
        say(f"  FAULT {fault}")
    say("")


def _figures(one: dict[str, Any]) -> str:
    length = ""
    if "encoding" in one:
        unit = "part" if one["parts"] == 1 else "parts"
        length = f"{one['encoding']}, {one['units']} units, {one['parts']} {unit} of at most {one['most_parts']}; "
    if one["provider"] is None:
        return f"{length}nobody carries it, so the cost is not known"
    cost = "the cost is not known" if one["cost_at_most"] is None else f"at most {one['cost_at_most']}"
    return f"{length}by {one['provider']}, {cost}"
