"""What goes to the gateway and what its HTTP answers mean; the same over a wire and in process."""

import json

from shared.domain.book import Outcome
from shared.domain.errors import GatewayError
from shared.domain.gateway import NOT_FOUND, outcome_of
from shared.ports.world import DebitAnswer, DebitRequest

UNKNOWN = DebitAnswer(Outcome.UNKNOWN)

_MAY_HAVE_CHARGED = frozenset({408, 409})
"""Refusals that say nothing definite of the key: a request that came too late, and a key that holds another request,
which may well have been paid. An enquiry tells; a retry under a new key might charge twice."""


def request_body(request: DebitRequest) -> bytes:
    return json.dumps(
        {
            "key": request.key,
            "account_ref": request.account_ref,
            "mandate_id": request.mandate_id,
            "amount_minor": request.amount.minor,
            "currency": request.amount.currency,
        },
        separators=(",", ":"),
    ).encode()


def read_answer(status: int, body: bytes) -> DebitAnswer:
    """What a presentment became: a refused request (4xx) is CONFIG; whatever is not definite, UNKNOWN."""
    if status == 200:
        return _known_answer(_fields(body))
    if 400 <= status < 500 and status not in _MAY_HAVE_CHARGED:
        return DebitAnswer(Outcome.CONFIG)
    return UNKNOWN


def read_lookup(status: int, body: bytes) -> DebitAnswer | None:
    """What became of a key; None only when the gateway itself says that it never saw it.

    Any other 404 (a wrong address, a gateway that is gone) raises GatewayError: it must not pass for "never charged".
    """
    fields = _fields(body)
    if status == 200 and fields:
        return _known_answer(fields)
    if status == 404 and fields.get("status") == NOT_FOUND:
        return None
    raise GatewayError(f"the gateway answered an enquiry with {status}")


def _known_answer(fields: dict[str, object]) -> DebitAnswer:
    reference = fields.get("gateway_ref")
    return DebitAnswer(
        outcome_of(fields.get("status"), fields.get("code")), reference if isinstance(reference, str) else None
    )


def _fields(body: bytes) -> dict[str, object]:
    """The body's fields; none where it cannot be read."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
