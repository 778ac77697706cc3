"""What each function does when all is well, and with messages that come twice, too late or half done."""

import json
from typing import Any

import pytest

from shared.domain import keys
from shared.domain.book import ContactCard, Instalment, InstalmentState, Line, LoanStatus, NoticeState, Outcome, Stage
from shared.domain.errors import SettingsError
from shared.domain.money import Money
from tests.functions.packs import sends_over
from tests.functions.payloads import Context, hint, record
from tests.functions.stack import LINES, PLAN, QUEUES, RECONCILE, Stack
from tests.functions.test_runtime_events import by_hand, webhook

DAY_BEFORE, DUE = "2026-03-09", "2026-03-10"


def announce(stack: Stack, at: str = f"{DUE} 08:00") -> None:
    """The day before is done; now it is the first slot of the due day."""
    stack.at(f"{DAY_BEFORE} 12:00")
    stack.run()
    stack.at(at)


def batch(function: str, *bodies: str) -> dict[str, Any]:
    return {"Records": [record(body, f"m-{n}", QUEUES[function]) for n, body in enumerate(bodies)]}


# what each function does


def test_a_life_through_the_functions(stack: Stack) -> None:
    """Deducted, settled by hand, and never paid: three loans from the reminder to the stage."""
    stack.live(DAY_BEFORE, "2026-03-11")
    stack.send("RepaymentsQueue", by_hand(loan_id="BT-002", amount="300.00", repayment_id="R-1", paid_on="2026-03-11"))
    stack.run()
    assert sorted((notice.notice_key.split("#")[0], notice.borrower_id) for notice in stack.notices().values()) == [
        ("DUE", "B-013"),
        ("FAILED", "B-035"),
        ("OVERDUE_1", "B-013"),
        ("OVERDUE_1", "B-035"),
        ("PRE_DEBIT", "B-027"),
        ("PRE_DEBIT", "B-035"),
        ("RECEIVED", "B-027"),
        ("REMIND_1", "B-013"),
    ]
    assert {notice.state for notice in stack.notices().values()} == {NoticeState.SENT}
    assert len(stack.inbox) == 8
    assert [(a.loan_id, a.outcome) for a in stack.attempts()] == [
        ("HB-001", Outcome.PAID),
        *[("JB-003", Outcome.INSUFFICIENT)] * 3,
    ]
    assert stack.booked("gateway") == {"HB-001:P000001": Money(51000, "CNY")}
    assert stack.booked("transfer") == {"R-1": Money(30000, "CNY")}
    stages = {loan_id: stack.loan(loan_id).stage for loan_id in ("HB-001", "BT-002", "JB-003")}
    assert stages == {"HB-001": Stage.CURRENT, "BT-002": Stage.CURRENT, "JB-003": Stage.M1}
    assert [e.left_on is not None for e in stack.book.escalations("BT-002")] == [True]


def test_a_loan_that_is_paid_off_is_settled_and_told(stack: Stack) -> None:
    stack.send("RepaymentsQueue", by_hand(loan_id="JB-003", amount="909.00"))
    stack.at("2026-03-05 12:00")
    stack.run()
    assert stack.loan("JB-003").status is LoanStatus.SETTLED
    assert stack.notices()["SETTLED#JB-003#000#0"].state is NoticeState.SENT


def test_the_run_of_a_pass_is_its_instant_and_goes_along_with_its_hints(stack: Stack) -> None:
    stack.at("2026-03-09 12:00")
    stack.run()
    runs = {json.loads(body)["run"] for body in stack.bodies}
    assert runs == {"2026-03-09T04:00:00Z"}


def test_a_report_of_the_gateway_settles_what_no_answer_settled(stack: Stack) -> None:
    """The worker could not reach the gateway; the money was taken all the same, and the gateway says so."""
    announce(stack)
    stack.invoke("plan_work", PLAN)
    with stack.server.silent():
        stack.drain(["attempt_deductions"])
    assert {a.outcome for a in stack.attempts()} == {Outcome.UNKNOWN}
    report = webhook(key="HB-001:P000001", amount_minor=51000)
    stack.send("RepaymentsQueue", report, report)
    stack.drain(["record_repayments"])
    assert stack.dead() == 0
    assert stack.booked("gateway") == {"HB-001:P000001": Money(51000, "CNY")}
    assert stack.instalment("HB-001", 2).state is InstalmentState.PAID


def test_the_stub_s_own_reports_are_understood(stack: Stack) -> None:
    announce(stack)
    stack.run()
    assert stack.stub.deliver().body == {"delivered": 2}
    before = stack.snapshot()
    stack.drain()
    assert stack.dead() == 0
    assert stack.snapshot() == before


def test_an_unknown_attempt_is_asked_about_after_its_lease(stack: Stack) -> None:
    announce(stack)
    stack.invoke("plan_work", PLAN)
    with stack.server.silent():
        stack.drain(["attempt_deductions"])
    assert stack.server.presented == []
    assert stack.invoke("reconcile", RECONCILE)["counts"] == {}
    stack.later(minutes=6)
    assert stack.invoke("reconcile", RECONCILE)["counts"] == {
        "attempt.insufficient": 1,
        "attempt.paid": 1,
        "presented-again": 2,
    }
    assert sorted(stack.server.presented) == ["HB-001:P000001", "JB-003:P000001"]


