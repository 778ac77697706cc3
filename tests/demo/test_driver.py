"""The days, lived through in memory by the same driver as on the local AWS."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from demo.borrowers import AfterMessage
from demo.driver import BUSINESS_ZONE, SLOTS, Lived, Plan
from demo.history import buckets
from demo.portfolio import FIRST_DAY, generate
from demo.records import parse_tier_key
from demo.summary import to_json
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import (
    Attempt,
    Escalation,
    Instalment,
    LedgerEntry,
    Mandate,
    NoticeRecord,
    NoticeState,
    Outcome,
    Stage,
)
from tests.demo.memory_world import MemoryWorld, history_of, live

WHOLE = Plan(FIRST_DAY)
GAP = Plan(FIRST_DAY, skipped=frozenset(range(40, 45)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryWorld, Sequence[Lived]]:
    return live(WHOLE, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def gap(tmp_path_factory: pytest.TempPathFactory) -> MemoryWorld:
    return live(GAP, tmp_path_factory.mktemp("gap"))[0]


def notices(world: MemoryWorld) -> list[NoticeRecord]:
    return list(world.rows(NoticeRecord))


def test_slots_and_zone_are_those_of_the_policy() -> None:
    policy = PolicyFiles().policy("jiebei", WHOLE.morning())

    assert policy.slots == SLOTS
    assert policy.business_zone == BUSINESS_ZONE
    assert all(slot > time(7) for slot in SLOTS)  # the book is imported before the first


def test_every_day_is_told_once_in_order(whole: tuple[MemoryWorld, Sequence[Lived]]) -> None:
    _, told = whole

    assert [lived.number for lived in told] == list(range(1, 121))
    assert told[0].day == FIRST_DAY
    assert told[-1].day == WHOLE.last_day


def test_two_runs_come_to_the_same(whole: tuple[MemoryWorld, Sequence[Lived]], tmp_path: Path) -> None:
    again, _ = live(WHOLE, tmp_path)

    assert to_json(history_of(again, WHOLE)) == to_json(history_of(whole[0], WHOLE))


def test_what_the_last_day_tells_is_what_stands_in_the_tables(
    whole: tuple[MemoryWorld, Sequence[Lived]],
) -> None:
    world, told = whole
    records = told[-1].records

    assert set(records.notices) == set(notices(world))
    assert set(records.entries) == set(world.rows(LedgerEntry))
    assert set(records.attempts) == set(world.rows(Attempt))


def test_everything_that_can_happen_happens(whole: tuple[MemoryWorld, Sequence[Lived]]) -> None:
    world, _ = whole
    outcomes = Counter(attempt.outcome for attempt in world.rows(Attempt))
    tiers = Counter(parse_tier_key(notice.notice_key)[0] for notice in notices(world))
    escalations = list(world.rows(Escalation))

    assert set(outcomes) == {
        Outcome.PAID,
        Outcome.INSUFFICIENT,
        Outcome.LIMIT,
        Outcome.MANDATE_DEAD,
        Outcome.ACCOUNT_DEAD,
        Outcome.RISK,
        Outcome.WINDOW,
    }
    assert {"REMIND_7", "REMIND_3", "REMIND_1", "PRE_DEBIT", "DUE", "FAILED", "RECEIVED", "SETTLED"} < set(tiers)
    assert {f"OVERDUE_{n}" for n in (1, 3, 7, 15, 30, 60)} < set(tiers)
    assert {e.stage for e in escalations} == {e.stage for e in escalations if e.left_on} == set(Stage) - {Stage.CURRENT}
    assert {notice.state for notice in notices(world)} == {NoticeState.SENT, NoticeState.UNDELIVERABLE}
    assert any(entry.credit_minor for entry in world.rows(LedgerEntry))


def test_an_answer_that_came_too_late_is_found_by_the_enquiry(
    whole: tuple[MemoryWorld, Sequence[Lived]],
) -> None:
    late = [a for a in whole[0].rows(Attempt) if a.account_ref.startswith("lost-")]

    assert late
    assert all(a.outcome is Outcome.PAID and a.settled_at and a.settled_at > a.claimed_at for a in late)


def test_who_pays_by_hand_does_so_month_after_month(whole: tuple[MemoryWorld, Sequence[Lived]]) -> None:
    world, _ = whole
    habits = generate(FIRST_DAY).habits
    prompt = {loan_id for loan_id, habit in habits.items() if isinstance(habit, AfterMessage) and habit.days <= 6}
    by_mandate = {m.loan_id for m in world.rows(Mandate)}
    due = [i for i in world.rows(Instalment) if i.loan_id in prompt - by_mandate and i.due_on < WHOLE.day(110)]

    assert len(due) > 10
    assert all(instalment.is_paid for instalment in due)


def test_every_function_has_work(whole: tuple[MemoryWorld, Sequence[Lived]]) -> None:
    assert set(whole[0].invoked) == {
        "attempt_deductions",
        "payment_stub",
        "plan_work",
        "receive_webhooks",
        "reconcile",
        "record_escalations",
        "record_repayments",
        "send_reminders",
    }


def test_nothing_runs_on_a_skipped_day(gap: MemoryWorld) -> None:
    days = GAP.skipped_days

    assert days == {FIRST_DAY + timedelta(days=n) for n in range(39, 44)}
    assert not [n for n in notices(gap) if n.business_date in days]
    assert not [a for a in gap.rows(Attempt) if date.fromisoformat(a.slot[:10]) in days]
    assert not [e for e in gap.rows(Escalation) if e.entered_on in days or e.left_on in days]


def test_borrowers_live_on_and_their_payments_are_booked_afterwards(gap: MemoryWorld) -> None:
    assert [e for e in gap.rows(LedgerEntry) if e.source == "transfer" and e.booked_on in GAP.skipped_days]


def test_nobody_pays_twice_while_nothing_is_booked(gap: MemoryWorld) -> None:
    """But for those who round up, what is paid by hand is what is owed, so hardly anything becomes credit."""
    by_hand = [e for e in gap.rows(LedgerEntry) if e.source == "transfer" and e.booked_on in GAP.skipped_days]
    keys = Counter((entry.loan_id, entry.amount) for entry in by_hand)

    assert set(keys.values()) == {1}
    assert all(entry.credit_minor == 0 for entry in by_hand)


def test_after_skipped_days_an_instalment_is_asked_for_once(gap: MemoryWorld) -> None:
    """At most one catch-up message per instalment; what a deduction came to is no catch-up."""
    first = GAP.day(45)
    asked = Counter(
        parse_tier_key(key)[1:]
        for notice in notices(gap)
        if notice.business_date == first and notice.kind not in ("failed", "received", "settled")
        for key in notice.covers
    )

    assert asked
    assert set(asked.values()) == {1}


def test_a_deduction_that_was_missed_is_made_good(gap: MemoryWorld) -> None:
    due = {(i.loan_id, i.number): i.due_on for i in gap.rows(Instalment)}
    made_good = [
        attempt
        for attempt in gap.rows(Attempt)
        if due[attempt.loan_id, attempt.numbers[0]] in GAP.skipped_days
        and date.fromisoformat(attempt.slot[:10]) not in GAP.skipped_days
    ]

    assert made_good


def test_the_buckets_are_those_of_the_policy() -> None:
    bucket_of = buckets(WHOLE)
    table = {0: Stage.CURRENT, 1: Stage.M1, 30: Stage.M1, 31: Stage.M2, 60: Stage.M2, 61: Stage.M3, 91: Stage.LEGAL}

    assert {dpd: bucket_of(dpd) for dpd in table} == table
