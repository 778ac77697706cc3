"""A book drawn from a seed: borrowers with one to three loans, on accounts of every habit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from shared.domain.book import (
    Borrower,
    Instalment,
    Loan,
    Mandate,
    MandateStatus,
    Source,
    SourceKind,
)
from shared.simulation.gateway import Account, Habit

START = date(2026, 3, 1)
"""The first simulated day."""

ZONES = ("Asia/Shanghai", "Asia/Shanghai", "Asia/Shanghai", "America/Los_Angeles", "Europe/Prague", "Pacific/Auckland")

_HABITS = (
    *(Habit.PAYS,) * 5,
    *(Habit.WAGES,) * 6,
    *(Habit.ERRATIC,) * 4,
    *(Habit.WAITS,) * 3,
    Habit.EMPTY,
    Habit.EMPTY,
    Habit.LIMITED,
    Habit.CLOSED_AT_NOON,
    Habit.NO_MANDATE,
    Habit.DEAD,
    Habit.RISKY,
    Habit.MISCONFIGURED,
)

_YOUNG_FROM = 90_000
"""The number of the first loan that is taken on later than the book."""

_KINDS = (SourceKind.BALANCE, SourceKind.MONEY_FUND, SourceKind.DEBIT_CARD, SourceKind.CREDIT_CARD)


@dataclass(frozen=True, slots=True)
class Holding:
    """One loan with all that belongs to it."""

    borrower: Borrower
    loan: Loan
    instalments: tuple[Instalment, ...]
    mandates: tuple[Mandate, ...]


def draw_book(
    chance: Random, loans: int, products: Sequence[str], rails: Sequence[str], accounts: dict[str, Account]
) -> list[Holding]:
    """At least `loans` loans; their accounts are opened in `accounts`."""
    book: list[Holding] = []
    while len(book) < loans:
        borrower = _borrower(len(book), chance)
        for _ in range(chance.choice((1, 1, 2, 3))):
            book.append(_holding(len(book) + 1, borrower, chance, products, rails, accounts))
    return book


def draw_young_loans(
    chance: Random,
    loans: int,
    due_from: date,
    products: Sequence[str],
    rails: Sequence[str],
    accounts: dict[str, Account],
) -> list[Holding]:
    """Loans of borrowers of their own that are first due within the week from a day on."""
    book: list[Holding] = []
    for number in range(_YOUNG_FROM, _YOUNG_FROM + loans):
        first = due_from + timedelta(days=chance.randrange(7))
        book.append(_holding(number, _borrower(number, chance), chance, products, rails, accounts, first))
    return book


def _borrower(number: int, chance: Random) -> Borrower:
    return Borrower(
        borrower_id=f"b-{number:03d}",
        name="X",
        phone=f"+4477009{number:05d}" if chance.random() < 0.95 else None,
        locale=chance.choice(("zh-CN", "en")),
        time_zone=chance.choice(ZONES),
        country="CN",
        payday=chance.choice((None, None, 1, 10, 15, 28)),
        email=f"b{number:03d}@example.com" if chance.random() < 0.6 else None,
        other_zones=("Asia/Urumqi",) if chance.random() < 0.1 else (),
    )


def _holding(
    number: int,
    borrower: Borrower,
    chance: Random,
    products: Sequence[str],
    rails: Sequence[str],
    accounts: dict[str, Account],
    first: date | None = None,
) -> Holding:
    loan_id, count = f"l-{number:03d}", chance.choice((1, 2, 2, 3, 4))
    first = first or START + timedelta(days=chance.randint(-25, 75))
    instalments = tuple(
        Instalment(
            loan_id=loan_id,
            number=n + 1,
            due_on=first + timedelta(days=30 * n),
            principal_minor=chance.choice((100, 40_000, 123_457, 250_000)),
            interest_minor=chance.choice((0, 1_500, 3_333)),
            fee_minor=chance.choice((0, 0, 500)),
            currency="CNY",
        )
        for n in range(count)
    )
    loan = Loan(
        loan_id=loan_id,
        borrower_id=borrower.borrower_id,
        product=chance.choice(products),
        currency="CNY",
        disbursed_on=min(first, START) - timedelta(days=40),
        principal_minor=sum(i.principal_minor for i in instalments),
    )
    mandates = tuple(
        _mandate(loan, n, borrower, chance, rails, accounts) for n in range(chance.choice((0, 1, 1, 1, 1, 1, 1, 2)))
    )
    return Holding(borrower, loan, instalments, mandates)


def _mandate(
    loan: Loan,
    number: int,
    borrower: Borrower,
    chance: Random,
    rails: Sequence[str],
    accounts: dict[str, Account],
) -> Mandate:
    refs = [f"acc-{loan.loan_id}-{number}-{n}" for n in range(chance.choice((1, 1, 1, 2, 3)))]
    for ref in refs:
        accounts[ref] = _account(borrower, chance)
    funding = tuple(Source(kind, ref) for kind, ref in zip(chance.sample(_KINDS, len(refs)), refs, strict=True))
    return Mandate(
        mandate_id=f"m-{loan.loan_id}-{number}",
        loan_id=loan.loan_id,
        rail=chance.choice(rails),
        account_ref=refs[0],
        signed_on=loan.disbursed_on + timedelta(days=number),
        status=MandateStatus.ACTIVE,
        funding=funding if len(refs) > 1 else (),
        expires_on=START + timedelta(days=chance.randint(40, 120)) if chance.random() < 0.1 else None,
    )


def _account(borrower: Borrower, chance: Random) -> Account:
    habit = chance.choice(_HABITS)
    if habit is not Habit.WAGES:
        return Account(habit)
    payday = borrower.payday or chance.choice((5, 10, 15, 25))
    return Account(habit, money=0, payday=payday, wages=chance.choice((20_000, 130_000, 400_000)), paid_until=START)
