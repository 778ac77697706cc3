"""The demo's portfolio: the same one every time, with everything on stage that the demo wants to show."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from demo.borrowers import AfterMessage, ByMandate, Early, InParts, Never, PayOff, Wages
from demo.driver import Plan
from demo.portfolio import FIRST_DAY, Portfolio, generate
from shared.domain.book import Loan
from shared.domain.portfolio import BORROWERS, COLUMNS, INSTALMENTS, LOANS, MANDATES, PAYMENTS
from shared.workflows.payment_stub import BEHAVIOURS
from tests.demo.memory_world import MemoryWorld

LAST_DAY = FIRST_DAY + timedelta(days=119)


@pytest.fixture(scope="module")
def book() -> Portfolio:
    return generate()


def column(book: Portfolio, file: str, name: str) -> list[str]:
    place = COLUMNS[file].index(name)
    return [row[place] for row in book.rows[file]]


def test_the_same_seed_and_day_give_the_same_files(tmp_path: Path) -> None:
    first, second = (generate().write(tmp_path / name) for name in ("first", "second"))

    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }
    assert {path.name for path in first.iterdir()} == set(COLUMNS)


def test_another_seed_gives_another_book() -> None:
    assert generate(seed=1).rows != generate(seed=2).rows


@pytest.mark.parametrize("first_day", [FIRST_DAY, date(2026, 1, 1), date(2027, 3, 31)])
def test_the_import_takes_it_whatever_the_first_day(first_day: date, tmp_path: Path) -> None:
    world = MemoryWorld(Plan(first_day).morning())

    world.import_from(generate(first_day).write(tmp_path))

    assert len(list(world.rows(Loan))) == len(generate(first_day).rows[LOANS])


def test_so_many_times_the_cast_has_so_many_people_and_ids_of_its_own(tmp_path: Path) -> None:
    many = generate(times=3)
    world = MemoryWorld(Plan(FIRST_DAY).morning())

    world.import_from(many.write(tmp_path))

    phones = [phone for phone in column(many, BORROWERS, "phone") if phone]
    assert len(list(world.rows(Loan))) == 3 * len(generate().rows[LOANS]) == len(many.habits)
    assert len(many.rows[BORROWERS]) == 3 * len(generate().rows[BORROWERS])
    assert len(set(phones)) == len(phones)
    assert max(phones) <= "+447700900999"


def test_due_days_can_lie_close_together() -> None:
    near = generate(first_due=range(4, 7))
    paid = Counter(column(near, PAYMENTS, "loan_id"))
    due = [row for row in near.rows[INSTALMENTS] if int(row[1]) == paid[row[0]] + 1]
    ahead = [date.fromisoformat(row[2]) - FIRST_DAY for row in due if date.fromisoformat(row[2]) > FIRST_DAY]

    assert len(ahead) > 40
    assert {days.days for days in ahead} == {4, 5, 6}


def test_about_sixty_loans_of_fewer_borrowers(book: Portfolio) -> None:
    owners = Counter(column(book, LOANS, "borrower_id"))

    assert 55 <= len(book.rows[LOANS]) <= 70
    assert set(owners) == set(column(book, BORROWERS, "borrower_id"))
    assert max(owners.values()) >= 3


def test_every_product_is_there(book: Portfolio) -> None:
    assert set(column(book, LOANS, "product")) == {"jiebei", "huabei", "wangshangdai", "baitiao"}


def test_both_languages_several_zones_and_somebody_without_a_phone(book: Portfolio) -> None:
    assert set(column(book, BORROWERS, "locale")) == {"zh-CN", "en"}
    assert set(column(book, BORROWERS, "time_zone")) == {"Asia/Shanghai", "Asia/Singapore", "Europe/London"}
    assert column(book, BORROWERS, "phone").count("") == 1


def test_every_phone_is_of_the_range_kept_for_drama(book: Portfolio) -> None:
    phones = [phone for phone in column(book, BORROWERS, "phone") if phone]

    assert all("+447700900000" <= phone <= "+447700900999" and len(phone) == 13 for phone in phones)
    assert len(set(phones)) == len(phones)


def test_every_behaviour_of_the_gateway_is_on_stage(book: Portfolio) -> None:
    status = COLUMNS[MANDATES].index("status")
    active = [row[3] for row in book.rows[MANDATES] if row[status] == "active"]
    seen = Counter(next(prefix for prefix in BEHAVIOURS if account.startswith(prefix)) for account in active)

    assert set(seen) == set(BEHAVIOURS)
    assert seen["slow-"] == seen["lost-"] == 1  # each attempt takes seconds


def test_mandates_of_every_status_and_loans_without_one(book: Portfolio) -> None:
    assert set(column(book, MANDATES, "status")) == {"active", "suspended", "cancelled"}
    assert set(column(book, LOANS, "loan_id")) > set(column(book, MANDATES, "loan_id"))


def test_every_habit_is_somebodys(book: Portfolio) -> None:
    assert {type(habit) for habit in book.habits.values()} == {
        AfterMessage,
        ByMandate,
        Early,
        InParts,
        Never,
        PayOff,
        Wages,
    }
    assert set(book.habits) == set(column(book, LOANS, "loan_id"))


def test_some_are_late_on_the_first_day_in_each_bucket(book: Portfolio) -> None:
    paid = Counter(column(book, PAYMENTS, "loan_id"))
    late = []
    for loan_id in column(book, LOANS, "loan_id"):
        due = [date.fromisoformat(row[2]) for row in book.rows[INSTALMENTS] if row[0] == loan_id]
        oldest = min(sorted(due)[paid[loan_id] - _part_payments(book, loan_id) :], default=FIRST_DAY)
        late.append((FIRST_DAY - oldest).days)

    assert {(dpd - 1) // 30 for dpd in late if dpd > 0} == {0, 1, 2}


def _part_payments(book: Portfolio, loan_id: str) -> int:
    """How many of a loan's payments are for less than what was due."""
    paid = [row[2] for row in book.rows[PAYMENTS] if row[1] == loan_id]
    due = {f"{sum(map(float, row[3:6])):.2f}" for row in book.rows[INSTALMENTS] if row[0] == loan_id}
    return sum(amount not in due for amount in paid)


def test_some_loans_end_within_the_days_and_others_go_on(book: Portfolio) -> None:
    last = {row[0]: date.fromisoformat(row[2]) for row in book.rows[INSTALMENTS]}

    assert sum(day <= LAST_DAY for day in last.values()) >= 5
    assert sum(day > LAST_DAY for day in last.values()) >= 20
