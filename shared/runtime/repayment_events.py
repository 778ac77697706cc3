"""The messages of the repayments' queue, as typed values."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from shared.domain.bank_file import (
    INCOMING,
    ROWS_PER_MESSAGE,
    BankFile,
    BankFileNews,
    BankRow,
    BankRows,
    is_file_name,
    loan_id_of,
)
from shared.domain.book import EntryKind, Outcome
from shared.domain.errors import AmountError, EventError
from shared.domain.gateway import outcome_of
from shared.domain.mandate_requests import RAIL_STATUSES, RailWord
from shared.domain.money import EXPONENTS, Money
from shared.domain.repayment import Arrived, Channel, GatewayReport, GivenAgain, TakenBack, arrived
from shared.domain.shape import says
from shared.runtime.fields import Fields, day, identifier, matching, one_of, read_json, version_1
from shared.runtime.receipt_shapes import instant

MOST_MINOR = 10**15

_REFERENCE = matching(r"[!-~]{1,128}", "1 to 128 printable characters")
_WORD = matching(r"[a-z_-]{1,40}", "a word of the gateway")
_CODE = matching(r"[A-Za-z0-9._-]{1,64}", "a code of the rail: 1 to 64 letters, digits, dots, dashes or underscores")
_VERSION = matching(r"[!-~]{1,1024}", "a version of a file: 1 to 1024 printable characters")
_INSTANT = matching(r"20\d\d-\d\d-\d\dT[0-9:.]{8,15}Z", "an instant in UTC")
_AMOUNT = matching(r"\d{1,15}(\.\d{1,3})?", 'a decimal amount in quotes, such as "1234.50"')

_TOLD = ("webhook", "transfer", "reversal", "chargeback", "reinstatement", "mandate")
"""What a sender may sign; the other kinds are the lender's own."""


def repayment(body: str, codes: Mapping[str, Outcome]) -> Arrived | BankFileNews | BankRows | RailWord:
    """A message of the repayments' queue: news of money by webhook or hand, a bank file, rows of one, or a rail's word
    on a mandate. The gateway's word on one of our intents is read by the codes of its rail."""
    document = read_json(body, "repayment")
    if isinstance(document, dict) and ("Records" in document or document.get("Event") == "s3:TestEvent"):
        return _bank_files(document)
    fields = Fields(document, "repayment")
    fields.take("v", version_1)
    kind = fields.take("kind", one_of({name: name for name in ("manual", *_TOLD, "rows", "received")}))
    if kind == "received":
        return _received(fields, codes)
    found: Arrived | BankRows | RailWord = _rows(fields) if kind == "rows" else _told(fields, kind, codes)
    fields.done()
    return found


def _received(envelope: Fields, codes: Mapping[str, Outcome]) -> Arrived | RailWord:
    """A webhook as it came; it may say what a sender may say, and nothing of the lender's own."""
    envelope.take("received_at", _INSTANT)
    if "body_base64" in envelope:
        raise EventError("repayment: body is not UTF-8")
    body = envelope.take("body", _any_text)
    envelope.done()
    fields = Fields(read_json(body, "repayment"), "repayment")
    fields.take("v", version_1)
    found = _told(fields, fields.take("kind", one_of({name: name for name in _TOLD})), codes)
    fields.done()
    return found


def _told(fields: Fields, kind: str, codes: Mapping[str, Outcome]) -> Arrived | RailWord:
    match kind:
        case "manual":
            return _manual(fields)
        case "webhook":
            return _webhook(fields, codes)
        case "transfer":
            return _transfer(fields)
        case "mandate":
            return _mandate(fields)
        case "reinstatement":
            return _given_again(fields)
        case _:
            return _taken_back(fields, EntryKind(kind), codes)


def _manual(fields: Fields) -> Arrived:
    reference, loan_id = fields.take("repayment_id", _REFERENCE), fields.take("loan_id", identifier)
    amount, currency = fields.take("amount", _AMOUNT), fields.take("currency", _known_currency)
    try:
        money = Money.parse(amount, currency)
    except AmountError:
        raise EventError(f"repayment: amount has more decimals than {currency}") from None
    if money.minor <= 0:
        raise EventError("repayment: amount must be more than nothing")
    numbers = fields.take_if("numbers", _numbers) or ()
    return arrived(reference, loan_id, money, fields.take("paid_on", day), numbers)


def _webhook(fields: Fields, codes: Mapping[str, Outcome]) -> GatewayReport:
    fields.take("event_id", _REFERENCE)
    key = fields.take("key", _REFERENCE)
    outcome = outcome_of(fields.take("status", _WORD), fields.take("code", _CODE), codes)
    money = Money(fields.take("amount_minor", _minor), fields.take("currency", _known_currency))
    return GatewayReport(key, outcome, money, fields.take("gateway_ref", _maybe_reference))


