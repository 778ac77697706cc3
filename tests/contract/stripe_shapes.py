"""Stripe's answers in the shapes of its public API reference (docs.stripe.com/api, version 2026-10-28), and a Stripe
that gives them: keys, metadata and totals as documented, in memory."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import stripe

from shared.adapters.stripe_answers import KEY


def payment_intent(**changes: Any) -> dict[str, Any]:
    return {
        "id": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "object": "payment_intent",
        "amount": 10000,
        "amount_capturable": 0,
        "amount_received": 10000,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "confirmation_method": "automatic",
        "created": 1772668801,
        "currency": "czk",
        "customer": "cus_NffrFeUfNV2Hib",
        "last_payment_error": None,
        "latest_charge": "ch_3MmlLrLkdIwHu7ix0snN0B15",
        "livemode": False,
        "metadata": {KEY: "L1:P000001"},
        "next_action": None,
        "payment_method": "pm_1MqLiJLkdIwHu7ixUEgbFdYF",
        "status": "succeeded",
    } | changes


def declined(decline_code: str | None, code: str = "card_declined") -> dict[str, Any]:
    error = {
        "type": "card_error",
        "code": code,
        "charge": "ch_3MmlLrLkdIwHu7ix0snN0B15",
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": "Your card was declined.",
        "payment_method": {"id": "pm_1MqLiJLkdIwHu7ixUEgbFdYF", "object": "payment_method"},
    }
    return error | ({"decline_code": decline_code} if decline_code else {})


def failed_intent(decline_code: str | None, code: str = "card_declined", **changes: Any) -> dict[str, Any]:
    error = declined(decline_code, code)
    made = {"status": "requires_payment_method", "amount_received": 0, "last_payment_error": error}
    return payment_intent(**made | changes)


def card_error(decline_code: str | None, code: str = "card_declined") -> dict[str, Any]:
    return {"error": declined(decline_code, code) | {"payment_intent": failed_intent(decline_code, code)}}


def error(type_: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"type": type_, "message": "No."} | ({"code": code} if code else {})}


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "re_1Nispe2eZvKYlo2Cd31jOCgZ",
        "object": "refund",
        "amount": 10000,
        "charge": "ch_3MmlLrLkdIwHu7ix0snN0B15",
        "created": 1772755201,
        "currency": "czk",
        "metadata": {KEY: "L1:P000002"},
        "payment_intent": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "reason": None,
        "status": "succeeded",
    } | changes


def listed(*found: Mapping[str, Any], more: bool = False, url: str = "/v1/refunds") -> dict[str, Any]:
    return {"object": "list", "url": url, "has_more": more, "data": list(found)}


def searched(*found: Mapping[str, Any]) -> dict[str, Any]:
    page = {"next_page": None, "total_count": None}
    return listed(*found, url="/v1/payment_intents/search") | page | {"object": "search_result"}


def dispute(**changes: Any) -> dict[str, Any]:
    return {
        "id": "du_1MtJUT2eZvKYlo2CNaw2HvEv",
        "object": "dispute",
        "amount": 10000,
        "charge": "ch_3MmlLrLkdIwHu7ix0snN0B15",
        "created": 1772841601,
        "currency": "czk",
        "metadata": {},
        "payment_intent": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "reason": "fraudulent",
        "status": "needs_response",
    } | changes


def charge(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ch_3MmlLrLkdIwHu7ix0snN0B15",
        "object": "charge",
        "amount": 10000,
        "amount_refunded": 10000,
        "currency": "czk",
        "metadata": {KEY: "L1:P000001"},
        "payment_intent": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "refunded": True,
        "status": "succeeded",
    } | changes


def event(type_: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1772668802,
        "data": {"object": found},
        "livemode": False,
        "type": type_,
    }


class Stripe(stripe.HTTPClient):
    """Stripe as far as the gateway uses it. `declines` is by payment method; `requests` is what came over."""

    name = "in memory"

    def __init__(self) -> None:
        super().__init__()
        self.declines: dict[str, str] = {}
        self.intents: list[dict[str, Any]] = []
        self.refunds: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, dict[str, str], str | None]] = []
        self._known: dict[str, tuple[dict[str, str], int, dict[str, Any]]] = {}

    @property
    def taken(self) -> int:
        return sum(intent["amount_received"] for intent in self.intents)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        sent = {name: values[0] for name, values in parse_qs(post_data or parts.query).items()}
        key = (headers or {}).get("Idempotency-Key") if method == "post" else None
        self.requests.append((method, parts.path, sent, key))
        status, body = self._once(key, parts.path, sent) if key else self._asked(parts.path, sent)
        return json.dumps(body), status, {"Request-Id": "req_1"}

    def _once(self, key: str, path: str, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if key not in self._known:
            status, body = self._pay(sent) if path == "/v1/payment_intents" else self._give_back(sent)
            self._known[key] = sent, status, body
        before, status, body = self._known[key]
        return (status, body) if before == sent else (400, error("idempotency_error"))

    def _pay(self, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        amount, metadata = int(sent["amount"]), {KEY: sent[f"metadata[{KEY}]"]}
        made: dict[str, Any] = {
            "id": f"pi_{len(self.intents)}",
            "amount": amount,
            "currency": sent["currency"],
            "metadata": metadata,
        }
        decline = self.declines.get(sent["payment_method"])
        if decline:
            self.intents.append(failed_intent(decline, **made))
            return 402, {"error": declined(decline) | {"payment_intent": self.intents[-1]}}
        self.intents.append(payment_intent(amount_received=amount, **made))
        return 200, self.intents[-1]

    def _give_back(self, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        paid = next(i for i in self.intents if i["id"] == sent["payment_intent"])
        before = sum(r["amount"] for r in self.refunds if r["payment_intent"] == paid["id"])
        if before + int(sent["amount"]) > paid["amount_received"]:
            return 400, error("invalid_request_error", "charge_already_refunded")
        made = {"amount": int(sent["amount"]), "currency": paid["currency"], "payment_intent": paid["id"]}
        self.refunds.insert(0, refund(id=f"re_{len(self.refunds)}", metadata={KEY: sent[f"metadata[{KEY}]"]}, **made))
        return 200, self.refunds[0]

    def _asked(self, path: str, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if path == "/v1/payment_intents/search":
            found = [i for i in self.intents if f'"{i["metadata"][KEY]}"' in sent["query"]]
            return 200, searched(*found)
        if path == "/v1/refunds":
            return 200, listed(*self.refunds)
        found = [i for i in self.intents if path == f"/v1/payment_intents/{i['id']}"]
        return (200, found[0]) if found else (404, error("invalid_request_error", "resource_missing"))

    def close(self) -> None:
        pass
