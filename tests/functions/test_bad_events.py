"""An event that a function does not understand: one clear error, and no row, message, charge or hint."""

import json
from typing import Any

import pytest

from shared.domain.book import Line
from shared.domain.errors import EventError
from tests.functions.payloads import hint, record
from tests.functions.stack import FUNCTIONS, PLAN, QUEUES, RECONCILE, Stack
from tests.functions.sts_server import signed
from tests.functions.test_runtime_events import MALFORMED_HINTS, MALFORMED_REPAYMENTS, by_hand
from tests.functions.test_runtime_operator_events import ORDER

DIRECT: dict[str, list[Any]] = {
    "plan_work": [RECONCILE, {"line": "debit"}, {"line": "debit", "loan_ids": ["NO-SUCH-LOAN"]}],
    "reconcile": [PLAN, {"v": 1, "schedule": "reconcile", "loan_ids": ["HB-001"]}],
    "send_reminders": [json.loads(hint(Line.CONTACT, "B-027")), PLAN],
    "attempt_deductions": [json.loads(hint(Line.DEBIT, "HB-001#002")), PLAN],
    "record_escalations": [json.loads(hint(Line.STAGE, "HB-001")), PLAN],
    "record_repayments": [by_hand(), RECONCILE],
    "change_mandates": [
        PLAN,
        {"v": 1, "do": "ask", "loan_id": "HB-001"},
        {"v": 1, "do": "ask", "loan_id": "HB-001", "purpose": "cancel", "code": "123456"},
    ],
    "pay_now": [
        PLAN,
        {"v": 1, "loan_id": "HB-001", "instalments": []},
        {"v": 1, "loan_id": "HB-001", "amount": "100.00"},
        {"v": 1, "loan_id": "HB-001", "owner": "operator"},
    ],
    "operate": [PLAN, ORDER, signed(ORDER) | {"verb": "debit"}, signed(ORDER | {"attempts": ["NO-SUCH:P1"]})],
    "explain": [
        PLAN,
        {"v": 1, "loan_id": "no such"},
        {"v": 1, "loan_id": "HB-001", "on": "yesterday"},
        {"v": 1, "loan_id": "HB-001", "day": "2026-03-10"},
    ],
    "receive_webhooks": [PLAN, {"requestContext": {"http": {"method": "POST"}}}],
    "record_receipts": [PLAN, {"requestContext": {"http": {"method": "POST"}}}, {"awslogs": {"data": "nonsense"}}],
    "open_links": [PLAN, {"requestContext": {"http": {"method": "GET"}}}],
}
NO_EVENT: list[Any] = [
    None,
    [],
    "plan_work",
    {},
    {"Records": []},
    {"source": "aws.events", "detail": {}},
    {"Records": [record("{}") | {"eventSource": "aws:s3"}]},
]


@pytest.fixture
def due_stack(stack: Stack) -> Stack:
    """Everything is due: whatever had an effect would show."""
    stack.at("2026-03-09 12:00")
    stack.invoke("plan_work", PLAN)
    stack.drain(["send_reminders"])
    stack.at("2026-03-10 12:00")
    return stack


def world(stack: Stack) -> tuple[Any, ...]:
    return stack.snapshot(), stack.inbox, [stack.waiting(queue) for queue in QUEUES.values()], stack.server.presented[:]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_unknown_event_is_one_error_and_changes_nothing(due_stack: Stack, function: str) -> None:
    before = world(due_stack)
    for event in [*NO_EVENT, *DIRECT[function]]:
        with pytest.raises(EventError) as caught:
            due_stack.invoke(function, event)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 200
    assert world(due_stack) == before


@pytest.mark.parametrize("function", QUEUES)
def test_a_malformed_message_is_reported_and_changes_nothing(
    due_stack: Stack, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It comes again, and ends in the dead-letter queue: one clear line each time."""
    bodies = MALFORMED_REPAYMENTS if function == "record_repayments" else MALFORMED_HINTS
    before = world(due_stack)
    capsys.readouterr()
    for place, (body, _) in enumerate(bodies):
        text = body if isinstance(body, str) else json.dumps(body)
        answer = due_stack.invoke(function, {"Records": [record(text, f"m-{place}")]})
        assert answer == {"batchItemFailures": [{"itemIdentifier": f"m-{place}"}]}
        logged = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"ERROR"' in line]
        assert [(line["message"], line["error"], line["message_id"]) for line in logged] == [
            ("failed", "EventError", f"m-{place}")
        ]
        assert ": " in logged[0]["detail"]
        assert "\n" not in logged[0]["detail"]
    assert world(due_stack) == before


@pytest.mark.parametrize(
    ("function", "dead"), list(zip(QUEUES, ("Contact", "Debit", "Stage", "Repayments"), strict=True))
)
def test_a_malformed_message_ends_in_the_dead_letter_queue(stack: Stack, function: str, dead: str) -> None:
    stack.send(QUEUES[function], "nonsense")
    for _ in range(5):
        assert stack.deliver(function)
    assert not stack.deliver(function)
    assert stack.waiting(f"{dead}Dead") == 1


def test_a_live_run_on_another_day_is_refused(due_stack: Stack) -> None:
    before = world(due_stack)
    with pytest.raises(EventError, match="a live run is for today, 2026-03-10; 2026-03-11 can only be a dry run"):
        due_stack.invoke("plan_work", {"line": "debit", "all": True, "business_date": "2026-03-11", "dry_run": False})
    assert world(due_stack) == before
    today = {"line": "debit", "all": True, "business_date": "2026-03-10", "dry_run": False}
    assert due_stack.invoke("plan_work", today) == {"hints": {"debit": 3}}
