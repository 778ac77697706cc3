"""The numbers behind the picture, counted from plain rows: per day, and over the whole run. Dates and sums only.

Money is in minor units of one currency, the one that most loans are in; counts are over all loans.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from demo.records import Records, parse_tier_key
from shared.domain.book import Attempt, Instalment, LedgerEntry, NoticeRecord, NoticeState, Stage
from shared.domain.tiers import NoticeKind, rank

BUCKETS = tuple(Stage)
ROLL_DAYS = 30
REPAID_WITHIN_DAYS = 3
TRANSFER = "transfer"

type BucketOf = Callable[[int], Stage]
"""The delinquency bucket of a number of days past due."""
type Balances = Mapping[Stage, int]


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day: messages by tier, deductions by outcome, payments by hand, stages, and the book at the day's end."""

    day: date
    messages: Mapping[str, int]
    deductions: Mapping[str, int]
    deducted_minor: int
    payments: int
    paid_minor: int
    entered: Mapping[str, int]
    left: Mapping[str, int]
    book: Balances
    newly_last_minor: int  # of the last bucket, which has no end: what is in its first thirty days


@dataclass(frozen=True, slots=True)
class TierFigures:
    """What became of the amounts that a tier spoke of: `repaid_minor` came in within three days of the message."""

    tier: str
    messages: int
    told_minor: int
    repaid_minor: int


def main_currency(records: Records) -> str:
    counts = Counter(loan.currency for loan in records.loans)
    return min(counts, key=lambda currency: (-counts[currency], currency), default="CNY")


def days_of(records: Records, days: Sequence[date], bucket_of: BucketOf) -> tuple[DayFigures, ...]:
    """The figures of consecutive days."""
    currency = main_currency(records)
    wanted = frozenset(days)
    messages: dict[date, Counter[str]] = defaultdict(Counter)
    for notice in records.notices:
        if notice.state is NoticeState.SENT and notice.business_date in wanted:
            messages[notice.business_date][tier_of(notice)] += 1
    deductions: dict[date, Counter[str]] = defaultdict(Counter)
    for attempt in records.attempts:
        deductions[_slot_day(attempt)][str(attempt.outcome or attempt.state)] += 1
    entered: dict[date, Counter[str]] = defaultdict(Counter)
    left: dict[date, Counter[str]] = defaultdict(Counter)
    for escalation in records.escalations:
        entered[escalation.entered_on][str(escalation.stage)] += 1
        if escalation.left_on:
            left[escalation.left_on][str(escalation.stage)] += 1
    deducted, payments, paid = _money_by_day(records.entries, currency)
    balances, newly_last = _balances(records, currency, days, bucket_of)
    return tuple(
        DayFigures(
            day,
            messages[day],
            deductions[day],
            deducted[day],
            payments[day],
            paid[day],
            entered[day],
            left[day],
            balances[day],
            newly_last[day],
        )
        for day in days
    )


def _slot_day(attempt: Attempt) -> date:
    return date.fromisoformat(attempt.slot[:10])


def _money_by_day(entries: Iterable[LedgerEntry], currency: str) -> tuple[Counter[date], Counter[date], Counter[date]]:
    deducted, payments, paid = Counter[date](), Counter[date](), Counter[date]()
    for entry in entries:
        if entry.source == "gateway" and entry.amount.currency == currency:
            deducted[entry.booked_on] += entry.amount.minor
        elif entry.source == TRANSFER:
            payments[entry.booked_on] += 1
            if entry.amount.currency == currency:
                paid[entry.booked_on] += entry.amount.minor
    return deducted, payments, paid


def tier_of(notice: NoticeRecord) -> str:
    """The tier of a message: that of the first step that it tells."""
    return parse_tier_key(notice.notice_key)[0]


