"""What Stripe's objects say, read from their JSON: payments, refunds, declines and sums."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.domain.book import Outcome
from shared.domain.money import EXPONENTS, Money
from shared.ports.world import DebitAnswer

type Fields = Mapping[str, Any]
"""A Stripe object as it stands in its JSON."""

KEY = "duebell_key"
"""The metadata under which a payment and a refund carry our key: it is how they are found again."""

_IN_HUNDREDTHS = {"ISK", "UGX"}
"""Currencies without decimals that Stripe takes with two (docs.stripe.com/currencies)."""
_IN_WHOLES = {"MGA"}
"""Currencies with two decimals by ISO 4217 that Stripe takes without (the same page)."""


def key_of(found: Fields) -> str | None:
    """Our key of a Stripe object; None for one that is none of ours."""
    metadata = found.get("metadata")
    key = metadata.get(KEY) if isinstance(metadata, dict) else None
    return key if isinstance(key, str) else None


def stripe_amount(amount: Money) -> int | None:
    """The amount as Stripe counts it; None for a part of what it counts in."""
    if amount.currency in _IN_WHOLES:
        return amount.minor // 100 if amount.minor % 100 == 0 else None
    return amount.minor * 100 if amount.currency in _IN_HUNDREDTHS else amount.minor


def money_of(amount: object, currency: object) -> Money | None:
    """The inverse of `stripe_amount`; None for what is no amount of a currency that we know."""
    if type(amount) is not int or not isinstance(currency, str) or currency.upper() not in EXPONENTS:
        return None
    code = currency.upper()
    if code in _IN_WHOLES:
        return Money(amount * 100, code)
    if code not in _IN_HUNDREDTHS:
        return Money(amount, code)
    return Money(amount // 100, code) if amount % 100 == 0 else None


def intent_answer(intent: Fields, codes: Mapping[str, Outcome]) -> DebitAnswer:
    """What a PaymentIntent says of its payment."""
    reference = _reference(intent)
    if intent.get("status") == "requires_payment_method":
        error = intent.get("last_payment_error")
        return replace(declined_answer(error if isinstance(error, dict) else {}, codes), gateway_ref=reference)
    outcome = _meaning(intent.get("status"), codes)
    if outcome is Outcome.PAID:
        return _paid(intent.get("amount_received"), intent.get("currency"), reference)
    return DebitAnswer(outcome, reference)


def refund_answer(refund: Fields, codes: Mapping[str, Outcome]) -> DebitAnswer:
    """What a Refund says; only success, failure and waiting mean something for it."""
    outcome, reference = _meaning(refund.get("status"), codes), _reference(refund)
    if outcome is Outcome.PAID:
        return _paid(refund.get("amount"), refund.get("currency"), reference)
    return DebitAnswer(outcome if outcome in (Outcome.PENDING, Outcome.CONFIG) else Outcome.UNKNOWN, reference)


def declined_answer(error: Fields, codes: Mapping[str, Outcome]) -> DebitAnswer:
    """What a card's error says: the decline code, or where the pack does not know it, the error's own code.

    UNKNOWN where the pack knows neither, or knows one as anything but a refusal.
    """
    said = [_meaning(error.get(name), codes) for name in ("decline_code", "code")]
    outcome = next((o for o in said if o is not Outcome.UNKNOWN), Outcome.UNKNOWN)
    intent = error.get("payment_intent")
    reference = _reference(intent) if isinstance(intent, dict) else None
    return DebitAnswer(outcome if outcome.is_failure else Outcome.UNKNOWN, reference)


def _meaning(word: object, codes: Mapping[str, Outcome]) -> Outcome:
    return codes.get(word, Outcome.UNKNOWN) if isinstance(word, str) else Outcome.UNKNOWN


def _reference(found: Fields) -> str | None:
    reference = found.get("id")
    return reference if isinstance(reference, str) else None


def _paid(amount: object, currency: object, reference: str | None) -> DebitAnswer:
    money = money_of(amount, currency)
    return DebitAnswer(Outcome.PAID, reference, money) if money else DebitAnswer(Outcome.UNKNOWN, reference)
