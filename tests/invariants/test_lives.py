"""What the real workflows leave behind breaches nothing, at any time of any day."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from shared.domain.book import Instalment
from tests.snapshots import breaches_of
from tests.unit.builders import a_borrower, a_loan, an_instalment, at
from tests.unit.town import SLOTS, Town

THREE = (
    an_instalment(),
    an_instalment(number=2, due_on=date(2026, 4, 10)),
    an_instalment(number=3, due_on=date(2026, 5, 10)),
)
ACCOUNTS = (
    "paid-1",
    "insufficient-1",
    "balance-1",
    "limit-1",
    "mandate-dead-1",
    "account-dead-1",
    "risk-1",
    "lost-1",
    "slow-1",
)


def a_town(account: str | None, *instalments: Instalment) -> Town:
    rows = instalments or THREE
    return Town(*rows, account=account, loan=a_loan(principal_minor=sum(i.principal_minor for i in rows)))


def live_and_check(
    town: Town, first: str, last: str, skip: tuple[str, ...] = (), at_noon: Callable[[date], None] | None = None
) -> None:
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        for slot in SLOTS:
            town.clock.set(at(f"{day} {slot}"))
            if slot == "12:00" and at_noon:
                at_noon(day)
            assert breaches_of(town.store, town.clock.now(), town.stub_books.charges()) == []
            if day.isoformat() not in skip:
                town.pass_now()
                assert breaches_of(town.store, town.clock.now(), town.stub_books.charges()) == []
        day += timedelta(days=1)
    assert not town.total.failures
    assert town.notices()


@pytest.mark.parametrize("account", [*ACCOUNTS, None])
def test_a_loan_on_every_kind_of_account(account: str | None) -> None:
    live_and_check(a_town(account), "2026-03-01", "2026-06-20")


def test_days_without_any_run() -> None:
    skipped = tuple(f"2026-03-{day:02}" for day in range(8, 13)) + tuple(f"2026-04-{day:02}" for day in range(9, 12))
    live_and_check(a_town("insufficient-1"), "2026-03-01", "2026-06-20", skipped)


def test_payments_by_hand_before_after_and_too_much() -> None:
    town = a_town("insufficient-1")
    paid = {
        date(2026, 3, 5): "400.00",
        date(2026, 3, 10): "100.00",
        date(2026, 4, 14): "600.00",
        date(2026, 6, 12): "9000.00",
    }

    def pay(day: date) -> None:
        if day in paid:
            town.repay(paid[day], f"r-{day}")

    live_and_check(town, "2026-03-01", "2026-06-20", at_noon=pay)


def test_a_borrower_without_a_phone_in_another_zone() -> None:
    town = Town(
        *THREE,
        account="insufficient-1",
        loan=a_loan(),
        borrower=a_borrower(phone=None, time_zone="America/Los_Angeles"),
    )
    live_and_check(town, "2026-03-01", "2026-06-20")
