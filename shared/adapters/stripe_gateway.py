"""Stripe as a payment gateway: PaymentIntents off session, with exactly one request on the wire for what moves money.

The extra `stripe` installs the library. A mandate's account reference is `cus_….pm_…`: the customer and the payment
method that he agreed to have charged.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import stripe
import urllib3
from urllib3.exceptions import HTTPError

from shared.adapters.stripe_answers import (
    KEY,
    Fields,
    declined_answer,
    intent_answer,
    key_of,
    refund_answer,
    stripe_amount,
)
from shared.domain.book import Outcome
from shared.domain.errors import GatewayError
from shared.domain.gateway import CLIENT_TIMEOUT_SECONDS
from shared.domain.money import Money
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest

KEY_LIFE = timedelta(hours=24)
"""Stripe removes keys when they are at least this old (docs.stripe.com/api/idempotent_requests)."""

_UNKNOWN, _CONFIG = DebitAnswer(Outcome.UNKNOWN), DebitAnswer(Outcome.CONFIG)

_REFUSED = (stripe.AuthenticationError, stripe.InvalidRequestError, stripe.PermissionError)
"""Errors that say that a request was not carried out. Every other one but a card's may have come after the charge."""

_REFUND_PAGES = 5


_no_answer: Callable[[str], stripe.APIConnectionError] = stripe.APIConnectionError  # the library leaves it untyped


class OneRequest(stripe.HTTPClient):
    """The library's transport: no retry, no redirect, and no connection kept, because one that went stale while the
    function slept would turn the next debit into an unknown."""

    name = "urllib3"

    def __init__(self, timeout_seconds: float = CLIENT_TIMEOUT_SECONDS) -> None:
        super().__init__()
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=timeout_seconds))

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        sent = {**(headers or {}), "Connection": "close"}
        try:
            answer = self._pool.request(method.upper(), url, body=post_data, headers=sent, redirect=False)
            return answer.data, answer.status, answer.headers
        except HTTPError as error:
            raise _no_answer(f"no answer: {type(error).__name__}") from error
        finally:
            self._pool.clear()

    def close(self) -> None:
        self._pool.clear()


def stripe_client(
    secret_key: str, url: str | None = None, timeout_seconds: float = CLIENT_TIMEOUT_SECONDS
) -> stripe.StripeClient:
    """A client that never repeats a request by itself; `url` stands in for Stripe's own address."""
    return stripe.StripeClient(
        secret_key,
        base_addresses={"api": url} if url else None,
        max_network_retries=0,
        http_client=OneRequest(timeout_seconds),
    )


