"""Stripe's webhooks: only Stripe's own, only fresh ones, and each as the news that the booking of repayments takes."""

import inspect
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
import stripe

from shared.adapters.policy_files import rail_codes
from shared.adapters.stripe_answers import KEY
from shared.adapters.stripe_webhooks import StripeWebhooks
from shared.domain.book import EntryKind, Outcome
from shared.domain.errors import EventError, GatewayError
from shared.domain.money import Money
from shared.domain.repayment import Arrived, Channel, GatewayReport, GivenAgain, TakenBack
from tests.contract.stripe_shapes import charge, dispute, event, failed_intent, payment_intent, refund

NOW = datetime(2026, 3, 5, tzinfo=UTC)
SENT = int(NOW.timestamp())
SECRET = "whsec_test"
CZK = Money(10000, "CZK")
PI, RE = payment_intent()["id"], refund()["id"]


def webhooks(*refunds: Mapping[str, Any], keys: Mapping[str, str] | None = None) -> StripeWebhooks:
    known = {PI: "L1:P000001"} if keys is None else keys
    return StripeWebhooks(SECRET, rail_codes("stripe"), known.get, lambda _: refunds)


def signed(body: bytes, at: int = SENT, secret: str = SECRET) -> str:
    return str(stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at))


def news(type_: str, found: Mapping[str, Any], *refunds: Mapping[str, Any]) -> list[Arrived]:
    body = json.dumps(event(type_, found)).encode()
    return webhooks(*refunds).read(signed(body), body, NOW)


@pytest.mark.parametrize(
    ("type_", "found", "outcome"),
    [
        ("payment_intent.succeeded", payment_intent(), Outcome.PAID),
        ("payment_intent.processing", payment_intent(status="processing", amount_received=0), Outcome.PENDING),
        ("payment_intent.payment_failed", failed_intent("insufficient_funds"), Outcome.INSUFFICIENT),
        ("payment_intent.payment_failed", failed_intent("stolen_card"), Outcome.ACCOUNT_DEAD),
        ("payment_intent.payment_failed", failed_intent("brand_new", "brand_new"), Outcome.UNKNOWN),
        ("payment_intent.succeeded", payment_intent(status="requires_capture"), Outcome.UNKNOWN),
    ],
)
def test_a_payment_s_event_is_a_report_on_our_key(type_: str, found: Mapping[str, Any], outcome: Outcome) -> None:
    assert news(type_, found) == [GatewayReport("L1:P000001", outcome, CZK, PI)]


def test_a_payment_of_another_sum_is_reported_with_the_sum_that_was_taken() -> None:
    [report] = news("payment_intent.succeeded", payment_intent(amount_received=9000))
    assert report == GatewayReport("L1:P000001", Outcome.PAID, Money(9000, "CZK"), PI)


@pytest.mark.parametrize("status", ["needs_response", "warning_needs_response", "lost"])
def test_a_dispute_takes_the_money_of_the_payment_back_when_its_funds_are_withdrawn(status: str) -> None:
    [taken] = news("charge.dispute.funds_withdrawn", dispute(amount=4000, status=status))
    assert taken == TakenBack(
        EntryKind.CHARGEBACK, "L1:P000001", Money(4000, "CZK"), date(2026, 3, 7), dispute()["id"], Channel.WEBHOOK
    )


def test_a_dispute_that_is_won_gives_the_money_again_when_its_funds_are_reinstated() -> None:
    assert news("charge.dispute.funds_reinstated", dispute(amount=4000, status="won")) == [
        GivenAgain(EntryKind.CHARGEBACK, "L1:P000001", Money(4000, "CZK"), dispute()["id"], Channel.WEBHOOK)
    ]


@pytest.mark.parametrize("type_", ["created", "updated", "closed"])
@pytest.mark.parametrize("status", ["needs_response", "warning_needs_response", "warning_closed"])
def test_that_a_dispute_or_an_inquiry_is_opened_or_closed_moves_no_money(type_: str, status: str) -> None:
    assert news(f"charge.dispute.{type_}", dispute(status=status)) == []


def test_a_refund_that_fails_gives_its_money_again() -> None:
    by_hand = refund(id="re_2", amount=2500, metadata={}, status="failed", payment_intent=PI)
    assert news("refund.failed", refund(status="failed")) == [
        GivenAgain(EntryKind.REFUND, "L1:P000002", Money(refund()["amount"], "CZK"), RE, Channel.WEBHOOK)
    ]
    assert news("refund.failed", by_hand) == [
        GivenAgain(EntryKind.REVERSAL, "L1:P000001", Money(2500, "CZK"), "re_2", Channel.WEBHOOK)
    ]


