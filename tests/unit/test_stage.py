"""The stage line: dpd, buckets, entries in order and after their notice, cures."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.book import Instalment, LoanStatus, Stage, Told
from shared.domain.calendar import days_past_due
from shared.domain.decision import Act, Defer, Drop, Reason
from shared.domain.stage import bucket_for, plan_stage
from tests.unit.builders import DUE, a_file, a_loan, a_policy, an_instalment, at, day

POLICY = a_policy()
PAID = an_instalment(paid_minor=101_500)


def told(tier: str) -> Told:
    return Told(tier, DUE)


@pytest.mark.parametrize(
    ("today", "dpd"),
    [
        (date(2026, 3, 30), 0),
        (date(2026, 3, 31), 0),
        (date(2026, 4, 1), 1),
        (date(2026, 4, 30), 30),
        (date(2026, 5, 1), 31),
        (date(2026, 5, 31), 61),
        (date(2026, 6, 30), 91),
    ],
)
def test_the_due_date_is_day_zero(today: date, dpd: int) -> None:
    assert days_past_due(date(2026, 3, 31), today) == dpd


@pytest.mark.parametrize(
    ("today", "dpd"), [(date(2026, 3, 30), 0), (date(2026, 3, 31), 1), (date(2026, 4, 30), 31), (date(2026, 5, 30), 61)]
)
def test_an_origin_of_one_counts_the_due_date_itself(today: date, dpd: int) -> None:
    assert days_past_due(date(2026, 3, 31), today, origin=1) == dpd


def test_dpd_over_a_leap_day() -> None:
    assert days_past_due(date(2028, 2, 28), date(2028, 3, 1)) == 2
    assert days_past_due(date(2027, 2, 28), date(2027, 3, 1)) == 1


@pytest.mark.parametrize(
    ("dpd", "bucket"),
    [
        (0, Stage.CURRENT),
        (1, Stage.M1),
        (30, Stage.M1),
        (31, Stage.M2),
        (60, Stage.M2),
        (61, Stage.M3),
        (90, Stage.M3),
        (91, Stage.LEGAL),
        (400, Stage.LEGAL),
    ],
)
def test_buckets_begin_at_1_31_61_and_91(dpd: int, bucket: Stage) -> None:
    assert bucket_for(dpd, POLICY) is bucket


@pytest.mark.parametrize(
    ("offset", "tier", "entered"),
    [
        (1, "OVERDUE_1", [Stage.M1]),
        (31, "OVERDUE_30", [Stage.M1, Stage.M2]),
        (61, "OVERDUE_60", [Stage.M1, Stage.M2, Stage.M3]),
        (91, "OVERDUE_60", [Stage.M1, Stage.M2, Stage.M3, Stage.LEGAL]),
        (91, "OVERDUE_30", [Stage.M1, Stage.M2]),
    ],
)
def test_stages_are_entered_in_order_as_far_as_their_notices_went(offset: int, tier: str, entered: list[Stage]) -> None:
    decision = plan_stage(a_file(), told(tier), POLICY, day(offset))
    assert isinstance(decision, Act)
    assert decision.reason is Reason.STAGE_REACHED
    assert [e.stage for e in decision.do.enter] == entered
    assert all(e.entered_on == DUE + timedelta(days=offset) and e.dpd == offset for e in decision.do.enter)


def test_an_entry_carries_its_consequences_and_its_key() -> None:
    decision = plan_stage(a_file(), told("OVERDUE_30"), POLICY, day(31))
    assert isinstance(decision, Act)
    m2 = decision.do.enter[-1]
    assert (m2.key, m2.consequences, m2.number) == ("000#M2", ("limit_freeze",), 1)


@pytest.mark.parametrize("tier", [None, "PRE_DEBIT", "DUE", "FAILED"])
def test_no_stage_without_its_notice(tier: str | None) -> None:
    decision = plan_stage(a_file(), told(tier) if tier else None, POLICY, day(1))
    assert decision == Defer(day(1) + POLICY.notice_wait, Reason.NOTICE_NOT_SENT)


@pytest.mark.parametrize(
    ("offset", "entered", "until"),
    [
        (-40, (), "2026-03-11 00:00"),
        (0, (), "2026-03-11 00:00"),
        (1, ("000#M1",), "2026-04-10 00:00"),
        (30, ("000#M1",), "2026-04-10 00:00"),
        (31, ("000#M1", "000#M2"), "2026-05-10 00:00"),
        (61, ("000#M1", "000#M2", "000#M3"), "2026-06-09 00:00"),
    ],
)
def test_a_stage_waits_for_the_midnight_of_the_next(offset: int, entered: tuple[str, ...], until: str) -> None:
    file = a_file(loan=a_loan(entered=entered))
    assert plan_stage(file, told("OVERDUE_60"), POLICY, day(offset)) == Defer(at(until), Reason.STAGE_UNCHANGED)


def test_beyond_the_last_stage_it_looks_again_in_a_week() -> None:
    file = a_file(loan=a_loan(entered=("000#M1", "000#M2", "000#M3", "000#legal")))
    decision = plan_stage(file, told("OVERDUE_60"), POLICY, day(200))
    assert decision == Defer(day(207), Reason.STAGE_UNCHANGED)


def test_a_full_cure_leaves_every_stage_in_reverse() -> None:
    later = an_instalment(number=2, due_on=DUE + timedelta(days=60))
    file = a_file(PAID, later, loan=a_loan(entered=("000#M1", "000#M2")))
    decision = plan_stage(file, None, POLICY, day(40))
    assert isinstance(decision, Act)
    assert decision.reason is Reason.CURED
    assert decision.do.leave == ("000#M2", "000#M1")
    assert not decision.do.close


def test_a_partial_cure_leaves_only_what_the_oldest_unpaid_no_longer_reaches() -> None:
    second = an_instalment(number=2, due_on=DUE + timedelta(days=31))
    file = a_file(PAID, second, loan=a_loan(entered=("000#M1", "000#M2")))
    decision = plan_stage(file, None, POLICY, day(40))
    assert isinstance(decision, Act)
    assert decision.do.leave == ("000#M2",)


def test_with_an_origin_of_one_stages_come_a_day_earlier() -> None:
    policy = a_policy(dpd_origin=1)
    decision = plan_stage(a_file(), told("OVERDUE_30"), policy, day(30))
    assert isinstance(decision, Act)
    assert [e.dpd for e in decision.do.enter] == [31, 31]
    in_m1 = a_file(loan=a_loan(entered=("000#M1",)))
    assert plan_stage(in_m1, told("OVERDUE_1"), policy, day(5)) == Defer(at("2026-04-09 00:00"), Reason.STAGE_UNCHANGED)


def test_a_repaid_loan_leaves_its_stages_and_closes() -> None:
    file = a_file(PAID, loan=a_loan(entered=("000#M1", "000#M2")))
    decision = plan_stage(file, None, POLICY, day(5))
    assert isinstance(decision, Act)
    assert decision.reason is Reason.LOAN_REPAID
    assert (decision.do.leave, decision.do.close) == (("000#M2", "000#M1"), True)


def test_a_closed_loan_is_left_alone() -> None:
    file = a_file(PAID, loan=a_loan(status=LoanStatus.SETTLED))
    assert plan_stage(file, None, POLICY, day(5)) == Drop(Reason.LOAN_CLOSED)


def test_the_oldest_unpaid_instalment_counts_not_the_first_listed() -> None:
    newer = an_instalment(number=2, due_on=DUE + timedelta(days=31))
    file = a_file(newer, an_instalment())
    decision = plan_stage(file, told("OVERDUE_30"), POLICY, day(31))
    assert isinstance(decision, Act)
    assert decision.do.enter[0].number == 1


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(-10, 200))
def test_the_stage_is_a_function_of_what_is_unpaid_and_the_date(paid: list[bool], offset: int) -> None:
    """Whatever stage the loan stood in, a few passes lead to the bucket of its oldest unpaid instalment."""
    rows: tuple[Instalment, ...] = tuple(
        an_instalment(number=n, due_on=DUE + timedelta(days=30 * n), paid_minor=101_500 if is_paid else 0)
        for n, is_paid in enumerate(paid, start=1)
    )
    file, now = a_file(*rows, loan=a_loan(entered=("000#M1", "000#M2", "000#M3"))), day(offset)
    for _ in range(3):
        decision = plan_stage(file, told("OVERDUE_60"), POLICY, now)
        if not isinstance(decision, Act):
            break
        kept = [k for k in file.loan.entered if k not in decision.do.leave]
        loan = replace(
            file.loan,
            entered=(*kept, *(e.key for e in decision.do.enter)),
            status=LoanStatus.SETTLED if decision.do.close else file.loan.status,
        )
        file = replace(file, loan=loan)
    oldest = file.oldest_unpaid
    dpd = days_past_due(oldest.due_on, DUE + timedelta(days=offset)) if oldest else 0
    assert file.loan.stage is bucket_for(dpd, POLICY)


def test_an_instalment_in_front_of_a_person_keeps_its_loan_from_further_stages() -> None:
    blocked = an_instalment(blocked=True)
    now = day(35)
    assert plan_stage(a_file(blocked), told("OVERDUE_30"), POLICY, now) == Defer(
        now + timedelta(days=7), Reason.EVIDENCE_CONFLICT
    )