def test_a_claim_that_cannot_be_settled_does_not_stop_the_enquiries_behind_it(stack: Stack) -> None:
    announce(stack)
    stack.invoke("plan_work", PLAN)
    with stack.server.silent():
        stack.drain(["attempt_deductions"])
    first = {"loan_id": {"S": "HB-001"}, "seq": {"S": "P#000001"}}
    stack.dynamodb.update_item(TableName=stack.tables["attempts"], Key=first, UpdateExpression="REMOVE numbers")
    stack.later(minutes=6)
    assert stack.invoke("reconcile", RECONCILE) == {
        "run": "2026-03-10T00:06:00Z",
        "counts": {"attempt.insufficient": 1, "failed": 1, "presented-again": 1},
        "failures": {"BookError": 1},
    }


# twice


def test_every_message_and_every_schedule_twice_changes_nothing(stack: Stack) -> None:
    stack.live(DAY_BEFORE, "2026-03-11", twice=True)
    stack.send("RepaymentsQueue", *[by_hand(loan_id="BT-002", amount="300.00", repayment_id="R-1")] * 2)
    stack.drain(twice=True)
    assert len(stack.inbox) == len(set(stack.inbox)) == len(stack.notices())
    assert stack.server.presented == ["HB-001:P000001", *[f"JB-003:P00000{n}" for n in (1, 2, 3)]]
    assert stack.booked("gateway") == {"HB-001:P000001": Money(51000, "CNY")}
    assert stack.booked("transfer") == {"R-1": Money(30000, "CNY")}
    assert stack.instalment("BT-002", 1).paid_minor == 30000
    assert stack.dead() == 0


@pytest.mark.parametrize("line", list(Line))
def test_a_hint_that_comes_a_day_late_finds_the_truth_and_not_what_it_was_meant_for(stack: Stack, line: Line) -> None:
    announce(stack, f"{DUE} 12:00")
    stack.invoke("plan_work", PLAN)
    held = stack.hold(LINES[line])
    stack.drain()
    stack.at("2026-03-11 02:00")
    before = len(stack.inbox), len(stack.server.presented)
    for body in held:
        assert stack.invoke(LINES[line], batch(LINES[line], body)) == {"batchItemFailures": []}
    assert (len(stack.inbox), len(stack.server.presented)) == before


# partly


def test_one_bad_message_of_a_batch_does_not_stop_the_others(stack: Stack) -> None:
    stack.at("2026-03-09 12:00")
    event = batch("send_reminders", "nonsense", hint(Line.CONTACT, "B-027"), "{}", hint(Line.CONTACT, "B-013"))
    assert stack.invoke("send_reminders", event) == {
        "batchItemFailures": [{"itemIdentifier": "m-0"}, {"itemIdentifier": "m-2"}]
    }
    assert sorted(phone for phone, _ in stack.inbox) == ["+447700900013", "+447700900027"]


def test_keys_that_nobody_knows_are_left_alone(stack: Stack) -> None:
    before = stack.snapshot()
    for line, key in (
        (Line.CONTACT, "B-999"),
        (Line.DEBIT, "XX-999#001"),
        (Line.DEBIT, "HB-001#099"),
        (Line.STAGE, "X"),
    ):
        assert stack.invoke(LINES[line], batch(LINES[line], hint(line, key))) == {"batchItemFailures": []}
    assert stack.snapshot() == before


def test_what_there_is_no_time_for_stays_on_its_agenda_and_is_done_by_the_next_pass(stack: Stack) -> None:
    announce(stack)
    event = batch("attempt_deductions", hint(Line.DEBIT, "HB-001#002", "JB-003#001"))
    context = Context("attempt_deductions", seconds=20, per_look=10)
    assert stack.invoke("attempt_deductions", event, context) == {"batchItemFailures": []}
    assert [a.loan_id for a in stack.attempts()] == ["HB-001"]
    stack.run()
    assert [a.loan_id for a in stack.attempts()] == ["HB-001", "JB-003"]


@pytest.mark.parametrize("function", ["send_reminders", "attempt_deductions", "record_escalations", "reconcile"])
def test_a_function_without_any_time_left_begins_nothing(stack: Stack, function: str) -> None:
    announce(stack)
    if function == "reconcile":
        with stack.server.silent():
            stack.invoke("attempt_deductions", batch("attempt_deductions", hint(Line.DEBIT, "HB-001#002")))
        stack.later(minutes=6)
    before = stack.snapshot()
    event: Any = RECONCILE
    if function != "reconcile":
        line, key = {
            "send_reminders": (Line.CONTACT, "B-013"),
            "attempt_deductions": (Line.DEBIT, "HB-001#002"),
            "record_escalations": (Line.STAGE, "BT-002"),
        }[function]
        event = batch(function, hint(line, key))
    stack.invoke(function, event, Context(function, seconds=5))
    assert stack.snapshot() == before


