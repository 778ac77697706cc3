"""The payment stub's function, driven by the payloads of a function URL."""

import base64
import json
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.payment_stub import bootstrap, handler
from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.domain.errors import EventError
from shared.runtime import events, telemetry
from tests.functions.invoking import context, event
from tests.tables import table_shapes


class World:
    """The stub's table and queue, and the pauses that its answers took."""

    def __init__(self) -> None:
        self._sqs = boto3.client("sqs")
        self.url = self._sqs.create_queue(QueueName="repayments")["QueueUrl"]
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(TableName="stub_books", **table_shapes()["stub_books"])
        self.books = DynamoStubBooks(dynamodb, "stub_books")
        self.paused: list[float] = []

    def received(self) -> list[str]:
        found: list[str] = []
        while messages := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            found += [message["Body"] for message in messages]
        return found


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The function as its bootstrap wires it, but that no time passes."""
    with mock_aws():
        world = World()
        monkeypatch.setenv("STUB_BOOKS_TABLE", "stub_books")
        monkeypatch.setenv("QUEUE_REPAYMENTS_URL", world.url)
        monkeypatch.setattr(time, "sleep", world.paused.append)
        bootstrap.app.cache_clear()
        yield world
        bootstrap.app.cache_clear()


def call(made: Any) -> tuple[int, dict[str, Any]]:
    answer = handler.handle(made, context("payment_stub"))
    assert answer["headers"]["Content-Type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"])


def request(method: str, path: str, body: Any = None) -> dict[str, Any]:
    made = event("payment_stub_present")
    made["rawPath"] = made["requestContext"]["http"]["path"] = path
    made["requestContext"]["http"]["method"] = method
    made["body"] = body if isinstance(body, str) else json.dumps(body)
    return made


def payment(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(event("payment_stub_present")["body"])
    return made | changes


ANSWER = {"key": "L0001:P000001", "status": "paid", "code": "paid"}


def test_a_payment_is_presented_looked_up_and_presented_again(world: World) -> None:
    assert call(event("payment_stub_look_up")) == (404, {"status": "not_found"})
    status, answer = call(event("payment_stub_present"))
    assert (status, answer) == (200, ANSWER | {"gateway_ref": answer["gateway_ref"]})
    assert call(event("payment_stub_look_up")) == (200, answer)
    assert call(event("payment_stub_present")) == (200, answer)
    assert len(list(world.books.charges())) == 1


def test_a_key_in_the_path_may_be_escaped() -> None:
    _, answer = call(event("payment_stub_present"))
    assert call(request("GET", "/v1/payments/L0001%3AP000001")) == (200, answer)


def test_a_credited_balance_pays_until_it_is_spent() -> None:
    for _ in range(2):
        status, answer = call(event("payment_stub_credit"))
        assert (status, answer["credit_id"], answer["amount_minor"]) == (200, "C0001", 500000)
    codes = [
        call(request("POST", "/v1/payments", payment(key=f"K{n}", account_ref="balance-0001", amount_minor=200000)))[1]
        for n in range(3)
    ]
    assert [answer["code"] for answer in codes] == ["paid", "paid", "insufficient"]


def test_events_reach_the_queue_once_and_the_function_that_books_them_reads_them(world: World) -> None:
    for number in range(12):
        call(request("POST", "/v1/payments", payment(key=f"L0001:P{number:06d}")))
    call(request("POST", "/v1/payments", payment(key="L0001:P000012", account_ref="limit-1")))
    assert call(event("payment_stub_deliver")) == (200, {"delivered": 13})
    bodies = world.received()
    assert sorted(json.loads(body)["key"] for body in bodies) == [f"L0001:P{n:06d}" for n in range(13)]
    assert {type(events.repayment(body)).__name__ for body in bodies} == {"GatewayReport"}
    assert call(event("payment_stub_deliver")) == (200, {"delivered": 0})
    assert world.received() == []


@pytest.mark.parametrize(("account_ref", "seconds"), [("paid-1", 0), ("slow-1", 4), ("lost-1", 6)])
def test_the_answer_waits_as_long_as_the_account_asks(world: World, account_ref: str, seconds: float) -> None:
    status, answer = call(request("POST", "/v1/payments", payment(account_ref=account_ref)))
    assert (status, answer["code"], world.paused) == (200, "paid", [seconds])


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("not json", "the body is not JSON"),
        (None, "the body must be a JSON object"),
        (payment(amount_minor=1.5), "amount_minor must be a whole number from 1 to 1000000000000000"),
        (payment(currency="YUAN"), "currency must be an ISO 4217 code"),
        ({k: v for k, v in payment().items() if k != "key"}, "key is missing"),
        (payment(note="x"), "'note' is not a field of this request"),
    ],
)
def test_a_malformed_request_gets_one_clear_error_and_has_no_effect(body: Any, complaint: str, world: World) -> None:
    expected = {"status": "error", "code": "bad_request", "message": complaint}
    assert call(request("POST", "/v1/payments", body)) == (400, expected)
    assert list(world.books.payments()) == []


def test_a_body_may_come_encoded_and_must_be_text() -> None:
    made = event("payment_stub_present") | {"isBase64Encoded": True}
    made["body"] = base64.b64encode(made["body"].encode()).decode()
    assert call(made)[0] == 200
    for bad in (base64.b64encode(b"\xff\xfe").decode(), "not base64!"):
        status, answer = call(made | {"body": bad})
        assert (status, answer["message"]) == (400, "the body is not UTF-8 text")


def test_a_request_without_a_body_is_malformed() -> None:
    made = event("payment_stub_present")
    del made["body"]
    assert call(made)[0] == 400


def test_unknown_accounts_and_reused_keys_are_errors() -> None:
    assert call(request("POST", "/v1/payments", payment(account_ref="x-1")))[1]["code"] == "unknown_account"
    call(event("payment_stub_present"))
    status, answer = call(request("POST", "/v1/payments", payment(amount_minor=1)))
    assert (status, answer["code"]) == (409, "key_reused")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v1/payments"), ("DELETE", "/v1/payments/K"), ("POST", "/v2/payments"), ("GET", "/v1/é")],
)
def test_an_unknown_path_is_an_error_that_no_lookup_gives(method: str, path: str) -> None:
    status, answer = call(request(method, path))
    assert (status, answer["status"], answer["code"]) == (404, "error", "unknown_path")


@pytest.mark.parametrize(
    "made",
    [
        {},
        [],
        None,
        "x",
        {"Records": []},
        {"v": 1, "schedule": "plan_work"},
        {"requestContext": {"http": {"method": "GET"}}},
    ],
)
def test_an_event_that_no_function_url_sends_is_one_clear_error(made: Any, world: World) -> None:
    with pytest.raises(
        EventError, match=r"^not a function URL request: requestContext\.http\.(method|path) is missing$"
    ):
        handler.handle(made, context("payment_stub"))
    assert list(world.books.payments()) == []


def test_no_log_line_holds_an_account_or_a_mandate(monkeypatch: pytest.MonkeyPatch) -> None:
    log = StringIO()
    monkeypatch.setattr(telemetry._logger().registered_handler, "stream", log)
    call(event("payment_stub_present"))
    call(request("POST", "/v1/payments", payment(amount_minor=1)))
    call(request("POST", "/v1/payments", "{"))
    printed = log.getvalue()
    assert '"key":"L0001:P000001"' in printed
    assert "paid-0001" not in printed
    assert "M0001" not in printed
