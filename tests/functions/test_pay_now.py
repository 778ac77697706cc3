"""pay_now as deployed: one debit for an order, whatever is repeated, dies, or is never answered."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from shared.domain.book import Attempt, AttemptState, InstalmentState, Outcome, Owner
from shared.domain.changes import Change, Insert
from shared.domain.errors import EventError
from shared.domain.switches import Switches
from shared.ports.world import DebitAnswer, DebitRequest
from shared.workflows.pay_now import PayNow
from tests.functions.invoking import event
from tests.functions.killing import POINTS, Kill, arm
from tests.functions.sample import only
from tests.functions.stack import RECONCILE, Killed, Stack, handler

KEY = "HB-001:P000001"
PAYOFF = {"v": 1, "order_id": "app-1", "loan_id": "HB-001"}
SECOND = PAYOFF | {"instalments": [2]}
_NAMES = count(1)
OPEN = {"decision": "drop", "reason": "ATTEMPT_OPEN", "sentence": "an attempt on the instalment is still open"}


def lent(stack: Stack, account: str = "paid-HB-001") -> Stack:
    """HB-001 alone, debited from this account, at noon two days before its second instalment is due."""
    texts = only("HB-001")
    texts = {**texts, "mandates.csv": texts["mandates.csv"].replace("paid-HB-001", account)}
    stack.take_on(texts)
    stack.at("2026-03-08 12:00")
    return stack


def pay(stack: Stack, **changes: Any) -> Any:
    """An order under a name of its own, where none is given."""
    return stack.invoke("pay_now", PAYOFF | {"order_id": f"own-{next(_NAMES)}"} | changes)


def reconciled(stack: Stack) -> None:
    stack.later(minutes=6)
    stack.invoke("reconcile", RECONCILE)


def states(stack: Stack) -> list[InstalmentState]:
    return [stack.instalment("HB-001", number).state for number in (2, 3)]


def agree(stack: Stack, *amounts: int) -> None:
    """The stub's books hold these charges, and the ledger holds the same."""
    charges = {charge.key: charge.amount for charge in stack.stub_books.charges()}
    assert sorted(amount.minor for amount in charges.values()) == sorted(amounts)
    assert stack.booked("gateway") == charges


def test_several_instalments_are_one_debit_and_the_lower_amount_pays_the_oldest_first(empty_stack: Stack) -> None:
    stack = lent(empty_stack)
    assert stack.invoke("pay_now", event("pay_now_several")) == {
        "decision": "act",
        "reason": "PAYMENT_ORDERED",
        "sentence": "the borrower or an operator ordered this payment now",
        "lost": False,
        "attempt": {
            "key": KEY,
            "instalments": [2, 3],
            "amount": "600.00",
            "currency": "CNY",
            "outcome": "paid",
        },
    }
    assert stack.server.presented == [KEY]
    assert [stack.instalment("HB-001", number).outstanding_minor for number in (2, 3)] == [0, 42_000]
    agree(stack, 60_000)


def test_a_payoff_pays_all_that_is_left_and_the_other_lines_hear_of_it(empty_stack: Stack) -> None:
    stack = lent(empty_stack)
    answer = stack.invoke("pay_now", event("pay_now_payoff"))
    assert (answer["attempt"]["amount"], answer["attempt"]["outcome"]) == ("1020.00", "paid")
    assert states(stack) == [InstalmentState.PAID] * 2
    assert [stack.waiting(queue) for queue in ("ContactQueue", "StageQueue")] == [1, 1]
    stack.drain()
    assert stack.loan("HB-001").status == "settled"
    agree(stack, 102_000)


@pytest.mark.parametrize("said", [{}, {"instalments": "all"}, {"instalments": [3, 2]}])
def test_whoever_invokes_it_the_order_is_the_borrowers(empty_stack: Stack, said: dict[str, Any]) -> None:
    stack = lent(empty_stack)
    pay(stack, **said)
    (attempt,) = stack.attempts()
    assert (attempt.owner, attempt.numbers, attempt.amount.minor) == (Owner.BORROWER, (2, 3), 102_000)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"instalments": [1]}, "ALREADY_PAID"),
        ({"instalments": [2], "amount": "510.01", "currency": "CNY"}, "AMOUNT_OUT_OF_RANGE"),
        ({"instalments": [2], "amount": "5.00", "currency": "USD"}, "AMOUNT_OUT_OF_RANGE"),
        ({"loan_id": "HB-009"}, "UNKNOWN_KEY"),
    ],
)
def test_a_refused_order_says_why_and_changes_nothing(empty_stack: Stack, said: dict[str, Any], reason: str) -> None:
    stack = lent(empty_stack)
    before = stack.snapshot()
    answer = pay(stack, **said)
    assert (answer["decision"], answer["reason"]) == ("drop", reason)
    assert answer.keys() == {"decision", "reason", "sentence"}
    assert stack.snapshot() == before
    assert stack.server.presented == []


