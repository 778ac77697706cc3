"""operate as deployed: its rights, its tables, and that nobody orders or approves in another one's name."""

from typing import Any

import pytest

from shared.domain import keys
from shared.domain.book import InstalmentState
from shared.domain.errors import CallerError, InputError
from shared.domain.switches import ALL_ON, Switches
from tests.functions.invoking import event
from tests.functions.stack import Stack
from tests.functions.sts_server import arn, signed
from tests.functions.test_runtime_events import by_hand
from tests.functions.test_runtime_operator_events import ORDER

KEY = "HB-001:P000001"


@pytest.fixture
def paid_stack(stack: Stack) -> Stack:
    """HB-001 was deducted on its due day."""
    stack.live("2026-03-09", "2026-03-10")
    stack.at("2026-03-10 21:00")
    return stack


def refund(**changes: Any) -> dict[str, Any]:
    return ORDER | {"verb": "refund", "attempts": [KEY]} | changes


def test_a_refund_is_paid_booked_and_noted_under_the_name_that_aws_gives(paid_stack: Stack) -> None:
    answer = paid_stack.invoke("operate", signed(refund(amount="10.00 CNY")))
    assert answer == {
        "actor": arn("ALICE"),
        "loans": 1,
        "amounts": [{"amount": "10.00", "currency": "CNY"}],
        "results": [{"attempt": KEY, "result": "paid", "made": "HB-001:P000002"}],
    }
    assert [r.amount.minor for r in paid_stack.stub_books.refunds()] == [1_000]
    assert paid_stack.instalment("HB-001", 2).outstanding_minor == 1_000
    (note,) = paid_stack.book.audit("HB-001")
    assert (note.actor, note.what, note.reason) == (arn("ALICE"), "attempt.refund", "the borrower called")


def test_the_same_order_with_another_ones_signature_is_that_ones(paid_stack: Stack) -> None:
    answer = paid_stack.invoke("operate", signed(refund(verb="recheck"), "BOB"))
    assert answer["actor"] == arn("BOB")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (signed(refund(), "NOBODY"), "not valid"),
        (signed(refund(), "STRANGER"), "another AWS account"),
        (signed(refund(amount="1.00 CNY")) | {"amount": "500.00 CNY"}, "for another order"),
        (refund(caller={"Authorization": "AWS4-HMAC-SHA256 Credential=ALICE/x"}), "for another order"),
        (signed(refund()) | {"caller": signed(refund(verb="recheck"))["caller"]}, "for another order"),
    ],
)
def test_an_order_that_nobody_or_somebody_else_signed_does_nothing(
    paid_stack: Stack, event: dict[str, Any], said: str
) -> None:
    before = paid_stack.snapshot()
    with pytest.raises(CallerError, match=said):
        paid_stack.invoke("operate", event)
    assert paid_stack.snapshot() == before


def test_a_header_that_is_not_under_the_signature_proves_nothing(paid_stack: Stack) -> None:
    event = signed(refund())
    proof = dict(event["caller"])
    proof["Authorization"] = proof["Authorization"].replace(";x-duebell-order", "")
    with pytest.raises(CallerError, match="for another order"):
        paid_stack.invoke("operate", event | {"caller": proof})


def test_a_second_person_approves_and_the_first_cannot(paid_stack: Stack) -> None:
    """No policy is valid any more: then every order needs a second person."""
    paid_stack.at("2028-01-05 10:00")
    asked = paid_stack.invoke("operate", signed(refund(verb="recheck")))
    assert asked["results"] == []
    approval = {"v": 1, "verb": "approve", "request": asked["request"]}
    with pytest.raises(InputError, match="another person approves it"):
        paid_stack.invoke("operate", signed(approval))
    with pytest.raises(CallerError, match="another AWS account"):
        paid_stack.invoke("operate", signed(approval, "STRANGER"))
    done = paid_stack.invoke("operate", signed(approval, "BOB"))
    assert [one["result"] for one in done["results"]] == ["known"]
    with pytest.raises(InputError, match="was used already"):
        paid_stack.invoke("operate", signed(approval, "CAROL"))


