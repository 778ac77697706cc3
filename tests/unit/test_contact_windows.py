"""When a message may go: in every zone where the borrower may be, by every pack, over clock changes."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.policy_files import read_packs
from shared.domain.calendar import zone
from shared.domain.contact_rules import Channel, ContactRules, MessageClass, WindowGroup, merge
from shared.domain.contact_windows import HORIZON, closed_by, opens
from shared.domain.jurisdiction import jurisdiction_of
from tests.unit.builders import at
from tests.unit.contact_builders import LOS_ANGELES, NEW_YORK, ZONES, a_window, groups, open_in

COLLECTION, SMS = MessageClass.COLLECTION, Channel.SMS
US = open_in(a_window("08:00", "21:00"))
PRAGUE = "Europe/Prague"


def opens_at(now: datetime, *zones: str, rules: ContactRules = US) -> datetime | None:
    return opens(now, rules, COLLECTION, SMS, zones)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-04 08:00", "2026-03-04 11:00"),
        ("2026-03-04 10:59:59", "2026-03-04 11:00"),
        ("2026-03-04 11:00", "2026-03-04 11:00"),
        ("2026-03-04 20:59:59", "2026-03-04 20:59:59"),
        ("2026-03-04 21:00", "2026-03-05 11:00"),
        ("2026-03-04 23:30", "2026-03-05 11:00"),
    ],
)
def test_a_number_in_the_east_and_an_address_in_the_west_leave_eleven_to_nine_in_the_east(
    now: str, expected: str
) -> None:
    """Vector 1, by the pack of the United States."""
    rules = jurisdiction_of(read_packs(), "US", date(2026, 3, 4)).contact
    for zones in ((NEW_YORK, LOS_ANGELES), (LOS_ANGELES, NEW_YORK)):
        assert opens(at(now, NEW_YORK), rules, COLLECTION, SMS, zones) == at(expected, NEW_YORK)


@pytest.mark.parametrize("zones", [(), ("Mars/Olympus",), (NEW_YORK, "Mars/Olympus"), ("",), ("../etc",), ("Asia",)])
def test_where_a_zone_is_not_known_nothing_goes_out(zones: tuple[str, ...]) -> None:
    noon = at("2026-03-04 12:00", NEW_YORK)
    assert opens_at(noon, *zones) is None
    if zones:
        assert ("law-1", zones[-1]) in closed_by(noon, US, COLLECTION, SMS, zones)


def test_zones_that_are_never_awake_together_open_at_no_time() -> None:
    short = open_in(a_window("09:00", "12:00"))
    assert opens_at(at("2026-03-04 09:00"), "Asia/Shanghai", NEW_YORK, rules=short) is None


def test_where_no_pack_speaks_nothing_goes_out() -> None:
    assert opens_at(at("2026-03-04 12:00"), "Asia/Shanghai", rules=ContactRules()) is None
    assert ContactRules().never_opens(COLLECTION, SMS)


def test_what_a_pack_does_not_name_it_does_not_admit() -> None:
    rules = open_in(a_window(classes=frozenset({MessageClass.RECEIPT}), channels=frozenset({SMS})))
    noon = at("2026-03-04 12:00", NEW_YORK)
    assert opens(noon, rules, MessageClass.RECEIPT, SMS, (NEW_YORK,)) == noon
    assert opens(noon, rules, COLLECTION, SMS, (NEW_YORK,)) is None
    assert opens(noon, rules, MessageClass.RECEIPT, Channel.VOICE, (NEW_YORK,)) is None
    assert rules.never_opens(COLLECTION, SMS)
    assert not rules.never_opens(MessageClass.RECEIPT, SMS)


def test_packs_that_share_no_hour_never_open_and_say_so() -> None:
    rules = merge(open_in(a_window("08:00", "12:00")), open_in(a_window("12:00", "20:00"), pack="lender-1"))
    assert rules.never_opens(COLLECTION, SMS)
    assert opens_at(at("2026-03-04 12:00"), "Asia/Shanghai", rules=rules) is None


def test_a_window_to_24_00_lasts_through_the_last_minute_and_joins_the_next_morning() -> None:
    rules = open_in(a_window("21:30", "24:00"), a_window("00:00", "01:00"))
    assert opens_at(at("2026-03-04 23:59:59"), "Asia/Shanghai", rules=rules) == at("2026-03-04 23:59:59")
    assert opens_at(at("2026-03-05 00:59:59"), "Asia/Shanghai", rules=rules) == at("2026-03-05 00:59:59")
    assert opens_at(at("2026-03-05 01:00"), "Asia/Shanghai", rules=rules) == at("2026-03-05 21:30")


def test_each_zone_has_its_own_weekday() -> None:
    """Sunday in Kiritimati begins while it is Saturday in Honolulu, 24 hours behind on the same wall clock."""
    weekdays_only = open_in(a_window("08:00", "21:00", weekdays=frozenset({1, 2, 3, 4, 5})))
    friday = at("2026-03-06 20:59", "Pacific/Honolulu")
    assert opens_at(friday, "Pacific/Honolulu", rules=weekdays_only) == friday
    monday = at("2026-03-09 08:00", "Pacific/Honolulu")  # Tuesday in Kiritimati
    assert opens_at(friday, "Pacific/Honolulu", "Pacific/Kiritimati", rules=weekdays_only) == monday


def test_a_weekly_window_is_found_a_week_ahead_and_no_further() -> None:
    thursdays = open_in(a_window("08:00", "09:00", weekdays=frozenset({4})))
    assert opens_at(at("2026-03-05 09:00"), "Asia/Shanghai", rules=thursdays) == at("2026-03-12 08:00")


@pytest.mark.parametrize(
    ("start", "end", "now", "expected"),
    [
        # clocks go from 02:00 to 03:00 on 29 March
        ("08:00", "21:00", "2026-03-28T20:00:00+00:00", "2026-03-29T06:00:00+00:00"),
        ("02:30", "21:00", "2026-03-29T00:00:00+00:00", "2026-03-29T01:00:00+00:00"),
        ("02:30", "02:45", "2026-03-29T00:00:00+00:00", "2026-03-30T00:30:00+00:00"),
        # and from 03:00 back to 02:00 on 25 October
        ("08:00", "21:00", "2026-10-24T19:00:00+00:00", "2026-10-25T07:00:00+00:00"),
        ("02:30", "04:00", "2026-10-25T00:00:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("02:30", "04:00", "2026-10-25T01:00:00+00:00", "2026-10-25T01:30:00+00:00"),
    ],
)
def test_windows_are_read_off_the_wall_clock_over_a_clock_change(start: str, end: str, now: str, expected: str) -> None:
    rules = open_in(a_window(start, end))
    assert opens_at(datetime.fromisoformat(now), PRAGUE, rules=rules) == datetime.fromisoformat(expected)


def test_who_is_closed_is_told_by_pack_and_zone() -> None:
    rules = merge(US, open_in(a_window("09:00", "20:00"), pack="lender-1"))
    eight_thirty = at("2026-03-04 08:30", NEW_YORK)
    assert closed_by(eight_thirty, rules, COLLECTION, SMS, (NEW_YORK, LOS_ANGELES)) == (
        ("law-1", LOS_ANGELES),
        ("lender-1", LOS_ANGELES),
        ("lender-1", NEW_YORK),
    )
    assert closed_by(at("2026-03-04 12:00", NEW_YORK), rules, COLLECTION, SMS, (NEW_YORK, LOS_ANGELES)) == ()


def is_admitted(moment: datetime, rules: ContactRules, names: tuple[str, ...]) -> bool:
    """By the windows as they are written, one by one."""

    def admits(group: WindowGroup, local: datetime) -> bool:
        return any(
            COLLECTION in w.classes
            and SMS in w.channels
            and local.isoweekday() in w.weekdays
            and w.start <= local.time()
            and (w.end == time(0) or local.time() < w.end)
            for w in group.windows
        )

    return all(admits(group, moment.astimezone(zone(name))) for group in rules.groups for name in names)


QUARTER = timedelta(minutes=15)
"""Windows of half hours in zones of quarter hours only change on quarter hours."""

NEAR_CHANGES = [
    *("2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-04-05", "2026-10-04", "2026-04-24", "2026-10-30"),
    *("2026-06-15", "2026-12-31"),
]


@settings(max_examples=150, deadline=None)
@given(
    st.frozensets(groups(), min_size=1, max_size=2),
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=2).map(tuple),
    st.sampled_from(NEAR_CHANGES),
    st.integers(-3 * 86_400, 86_400),
)
def test_an_opening_is_admitted_everywhere_and_no_earlier_moment_is(
    some_groups: frozenset[WindowGroup], names: tuple[str, ...], near: str, seconds: int
) -> None:
    rules = ContactRules(groups=some_groups)
    now = datetime.combine(date.fromisoformat(near), time(), UTC) + timedelta(seconds=seconds)
    found = opens(now, rules, COLLECTION, SMS, names)
    if found is not None:
        assert now <= found <= now + HORIZON
        assert is_admitted(found, rules, names)
        assert bool(closed_by(now, rules, COLLECTION, SMS, names)) == (found != now)
    end = now + HORIZON if found is None else found
    moment = now
    while moment < end:
        assert not is_admitted(moment, rules, names), moment
        since_midnight = timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)
        moment += QUARTER - since_midnight % QUARTER


@settings(max_examples=100, deadline=None)
@given(
    st.frozensets(groups(), min_size=1, max_size=2),
    st.frozensets(groups(), min_size=1, max_size=2),
    st.sampled_from(ZONES),
    st.integers(0, 7 * 96),
)
def test_merged_rules_admit_what_both_admit(
    one: frozenset[WindowGroup], other: frozenset[WindowGroup], name: str, quarters: int
) -> None:
    now = datetime(2026, 3, 28, tzinfo=UTC) + quarters * QUARTER
    pair = ContactRules(groups=one), ContactRules(groups=other)
    both_admit = all(opens(now, rules, COLLECTION, SMS, (name,)) == now for rules in pair)
    assert (opens(now, merge(*pair), COLLECTION, SMS, (name,)) == now) == both_admit