def test_what_is_switched_off_waits_and_the_answer_says_until_when(empty_stack: Stack) -> None:
    stack = lent(empty_stack)
    stack.turn(Switches(on=True, off=frozenset({"rail:stub"})))
    answer = pay(stack)
    assert (answer["decision"], answer["reason"]) == ("defer", "SWITCHED_OFF")
    assert answer["until"] == "2026-03-08T04:15:00Z"
    assert stack.attempts() == []


def test_a_decline_frees_the_instalments_and_counts_in_their_budget(empty_stack: Stack) -> None:
    stack = lent(empty_stack, "insufficient-HB-001")
    assert pay(stack)["attempt"]["outcome"] == "insufficient"
    assert states(stack) == [InstalmentState.OPEN] * 2
    assert [stack.instalment("HB-001", number).attempts for number in (2, 3)] == [1, 1]
    agree(stack)


def test_an_answer_that_is_pending_is_asked_about_and_booked_once(empty_stack: Stack) -> None:
    stack = lent(empty_stack, "pending-HB-001")
    assert pay(stack)["attempt"]["outcome"] == "pending"
    assert pay(stack) == pay(stack, instalments=[2]) == OPEN
    agree(stack)
    reconciled(stack)
    assert states(stack) == [InstalmentState.PAID] * 2
    assert pay(stack)["reason"] == "ALREADY_PAID"
    assert stack.server.presented == [KEY]
    agree(stack, 102_000)


def test_an_order_that_nobody_answered_is_open_until_the_gateway_says_that_it_never_came(empty_stack: Stack) -> None:
    stack = lent(empty_stack)
    with stack.server.silent():
        assert pay(stack)["attempt"]["outcome"] == "unknown"
    assert pay(stack) == OPEN
    reconciled(stack)
    assert [attempt.outcome for attempt in stack.attempts()] == [Outcome.VOID]
    assert pay(stack)["attempt"]["key"] == "HB-001:P000002"
    agree(stack, 102_000)


class Before:
    """A port in front of which something happens once."""

    def __init__(self, inner: Any, then: Callable[[], object]) -> None:
        self._inner, self._then, self._done = inner, then, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _once(self) -> None:
        if not self._done:
            self._done = True
            self._then()

    def present(self, request: DebitRequest) -> DebitAnswer:
        self._once()
        answer: DebitAnswer = self._inner.present(request)
        return answer

    def commit(self, changes: Sequence[Change]) -> bool:
        if any(isinstance(change, Insert) and isinstance(change.row, Attempt) for change in changes):
            self._once()
        made: bool = self._inner.commit(changes)
        return made


def between(stack: Stack, monkeypatch: pytest.MonkeyPatch, port: str, then: Callable[[], object]) -> None:
    """The next invocation finds that something happened right before its claim (`book`) or its debit (`gateway`)."""
    app: PayNow = stack.app("pay_now")
    ports: dict[str, Any] = {port: Before(getattr(app, port), then)}
    armed = replace(app, **ports)
    monkeypatch.setattr(handler("pay_now"), "app", lambda: armed)


