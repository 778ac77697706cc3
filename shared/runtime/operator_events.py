"""Events of `operate`, as typed values; a malformed one raises EventError and has no effect."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain import keys
from shared.domain.book import Outcome
from shared.domain.consent_orders import ConsentOrder
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.errors import AmountError, EventError
from shared.domain.hold_orders import HoldAdd, HoldEnd
from shared.domain.money import Money
from shared.domain.operations import (
    MOST_TARGETS,
    Approval,
    OperatorRequest,
    Order,
    Resolution,
    SwitchOrder,
    Verb,
    check_order,
)
from shared.domain.shape import says
from shared.domain.switches import checked_name
from shared.runtime.callers import CALLER, digest_of, proof
from shared.runtime.fields import Fields, day, flag, identifier, matching, one_of, version_1

_OTHERS = ("approve", "switch", "resolve", "hold", "end-hold", "bar", "lift")
_VERBS: dict[str, str] = {name: name for name in (*(verb.value for verb in Verb), *_OTHERS)}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome if outcome.is_terminal}
_CHANNELS = {channel.value: channel for channel in Channel}
_REQUEST = matching(r"R-[0-9a-f]{16}", "the id of a request, R- and sixteen hexadecimal digits")
_EVIDENCE = matching(r"[!-~]{1,128}", "a reference of 1 to 128 printable characters without a blank")
_ENTRY = matching(r"[a-z]{1,20}#[!-~]{1,140}", "an entry of suspense such as transfer#REFERENCE")


@dataclass(frozen=True, slots=True)
class Signed:
    """A request, the proof of who makes it, and the digest that the proof must cover."""

    request: OperatorRequest
    proof: Mapping[str, str]
    digest: str


def operate(event: object) -> Signed:
    """`{"v":1,"verb":"recheck","attempts":[…],"reason":…,"at_most":1,"caller":{…}}`, and the other verbs."""
    fields = Fields(event, "event of operate")
    digest = digest_of(event) if isinstance(event, dict) else ""
    fields.take("v", version_1)
    verb = fields.take("verb", one_of(_VERBS))
    request = _request(verb, fields)
    signed = fields.take(CALLER, proof)
    fields.done()
    return Signed(request, signed, digest)


def _request(verb: str, fields: Fields) -> OperatorRequest:
    match verb:
        case "approve":
            return Approval(fields.take("request", _REQUEST))
        case "switch":
            name = fields.take("name", _switch_name)
            return SwitchOrder(name, fields.take("on", flag), fields.take("reason", _reason))
        case "resolve":
            entry, loan_id = fields.take("entry", _ENTRY), fields.take_if("loan_id", identifier)
            numbers = fields.take_if("instalments", _numbers) or ()
            reason, at_most = fields.take("reason", _reason), fields.take_if("at_most", _most) or 1
            return Resolution(entry, loan_id, numbers, reason, at_most, fields.take_if("at_most_amount", _money))
        case "hold":
            return _hold(fields)
        case "end-hold":
            loan_id, hold_id = fields.take("loan_id", identifier), fields.take("hold_id", identifier)
            return HoldEnd(loan_id, hold_id, fields.take("reason", _reason))
        case "bar" | "lift":
            return _consent(fields, lifts=verb == "lift")
        case _:
            return _order(Verb(verb), fields)


def _consent(fields: Fields, *, lifts: bool) -> ConsentOrder:
    """No `classes` are all of them."""
    borrower_id, channel = fields.take("borrower_id", identifier), fields.take("channel", one_of(_CHANNELS))
    classes = fields.take_if("classes", _classes) or frozenset(MessageClass)
    return ConsentOrder(borrower_id, channel, classes, fields.take("reason", _reason), lifts)


def _hold(fields: Fields) -> HoldAdd:
    loan_id, borrower_id = fields.take_if("loan_id", identifier), fields.take_if("borrower_id", identifier)
    if (loan_id is None) == (borrower_id is None):
        raise EventError("a hold is on loan_id or on each loan of borrower_id: give one of the two")
    code, until = fields.take("code", identifier), fields.take_if("until", day)
    return HoldAdd(code, loan_id, borrower_id, until, fields.take("reason", _reason))


def _order(verb: Verb, fields: Fields) -> Order:
    order = Order(
        verb,
        fields.take("attempts", _attempts),
        fields.take("reason", _reason),
        fields.take("at_most", _most),
        fields.take_if("at_most_amount", _money),
        fields.take_if("amount", _money),
        fields.take_if("outcome", one_of(_OUTCOMES)),
        fields.take_if("evidence", _EVIDENCE),
    )
    check_order(order)
    return order


@says("a list of 1 to 100 attempts, each LOAN:PNNNNNN")
def _attempts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_TARGETS:
        raise ValueError
    return tuple(_attempt(one) for one in value)


def _attempt(value: object) -> str:
    if not isinstance(value, str) or keys.intent_key(*keys.parse_intent_key(value)) != value:
        raise ValueError
    return value


@says("a whole number from 1 to 100")
def _most(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MOST_TARGETS:
        raise ValueError
    return value


@says("a list of 1 to 80 numbers of instalments")
def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 80:
        raise ValueError
    if not all(type(number) is int and 1 <= number <= 999 for number in value):
        raise ValueError
    return tuple(value)


@says(f"a list of classes of messages, of {', '.join(MessageClass)}")
def _classes(value: object) -> frozenset[MessageClass]:
    if not isinstance(value, list) or not value:
        raise ValueError
    return frozenset(MessageClass(one) for one in value)


def money(text: str) -> Money:
    """An amount with its currency, `1234.50 CNY`; raises EventError for anything else, and for nothing."""
    number, _, currency = text.partition(" ")
    try:
        found = Money.parse(number, currency)
    except AmountError as error:
        raise EventError(f"{error}: an amount is said with its currency, such as 1234.50 CNY") from None
    if found.minor <= 0:
        raise EventError("an amount must be more than nothing")
    return found


@says('an amount with its currency, such as "1234.50 CNY"')
def _money(value: object) -> Money:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return money(value)


@says("debit, send, rail:NAME, channel:NAME, provider:NAME, product:NAME or all")
def _switch_name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return checked_name(value)


@says("a reason of 1 to 200 characters on one line")
def _reason(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 200 or not value.isprintable():
        raise ValueError
    return value.strip()
