"""Buckets kept from change to change are those that anyone would count anew each evening."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Instalment, InstalmentState, Stage
from shared.domain.errors import PolicyError
from shared.domain.policy import Policy
from shared.replay.buckets import Buckets, Group, Level, Stay

FIRST = date(2026, 3, 1)
POLICY = PolicyFiles().policy("jiebei", datetime(2026, 3, 1, 12, tzinfo=UTC))
STARTS = {rule.stage: rule.from_dpd for rule in POLICY.stages}
DAYS = 100
GROUP = "jiebei", "CN"


def instalment(number: int, due: int, minor: int = 1000, paid: int = 0) -> Instalment:
    due_on = FIRST + timedelta(days=due)
    state = InstalmentState.PAID if paid == minor else InstalmentState.OPEN
    return Instalment("l-1", number, due_on, minor, 0, 0, "CNY", paid_minor=paid, state=state)


def bucket_on(due: int, day: int) -> Stage:
    return next((s for s in reversed(Stage) if s in STARTS and day - due >= STARTS[s]), Stage.CURRENT)


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[int], dict[int, int]]:
    """Due days of one loan's instalments, and on which day each is paid, if it is."""
    dues = sorted(draw(st.sets(st.integers(-120, 90), min_size=1, max_size=5)))
    paid = {n: draw(st.integers(0, DAYS - 1)) for n in range(len(dues)) if draw(st.booleans())}
    return dues, paid


@given(lives())
def test_every_evening_the_levels_are_those_of_a_plain_count(life: tuple[list[int], dict[int, int]]) -> None:
    dues, paid = life
    buckets = Buckets(FIRST, lambda *_: POLICY)
    rows = [instalment(n + 1, due) for n, due in enumerate(dues)]
    buckets.add(rows, GROUP, FIRST)
    for day in range(DAYS):
        buckets.pay([instalment(n + 1, dues[n], paid=1000) for n, on in paid.items() if on == day], on_day(day))
        unpaid = [due for n, due in enumerate(dues) if paid.get(n, DAYS) > day]
        own = Counter(bucket_on(due, day) for due in unpaid)
        oldest = bucket_on(unpaid[0], day) if unpaid else None
        assert buckets.end(on_day(day)) == [
            Level(on_day(day), stage, int(stage is oldest), own[stage], own[stage] * 1000) for stage in Stage
        ]


@given(lives())
def test_stays_are_the_days_between_the_evenings_on_which_the_bucket_differs(
    life: tuple[list[int], dict[int, int]],
) -> None:
    dues, paid = life
    buckets = Buckets(FIRST, lambda *_: POLICY)
    buckets.add([instalment(n + 1, due) for n, due in enumerate(dues)], GROUP, FIRST)
    for day in range(DAYS):
        buckets.pay([instalment(n + 1, dues[n], paid=1000) for n, on in paid.items() if on == day], on_day(day))
        buckets.end(on_day(day))
    found = list(buckets.stays())
    assert found == sorted(found, key=lambda s: (s.loan_id, s.number, s.entered_on))
    for number, due in enumerate(dues, 1):
        own = [stay for stay in found if stay.number == number]
        for day in range(DAYS):
            is_paid = paid.get(number - 1, DAYS) <= day
            expected = Stage.CURRENT if is_paid else bucket_on(due, day)
            inside = [
                s.bucket for s in own if s.entered_on <= on_day(day) and (not s.left_on or on_day(day) < s.left_on)
            ]
            assert inside == ([] if expected is Stage.CURRENT else [expected])


def on_day(day: int) -> date:
    return FIRST + timedelta(days=day)


def test_a_payment_on_the_day_of_entering_prevents_the_entry() -> None:
    buckets = Buckets(FIRST, lambda *_: POLICY)
    buckets.add([instalment(1, due=4)], GROUP, FIRST)
    for day in range(6):
        if day == 5:
            buckets.pay([instalment(1, due=4, paid=1000)], on_day(day))
        buckets.end(on_day(day))
    assert list(buckets.stays()) == []


def test_a_stay_that_began_before_the_first_day_keeps_its_beginning_and_one_that_ended_before_is_left_out() -> None:
    buckets = Buckets(FIRST, lambda *_: POLICY)
    buckets.add([instalment(1, due=-40)], GROUP, FIRST)
    entered = FIRST + timedelta(days=-40 + STARTS[Stage.M2])
    assert list(buckets.stays()) == [Stay("l-1", 1, Stage.M2, entered, None)]


def test_a_partial_payment_changes_what_is_outstanding_and_no_bucket() -> None:
    buckets = Buckets(FIRST, lambda *_: POLICY)
    buckets.add([instalment(1, due=-1)], GROUP, FIRST)
    buckets.pay([instalment(1, due=-1, paid=400)], FIRST)
    levels = {level.bucket: level for level in buckets.end(FIRST)}
    assert (levels[Stage.M1].loans, levels[Stage.M1].outstanding_minor) == (1, 600)


def late_by(days: int) -> Policy:
    """The rules with every bucket so many days later."""
    return replace(POLICY, stages=tuple(replace(rule, from_dpd=rule.from_dpd + days) for rule in POLICY.stages))


def changing(on: int, after: Policy) -> Buckets:
    return Buckets(FIRST, lambda _, day: after if day >= on_day(on) else POLICY)


@pytest.mark.parametrize("paid", [None, 2])
def test_buckets_that_begin_later_from_a_day_on_are_left_on_it_and_entered_anew(paid: int | None) -> None:
    buckets = changing(2, late_by(4))
    buckets.add([instalment(1, due=-1)], GROUP, FIRST)
    for day in range(6):
        if day == paid:
            buckets.pay([instalment(1, due=-1, paid=1000)], on_day(day))
        buckets.end(on_day(day))
    again = [] if paid else [Stay("l-1", 1, Stage.M1, on_day(4), None)]
    assert list(buckets.stays()) == [Stay("l-1", 1, Stage.M1, FIRST, on_day(2)), *again]


def test_buckets_that_begin_earlier_from_a_day_on_are_entered_on_it() -> None:
    sooner = replace(POLICY, stages=tuple(replace(r, from_dpd=max(1, r.from_dpd - 20)) for r in POLICY.stages))
    buckets = changing(2, sooner)
    buckets.add([instalment(1, due=-STARTS[Stage.M2] + 10)], GROUP, FIRST)
    for day in range(20):
        levels = {level.bucket: level.loans for level in buckets.end(on_day(day))}
        assert levels == {stage: int(stage is (Stage.M1 if day < 2 else Stage.M2)) for stage in Stage}


def test_a_loan_that_comes_on_the_day_of_a_change_finds_the_others_changed() -> None:
    buckets = changing(1, late_by(4))
    buckets.add([instalment(1, due=-1)], GROUP, FIRST)
    buckets.end(FIRST)
    buckets.add([replace(instalment(1, due=-1), loan_id="l-2")], GROUP, on_day(1))
    assert next(level.loans for level in buckets.end(on_day(1)) if level.bucket is Stage.CURRENT) == 2


def test_where_no_pack_is_valid_any_more_the_rules_of_the_day_before_go_on() -> None:
    def policy_of(_: Group, day: date) -> Policy:
        if day > FIRST:
            raise PolicyError("no pack is valid")
        return POLICY

    buckets = Buckets(FIRST, policy_of)
    buckets.add([instalment(1, due=1)], GROUP, FIRST)
    levels = [{level.bucket: level.loans for level in buckets.end(on_day(day))} for day in range(3)]
    assert [found[Stage.M1] for found in levels] == [0, 0, 1]
