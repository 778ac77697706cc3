"""Which day an attempt belongs to: the due day's slots, then retry days and paydays, on days when the rail settles."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Instalment, Outcome, Told
from shared.domain.debit import plan_debit
from shared.domain.debit_days import DebitDay, debit_day, is_announced
from shared.domain.decision import Act, Defer, Drop, Reason
from tests.unit.builders import (
    DUE,
    a_loan,
    a_mandate,
    a_policy_over,
    a_rail,
    an_instalment,
    announced,
    at,
    attempted,
    day,
)

HOUR = timedelta(hours=1)
WEEKDAYS = frozenset({1, 2, 3, 4, 5})
ALL_DAY = (time(8), time(12), time(20))


def tried(times: int, on: date = DUE, outcome: Outcome = Outcome.INSUFFICIENT, **changes: Any) -> Instalment:
    """After so many attempts, the last one in the evening of a day."""
    return attempted(outcome, f"{on}T20:00", times, first_attempt_on=DUE, **changes)


def chosen(
    instalment: Instalment,
    today: date,
    rail: dict[str, Any] | None = None,
    payday: int | None = None,
    told: Told | None = None,
    **policy: Any,
) -> DebitDay | None:
    the_rail = a_rail(**(rail or {}))
    plan = {"max_attempts": 5, "retry_days": (3, 7), "usual_paydays": (), "calendar": None} | policy
    rules = a_policy_over(the_rail, **plan).under("stub")
    assert rules is not None
    return debit_day(instalment, told or announced(), rules, the_rail, today, payday)


def test_the_due_day_has_its_slots_first() -> None:
    assert chosen(an_instalment(), DUE - timedelta(days=20)) == DebitDay(DUE, ALL_DAY, Reason.SLOT_OPEN)
    assert chosen(tried(2), DUE) == DebitDay(DUE, ALL_DAY, Reason.SLOT_OPEN)


@pytest.mark.parametrize(
    ("attempts", "tried_on", "today", "expected"),
    [
        (3, 0, 0, 3),
        (3, 0, 2, 3),
        (3, 0, 3, 3),
        (3, 0, 5, 5),  # a retry day that was missed is caught up
        (3, 0, 6, 6),
        (3, 0, 7, 7),
        (4, 3, 3, 7),
        (4, 3, 10, 10),
        (4, 3, 11, None),  # three days after the last retry day
        (4, 7, 7, None),
    ],
)
def test_after_the_due_day_an_attempt_waits_for_the_next_retry_day(
    attempts: int, tried_on: int, today: int, expected: int | None
) -> None:
    found = chosen(tried(attempts, DUE + timedelta(days=tried_on)), DUE + timedelta(days=today))
    assert found == (None if expected is None else DebitDay(DUE + timedelta(days=expected), ALL_DAY, Reason.RETRY_DAY))


def test_fewer_attempts_on_the_due_day_leave_more_for_later() -> None:
    assert chosen(tried(1), DUE, due_day_attempts=1) == DebitDay(date(2026, 3, 13), ALL_DAY, Reason.RETRY_DAY)


@pytest.mark.parametrize(
    ("payday", "expected"),
    [
        (15, DebitDay(date(2026, 3, 15), (time(20),), Reason.PAYDAY)),  # the day-3 retry before it is left out
        (11, DebitDay(date(2026, 3, 11), (time(20),), Reason.PAYDAY)),
        (20, DebitDay(date(2026, 3, 20), (time(20),), Reason.PAYDAY)),  # the last day that is near enough
        (21, DebitDay(date(2026, 3, 13), ALL_DAY, Reason.RETRY_DAY)),  # too far off, and the usual days are not his
        (10, DebitDay(date(2026, 3, 13), ALL_DAY, Reason.RETRY_DAY)),  # today's payday brought nothing
    ],
)
def test_the_borrowers_own_payday_comes_before_the_policys_days(payday: int, expected: DebitDay) -> None:
    assert chosen(tried(3), DUE, payday=payday, usual_paydays=(11,) if payday == 21 else ()) == expected


def test_usual_paydays_stand_beside_the_policys_days() -> None:
    usual: dict[str, Any] = {"usual_paydays": (15,)}
    assert chosen(tried(3), DUE, **usual) == DebitDay(date(2026, 3, 13), ALL_DAY, Reason.RETRY_DAY)
    assert chosen(tried(4, date(2026, 3, 13)), date(2026, 3, 13), **usual) == DebitDay(
        date(2026, 3, 15), (time(20),), Reason.PAYDAY
    )


def test_a_month_without_a_31st_pays_on_its_last_day() -> None:
    late = tried(3, date(2026, 4, 25), due_on=date(2026, 4, 25))
    found = chosen(late, date(2026, 4, 25), payday=31, told=announced(on=date(2026, 4, 24)))
    assert found == DebitDay(date(2026, 4, 30), (time(20),), Reason.PAYDAY)


@pytest.mark.parametrize(
    ("due_on", "closed", "expected"),
    [
        (date(2026, 5, 31), (), date(2026, 6, 1)),  # a Sunday
        (date(2026, 5, 29), (), date(2026, 5, 29)),
        (date(2026, 5, 29), (date(2026, 5, 29),), date(2026, 6, 1)),
        (date(2026, 5, 30), (date(2026, 6, 1),), date(2026, 6, 2)),
    ],
)
def test_no_attempt_falls_on_a_day_when_the_rail_does_not_settle(
    due_on: date, closed: tuple[date, ...], expected: date
) -> None:
    rail = {"settle_weekdays": WEEKDAYS, "closed_on": frozenset(closed), "calendar_until": date(2027, 12, 31)}
    told = announced(on=due_on - timedelta(days=1))
    assert chosen(an_instalment(due_on=due_on), due_on, rail, told=told) == DebitDay(
        expected, ALL_DAY, Reason.SLOT_OPEN
    )


def test_a_limit_leaves_the_rest_of_the_day() -> None:
    limited = attempted(Outcome.LIMIT, f"{DUE}T08:00")
    assert chosen(limited, DUE) == DebitDay(DUE + timedelta(days=1), ALL_DAY, Reason.SLOT_OPEN)


@pytest.mark.parametrize(("per_day", "expected"), [(1, 1), (2, 0)])
def test_a_rail_may_take_only_so_many_a_day(per_day: int, expected: int) -> None:
    found = chosen(attempted(Outcome.INSUFFICIENT, f"{DUE}T08:00"), DUE, {"max_per_day": per_day})
    assert found == DebitDay(DUE + timedelta(days=expected), ALL_DAY, Reason.SLOT_OPEN)


@pytest.mark.parametrize(("days_after", "today", "open_"), [(0, 0, True), (0, 1, False), (2, 2, True), (2, 3, False)])
def test_a_rail_may_refuse_what_is_late(days_after: int, today: int, open_: bool) -> None:
    found = chosen(an_instalment(), DUE + timedelta(days=today), {"days_after_due": days_after})
    assert (found is not None) is open_


@pytest.mark.parametrize(("within", "expected"), [(7, 7), (6, None)])
def test_a_rail_counts_days_from_the_first_attempt(within: int, expected: int | None) -> None:
    found = chosen(tried(4, DUE + timedelta(days=3)), DUE + timedelta(days=4), {"attempts_within_days": within})
    assert (found.day if found else None) == (DUE + timedelta(days=expected) if expected else None)


@pytest.mark.parametrize(
    ("debit_on", "allowed"),
    [(date(2026, 3, 2), False), (date(2026, 3, 3), True), (date(2026, 3, 9), True), (date(2026, 3, 10), False)],
)
def test_wechat_debits_from_the_third_to_the_ninth_after_a_notice_on_the_first(debit_on: date, allowed: bool) -> None:
    rail = a_rail(notice_required=True, notice_lead_days=2, notice_valid_days=6)
    rules = a_policy_over(rail).under("stub")
    assert rules is not None
    told = announced(on=date(2026, 3, 1))
    instalment = an_instalment(due_on=date(2026, 3, 1))
    found = debit_day(instalment, told, rules, rail, debit_on, None)
    announced_then = is_announced(instalment, told, rules, debit_on)
    assert (found is not None and found.day == debit_on and announced_then) is (allowed and debit_on.day <= 4)
    assert announced_then is (debit_on.day <= 9)


def plan(
    instalment: Instalment, now: datetime, rail: dict[str, Any] | None = None, payday: int | None = None, **policy: Any
) -> Any:
    rules = a_policy_over(a_rail(**(rail or {})), **policy)
    told = announced(on=instalment.due_on - timedelta(days=1))
    return plan_debit(instalment, a_loan(), a_mandate(), told, rules, now=now, payday=payday)


RETRIES: dict[str, Any] = {"max_attempts": 5, "retry_days": (3, 7), "usual_paydays": (), "calendar": None}


def test_each_wait_says_why() -> None:
    assert plan(tried(3), day(0), **RETRIES) == Defer(at("2026-03-13 08:00"), Reason.WAITS_FOR_RETRY_DAY)
    assert plan(tried(3), day(0), **RETRIES | {"usual_paydays": (12,)}) == Defer(
        at("2026-03-12 20:00"), Reason.WAITS_FOR_PAYDAY
    )
    assert plan(attempted(Outcome.LIMIT, f"{DUE}T08:00"), day(0)) == Defer(at("2026-03-11 08:00"), Reason.ANOTHER_DAY)
    closed = {"closed_on": frozenset({DUE}), "calendar_until": date(2027, 12, 31)}
    assert plan(an_instalment(), day(0), closed) == Defer(at("2026-03-11 08:00"), Reason.RAIL_DOES_NOT_SETTLE)
    assert plan(tried(4, DUE + timedelta(days=7)), day(8), **RETRIES) == Drop(Reason.RETRY_DAYS_OVER)


def test_a_retry_day_and_a_payday_are_reasons_to_act() -> None:
    assert plan(tried(3), day(3), **RETRIES).reason is Reason.RETRY_DAY
    pay = plan(tried(3), day(2, "20:00"), **RETRIES | {"usual_paydays": (12,)})
    assert isinstance(pay, Act)
    assert (pay.reason, pay.do.slot) == (Reason.PAYDAY, "2026-03-12T20:00")


CHINA = PolicyFiles().policy("jiebei", at("2026-02-01 12:00")).within("CN").calendar


@pytest.mark.parametrize(
    ("due_on", "payday", "wages"),
    [
        (
            date(2026, 2, 10),
            15,
            date(2026, 2, 14),
        ),  # a Saturday that is worked, before the Spring Festival
        (date(2026, 2, 10), 14, date(2026, 2, 14)),
        (date(2026, 3, 10), 15, date(2026, 3, 13)),  # a Sunday: on the Friday before it
        (date(2026, 4, 28), 5, date(2026, 4, 30)),  # Labour Day takes the first five days of May
        (date(2026, 5, 8), 10, date(2026, 5, 9)),  # a Sunday, and the Saturday before it is worked
        (date(2026, 3, 10), 16, date(2026, 3, 16)),
    ],
)
def test_wages_of_a_day_off_come_on_the_working_day_before_it(due_on: date, payday: int, wages: date) -> None:
    row = replace(tried(3, due_on), due_on=due_on)
    told = announced(on=due_on - timedelta(days=1))
    found = chosen(row, due_on, payday=payday, told=told, retry_days=(), calendar=CHINA)
    assert found == DebitDay(wages, (time(20),), Reason.PAYDAY)


def test_wages_that_came_by_the_due_day_are_waited_for_no_more() -> None:
    due_on = date(2026, 2, 14)  # those of the 15th came that day
    row = replace(tried(3, due_on), due_on=due_on)
    told = announced(on=due_on - timedelta(days=1))
    assert chosen(row, due_on, payday=15, told=told, retry_days=(), calendar=CHINA) is None
    assert chosen(row, due_on, payday=15, told=told, retry_days=()) is not None


@pytest.mark.parametrize(
    ("due_on", "now", "payday", "policy", "expected"),
    [
        ("2026-12-28", "2026-12-28 21:00", 5, {}, Reason.CALENDAR_ENDED),  # no retry day spends the budget before it
        ("2026-12-28", "2026-12-28 21:00", 5, {"retry_days": ()}, Reason.CALENDAR_ENDED),
        ("2026-12-21", "2026-12-21 21:00", 1, {}, Reason.CALENDAR_ENDED),  # the wages of 1 January come in December
        ("2027-01-12", "2027-01-12 21:00", 20, {}, Reason.CALENDAR_ENDED),
        ("2026-12-28", "2027-01-10 09:00", 5, {}, Reason.CALENDAR_ENDED),  # the last day to catch up
        ("2026-12-28", "2027-01-11 09:00", 5, {}, Reason.RETRY_DAYS_OVER),
        ("2027-01-12", "2027-01-12 21:00", None, {}, Reason.WAITS_FOR_RETRY_DAY),  # no payday is known
        ("2027-01-12", "2027-01-12 21:00", 20, {"payday_within_days": 0}, Reason.WAITS_FOR_RETRY_DAY),
        ("2026-12-10", "2026-12-10 21:00", 15, {}, Reason.WAITS_FOR_PAYDAY),
    ],
)
def test_past_the_last_loaded_year_nothing_is_planned_on_a_guess(
    due_on: str, now: str, payday: int | None, policy: dict[str, Any], expected: Reason
) -> None:
    due = date.fromisoformat(due_on)
    row = replace(tried(3, due), due_on=due)
    found = plan(row, at(now), payday=payday, **RETRIES | {"calendar": CHINA} | policy)
    assert found.reason is expected
    assert not isinstance(found, Defer) or expected is not Reason.CALENDAR_ENDED or found.until == at(now) + HOUR


def test_past_the_end_of_the_rails_calendar_nothing_is_debited() -> None:
    ended = {"calendar_until": DUE - timedelta(days=1)}
    assert plan(an_instalment(), day(0), ended) == Defer(day(0) + timedelta(hours=1), Reason.RAIL_CALENDAR_ENDED)


@given(
    attempts=st.integers(0, 6),
    tried_on=st.integers(0, 20),
    today=st.integers(-10, 30),
    payday=st.none() | st.integers(1, 31),
    retry_days=st.lists(st.integers(1, 20), unique=True, max_size=4),
    usual=st.lists(st.integers(1, 31), unique=True, max_size=3),
    catch_up=st.integers(0, 5),
)
def test_a_day_is_never_in_the_past_never_before_the_due_date_and_never_one_of_closure(
    attempts: int,
    tried_on: int,
    today: int,
    payday: int | None,
    retry_days: list[int],
    usual: list[int],
    catch_up: int,
) -> None:
    row = tried(attempts, DUE + timedelta(days=tried_on)) if attempts else an_instalment()
    now = DUE + timedelta(days=max(today, tried_on if attempts else today))
    rail = {"settle_weekdays": WEEKDAYS, "calendar_until": date(2027, 12, 31)}
    changes: dict[str, Any] = {
        "retry_days": tuple(sorted(retry_days)),
        "usual_paydays": tuple(sorted(usual)),
        "catch_up_days": catch_up,
    }
    found = chosen(row, now, rail, payday, **changes)
    if found:
        assert found.day >= max(now, DUE)
        assert found.day.isoweekday() in WEEKDAYS
        again = chosen(row, found.day, rail, payday, **changes)
        assert again is not None  # what was planned for a day still holds on that day
        assert again.day == found.day