def _transfer(fields: Fields) -> Arrived:
    """Money that reached an account of the lender; the reference is the bank's."""
    fields.take("event_id", _REFERENCE)
    reference, payer = fields.take("reference", _REFERENCE), fields.take("payer_ref", _payer)
    money = Money(fields.take("amount_minor", _some_minor), fields.take("currency", _known_currency))
    return arrived(reference, payer, money, fields.take("paid_on", day))


def _taken_back(fields: Fields, kind: EntryKind, codes: Mapping[str, Outcome]) -> TakenBack:
    """A reversal may say why, in the rail's code; one that its pack does not know is no reason."""
    event_id, reference = fields.take("event_id", _REFERENCE), fields.take("key", _REFERENCE)
    money = Money(fields.take("amount_minor", _some_minor), fields.take("currency", _known_currency))
    code = fields.take_if("code", _CODE) if kind is EntryKind.REVERSAL else None
    why = codes.get(code) if code else None
    return TakenBack(kind, reference, money, fields.take_if("taken_on", day), event_id, Channel.WEBHOOK, why)


def _given_again(fields: Fields) -> GivenAgain:
    """`event_id` and `of` are those of the news by which the money left; of a refund, `key` is the refund's own."""
    event_id, reference = fields.take("event_id", _REFERENCE), fields.take("key", _REFERENCE)
    kinds = (EntryKind.REVERSAL, EntryKind.CHARGEBACK, EntryKind.REFUND)
    kind = fields.take("of", one_of({kind.value: kind for kind in kinds}))
    money = Money(fields.take("amount_minor", _some_minor), fields.take("currency", _known_currency))
    return GivenAgain(kind, reference, money, event_id, Channel.WEBHOOK)


def _mandate(fields: Fields) -> RailWord:
    return RailWord(
        fields.take("event_id", _REFERENCE),
        fields.take("loan_id", identifier),
        fields.take("mandate_id", identifier),
        fields.take("status", one_of({status.value: status for status in RAIL_STATUSES})),
        fields.take("at", instant),
    )


def _rows(fields: Fields) -> BankRows:
    return BankRows(
        fields.take("file", _file_name), fields.take("rows", _bank_rows), fields.take_if("version", _VERSION)
    )


def _bank_files(document: Mapping[str, Any]) -> BankFileNews:
    """What S3 says of new files; the message with which it tries a queue names none, and a key that ends in a slash is
    the place that a console keeps for a folder."""
    found = document.get("Records", [])
    objects = [_s3_object(record) for record in found] if isinstance(found, list) else [None]
    known = [one for one in objects if one is not None]
    if len(known) != len(objects):
        raise EventError("repayment: Records are not those of S3")
    return BankFileNews(
        tuple(BankFile(key.removeprefix(INCOMING), version) for key, version in known if not key.endswith("/"))
    )


def _s3_object(record: object) -> tuple[str, str | None] | None:
    """The decoded key of a new object, and its version where the bucket keeps any; None for what is no record of S3."""
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        return None
    try:
        found = record["s3"]["object"]
        key, version = found["key"], found.get("versionId")
    except (KeyError, TypeError):
        return None
    return (unquote_plus(key), version) if isinstance(key, str) and isinstance(version, str | None) else None


@says("a list of rows of a bank file, each line, reference, minor units, currency, date and loan id")
def _bank_rows(value: object) -> tuple[BankRow, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= ROWS_PER_MESSAGE:
        raise ValueError
    return tuple(_bank_row(one) for one in value)


def _bank_row(value: object) -> BankRow:
    if not isinstance(value, list) or len(value) != 6:
        raise ValueError
    line, reference, minor, currency, booked_on, loan_id = value
    if type(line) is not int or type(minor) is not int or not 0 < abs(minor) < MOST_MINOR:
        raise ValueError
    return BankRow(line, _REFERENCE(reference), minor, _known_currency(currency), day(booked_on), _payer(loan_id))


@says("the name of a bank file")
def _file_name(value: object) -> str:
    if not isinstance(value, str) or not is_file_name(value):
        raise ValueError
    return value


@says("a loan's id as a text, or null: what can be no id is nobody's, and its money is kept all the same")
def _payer(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise ValueError
    return loan_id_of(value or "")


@says("a text")
def _any_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return value


@says("a list of 1 to 80 numbers of instalments")
def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 80 or not all(type(n) is int and n > 0 for n in value):
        raise ValueError
    return tuple(value)


@says("a whole number of minor units, at least 1")
def _some_minor(value: object) -> int:
    if _minor(value) == 0:
        raise ValueError
    return _minor(value)


@says("an ISO 4217 code")
def _known_currency(value: object) -> str:
    if not isinstance(value, str) or value not in EXPONENTS:
        raise ValueError
    return value


@says("a whole number of minor units")
def _minor(value: object) -> int:
    if type(value) is not int or not 0 <= value < MOST_MINOR:
        raise ValueError
    return value


@says("1 to 128 printable characters, or null")
def _maybe_reference(value: object) -> str | None:
    return None if value is None else _REFERENCE(value)
