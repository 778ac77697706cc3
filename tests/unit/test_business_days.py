"""Which days are worked, and where a date goes that falls on another one."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.policy_files import read_packs
from shared.domain.business_days import Calendar, Roll, read_calendar
from shared.domain.errors import PolicyError
from shared.domain.packs import Pack

PACK = next(pack for pack in read_packs() if pack.type == "calendar")
CHINA = read_calendar(PACK)
WEEKENDS = Calendar("weekends", frozenset({2026}), frozenset({6, 7}), frozenset(), frozenset())


@pytest.mark.parametrize(
    ("roll", "expected"),
    [
        (Roll.FOLLOWING, date(2026, 6, 1)),
        (Roll.MODIFIED_FOLLOWING, date(2026, 5, 29)),
        (Roll.PRECEDING, date(2026, 5, 29)),
    ],
)
def test_a_sunday_at_the_end_of_a_month(roll: Roll, expected: date) -> None:
    """Vector 7."""
    assert WEEKENDS.rolled(date(2026, 5, 31), roll) == expected


@pytest.mark.parametrize(
    ("day", "roll", "expected"),
    [
        (date(2026, 8, 1), Roll.PRECEDING, date(2026, 7, 31)),
        (date(2026, 8, 15), Roll.MODIFIED_FOLLOWING, date(2026, 8, 17)),
    ],
)
def test_a_saturday(day: date, roll: Roll, expected: date) -> None:
    assert WEEKENDS.rolled(day, roll) == expected


@pytest.mark.parametrize("roll", Roll)
def test_a_business_day_stays_where_it_is(roll: Roll) -> None:
    assert WEEKENDS.rolled(date(2026, 5, 29), roll) == date(2026, 5, 29)


@pytest.mark.parametrize(
    ("day", "is_worked"),
    [
        (date(2026, 2, 14), True),  # a Saturday, worked in exchange: vector 8
        (date(2026, 2, 15), False),
        (date(2026, 2, 16), False),
        (date(2026, 2, 23), False),  # a Monday, the last day of the Spring Festival
        (date(2026, 2, 24), True),
        (date(2026, 2, 28), True),
        (date(2026, 1, 2), False),
        (date(2026, 1, 4), True),
        (date(2026, 4, 6), False),
        (date(2026, 5, 5), False),
        (date(2026, 5, 9), True),
        (date(2026, 6, 19), False),
        (date(2026, 9, 20), True),
        (date(2026, 9, 25), False),
        (date(2026, 10, 7), False),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),
        (date(2025, 1, 26), True),
        (date(2025, 1, 28), False),
        (date(2025, 2, 4), False),
        (date(2025, 2, 5), True),
        (date(2025, 10, 8), False),
        (date(2025, 10, 11), True),
        (date(2025, 10, 12), False),
    ],
)
def test_china_works_some_weekends_and_rests_on_some_weekdays(day: date, is_worked: bool) -> None:
    assert CHINA.is_business_day(day) is is_worked


def test_china_s_official_counts() -> None:
    assert [sum(day.year == year for day in CHINA.holidays) for year in (2025, 2026)] == [28, 33]
    assert [sum(day.year == year for day in CHINA.make_up_days) for year in (2025, 2026)] == [5, 6]


def test_spring_festival_rolls_over_a_whole_week() -> None:
    """Vector 8."""
    assert CHINA.rolled(date(2026, 2, 16), Roll.FOLLOWING) == date(2026, 2, 24)
    assert CHINA.rolled(date(2026, 2, 16), Roll.PRECEDING) == date(2026, 2, 14)


@pytest.mark.parametrize("day", [date(2027, 1, 1), date(2024, 12, 31)])
def test_outside_the_loaded_years_it_refuses_and_says_so(day: date) -> None:
    assert not CHINA.knows(day)
    complaint = f"^calendar calendar-cn does not know {day}: load the holidays of {day.year} first$"
    with pytest.raises(PolicyError, match=complaint):
        CHINA.is_business_day(day)
    with pytest.raises(PolicyError, match=complaint):
        CHINA.rolled(day, Roll.FOLLOWING)


def test_a_roll_that_would_leave_the_loaded_years_is_refused_too() -> None:
    december = replace(WEEKENDS, holidays=frozenset({date(2026, 12, 31)}))
    with pytest.raises(PolicyError, match="does not know 2027-01-01"):
        december.rolled(date(2026, 12, 31), Roll.FOLLOWING)
    assert december.rolled(date(2026, 12, 31), Roll.PRECEDING) == date(2026, 12, 30)


@given(st.dates(date(2025, 1, 10), date(2026, 12, 10)), st.sampled_from(Roll))
def test_a_rolled_day_is_worked_and_none_between_is_skipped(day: date, roll: Roll) -> None:
    found = CHINA.rolled(day, roll)
    assert CHINA.is_business_day(found)
    assert CHINA.rolled(found, roll) == found
    step = timedelta(days=1 if found > day else -1)
    between = [day + step * n for n in range(abs((found - day).days))]
    assert not any(CHINA.is_business_day(other) for other in between)


def spoilt(path: str, value: object) -> Pack:
    return replace(PACK, leaves={**PACK.leaves, path: replace(PACK.leaves[path], value=value)})


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("calendar.years", [2026], "holidays.2025 has a day outside calendar.years"),
        ("holidays.2025", [date(2024, 1, 1)], "holidays.2025 has a day outside calendar.years"),
        ("make_up_days.2026", [date(2026, 2, 16)], "make_up_days: 2026-02-16 is no weekend day"),
        ("make_up_days.2026", [date(2026, 2, 15)], "make_up_days: 2026-02-15 is a holiday too"),
        ("calendar.weekend", [0, 8], "calendar.weekend: [0, 8] is not a list of ISO weekdays, 1 for Monday to 7"),
    ],
)
def test_a_calendar_that_contradicts_itself_is_one_clear_error(path: str, value: Any, complaint: str) -> None:
    with pytest.raises(PolicyError) as raised:
        read_calendar(spoilt(path, value))
    assert str(raised.value) == f"calendar-cn: {complaint}"


def test_a_leaf_that_no_rule_reads_is_refused() -> None:
    leaf = PACK.leaves["calendar.years"]
    with pytest.raises(PolicyError, match=r"^calendar-cn: other is not a leaf that any rule reads$"):
        read_calendar(replace(PACK, leaves={**PACK.leaves, "other": leaf}))


@pytest.mark.parametrize("path", sorted(PACK.leaves))
def test_each_leaf_changes_which_days_are_worked(path: str) -> None:
    changes: dict[str, object] = {
        "calendar.years": [2025, 2026, 2027],
        "calendar.weekend": [5, 6, 7],
        "holidays.2025": [date(2025, 1, 2)],
        "holidays.2026": [date(2026, 1, 5)],
        "make_up_days.2025": [date(2025, 1, 25)],
        "make_up_days.2026": [date(2026, 1, 10)],
    }

    def worked(calendar: Calendar) -> list[date]:
        days = [date(2025, 1, 1) + timedelta(days=n) for n in range(800)]
        return [day for day in days if calendar.knows(day) and calendar.is_business_day(day)]

    assert worked(read_calendar(spoilt(path, changes[path]))) != worked(CHINA)