def test_of_two_invocations_at_once_the_slower_one_loses(empty_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, first = lent(empty_stack), list[Any]()
    between(stack, monkeypatch, "book", lambda: first.append(pay(stack)))
    lost = pay(stack)
    assert (lost["decision"], lost["lost"], "attempt" in lost) == ("act", True, False)
    assert first[0]["attempt"]["outcome"] == "paid"
    assert stack.server.presented == [KEY]
    agree(stack, 102_000)


def test_a_repeat_while_the_first_is_on_its_way_is_refused(empty_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, repeats = lent(empty_stack), list[Any]()
    between(stack, monkeypatch, "gateway", lambda: repeats.extend([pay(stack), pay(stack, instalments=[3])]))
    assert pay(stack)["attempt"]["outcome"] == "paid"
    assert repeats == [OPEN, OPEN]
    assert stack.server.presented == [KEY]
    agree(stack, 102_000)


def test_a_repeat_under_the_same_name_takes_no_second_part(empty_stack: Stack) -> None:
    """The answer to a part was lost; its repeat is told what became of it, and another name is another order."""
    stack = lent(empty_stack)
    part = {"order_id": "app-part", "instalments": [2], "amount": "100.00", "currency": "CNY"}
    assert pay(stack, **part)["attempt"]["outcome"] == "paid"
    again = pay(stack, **part)
    assert (again["decision"], again["reason"], again["attempt"]["outcome"]) == ("drop", "ORDER_KNOWN", "paid")
    agree(stack, 10_000)
    assert pay(stack, **part | {"order_id": "app-other"})["attempt"]["outcome"] == "paid"
    agree(stack, 10_000, 10_000)


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_leaves_at_most_one_open_attempt_and_no_second_charge(empty_stack: Stack, point: str) -> None:
    stack = lent(empty_stack)
    kill = Kill(point, "HB-001")
    with pytest.MonkeyPatch.context() as monkeypatch:
        arm(stack, monkeypatch, "pay_now", kill)
        with pytest.raises(Killed):
            stack.invoke("pay_now", SECOND)
    assert kill.struck
    is_claimed, is_settled = point != "before claim", point == "after settle"
    claims = [attempt for attempt in stack.attempts() if attempt.state is AttemptState.CLAIMED]
    assert [attempt.numbers for attempt in claims] == ([(2,)] if is_claimed and not is_settled else [])
    if is_claimed:
        repeated = stack.invoke("pay_now", SECOND)
        assert (repeated["reason"], repeated["attempt"]["key"]) == ("ORDER_KNOWN", "HB-001:P000001")
        assert repeated["attempt"]["outcome"] == ("paid" if is_settled else None)
        assert pay(stack, instalments=[2])["reason"] == ("ALREADY_PAID" if is_settled else "ATTEMPT_OPEN")
        assert len(stack.attempts()) == 1
    reconciled(stack)
    if not stack.instalment("HB-001", 2).is_paid:
        assert pay(stack, instalments=[2])["attempt"]["outcome"] == "paid"
    assert pay(stack, instalments=[2])["reason"] == "ALREADY_PAID"
    agree(stack, 51_000)


def test_what_it_did_is_one_line_and_its_counts(empty_stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack = lent(empty_stack)
    capsys.readouterr()
    pay(stack)
    said = capsys.readouterr().out
    assert '"counts":{"act.PAYMENT_ORDERED":1,"attempt.paid":1' in said
    assert '"loan_id":"HB-001"' in said
    assert "paid-HB-001" not in said


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({"v": 1}, "order_id is missing"),
        ({"v": 1, "order_id": "app-1"}, "loan_id is missing"),
        (PAYOFF | {"order_id": "a b"}, "order_id must be an id"),
        (PAYOFF | {"v": 2}, "v must be 1"),
        (PAYOFF | {"loan_id": "a b"}, "loan_id must be an id"),
        *(
            (PAYOFF | {"instalments": said}, 'instalments must be "all", or a list of 1 to 80 different numbers')
            for said in ([], None, "2", 2, [0], ["2"], [True], [2, 2], [[2]], list(range(1, 82)))
        ),
        (PAYOFF | {"amount": "1.00"}, "currency is missing"),
        (PAYOFF | {"amount": 1, "currency": "CNY"}, "amount must be a decimal amount in quotes"),
        (PAYOFF | {"amount": "-1.00", "currency": "CNY"}, "amount must be a decimal amount in quotes"),
        (PAYOFF | {"amount": "1.001", "currency": "CNY"}, "amount has more decimals than CNY"),
        (PAYOFF | {"amount": "0.00", "currency": "CNY"}, "amount must be more than nothing"),
        (PAYOFF | {"amount": "1.00", "currency": "XYZ"}, "currency must be an ISO 4217 code"),
        (PAYOFF | {"currency": "CNY"}, "unknown field 'currency'"),
        (PAYOFF | {"owner": "operator"}, "unknown field 'owner'"),
    ],
)
def test_an_event_that_is_no_good_names_its_field(empty_stack: Stack, event: Any, problem: str) -> None:
    before = empty_stack.snapshot()
    with pytest.raises(EventError, match=re.escape(problem)):
        empty_stack.invoke("pay_now", event)
    assert empty_stack.snapshot() == before


def test_eighty_instalments_are_read_and_one_that_does_not_exist_is_refused(empty_stack: Stack) -> None:
    assert pay(lent(empty_stack), instalments=list(range(1, 81)))["reason"] == "UNKNOWN_KEY"
