"""Events: what is well formed becomes a value, anything else one clear error that repeats no value."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.adapters.policy_files import rail_codes
from shared.domain.bank_file import BankFile, BankFileNews, BankRow, BankRows
from shared.domain.book import EntryKind, Line, Outcome
from shared.domain.errors import EventError
from shared.domain.money import Money
from shared.domain.repayment import Channel, GatewayReport, GivenAgain, Repayment, TakenBack
from shared.domain.request import ByHand
from shared.runtime import events, hint_events, plan_events, repayment_events
from tests.functions.payloads import record

CODES = rail_codes("stub")
NAMED = {"line": "debit", "loan_ids": ["HB-001"]}
ALL = {"line": "contact", "all": True}


@pytest.mark.parametrize(
    ("event", "asked"),
    [
        ({"v": 1, "schedule": "plan_work"}, None),
        (NAMED, ByHand(Line.DEBIT, ("HB-001",), None)),
        (ALL, ByHand(Line.CONTACT, None, None)),
        (ALL | {"dry_run": True}, ByHand(Line.CONTACT, None, None)),
        (ALL | {"line": "stage", "dry_run": False}, ByHand(Line.STAGE, None, None, dry_run=False)),
        (NAMED | {"business_date": "2028-02-29"}, ByHand(Line.DEBIT, ("HB-001",), date(2028, 2, 29))),
        (NAMED | {"after": "500"}, ByHand(Line.DEBIT, ("HB-001",), None, after="500")),
        (
            ALL | {"after": "3:2026-03-10T00:00:00Z#B-027"},
            ByHand(Line.CONTACT, None, None, after="3:2026-03-10T00:00:00Z#B-027"),
        ),
        ({"line": "stage", "loan_ids": ["x"] * 500}, ByHand(Line.STAGE, ("x",) * 500, None)),
    ],
)
def test_planning_understands_its_schedule_and_a_person(event: object, asked: ByHand | None) -> None:
    assert plan_events.plan_work(event) == asked


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        ("plan", "not a JSON object"),
        ({}, "neither"),
        ({"v": 1}, "neither"),
        ({"v": 1, "schedule": "reconcile"}, "schedule must be plan_work"),
        ({"schedule": "plan_work"}, "v is missing"),
        ({"v": 2, "schedule": "plan_work"}, "v must be 1, the only version there is"),
        ({"v": True, "schedule": "plan_work"}, "v must be 1"),
        ({"v": "1", "schedule": "plan_work"}, "v must be 1"),
        ({"v": 1, "schedule": "plan_work", "line": "debit"}, "unknown field 'line'"),
        ({"v": 1, "schedule": ["plan_work"]}, "schedule must be"),
        ({"line": "debit"}, "either loan_ids"),
        (NAMED | {"all": True}, "either loan_ids"),
        (ALL | {"all": False}, "all must be true"),
        (ALL | {"all": 1}, "all must be true"),
        (ALL | {"line": "sms"}, "line must be contact or debit or stage"),
        (ALL | {"line": None}, "line must be"),
        (NAMED | {"loan_ids": []}, "loan_ids must be a list of 1 to 500 ids"),
        (NAMED | {"loan_ids": ["x"] * 501}, "loan_ids must be"),
        (NAMED | {"loan_ids": "HB-001"}, "loan_ids must be"),
        (NAMED | {"loan_ids": ["HB#001"]}, "loan_ids must be"),
        (NAMED | {"loan_ids": [1]}, "loan_ids must be"),
        (NAMED | {"loan_ids": ["x" * 65]}, "loan_ids must be"),
        (NAMED | {"business_date": "10.3.2026"}, "business_date must be a date such as 2026-03-01"),
        (NAMED | {"business_date": "2026-02-30"}, "business_date must be"),
        (NAMED | {"business_date": "0001-01-01"}, "business_date must be"),
        (NAMED | {"business_date": "20260310"}, "business_date must be"),
        (NAMED | {"business_date": 20260310}, "business_date must be"),
        (NAMED | {"dry_run": "false"}, "dry_run must be true or false"),
        (NAMED | {"dry_run": 0}, "dry_run must be"),
        (NAMED | {"dry_run": None}, "dry_run must be"),
        (NAMED | {"dryrun": False}, "unknown field 'dryrun'"),
        (NAMED | {"after": "0:x"}, "after must be `after` of an earlier answer"),
        (NAMED | {"after": "-1"}, "after must be"),
        (ALL | {"after": "500"}, "after must be"),
        (ALL | {"after": "x:"}, "after must be"),
        (ALL | {"after": "0:", "dry_run": False}, "after is for a dry run"),
    ],
)
def test_planning_refuses_anything_else(event: object, problem: str) -> None:
    with pytest.raises(EventError, match="event of plan_work") as caught:
        plan_events.plan_work(event)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_is_named_after_its_instant() -> None:
    assert events.run_id(datetime(2026, 3, 1, 8, 0, 0, 123, UTC)) == "2026-03-01T08:00:00Z"


def a_hint(**changes: Any) -> dict[str, Any]:
    return {"v": 1, "line": "debit", "keys": ["HB-001#002"], "run": "2026-03-01T08:00:00Z"} | changes


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        (Line.CONTACT, ["B-027"]),
        (Line.STAGE, ["HB-001", "BT-002"]),
        (Line.DEBIT, [f"HB-001#{n:03d}" for n in range(1, 21)]),
        (Line.DEBIT, ["HB-001#1000"]),
    ],
)
def test_a_hint_names_keys_of_its_line(line: Line, keys: list[str]) -> None:
    hints = hint_events.hints(json.dumps(a_hint(line=line.value, keys=keys)), line)
    assert hints == hint_events.Hints(tuple(keys), "2026-03-01T08:00:00Z")


MALFORMED_HINTS: list[tuple[object, str]] = [
    ("", "not JSON"),
    ("{", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("[]", "not a JSON object"),
    ("null", "not a JSON object"),
    ({}, "v is missing"),
    (a_hint(v=2), "v must be 1"),
    (a_hint(line="contact"), "line must be debit"),
    (a_hint(line="stage"), "line must be debit"),
    (a_hint(line=7), "line must be debit"),
    (a_hint(keys=[]), "keys must be a list of 1 to 20 keys of the debit line, each LOAN#NNN"),
    (a_hint(keys=["HB-001#002"] * 21), "keys must be"),
    (a_hint(keys="HB-001#002"), "keys must be"),
    (a_hint(keys={"HB-001#002": 1}), "keys must be"),
    (a_hint(keys=["HB-001"]), "keys must be"),
    (a_hint(keys=["HB-001#2"]), "keys must be"),
    (a_hint(keys=["HB-001#002", "#001"]), "keys must be"),
    (a_hint(keys=["HB-001#x"]), "keys must be"),
    (a_hint(keys=["+447700900027#001"]), "keys must be"),
    (a_hint(keys=[2]), "keys must be"),
    (a_hint(keys=[None]), "keys must be"),
    (a_hint(run=""), "run must be the id of a run"),
    (a_hint(run="x" * 65), "run must be"),
    (a_hint(run="to 王秀兰"), "run must be"),
    (a_hint(run=1), "run must be"),
    (a_hint(amount="10.00"), "unknown field 'amount'"),
    ({k: v for k, v in a_hint().items() if k != "run"}, "run is missing"),
    ({k: v for k, v in a_hint().items() if k != "keys"}, "keys is missing"),
]


@pytest.mark.parametrize(("body", "problem"), MALFORMED_HINTS)
def test_a_malformed_hint_is_refused(body: object, problem: str) -> None:
    with pytest.raises(EventError, match="hint for the debit line: ") as caught:
        hint_events.hints(body if isinstance(body, str) else json.dumps(body), Line.DEBIT)
    assert problem in str(caught.value)
    assert "7700900027" not in str(caught.value)


def by_hand(**changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "kind": "manual",
        "repayment_id": "R-1",
        "loan_id": "HB-001",
        "amount": "510.00",
        "currency": "CNY",
        "paid_on": "2026-03-09",
    } | changes


def webhook(**changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "kind": "webhook",
        "event_id": "GW0123456789ABCDEF.1",
        "key": "HB-001:P000001",
        "status": "paid",
        "code": "paid",
        "amount_minor": 51000,
        "currency": "CNY",
        "gateway_ref": "GW0123456789ABCDEF",
    } | changes


def test_a_repayment_by_hand_is_read() -> None:
    assert repayment_events.repayment(json.dumps(by_hand()), CODES) == Repayment(
        "transfer", "R-1", "HB-001", Money(51000, "CNY"), date(2026, 3, 9)
    )


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("510", "CNY", 51000), ("0.01", "CNY", 1), ("7", "JPY", 7), ("1.005", "KWD", 1005)],
)
def test_an_amount_is_in_its_currency_s_unit(amount: str, currency: str, minor: int) -> None:
    read = repayment_events.repayment(json.dumps(by_hand(amount=amount, currency=currency)), CODES)
    assert isinstance(read, Repayment)
    assert read.amount == Money(minor, currency)


@pytest.mark.parametrize(
    ("changes", "outcome", "reference"),
    [
        ({}, Outcome.PAID, "GW0123456789ABCDEF"),
        ({"status": "declined", "code": "insufficient"}, Outcome.INSUFFICIENT, "GW0123456789ABCDEF"),
        ({"status": "declined", "code": "mandate_dead"}, Outcome.MANDATE_DEAD, "GW0123456789ABCDEF"),
        ({"status": "thinking", "code": "later"}, Outcome.UNKNOWN, "GW0123456789ABCDEF"),
        ({"gateway_ref": None}, Outcome.PAID, None),
    ],
)
def test_a_webhook_s_words_are_those_of_the_gateway(
    changes: dict[str, Any], outcome: Outcome, reference: str | None
) -> None:
    assert repayment_events.repayment(json.dumps(webhook(**changes)), CODES) == GatewayReport(
        "HB-001:P000001", outcome, Money(51000, "CNY"), reference
    )


MALFORMED_REPAYMENTS: list[tuple[object, str]] = [
    ("", "not JSON"),
    ("17", "not a JSON object"),
    ({}, "v is missing"),
    ({"v": 1}, "kind is missing"),
    (by_hand(kind="cheque"), "kind must be manual or webhook or transfer or "),
    (by_hand(v=3), "v must be 1"),
    (by_hand(repayment_id=""), "repayment_id must be 1 to 128 printable characters"),
    (by_hand(repayment_id="R 1"), "repayment_id must be 1 to 128 printable characters"),
    (by_hand(loan_id="the loan of 王秀兰"), "loan_id must be an id"),
    (by_hand(loan_id=None), "loan_id must be an id"),
    (by_hand(amount=510.0), "amount must be a decimal amount in quotes"),
    (by_hand(amount="510,00"), "amount must be"),
    (by_hand(amount="-5"), "amount must be"),
    (by_hand(amount="5e2"), "amount must be"),
    (by_hand(amount="1" * 16), "amount must be"),
    (by_hand(amount="510.001"), "amount has more decimals than CNY"),
    (by_hand(amount="510.5", currency="JPY"), "amount has more decimals than JPY"),
    (by_hand(amount="0.00"), "amount must be more than nothing"),
    (by_hand(currency="RMB"), "currency must be an ISO 4217 code"),
    (by_hand(currency=None), "currency must be"),
    (by_hand(paid_on="9 March"), "paid_on must be a date"),
    (by_hand(paid_on="2026-02-29"), "paid_on must be a date"),
    (by_hand(note="for 王秀兰"), "unknown field 'note'"),
    ({k: v for k, v in by_hand().items() if k != "paid_on"}, "paid_on is missing"),
    (webhook(key=""), "key must be"),
    (webhook(key=None), "key must be"),
    (webhook(event_id=7), "event_id must be"),
    (webhook(status=None), "status must be a word"),
    (webhook(status="PAID"), "status must be a word"),
    (webhook(amount_minor="51000"), "amount_minor must be a whole number"),
    (webhook(amount_minor=510.0), "amount_minor must be"),
    (webhook(amount_minor=True), "amount_minor must be"),
    (webhook(amount_minor=-1), "amount_minor must be"),
    (webhook(amount_minor=10**15), "amount_minor must be"),
    (webhook(currency="yuan"), "currency must be"),
    (webhook(gateway_ref="x" * 129), "gateway_ref must be"),
    (webhook(loan_id="HB-001"), "unknown field 'loan_id'"),
    ({k: v for k, v in webhook().items() if k != "gateway_ref"}, "gateway_ref is missing"),
]


def transfer(**changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "kind": "transfer",
        "event_id": "E-1",
        "reference": "BANK-1",
        "payer_ref": "HB-001",
        "amount_minor": 51000,
        "currency": "CNY",
        "paid_on": "2026-03-09",
    } | changes


def taken_back(**changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "kind": "reversal",
        "event_id": "E-2",
        "key": "BANK-1",
        "amount_minor": 500,
        "currency": "CNY",
    } | changes


def received(body: object, **changes: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"v": 1, "kind": "received", "received_at": "2026-03-10T00:00:00.5Z", "body": text} | changes


def rows(*found: object, **changes: Any) -> dict[str, Any]:
    return {"v": 1, "kind": "rows", "file": "x.csv", "rows": list(found)} | changes


def in_bucket(*keys: object, **of_each: object) -> dict[str, Any]:
    return {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": key} | of_each}} for key in keys]}


ROW = [2, "BANK-1", -500, "CNY", "2026-03-09", "HB-001"]
MONEY = Money(51000, "CNY")
EVIDENCE = GatewayReport("HB-001:P000001", Outcome.PAID, MONEY, None, came_in=True)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (transfer(), Repayment("transfer", "BANK-1", "HB-001", MONEY, date(2026, 3, 9))),
        (transfer(payer_ref=None), Repayment("transfer", "BANK-1", "", MONEY, date(2026, 3, 9))),
        (transfer(payer_ref="the loan of 王秀兰"), Repayment("transfer", "BANK-1", "", MONEY, date(2026, 3, 9))),
        (transfer(reference="HB-001:P000001"), EVIDENCE),
        (by_hand(repayment_id="HB-001:P000001"), EVIDENCE),
        (by_hand(numbers=[3, 1]), Repayment("transfer", "R-1", "HB-001", MONEY, date(2026, 3, 9), (3, 1))),
        (
            taken_back(),
            TakenBack(EntryKind.REVERSAL, "BANK-1", Money(500, "CNY"), None, "E-2", Channel.WEBHOOK),
        ),
        *(
            (
                taken_back(code=code),
                TakenBack(EntryKind.REVERSAL, "BANK-1", Money(500, "CNY"), None, "E-2", Channel.WEBHOOK, outcome),
            )
            for code, outcome in (("insufficient", Outcome.INSUFFICIENT), ("a-new-one", None))
        ),
        (
            taken_back(kind="reinstatement", of="chargeback", key="HB-001:P000001"),
            GivenAgain(EntryKind.CHARGEBACK, "HB-001:P000001", Money(500, "CNY"), "E-2", Channel.WEBHOOK),
        ),
        (
            taken_back(kind="chargeback", key="HB-001:P000001", taken_on="2026-03-09"),
            TakenBack(
                EntryKind.CHARGEBACK,
                "HB-001:P000001",
                Money(500, "CNY"),
                date(2026, 3, 9),
                "E-2",
                Channel.WEBHOOK,
            ),
        ),
        (received(webhook()), GatewayReport("HB-001:P000001", Outcome.PAID, MONEY, "GW0123456789ABCDEF")),
        (received(transfer()), Repayment("transfer", "BANK-1", "HB-001", MONEY, date(2026, 3, 9))),
        (rows(ROW), BankRows("x.csv", (BankRow(2, "BANK-1", -500, "CNY", date(2026, 3, 9), "HB-001"),))),
        (
            rows(ROW, version="3HL4kq"),
            BankRows("x.csv", (BankRow(2, "BANK-1", -500, "CNY", date(2026, 3, 9), "HB-001"),), "3HL4kq"),
        ),
        (in_bucket("incoming/a%2Bb+c.csv"), BankFileNews((BankFile("a+b c.csv"),))),
        (in_bucket("incoming/x.csv", versionId="3HL4kq"), BankFileNews((BankFile("x.csv", "3HL4kq"),))),
        (in_bucket("incoming/", "incoming/2026/", "incoming/X.CSV"), BankFileNews((BankFile("X.CSV"),))),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}, BankFileNews(())),
    ],
)
def test_news_of_money_is_read(body: object, read: object) -> None:
    assert repayment_events.repayment(json.dumps(body), CODES) == read


MALFORMED_REPAYMENTS += [
    (transfer(amount_minor=0), "amount_minor must be a whole number of minor units, at least 1"),
    (transfer(reference=""), "reference must be"),
    (transfer(payer_ref=7), "payer_ref must be"),
    (transfer(paid_on=None), "paid_on must be"),
    (transfer(note="for 王秀兰"), "unknown field 'note'"),
    (taken_back(amount_minor=-5), "amount_minor must be"),
    (taken_back(taken_on="today"), "taken_on must be"),
    (taken_back(kind="reinstatement"), "of is missing"),
    (taken_back(kind="reinstatement", of="payment"), "of must be reversal or chargeback or refund"),
    (by_hand(numbers=[]), "numbers must be"),
    (by_hand(numbers=[0]), "numbers must be"),
    (by_hand(numbers=[True]), "numbers must be"),
    (received("nonsense"), "not JSON"),
    (received(by_hand()), "kind must be webhook or transfer or reversal or chargeback"),
    (received(received(webhook())), "kind must be webhook"),
    (received(rows(ROW)), "kind must be webhook"),
    (received(webhook(), received_at="now"), "received_at must be"),
    (received(webhook()) | {"body": 7}, "body must be a text"),
    (received(webhook()) | {"body_base64": "//4="}, "body is not UTF-8"),
    (received(webhook()) | {"x": 1}, "unknown field 'x'"),
    (rows(), "rows must be"),
    (rows(*[ROW] * 51), "rows must be"),
    (rows(ROW[:5]), "rows must be"),
    (rows(["2", *ROW[1:]]), "rows must be"),
    (rows([2, "BANK-1", 0, *ROW[3:]]), "rows must be"),
    (rows([2, "BANK-1", 10**15, *ROW[3:]]), "rows must be"),
    (rows([*ROW[:5], 7]), "rows must be"),
    (rows(ROW, file="../x.csv"), "file must be"),
    ({"Records": [{"eventSource": "aws:sns"}]}, "Records are not those of S3"),
    ({"Records": "x"}, "Records are not those of S3"),
    (in_bucket(7), "Records are not those of S3"),
    (in_bucket("incoming/x.csv", versionId=7), "Records are not those of S3"),
    (rows(ROW, version=""), "version must be"),
    (rows(ROW, version=7), "version must be"),
    ({"Records": [{"eventSource": "aws:s3", "s3": []}]}, "Records are not those of S3"),
]


@pytest.mark.parametrize(("body", "problem"), MALFORMED_REPAYMENTS)
def test_a_malformed_repayment_is_refused(body: object, problem: str) -> None:
    with pytest.raises(EventError, match="repayment: ") as caught:
        repayment_events.repayment(body if isinstance(body, str) else json.dumps(body), CODES)
    assert problem in str(caught.value)
    assert "王秀兰" not in str(caught.value)


@pytest.mark.parametrize(
    "event",
    [
        None,
        "x",
        {},
        [],
        {"Records": None},
        {"Records": []},
        {"Records": ["x"]},
        {"Records": [{"body": "{}"}]},
        {"Records": [record("{}") | {"eventSource": "aws:kinesis"}]},
        {"Records": [record("{}"), record("{}") | {"body": None}]},
        {"v": 1, "line": "debit", "keys": ["HB-001#002"], "run": "r"},
    ],
)
def test_what_is_no_batch_of_messages_is_refused(event: object) -> None:
    with pytest.raises(EventError, match="event of reconcile: not a batch of SQS messages"):
        events.records(event, "reconcile")


def test_a_batch_of_messages_is_handed_on() -> None:
    batch = [record("{}"), record("nonsense")]
    assert events.records({"Records": batch}, "x") == batch


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({}, "v is missing"),
        ({"v": 1}, "schedule is missing"),
        ({"v": 1, "schedule": "plan_work"}, "schedule must be reconcile"),
        ({"v": 1, "schedule": "reconcile", "dry_run": True}, "unknown field 'dry_run'"),
        (None, "not a JSON object"),
    ],
)
def test_only_its_own_schedule_starts_a_scheduled_function(event: object, problem: str) -> None:
    with pytest.raises(EventError) as caught:
        events.scheduled(event, "reconcile")
    assert str(caught.value) == f"event of reconcile: {problem}"
    events.scheduled({"v": 1, "schedule": "reconcile"}, "reconcile")
