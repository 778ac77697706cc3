"""Business dates and local windows, at midnights and clock changes."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.calendar import at_local, business_date, opening, zone
from tests.unit.builders import at

EIGHT, TWENTY_TWO = time(8), time(22)


@pytest.mark.parametrize(
    ("now", "zone_name", "expected"),
    [
        ("2026-03-09T15:59:59+00:00", "Asia/Shanghai", date(2026, 3, 9)),
        ("2026-03-09T16:00:00+00:00", "Asia/Shanghai", date(2026, 3, 10)),
        ("2026-03-29T00:59:59+00:00", "Europe/Prague", date(2026, 3, 29)),
        ("2026-10-24T22:00:00+00:00", "Europe/Prague", date(2026, 10, 25)),
        ("2028-02-28T16:00:00+00:00", "Asia/Shanghai", date(2028, 2, 29)),
    ],
)
def test_the_business_date_turns_at_the_lenders_midnight(now: str, zone_name: str, expected: date) -> None:
    assert business_date(datetime.fromisoformat(now), zone_name) == expected


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-10 07:59", "2026-03-10 08:00"),
        ("2026-03-10 08:00", "2026-03-10 08:00"),
        ("2026-03-10 21:59", "2026-03-10 21:59"),
        ("2026-03-10 22:00", "2026-03-11 08:00"),
        ("2026-03-10 00:00", "2026-03-10 08:00"),
    ],
)
def test_a_window_is_open_from_its_start_until_before_its_end(now: str, opens: str) -> None:
    assert opening(at(now), EIGHT, TWENTY_TWO, "Asia/Shanghai") == at(opens)


def test_the_window_keeps_local_time_over_a_clock_change() -> None:
    prague = "Europe/Prague"
    night_before = at("2026-03-28 23:00", prague)  # clocks go forward at 02:00
    assert opening(night_before, EIGHT, TWENTY_TWO, prague) - night_before == timedelta(hours=8)
    autumn = at("2026-10-24 23:00", prague)  # and back at 03:00
    assert opening(autumn, EIGHT, TWENTY_TWO, prague) - autumn == timedelta(hours=10)


def test_a_wall_clock_time_that_does_not_exist_is_the_moment_it_would_have_been() -> None:
    assert at_local(date(2026, 3, 29), time(2, 30), "Europe/Prague") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - Hypothesis adds the zone below
    st.sampled_from(["Asia/Shanghai", "Europe/Prague", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
)
def test_an_opening_is_never_early_never_outside_and_never_a_day_away(naive: datetime, zone_name: str) -> None:
    now = naive.replace(tzinfo=UTC)
    opens = opening(now, EIGHT, TWENTY_TWO, zone_name)
    assert now <= opens <= now + timedelta(hours=11)
    assert EIGHT <= opens.astimezone(zone(zone_name)).time() < TWENTY_TWO
