"""Every file of `events/` is the payload that its function really gets, and does what it says."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.dynamodb.link_rows import DynamoLinkRows
from shared.domain.book import Line, MandateStatus, NoticeState, Outcome, Stage
from shared.domain.consent import BarredBy
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.money import Money
from shared.domain.short_link import link_for
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
    assert stack.booked("transfer") == {"R-20260310-1": Money(30000, "CNY")}
    file = stack.book.loan_file("BT-002")
    assert file is not None
    assert file.instalments[0].is_paid


def record_repayments_webhook(stack: Stack, answer: Any) -> None:
    """Nobody presented this intent: the money is kept in suspense, in front of a person."""
    assert answer == {"batchItemFailures": []}
    entry = stack.book.entry("SUSPENSE", "gateway", "HB-001:P000001")
    assert entry is not None
    assert (entry.amount, entry.detail) == (Money(51000, "CNY"), "no such attempt")


def change_mandates_ask(stack: Stack, answer: Any) -> None:
    notice = answer["asked"]["notice"]
    assert notice["text"].startswith("您将关闭花呗的自动扣款")
    assert answer["asked"]["code_expires_at"] == "2026-03-10T00:05:00Z"
    assert "您正在关闭花呗的自动扣款" in stack.inbox[-1][1]


def change_mandates_confirm(stack: Stack, answer: Any) -> None:
    """Nobody asked for a code."""
    assert answer["refused"]["reason"] == "NO_CODE"


def change_mandates_show(stack: Stack, answer: Any) -> None:
    (mandate,) = answer["standing"]["mandates"]
    assert (mandate["mandate_id"], mandate["status"]) == ("M-HB-001", "active")
    assert answer["standing"]["history"] == []


def change_mandates_fund(stack: Stack, answer: Any) -> None:
    assert answer["changed"]["mandates"] == [{"mandate_id": "M-HB-001", "status": "active"}]
    file = stack.book.loan_file("HB-001")
    assert file is not None
    found = [(source.kind.value, source.account_ref) for source in file.mandates[0].funding]
    assert found == [("debit-card", "paid-card-2"), ("balance", "paid-HB-001")]


def change_mandates_suspend(stack: Stack, answer: Any) -> None:
    assert answer["changed"]["mandates"] == [{"mandate_id": "M-HB-001", "status": "suspended"}]


def pay_now_several(stack: Stack, answer: Any) -> None:
    assert (answer["attempt"]["instalments"], answer["attempt"]["outcome"]) == ([2, 3], "paid")
    assert stack.booked("gateway") == {"HB-001:P000001": Money(60000, "CNY")}
    assert [stack.instalment("HB-001", number).outstanding_minor for number in (2, 3)] == [0, 42000]


def pay_now_payoff(stack: Stack, answer: Any) -> None:
    assert (answer["decision"], answer["attempt"]["amount"]) == ("act", "1020.00")
    assert stack.booked("gateway") == {"HB-001:P000001": Money(102000, "CNY")}


def record_repayments_received(stack: Stack, answer: Any) -> None:
    """A webhook of a transfer, as it came through the door."""
    assert answer == {"batchItemFailures": []}
    assert stack.booked("transfer") == {"BANK-20260310-1": Money(30000, "CNY")}


def record_repayments_reversal(stack: Stack, answer: Any) -> None:
    """Of a payment that nobody booked: kept, as money that left."""
    assert answer == {"batchItemFailures": []}
    assert list(stack.booked("transfer").values()) == [Money(-30000, "CNY")]


def record_repayments_chargeback(stack: Stack, answer: Any) -> None:
    assert answer == {"batchItemFailures": []}
    assert list(stack.booked("gateway").values()) == [Money(-51000, "CNY")]


def record_repayments_reinstatement(stack: Stack, answer: Any) -> None:
    """The dispute was won: the loan has its money again, and nobody has to look at it any more."""
    assert answer == {"batchItemFailures": []}
    assert stack.instalment("HB-001", 2).outstanding_minor == 0
    assert not stack.instalment("HB-001", 2).blocked


def record_repayments_mandate(stack: Stack, answer: Any) -> None:
    """The borrower revoked it in the wallet's app, and nothing is debited on the due day."""
    assert answer == {"batchItemFailures": []}
    file = stack.book.loan_file("HB-001")
    assert file is not None
    assert [mandate.status for mandate in file.mandates] == [MandateStatus.REVOKED]
    stack.run()
    assert [attempt for attempt in stack.attempts() if attempt.loan_id == "HB-001"] == []


def record_repayments_rows(stack: Stack, answer: Any) -> None:
    assert answer == {"batchItemFailures": []}
    assert stack.booked("transfer") == {
        "BANK-20260310-1": Money(30000, "CNY"),
        "BANK-20260310-2": Money(500, "CNY"),
    }
    assert stack.result("2026-03-10.csv.from-line-2")["lines"] == [
        {"line": 3, "became": "suspense", "problem": "no such loan"}
    ]


def record_repayments_file(stack: Stack, answer: Any) -> None:
    """Nobody put the file there."""
    assert answer == {"batchItemFailures": []}
    assert stack.result("2026-03-10.csv")["refused"] == "the file is gone"


def record_repayments_s3_test(stack: Stack, answer: Any) -> None:
    """S3 tries the queue when the bucket is made."""
    assert answer == {"batchItemFailures": []}
    assert stack.booked("transfer") == {}