def test_a_row_that_fails_three_times_stands_in_front_of_a_person_and_the_rest_goes_on(stack: Stack) -> None:
    stack.at("2026-03-09 12:00")
    spoil(stack, "B-027")
    for failures in (1, 2, 3):
        assert stack.agenda_of("B-027") == "S000", failures
        stack.invoke("plan_work", PLAN)
        stack.drain()
    assert sorted(phone for phone, _ in stack.inbox) == ["+447700900013", "+447700900035"]
    assert stack.agenda_of("B-027") == keys.QUARANTINE
    stack.invoke("plan_work", PLAN)
    stack.drain()
    assert "B-027" not in stack.bodies[-1]


def test_a_failure_that_passes_does_not_count_for_ever(stack: Stack) -> None:
    stack.at("2026-03-09 12:00")
    for _ in range(4):
        mend = spoil(stack, "B-027")
        stack.invoke("plan_work", PLAN)
        stack.drain()
        mend()
        stack.run()
        stack.later(days=1)
    assert stack.agenda_of("B-027") == "S000"


def test_a_store_that_does_not_answer_sends_the_message_back(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.at("2026-03-09 12:00")
    stack.invoke("plan_work", PLAN)
    client = stack.app("send_reminders").book._client

    def down(**_: object) -> None:
        raise client.exceptions.InternalServerError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems")

    with monkeypatch.context() as patched:
        patched.setattr(client, "transact_write_items", down)
        assert stack.deliver("send_reminders")
    assert stack.waiting("ContactQueue") == 1
    assert stack.inbox == []
    stack.drain()
    assert len(stack.inbox) == 3


def spoil(stack: Stack, borrower_id: str) -> Any:
    """Takes an attribute out of the contact card, which no code of ours does; gives back how to mend it."""
    key = {"borrower_id": {"S": borrower_id}, "entity": {"S": keys.CONTACT}}
    table = stack.tables["borrowers"]
    loan_ids = stack.dynamodb.get_item(TableName=table, Key=key)["Item"]["loan_ids"]
    stack.dynamodb.update_item(TableName=table, Key=key, UpdateExpression="REMOVE loan_ids")
    return lambda: stack.dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET loan_ids = :was",
        ExpressionAttributeValues={":was": loan_ids},
    )


def test_nobody_outside_the_list_is_written_to_in_a_test_stack(stack: Stack) -> None:
    stack.known["AllowedPhones"] = "+447700900027"
    stack.at("2026-03-09 12:00")
    with stack.restarted("send_reminders"):
        stack.run()
    assert [phone for phone, _ in stack.inbox] == ["+447700900027"]
    states = {notice.borrower_id: notice.state for notice in stack.notices().values()}
    assert states == {
        "B-013": NoticeState.UNDELIVERABLE,
        "B-027": NoticeState.SENT,
        "B-035": NoticeState.UNDELIVERABLE,
    }


def test_in_production_everybody_is_written_to_whatever_the_list_says(stack: Stack) -> None:
    stack.known |= {"AllowedPhones": "", "Environment": "production", "SmsProvider": "sns"}
    stack.at("2026-03-09 12:00")
    with stack.restarted("send_reminders"), pytest.MonkeyPatch.context() as monkeypatch:
        sends_over(stack, "sns", monkeypatch)
        stack.run()
    assert len(stack.inbox) == 3


def test_a_stack_with_another_provider_than_the_packs_name_sends_nothing(stack: Stack) -> None:
    stack.known["SmsProvider"] = "sns"
    stack.at("2026-03-09 12:00")
    with stack.restarted("send_reminders"):
        stack.run()
    assert (stack.inbox, stack.notices()) == ([], {})


def test_the_sandbox_in_production_does_not_start(stack: Stack) -> None:
    stack.known |= {"Environment": "production"}
    with stack.restarted("send_reminders"), pytest.raises(SettingsError, match="sandbox"):
        stack.app("send_reminders")


def test_without_virtual_time_the_simulated_instant_means_nothing(stack: Stack) -> None:
    stack.known["VirtualTime"] = "off"
    stack.at("2026-03-09 12:00")
    with stack.restarted("plan_work"):
        answer = stack.invoke("plan_work", {"line": "contact", "all": True})
    assert answer["business_date"] != "2026-03-09"


def test_a_payment_that_came_since_planning_is_not_asked_for_and_not_deducted(stack: Stack) -> None:
    announce(stack)
    stack.invoke("plan_work", PLAN)
    stack.send("RepaymentsQueue", by_hand(loan_id="HB-001", amount="510.00"))
    stack.drain(["record_repayments"])
    stack.drain()
    assert [a.loan_id for a in stack.attempts()] == ["JB-003"]
    assert stack.instalment("HB-001", 2).paid_minor == 51000
    assert all(row.paid_minor <= row.due_minor for row in stack.rows(Instalment))
    assert all(card.step for card in stack.rows(ContactCard))
