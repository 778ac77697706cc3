"""What goes to the gateway and what its HTTP answers mean; the same over a wire and in process."""

import json
from collections.abc import Mapping
from datetime import timedelta

from shared.domain.book import Outcome
from shared.domain.errors import AmountError, GatewayError
from shared.domain.gateway import NOT_FOUND, outcome_of
from shared.domain.money import Money
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest

UNKNOWN = DebitAnswer(Outcome.UNKNOWN)

KEY_LIFE = timedelta(days=365)
"""Of a key at the stub, which forgets none; a year is more than any enquiry waits."""

_MAY_HAVE_CHARGED = frozenset({408, 409, 429})
"""Refusals that say nothing definite of the key: a request that came too late, a key that holds another request, which
may well have been paid, and a gateway that wants fewer requests. An enquiry tells, and spends no attempt; a retry under
a new key might charge twice."""


def request_body(request: DebitRequest) -> bytes:
    fields: dict[str, object] = {
        "key": request.key,
        "account_ref": request.account_ref,
        "mandate_id": request.mandate_id,
        "amount_minor": request.amount.minor,
        "currency": request.amount.currency,
    }
    if request.funding:
        fields["funding"] = list(request.funding)
    return _json(fields)


def refund_body(request: RefundRequest) -> bytes:
    return _json(
        {
            "key": request.key,
            "payment_key": request.payment_key,
            "amount_minor": request.amount.minor,
            "currency": request.amount.currency,
        }
    )


def _json(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def read_answer(status: int, body: bytes, codes: Mapping[str, Outcome], asked: Money) -> DebitAnswer:
    """What a presentment or a refund became: a refused request (4xx) is CONFIG; whatever is not definite, UNKNOWN.

    So is a paid answer about another sum than the one that was asked for: a person has to look.
    """
    if status == 200:
        answer = _known_answer(_fields(body), codes)
        return UNKNOWN if answer.other_amount(asked) else answer
    if 400 <= status < 500 and status not in _MAY_HAVE_CHARGED:
        return DebitAnswer(Outcome.CONFIG)
    return UNKNOWN


def read_lookup(status: int, body: bytes, codes: Mapping[str, Outcome]) -> DebitAnswer | None:
    """What became of a key; None only when the gateway itself says that it never saw it.

    Any other 404 (a wrong address, a gateway that is gone) raises GatewayError: it must not pass for "never charged".
    """
    fields = _fields(body)
    if status == 200 and fields:
        return _known_answer(fields, codes)
    if status == 404 and fields.get("status") == NOT_FOUND:
        return None
    raise GatewayError(f"the gateway answered an enquiry with {status}")


def _known_answer(fields: dict[str, object], codes: Mapping[str, Outcome]) -> DebitAnswer:
    reference = fields.get("gateway_ref")
    reference = reference if isinstance(reference, str) else None
    try:
        amount = _amount(fields)
    except AmountError:
        return DebitAnswer(Outcome.UNKNOWN, reference)
    return DebitAnswer(outcome_of(fields.get("status"), fields.get("code"), codes), reference, amount)


def _amount(fields: dict[str, object]) -> Money | None:
    """The sum that an answer names, if it names one; raises AmountError where it names half of one."""
    minor, currency = fields.get("amount_minor"), fields.get("currency")
    if minor is None and currency is None:
        return None
    if type(minor) is not int or not isinstance(currency, str):
        raise AmountError("the answer names no amount that can be read")
    return Money(minor, currency)


def _fields(body: bytes) -> dict[str, object]:
    """The body's fields; none where it cannot be read."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
