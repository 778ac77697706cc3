"""Stripe's adapter against the shapes of its public API reference: keys, codes, errors, refunds, the wire."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
import stripe

from shared.adapters.policy_files import rail_codes
from shared.adapters.stripe_answers import KEY, intent_answer, money_of, refund_answer, stripe_amount
from shared.adapters.stripe_gateway import StripeGateway, stripe_client
from shared.domain.book import Outcome
from shared.domain.errors import GatewayError
from shared.domain.money import Money
from shared.ports.world import DebitAnswer, DebitRequest, PaymentGateway, RefundRequest
from tests.contract.stripe_shapes import (
    Stripe,
    card_error,
    error,
    failed_intent,
    listed,
    payment_intent,
    refund,
    searched,
)
from tests.wire import RESET, Wire, http, wire

CODES = rail_codes("stripe")
REFUSALS = sorted(code for code, outcome in CODES.items() if outcome.is_failure)
ACCOUNT = "cus_NffrFeUfNV2Hib.pm_1MqLiJLkdIwHu7ixUEgbFdYF"


def debit(account_ref: str = ACCOUNT, key: str = "L1:P000001", minor: int = 10000) -> DebitRequest:
    return DebitRequest(key, Money(minor, "CZK"), account_ref, "M1")


def give_back(minor: int = 10000, key: str = "L1:P000002") -> RefundRequest:
    return RefundRequest(key, "L1:P000001", Money(minor, "CZK"))


@pytest.fixture
def world() -> Stripe:
    return Stripe()


@pytest.fixture
def gateway(world: Stripe) -> StripeGateway:
    return StripeGateway(stripe.StripeClient("sk_test_1", max_network_retries=0, http_client=world), CODES)


def test_it_promises_no_more_than_stripe_does(gateway: PaymentGateway) -> None:
    assert not gateway.not_found_is_final
    assert gateway.key_life == timedelta(hours=24)


def test_a_payment_is_made_off_session_at_once_under_our_key(gateway: StripeGateway, world: Stripe) -> None:
    assert gateway.present(debit()) == DebitAnswer(Outcome.PAID, "pi_0", Money(10000, "CZK"))
    [(method, path, sent, key)] = world.requests
    assert (method, path, key) == ("post", "/v1/payment_intents", "L1:P000001")
    assert sent == {
        "amount": "10000",
        "currency": "czk",
        "customer": "cus_NffrFeUfNV2Hib",
        "payment_method": "pm_1MqLiJLkdIwHu7ixUEgbFdYF",
        "allowed_payment_method_types[0]": "card",
        "off_session": "true",
        "confirm": "true",
        "error_on_requires_action": "true",
        f"metadata[{KEY}]": "L1:P000001",
    }


def test_the_same_request_again_gets_the_same_answer_and_charges_once(gateway: StripeGateway, world: Stripe) -> None:
    assert gateway.present(debit()) == gateway.present(debit())
    assert world.taken == 10000


def test_a_key_that_holds_another_request_is_unknown_because_that_one_may_be_paid(
    gateway: StripeGateway, world: Stripe
) -> None:
    gateway.present(debit())
    assert gateway.present(debit(minor=20000)) == DebitAnswer(Outcome.UNKNOWN)
    assert world.taken == 10000


@pytest.mark.parametrize("account_ref", ["paid-1", "cus_1", "pm_1.cus_1", "cus_1.card_1", "", "."])
def test_an_account_that_is_none_of_stripe_s_sends_nothing(
    gateway: StripeGateway, world: Stripe, account_ref: str
) -> None:
    assert gateway.present(debit(account_ref)) == DebitAnswer(Outcome.CONFIG)
    assert world.requests == []


def test_an_enquiry_finds_a_payment_by_its_key_whatever_became_of_it(gateway: StripeGateway, world: Stripe) -> None:
    world.declines["pm_2"] = "insufficient_funds"
    paid, refused = gateway.present(debit()), gateway.present(debit("cus_1.pm_2", "L1:P000002"))
    assert (paid.outcome, refused.outcome) == (Outcome.PAID, Outcome.INSUFFICIENT)
    assert gateway.enquire("L1:P000001") == paid
    assert gateway.enquire("L1:P000002") == refused
    assert gateway.enquire("L1:P000003") is None


def test_a_refund_gives_back_once_a_key_and_an_enquiry_repeats_its_answer(
    gateway: StripeGateway, world: Stripe
) -> None:
    gateway.present(debit())
    answer = DebitAnswer(Outcome.PAID, "re_0", Money(4000, "CZK"))
    assert gateway.refund(give_back(4000)) == answer
    assert gateway.refund(give_back(4000)) == answer
    assert gateway.enquire("L1:P000002") == answer
    assert [r["amount"] for r in world.refunds] == [4000]
    assert world.requests[2][3] == "L1:P000002"


def test_more_than_was_charged_is_never_given_back(gateway: StripeGateway, world: Stripe) -> None:
    gateway.present(debit())
    gateway.refund(give_back(6000))
    assert gateway.refund(give_back(6000, "L1:P000003")) == DebitAnswer(Outcome.CONFIG)
    assert gateway.refund(give_back(1000)) == DebitAnswer(Outcome.UNKNOWN)  # the key's other request
    assert [r["amount"] for r in world.refunds] == [6000]


def test_a_refund_of_what_was_never_paid_sends_nothing(gateway: StripeGateway, world: Stripe) -> None:
    world.declines["pm_2"] = "insufficient_funds"
    assert gateway.refund(give_back()) == DebitAnswer(Outcome.CONFIG)
    gateway.present(debit("cus_1.pm_2"))
    assert gateway.refund(give_back()) == DebitAnswer(Outcome.CONFIG)
    assert {method for method, path, _, _ in world.requests if path == "/v1/refunds"} == set()


def test_a_refund_of_a_key_that_was_paid_twice_waits_for_a_person() -> None:
    twice = http(200, encoded(searched(payment_intent(id="pi_1"), payment_intent(id="pi_2"))))
    with wire({b"GET": twice, b"POST": http(200, encoded(refund()))}) as server:
        assert gateway_at(server).refund(give_back()) == DebitAnswer(Outcome.CONFIG)
        assert len(server.requests) == 1


# Codes


@pytest.mark.parametrize("code", REFUSALS)
def test_every_decline_code_means_what_the_pack_says_in_an_answer_and_in_an_enquiry(code: str) -> None:
    answer = DebitAnswer(CODES[code], "pi_3MtwBwLkdIwHu7ix28a3tqPa")
    assert over_wire(http(402, encoded(card_error(code))), StripeGateway.present, debit()) == answer
    assert over_wire(http(200, encoded(searched(failed_intent(code)))), StripeGateway.enquire, "L1:P000001") == answer


@pytest.mark.parametrize("code", ["expired_card", "incorrect_number", "processing_error", "card_declined"])
def test_an_error_without_a_decline_code_means_what_its_own_code_does(code: str) -> None:
    answer = over_wire(http(402, encoded(card_error(None, code))), StripeGateway.present, debit())
    assert answer.outcome is CODES[code]


@pytest.mark.parametrize(
    ("decline_code", "code", "outcome"),
    [
        ("brand_new", "card_declined", Outcome.LIMIT),  # a refusal all the same
        ("brand_new", "brand_new", Outcome.UNKNOWN),
        ("succeeded", "succeeded", Outcome.UNKNOWN),
        ("duplicate_transaction", "duplicate_transaction", Outcome.UNKNOWN),
    ],
)
def test_a_refusal_in_words_that_we_do_not_know(decline_code: str, code: str, outcome: Outcome) -> None:
    answer = over_wire(http(402, encoded(card_error(decline_code, code))), StripeGateway.present, debit())
    assert answer.outcome is outcome


STATES = ["succeeded", "processing", "requires_action", "requires_capture", "requires_confirmation", "canceled"]


@pytest.mark.parametrize("status", STATES)
def test_every_state_of_a_payment_means_what_the_pack_says(status: str) -> None:
    body = payment_intent(status=status, amount_received=10000 if status == "succeeded" else 0)
    assert over_wire(http(200, encoded(body)), StripeGateway.present, debit()).outcome is CODES[status]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("succeeded", Outcome.PAID),
        ("pending", Outcome.PENDING),
        ("failed", Outcome.CONFIG),
        ("canceled", Outcome.CONFIG),
        ("requires_action", Outcome.UNKNOWN),
        ("brand_new", Outcome.UNKNOWN),
        (None, Outcome.UNKNOWN),
    ],
)
def test_every_state_of_a_refund_means_one_thing(status: str | None, outcome: Outcome) -> None:
    assert refund_answer(refund(status=status), CODES).outcome is outcome


def test_the_codes_that_no_test_above_sends_are_none() -> None:
    assert set(CODES) - set(REFUSALS) - set(STATES) - {"pending"} == {"duplicate_transaction"}


@pytest.mark.parametrize(
    ("changes", "is_paid"),
    [
        ({}, True),
        ({"amount_received": 9999}, False),
        ({"currency": "eur"}, False),
        ({"currency": "doubloon"}, False),
        ({"amount_received": "10000"}, False),
        ({"amount_received": None}, False),
    ],
)
def test_a_paid_answer_about_another_sum_is_unknown(changes: dict[str, Any], is_paid: bool) -> None:
    answer = over_wire(http(200, encoded(payment_intent(**changes))), StripeGateway.present, debit())
    assert answer.outcome is (Outcome.PAID if is_paid else Outcome.UNKNOWN)


def test_a_key_that_was_charged_twice_contradicts_what_was_asked_for() -> None:
    body = searched(payment_intent(id="pi_1"), payment_intent(id="pi_2"), failed_intent("expired_card"))
    answer = over_wire(http(200, encoded(body)), StripeGateway.enquire, "L1:P000001")
    assert answer == DebitAnswer(Outcome.PAID, "pi_1", Money(20000, "CZK"))
    assert answer.other_amount(Money(10000, "CZK")) == answer.amount


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ([failed_intent("expired_card"), payment_intent()], Outcome.PAID),
        ([failed_intent("expired_card"), payment_intent(status="processing")], Outcome.PENDING),
        ([failed_intent("expired_card"), failed_intent("insufficient_funds")], Outcome.ACCOUNT_DEAD),
        ([failed_intent("brand_new", "brand_new")], Outcome.UNKNOWN),
        ([payment_intent(status="requires_payment_method", last_payment_error=None)], Outcome.UNKNOWN),
        ([payment_intent(status=None)], Outcome.UNKNOWN),
    ],
)
def test_what_was_paid_counts_before_what_is_open_before_what_failed(
    found: list[dict[str, Any]], outcome: Outcome
) -> None:
    answer = over_wire(http(200, encoded(searched(*found))), StripeGateway.enquire, "L1:P000001")
    assert answer is not None
    assert answer.outcome is outcome


def test_a_search_that_finds_what_is_merely_alike_finds_nothing() -> None:
    alike = [payment_intent(metadata={KEY: "L1:P0000010"}), payment_intent(metadata={}), payment_intent(metadata=None)]
    assert over_wire(http(200, encoded(searched(*alike))), StripeGateway.enquire, "L1:P000001") is None


# Errors


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, error("invalid_request_error", "parameter_missing"), Outcome.CONFIG),
        (400, error("idempotency_error"), Outcome.UNKNOWN),
        (400, error("invalid_request_error", "rate_limit"), Outcome.UNKNOWN),
        (401, error("invalid_request_error"), Outcome.CONFIG),
        (403, error("invalid_request_error"), Outcome.CONFIG),
        (404, error("invalid_request_error", "resource_missing"), Outcome.CONFIG),
        (409, error("invalid_request_error", "lock_timeout"), Outcome.UNKNOWN),
        (409, error("idempotency_error", "idempotency_key_in_use"), Outcome.UNKNOWN),
        (429, error("invalid_request_error", "rate_limit"), Outcome.UNKNOWN),
        (500, error("api_error"), Outcome.UNKNOWN),
        (502, {}, Outcome.UNKNOWN),
        (503, payment_intent(), Outcome.UNKNOWN),
        (302, {}, Outcome.UNKNOWN),
        (402, {}, Outcome.UNKNOWN),
        (402, {"error": {"type": "card_error"}}, Outcome.UNKNOWN),
        (200, {}, Outcome.UNKNOWN),
        (200, [], Outcome.UNKNOWN),
        (200, None, Outcome.UNKNOWN),
        (200, "<html>", Outcome.UNKNOWN),
    ],
)
def test_an_error_is_definite_only_where_it_came_before_the_charge(status: int, body: object, outcome: Outcome) -> None:
    raw = body.encode() if isinstance(body, str) else encoded(body)
    with wire(http(status, raw, "Stripe-Should-Retry: true")) as server:
        assert gateway_at(server).present(debit()).outcome is outcome
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 404, 429, 500])
def test_an_enquiry_that_gets_an_error_is_an_error_without_stripe_s_words(status: int) -> None:
    with wire(http(status, encoded(error("api_error")))) as server:
        for ask in (StripeGateway.enquire, StripeGateway.payment_key, StripeGateway.refunds_of):
            with pytest.raises(GatewayError, match=r"^the gateway could not be asked: \w+$"):
                ask(gateway_at(server), "L1:P000001")


def test_a_refund_whose_payment_could_not_be_looked_up_sends_nothing() -> None:
    with wire(http(500, encoded(error("api_error")))) as server:
        assert gateway_at(server).refund(give_back()) == DebitAnswer(Outcome.CONFIG)
        assert [request.partition(b" ")[0] for request in server.requests] == [b"GET"]


# The wire: one present call is one request.


def over_wire[**P, T](reply: bytes, call: Callable[..., T], asked: object) -> T:
    with wire(reply) as server:
        return call(gateway_at(server), asked)


def gateway_at(server: Wire, timeout_seconds: float = 5) -> StripeGateway:
    return StripeGateway(stripe_client("sk_test_1", server.url, timeout_seconds), CODES)


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("reply", "timeout_seconds"),
    [(None, 0.3), (b"", 5.0), (RESET, 5.0), (http(500, b"{}"), 5.0), (http(429, b"{}"), 5.0), (http(307, b""), 5.0)],
    ids=["silence", "hang-up", "reset", "500", "429", "redirect"],
)
def test_whatever_becomes_of_it_a_presentment_is_one_request_on_the_wire(
    reply: bytes | None, timeout_seconds: float
) -> None:
    with wire(reply) as server:
        assert gateway_at(server, timeout_seconds).present(debit()) == DebitAnswer(Outcome.UNKNOWN)
        assert (len(server.requests), len(server.connections)) == (1, 1)
        head, _, body = server.requests[0].decode().partition("\r\n\r\n")
        assert head.startswith("POST /v1/payment_intents ")
        assert "Idempotency-Key: L1:P000001" in head
        assert parse_qs(body)["amount"] == ["10000"]


@pytest.mark.parametrize(
    "reply", [None, b"", RESET, http(500, b"{}"), http(503, b"{}")], ids=["silence", "hang-up", "reset", "500", "503"]
)
def test_whatever_becomes_of_it_a_refund_is_one_request_on_the_wire(reply: bytes | None) -> None:
    found = http(200, encoded(searched(payment_intent())))
    with wire({b"GET": found, b"POST": reply}) as server:
        assert gateway_at(server, 0.3).refund(give_back()) == DebitAnswer(Outcome.UNKNOWN)
        assert [request.partition(b" ")[0] for request in server.requests] == [b"GET", b"POST"]


def test_no_connection_is_kept_because_a_stale_one_would_make_the_next_debit_unknown() -> None:
    with wire(http(200, encoded(payment_intent()))) as server:
        gateway = gateway_at(server)
        for _ in range(3):
            gateway.present(debit())
        assert (len(server.requests), len(server.connections)) == (3, 3)
        assert all(b"Connection: close" in request for request in server.requests)


def test_a_redirect_is_not_followed() -> None:
    paid = http(200, encoded(payment_intent()))
    with wire(paid) as other, wire(http(307, b"", f"Location: {other.url}/v1/payment_intents")) as server:
        assert gateway_at(server).present(debit()) == DebitAnswer(Outcome.UNKNOWN)
        assert (len(server.requests), len(other.requests)) == (1, 0)


def test_the_newest_refunds_are_looked_through_page_by_page_and_not_for_ever() -> None:
    page = encoded(listed(refund(metadata={}), more=True))
    found = http(200, encoded(searched()))
    with wire({b"GET /v1/payment_intents": found, b"GET /v1/refunds": http(200, page)}) as server:
        assert gateway_at(server).enquire("L1:P000002") is None
        assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (10050, "CZK", 10050),
        (500, "JPY", 500),
        (5, "ISK", 500),
        (7, "UGX", 700),
        (1230, "KWD", 1230),
        (1_250_000, "MGA", 12_500),
    ],
)
def test_amounts_are_counted_as_stripe_counts_them(minor: int, currency: str, amount: int) -> None:
    assert stripe_amount(Money(minor, currency)) == amount
    assert money_of(amount, currency.lower()) == Money(minor, currency)


def test_a_part_of_what_stripe_counts_in_is_not_sent() -> None:
    assert stripe_amount(Money(1_250_001, "MGA")) is None
    with wire(http(200, b"{}")) as server:
        asked = DebitRequest("L1:P000001", Money(1_250_001, "MGA"), ACCOUNT, "M1")
        assert gateway_at(server).present(asked) == DebitAnswer(Outcome.CONFIG)
        back = RefundRequest("L1:P000002", "L1:P000001", Money(50, "MGA"))
        assert gateway_at(server).refund(back) == DebitAnswer(Outcome.CONFIG)
        assert not server.requests


@pytest.mark.parametrize(("amount", "currency"), [(501, "isk"), (1.0, "czk"), (True, "czk"), (1, "xxx"), (1, None)])
def test_what_is_no_amount_is_none(amount: object, currency: object) -> None:
    assert money_of(amount, currency) is None


def test_an_answer_keeps_no_more_of_stripe_than_its_reference() -> None:
    assert intent_answer(failed_intent("lost_card"), CODES) == DebitAnswer(Outcome.ACCOUNT_DEAD, payment_intent()["id"])
