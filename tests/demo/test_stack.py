"""The driver's world on a deployed stack: what it does when something stands still or was given up."""

import json
from collections.abc import Iterator

import pytest

from demo.borrowers import Pay
from demo.driver import Plan
from demo.portfolio import FIRST_DAY
from demo.stack import Stack, StackError
from infra.local import LocalAws

pytestmark = [pytest.mark.local_aws, pytest.mark.slow]

PLAN = Plan(FIRST_DAY)
PAY = Pay("hand-1", "L-none", 100, "CNY")


@pytest.fixture
def held(deployed_aws: LocalAws) -> Iterator[Stack]:
    """A stack on which nothing is processed; its queues are empty again afterwards."""
    stack = Stack(deployed_aws, deployed_aws.outputs(), patience_s=0.3)
    stack.set_clock(PLAN.morning())
    Stack(deployed_aws, stack.outputs).wait()  # a bucket that was just made sends a message of its own
    stack.hold()
    yield stack
    for output in ("QueueRepaymentsUrl", "QueueDebitDeadUrl"):
        deployed_aws.client("sqs").purge_queue(QueueUrl=stack.outputs[output])
    stack.go_on()


def test_a_queue_that_stands_still_is_named(held: Stack) -> None:
    held.repay(PAY, FIRST_DAY)

    with pytest.raises(StackError, match="queue duebell-repayments stands still: 1 waiting"):
        held.wait()


def test_what_was_given_up_is_an_error_at_once(held: Stack) -> None:
    sqs = held.aws.client("sqs")
    sqs.send_message(QueueUrl=held.outputs["QueueDebitDeadUrl"], MessageBody="{}")

    with pytest.raises(StackError, match="queue duebell-debit-dead holds 1 given up"):
        held.wait()


def test_what_the_gateway_reports_comes_through_the_door_and_waits_once(held: Stack) -> None:
    payment = {
        "key": "L-none:P000001",
        "account_ref": "paid-1",
        "mandate_id": "M",
        "amount_minor": 1,
        "currency": "CNY",
    }
    held._ask_stub("/v1/payments", json.dumps(payment))
    before = held.invocations()["receive_webhooks"]

    assert [held.deliver_webhooks() for _ in range(2)] == [1, 0]
    assert held.backlog()["duebell-repayments"] == 1
    assert held.invocations()["receive_webhooks"] == before + 1


def test_empty_queues_are_no_wait(held: Stack) -> None:
    held.wait()


def test_a_function_that_fails_is_named(held: Stack) -> None:
    with pytest.raises(StackError, match="duebell-reconcile failed: "):
        held.invoke("FunctionReconcile", {"v": 2})


def test_a_credit_that_the_stub_refuses_is_an_error(held: Stack) -> None:
    with pytest.raises(StackError, match="answered /v1/accounts/paid-1/credits with 422"):
        held._ask_stub("/v1/accounts/paid-1/credits", '{"credit_id":"c","amount_minor":1,"currency":"CNY"}')
