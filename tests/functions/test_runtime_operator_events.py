"""Events of operate: what is well formed becomes a value, anything else one clear error that repeats no value."""

from datetime import date
from typing import Any

import pytest

from shared.domain.book import Outcome
from shared.domain.consent_orders import ConsentOrder
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.errors import EventError, InputError
from shared.domain.hold_orders import HoldAdd, HoldEnd
from shared.domain.money import Money
from shared.domain.operations import Approval, OperatorRequest, Order, Resolution, SwitchOrder, Verb
from shared.runtime import operator_events
from shared.runtime.callers import digest_of

CALLER = {"caller": {"Authorization": "AWS4-HMAC-SHA256"}}
ORDER: dict[str, Any] = {
    "v": 1,
    "verb": "recheck",
    "attempts": ["HB-001:P000001"],
    "reason": "the borrower called",
    "at_most": 1,
}
SWITCH: dict[str, Any] = {"v": 1, "verb": "switch", "name": "debit", "on": False, "reason": "the rail fails"}
RESOLVE: dict[str, Any] = {"v": 1, "verb": "resolve", "entry": "transfer#BANK-1", "reason": "his slip"}
HOLD: dict[str, Any] = {"v": 1, "verb": "hold", "loan_id": "HB-001", "code": "complaint", "reason": "ticket 17"}
END: dict[str, Any] = {
    "v": 1,
    "verb": "end-hold",
    "loan_id": "HB-001",
    "hold_id": "complaint-2026-03-12-1",
    "reason": "closed",
}
BAR: dict[str, Any] = {"v": 1, "verb": "bar", "borrower_id": "B-1", "channel": "email", "reason": "he called"}
APPROVE: dict[str, Any] = {"v": 1, "verb": "approve", "request": "R-0123456789abcdef"}


