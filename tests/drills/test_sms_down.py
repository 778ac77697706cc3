"""What became of a day's messages while a provider was down, and which of them left too late."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drills.lab import BAD_DAY, PLAN, Outcome
from drills.sms_down import left_too_late, neither_waiting_nor_unknown
from shared.domain.book import InstalmentState, NoticeState
from shared.domain.book import Outcome as Answer
from tests.demo.small import RECORDS, attempt, notice

DUE = PLAN.day(BAD_DAY + 1)


def after(kind: str, left: int, *debited: int, answer: Answer = Answer.INSUFFICIENT, paid: bool = False) -> list[str]:
    """What is told of one message and of debits so many days after the due day."""
    row = replace(RECORDS.instalments[0], due_on=DUE, state=InstalmentState.PAID if paid else InstalmentState.OPEN)
    told = replace(
        notice("B-1", f"{kind.upper()}#L-1#001#0", kind, 9, ref="M"), business_date=DUE + timedelta(days=left)
    )
    attempts = tuple(
        replace(attempt(number, 8, answer), slot=f"{DUE + timedelta(days=day)}T08:00")
        for number, day in enumerate(debited, 1)
    )
    records = replace(RECORDS, instalments=(row,), notices=(told,), attempts=attempts)
    return left_too_late(Outcome(records, [], {}, []))


@pytest.mark.parametrize(("left", "is_late"), [(-1, False), (0, True), (1, True)])
def test_a_reminder_is_too_late_from_the_due_day_on(left: int, is_late: bool) -> None:
    assert bool(after("remind", left)) is is_late


@pytest.mark.parametrize(
    ("left", "debited", "is_late"),
    [
        (-1, (0,), False),
        (0, (1,), False),  # the announcement moved its debit
        (0, (0,), True),
        (0, (), True),
        (-1, (-2, 0), False),
        (0, (-1, 0), True),
    ],
)
def test_an_announcement_is_too_late_where_no_debit_follows(left: int, debited: tuple[int, ...], is_late: bool) -> None:
    assert bool(after("pre-debit", left, *debited)) is is_late


def test_what_was_paid_by_hand_is_not_debited_and_what_a_debit_paid_is_announced_no_more() -> None:
    assert after("pre-debit", -1, paid=True) == []
    assert after("pre-debit", 0, 0, answer=Answer.PAID, paid=True) == [f"PRE-DEBIT#L-1#001#0 on {DUE}"]


def test_an_announcement_of_the_last_day_has_no_day_left_for_its_debit() -> None:
    left = (PLAN.last_day - DUE).days
    assert after("pre-debit", left) == []
    assert after("pre-debit", left - 1) != []


@pytest.mark.parametrize("kind", ["due", "overdue", "failed", "received"])
def test_other_messages_are_judged_elsewhere(kind: str) -> None:
    assert after(kind, 3) == []


@pytest.mark.parametrize(
    ("state", "has_phone", "is_told"),
    [
        (NoticeState.RELEASED, True, False),
        (NoticeState.UNKNOWN, True, False),
        (NoticeState.UNDELIVERABLE, False, False),
        (NoticeState.UNDELIVERABLE, True, True),  # given up for the provider's fault
        (NoticeState.SENT, True, True),
        (NoticeState.SENT, False, True),
        (NoticeState.CLAIMED, True, True),
    ],
)
def test_on_a_day_on_which_nothing_leaves_a_message_waits_is_unknown_or_has_nowhere_to_go(
    state: NoticeState, has_phone: bool, is_told: bool
) -> None:
    wanted = [replace(notice("B-1", "DUE#L-1#001#0", "due", 9), state=state)]
    found = neither_waiting_nor_unknown(wanted, silent=() if has_phone else ("B-1",))

    assert found == ([f"DUE#L-1#001#0 is {state}"] if is_told else [])
