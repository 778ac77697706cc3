"""The real book in memory: every message, attempt and stage of every day as the plain count has it."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from demo.driver import Plan
from tests.berka.comparison import DAYS, FIRST_DAY, Comparison, compare, without_caps
from tests.data.berka import BerkaLoan, busiest, read_loans, write_portfolio
from tests.demo.memory_world import MemoryWorld

DATA = Path(__file__).parents[3] / "shared" / "data" / "berka"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the Berka data does not stand beside the repository")


@pytest.fixture(scope="module")
def loans() -> tuple[BerkaLoan, ...]:
    return read_loans(DATA)


def lived(
    loans: Sequence[BerkaLoan], plan: Plan, folder: Path, without_mandate: frozenset[str] = frozenset()
) -> Comparison:
    write_portfolio(loans, folder, plan.first_day, without_mandate)
    world = MemoryWorld(plan.morning(), without_caps())
    world.import_from(folder)
    return compare(loans, world, plan, without_mandate=without_mandate)


@pytest.mark.slow
def test_the_whole_book_does_what_the_plain_count_says(loans: tuple[BerkaLoan, ...], tmp_path: Path) -> None:
    comparison = lived(loans, Plan(FIRST_DAY, DAYS), tmp_path)
    assert comparison.differences == ()
    assert sum(comparison.happened.values()) > 5000


@pytest.mark.parametrize("start", range(0, 30, 6))
def test_a_slice_from_any_first_day_and_partly_without_mandates(
    loans: tuple[BerkaLoan, ...], start: int, tmp_path: Path
) -> None:
    first_day = FIRST_DAY + timedelta(days=start)
    some = busiest(loans, first_day, 20, 120)
    without_mandate = frozenset(loan.loan_id for loan in some[start % 3 :: 3])
    comparison = lived(some, Plan(first_day, 20), tmp_path, without_mandate)
    assert comparison.differences == ()
    assert {what for _, _, what in comparison.happened} >= {"due", "remind", "pre-debit", "paid", "failed", "overdue"}


def test_the_portfolio_is_what_the_data_says(loans: tuple[BerkaLoan, ...]) -> None:
    assert len(loans) == 682
    assert sum(len(loan.due_on) for loan in loans) == 24_888
    assert len({loan.borrower_id for loan in loans}) == len({loan.account_ref for loan in loans}) == 682
    assert sum(loan.pays_up_to < len(loan.due_on) for loan in loans) == 76
    assert sum((loan.principal for loan in loans), Decimal(0)) == 103_261_740


def test_dates_keep_their_weekday_and_the_end_of_the_month(loans: tuple[BerkaLoan, ...]) -> None:
    by_id = {loan.loan_id: loan for loan in loans}
    loan = by_id["L5314"]  # granted on 1993-07-05, a Monday
    assert (loan.granted_on, loan.granted_on.strftime("%a")) == (date(2021, 7, 5), "Mon")
    assert loan.due_on[0] == date(2021, 8, 5)
    late = next(loan for loan in loans if loan.granted_on.day == 31 and len(loan.due_on) >= 12)
    assert {day.day for day in late.due_on} >= {28, 30, 31}


def test_the_files_are_the_same_at_every_run_and_no_phone_is_used_twice(
    loans: tuple[BerkaLoan, ...], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        write_portfolio(loans, tmp_path / name, FIRST_DAY)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    phones = re.findall(r"\+447700900\d{3},", (tmp_path / "a" / "borrowers.csv").read_text(encoding="utf-8"))
    assert len(set(phones)) == 682
