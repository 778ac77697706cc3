"""The numbers behind the picture, on a week that is written down in `small`."""

from dataclasses import replace
from datetime import date

import pytest

from demo import charts
from demo.figures import main_currency, outcomes_by_attempt, roll_rates, tiers_of
from shared.domain.book import Stage
from tests.demo.small import HISTORY, PLAN, RECORDS

DAYS = HISTORY.days()


def on(day: int) -> int:
    """The place of a day of March."""
    return day - PLAN.first_day.day


def test_money_is_counted_in_the_currency_of_most_loans() -> None:
    assert main_currency(RECORDS) == "CNY"


def test_messages_are_counted_on_their_day_by_the_tier_of_their_first_step_once_they_left() -> None:
    assert [dict(day.messages) for day in DAYS][on(9)] == {"PRE_DEBIT": 1}
    assert [dict(day.messages) for day in DAYS][on(13)] == {"OVERDUE_30": 1}


def test_deductions_and_payments_by_hand_on_their_day() -> None:
    assert DAYS[on(10)].deductions == {"insufficient": 1, "paid": 1}
    assert DAYS[on(10)].deducted_minor == 10_100
    assert (DAYS[on(15)].payments, DAYS[on(15)].paid_minor) == (1, 31_000)


def test_stages_are_entered_and_left_on_their_day() -> None:
    assert DAYS[on(9)].entered == {"M1": 1}
    assert DAYS[on(15)].left == {"M1": 1, "M2": 1}


@pytest.mark.parametrize(
    ("day", "book"),
    [
        (9, {Stage.CURRENT: 20_150, Stage.M1: 30_000}),
        (10, {Stage.CURRENT: 10_050, Stage.M1: 30_000}),  # dpd 30, and the first instalment is deducted
        (11, {Stage.CURRENT: 10_050, Stage.M2: 30_000}),  # dpd 31
        (15, {Stage.CURRENT: 10_050}),
    ],
)
def test_the_book_at_a_days_end_by_the_oldest_unpaid_instalment(day: int, book: dict[Stage, int]) -> None:
    assert {bucket: minor for bucket, minor in DAYS[on(day)].book.items() if minor} == book


def test_roll_rates_begin_on_the_thirty_first_day() -> None:
    days = replace(PLAN, days=40)
    found = roll_rates(replace(HISTORY, plan=days).days())

    assert found[Stage.M2][:30] == (None,) * 30
    assert found[Stage.M1][30] == 0  # 20,150 was current on day 1, nothing is in M1 on day 31
    assert found[Stage.M2][30] == 0


def test_a_roll_rate_is_todays_balance_over_the_one_before_thirty_days_ago() -> None:
    days = list(replace(HISTORY, plan=replace(PLAN, days=31)).days())
    days[30] = replace(days[30], book={**days[30].book, Stage.M2: 15_000})

    assert roll_rates(days)[Stage.M2][30] == 0.5


def test_of_the_last_bucket_only_the_first_thirty_days_roll() -> None:
    days = list(replace(HISTORY, plan=replace(PLAN, days=31)).days())
    days[0] = replace(days[0], book={**days[0].book, Stage.M3: 1_000})
    days[30] = replace(days[30], book={**days[30].book, Stage.LEGAL: 9_000}, newly_last_minor=400)

    assert roll_rates(days)[Stage.LEGAL][30] == 0.4


def test_what_comes_in_within_three_days_of_a_message() -> None:
    found = {tier.tier: tier for tier in tiers_of(RECORDS)}

    assert set(found) == {"PRE_DEBIT", "OVERDUE_30"}  # a receipt comes after the money
    assert (found["PRE_DEBIT"].told_minor, found["PRE_DEBIT"].repaid_minor) == (10_100, 10_100)
    assert (found["OVERDUE_30"].messages, found["OVERDUE_30"].repaid_minor) == (1, 30_000)  # sent on 13, paid on 15


def test_money_of_the_fourth_day_does_not_count_any_more() -> None:
    late = replace(RECORDS.entries[1], booked_on=date(2026, 3, 17))
    found = {t.tier: t for t in tiers_of(replace(RECORDS, entries=(RECORDS.entries[0], late)))}

    assert found["OVERDUE_30"].repaid_minor == 0


def test_outcomes_by_attempt_on_an_instalment() -> None:
    assert outcomes_by_attempt(RECORDS) == {1: {"insufficient": 1}, 2: {"paid": 1}}


@pytest.mark.parametrize(
    ("minor", "text"),
    [(0, "0"), (99, "1"), (123_400, "1.23k"), (4_430_000, "44.3k"), (39_056_000, "391k"), (101_000_000, "1.01m")],
)
def test_amounts_on_an_axis_have_three_digits(minor: int, text: str) -> None:
    assert charts.short_amount(minor) == text


@pytest.mark.parametrize(
    ("highest", "marks"),
    [(0, [0, 1]), (9, [0, 2, 4, 6, 8]), (17, [0, 5, 10, 15]), (1_000, [0, 200, 400, 600, 800, 1000])],
)
def test_ticks_are_round_and_few(highest: float, marks: list[float]) -> None:
    assert charts.ticks(highest) == pytest.approx(marks)
