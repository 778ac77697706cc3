"""A small run, written down: two loans, a week, every kind of row."""

from datetime import UTC, date, datetime

from demo.driver import Plan
from demo.history import OWN_BOOK, Check, History, Outside
from demo.records import Records
from shared.domain.book import (
    Attempt,
    AttemptState,
    Borrower,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    Mandate,
    MandateStatus,
    NoticeRecord,
    NoticeState,
    Outcome,
    Stage,
)
from shared.domain.money import Money

FIRST = date(2026, 3, 9)
PLAN = Plan(FIRST, 7, frozenset({4}))


def at(day: int, hour: int) -> datetime:
    """An hour in Shanghai on a day of March."""
    return datetime(2026, 3, day, hour - 8, tzinfo=UTC)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def attempt(seq: int, hour: int, outcome: Outcome) -> Attempt:
    moment = at(10, hour)
    slot = f"2026-03-10T{hour:02}:00"
    return Attempt(
        "L-1", seq, (1,), cny(10_100), "M-1", "stub", "balance-1", slot, moment, "v1", AttemptState.SETTLED, outcome
    )


def notice(borrower_id: str, key: str, kind: str, day: int, *covers: str, ref: str | None = "M") -> NoticeRecord:
    return NoticeRecord(
        borrower_id,
        key,
        kind,
        (key, *covers),
        cny(10_100),
        "sms",
        date(2026, 3, day),
        at(day, 12),
        "v1",
        NoticeState.SENT if ref else NoticeState.UNDELIVERABLE,
        provider_ref=f"{ref}-{key}" if ref else None,
        detail=None if ref else "no-address",
    )


RECORDS = Records(
    borrowers=(
        Borrower("B-1", "王<芳>", "+447700900001", "zh-CN", "Asia/Shanghai", "CN"),
        Borrower("B-2", "Ann & Bob", None, "en", "Europe/London", "GB"),
    ),
    loans=(
        Loan("L-1", "B-1", "jiebei", "CNY", date(2026, 2, 10), 20_000),
        Loan("L-2", "B-2", "huabei", "CNY", date(2026, 1, 5), 30_000),
        Loan("L-3", "B-2", "huabei", "EUR", date(2026, 1, 5), 99_900),
    ),
    instalments=(
        Instalment("L-1", 1, date(2026, 3, 10), 10_000, 100, 0, "CNY"),
        Instalment("L-1", 2, date(2026, 4, 10), 10_000, 50, 0, "CNY"),
        Instalment("L-2", 1, date(2026, 2, 8), 30_000, 0, 0, "CNY"),
        Instalment("L-3", 1, date(2026, 5, 5), 99_900, 0, 0, "EUR"),
    ),
    mandates=(Mandate("M-1", "L-1", "stub", "balance-1", date(2026, 2, 10), MandateStatus.ACTIVE),),
    attempts=(attempt(1, 8, Outcome.INSUFFICIENT), attempt(2, 12, Outcome.PAID)),
    notices=(
        notice("B-1", "PRE_DEBIT#L-1#001#0", "pre-debit", 9),
        notice("B-1", "RECEIVED#L-1#001#0", "received", 10),
        notice("B-2", "OVERDUE_30#L-2#001#0", "overdue", 9, ref=None),
        notice("B-2", "OVERDUE_30#L-2#001#1", "overdue", 13),
    ),
    escalations=(
        Escalation("L-2", "000#M1", Stage.M1, date(2026, 3, 9), 29, 1, (), date(2026, 3, 15)),
        Escalation("L-2", "000#M2", Stage.M2, date(2026, 3, 11), 31, 1, ("limit_freeze",), date(2026, 3, 15)),
    ),
    entries=(
        LedgerEntry("L-1", "gateway", "L-1:P000002", cny(10_100), date(2026, 3, 10), ((1, 10_100),)),
        LedgerEntry("L-2", "transfer", "hand-1", cny(31_000), date(2026, 3, 15), ((1, 30_000),)),
    ),
)

TEXTS = {
    "M-PRE_DEBIT#L-1#001#0": "【借呗】尊敬的王<芳>：您好！",
    "M-RECEIVED#L-1#001#0": "【借呗】扣款成功",
    "M-OVERDUE_30#L-2#001#1": "【Huabei】Dear Ann & Bob",
}

HISTORY = History(
    PLAN,
    OWN_BOOK,
    RECORDS,
    Outside(
        TEXTS,
        2,
        {"plan_work": 18, "reconcile": 18},
        {"debit": {"defer.NOT_YET_DUE": 1}},
        (Check("a", "A.", 3, "rows"),),
    ),
)