class StripeGateway:
    """PaymentGateway.

    `codes` are those of the rail `stripe`. Payments are found by their metadata in Stripe's search, which lags behind
    what was written: not finding one proves nothing.
    """

    not_found_is_final = False
    key_life = KEY_LIFE

    def __init__(self, client: stripe.StripeClient, codes: Mapping[str, Outcome]) -> None:
        self._api = client.v1
        self._codes = codes

    def present(self, request: DebitRequest) -> DebitAnswer:
        """CONFIG, with nothing sent, where the account reference is not `cus_….pm_…` or Stripe cannot count the amount.

        A payment that needs the borrower himself fails at once instead of waiting for him: nobody can say how long.
        """
        customer, _, method = request.account_ref.partition(".")
        amount = stripe_amount(request.amount)
        if amount is None or not customer.startswith("cus_") or not method.startswith("pm_"):
            return _CONFIG
        return self._act(
            lambda: intent_answer(
                fields_of(
                    self._api.payment_intents.create(
                        {
                            "amount": amount,
                            "currency": request.amount.currency.lower(),
                            "customer": customer,
                            "payment_method": method,
                            "allowed_payment_method_types": ["card"],
                            "off_session": True,
                            "confirm": True,
                            "error_on_requires_action": True,
                            "metadata": {KEY: request.key},
                        },
                        {"idempotency_key": request.key},
                    )
                ),
                self._codes,
            ),
            request.amount,
        )

    def refund(self, request: RefundRequest) -> DebitAnswer:
        """A search for the payment, then one request that gives back. CONFIG, with nothing sent, where the search does
        not name one payment that was made, or Stripe cannot count the amount."""
        amount = stripe_amount(request.amount)
        if amount is None:
            return _CONFIG
        try:
            paid = [
                intent["id"] for intent in self._intents(request.payment_key) if intent.get("status") == "succeeded"
            ]
        except stripe.StripeError:
            return _CONFIG
        if len(paid) != 1:
            return _CONFIG
        return self._act(
            lambda: refund_answer(
                fields_of(
                    self._api.refunds.create(
                        {
                            "payment_intent": paid[0],
                            "amount": amount,
                            "metadata": {KEY: request.key},
                        },
                        {"idempotency_key": request.key},
                    )
                ),
                self._codes,
            ),
            request.amount,
        )

    def _act(self, act: Callable[[], DebitAnswer], asked: Money) -> DebitAnswer:
        try:
            answer = act()
        except stripe.CardError as error:
            return declined_answer(_error_of(error), self._codes)
        except _REFUSED:
            return _CONFIG
        except stripe.StripeError:
            return _UNKNOWN
        return _UNKNOWN if answer.other_amount(asked) else answer

    def enquire(self, key: str) -> DebitAnswer | None:
        """What became of a payment by Stripe's search, or of a refund among the newest 500, which no search covers.

        A key that was presented again after its lifetime may have been paid twice: then the amount is what was taken
        in all, so that it contradicts what was asked for.
        """
        with _asked():
            answers = [intent_answer(intent, self._codes) for intent in self._intents(key)]
            if not answers:
                found = (refund for refund in self._newest_refunds() if key_of(refund) == key)
                answers = [refund_answer(refund, self._codes) for refund in found]
        return _together(answers)

    def payment_key(self, intent_id: str) -> str | None:
        """Our key of a payment; None for one that is none of ours. Raises GatewayError when Stripe cannot be asked."""
        with _asked():
            return key_of(fields_of(self._api.payment_intents.retrieve(intent_id)))

    def refunds_of(self, charge_id: str) -> Sequence[Fields]:
        """The newest hundred refunds of a charge. Raises GatewayError when Stripe cannot be asked."""
        with _asked():
            return [fields_of(r) for r in self._api.refunds.list({"charge": charge_id, "limit": 100}).data]

    def _intents(self, key: str) -> list[Fields]:
        query = f'metadata["{KEY}"]:"{key}"'
        found = [fields_of(i) for i in self._api.payment_intents.search({"query": query, "limit": 100}).data]
        return [intent for intent in found if key_of(intent) == key]  # a search may find what is merely alike

    def _newest_refunds(self) -> Iterator[Fields]:
        page = self._api.refunds.list({"limit": 100})
        yield from (fields_of(refund) for refund in page.data)
        for _ in range(_REFUND_PAGES - 1):
            if not page.has_more:
                return
            page = page.next_page()
            yield from (fields_of(refund) for refund in page.data)


@contextmanager
def _asked() -> Iterator[None]:
    """What goes wrong while Stripe is asked is a GatewayError, which repeats no text of Stripe's."""
    try:
        yield
    except stripe.StripeError as error:
        raise GatewayError(f"the gateway could not be asked: {type(error).__name__}") from error


def fields_of(found: object) -> Fields:
    """The fields of a Stripe object; none where an answer is no object."""
    return found.to_dict() if isinstance(found, stripe.StripeObject) else {}


def _error_of(error: stripe.CardError) -> Fields:
    body = error.json_body
    told = body.get("error") if isinstance(body, dict) else None
    return told if isinstance(told, dict) else {}


def _together(answers: list[DebitAnswer]) -> DebitAnswer | None:
    """The answers under one key as one: what was paid before what is open before what failed."""
    paid = [answer for answer in answers if answer.outcome is Outcome.PAID]
    if len(paid) > 1:
        taken = [answer.amount for answer in paid if answer.amount]
        return DebitAnswer(Outcome.PAID, paid[0].gateway_ref, sum(taken[1:], taken[0]))
    if paid:
        return paid[0]
    return next((a for a in answers if not a.outcome.is_terminal), answers[0] if answers else None)
