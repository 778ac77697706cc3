"""Stripe's webhooks: whose they are, and what each tells the booking of repayments."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import stripe

from shared.adapters.stripe_answers import Fields, intent_answer, key_of, money_of, refund_answer
from shared.domain.book import EntryKind, Outcome
from shared.domain.errors import EventError
from shared.domain.money import Money
from shared.domain.repayment import Arrived, Channel, GatewayReport, GivenAgain, TakenBack

TOLERANCE = timedelta(minutes=5)
"""How far Stripe's clock and ours may differ, both ways."""


@dataclass(frozen=True, slots=True)
class StripeWebhooks:
    """`payment_key` and `refunds_of` are those of a StripeGateway: a dispute and a refunded charge name a payment by
    Stripe's own id alone, and say nothing of who asked for a refund.

    Reading a webhook twice gives the same news, and booking tells a repeat from another payment.
    """

    secret: str
    codes: Mapping[str, Outcome]
    payment_key: Callable[[str], str | None]
    refunds_of: Callable[[str], Sequence[Fields]]

    def read(self, header: str | None, body: bytes, now: datetime) -> list[Arrived]:
        """The news in a webhook; none where it tells of nothing of ours.

        Raises EventError for a signature that is wrong or not of these five minutes, and for a body that is no event;
        GatewayError when Stripe had to be asked and could not be: then nothing may be acknowledged.
        """
        _verify(header, body, self.secret, now)
        event = _event(body)
        found, kind = event["data"]["object"], event.get("type")
        match kind:
            case "payment_intent.succeeded" | "payment_intent.payment_failed" | "payment_intent.processing":
                return self._of_payment(found)
            case "charge.dispute.funds_withdrawn" | "charge.dispute.funds_reinstated":
                return self._of_dispute(found, won=kind == "charge.dispute.funds_reinstated")
            case "charge.refunded":
                return self._of_refunds(found)
            case "refund.failed":
                return self._of_failed_refund(found)
            case _:
                return []

    def _of_payment(self, intent: Fields) -> list[Arrived]:
        key, money = key_of(intent), money_of(intent.get("amount"), intent.get("currency"))
        if key is None:
            return []
        if money is None:
            raise EventError("stripe webhook: the payment names no amount that can be read")
        answer = intent_answer(intent, self.codes)
        return [GatewayReport(key, answer.outcome, answer.amount or money, answer.gateway_ref)]

    def _of_dispute(self, dispute: Fields, *, won: bool) -> list[Arrived]:
        """The money itself, by the dispute's id: it goes when funds are withdrawn, and comes again when they are
        reinstated. That a dispute was opened or closed moves nothing, and an inquiry never does."""
        key = self._payment_of(dispute)
        if key is None:
            return []
        return [_given(EntryKind.CHARGEBACK, key, dispute) if won else _taken(EntryKind.CHARGEBACK, key, dispute)]

    def _of_failed_refund(self, refund: Fields) -> list[Arrived]:
        """A refund may fail days after it succeeded: its money is on our account again."""
        if own := key_of(refund):
            return [_given(EntryKind.REFUND, own, refund)]
        key = self._payment_of(refund)
        return [] if key is None else [_given(EntryKind.REVERSAL, key, refund)]

    def _payment_of(self, found: Fields) -> str | None:
        intent_id = found.get("payment_intent")
        return self.payment_key(intent_id) if isinstance(intent_id, str) else None

    def _of_refunds(self, charge: Fields) -> list[Arrived]:
        """Our own refunds are reports on their keys; one that was made in Stripe's dashboard takes money back."""
        key, charge_id = key_of(charge), charge.get("id")
        if key is None or not isinstance(charge_id, str):
            return []
        news: list[Arrived] = []
        for refund in self.refunds_of(charge_id):
            answer, own, money = refund_answer(refund, self.codes), key_of(refund), _amount(refund)
            if own is not None:
                news.append(GatewayReport(own, answer.outcome, money, answer.gateway_ref))
            elif answer.outcome is Outcome.PAID:
                news.append(_taken(EntryKind.REVERSAL, key, refund))
        return news


def _verify(header: str | None, body: bytes, secret: str, now: datetime) -> None:
    """The library compares in constant time; the age is ours to say, because it would read a clock of its own."""
    try:
        stripe.WebhookSignature.verify_header(body, header, secret, tolerance=None)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        raise EventError("stripe webhook: the signature is not one of this body") from None
    signed = next(int(p[2:]) for p in (header or "").split(",") if p.startswith("t="))
    if abs(now.timestamp() - signed) > TOLERANCE.total_seconds():
        raise EventError("stripe webhook: the signature is not of these five minutes")


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise EventError("stripe webhook: the body is not JSON") from None
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("object"), dict):
        raise EventError("stripe webhook: data.object is missing")
    return dict(event)


def _taken(kind: EntryKind, key: str, found: Fields) -> TakenBack:
    return TakenBack(kind, key, _amount(found), _day(found), str(found.get("id")), Channel.WEBHOOK)


def _given(kind: EntryKind, key: str, found: Fields) -> GivenAgain:
    return GivenAgain(kind, key, _amount(found), str(found.get("id")), Channel.WEBHOOK)


def _amount(found: Fields) -> Money:
    money = money_of(found.get("amount"), found.get("currency"))
    if money is None:
        raise EventError("stripe webhook: it names no amount that can be read")
    return money


def _day(found: Fields) -> date | None:
    """The day in UTC; none where it is not said: then it is the day on which it is booked."""
    created = found.get("created")
    return datetime.fromtimestamp(created, UTC).date() if type(created) is int else None
