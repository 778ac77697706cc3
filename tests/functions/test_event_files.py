"""Every file of `events/` is the payload that its function really gets, and does what it says."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.book import Line, NoticeState, Outcome, Stage
from shared.domain.money import Money
from tests.functions.invoking import EVENTS, event
from tests.functions.stack import FUNCTIONS, QUEUES, Stack


def before_the_due_day(stack: Stack) -> None:
    stack.at("2026-03-09 12:00")
    stack.run()
    stack.bodies.clear()
    stack.at("2026-03-10 08:00")


def plan_work_schedule(stack: Stack, answer: Any) -> None:
    assert answer == {"hints": {"contact": 0, "debit": 2, "stage": 0}}
    assert [stack.waiting(queue) for queue in QUEUES.values()] == [0, 1, 0, 0]


def plan_work_dry_run_named(stack: Stack, answer: Any) -> None:
    assert answer["business_date"] == "2026-03-10"
    assert answer["after"] is None
    found = {one["key"]: (one["decision"], one["reason"]) for one in answer["decisions"]}
    assert found == {
        "HB-001#002": ("act", "SLOT_OPEN"),
        "HB-001#003": ("defer", "NOT_YET_DUE"),
        "BT-002#001": ("drop", "NO_ACTIVE_MANDATE"),
        "BT-002#002": ("drop", "NO_ACTIVE_MANDATE"),
    }
    first, second, *_ = answer["decisions"]
    assert first["what"] == {"slot": "2026-03-10T08:00", "amount": "510.00", "currency": "CNY"}
    assert first["until"] is None
    assert second["until"] == "2026-04-10T00:00:00Z"
    assert second["sentence"] == "the instalment is not due yet"


def plan_work_dry_run_all(stack: Stack, answer: Any) -> None:
    assert answer["business_date"] == "2026-03-10"
    assert {one["key"]: one["reason"] for one in answer["decisions"]} == {
        "B-013": "DUE_TODAY",
        "B-027": "NOTHING_DUE",
        "B-035": "NOTHING_DUE",
    }


def plan_work_live_named(stack: Stack, answer: Any) -> None:
    assert answer == {"hints": {"debit": 2}}
    assert [stack.waiting(queue) for queue in QUEUES.values()] == [0, 1, 0, 0]
    stack.drain(["attempt_deductions"])
    assert [a.outcome for a in stack.attempts()] == [Outcome.PAID]


def reconcile_schedule(stack: Stack, answer: Any) -> None:
    assert answer == {"run": "2026-03-10T00:00:00Z", "counts": {}}


def send_reminders_hints(stack: Stack, answer: Any) -> None:
    assert answer == {"batchItemFailures": []}
    assert stack.notices()["REMIND_1#BT-002#001#0"].state is NoticeState.SENT


def attempt_deductions_hints(stack: Stack, answer: Any) -> None:
    assert answer == {"batchItemFailures": []}
    assert [(a.loan_id, a.outcome) for a in stack.attempts()] == [("HB-001", Outcome.PAID)]
    assert stack.booked("gateway") == {"HB-001:P000001": Money(51000, "CNY")}


def record_escalations_hints(stack: Stack, answer: Any) -> None:
    assert answer == {"batchItemFailures": []}
    file = stack.book.loan_file("BT-002")
    assert file is not None
    assert file.loan.stage is Stage.CURRENT


def record_repayments_manual(stack: Stack, answer: Any) -> None:
    assert answer == {"batchItemFailures": []}
    assert stack.booked("manual") == {"R-20260310-1": Money(30000, "CNY")}
    file = stack.book.loan_file("BT-002")
    assert file is not None
    assert file.instalments[0].is_paid


def record_repayments_webhook(stack: Stack, answer: Any) -> None:
    """Nobody presented this intent: the money is kept in suspense, in front of a person."""
    assert answer == {"batchItemFailures": []}
    entry = stack.book.entry("SUSPENSE", "gateway", "HB-001:P000001")
    assert entry is not None
    assert (entry.amount, entry.detail) == (Money(51000, "CNY"), "no such attempt")


CHECKS: dict[str, Callable[[Stack, Any], None]] = {
    check.__name__: check
    for check in (
        plan_work_schedule,
        plan_work_dry_run_named,
        plan_work_dry_run_all,
        plan_work_live_named,
        reconcile_schedule,
        send_reminders_hints,
        attempt_deductions_hints,
        record_escalations_hints,
        record_repayments_manual,
        record_repayments_webhook,
    )
}


@pytest.mark.parametrize("name", CHECKS)
def test_an_event_file_does_what_it_says(stack: Stack, name: str) -> None:
    before_the_due_day(stack)
    function = next(one for one in FUNCTIONS if name.startswith(one))
    CHECKS[name](stack, stack.invoke(function, event(name)))


def test_no_event_file_goes_without_a_test() -> None:
    """The payment stub's are run by its own tests."""
    found = {path.stem for path in EVENTS.glob("*.json")}
    assert {name for name in found if not name.startswith("payment_stub")} == set(CHECKS)


@pytest.mark.parametrize("line", list(Line))
def test_a_dry_run_changes_nothing(stack: Stack, line: Line) -> None:
    before_the_due_day(stack)
    before = stack.snapshot()
    stack.invoke("plan_work", {"line": line.value, "all": True})
    stack.invoke("plan_work", {"line": line.value, "all": True, "business_date": "2026-04-10", "dry_run": True})
    assert stack.snapshot() == before
    assert [stack.waiting(queue) for queue in QUEUES.values()] == [0, 0, 0, 0]
    assert len(stack.server.presented) == 0
