"""The rails' packs: what each scheme forbids, when it is open, on which days it settles, and what its codes mean."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from shared.adapters.policy_files import codes_of, rail_codes, read_packs
from shared.domain.book import Outcome
from shared.domain.errors import PolicyError
from shared.domain.gateway import outcome_of
from shared.domain.packs import MIDNIGHT, Kind, Leaf, Pack
from shared.domain.policy_assembly import assemble
from shared.domain.rail import Rail, read_rail

PACKS = read_packs()
RAIL_PACKS = [pack for pack in PACKS if pack.type == "rail"]
RAILS = {pack.id: read_rail(pack) for pack in RAIL_PACKS}
ON = date(2026, 3, 1)

FUNDS = {Outcome.INSUFFICIENT}
SOFT = {Outcome.INSUFFICIENT, Outcome.LIMIT, Outcome.WINDOW, Outcome.CONFIG}

EXPECTED: dict[str, dict[str, object]] = {
    "alipay-cycle": {
        "max_attempts": 3,
        "days_before_due": 3,
        "days_after_due": 0,
        "partial": True,
        "order_in_one_call": True,
        "retry_outcomes": SOFT,
    },
    "wechat": {
        "max_per_day": 1,
        "notice_required": True,
        "notice_lead_days": 2,
        "notice_valid_days": 6,
        "windows": ((time(7), time(22)),),
        "zone": "Asia/Shanghai",
        "retry_outcomes": SOFT,
    },
    "ach": {
        "max_attempts": 3,
        "attempts_within_days": 180,
        "same_amount": True,
        "zone": "America/New_York",
        "settle_weekdays": {1, 2, 3, 4, 5},
        "calendar_until": date(2027, 12, 31),
        "retry_outcomes": FUNDS,
    },
    "ach-covered": {
        "max_attempts": 3,
        "attempts_within_days": 180,
        "same_amount": True,
        "failures_in_row": 2,
        "notice_required": True,
        "notice_lead_days": 6,
        "zone": "America/New_York",
        "settle_weekdays": {1, 2, 3, 4, 5},
        "calendar_until": date(2027, 12, 31),
        "retry_outcomes": FUNDS,
    },
    "card": {
        "max_attempts": 15,
        "attempts_within_days": 30,
        "zone": "Etc/UTC",
        "partial": True,
        "retry_outcomes": SOFT,
    },
    "card-cpa-uk": {
        "max_attempts": 2,
        "attempts_within_days": 30,
        "zone": "Europe/London",
        "retry_outcomes": {Outcome.INSUFFICIENT, Outcome.LIMIT},
    },
    "bacs": {
        "attempts_within_days": 30,
        "same_amount": True,
        "notice_required": True,
        "notice_lead_days": 19,
        "zone": "Europe/London",
        "settle_weekdays": {1, 2, 3, 4, 5},
        "calendar_until": date(2027, 12, 31),
        "retry_outcomes": FUNDS,
    },
    "sepa": {
        "notice_required": True,
        "notice_lead_days": 14,
        "zone": "Europe/Brussels",
        "settle_weekdays": {1, 2, 3, 4, 5},
        "calendar_until": date(2027, 12, 31),
        "retry_outcomes": FUNDS,
    },
    "upi": {
        "max_attempts": 4,
        "notice_required": True,
        "notice_lead_days": 2,
        "windows": ((time(0), time(10)), (time(13), time(17)), (time(21, 30), MIDNIGHT)),
        "zone": "Asia/Kolkata",
        "retry_outcomes": {Outcome.INSUFFICIENT, Outcome.LIMIT, Outcome.WINDOW},
    },
    "stripe": {
        "max_attempts": 15,
        "attempts_within_days": 30,
        "zone": "Etc/UTC",
        "partial": True,
        "retry_outcomes": SOFT,
    },
    "stub": {
        "partial": True,
        "retry_outcomes": {outcome for outcome in Outcome if outcome.is_failure},
    },
}
"""What differs from a rail that forbids nothing."""

NOTHING_FORBIDDEN: dict[str, object] = {
    "max_attempts": None,
    "attempts_within_days": None,
    "max_per_day": None,
    "same_amount": False,
    "failures_in_row": None,
    "days_before_due": 3650,  # the schedule itself never debits early
    "days_after_due": None,
    "notice_required": False,
    "notice_lead_days": 0,
    "notice_valid_days": None,
    "windows": (),
    "zone": "Asia/Shanghai",
    "settle_weekdays": {1, 2, 3, 4, 5, 6, 7},
    "calendar_until": None,
    "partial": False,
    "order_in_one_call": False,
    "retries_itself": False,
}


@pytest.mark.parametrize("rail", sorted(EXPECTED))
def test_a_rail_s_limits_are_what_its_scheme_says(rail: str) -> None:
    named = {"name", "version", "codes", "closed_on"}
    found = {f.name: getattr(RAILS[rail], f.name) for f in fields(Rail) if f.name not in named}
    assert found == NOTHING_FORBIDDEN | EXPECTED[rail]


def test_every_rail_that_ships_is_in_the_table_and_under_its_own_name() -> None:
    assert sorted(RAILS) == sorted(EXPECTED)
    assert {rail.name for rail in RAILS.values()} == set(RAILS)
    assert {rail.version for rail in RAILS.values()} == {"1"}


@pytest.mark.parametrize("rail", sorted(EXPECTED))
def test_a_lender_s_policy_carries_every_rail_with_the_stricter_of_both_rules(rail: str) -> None:
    policy = assemble(PACKS, "jiebei", ON)
    rules = policy.under(rail)
    assert rules is not None
    limit = RAILS[rail].max_attempts
    assert rules.max_attempts == (policy.max_attempts if limit is None else min(policy.max_attempts, limit))
    assert rules.retry_outcomes == policy.retry_outcomes & RAILS[rail].retry_outcomes
    assert policy.under("carrier-pigeon") is None


def test_each_leaf_says_how_binding_it_is_and_where_it_comes_from() -> None:
    for pack in RAIL_PACKS:
        for path, leaf in pack.leaves.items():
            assert leaf.kind in Kind
            assert len(leaf.source) >= len("a receipt"), (pack.id, path)
            if leaf.value in (None, "none", [], False):
                assert leaf.kind in {Kind.OWN_DESIGN, Kind.PROVIDER, Kind.SCHEME, Kind.LAW}


def with_leaf(pack: Pack, path: str, value: object) -> Pack:
    return replace(pack, leaves={**pack.leaves, path: Leaf(value, Kind.OWN_DESIGN, "a test")})


def the_pack(name: str) -> Pack:
    return next(pack for pack in RAIL_PACKS if pack.id == name)


# Bad packs


def test_a_code_stands_in_one_class_alone() -> None:
    with pytest.raises(PolicyError, match=r"^ach: codes\.(risk|insufficient): 'R01' stands under codes\.\S+ already$"):
        read_rail(with_leaf(the_pack("ach"), "codes.risk", ["R01"]))
    with pytest.raises(PolicyError, match=r"^ach: codes\.risk: 'X' stands under codes\.risk already$"):
        read_rail(with_leaf(the_pack("ach"), "codes.risk", ["X", "X"]))


@pytest.mark.parametrize("name", ["void", "broken", "PAID"])
def test_a_class_that_no_rail_reports_is_refused(name: str) -> None:
    with pytest.raises(PolicyError, match=rf"^ach: codes\.{name} is no outcome that a rail reports: paid, pending, "):
        read_rail(with_leaf(the_pack("ach"), f"codes.{name}", ["X"]))


@pytest.mark.parametrize(
    "windows",
    [
        [["10:00", "10:00"]],
        [["10:00", "09:00"]],
        [["24:00", "24:00"]],
        [["21:30", "00:00"]],
        [["07:00"]],
        [["07:00", "09:00", "10:00"]],
        [["07:00", "09:00"], ["08:00", "10:00"]],
        [["21:30", "24:00"], ["22:00", "23:00"]],
        ["07:00", "09:00"],
        "always",
    ],
)
def test_windows_that_mean_nothing_are_refused(windows: object) -> None:
    with pytest.raises(PolicyError, match=r"^upi: rail\.windows: .* is not a list of \[from, to\] times of day"):
        read_rail(with_leaf(the_pack("upi"), "rail.windows", windows))


def test_two_owners_of_a_rail_s_retries_are_refused_when_the_policy_is_loaded() -> None:
    both = [with_leaf(pack, "rail.retries_itself", value=True) if pack.id == "stub" else pack for pack in PACKS]
    with pytest.raises(PolicyError, match=r"^stub: rail\.retries_itself: the rail and debit\.max_attempts both retry"):
        assemble(both, "jiebei", ON)
    one = [with_leaf(pack, "rail.max_attempts", 1) if pack.id == "stub" else pack for pack in both]
    assert assemble(one, "jiebei", ON).rails["stub"].retries_itself


# Hours


@pytest.mark.parametrize(
    ("rail", "local", "opens"),
    [
        ("wechat", "2026-03-10 06:59", "2026-03-10 07:00"),
        ("wechat", "2026-03-10 07:00", "2026-03-10 07:00"),
        ("wechat", "2026-03-10 21:59", "2026-03-10 21:59"),
        ("wechat", "2026-03-10 22:00", "2026-03-11 07:00"),
        ("wechat", "2026-02-28 23:59", "2026-03-01 07:00"),
        ("upi", "2026-03-10 00:00", "2026-03-10 00:00"),
        ("upi", "2026-03-10 09:59", "2026-03-10 09:59"),
        ("upi", "2026-03-10 10:00", "2026-03-10 13:00"),
        ("upi", "2026-03-10 12:59", "2026-03-10 13:00"),
        ("upi", "2026-03-10 16:59", "2026-03-10 16:59"),
        ("upi", "2026-03-10 17:00", "2026-03-10 21:30"),
        ("upi", "2026-03-10 21:29", "2026-03-10 21:30"),
        ("upi", "2026-03-10 21:30", "2026-03-10 21:30"),
        ("upi", "2026-03-10 23:59", "2026-03-10 23:59"),
        ("upi", "2026-03-11 00:00", "2026-03-11 00:00"),
        ("sepa", "2026-03-10 03:00", "2026-03-10 03:00"),
    ],
)
def test_a_rail_opens_at_the_next_of_its_windows(rail: str, local: str, opens: str) -> None:
    offset = {"wechat": timedelta(hours=8), "upi": timedelta(hours=5, minutes=30), "sepa": timedelta(hours=1)}[rail]
    now, then = (datetime.fromisoformat(text).replace(tzinfo=UTC) - offset for text in (local, opens))
    assert RAILS[rail].opens(now) == then


def test_the_last_second_of_the_day_is_within_a_window_that_ends_with_it() -> None:
    last = datetime(2026, 3, 10, 18, 29, 59, 999_999, tzinfo=UTC)
    assert RAILS["upi"].opens(last) == last


def test_windows_are_wall_clock_across_a_clock_change() -> None:
    london = replace(RAILS["wechat"], zone="Europe/London")
    assert london.opens(datetime(2026, 3, 28, 23, tzinfo=UTC)) == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert london.opens(datetime(2026, 10, 24, 22, tzinfo=UTC)) == datetime(2026, 10, 25, 7, tzinfo=UTC)


# Days


def nth(year: int, month: int, weekday: int, count: int) -> date:
    """The count-th of a weekday (1 is Monday) in a month; -1 is the last."""
    days = [d for n in range(31) if (d := date(year, month, 1) + timedelta(n)).month == month]
    found = [d for d in days if d.isoweekday() == weekday]
    return found[count - 1] if count > 0 else found[count]


EASTER = {2025: date(2025, 4, 20), 2026: date(2026, 4, 5), 2027: date(2027, 3, 28)}
YEARS = sorted(EASTER)


def federal_reserve(year: int) -> set[date]:
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    moved = {d + timedelta(1) if d.isoweekday() == 7 else d for d in fixed if d.isoweekday() != 6}
    counted = {(1, 1, 3), (2, 1, 3), (5, 1, -1), (9, 1, 1), (10, 1, 2), (11, 4, 4)}
    return moved | {nth(year, *rule) for rule in counted}


def england(year: int) -> set[date]:
    found = {EASTER[year] - timedelta(2), EASTER[year] + timedelta(1)}
    found |= {nth(year, 5, 1, 1), nth(year, 5, 1, -1), nth(year, 8, 1, -1)}
    for day in (date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)):
        substitute = day
        while substitute.isoweekday() > 5 or substitute in found:
            substitute += timedelta(1)
        found.add(substitute)
    return found


def target(year: int) -> set[date]:
    fixed = {date(year, 1, 1), date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)}
    return fixed | {EASTER[year] - timedelta(2), EASTER[year] + timedelta(1)}


@pytest.mark.parametrize(
    ("rail", "calendar"),
    [("ach", federal_reserve), ("ach-covered", federal_reserve), ("bacs", england), ("sepa", target)],
)
def test_a_calendar_holds_the_holidays_that_its_rules_make(rail: str, calendar: Callable[[int], set[date]]) -> None:
    assert RAILS[rail].closed_on == set().union(*(calendar(year) for year in YEARS))


@pytest.mark.parametrize(
    ("rail", "day", "settles"),
    [
        ("ach", date(2026, 3, 6), True),
        ("ach", date(2026, 3, 7), False),  # a Saturday
        ("ach", date(2026, 3, 8), False),
        ("ach", date(2026, 3, 9), True),
        ("ach", date(2026, 7, 3), True),  # Independence Day is the Saturday
        ("ach", date(2027, 7, 5), False),  # the Monday after it
        ("ach", date(2026, 11, 26), False),
        ("bacs", date(2026, 12, 28), False),  # in place of Boxing Day
        ("bacs", date(2026, 12, 29), True),
        ("sepa", date(2026, 5, 1), False),
        ("sepa", date(2026, 5, 4), True),  # a bank holiday in England alone
        ("bacs", date(2026, 5, 4), False),
        ("ach", date(2027, 12, 31), True),
        ("ach", date(2028, 1, 3), False),  # a Monday past the calendar
        ("upi", date(2026, 3, 8), True),
        ("upi", date(2031, 3, 8), True),
    ],
)
def test_a_rail_settles_on_its_days_alone(rail: str, day: date, settles: bool) -> None:
    assert RAILS[rail].settles_on(day) is settles


@pytest.mark.parametrize(
    ("rail", "day", "knows"),
    [
        ("ach", date(2027, 12, 31), True),
        ("ach", date(2028, 1, 1), False),
        ("wechat", date(2099, 1, 1), True),
    ],
)
def test_a_calendar_knows_the_days_that_it_covers(rail: str, day: date, knows: bool) -> None:
    assert RAILS[rail].knows(day) is knows


@pytest.mark.parametrize(
    ("rail", "workdays", "closed"),
    [("bacs", 10, england), ("ach-covered", 3, federal_reserve)],
)
def test_a_lead_in_calendar_days_holds_its_working_days_on_every_day(
    rail: str, workdays: int, closed: Callable[[int], set[date]]
) -> None:
    shut = set().union(*(closed(year) for year in YEARS))
    longest = 0
    for start in (date(2025, 1, 1) + timedelta(n) for n in range(1060)):
        day, left = start, workdays
        while left:
            day += timedelta(1)
            left -= day.isoweekday() < 6 and day not in shut
        longest = max(longest, (day - start).days)
    assert RAILS[rail].notice_lead_days == longest


# Codes


@pytest.mark.parametrize("rail", sorted(EXPECTED))
def test_a_rail_knows_success_lack_of_funds_and_the_end_of_a_mandate(rail: str) -> None:
    assert {Outcome.PAID, Outcome.INSUFFICIENT, Outcome.MANDATE_DEAD, Outcome.ACCOUNT_DEAD} <= set(
        RAILS[rail].codes.values()
    )
    assert RAILS[rail].outcome_of("no-such-code") is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("rail", "code", "outcome"),
    [
        ("alipay-cycle", "10000", Outcome.PAID),
        ("alipay-cycle", "10003", Outcome.PENDING),
        ("alipay-cycle", "20000", Outcome.UNKNOWN),
        ("alipay-cycle", "ACQ.BUYER_BALANCE_NOT_ENOUGH", Outcome.INSUFFICIENT),
        ("alipay-cycle", "ACQ.CYCLE_PAY_DATE_NOT_MATCH", Outcome.WINDOW),
        ("alipay-cycle", "ACQ.AGREEMENT_NOT_EXIST", Outcome.MANDATE_DEAD),
        ("alipay-cycle", "ACQ.PAYMENT_REQUEST_HAS_RISK", Outcome.RISK),
        ("wechat", "ACCEPT", Outcome.PENDING),
        ("wechat", "NOTENOUGH", Outcome.INSUFFICIENT),
        ("ach", "R01", Outcome.INSUFFICIENT),
        ("ach", "R09", Outcome.INSUFFICIENT),
        ("ach", "R07", Outcome.MANDATE_DEAD),
        ("ach", "R02", Outcome.ACCOUNT_DEAD),
        ("card", "51", Outcome.INSUFFICIENT),
        ("card", "MAC03", Outcome.ACCOUNT_DEAD),
        ("card", "MAC21", Outcome.MANDATE_DEAD),
        ("bacs", "0", Outcome.INSUFFICIENT),
        ("bacs", "1", Outcome.MANDATE_DEAD),
        ("sepa", "AM04", Outcome.INSUFFICIENT),
        ("sepa", "MD06", Outcome.MANDATE_DEAD),
        ("sepa", "MS03", Outcome.RISK),
        ("upi", "Z9", Outcome.INSUFFICIENT),
        ("stripe", "stolen_card", Outcome.ACCOUNT_DEAD),
        ("stripe", "highest_risk_level", Outcome.RISK),
        ("stripe", "revocation_of_authorization", Outcome.MANDATE_DEAD),
    ],
)
def test_a_code_means_what_its_scheme_says(rail: str, code: str, outcome: Outcome) -> None:
    assert RAILS[rail].outcome_of(code) is outcome
    assert rail_codes(rail)[code] is outcome


@pytest.mark.parametrize("rail", ["ach", "ach-covered", "bacs", "sepa"])
def test_where_only_lack_of_funds_may_be_tried_again_its_codes_are_these(rail: str) -> None:
    wanted = {"ach": {"R01", "R09"}, "ach-covered": {"R01", "R09"}, "bacs": {"0"}, "sepa": {"AM04"}}
    assert {code for code, outcome in RAILS[rail].codes.items() if outcome is Outcome.INSUFFICIENT} == wanted[rail]


def test_codes_of_a_rail_that_nobody_packed_are_an_error() -> None:
    with pytest.raises(PolicyError, match=r"^there is no pack of rail 'carrier-pigeon'$"):
        rail_codes("carrier-pigeon")


def test_the_newest_pack_says_what_codes_mean_even_when_none_is_valid_any_more() -> None:
    old, other = the_pack("ach"), the_pack("bacs")
    new = replace(with_leaf(old, "codes.risk", ["R99"]), valid_from=date(2025, 7, 1), valid_to=date(2025, 7, 2))
    for packs in ([old, new, other], [other, new, old]):
        assert codes_of("ach", packs)["R99"] is Outcome.RISK
    assert "R99" not in codes_of("ach", [old])


def test_a_pack_that_ships_ahead_of_its_day_says_nothing_of_codes_before_it() -> None:
    old = the_pack("ach")
    new = replace(with_leaf(old, "codes.risk", ["R99"]), valid_from=date(2027, 1, 1))
    assert "R99" not in codes_of("ach", [new, old], date(2026, 12, 31))
    assert codes_of("ach", [new, old], date(2027, 1, 1))["R99"] is Outcome.RISK
    assert codes_of("ach", [new], date(2026, 12, 31))["R99"] is Outcome.RISK


def test_one_rail_s_codes_are_not_another_s_whose_name_begins_alike() -> None:
    assert rail_codes("ach") == RAILS["ach"].codes
    assert "MAC03" in rail_codes("card")


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        ("paid", "paid", Outcome.PAID),
        ("pending", "waiting", Outcome.PENDING),
        ("declined", "closed", Outcome.WINDOW),
        ("declined", "paid", Outcome.UNKNOWN),
        ("paid", "insufficient", Outcome.UNKNOWN),
        ("pending", "paid", Outcome.UNKNOWN),
        ("paid", "on-fire", Outcome.UNKNOWN),
        ("error", "limit", Outcome.UNKNOWN),
        (None, "paid", Outcome.UNKNOWN),
        ("paid", ["paid"], Outcome.UNKNOWN),
    ],
)
def test_a_status_that_contradicts_its_code_is_unknown(status: object, code: object, outcome: Outcome) -> None:
    assert outcome_of(status, code, rail_codes("stub")) is outcome
