"""A payment gateway that behaves like one, for stacks and tests without a real one; its own books say what it charged.

The account reference says what happens:

    paid-…                                       charges
    insufficient-… limit-… risk-…                declines
    mandate-dead-… account-dead-…                declines
    closed-…                                     declines: it takes no debit at this time
    pending-…                                    lets wait; charges at the first lookup or report
    balance-…                                    charges while the money that was credited to it suffices
    slow-…                                       charges, answers a second before the client's time-out
    lost-…                                       charges, answers a second after it
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import batched

from shared.domain.errors import InputError
from shared.domain.gateway import CLIENT_TIMEOUT_SECONDS, DECLINED, NOT_FOUND, PAID, PENDING
from shared.domain.money import EXPONENTS, Money
from shared.ports.stub import EventQueue, Reply, StubBooks, StubPayment, StubRefund, Taken

_DELIVERED_AT_ONCE = 10
_MOST_MINOR = 10**15
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What an account does with a debit."""

    status: str = PAID
    code: str = PAID
    after_seconds: float = 0
    from_balance: bool = False


BEHAVIOURS: Mapping[str, Behaviour] = {
    "paid-": Behaviour(),
    "insufficient-": Behaviour(DECLINED, "insufficient"),
    "balance-": Behaviour(from_balance=True),
    "limit-": Behaviour(DECLINED, "limit"),
    "mandate-dead-": Behaviour(DECLINED, "mandate_dead"),
    "account-dead-": Behaviour(DECLINED, "account_dead"),
    "risk-": Behaviour(DECLINED, "risk"),
    "closed-": Behaviour(DECLINED, "closed"),
    "pending-": Behaviour(PENDING, "waiting"),
    "slow-": Behaviour(after_seconds=CLIENT_TIMEOUT_SECONDS - 1),
    "lost-": Behaviour(after_seconds=CLIENT_TIMEOUT_SECONDS + 1),
}
"""By prefix of the account reference."""


@dataclass(frozen=True, slots=True)
class PaymentStub:
    """The stub's logic; every method is safe to repeat. Malformed requests raise InputError and change nothing."""

    books: StubBooks
    events: EventQueue

    def present(self, body: str) -> Reply:
        """`POST /v1/payments`: charges or declines once a key.

        The same key and request get the same answer, at once; the same key with another request is refused with 409.
        """
        asked = _payment_asked(body)
        known = self.books.payment(asked.key)
        if known is None:
            if self.books.refund(asked.key):
                return _key_reused()
            behaviour = _behaviour_of(asked.account_ref)
            if behaviour is None:
                return _unknown_account()
            known = self._decide(asked, behaviour)
            if known is None:
                return self.present(body)  # another request took the key meanwhile
            return _answer(known, behaviour.after_seconds)
        if not known.is_same_request(asked):
            return _key_reused()
        return _answer(known)

    def _decide(self, asked: StubPayment, behaviour: Behaviour) -> StubPayment | None:
        decided = replace(asked, status=behaviour.status, code=behaviour.code)
        taken = self.books.take(decided, behaviour.from_balance)
        if taken is Taken.SHORT:
            decided = replace(asked, status=DECLINED, code="insufficient")
            taken = self.books.take(decided)
        return decided if taken is Taken.YES else None

    def look_up(self, key: str) -> Reply:
        """`GET /v1/payments/{key}`: what became of a payment or a refund; 404 says that the stub never saw the key.

        What was pending is paid by then.
        """
        if not _KEY.fullmatch(key):
            return Reply(404, {"status": NOT_FOUND})
        if known := self.books.payment(key):
            return _answer(self._completed(known))
        given_back = self.books.refund(key)
        return _answer(given_back) if given_back else Reply(404, {"status": NOT_FOUND})

    def _completed(self, payment: StubPayment) -> StubPayment:
        return self.books.complete(payment.key, PAID) if payment.status == PENDING else payment

    def refund(self, body: str) -> Reply:
        """`POST /v1/refunds`: gives back money of a payment, once a key; it answers as late as the payment did.

        Refused are more than was charged, over all refunds of the payment, and a payment that charged nothing.
        """
        asked = _refund_asked(body)
        known = self.books.refund(asked.key)
        if known:
            return _answer(known) if known == asked else _key_reused()
        payment = self.books.payment(asked.payment_key)
        if payment is None or payment.status != PAID:
            return _error(422, "nothing_to_refund", "no payment of this key charged anything")
        if payment.amount.currency != asked.amount.currency:
            return _error(422, "other_currency", "the payment was made in another currency")
        behaviour = _behaviour_of(payment.account_ref) or Behaviour()
        match self.books.give_back(asked, payment, behaviour.from_balance):
            case Taken.YES:
                return _answer(asked, behaviour.after_seconds)
            case Taken.SHORT:
                return _error(422, "more_than_charged", "all refunds together would exceed the payment")
            case Taken.EXISTS:
                rival = self.books.refund(asked.key)
                return _answer(rival) if rival == asked else _key_reused()

    def credit(self, account_ref: str, body: str) -> Reply:
        """`POST /v1/accounts/{ref}/credits`: puts money on a `balance-…` account, once a credit id."""
        behaviour = _behaviour_of(account_ref) if _ID.fullmatch(account_ref) else None
        if behaviour is None or not behaviour.from_balance:
            return _unknown_account()
        fields = _fields(body, {"credit_id", "amount_minor", "currency"})
        credit_id, amount = _matching(fields, "credit_id", _ID), _amount(fields)
        before = self.books.credit(account_ref, credit_id, amount)
        if before not in (None, amount):
            return _error(409, "credit_reused", "this credit_id belongs to another amount")
        return Reply(200, {"account_ref": account_ref, **fields})

    def deliver(self) -> Reply:
        """`POST /v1/webhooks/deliver`: reports every payment that was not reported yet, in key order.

        What was pending is paid by then. A gateway pushes by itself; the stub does when it is told, so that two runs
        see the same events at the same steps. An event that was taken but not marked, because something failed in
        between, is sent again with the same id by the next call.
        """
        count = 0
        for part in batched(self.books.undelivered(), _DELIVERED_AT_ONCE, strict=False):
            self.events.send([_event(self._completed(payment)) for payment in part])
            self.books.mark_delivered([payment.key for payment in part])
            count += len(part)
        return Reply(200, {"delivered": count})


