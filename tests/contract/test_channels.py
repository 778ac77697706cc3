"""SMS over SNS: what comes back, and that one message is one request on the wire."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError, CredentialRetrievalError
from moto import mock_aws
from moto.sns.models import sns_backends

from infra.local import LocalAws
from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.memory.world import FixedClock
from shared.adapters.sns_sms import SnsSmsProvider, sns_client
from shared.ports.messages import Outgoing, Provider
from shared.ports.world import SendResult, Sent
from tests.outgoing import NOW, outgoing
from tests.wire import http, wire

NUMBER = "+8613800000001"
TEXT = "【借呗】尊敬的张三：您好！"


def a_text(address: str = NUMBER, text: str = TEXT) -> Outgoing:
    return outgoing(address=address, text=text)


def over(client: Any) -> SnsSmsProvider:
    return SnsSmsProvider(client, FixedClock(NOW))


@pytest.fixture
def sns() -> Iterator[Any]:
    with mock_aws():
        client = sns_client(region_name="us-east-1")
        yield client
        client.close()


@pytest.fixture
def local_sns(local_aws: LocalAws) -> Iterator[Any]:
    client = sns_client(
        region_name="us-east-1",
        endpoint_url=local_aws.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    yield client
    client.close()


@dataclass(frozen=True)
class Outlet:
    """A provider, a number of its own, and the texts that this number got."""

    provider: Provider
    number: str
    inbox: Callable[[], list[str]]


_numbers = count(1)


@pytest.fixture(params=["memory", "moto", pytest.param("local", marks=pytest.mark.local_aws)])
def outlet(request: pytest.FixtureRequest) -> Outlet:
    number = f"+86{13_000_000_000 + os.getpid() % 10**6 * 1000 + next(_numbers)}"
    match request.param:
        case "memory":
            memory = MemoryOutbox(FixedClock(NOW))
            return Outlet(memory, number, lambda: [m.text for m in memory.sent if m.address == number])
        case "moto":
            return Outlet(over(request.getfixturevalue("sns")), number, lambda: _moto_inbox(number))
        case _:
            url = request.getfixturevalue("local_aws").url
            return Outlet(over(request.getfixturevalue("local_sns")), number, lambda: _local_inbox(url, number))


def _moto_inbox(number: str) -> list[str]:
    messages = sns_backends["123456789012"]["us-east-1"].sms_messages
    return [text for address, text, *_ in messages.values() if address == number]


def _local_inbox(url: str, number: str) -> list[str]:
    answer = urllib3.request("GET", f"{url}/_ministack/sns/sms-messages").json()
    return [message["Message"] for message in answer["sms_messages"].get(number, [])]


def test_a_sent_message_arrives_once_and_has_a_reference(outlet: Outlet) -> None:
    sent = outlet.provider.send(a_text(outlet.number))
    assert sent.result is SendResult.SENT
    assert sent.provider_ref
    assert outlet.inbox() == [TEXT]


def test_two_messages_have_two_references(outlet: Outlet) -> None:
    first, second = (outlet.provider.send(a_text(outlet.number, text)) for text in ("a", "b"))
    assert first.provider_ref != second.provider_ref
    assert outlet.inbox() == ["a", "b"]


def test_a_number_that_is_none_is_refused(sns: Any) -> None:
    assert over(sns).send(a_text("not a number")) == Sent(SendResult.REFUSED, detail="InvalidParameter")
    assert _moto_inbox("not a number") == []


# Over a wire of our own.


def over_wire(url: str, read_timeout_seconds: float = 5) -> SnsSmsProvider:
    return over(sns_client(read_timeout_seconds, region_name="us-east-1", endpoint_url=url))


def failure(code: str, message: str = "no") -> bytes:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>".encode()


def test_a_read_time_out_is_unknown_and_put_exactly_one_sms_on_the_wire() -> None:
    with wire(None) as server:
        sent = over_wire(server.url, 0.3).send(a_text())
        assert sent == Sent(SendResult.UNKNOWN, detail="ReadTimeoutError")
        assert len(server.requests) == 1


def test_the_sdk_s_default_would_have_put_it_there_more_than_once() -> None:
    with wire(http(500, failure("InternalError"))) as server:
        client = boto3.client("sns", region_name="us-east-1", endpoint_url=server.url)
        with pytest.raises(ClientError):
            client.publish(PhoneNumber=NUMBER, Message=TEXT)
        client.close()
        assert len(server.requests) > 1


def test_a_hang_up_is_unknown_and_put_exactly_one_sms_on_the_wire() -> None:
    with wire(b"") as server:
        assert over_wire(server.url).send(a_text()).result is SendResult.UNKNOWN
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "result"),
    [
        (400, "InvalidParameter", SendResult.REFUSED),
        (400, "ParameterValueInvalid", SendResult.REFUSED),
        (400, "ValidationException", SendResult.REFUSED),
        (400, "OptedOut", SendResult.OPTED_OUT),
        (400, "Throttling", SendResult.RETRY_LATER),
        (400, "ThrottlingException", SendResult.RETRY_LATER),
        (400, "KMSThrottling", SendResult.RETRY_LATER),
        (403, "AuthorizationError", SendResult.RETRY_LATER),
        (403, "ExpiredToken", SendResult.RETRY_LATER),
        (429, "TooManyRequestsException", SendResult.RETRY_LATER),
        (500, "InternalError", SendResult.UNKNOWN),
        (502, "Bad", SendResult.UNKNOWN),
        (503, "ServiceUnavailable", SendResult.UNKNOWN),
        (503, "Throttling", SendResult.UNKNOWN),
        (504, "Slow", SendResult.UNKNOWN),
    ],
)
def test_a_refusal_sent_nothing_and_a_failure_may_have(status: int, code: str, result: SendResult) -> None:
    with wire(http(status, failure(code, f"{NUMBER} is not reachable"))) as server:
        assert over_wire(server.url).send(a_text()) == Sent(result, detail=code)
        assert len(server.requests) == 1


def test_an_answer_that_cannot_be_read_is_unknown() -> None:
    with wire(http(200, b"<html")) as server:
        assert over_wire(server.url).send(a_text()).result is SendResult.UNKNOWN
        assert len(server.requests) == 1


def test_what_never_left_may_go_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert over_wire(url).send(a_text()) == Sent(SendResult.RETRY_LATER, detail="EndpointConnectionError")


def test_credentials_that_cannot_be_renewed_send_nothing(sns: Any) -> None:
    def gone(**_: object) -> None:
        raise CredentialRetrievalError(provider="test", error_msg="gone")

    sns.meta.events.register("before-sign.sns.Publish", gone)
    assert over(sns).send(a_text()) == Sent(SendResult.RETRY_LATER, detail="CredentialRetrievalError")


@pytest.mark.parametrize(
    "reply", [None, b"", http(400, failure("InvalidParameter", f"{NUMBER} opted out")), http(500, b"")]
)
def test_no_number_and_no_text_reaches_a_log_or_a_detail(reply: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with wire(reply) as server:
        sent = over_wire(server.url, 0.3).send(a_text())
    for said in (repr(sent), caplog.text):
        assert NUMBER not in said
        assert "张三" not in said