def test_the_library_knows_every_event_that_is_read() -> None:
    known = inspect.getsource(inspect.getmodule(stripe.params.WebhookEndpointCreateParams))  # type: ignore[arg-type]
    for name in (
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.refunded",
        "refund.failed",
    ):
        assert f'"{name}"' in known


def test_our_own_refund_is_a_report_on_its_key_and_one_from_the_dashboard_takes_money_back() -> None:
    by_hand = refund(id="re_2", amount=2500, metadata={})
    assert news("charge.refunded", charge(), refund(amount=7500), by_hand) == [
        GatewayReport("L1:P000002", Outcome.PAID, Money(7500, "CZK"), RE),
        TakenBack(EntryKind.REVERSAL, "L1:P000001", Money(2500, "CZK"), date(2026, 3, 6), "re_2", Channel.WEBHOOK),
    ]


def test_a_refund_from_the_dashboard_that_has_not_gone_through_takes_nothing_back() -> None:
    assert news("charge.refunded", charge(), refund(metadata={}, status="pending")) == []
    assert news("charge.refunded", charge(), refund(metadata={}, status="failed")) == []


@pytest.mark.parametrize(
    ("type_", "found"),
    [
        ("payment_intent.succeeded", payment_intent(metadata={})),
        ("payment_intent.created", payment_intent()),
        ("charge.refunded", charge(metadata={"other": "x"})),
        ("charge.dispute.funds_withdrawn", dispute(payment_intent=None)),
        ("charge.dispute.funds_withdrawn", dispute(payment_intent="pi_of_another_shop")),
        ("refund.failed", refund(metadata={}, payment_intent="pi_of_another_shop")),
        ("customer.created", {"id": "cus_1"}),
    ],
)
def test_what_is_none_of_ours_is_no_news(type_: str, found: Mapping[str, Any]) -> None:
    assert news(type_, found) == []


def test_a_webhook_read_twice_gives_the_same_news() -> None:
    assert news("charge.dispute.funds_withdrawn", dispute()) == news("charge.dispute.funds_withdrawn", dispute())


@pytest.mark.parametrize(("at", "is_taken"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_signature_counts_for_five_minutes_both_ways(at: int, is_taken: bool) -> None:
    body = json.dumps(event("payment_intent.succeeded", payment_intent())).encode()
    header = signed(body, SENT + at)
    if is_taken:
        assert len(webhooks().read(header, body, NOW)) == 1
    else:
        with pytest.raises(EventError, match=r"^stripe webhook: the signature is not of these five minutes$"):
            webhooks().read(header, body, NOW)


BODY = json.dumps(event("payment_intent.succeeded", payment_intent())).encode()


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (None, BODY),
        ("", BODY),
        ("nonsense", BODY),
        ("t=x,v1=00", BODY),
        (f"t={SENT}", BODY),
        (f"t={SENT},v1={'0' * 64}", BODY),
        (signed(BODY, secret="whsec_other"), BODY),
        (signed(BODY), BODY.replace(b"10000", b"90000")),
        (signed(BODY).replace(f"t={SENT}", f"t={SENT + 1}"), BODY),
        (signed(BODY), b"\xff"),
    ],
)
def test_a_webhook_that_stripe_did_not_sign_is_refused_without_a_word_of_it(header: str | None, body: bytes) -> None:
    with pytest.raises(EventError, match=r"^stripe webhook: the signature is not one of this body$"):
        webhooks().read(header, body, NOW)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "the body is not JSON"),
        (b"[]", r"data\.object is missing"),
        (b'{"data":{"object":[]}}', r"data\.object is missing"),
        (b'{"type":"payment_intent.succeeded"}', r"data\.object is missing"),
        (
            json.dumps(event("payment_intent.succeeded", payment_intent(amount="x"))).encode(),
            "the payment names no amount that can be read",
        ),
        (
            json.dumps(event("charge.dispute.funds_withdrawn", dispute(currency="doubloon"))).encode(),
            "it names no amount that can be read",
        ),
    ],
)
def test_a_signed_body_that_is_no_event_is_one_clear_error(body: bytes, complaint: str) -> None:
    with pytest.raises(EventError, match=f"^stripe webhook: {complaint}$"):
        webhooks().read(signed(body), body, NOW)


def test_a_dispute_whose_payment_cannot_be_asked_for_is_not_acknowledged() -> None:
    def silent(_: str) -> str | None:
        raise GatewayError("the gateway could not be asked: APIConnectionError")

    body = json.dumps(event("charge.dispute.funds_withdrawn", dispute())).encode()
    with pytest.raises(GatewayError):
        StripeWebhooks(SECRET, {}, silent, lambda _: []).read(signed(body), body, NOW)


def test_a_payment_s_key_stands_in_its_metadata() -> None:
    assert KEY == "duebell_key"