def test_a_disputed_instalment_is_opened_by_a_person_and_waits_on_its_agenda_again(paid_stack: Stack) -> None:
    reopen = refund(verb="reopen")
    assert paid_stack.invoke("operate", signed(reopen))["results"][0]["reason"] == "NOTHING_CLOSED"
    paid_stack.invoke("record_repayments", event("record_repayments_chargeback"))
    assert (paid_stack.instalment("HB-001", 2).blocked, paid_stack.instalment("HB-001", 2).step) == (True, None)
    answer = paid_stack.invoke("operate", signed(reopen))
    assert answer["results"] == [{"attempt": KEY, "result": "opened"}]
    after = paid_stack.instalment("HB-001", 2)
    assert (after.blocked, after.step, after.attempts) == (False, paid_stack.now, 1)
    (note,) = paid_stack.book.audit("HB-001")
    assert (note.actor, note.what, note.detail["instalments"]) == (arn("ALICE"), "attempt.reopen", "2")


def test_a_switch_is_turned_and_noted_at_once(stack: Stack) -> None:
    event = {"v": 1, "verb": "switch", "name": "rail:stub", "on": False, "reason": "the rail fails"}
    assert stack.invoke("operate", signed(event)) == {"actor": arn("ALICE"), "open": True, "off": ["rail:stub"]}
    (note,) = stack.book.audit(keys.SWITCHES)
    assert note.detail == {"name": "rail:stub", "was": "everything on", "is": "off: rail:stub"}
    stack.board = Switches(on=True, off=frozenset({"rail:stub"}))
    with stack.restarted("attempt_deductions", "plan_work", "reconcile"):
        stack.live("2026-03-09", "2026-03-10")
        assert stack.attempts() == []
    assert stack.instalment("HB-001", 2).state is InstalmentState.OPEN
    assert stack.instalment("HB-001", 2).step is not None
    stack.turn(ALL_ON)


def test_while_all_debiting_is_off_nothing_is_queued_for_it(stack: Stack) -> None:
    stack.live("2026-03-09", "2026-03-09")
    stack.turn(Switches(on=True, off=frozenset({"debit"})))
    stack.at("2026-03-10 08:00")
    answer = stack.invoke("plan_work", {"v": 1, "schedule": "plan_work"})
    assert answer["hints"]["debit"] == 0
    assert stack.waiting("DebitQueue") == 0
    stack.turn(ALL_ON)
    assert stack.invoke("plan_work", {"v": 1, "schedule": "plan_work"})["hints"]["debit"] == 2


def test_a_stack_whose_board_was_never_written_debits_nobody(stack: Stack) -> None:
    stack.dynamodb.delete_item(TableName=stack.tables["control"], Key={"name": {"S": keys.SWITCHES}})
    with stack.restarted("attempt_deductions", "plan_work", "reconcile"):
        stack.live("2026-03-09", "2026-03-10")
    assert stack.attempts() == []
    assert stack.server.presented == []


def test_a_hold_is_set_once_under_the_caller_s_name_and_ended(stack: Stack) -> None:
    event = {"v": 1, "verb": "hold", "loan_id": "HB-001", "code": "dispute", "reason": "ticket 17"}
    answer = stack.invoke("operate", signed(event))
    (held,) = answer["holds"]
    assert (answer["actor"], held["result"], held["hold_id"]) == (arn("ALICE"), "set", "dispute-2026-03-01-1")
    assert (held["stops"], held["until"]) == (["contact", "debit", "escalation"], None)
    assert stack.invoke("operate", signed(event))["holds"] == [held | {"result": "stands"}]
    stack.live("2026-03-09", "2026-03-10")
    assert {attempt.loan_id for attempt in stack.attempts()} == {"JB-003"}
    assert stack.instalment("HB-001", 2).step is not None
    end = {"v": 1, "verb": "end-hold", "loan_id": "HB-001", "hold_id": held["hold_id"], "reason": "settled by mail"}
    assert [one["result"] for one in stack.invoke("operate", signed(end))["holds"]] == ["ended"]
    notes = stack.book.audit("HB-001")
    assert [(note.actor, note.what, note.reason) for note in notes] == [
        (arn("ALICE"), "hold.add", "ticket 17"),
        (arn("ALICE"), "hold.end", "settled by mail"),
    ]


