"""The judge's own reckoning, beside trying every minute."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.contact_check.counting import free_from, is_full
from tests.contact_check.facts import Contact
from tests.contact_check.hours import is_open, opens
from tests.contact_check.law import Cap, Week, Window

MINUTE = timedelta(minutes=1)
EVERY_DAY = frozenset(range(1, 8))


def week(*spans: tuple[int, int], days: frozenset[int] = EVERY_DAY) -> Week:
    return (("law", tuple(Window(f"w{n}", days, start * 60, end * 60) for n, (start, end) in enumerate(spans))),)


@pytest.mark.parametrize(
    ("begins", "zones"),
    [
        (datetime(2026, 3, 7, 20, 13, tzinfo=UTC), ("America/New_York",)),
        (datetime(2026, 3, 8, 3, 0, tzinfo=UTC), ("America/Havana", "America/Los_Angeles")),
        (datetime(2026, 11, 1, 1, 7, tzinfo=UTC), ("America/Havana",)),
        (datetime(2026, 4, 4, 12, 1, tzinfo=UTC), ("Australia/Lord_Howe", "Asia/Shanghai")),
        (datetime(2026, 10, 24, 19, 30, tzinfo=UTC), ("Europe/Lisbon", "Atlantic/Azores")),
    ],
)
@pytest.mark.parametrize(
    "windows", [week((8, 21)), week((0, 1), (2, 3)), week((10, 18), days=frozenset({1, 7})) + week((9, 24))]
)
def test_the_first_open_minute_is_found(begins: datetime, zones: tuple[str, ...], windows: Week) -> None:
    minutes = (begins + n * MINUTE for n in range(8 * 24 * 60 + 1))
    assert opens(windows, zones, begins) == next((m for m in minutes if is_open(windows, zones, m)), None)


def test_where_a_zone_is_unknown_nothing_opens() -> None:
    assert opens(week((0, 24)), ("Asia/Shanghai", "Mars/Olympus"), datetime(2026, 3, 1, tzinfo=UTC)) is None


def test_a_calendar_day_is_over_when_it_is_in_every_zone() -> None:
    everything = frozenset({"sms"}), frozenset({"collection"})
    cap = Cap("law", "one", "sent", "borrower", 1, 1, None, None, *everything)
    made = Contact("n", datetime(2026, 3, 10, 4, tzinfo=UTC), "sms", "collection", (), "a")
    zones = "Asia/Shanghai", "America/New_York"
    free = free_from((cap,), (made,), (), "a", zones, made.at + MINUTE)
    assert free == datetime(2026, 3, 11, 4, tzinfo=UTC)  # it was midnight in New York when it was made
    assert is_full(cap, (made,), (), "a", zones, free - MINUTE)
