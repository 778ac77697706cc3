"""The payment stub as a gateway: what each account does, once a key."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.memory.stub_books import KeptEvents, MemoryStubBooks
from shared.adapters.policy_files import rail_codes
from shared.domain.book import Outcome
from shared.domain.errors import InputError
from shared.domain.gateway import CLIENT_TIMEOUT_SECONDS, outcome_of
from shared.domain.money import Money
from shared.ports.stub import StubPayment, Taken
from shared.workflows.payment_stub import BEHAVIOURS, PaymentStub, reference_of


class Desk:
    """A stub with its books and events at hand."""

    def __init__(self) -> None:
        self.books = MemoryStubBooks()
        self.events = KeptEvents()
        self.stub = PaymentStub(self.books, self.events)

    def pay(self, account_ref: str = "paid-1", key: str = "L1:P000001", **changes: Any) -> tuple[int, dict[str, Any]]:
        reply = self.stub.present(json.dumps(payment(key=key, account_ref=account_ref) | changes))
        return reply.status, dict(reply.body)

    def refund(self, minor: int = 10000, key: str = "L1:R000001", **changes: Any) -> tuple[int, dict[str, Any]]:
        fields = {"key": key, "payment_key": "L1:P000001", "amount_minor": minor, "currency": "CNY"} | changes
        reply = self.stub.refund(json.dumps(fields))
        return reply.status, dict(reply.body)

    def credit(self, minor: int, credit_id: str = "C1", account_ref: str = "balance-1") -> int:
        body = {"credit_id": credit_id, "amount_minor": minor, "currency": "CNY"}
        return self.stub.credit(account_ref, json.dumps(body)).status


def payment(**changes: Any) -> dict[str, Any]:
    return {
        "key": "L1:P000001",
        "account_ref": "paid-1",
        "mandate_id": "M1",
        "amount_minor": 10000,
        "currency": "CNY",
    } | changes


@pytest.mark.parametrize(
    ("account_ref", "status", "code", "after_seconds"),
    [
        ("paid-1", "paid", "paid", 0),
        ("insufficient-1", "declined", "insufficient", 0),
        ("limit-1", "declined", "limit", 0),
        ("mandate-dead-1", "declined", "mandate_dead", 0),
        ("account-dead-1", "declined", "account_dead", 0),
        ("risk-1", "declined", "risk", 0),
        ("closed-1", "declined", "closed", 0),
        ("pending-1", "pending", "waiting", 0),
        ("balance-1", "declined", "insufficient", 0),
        ("slow-1", "paid", "paid", 4),
        ("lost-1", "paid", "paid", 6),
    ],
)
def test_the_account_decides_what_happens(account_ref: str, status: str, code: str, after_seconds: float) -> None:
    desk = Desk()
    reply = desk.stub.present(json.dumps(payment(account_ref=account_ref)))
    answer = {"key": "L1:P000001", "status": status, "code": code, "gateway_ref": reference_of("L1:P000001")}
    assert (reply.status, reply.body, reply.after_seconds) == (200, answer, after_seconds)
    assert [p.key for p in desk.books.charges()] == (["L1:P000001"] if status == "paid" else [])
    assert [p.key for p in desk.books.payments()] == ["L1:P000001"]


def test_every_behaviour_s_answer_is_one_that_we_can_read() -> None:
    assert len(BEHAVIOURS) == 11
    for prefix in BEHAVIOURS:
        _, answer = Desk().pay(prefix + "1")
        assert outcome_of(answer["status"], answer["code"], rail_codes("stub")) is not Outcome.UNKNOWN, prefix


def test_the_late_answers_lie_on_both_sides_of_the_client_s_time_out() -> None:
    assert BEHAVIOURS["slow-"].after_seconds == CLIENT_TIMEOUT_SECONDS - 1
    assert BEHAVIOURS["lost-"].after_seconds == CLIENT_TIMEOUT_SECONDS + 1


@pytest.mark.parametrize("account_ref", ["unknown-1", "paid", "PAID-1", "x-paid-1"])
def test_an_account_of_no_known_kind_is_an_error_without_effect(account_ref: str) -> None:
    desk = Desk()
    status, answer = desk.pay(account_ref)
    assert (status, answer["status"], answer["code"]) == (422, "error", "unknown_account")
    assert list(desk.books.payments()) == []


@pytest.mark.parametrize("account_ref", ["paid-1", "insufficient-1", "slow-1", "lost-1"])
def test_the_same_key_and_request_get_the_same_answer_at_once_and_no_second_charge(account_ref: str) -> None:
    desk = Desk()
    first = desk.pay(account_ref)
    again = desk.stub.present(json.dumps(payment(account_ref=account_ref)))
    assert (again.status, dict(again.body), again.after_seconds) == (*first, 0)
    assert len(list(desk.books.payments())) == 1


@pytest.mark.parametrize(
    "change",
    [{"account_ref": "paid-2"}, {"mandate_id": "M2"}, {"amount_minor": 10001}, {"currency": "CZK"}],
)
def test_the_same_key_with_another_request_is_an_error_without_effect(change: dict[str, Any]) -> None:
    desk = Desk()
    first = desk.pay()
    status, answer = desk.pay(**change)
    assert (status, answer["status"], answer["code"]) == (409, "error", "key_reused")
    assert desk.pay() == first
    assert len(list(desk.books.payments())) == 1


def test_a_lookup_gives_the_answer_and_an_unseen_key_is_not_found() -> None:
    desk = Desk()
    _, answer = desk.pay("lost-1")
    assert (desk.stub.look_up("L1:P000001").status, desk.stub.look_up("L1:P000001").body) == (200, answer)
    for unseen in ("L1:P000002", "", "x" * 200, "a/b"):
        assert (desk.stub.look_up(unseen).status, desk.stub.look_up(unseen).body) == (404, {"status": "not_found"})


def test_a_balance_pays_while_its_credited_money_suffices() -> None:
    desk = Desk()
    assert desk.credit(25000) == 200
    codes = [desk.pay("balance-1", key=f"L1:P{n}")[1]["code"] for n in range(3)]
    assert codes == ["paid", "paid", "insufficient"]
    assert desk.books.balance("balance-1", "CNY") == Money(5000, "CNY")
    assert desk.pay("balance-1", key="L1:P3", amount_minor=5000)[1]["code"] == "paid"
    assert desk.books.balance("balance-1", "CNY") == Money(0, "CNY")


def test_a_declined_key_stays_declined_when_money_comes_later() -> None:
    desk = Desk()
    desk.pay("balance-1", key="L1:P1")
    desk.credit(25000)
    assert desk.pay("balance-1", key="L1:P1")[1]["code"] == "insufficient"
    assert desk.pay("balance-1", key="L1:P2")[1]["code"] == "paid"


def test_money_of_one_currency_pays_no_debt_in_another() -> None:
    desk = Desk()
    desk.credit(25000)
    assert desk.pay("balance-1", currency="CZK")[1]["code"] == "insufficient"


def test_a_credit_counts_once() -> None:
    desk = Desk()
    assert [desk.credit(100), desk.credit(100), desk.credit(100, "C2")] == [200, 200, 200]
    assert desk.credit(101) == 409
    assert desk.books.balance("balance-1", "CNY") == Money(200, "CNY")


@pytest.mark.parametrize("account_ref", ["paid-1", "unknown-1", "balance-" + "x" * 80])
def test_only_balances_hold_money(account_ref: str) -> None:
    desk = Desk()
    assert desk.credit(100, account_ref=account_ref) == 422
    assert desk.books.balance(account_ref, "CNY") == Money(0, "CNY")


def test_events_are_delivered_once_in_key_order_with_what_became_of_each_payment() -> None:
    desk = Desk()
    for number, account_ref in ((3, "paid-1"), (1, "insufficient-1"), (2, "lost-1")):
        desk.pay(account_ref, key=f"L1:P{number}")
    assert desk.stub.deliver().body == {"delivered": 3}
    events = [json.loads(body) for body in desk.events.take()]
    assert [(e["key"], e["status"], e["code"]) for e in events] == [
        ("L1:P1", "declined", "insufficient"),
        ("L1:P2", "paid", "paid"),
        ("L1:P3", "paid", "paid"),
    ]
    assert events[0] == {
        "v": 1,
        "kind": "webhook",
        "event_id": reference_of("L1:P1") + ".1",
        "key": "L1:P1",
        "status": "declined",
        "code": "insufficient",
        "amount_minor": 10000,
        "currency": "CNY",
        "gateway_ref": reference_of("L1:P1"),
    }
    assert (desk.stub.deliver().body, desk.events.take()) == ({"delivered": 0}, [])
    desk.pay(key="L1:P0")
    assert desk.stub.deliver().body == {"delivered": 1}


def test_an_event_that_was_queued_but_not_marked_is_sent_again_with_the_same_id() -> None:
    desk = Desk()
    desk.pay()
    payments = list(desk.books.payments())
    desk.stub.deliver()
    first = desk.events.take()
    desk.books._undelivered.add(payments[0].key)
    desk.stub.deliver()
    assert desk.events.take() == first


def test_many_events_go_out_in_parts_and_none_twice() -> None:
    desk = Desk()
    for number in range(205):
        desk.pay(key=f"L1:P{number:06d}")
    assert desk.stub.deliver().body == {"delivered": 205}
    assert [json.loads(b)["key"] for b in desk.events.take()] == [f"L1:P{n:06d}" for n in range(205)]


def test_a_rival_with_the_same_key_wins_once_and_both_get_its_answer() -> None:
    desk = Desk()
    rival = StubPayment("L1:P000001", "paid-1", "M1", Money(10000, "CNY"), "paid", "paid", "GWRIVAL")

    class Raced(MemoryStubBooks):
        def take(self, payment: StubPayment, from_balance: bool = False) -> Taken:
            super().take(rival)
            return super().take(payment, from_balance)

    stub = PaymentStub(Raced(), desk.events)
    assert stub.present(json.dumps(payment())).body["gateway_ref"] == "GWRIVAL"
    other = PaymentStub(Raced(), desk.events)
    assert other.present(json.dumps(payment(amount_minor=1))).status == 409


def test_what_is_pending_charges_nothing_until_it_is_looked_up() -> None:
    desk = Desk()
    first = desk.pay("pending-1")
    assert (first[1]["status"], first[1]["code"]) == ("pending", "waiting")
    assert desk.pay("pending-1") == first
    assert list(desk.books.charges()) == []
    paid = first[1] | {"status": "paid", "code": "paid"}
    assert [desk.stub.look_up("L1:P000001").body for _ in range(2)] == [paid, paid]
    assert desk.pay("pending-1") == (200, paid)
    assert [p.key for p in desk.books.charges()] == ["L1:P000001"]


def test_what_is_pending_is_paid_by_the_time_it_is_reported() -> None:
    desk = Desk()
    desk.pay("pending-1")
    desk.stub.deliver()
    assert [(e["status"], e["code"]) for e in map(json.loads, desk.events.take())] == [("paid", "paid")]
    assert [p.key for p in desk.books.charges()] == ["L1:P000001"]
    assert (desk.stub.deliver().body, desk.events.take()) == ({"delivered": 0}, [])


def test_a_refund_gives_back_once_a_key_and_a_lookup_finds_it() -> None:
    desk = Desk()
    desk.pay()
    answer = {"key": "L1:R000001", "status": "paid", "code": "paid", "gateway_ref": reference_of("L1:R000001")}
    assert [desk.refund(), desk.refund()] == [(200, answer), (200, answer)]
    assert desk.stub.look_up("L1:R000001").body == answer
    assert [(r.key, r.payment_key, r.amount.minor) for r in desk.books.refunds()] == [
        ("L1:R000001", "L1:P000001", 10000)
    ]
    assert [p.key for p in desk.books.charges()] == ["L1:P000001"]


@pytest.mark.parametrize(
    ("account_ref", "minor", "changes", "code"),
    [
        ("paid-1", 10001, {}, "more_than_charged"),
        ("paid-1", 10000, {"payment_key": "L1:P000002"}, "nothing_to_refund"),
        ("paid-1", 10000, {"currency": "CZK"}, "other_currency"),
        ("insufficient-1", 10000, {}, "nothing_to_refund"),
        ("pending-1", 10000, {}, "nothing_to_refund"),
    ],
)
def test_what_was_not_charged_is_not_given_back(
    account_ref: str, minor: int, changes: dict[str, Any], code: str
) -> None:
    desk = Desk()
    desk.pay(account_ref)
    status, answer = desk.refund(minor, **changes)
    assert (status, answer["status"], answer["code"]) == (422, "error", code)
    assert list(desk.books.refunds()) == []


def test_refunds_in_parts_never_exceed_what_was_charged() -> None:
    desk = Desk()
    desk.pay()
    statuses = [desk.refund(4000, key=f"L1:R{n}")[0] for n in range(3)]
    assert statuses == [200, 200, 422]
    assert desk.refund(2000, key="L1:R3")[0] == 200


@pytest.mark.parametrize("change", [{"amount_minor": 1}, {"payment_key": "L1:P000002"}, {"currency": "CZK"}])
def test_a_refund_s_key_with_another_request_is_an_error_without_effect(change: dict[str, Any]) -> None:
    desk = Desk()
    desk.pay()
    desk.pay(key="L1:P000002")
    desk.refund()
    status, answer = desk.refund(**change)
    assert (status, answer["code"]) == (409, "key_reused")
    assert len(list(desk.books.refunds())) == 1


def test_one_key_is_never_a_payment_and_a_refund() -> None:
    desk = Desk()
    desk.pay()
    assert desk.refund(key="L1:P000001")[1]["code"] == "key_reused"
    desk.refund(key="L1:R000001")
    assert desk.pay(key="L1:R000001")[1]["code"] == "key_reused"
    assert len(list(desk.books.payments())) == len(list(desk.books.refunds())) == 1


def test_a_refund_to_a_balance_can_be_spent_again() -> None:
    desk = Desk()
    desk.credit(10000)
    desk.pay("balance-1")
    desk.refund(4000)
    assert desk.books.balance("balance-1", "CNY") == Money(4000, "CNY")


@pytest.mark.parametrize(("account_ref", "seconds"), [("slow-1", 4), ("lost-1", 6)])
def test_a_refund_s_first_answer_is_as_late_as_the_payment_s(account_ref: str, seconds: float) -> None:
    desk = Desk()
    desk.pay(account_ref)
    body = json.dumps({"key": "L1:R1", "payment_key": "L1:P000001", "amount_minor": 1, "currency": "CNY"})
    assert [desk.stub.refund(body).after_seconds for _ in range(2)] == [seconds, 0]


def test_references_are_derived_from_the_key() -> None:
    assert reference_of("L1:P000001") == reference_of("L1:P000001") == "GWADE0E607E2714AA6"
    assert reference_of("L1:P000002") != reference_of("L1:P000001")


MALFORMED: list[tuple[str, str]] = [
    ("", "the body is not JSON"),
    ("{", "the body is not JSON"),
    ("[" * 100_000, "the body is not JSON"),
    ("[]", "the body must be a JSON object"),
    *((json.dumps({k: v for k, v in payment().items() if k != name}), f"{name} is missing") for name in payment()),
    (json.dumps(payment(colour=1)), "'colour' is not a field of this request"),
    *(
        (json.dumps(payment(key=bad)), "key must be a text of the form ")
        for bad in (1, "", "a b", "../x", "é", "x" * 101)
    ),
    *((json.dumps(payment(account_ref=bad)), "account_ref must be ") for bad in (None, "", "a:b", "paid-\n")),
    *((json.dumps(payment(mandate_id=bad)), "mandate_id must be ") for bad in (0, "", "a/b")),
    *(
        (json.dumps(payment(amount_minor=bad)), "amount_minor must be a whole number from 1 to ")
        for bad in (0, -1, 1.0, "1", True, None, 10**15 + 1)
    ),
    (json.dumps(payment()).replace("10000", "NaN"), "amount_minor must be "),
    *(
        (json.dumps(payment(currency=bad)), "currency must be an ISO 4217 code")
        for bad in ("cny", "XXX", 1, None, ["CNY"])
    ),
]


@pytest.mark.parametrize(("body", "complaint"), MALFORMED)
def test_a_malformed_payment_is_one_clear_error_without_effect(body: str, complaint: str) -> None:
    desk = Desk()
    with pytest.raises(InputError) as raised:
        desk.stub.present(body)
    assert str(raised.value).startswith(complaint)
    assert list(desk.books.payments()) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"credit_id": ""}, "credit_id must be "),
        ({"amount_minor": 0}, "amount_minor must be "),
        ({"currency": "YUAN"}, "currency must be "),
        ({"note": 1}, "'note' is not a field"),
    ],
)
def test_a_malformed_credit_is_one_clear_error_without_effect(change: dict[str, Any], complaint: str) -> None:
    desk = Desk()
    body = {"credit_id": "C1", "amount_minor": 100, "currency": "CNY"} | change
    with pytest.raises(InputError) as raised:
        desk.stub.credit("balance-1", json.dumps(body))
    assert str(raised.value).startswith(complaint)
    assert desk.books.balance("balance-1", "CNY") == Money(0, "CNY")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"key": "a b"}, "key must be "),
        ({"payment_key": 1}, "payment_key must be "),
        ({"amount_minor": 0}, "amount_minor must be "),
        ({"note": 1}, "'note' is not a field"),
    ],
)
def test_a_malformed_refund_is_one_clear_error_without_effect(change: dict[str, Any], complaint: str) -> None:
    desk = Desk()
    desk.pay()
    with pytest.raises(InputError) as raised:
        desk.refund(**change)
    assert str(raised.value).startswith(complaint)
    assert list(desk.books.refunds()) == []


def test_a_request_is_the_same_whatever_its_answer_was() -> None:
    asked = StubPayment("K", "paid-1", "M1", Money(1, "CNY"), "", "", "GW1")
    assert asked.is_same_request(replace(asked, status="paid", code="paid", gateway_ref="GW2"))
