"""Events of `pay_now`, as typed values; a malformed one raises EventError and has no effect."""

from shared.domain.book import Owner
from shared.domain.errors import AmountError, EventError
from shared.domain.intents import MOST_INSTALMENTS
from shared.domain.money import EXPONENTS, Money
from shared.domain.pay_order import PayOrder
from shared.domain.shape import says
from shared.runtime.fields import Fields, identifier, matching, version_1

_AMOUNT = matching(r"\d{1,15}(\.\d{1,3})?", 'a decimal amount in quotes, such as "1234.50"')
_WHOLE_LOAN = "all"


def pay_now(event: object) -> PayOrder:
    """`{"v":1,"order_id":…,"loan_id":…,"instalments":[1,2],"amount":"100.00","currency":"CNY"}`.

    Without instalments, or with "all", it is the payoff; without an amount all that is outstanding of them. Whoever
    invokes it, the order is the borrower's; `order_id` is the caller's name for it."""
    fields = Fields(event, "event of pay_now")
    fields.take("v", version_1)
    order_id = fields.take("order_id", identifier)
    loan_id, numbers = fields.take("loan_id", identifier), fields.take_if("instalments", _numbers)
    amount = _money(fields) if "amount" in fields else None
    fields.done()
    return PayOrder(loan_id, numbers, amount, Owner.BORROWER, order_id)


@says(f'"all", or a list of 1 to {MOST_INSTALMENTS} different numbers of instalments')
def _numbers(value: object) -> tuple[int, ...] | None:
    if value == _WHOLE_LOAN:
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_INSTALMENTS:
        raise ValueError
    if not all(type(number) is int and 1 <= number <= 999 for number in value) or len(set(value)) < len(value):
        raise ValueError
    return tuple(value)


def _money(fields: Fields) -> Money:
    amount, currency = fields.take("amount", _AMOUNT), fields.take("currency", _currency)
    try:
        money = Money.parse(amount, currency)
    except AmountError:
        raise EventError(f"event of pay_now: amount has more decimals than {currency}") from None
    if money.minor <= 0:
        raise EventError("event of pay_now: amount must be more than nothing")
    return money


@says("an ISO 4217 code")
def _currency(value: object) -> str:
    if not isinstance(value, str) or value not in EXPONENTS:
        raise ValueError
    return value
