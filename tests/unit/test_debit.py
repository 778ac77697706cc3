"""The debit line: which slot, under which mandate, after which notice, how often."""

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.book import Instalment, InstalmentState, LoanStatus, Outcome
from shared.domain.debit import Presentment, plan_debit
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.money import Money
from tests.unit.builders import (
    DUE,
    a_loan,
    a_mandate,
    a_policy,
    an_instalment,
    announced,
    at,
    attempted,
    day,
)

POLICY = a_policy()


def plan(instalment: Instalment, now: object, **changes: object) -> Decision[Presentment]:
    facts = {"loan": a_loan(), "mandate": a_mandate(), "told": announced(), "policy": POLICY} | changes
    return plan_debit(instalment, now=now, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        ("2026-03-10 08:00", "2026-03-10T08:00"),
        ("2026-03-10 11:59", "2026-03-10T08:00"),
        ("2026-03-10 12:00", "2026-03-10T12:00"),
        ("2026-03-10 20:00", "2026-03-10T20:00"),
        ("2026-03-10 21:59", "2026-03-10T20:00"),
        ("2026-03-11 08:00", "2026-03-11T08:00"),
        ("2026-03-13 20:00", "2026-03-13T20:00"),
    ],
)
def test_a_slot_is_open_until_the_next_one(now: str, slot: str) -> None:
    decision = plan(an_instalment(), at(now))
    assert decision == Act(
        Presentment("l-1", (1,), Money(101_500, "CNY"), "m-1", "stub", "balance-1", slot), Reason.SLOT_OPEN
    )


@pytest.mark.parametrize(
    ("now", "until", "reason"),
    [
        ("2026-02-01 12:00", "2026-03-10 08:00", Reason.NOT_YET_DUE),
        ("2026-03-09 23:59", "2026-03-10 08:00", Reason.NOT_YET_DUE),
        ("2026-03-10 07:59", "2026-03-10 08:00", Reason.BEFORE_SLOT),
        ("2026-03-10 22:00", "2026-03-11 08:00", Reason.BEFORE_SLOT),
    ],
)
def test_outside_slots_it_waits_for_the_next_one(now: str, until: str, reason: Reason) -> None:
    assert plan(an_instalment(), at(now)) == Defer(at(until), reason)


@pytest.mark.parametrize(
    ("slot", "now", "until"),
    [
        ("2026-03-10T08:00", "2026-03-10 08:30", "2026-03-10 12:00"),
        ("2026-03-10T12:00", "2026-03-10 12:30", "2026-03-10 20:00"),
        ("2026-03-10T20:00", "2026-03-10 20:30", "2026-03-11 08:00"),
    ],
)
def test_a_slot_takes_one_attempt(slot: str, now: str, until: str) -> None:
    used = attempted(Outcome.INSUFFICIENT, slot)
    assert plan(used, at(now)) == Defer(at(until), Reason.SLOT_USED)


def test_a_void_attempt_used_no_slot() -> None:
    voided = attempted(Outcome.VOID, "2026-03-10T08:00", attempts=0)
    assert isinstance(plan(voided, at("2026-03-10 09:00")), Act)


@pytest.mark.parametrize(("offset", "reason"), [(3, Reason.SLOT_OPEN), (4, Reason.CATCH_UP_OVER)])
def test_a_missed_day_is_caught_up_for_three_days(offset: int, reason: Reason) -> None:
    assert plan(an_instalment(), day(offset)).reason is reason


@pytest.mark.parametrize(
    ("instalment", "changes", "reason"),
    [
        (an_instalment(paid_minor=101_500, state=InstalmentState.PAID), {}, Reason.ALREADY_PAID),
        (an_instalment(), {"loan": a_loan(status=LoanStatus.SETTLED)}, Reason.LOAN_CLOSED),
        (an_instalment(state=InstalmentState.CLAIMED), {}, Reason.ATTEMPT_OPEN),
        (an_instalment(blocked=True), {}, Reason.EVIDENCE_CONFLICT),
        (an_instalment(), {"mandate": None}, Reason.NO_ACTIVE_MANDATE),
        (attempted(Outcome.INSUFFICIENT, "2026-03-09T08:00", attempts=3), {}, Reason.BUDGET_SPENT),
        (
            attempted(Outcome.CONFIG, "2026-03-09T08:00"),
            {"policy": a_policy(retry_outcomes=frozenset({Outcome.LIMIT}))},
            Reason.NOT_RETRIED,
        ),
    ],
)
def test_what_stands_against_any_attempt(instalment: Instalment, changes: dict[str, object], reason: Reason) -> None:
    assert plan(instalment, day(0), **changes) == Drop(reason)


