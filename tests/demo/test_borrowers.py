"""How borrowers behave: each habit at the day before it acts, on the day, and after."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from demo.borrowers import (
    SLOTS_A_DAY,
    AfterMessage,
    ByMandate,
    Credit,
    Debt,
    Early,
    Habit,
    Heard,
    InParts,
    Never,
    Pay,
    PayOff,
    Seen,
    Wages,
    habit_for,
)
from shared.domain.tiers import NoticeKind

DUE = date(2026, 3, 10)
LAST = SLOTS_A_DAY - 1


def seen(*debts: Debt, heard: Sequence[Heard] = (), account: str | None = "balance-1") -> Seen:
    return Seen("L-1", "CNY", debts or (Debt(1, DUE, 50_000), Debt(2, date(2026, 4, 10), 50_000)), heard, account)


def heard(day: int, kind: NoticeKind = NoticeKind.FAILED, number: int = 1) -> Heard:
    return Heard(number, kind, DUE + timedelta(days=day))


def amounts(habit: Habit, what: Seen, day: int, slot: int = LAST) -> list[int]:
    return [deed.amount_minor for deed in habit.deeds(what, DUE + timedelta(days=day), slot)]


def test_some_do_nothing() -> None:
    for habit in (ByMandate(), Never()):
        assert amounts(habit, seen(heard=[heard(0)]), 30) == []


@pytest.mark.parametrize(("day", "paid"), [(2, []), (3, [50_000]), (40, [100_000])])
def test_one_pays_all_that_is_due_some_days_after_the_first_message(day: int, paid: list[int]) -> None:
    what = seen(heard=[heard(0), heard(1, NoticeKind.OVERDUE)])

    assert amounts(AfterMessage(days=3), what, day) == paid


def test_nobody_pays_after_a_message_that_never_came() -> None:
    assert amounts(AfterMessage(days=0), seen(heard=[heard(-7, NoticeKind.REMIND)]), 5) == []


def test_one_who_answers_at_once_pays_at_the_next_slot_of_the_day() -> None:
    assert amounts(AfterMessage(days=0), seen(heard=[heard(0)]), 0, slot=0) == [50_000]


def test_one_rounds_up() -> None:
    assert amounts(AfterMessage(days=0, rounds_up=True), seen(Debt(1, DUE, 50_001), heard=[heard(0)]), 0) == [60_000]


def test_one_pays_in_two_parts() -> None:
    habit, whole = InParts(days=(3, 18)), seen(heard=[heard(0)])
    half = seen(Debt(1, DUE, 25_000, 25_000), heard=[heard(0)])

    assert [amounts(habit, whole, day) for day in (2, 3)] == [[], [25_000]]
    assert [amounts(habit, half, day) for day in (4, 17, 18)] == [[], [], [25_000]]


@pytest.mark.parametrize(("day", "paid"), [(-3, []), (-2, [50_000])])
def test_one_pays_early(day: int, paid: list[int]) -> None:
    assert amounts(Early(days=2), seen(), day) == paid


def test_one_pays_everything_off_in_a_round_sum() -> None:
    habit = PayOff(on=DUE)

    assert amounts(habit, seen(Debt(1, DUE, 50_000), Debt(2, DUE + timedelta(days=31), 50_001)), 0) == [110_000]
    assert amounts(habit, seen(), -1) == []


def test_money_comes_on_the_account_while_the_gateway_may_take_it() -> None:
    habit = Wages(days=0, slot=1)

    assert amounts(habit, seen(), 0, slot=0) == []
    (credit,) = habit.deeds(seen(), DUE, 1)
    assert credit == Credit("wages-L-1-1", "balance-1", 50_000, "CNY")


def test_money_that_comes_later_is_paid_by_hand() -> None:
    (pay,) = Wages(days=2, slot=1).deeds(seen(), DUE + timedelta(days=2), 1)

    assert isinstance(pay, Pay)
    assert pay.amount_minor == 50_000


def test_no_money_comes_any_more_after_the_last_wages() -> None:
    assert amounts(Wages(days=0, slot=0, until=DUE - timedelta(days=1)), seen(), 5) == []


@pytest.mark.parametrize(("day", "paid"), [(17, [50_000]), (18, [])])
def test_wages_that_nobody_asked_for_are_spent(day: int, paid: list[int]) -> None:
    assert amounts(Wages(days=2, slot=0), seen(Debt(1, DUE, 50_000)), day) == paid


def test_a_deed_has_a_key_of_its_own_day_and_slot() -> None:
    what = seen(heard=[heard(0)])
    keys = [deed.key for slot in (0, 1) for deed in AfterMessage(days=0).deeds(what, DUE, slot)]

    assert keys == ["hand-L-1-20260310-0", "hand-L-1-20260310-1"]


def test_another_books_borrowers_have_habits_too_and_keep_them() -> None:
    habits = {habit_for(f"X-{n}", account) for n in range(200) for account in ("paid-1", "balance-1", "limit-1", None)}

    assert {type(habit) for habit in habits} == {ByMandate, Never, Wages, AfterMessage}
    assert habit_for("X-1", "paid-1") == ByMandate()