def test_a_hold_that_no_pack_knows_changes_nothing(stack: Stack) -> None:
    before = stack.snapshot()
    event = {"v": 1, "verb": "hold", "loan_id": "HB-001", "code": "holiday", "reason": "ticket 17"}
    with pytest.raises(InputError, match="known: bereavement, complaint"):
        stack.invoke("operate", signed(event))
    assert stack.snapshot() == before


def test_money_in_suspense_is_resolved_by_a_person(stack: Stack) -> None:
    stack.send("RepaymentsQueue", by_hand(loan_id="NO-SUCH"))
    stack.drain()
    (entry,) = stack.book.entries(keys.SUSPENSE)
    name = keys.ledger_entity(entry.source, entry.external_id)
    event = {"v": 1, "verb": "resolve", "entry": name, "loan_id": "BT-002", "reason": "the borrower showed his slip"}
    answer = stack.invoke("operate", signed(event))
    assert (answer["loan_id"], answer["amount"]) == ("BT-002", entry.amount.decimal())
    assert stack.instalment("BT-002", 1).paid_minor == min(entry.amount.minor, 30_000)
    assert [(note.actor, note.what) for note in stack.book.audit("BT-002")] == [(arn("ALICE"), "suspense.resolve")]


def test_much_money_leaves_suspense_once_a_second_person_agrees(stack: Stack) -> None:
    stack.send("RepaymentsQueue", by_hand(loan_id="NO-SUCH", amount="50000.01"))
    stack.drain()
    (entry,) = stack.book.entries(keys.SUSPENSE)
    name = keys.ledger_entity(entry.source, entry.external_id)
    event = {"v": 1, "verb": "resolve", "entry": name, "reason": "it went back"}
    with pytest.raises(InputError, match="--at-most-amount allows"):
        stack.invoke("operate", signed(event | {"at_most_amount": "50000.00 CNY"}))
    asked = stack.invoke("operate", signed(event))
    assert (asked["loan_id"], asked["amounts"]) == (None, [{"amount": "50000.01", "currency": "CNY"}])
    approval = {"v": 1, "verb": "approve", "request": asked["request"]}
    with pytest.raises(InputError, match="another person approves it"):
        stack.invoke("operate", signed(approval))
    assert len(stack.book.entries(keys.SUSPENSE)) == 1
    answer = stack.invoke("operate", signed(approval, "BOB"))
    assert (answer["entry"], answer["amount"], answer["actor"]) == (name, "50000.01", arn("BOB"))
    (note,) = stack.book.audit(keys.SUSPENSE)
    assert (note.actor, note.detail["approved_by"]) == (arn("ALICE"), arn("BOB"))


def test_an_opt_out_is_written_down_once_under_the_caller_s_name_and_lifted(stack: Stack) -> None:
    order = {"v": 1, "borrower_id": "B-013", "channel": "sms", "reason": "he called"}
    words = []
    for verb in ("bar", "bar", "lift", "lift"):
        answer = stack.invoke("operate", signed(order | {"verb": verb}))
        words.append((answer["result"], [bar["classes"] for bar in answer["bars"]]))
    assert words == [("barred", ["all"]), ("stands", ["all"]), ("lifted", []), ("open", [])]
    notes = stack.book.audit(keys.consent_subject("B-013"))
    assert sorted((note.actor, note.what) for note in notes) == [
        (arn("ALICE"), "consent.bar"),
        (arn("ALICE"), "consent.lift"),
    ]
