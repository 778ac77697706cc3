"""`report.html`: the run as one page that needs nothing but itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from demo import charts
from demo.charts import MONTHS, Part, Series
from demo.figures import (
    BUCKETS,
    ROLL_DAYS,
    DayFigures,
    main_currency,
    outcomes_by_attempt,
    roll_rates,
    tiers_of,
    total,
)
from demo.history import Check, History
from demo.story import OUTCOMES, Event, Story, by_day, stories, tier_name
from shared.domain.book import LoanStatus, Stage
from shared.domain.money import Money

_PAGE = Path(__file__).with_name("page")

_BUCKET_CSS = {Stage.CURRENT: "b-current", Stage.M1: "b-m1", Stage.M2: "b-m2", Stage.M3: "b-m3", Stage.LEGAL: "b-legal"}
_BUCKET_NAMES = {
    Stage.CURRENT: "not past due",
    Stage.M1: "M1",
    Stage.M2: "M2",
    Stage.M3: "M3",
    Stage.LEGAL: "legal",
}
_FAMILIES = (
    ("reminder", "t-remind", "REMIND"),
    ("pre-debit notice", "t-predebit", "PRE"),
    ("due today", "t-due", "DUE"),
    ("receipt", "t-received", "RECEIVED SETTLED"),
    ("deduction failed", "t-failed", "FAILED"),
    ("overdue", "t-overdue", "OVERDUE"),
)
"""Name, colour and the first words of the tiers of each family of messages."""
_OUTCOME_CSS = {
    "paid": "o-paid",
    "insufficient": "o-short",
    "limit": "o-limit",
    "mandate-dead": "o-dead",
    "account-dead": "o-dead",
    "risk": "o-dead",
}
_OUTCOME_ORDER = ("paid", "insufficient", "limit", "window", "mandate-dead", "account-dead", "risk")
_NTH = {1: "first attempt", 2: "second attempt", 3: "third attempt"}


@dataclass(frozen=True, slots=True)
class Key:
    """A figure at the head of the page."""

    name: str
    value: str
    detail: str


def build(history: History) -> str:
    """The page. The same history gives the same page, to the byte."""
    environment = Environment(loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined)
    days, currency = history.days(), main_currency(history.records)
    checks = history.outside.checks
    return environment.get_template("report.html.j2").render(
        css=_own("report.css"),
        js=_own("report.js"),
        title=f"{len(days)} days of a loan book",
        lede=_lede(history),
        skipped=bool(history.skipped),
        currency=currency,
        keys=_keys(history, days, currency),
        ageing=_ageing(history, days),
        roll=_roll(history, days),
        tiers=_tiers(history, currency),
        attempts=_attempts(history),
        messages=_messages(history, days),
        stories=[_story(story) for story in stories(history)],
        breaches=sum(len(check.breaches) for check in checks),
        checks=[_check(check) for check in checks],
        invariants=_verdict(checks),
        foot=_foot(history),
    )


def _lede(history: History) -> str:
    records, plan = history.records, history.plan
    products = len({loan.product for loan in records.loans})
    return (
        f"{_date(plan.first_day)} to {_date(plan.last_day)} {plan.last_day.year}. {len(records.loans)} loans of"
        f" {len(records.borrowers)} borrowers in {products} products, reminded, deducted and escalated by the deployed"
        " functions on a local AWS."
    )


def _keys(history: History, days: Sequence[DayFigures], currency: str) -> list[Key]:
    deducted, by_hand = sum(d.deducted_minor for d in days), sum(d.paid_minor for d in days)
    outcomes = total(day.deductions for day in days)
    messages = total(day.messages for day in days)
    first, last = days[0].book, days[-1].book
    late = sum(minor for stage, minor in last.items() if stage is not Stage.CURRENT)
    escalations = history.records.escalations
    entered = {(e.loan_id, e.key) for e in escalations}
    cured = {(e.loan_id, e.key) for e in escalations if e.left_on}
    settled = sum(loan.status is LoanStatus.SETTLED for loan in history.records.loans)
    tried = sum(outcomes.values())
    collected, instalments = outcomes_by_attempt(history.records), 0
    instalments = sum(collected.get(1, {}).values())
    paid = sum(found.get("paid", 0) for found in collected.values())
    return [
        Key(
            "collected",
            _amount(deducted + by_hand, currency),
            f"{_share(deducted, deducted + by_hand)} by deduction, the rest by hand",
        ),
        Key(
            "instalments deducted",
            f"{paid} of {instalments}",
            f"in {tried} attempts, {max(collected, default=0)} at most for each",
        ),
        Key(
            "messages sent",
            f"{sum(messages.values()):,}",
            f"{sum(messages.values()) / len(days):.1f} a day, each step told once",
        ),
        Key("stages cured", f"{len(cured)} of {len(entered)}", "left again after a payment, consequences undone"),
        Key(
            "outstanding",
            _amount(sum(last.values()), currency),
            f"from {_amount(sum(first.values()), currency)} on the first day",
        ),
        Key("past due", _share(late, sum(last.values())), f"{_amount(late, currency)} of what is outstanding"),
        Key("loans repaid", str(settled), "told so, and followed no longer"),
        Key(
            "functions invoked",
            f"{sum(history.outside.invocations.values()):,}",
            f"times, {len(history.outside.invocations)} functions, as the emulator counts",
        ),
    ]


def _ageing(history: History, days: Sequence[DayFigures]) -> Mapping[str, object]:
    whole = [Series(_BUCKET_NAMES[b], _BUCKET_CSS[b], [day.book[b] for day in days]) for b in BUCKETS]
    late = whole[1:]
    dates, skipped = [day.day for day in days], history.skipped

    def area(series: Sequence[Series], wide: int, narrow: int) -> Markup:
        def draw(width: int) -> str:
            height = wide if width == charts.WIDE else narrow
            return charts.stacked_areas(dates, series, charts.short_amount, skipped, width, height)

        return _svg(charts.both(draw))

    first, last = (sum(m for b, m in days[n].book.items() if b is not Stage.CURRENT) for n in (0, -1))
    share_first, share_last = (_share(late_, sum(days[n].book.values())) for n, late_ in ((0, first), (-1, last)))
    return {
        "headline": f"Past due: {share_first} of the book on the first day, {share_last} on the last",
        "whole": {
            "svg": area(whole, 300, 230),
            "readout": charts.readouts(dates, whole, charts.short_amount, skipped),
            "label": "Outstanding by bucket, day by day.",
        },
        "late": {
            "svg": area(late, 240, 210),
            "readout": charts.readouts(dates, late, charts.short_amount, skipped),
            "label": "Outstanding that is past due, by bucket, day by day.",
        },
        "table": {
            "label": "Outstanding by bucket at the end of every seventh day",
            "head": ["day", *(_BUCKET_NAMES[b] for b in BUCKETS)],
            "rows": [
                [_date(day.day), *(charts.short_amount(day.book[b]) for b in BUCKETS)] for day in days[6::7] or days
            ],
        },
    }


def _roll(history: History, days: Sequence[DayFigures]) -> Mapping[str, object]:
    rates = roll_rates(days)
    dates = [day.day for day in days]
    lines = []
    for before, after in pairwise(BUCKETS):
        values = rates[after]
        known = [value for value in values if value is not None]
        highest = next(h for h in (0.1, 0.2, 0.4, 1.0) if max(known, default=0) <= h or h == 1.0)
        mean = sum(known) / len(known) if known else None
        title = f"{_BUCKET_NAMES[before]} → {_BUCKET_NAMES[after]}"
        note = f"mean {mean:.0%} · last {known[-1]:.0%}" if mean is not None else "nothing to roll"

        def draw(
            width: int, values: Sequence[float | None] = values, css: str = _BUCKET_CSS[after], highest: float = highest
        ) -> str:
            return charts.share_line(dates, values, history.skipped, css, width, 170, highest)

        lines.append(
            {"title": title, "note": note, "label": f"{title}: {note}.", "svg": _svg(charts.both(draw, charts.HALF))}
        )
    headline = "How much rolls on to the next bucket"
    if len(days) <= ROLL_DAYS:
        headline += f": told from day {ROLL_DAYS + 1} on"
    return {"headline": headline, "lines": lines}


def _tiers(history: History, currency: str) -> Mapping[str, object]:
    found = tiers_of(history.records)
    rows, cells = [], []
    for tier in found:
        share = tier.repaid_minor / tier.told_minor if tier.told_minor else 0.0
        css = _family(tier.tier)[1]
        name = tier_name(tier.tier)
        note = f"{_amount(tier.repaid_minor, currency)} of {_amount(tier.told_minor, currency)}"
        rows.append((name, [Part(f"{share:.0%}", css, share)], note))
        cells.append(
            [
                name,
                str(tier.messages),
                _amount(tier.told_minor, currency),
                _amount(tier.repaid_minor, currency),
                f"{share:.0%}",
            ]
        )
    best = max(found, key=lambda t: t.repaid_minor / t.told_minor if t.told_minor else 0, default=None)
    headline = "What comes in within three days of a message"
    if best and best.told_minor:
        best_share = _share(best.repaid_minor, best.told_minor)
        headline = f"{best_share} of what a {tier_name(best.tier)} speaks of is in within three days"
    return {
        "headline": headline,
        "label": "; ".join(f"{name}: {parts[0].label}, {note}" for name, parts, note in rows),
        "svg": _svg(charts.both(lambda width: charts.bars(rows, width))),
        "table": {
            "label": "Repaid within three days by step",
            "head": ["step", "messages", "spoken of", "repaid", "share"],
            "rows": cells,
        },
    }


def _attempts(history: History) -> Mapping[str, object]:
    found = outcomes_by_attempt(history.records)
    names = [n for n in _OUTCOME_ORDER if any(n in row for row in found.values())]
    names += sorted({n for row in found.values() for n in row} - set(names))
    rows = []
    for nth, row in found.items():
        count = sum(row.values())
        parts = [
            Part(f"{OUTCOMES[n]} {row[n]}", _OUTCOME_CSS.get(n, "o-unknown"), row[n] / count)
            for n in names
            if row.get(n)
        ]
        rows.append(
            (_NTH.get(nth, f"attempt {nth}"), parts, f"{_share(row.get('paid', 0), count)} of {count} collected")
        )
    first = found.get(1, {})
    instalments, paid = sum(first.values()), sum(row.get("paid", 0) for row in found.values())
    headline = (
        f"{_share(first.get('paid', 0), instalments)} of instalments are collected at the first attempt,"
        f" {_share(paid, instalments)} within three"
        if instalments
        else "No deduction was attempted"
    )
    return {
        "headline": headline,
        "legend": list(dict.fromkeys((_outcome_legend(n), _OUTCOME_CSS.get(n, "o-unknown")) for n in names)),
        "label": "; ".join(f"{name}: {', '.join(p.label for p in parts)}" for name, parts, _ in rows),
        "svg": _svg(charts.both(lambda width: charts.bars(rows, width))),
        "table": {
            "label": "Outcomes by attempt",
            "head": ["attempt", *(OUTCOMES[n] for n in names)],
            "rows": [[_NTH.get(nth, str(nth)), *(str(row.get(n, 0)) for n in names)] for nth, row in found.items()],
        },
    }


def _outcome_legend(outcome: str) -> str:
    dead = _OUTCOME_CSS.get(outcome) == "o-dead"
    return "refused for good (mandate, account, risk)" if dead else OUTCOMES[outcome]


def _messages(history: History, days: Sequence[DayFigures]) -> Mapping[str, object]:
    dates = [day.day for day in days]
    series = [
        Series(name, css, [sum(n for tier, n in day.messages.items() if _family(tier)[1] == css) for day in days])
        for name, css, _ in _FAMILIES
    ]
    counts = total(day.messages for day in days)
    busiest = max(days, key=lambda day: sum(day.messages.values()))

    def draw(width: int) -> str:
        height = 200 if width == charts.NARROW else 240
        return charts.stacked_columns(dates, series, charts.count, history.skipped, width, height)

    return {
        "headline": f"{sum(counts.values()):,} messages, at most {sum(busiest.messages.values())} on a day",
        "chart": {
            "svg": _svg(charts.both(draw)),
            "readout": charts.readouts(dates, series, charts.count, history.skipped),
            "label": "Messages sent, day by day.",
        },
        "table": {
            "label": "Messages by step",
            "head": ["step", "sent"],
            "rows": [[tier_name(tier), str(counts[tier])] for tier in sorted(counts, key=_tier_place)],
        },
    }


def _family(tier: str) -> tuple[str, str, str]:
    return next(family for family in _FAMILIES if tier.partition("_")[0] in family[2].split())


def _tier_place(tier: str) -> tuple[int, int]:
    number = tier.partition("_")[2]
    place = _FAMILIES.index(_family(tier))
    return place, -int(number) if tier.startswith("REMIND") else int(number) if number.isdigit() else 0


def _story(story: Story) -> Mapping[str, object]:
    loan, borrower = story.loan, story.borrower
    products = {"jiebei": "借呗", "huabei": "花呗", "wangshangdai": "网商贷", "baitiao": "白条"}
    principal, product = Money(loan.principal_minor, loan.currency), products.get(loan.product, loan.product)
    return {
        "title": story.title,
        "name": borrower.name,
        "about": f"{product} loan {loan.loan_id} of {principal.grouped()} {loan.currency}: {story.why}"
        + ("; its first events" if story.is_cut else ""),
        "days": [
            {"iso": day.isoformat(), "shown": _date(day), "events": [_event(event) for event in events]}
            for day, events in by_day(story.events)
        ],
        "sender": product,
        "phone": f"to ··· {borrower.phone[-3:]}" if borrower.phone else "no phone",
        "lang": borrower.locale,
        "texts": [{"when": f"{_date(e.local.date())} {e.local:%H:%M}", "text": e.text} for e in story.texts],
    }


def _event(event: Event) -> Mapping[str, str]:
    return {"css": event.css, "title": event.title, "detail": event.detail}


def _check(check: Check) -> Mapping[str, object]:
    return {"sentence": check.sentence, "note": f"{check.examined:,} {check.counted}", "breaches": check.breaches}


def _verdict(checks: Sequence[Check]) -> str:
    failed = sum(bool(check.breaches) for check in checks)
    return f"{failed} of {len(checks)} invariants are broken" if failed else f"All {len(checks)} invariants hold"


def _foot(history: History) -> str:
    texts, phones = len(history.outside.texts), history.outside.phones
    told = (
        f"Book: {history.book}. Days, slots and days past due are the lender’s, in Asia/Shanghai. The emulator’s inbox"
        f" holds {texts:,} texts to {phones} phones."
    )
    return told + _foreign(history)


def _foreign(history: History) -> str:
    currency = main_currency(history.records)
    others = sum(loan.currency != currency for loan in history.records.loans)
    return (
        f" Amounts are those of the loans in {currency}; {others} in other currencies are counted, not added."
        if others
        else ""
    )


def _amount(minor: int, currency: str) -> str:
    signs: Mapping[str, str] = {"CNY": "¥", "EUR": "€", "GBP": "£", "USD": "$"}
    text = charts.short_amount(minor)
    return f"{signs[currency]}{text}" if currency in signs else f"{text} {currency}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "0%"


def _date(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def _own(name: str) -> Markup:
    return Markup((_PAGE / name).read_text(encoding="utf-8"))  # noqa: S704 - a file of this package


def _svg(drawn: str) -> Markup:
    return Markup(drawn)  # noqa: S704 - drawn by `demo.charts`, which escapes every text
