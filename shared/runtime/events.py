"""Every trigger's event as typed values; one that is unknown or malformed raises EventError and has no effect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain import keys
from shared.domain.book import Line
from shared.domain.errors import AmountError, EventError
from shared.domain.gateway import outcome_of
from shared.domain.money import EXPONENTS, Money
from shared.domain.repayment import GatewayReport, Repayment
from shared.domain.request import ByHand
from shared.ports.world import HINTS_PER_MESSAGE
from shared.runtime.fields import (
    Fields,
    day,
    flag,
    identifier,
    identifiers,
    matching,
    one_of,
    read_json,
    version_1,
)

MOST_MINOR = 10**15

_LINES = {line.value: line for line in Line}
_RUN = matching(r"[A-Za-z0-9:._-]{1,64}", "the id of a run")
_PLACE_IN_ALL = matching(r"\d{1,3}:[ -~\x7f]{0,300}", "`after` of an earlier answer")
_PLACE_IN_NAMED = matching(r"\d{1,3}", "`after` of an earlier answer")
_REFERENCE = matching(r"[!-~]{1,128}", "1 to 128 printable characters")
_WORD = matching(r"[a-z_-]{1,40}", "a word of the gateway")
_AMOUNT = matching(r"\d{1,15}(\.\d{1,3})?", 'a decimal amount in quotes, such as "1234.50"')


@dataclass(frozen=True, slots=True)
class Hints:
    """One message of a line's queue: keys of work, and the run that gave them."""

    keys: tuple[str, ...]
    run: str


def run_id(now: datetime) -> str:
    """The id of a run that starts at this instant: `2026-03-01T08:00:00Z`."""
    return keys.instant(now.replace(microsecond=0))


def scheduled(event: object, name: str) -> None:
    """Accepts `{"v":1,"schedule":NAME}` and nothing else."""
    fields = Fields(event, f"event of {name}")
    fields.take("v", version_1)
    fields.take("schedule", one_of({name: name}))
    fields.done()


def plan_work(event: object) -> ByHand | None:
    """What a person asks for, or None for the schedule's pass."""
    fields = Fields(event, "event of plan_work")
    if "schedule" in fields:
        scheduled(event, "plan_work")
        return None
    if "line" not in fields:
        raise EventError('event of plan_work: neither {"v":1,"schedule":"plan_work"} nor by hand, with a line')
    line = fields.take("line", one_of(_LINES))
    loan_ids = fields.take_if("loan_ids", identifiers)
    everything = fields.take_if("all", _true)
    if (loan_ids is None) == (everything is None):
        raise EventError('event of plan_work: either loan_ids or "all": true, and not both')
    on = fields.take_if("business_date", day)
    asked = fields.take_if("dry_run", flag)
    dry_run = True if asked is None else asked
    after = fields.take_if("after", _PLACE_IN_ALL if loan_ids is None else _PLACE_IN_NAMED)
    if after is not None and not dry_run:
        raise EventError("event of plan_work: after is for a dry run, which answers in pages")
    fields.done()
    return ByHand(line, loan_ids, on, dry_run, after)


def _true(value: object) -> bool:
    """true, or left out"""
    if value is not True:
        raise ValueError
    return True


def records(event: object, name: str) -> list[dict[str, Any]]:
    """The records of an SQS event."""
    found = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(found, list) or not found or not all(_is_sqs(record) for record in found):
        raise EventError(f'event of {name}: not a batch of SQS messages, {{"Records": […]}}')
    return found


def _is_sqs(record: object) -> bool:
    return (
        isinstance(record, dict)
        and record.get("eventSource") == "aws:sqs"
        and isinstance(record.get("messageId"), str)
        and isinstance(record.get("body"), str)
    )


def hints(body: str, line: Line) -> Hints:
    """A message of the line's queue: `{"v":1,"line":…,"keys":[…],"run":…}` with 1 to 20 keys of that line."""
    fields = Fields(read_json(body, f"hint for the {line} line"), f"hint for the {line} line")
    fields.take("v", version_1)
    fields.take("line", one_of({line.value: line}))
    found = fields.take("keys", _hint_keys(line))
    run = fields.take("run", _RUN)
    fields.done()
    return Hints(found, run)


def _hint_keys(line: Line) -> Callable[[object], tuple[str, ...]]:
    def shape(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= HINTS_PER_MESSAGE:
            raise ValueError
        return tuple(_hint_key(line, key) for key in value)

    form = "LOAN#NNN" if line is Line.DEBIT else "id"
    shape.__doc__ = f"a list of 1 to {HINTS_PER_MESSAGE} keys of the {line} line, each {form}"
    return shape


def _hint_key(line: Line, key: object) -> str:
    if not isinstance(key, str):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    if line is Line.DEBIT and keys.debit_key(*keys.parse_debit_key(key)) != key:
        raise ValueError
    return keys.parse_hint_key(line, key)


def repayment(body: str) -> Repayment | GatewayReport:
    """A message of the repayments' queue: a repayment by hand, or the gateway's word on one of our intents."""
    fields = Fields(read_json(body, "repayment"), "repayment")
    fields.take("v", version_1)
    kind = fields.take("kind", one_of({"manual": "manual", "webhook": "webhook"}))
    found = _manual(fields) if kind == "manual" else _webhook(fields)
    fields.done()
    return found


def _manual(fields: Fields) -> Repayment:
    repayment_id, loan_id = fields.take("repayment_id", identifier), fields.take("loan_id", identifier)
    amount, currency = fields.take("amount", _AMOUNT), fields.take("currency", _known_currency)
    try:
        money = Money.parse(amount, currency)
    except AmountError:
        raise EventError(f"repayment: amount has more decimals than {currency}") from None
    if money.minor <= 0:
        raise EventError("repayment: amount must be more than nothing")
    return Repayment("manual", repayment_id, loan_id, money, fields.take("paid_on", day))


def _webhook(fields: Fields) -> GatewayReport:
    fields.take("event_id", _REFERENCE)
    key = fields.take("key", _REFERENCE)
    outcome = outcome_of(fields.take("status", _WORD), fields.take("code", _WORD))
    money = Money(fields.take("amount_minor", _minor), fields.take("currency", _known_currency))
    return GatewayReport(key, outcome, money, fields.take("gateway_ref", _maybe_reference))


def _known_currency(value: object) -> str:
    """an ISO 4217 code"""
    if not isinstance(value, str) or value not in EXPONENTS:
        raise ValueError
    return value


def _minor(value: object) -> int:
    """a whole number of minor units"""
    if type(value) is not int or not 0 <= value < MOST_MINOR:
        raise ValueError
    return value


def _maybe_reference(value: object) -> str | None:
    """1 to 128 printable characters, or null"""
    return None if value is None else _REFERENCE(value)