def reference_of(key: str) -> str:
    """The gateway's own reference for a payment, derived from its key."""
    return "GW" + sha256(key.encode()).hexdigest()[:16].upper()


def _behaviour_of(account_ref: str) -> Behaviour | None:
    return next((b for prefix, b in BEHAVIOURS.items() if account_ref.startswith(prefix)), None)


def _answer(known: StubPayment | StubRefund, after_seconds: float = 0) -> Reply:
    status, code = (known.status, known.code) if isinstance(known, StubPayment) else (PAID, PAID)
    body = {"key": known.key, "status": status, "code": code, "gateway_ref": known.gateway_ref}
    return Reply(200, body, after_seconds)


def _key_reused() -> Reply:
    return _error(409, "key_reused", "this key belongs to another request")


def _event(payment: StubPayment) -> str:
    event = {
        "v": 1,
        "kind": "webhook",
        "event_id": f"{payment.gateway_ref}.1",
        "key": payment.key,
        "status": payment.status,
        "code": payment.code,
        "amount_minor": payment.amount.minor,
        "currency": payment.amount.currency,
        "gateway_ref": payment.gateway_ref,
    }
    return json.dumps(event, separators=(",", ":"))


def _unknown_account() -> Reply:
    return _error(422, "unknown_account", f"accounts start with {', '.join(BEHAVIOURS)}; only balance- holds money")


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"status": "error", "code": code, "message": message})


def bad_request(error: InputError) -> Reply:
    """The answer to a malformed request."""
    return _error(400, "bad_request", str(error))


def unknown_path(path: str) -> Reply:
    """The answer to a path that is none of the stub's; it cannot be taken for a lookup that found nothing."""
    return _error(404, "unknown_path", f"{path!r} is no path of this gateway with this method")


def _payment_asked(body: str) -> StubPayment:
    fields = _fields(body, {"key", "account_ref", "mandate_id", "amount_minor", "currency"})
    key = _matching(fields, "key", _KEY)
    return StubPayment(
        key,
        _matching(fields, "account_ref", _ID),
        _matching(fields, "mandate_id", _ID),
        _amount(fields),
        "",
        "",
        reference_of(key),
    )


def _refund_asked(body: str) -> StubRefund:
    fields = _fields(body, {"key", "payment_key", "amount_minor", "currency"})
    key = _matching(fields, "key", _KEY)
    return StubRefund(key, _matching(fields, "payment_key", _KEY), _amount(fields), reference_of(key))


def _fields(body: str, names: set[str]) -> dict[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise InputError("the body must be a JSON object")
    for name in sorted(names):
        if name not in fields:
            raise InputError(f"{name} is missing")
    if extra := set(fields) - names:
        raise InputError(f"{min(extra)!r} is not a field of this request")
    return fields


def _matching(fields: Mapping[str, object], name: str, form: re.Pattern[str]) -> str:
    value = fields[name]
    if not isinstance(value, str) or not form.fullmatch(value):
        raise InputError(f"{name} must be a text of the form {form.pattern}")
    return value


def _amount(fields: Mapping[str, object]) -> Money:
    minor, currency = fields["amount_minor"], fields["currency"]
    if type(minor) is not int or not 0 < minor <= _MOST_MINOR:
        raise InputError(f"amount_minor must be a whole number from 1 to {_MOST_MINOR}")
    if not isinstance(currency, str) or currency not in EXPONENTS:
        raise InputError("currency must be an ISO 4217 code")
    return Money(minor, currency)