def _balances(
    records: Records, currency: str, days: Sequence[date], bucket_of: BucketOf
) -> tuple[Mapping[date, Balances], Mapping[date, int]]:
    """What is outstanding at the end of each day, by the bucket that each loan's oldest unpaid instalment puts it in;
    and what of the last bucket was not there yet thirty days before."""
    due: dict[str, list[Instalment]] = defaultdict(list)
    for instalment in sorted(records.instalments, key=lambda i: (i.due_on, i.number)):
        due[instalment.loan_id].append(instalment)
    entries: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in sorted(records.entries, key=lambda e: e.booked_on):
        entries[entry.loan_id].append(entry)
    totals: dict[date, dict[Stage, int]] = {day: dict.fromkeys(BUCKETS, 0) for day in days}
    newly_last = Counter[date]()
    for loan in records.loans:
        if loan.currency != currency:
            continue
        owed = {instalment.number: instalment.due_minor for instalment in due[loan.loan_id]}
        booked = entries[loan.loan_id]
        place = 0
        for day in days:
            while place < len(booked) and booked[place].booked_on <= day:
                for number, minor in booked[place].split:
                    owed[number] -= minor
                place += 1
            oldest = next((i.due_on for i in due[loan.loan_id] if owed[i.number]), None)
            if oldest is not None and loan.disbursed_on <= day:
                dpd, outstanding = max(0, (day - oldest).days), sum(owed.values())
                bucket = bucket_of(dpd)
                totals[day][bucket] += outstanding
                if bucket is BUCKETS[-1] and bucket_of(max(0, dpd - ROLL_DAYS)) is not bucket:
                    newly_last[day] += outstanding
    return totals, newly_last


def roll_rates(days: Sequence[DayFigures]) -> Mapping[Stage, tuple[float | None, ...]]:
    """For each bucket but the first, day by day: its balance over that of the bucket before it thirty days ago.

    Of the last bucket, which has no end, only what entered it within these thirty days counts. None where there is no
    such day, or nothing stood in the bucket before.
    """
    rates: dict[Stage, tuple[float | None, ...]] = {}
    for before, after in pairwise(BUCKETS):
        rates[after] = tuple(
            _ratio(_rolled_to(after, day), days[place - ROLL_DAYS].book[before]) if place >= ROLL_DAYS else None
            for place, day in enumerate(days)
        )
    return rates


def _rolled_to(bucket: Stage, day: DayFigures) -> int:
    return day.newly_last_minor if bucket is BUCKETS[-1] else day.book[bucket]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def tiers_of(records: Records) -> tuple[TierFigures, ...]:
    """By tier, in the order of telling: what it asked for, and what of it came in within three days of the message.

    Receipts are left out: they come after the money. Money counts for every message that it follows so closely.
    """
    currency = main_currency(records)
    due = {(i.loan_id, i.number): i.due_minor for i in records.instalments if i.currency == currency}
    money: dict[tuple[str, int], list[tuple[date, int]]] = defaultdict(list)
    for entry in sorted(records.entries, key=lambda e: e.booked_on):
        for number, minor in entry.split:
            money[entry.loan_id, number].append((entry.booked_on, minor))
    counts, told, repaid = Counter[str](), Counter[str](), Counter[str]()
    for notice in records.notices:
        if notice.state is not NoticeState.SENT or notice.kind in (NoticeKind.RECEIVED, NoticeKind.SETTLED):
            continue
        counts[tier_of(notice)] += 1
        for tier, loan_id, number in map(parse_tier_key, notice.covers):
            if (loan_id, number) not in due:
                continue
            booked = money[loan_id, number]
            at = bisect_left(booked, (notice.business_date, 0))
            until = notice.business_date + timedelta(days=REPAID_WITHIN_DAYS)
            told[tier] += due[loan_id, number] - sum(minor for _, minor in booked[:at])
            repaid[tier] += sum(minor for day, minor in booked[at:] if day <= until)
    return tuple(TierFigures(tier, counts[tier], told[tier], repaid[tier]) for tier in sorted(counts, key=rank))


def outcomes_by_attempt(records: Records) -> Mapping[int, Mapping[str, int]]:
    """Outcomes of the first, second and third attempt on an instalment."""
    seen: Counter[tuple[str, int]] = Counter()
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for attempt in sorted(records.attempts, key=lambda a: (a.loan_id, a.seq)):
        for number in attempt.numbers:
            seen[attempt.loan_id, number] += 1
            found[seen[attempt.loan_id, number]][str(attempt.outcome or attempt.state)] += 1
    return dict(sorted(found.items()))


def total(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """The sum of several counts."""
    added: Counter[str] = Counter()
    for count in counts:
        added.update(count)
    return added


def calendar(first: date, days: int) -> tuple[date, ...]:
    return tuple(first + timedelta(days=n) for n in range(days))


def weeks(days: Sequence[DayFigures]) -> Iterator[Sequence[DayFigures]]:
    for start in range(0, len(days), 7):
        yield days[start : start + 7]