@pytest.mark.parametrize(
    ("event", "request_"),
    [
        (ORDER, Order(Verb.RECHECK, ("HB-001:P000001",), "the borrower called")),
        (
            ORDER | {"verb": "refund", "amount": "12.50 CNY", "at_most_amount": "20 CNY"},
            Order(
                Verb.REFUND,
                ("HB-001:P000001",),
                "the borrower called",
                at_most_amount=Money(2_000, "CNY"),
                amount=Money(1_250, "CNY"),
            ),
        ),
        (
            ORDER | {"verb": "rerecord", "outcome": "paid", "evidence": "statement-17"},
            Order(
                Verb.RERECORD,
                ("HB-001:P000001",),
                "the borrower called",
                outcome=Outcome.PAID,
                evidence="statement-17",
            ),
        ),
        (
            ORDER | {"verb": "recharge", "attempts": ["a:P000001", "b:P000002"], "at_most": 2},
            Order(Verb.RECHARGE, ("a:P000001", "b:P000002"), "the borrower called", 2),
        ),
        (ORDER | {"verb": "reopen"}, Order(Verb.REOPEN, ("HB-001:P000001",), "the borrower called")),
        (APPROVE, Approval("R-0123456789abcdef")),
        (SWITCH, SwitchOrder("debit", on=False, reason="the rail fails")),
        (SWITCH | {"name": "send"}, SwitchOrder("send", on=False, reason="the rail fails")),
        (SWITCH | {"name": "channel:sms"}, SwitchOrder("channel:sms", on=False, reason="the rail fails")),
        (SWITCH | {"name": "provider:eum"}, SwitchOrder("provider:eum", on=False, reason="the rail fails")),
        (HOLD, HoldAdd("complaint", "HB-001", None, None, "ticket 17")),
        (
            {name: value for name, value in HOLD.items() if name != "loan_id"}
            | {"borrower_id": "B-1", "until": "2026-04-30"},
            HoldAdd("complaint", None, "B-1", date(2026, 4, 30), "ticket 17"),
        ),
        (END, HoldEnd("HB-001", "complaint-2026-03-12-1", "closed")),
        (BAR, ConsentOrder("B-1", Channel.EMAIL, frozenset(MessageClass), "he called")),
        (
            BAR | {"verb": "lift", "classes": ["collection", "marketing"]},
            ConsentOrder(
                "B-1",
                Channel.EMAIL,
                frozenset({MessageClass.COLLECTION, MessageClass.MARKETING}),
                "he called",
                lifts=True,
            ),
        ),
        (RESOLVE, Resolution("transfer#BANK-1", None, (), "his slip")),
        (
            RESOLVE | {"loan_id": "HB-001", "instalments": [2, 3]},
            Resolution("transfer#BANK-1", "HB-001", (2, 3), "his slip"),
        ),
        (
            RESOLVE | {"at_most": 2, "at_most_amount": "20 CNY"},
            Resolution("transfer#BANK-1", None, (), "his slip", 2, Money(2_000, "CNY")),
        ),
    ],
)
def test_every_request_has_one_form(event: dict[str, Any], request_: OperatorRequest) -> None:
    assert operator_events.operate(event | CALLER).request == request_


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (None, "not a JSON object"),
        ({}, "v is missing"),
        (ORDER | {"verb": "debit"}, "verb must be recheck or rerecord or recharge or refund or reopen or approve"),
        (ORDER | {"attempts": []}, "attempts must be a list of 1 to 100 attempts"),
        (ORDER | {"attempts": ["HB-001"]}, "attempts must be"),
        (ORDER | {"attempts": ["HB-001:P1"]}, "attempts must be"),
        (ORDER | {"attempts": "HB-001:P000001"}, "attempts must be"),
        (ORDER | {"attempts": ["HB-001:P000001"] * 2}, "each once"),
        (ORDER | {"reason": ""}, "reason must be a reason of 1 to 200 characters"),
        (ORDER | {"reason": "a\nb"}, "reason must be"),
        (ORDER | {"reason": "x" * 201}, "reason must be"),
        (ORDER | {"at_most": 0}, "at_most must be a whole number from 1 to 100"),
        (ORDER | {"at_most": True}, "at_most must be"),
        (ORDER | {"amount": "10.00"}, "amount must be an amount with its currency"),
        (ORDER | {"amount": "0 CNY"}, "amount must be"),
        (ORDER | {"amount": 10}, "amount must be"),
        (ORDER | {"amount": "10.00 CNY"}, "an amount is for recharge and refund"),
        (ORDER | {"verb": "rerecord"}, "what a rerecord needs"),
        (ORDER | {"verb": "rerecord", "outcome": "unknown", "evidence": "x"}, "outcome must be"),
        (ORDER | {"verb": "rerecord", "outcome": "paid", "evidence": "a b"}, "evidence must be a reference"),
        (ORDER | {"more": 1}, "unknown field 'more'"),
        (ORDER | {"caller": {}}, "caller must be the signed headers"),
        (ORDER | {"caller": {"Authorization": 1}}, "caller must be"),
        (ORDER | {"caller": {"Authorization": "a\nb"}}, "caller must be"),
        (ORDER | {"caller": None}, "caller must be"),
        (APPROVE | {"request": "R-1"}, "request must be the id of a request"),
        (
            SWITCH | {"name": "sms"},
            "name must be debit, send, rail:NAME, channel:NAME, provider:NAME, product:NAME or all",
        ),
        (SWITCH | {"name": 7}, "name must be"),
        (SWITCH | {"on": "off"}, "on must be true or false"),
        (HOLD | {"code": "a complaint"}, "code must be an id"),
        (HOLD | {"until": "30.4.2026"}, "until must be a date such as 2026-03-01"),
        (HOLD | {"borrower_id": "B-1"}, "give one of the two"),
        (HOLD | {"reason": " "}, "reason must be"),
        ({"v": 1, "verb": "hold", "code": "complaint", "reason": "x"}, "give one of the two"),
        (END | {"hold_id": ""}, "hold_id must be an id"),
        (END | {"code": "complaint"}, "unknown field 'code'"),
        (BAR | {"channel": "fax"}, "channel must be sms or push or voice or email"),
        (BAR | {"classes": []}, "classes must be a list of classes of messages, of service-reminder"),
        (BAR | {"classes": ["collections"]}, "classes must be a list"),
        (BAR | {"classes": "collection"}, "classes must be a list"),
        (BAR | {"classes": [["collection"]]}, "classes must be a list"),
        (BAR | {"borrower_id": "a b"}, "borrower_id must be an id"),
        (BAR | {"reason": " "}, "reason must be"),
        (RESOLVE | {"entry": "BANK-1"}, "entry must be an entry of suspense"),
        (RESOLVE | {"at_most": 0}, "at_most must be a whole number"),
        (RESOLVE | {"at_most_amount": "20"}, "at_most_amount must be an amount with its currency"),
        (RESOLVE | {"instalments": []}, "instalments must be a list of 1 to 80 numbers"),
        (RESOLVE | {"instalments": [0]}, "instalments must be"),
    ],
)
def test_anything_else_is_one_clear_error(event: object, problem: str) -> None:
    asked = CALLER | event if isinstance(event, dict) else event
    with pytest.raises(InputError, match=problem) as caught:
        operator_events.operate(asked)
    assert "\n" not in str(caught.value)


def test_an_order_without_a_proof_is_none() -> None:
    with pytest.raises(EventError, match="caller is missing"):
        operator_events.operate(ORDER)


def test_the_digest_covers_everything_but_the_proof() -> None:
    digest = digest_of(ORDER)
    assert operator_events.operate(ORDER | CALLER).digest == digest
    for name in ORDER:
        assert digest_of(ORDER | {name: "x"}) != digest
    assert digest_of(ORDER | {"amount": "1 CNY"}) != digest


@pytest.mark.parametrize(("text", "said"), [("1.005 CNY", "decimals"), ("1.00", "currency"), ("-1 CNY", "decimal")])
def test_an_amount_says_its_currency(text: str, said: str) -> None:
    with pytest.raises(EventError, match=said):
        operator_events.money(text)
