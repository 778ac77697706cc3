"""Business dates and wall clocks, at midnights and clock changes."""

from datetime import UTC, date, datetime, time

import pytest

from shared.domain.calendar import at_local, business_date


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


def test_a_wall_clock_time_that_does_not_exist_is_the_moment_it_would_have_been() -> None:
    assert at_local(date(2026, 3, 29), time(2, 30), "Europe/Prague") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