def test_a_new_mandate_may_be_debited_after_the_old_one_died() -> None:
    assert isinstance(plan(attempted(Outcome.MANDATE_DEAD, "2026-03-10T08:00"), day(0)), Act)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, Defer(day(0) + timedelta(hours=1), Reason.NOTICE_NOT_SENT)),
        (announced(minor=101_499), Defer(day(0) + timedelta(hours=1), Reason.NOTICE_NOT_SENT)),
        (announced(on=DUE), Defer(at("2026-03-11 08:00"), Reason.NOTICE_NOT_SENT)),
        (announced(minor=200_000), Reason.SLOT_OPEN),
    ],
)
def test_the_notice_comes_a_day_before_and_covers_the_amount(told: object, expected: object) -> None:
    decision = plan(an_instalment(), day(0), told=told)
    assert (decision if isinstance(expected, Defer) else decision.reason) == expected


@pytest.mark.parametrize(
    ("announced_on", "now", "reason"),
    [
        (DUE + timedelta(days=2), day(2), Reason.NOTICE_NOT_SENT),
        (DUE + timedelta(days=3), day(3), Reason.CATCH_UP_OVER),
    ],
)
def test_a_notice_too_late_for_the_catch_up_ends_it(announced_on: object, now: object, reason: Reason) -> None:
    assert plan(an_instalment(), now, told=announced(on=announced_on)).reason is reason  # type: ignore[arg-type]


def test_an_announcement_of_too_little_does_not_count_as_one() -> None:
    assert plan(an_instalment(), day(3), told=announced(minor=1)) == Drop(Reason.CATCH_UP_OVER)


def test_a_slot_used_in_its_first_second_leaves_the_next_one() -> None:
    used = attempted(Outcome.INSUFFICIENT, "2026-03-10T12:00", 2)
    assert plan(used, at("2026-03-10 12:00")) == Defer(at("2026-03-10 20:00"), Reason.SLOT_USED)


def test_without_time_for_a_notice_the_catch_up_is_over() -> None:
    assert plan(an_instalment(), day(3), told=None) == Drop(Reason.CATCH_UP_OVER)


def test_where_no_notice_is_required_none_is_awaited() -> None:
    assert isinstance(plan(an_instalment(), day(0), told=None, policy=a_policy(notice_required=False)), Act)


def test_slots_are_the_lenders_time_over_a_clock_change() -> None:
    policy = a_policy(business_zone="Europe/Prague")
    due = an_instalment(due_on=DUE.replace(day=29))
    told = announced(on=DUE.replace(day=28))
    before = at("2026-03-29 00:30", "Europe/Prague")
    assert plan(due, before, policy=policy, told=told) == Defer(
        at("2026-03-29 08:00", "Europe/Prague"), Reason.BEFORE_SLOT
    )


@given(
    st.lists(st.sampled_from([Outcome.INSUFFICIENT, Outcome.LIMIT, Outcome.CONFIG]), max_size=3),
    st.integers(-20, 20),
    st.times(),
    st.integers(0, 101_500),
)
def test_no_presentment_ever_breaks_the_limits(outcomes: list[Outcome], offset: int, clock: time, paid: int) -> None:
    slots = [f"{DUE}T{s}" for s in ("08:00", "12:00", "20:00")]
    instalment = an_instalment(paid_minor=paid)
    for number, outcome in enumerate(outcomes, start=1):
        instalment = attempted(outcome, slots[number - 1], number, paid_minor=paid)
    now = day(offset, f"{clock:%H:%M}")
    decision = plan(instalment, now)
    if isinstance(decision, Act):
        assert 0 < decision.do.amount.minor == instalment.outstanding_minor
        assert len(outcomes) < POLICY.max_attempts
        assert 0 <= offset <= POLICY.catch_up_days + (POLICY.payday_within_days if outcomes else 0)
        assert not outcomes or decision.do.slot > slots[len(outcomes) - 1]
    elif isinstance(decision, Defer):
        assert decision.until > now
