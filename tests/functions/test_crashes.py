"""A process that dies before or after it claims, acts or settles: nothing is sent or charged twice, nothing is lost."""

from collections import Counter

import pytest

from shared.domain.book import AttemptState, ContactCard, Instalment, Line, Loan, NoticeState, Outcome
from shared.domain.decision import Drop
from shared.workflows.decisions import decision_for
from tests.functions.killing import POINTS, Kill, arm
from tests.functions.sample import only
from tests.functions.stack import LINES, PLAN, RECONCILE, Killed, Stack

DAY_BEFORE, DUE = "2026-03-09", "2026-03-10"


def crash(stack: Stack, line: Line, kill: Kill) -> None:
    """Plans, lets the line's worker die at the point, and delivers its message again at once, as SQS may."""
    function = LINES[line]
    stack.invoke("plan_work", PLAN)
    with pytest.MonkeyPatch.context() as monkeypatch:
        arm(stack, monkeypatch, function, kill)
        with pytest.raises(Killed):
            stack.drain([function])
    assert kill.struck
    stack.drain()


def recover(stack: Stack) -> None:
    """Lets the lease pass, then the slots that follow until the morning after the due day."""
    stack.later(minutes=6)
    stack.run()
    for slot in (f"{DUE} 08:00", f"{DUE} 12:00", f"{DUE} 20:00", "2026-03-11 09:30"):
        if f"{stack.local_time():%Y-%m-%d %H:%M}" < slot:
            stack.at(slot)
            stack.run()
    stack.later(minutes=6)
    stack.invoke("reconcile", RECONCILE)


def assert_nothing_doubled_and_nothing_lost(stack: Stack) -> None:
    sent = Counter(stack.inbox)
    assert set(sent.values()) <= {1}
    states = Counter(notice.state for notice in stack.notices().values())
    assert states[NoticeState.SENT] <= len(sent) <= states[NoticeState.SENT] + states[NoticeState.UNKNOWN]
    assert set(states) <= {NoticeState.SENT, NoticeState.UNKNOWN}

    attempts = stack.attempts()
    assert {attempt.state for attempt in attempts} <= {AttemptState.SETTLED}
    assert set(Counter(stack.server.presented).values()) <= {1}
    paid = Counter(n for a in attempts if a.outcome is Outcome.PAID for n in (f"{a.loan_id}#{m}" for m in a.numbers))
    assert set(paid.values()) <= {1}
    assert stack.booked("gateway") == {charge.key: charge.amount for charge in stack.stub_books.charges()}

    assert stack.dead() == 0
    assert_next_steps(stack)


def assert_next_steps(stack: Stack) -> None:
    """Whatever is not done stands on its agenda, or no rule would do it."""
    planner = stack.app("plan_work")
    assert all(card.step for card in stack.rows(ContactCard) if card.loan_ids)
    assert all(loan.step for loan in stack.rows(Loan))
    for instalment in stack.rows(Instalment):
        if instalment.step is None:
            key = f"{instalment.loan_id}#{instalment.number:03d}"
            assert isinstance(decision_for(Line.DEBIT, stack.book, planner.shelf, key, stack.now), Drop), key


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    ("loan_id", "at", "key"),
    [
        ("HB-001", f"{DAY_BEFORE} 12:00", "PRE_DEBIT#HB-001#002#0"),
        ("BT-002", f"{DUE} 12:00", "DUE#BT-002#001#0"),
    ],
)
def test_a_crash_around_a_message(empty_stack: Stack, loan_id: str, at: str, key: str, point: str) -> None:
    stack = empty_stack
    stack.take_on(only(loan_id))
    stack.at(at)
    crash(stack, Line.CONTACT, Kill(point, stack.rows(ContactCard)[0].borrower_id))
    recover(stack)
    assert_nothing_doubled_and_nothing_lost(stack)
    came = stack.notices()[key].state
    assert came is (NoticeState.SENT if point in ("before claim", "after settle") else NoticeState.UNKNOWN)


def before_the_deduction(stack: Stack, loan_id: str) -> None:
    stack.take_on(only(loan_id))
    stack.at(f"{DAY_BEFORE} 12:00")
    stack.run()
    stack.at(f"{DUE} 08:00")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    ("loan_id", "outcomes", "told"),
    [
        ("HB-001", [Outcome.PAID], "RECEIVED#HB-001#002#0"),
        ("JB-003", [Outcome.INSUFFICIENT] * 3, "FAILED#JB-003#001#0"),
    ],
)
def test_a_crash_around_a_deduction(
    empty_stack: Stack, loan_id: str, outcomes: list[Outcome], told: str, point: str
) -> None:
    stack = empty_stack
    before_the_deduction(stack, loan_id)
    crash(stack, Line.DEBIT, Kill(point, loan_id))
    recover(stack)
    assert_nothing_doubled_and_nothing_lost(stack)
    assert [a.outcome for a in stack.attempts()] == outcomes
    assert stack.notices()[told].state is NoticeState.SENT


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_of_the_enquiry_that_follows_a_crash(empty_stack: Stack, point: str) -> None:
    """The worker dies before it presents; the enquiry finds nothing, claims again, and dies too."""
    stack = empty_stack
    before_the_deduction(stack, "HB-001")
    crash(stack, Line.DEBIT, Kill("after claim", "HB-001"))
    stack.later(minutes=6)
    with pytest.MonkeyPatch.context() as monkeypatch:
        arm(stack, monkeypatch, "reconcile", Kill(point, "HB-001"))
        with pytest.raises(Killed):
            stack.invoke("reconcile", RECONCILE)
    recover(stack)
    assert_nothing_doubled_and_nothing_lost(stack)
    assert [a.outcome for a in stack.attempts()] == [Outcome.PAID]


def test_a_crash_between_two_deductions_of_one_message_leaves_the_others_to_be_done(stack: Stack) -> None:
    stack.at(f"{DAY_BEFORE} 12:00")
    stack.run()
    stack.at(f"{DUE} 08:00")
    crash(stack, Line.DEBIT, Kill("after settle", "HB-001"))
    assert [(a.loan_id, a.outcome) for a in stack.attempts()] == [
        ("HB-001", Outcome.PAID),
        ("JB-003", Outcome.INSUFFICIENT),
    ]