def receive_webhooks_signed(stack: Stack, answer: Any) -> None:
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "taken"})
    assert [stack.waiting(queue) for queue in QUEUES.values()] == [0, 0, 0, 1]


def record_receipts_delivered(stack: Stack, answer: Any) -> None:
    assert answer == {"counts": {"receipt.delivered": 1}}
    assert stack.notices()["REMIND_1#BT-002#001#0"].delivery == "delivered"


def record_receipts_stop(stack: Stack, answer: Any) -> None:
    assert answer == {"counts": {"inbound.stop": 1}}
    file = stack.book.borrower_file("B-013")
    assert file is not None
    assert [(bar.channel, bar.by) for bar in file.card.bars] == [(Channel.SMS, BarredBy.OPTED_OUT)]


def record_receipts_sms_log(stack: Stack, answer: Any) -> None:
    """Of a message that another stack of the account sent."""
    assert answer == {"counts": {"receipt.failed-for-good": 1, "receipt.of-nobody": 1}}


def record_receipts_gateway(stack: Stack, answer: Any) -> None:
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "taken"})
    assert stack.notices()["REMIND_1#BT-002#001#0"].delivery == "failed-for-good"
    file = stack.book.borrower_file("B-013")
    assert file is not None
    assert [bar.by for bar in file.card.bars] == [BarredBy.DEAD]


def with_its_link(stack: Stack) -> None:
    notice = "B-013#REMIND_1#BT-002#001#0"
    link = link_for(notice, datetime(2026, 3, 16, tzinfo=UTC))
    assert DynamoLinkRows(stack.dynamodb, stack.tables["control"]).put(link.name, notice, link.expires_at)


def open_links_code(stack: Stack, answer: Any) -> None:
    assert answer["statusCode"] == 200
    assert "CNY 300.00, due on 10 March" in answer["body"]
    assert stack.notices()["REMIND_1#BT-002#001#0"].clicked_at is not None


def operate_switch(stack: Stack, answer: Any) -> None:
    """Signed by nobody real: the tests' STS takes it."""
    assert answer == {"actor": "arn:aws:iam::123456789012:user/alice", "open": True, "off": ["product:jiebei"]}


def charged_back(stack: Stack) -> None:
    stack.run()
    stack.invoke("record_repayments", event("record_repayments_chargeback"))
    assert stack.instalment("HB-001", 2).blocked


def operate_reopen(stack: Stack, answer: Any) -> None:
    assert [(one["attempt"], one["result"]) for one in answer["results"]] == [("HB-001:P000001", "opened")]
    assert answer["amounts"] == [{"amount": "510.00", "currency": "CNY"}]
    assert not stack.instalment("HB-001", 2).blocked


def operate_hold(stack: Stack, answer: Any) -> None:
    assert [(one["loan_id"], one["result"], one["until"]) for one in answer["holds"]] == [("HB-001", "set", None)]
    file = stack.book.loan_file("HB-001")
    assert file is not None
    assert [hold.code for hold in file.loan.holds] == ["complaint"]


def operate_bar(stack: Stack, answer: Any) -> None:
    assert (answer["borrower_id"], answer["channel"], answer["result"]) == ("B-013", "sms", "barred")
    file = stack.book.borrower_file("B-013")
    assert file is not None
    assert [bar.classes for bar in file.card.bars] == [frozenset({MessageClass.COLLECTION})]


def explain_day(stack: Stack, answer: Any) -> None:
    reasons = {(one["line"], one["unit"], one["reason"]) for one in answer["decisions"]}
    assert ("debit", "HB-001#002", "NOT_YET_DUE") in reasons
    assert ("contact", "B-027", "PRE_DEBIT_NOTICE_DUE") in reasons
    act = next(one for one in answer["decisions"] if one["reason"] == "PRE_DEBIT_NOTICE_DUE")
    assert {"leaf": "debit.notice_lead_days", "value": 1, "pack": "lender-1", "kind": "own design"} in [
        {name: leaf[name] for name in ("leaf", "value", "pack", "kind")} for leaf in act["behind"]
    ]
    assert [one["key"] for one in answer["done"]] == ["PRE_DEBIT#HB-001#002#0"]


FIRST: dict[str, Callable[[Stack], None]] = {
    "operate_reopen": charged_back,
    "record_repayments_reinstatement": charged_back,
    "open_links_code": with_its_link,
}
"""What has to happen before some of them."""

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
        record_repayments_received,
        record_repayments_reversal,
        record_repayments_chargeback,
        record_repayments_reinstatement,
        record_repayments_mandate,
        record_repayments_rows,
        record_repayments_file,
        record_repayments_s3_test,
        receive_webhooks_signed,
        record_receipts_delivered,
        record_receipts_stop,
        record_receipts_sms_log,
        record_receipts_gateway,
        open_links_code,
        change_mandates_ask,
        change_mandates_confirm,
        change_mandates_show,
        change_mandates_fund,
        change_mandates_suspend,
        pay_now_several,
        pay_now_payoff,
        operate_switch,
        operate_reopen,
        operate_hold,
        operate_bar,
        explain_day,
    )
}


@pytest.mark.parametrize("name", CHECKS)
def test_an_event_file_does_what_it_says(stack: Stack, name: str) -> None:
    before_the_due_day(stack)
    if name in FIRST:
        FIRST[name](stack)
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
