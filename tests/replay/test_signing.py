"""A replay debits under a mandate from the day on which it was signed, and not before."""

import json
from datetime import date
from pathlib import Path

import pytest

from shared.adapters.csv_files import open_portfolio
from shared.cli.replay import history_of
from tests.replay.test_forecast import RULES
from tests.replay.test_replay import INSTALMENTS, LOANS, MANDATES, PAYMENTS, portfolio, replay, rows

DUES = f"{INSTALMENTS}l-1,1,2026-03-05,100.00,0,0\nl-1,2,2026-03-12,100.00,0,0\nl-1,3,2026-03-15,100.00,0,0\n"
LOAN = f"{LOANS}l-1,b-1,jiebei,CNY,2026-01-10,300.00\n"


def mandate(name: str, account: str, signed_on: str, rail: str = "stub") -> str:
    return f"{name},l-1,{rail},{account},{signed_on},active\n"


def attempts(tmp_path: Path, *mandates: str, payments: str = "", disbursed_on: str = "2026-01-10") -> list[list[str]]:
    """Of a replay of March: instalment, day and outcome of each debit."""
    loan = LOAN.replace("2026-01-10", disbursed_on)
    files = {"loans": loan, "instalments": DUES, "mandates": MANDATES + "".join(mandates)}
    folder = portfolio(tmp_path / "in", **files, payments=PAYMENTS + payments)
    assert replay(folder, tmp_path / "out") == 0
    found = rows(tmp_path / "out", "attempts.csv")
    return [[row["instalments"], row["business_date"][-2:], row["outcome"]] for row in found]


def left_out(tmp_path: Path) -> int:
    summary: dict[str, int] = json.loads((tmp_path / "out" / "summary.json").read_text())
    return summary["left_out_as_later"]


@pytest.mark.parametrize(
    ("signed_on", "debited_on"),
    [
        ("2026-01-10", {"1": "05", "2": "12", "3": "15"}),
        ("2026-03-01", {"1": "05", "2": "12", "3": "15"}),
        ("2026-03-07", {"1": "08", "2": "12", "3": "15"}),  # announced on the day itself, made good the day after
        ("2026-03-08", {"2": "12", "3": "15"}),  # a missed due day is made good for three days
        ("2026-03-13", {"2": "14", "3": "15"}),
        ("2026-03-20", {}),
    ],
)
def test_nothing_is_debited_before_the_mandate_is_signed(
    tmp_path: Path, signed_on: str, debited_on: dict[str, str]
) -> None:
    found = attempts(tmp_path, mandate("m-1", "paid-1", signed_on))
    assert {number: day for number, day, outcome in found if outcome == "paid"} == debited_on
    assert left_out(tmp_path) == 0


def test_a_mandate_that_is_signed_after_the_last_day_is_left_out_and_counted(tmp_path: Path) -> None:
    assert attempts(tmp_path, mandate("m-1", "paid-1", "2026-03-21")) == []
    assert left_out(tmp_path) == 1


def test_a_mandate_of_a_loan_that_comes_later_comes_with_it_or_after_it(tmp_path: Path) -> None:
    both = mandate("m-1", "paid-1", "2026-03-01"), mandate("m-2", "insufficient-2", "2026-03-13")
    found = attempts(tmp_path, *both, disbursed_on="2026-03-03")
    assert {(number, outcome) for number, _, outcome in found} == {
        ("1", "paid"),
        ("2", "paid"),
        ("3", "insufficient"),
    }


def test_a_second_mandate_takes_over_on_the_day_on_which_it_is_signed(tmp_path: Path) -> None:
    found = attempts(tmp_path, mandate("m-1", "insufficient-1", "2026-01-10"), mandate("m-2", "paid-2", "2026-03-13"))
    outcomes = {(number, outcome) for number, _, outcome in found}
    assert outcomes == {("1", "insufficient"), ("2", "insufficient"), ("3", "paid")}


def test_a_mandate_signed_for_a_loan_that_is_paid_debits_nothing(tmp_path: Path) -> None:
    paid = "p-1,l-1,300.00,2026-03-02\n"
    assert attempts(tmp_path, mandate("m-1", "paid-1", "2026-03-04"), payments=paid) == []


def test_the_rail_of_a_mandate_that_is_signed_later_is_one_of_the_history(tmp_path: Path) -> None:
    later = MANDATES + mandate("m-1", "acc-1", "2026-03-04", "sepa") + mandate("m-2", "acc-2", "2026-03-30", "bacs")
    folder = portfolio(tmp_path / "in", loans=LOAN, instalments=DUES, mandates=later)
    history = history_of(open_portfolio(folder), RULES, date(2026, 3, 1), date(2026, 3, 20))
    assert history.rails == {"sepa"}
