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
from functions.receive_webhooks import bootstrap as receiving_bootstrap
from functions.receive_webhooks import handler as receiving
from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.adapters.policy_files import rail_codes
from shared.domain import keys
from shared.domain.errors import EventError, StoreError
from shared.runtime import repayment_events, telemetry
from tests.functions.door_server import DoorServer, served
from tests.functions.invoking import context, event
from tests.tables import table_shapes

NOW = "2026-03-10T12:00:00Z"


class World:
    """The stub's table, the webhooks' door with its queue and secret, and the pauses that the stub's answers took."""

    def __init__(self, door: DoorServer) -> None:
        self.door = door
        self._sqs = boto3.client("sqs")
        self.url = self._sqs.create_queue(QueueName="repayments")["QueueUrl"]
        dynamodb = boto3.client("dynamodb")
        for table in ("stub_books", "control"):
            dynamodb.create_table(TableName=table, **table_shapes()[table])
        dynamodb.put_item(TableName="control", Item={"name": {"S": keys.CLOCK}, "now": {"S": NOW}})
        self.books = DynamoStubBooks(dynamodb, "stub_books")
        self.paused: list[float] = []
        self.secrets = boto3.client("secretsmanager")
        self.secrets.create_secret(Name="door", SecretString=json.dumps({"current": "a secret that is long enough"}))

    def received(self) -> list[str]:
        found: list[str] = []
        while messages := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            found += [message["Body"] for message in messages]
        return found


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Both functions as their bootstraps wire them, but that no time passes."""
    with mock_aws(), served(lambda made: receiving.handle(made, context("receive_webhooks"))) as door:
        world = World(door)
        monkeypatch.setenv("STUB_BOOKS_TABLE", "stub_books")
        monkeypatch.setenv("TABLE_CONTROL", "control")
        monkeypatch.setenv("VIRTUAL_TIME", "on")
        monkeypatch.setenv("QUEUE_REPAYMENTS_URL", world.url)
        monkeypatch.setenv("WEBHOOK_URL", f"{door.url}/")
        monkeypatch.setenv("WEBHOOK_SECRET_NAME", "door")
        monkeypatch.setattr(time, "sleep", world.paused.append)
        for wiring in (bootstrap, receiving_bootstrap):
            wiring.app.cache_clear()
        yield world
        for wiring in (bootstrap, receiving_bootstrap):
            wiring.app.cache_clear()


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


def test_a_payment_is_refunded_and_the_refund_looked_up(world: World) -> None:
    assert call(event("payment_stub_refund"))[1]["code"] == "nothing_to_refund"
    call(event("payment_stub_present"))
    status, answer = call(event("payment_stub_refund"))
    assert (status, answer["key"], answer["status"]) == (200, "L0001:P000002", "paid")
    assert call(event("payment_stub_refund")) == (200, answer)
    assert call(request("GET", "/v1/payments/L0001:P000002")) == (200, answer)
    assert [(r.payment_key, r.amount.minor) for r in world.books.refunds()] == [("L0001:P000001", 123450)]


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


def test_events_go_through_the_door_once_and_the_function_that_books_them_reads_them(world: World) -> None:
    for number in range(12):
        call(request("POST", "/v1/payments", payment(key=f"L0001:P{number:06d}")))
    call(request("POST", "/v1/payments", payment(key="L0001:P000012", account_ref="limit-1")))
    assert call(event("payment_stub_deliver")) == (200, {"delivered": 13})
    bodies = world.received()
    told = [json.loads(body) for body in bodies]
    assert {(one["kind"], one["received_at"]) for one in told} == {("received", NOW)}
    assert sorted(json.loads(one["body"])["key"] for one in told) == [f"L0001:P{n:06d}" for n in range(13)]
    assert world.door.statuses == [200] * 13
    assert {type(repayment_events.repayment(body, rail_codes("stub"))).__name__ for body in bodies} == {"GatewayReport"}
    assert call(event("payment_stub_deliver")) == (200, {"delivered": 0})
    assert world.received() == []


@pytest.mark.parametrize("status", [401, 500])
def test_events_that_the_door_does_not_take_are_told_again(world: World, status: int) -> None:
    call(event("payment_stub_present"))
    world.door.refusing = [status]
    with pytest.raises(StoreError, match=f"the webhooks' door answered {status}"):
        call(event("payment_stub_deliver"))
    assert world.received() == []
    assert call(event("payment_stub_deliver")) == (200, {"delivered": 1})
    assert [json.loads(json.loads(body)["body"])["key"] for body in world.received()] == ["L0001:P000001"]


def test_a_door_whose_queue_is_gone_is_told_again(world: World) -> None:
    call(event("payment_stub_present"))
    boto3.client("sqs").delete_queue(QueueUrl=world.url)
    with pytest.raises(StoreError, match="the webhooks' door answered 502"):
        call(event("payment_stub_deliver"))
    boto3.client("sqs").create_queue(QueueName="repayments")
    assert call(event("payment_stub_deliver")) == (200, {"delivered": 1})


def test_another_secret_than_the_doors_opens_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.secrets.create_secret(Name="other", SecretString=json.dumps({"current": "another secret, long enough"}))
    receiving_bootstrap.app()
    monkeypatch.setenv("WEBHOOK_SECRET_NAME", "other")
    call(event("payment_stub_present"))
    with pytest.raises(StoreError, match="the webhooks' door answered 401"):
        call(event("payment_stub_deliver"))
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
