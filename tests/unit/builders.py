"""Rows of the book with literal dates; a test overrides the field it is about."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from shared.adapters.policy_files import PolicyFiles
from shared.domain import keys
from shared.domain.book import (
    Borrower,
    ContactCard,
    Instalment,
    LastAttempt,
    Loan,
    LoanFile,
    Mandate,
    MandateStatus,
    Outcome,
    Told,
)
from shared.domain.calendar import at_local
from shared.domain.policy import Policy
from shared.domain.rail import Rail

SHANGHAI = "Asia/Shanghai"
DUE = date(2026, 3, 10)


def at(text: str, zone: str = SHANGHAI) -> datetime:
    """The UTC instant of a local time: `at("2026-03-10 08:00")`."""
    local = datetime.fromisoformat(text)
    return at_local(local.date(), local.time(), zone)


def day(offset: int, clock: str = "12:00") -> datetime:
    """Noon, or another time, in Shanghai, `offset` days from the due date."""
    return at(f"{DUE + timedelta(days=offset)} {clock}")


def a_policy(country: str = "CN", **changes: Any) -> Policy:
    """The rules for a borrower of a country; what changes, changes after the country's rules were merged in."""
    return replace(lenders_policy(country), **changes)


@cache
def lenders_policy(country: str) -> Policy:
    return PolicyFiles().policy("jiebei", datetime(2026, 3, 1, tzinfo=UTC)).within(country)


def a_rail(**changes: Any) -> Rail:
    """The stub's rail with rules of another one."""
    return replace(a_policy().rails["stub"], **changes)


def a_policy_over(rail: Rail, **changes: Any) -> Policy:
    return a_policy(rails={rail.name: rail}, **changes)


def a_borrower(**changes: Any) -> Borrower:
    borrower = Borrower("b-1", "王芳", "+447700900001", "zh-CN", SHANGHAI, "CN")
    return replace(borrower, **changes)


def a_loan(**changes: Any) -> Loan:
    return replace(Loan("l-1", "b-1", "jiebei", "CNY", date(2025, 12, 10), 300_000), **changes)


def an_instalment(**changes: Any) -> Instalment:
    return replace(Instalment("l-1", 1, DUE, 100_000, 1_500, 0, "CNY"), **changes)


def a_mandate(**changes: Any) -> Mandate:
    mandate = Mandate("m-1", "l-1", "stub", "balance-1", date(2025, 12, 10), MandateStatus.ACTIVE)
    return replace(mandate, **changes)


def a_file(*instalments: Instalment, mandate: Mandate | None = None, loan: Loan | None = None) -> LoanFile:
    return LoanFile(loan or a_loan(), instalments or (an_instalment(),), (mandate,) if mandate else ())


def a_card(*loan_ids: str, told: dict[str, Told] | None = None) -> ContactCard:
    return ContactCard("b-1", loan_ids or ("l-1",), told or {})


def told_of(instalment: Instalment, tier: str, on: date) -> dict[str, Told]:
    return {keys.told_key(instalment.loan_id, instalment.number, instalment.episode): Told(tier, on)}


def announced(on: date = DUE - timedelta(days=1), minor: int = 101_500, tier: str = "PRE_DEBIT") -> Told:
    return Told(tier, on, on, minor)


def attempted(outcome: Outcome | None, slot: str = f"{DUE}T08:00", attempts: int = 1, **changes: Any) -> Instalment:
    """An instalment after an attempt in a slot."""
    claimed_at = at(slot.replace("T", " "))
    settled_on = date.fromisoformat(slot[:10]) if outcome else None
    last = LastAttempt(attempts, slot, claimed_at, outcome, settled_on, 101_500, mandate_id="m-1")
    return an_instalment(attempts=attempts, last_attempt=last, **changes)
