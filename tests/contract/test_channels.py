"""Message channels: what comes back, and that one message is one request on the wire."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError, CredentialRetrievalError
from moto import mock_aws
from moto.sns.models import sns_backends

from infra.local import LocalAws
from shared.adapters.allow_list import NOT_ALLOWED, AllowList, parse_allow_list
from shared.adapters.memory.world import MemoryChannel
from shared.adapters.sns_sms import SnsSms, sns_client
from shared.domain.errors import InputError
from shared.ports.world import MessageChannel, SendResult, Sent
from tests.wire import http, wire

NUMBER = "+8613800000001"
TEXT = "【借呗】尊敬的张三：您好！"


@pytest.fixture
def sns() -> Iterator[Any]:
    with mock_aws():
        client = sns_client(region_name="us-east-1")
        yield client
        client.close()


@pytest.fixture
def local_sns(local_aws: LocalAws) -> Iterator[Any]:
    client = sns_client(region_name="us-east-1", endpoint_url=local_aws.url)
    yield client
    client.close()


@dataclass(frozen=True)
class Outlet:
    """A channel, a number of its own, and the texts that this number got."""

    channel: MessageChannel
    number: str
    inbox: Callable[[], list[str]]


_numbers = count(1)


@pytest.fixture(params=["memory", "moto", pytest.param("local", marks=pytest.mark.local_aws)])
def outlet(request: pytest.FixtureRequest) -> Outlet:
    number = f"+86{13_000_000_000 + os.getpid() % 10**6 * 1000 + next(_numbers)}"
    match request.param:
        case "memory":
            memory = MemoryChannel()
            return Outlet(memory, number, lambda: [m.text for m in memory.sent if m.address == number])
        case "moto":
            return Outlet(SnsSms(request.getfixturevalue("sns")), number, lambda: _moto_inbox(number))
        case _:
            url = request.getfixturevalue("local_aws").url
            return Outlet(SnsSms(request.getfixturevalue("local_sns")), number, lambda: _local_inbox(url, number))


def _moto_inbox(number: str) -> list[str]:
    messages = sns_backends["123456789012"]["us-east-1"].sms_messages
    return [text for address, text, *_ in messages.values() if address == number]


def _local_inbox(url: str, number: str) -> list[str]:
    answer = urllib3.request("GET", f"{url}/_ministack/sns/sms-messages").json()
    return [message["Message"] for message in answer["sms_messages"].get(number, [])]


def test_a_sent_message_arrives_once_and_has_a_reference(outlet: Outlet) -> None:
    sent = outlet.channel.send(outlet.number, TEXT)
    assert sent.result is SendResult.SENT
    assert sent.provider_ref
    assert outlet.inbox() == [TEXT]


def test_two_messages_have_two_references(outlet: Outlet) -> None:
    first, second = (outlet.channel.send(outlet.number, text) for text in ("a", "b"))
    assert first.provider_ref != second.provider_ref
    assert outlet.inbox() == ["a", "b"]


def test_a_number_that_is_none_is_refused(sns: Any) -> None:
    assert SnsSms(sns).send("not a number", TEXT) == Sent(SendResult.REFUSED, detail="InvalidParameter")
    assert _moto_inbox("not a number") == []


# Over a wire of our own.


def over_wire(url: str, read_timeout_seconds: float = 5, **options: Any) -> SnsSms:
    return SnsSms(sns_client(read_timeout_seconds, region_name="us-east-1", endpoint_url=url), **options)


OK = b"<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>"


def failure(code: str, message: str = "no") -> bytes:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>".encode()


def test_a_read_time_out_is_unknown_and_put_exactly_one_sms_on_the_wire() -> None:
    with wire(None) as server:
        sent = over_wire(server.url, 0.3).send(NUMBER, TEXT)
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
        assert over_wire(server.url).send(NUMBER, TEXT).result is SendResult.UNKNOWN
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "result"),
    [
        (400, "InvalidParameter", SendResult.REFUSED),
        (400, "ParameterValueInvalid", SendResult.REFUSED),
        (400, "ValidationException", SendResult.REFUSED),
        (400, "OptedOut", SendResult.REFUSED),
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
        assert over_wire(server.url).send(NUMBER, TEXT) == Sent(result, detail=code)
        assert len(server.requests) == 1


def test_an_answer_that_cannot_be_read_is_unknown() -> None:
    with wire(http(200, b"<html")) as server:
        assert over_wire(server.url).send(NUMBER, TEXT).result is SendResult.UNKNOWN
        assert len(server.requests) == 1


def test_what_never_left_may_go_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert over_wire(url).send(NUMBER, TEXT) == Sent(SendResult.RETRY_LATER, detail="EndpointConnectionError")


def test_credentials_that_cannot_be_renewed_send_nothing(sns: Any) -> None:
    def gone(**_: object) -> None:
        raise CredentialRetrievalError(provider="test", error_msg="gone")

    sns.meta.events.register("before-sign.sns.Publish", gone)
    assert SnsSms(sns).send(NUMBER, TEXT) == Sent(SendResult.RETRY_LATER, detail="CredentialRetrievalError")


def test_every_message_is_transactional_and_carries_sender_and_price_only_where_they_are_set() -> None:
    with wire(http(200, OK, "Content-Type: text/xml")) as server:
        assert over_wire(server.url).send(NUMBER, TEXT) == Sent(SendResult.SENT, "m-1")
        assert over_wire(server.url, sender_id="DUEBELL", max_price="0.20").send(NUMBER, TEXT).provider_ref == "m-1"
    assert [_attributes(request) for request in server.requests] == [
        {"AWS.SNS.SMS.SMSType": ("String", "Transactional")},
        {
            "AWS.SNS.SMS.SMSType": ("String", "Transactional"),
            "AWS.SNS.SMS.SenderID": ("String", "DUEBELL"),
            "AWS.SNS.SMS.MaxPrice": ("Number", "0.20"),
        },
    ]


def _attributes(request: bytes) -> dict[str, tuple[str, str]]:
    fields = {name: values[0] for name, values in parse_qs(request.partition(b"\r\n\r\n")[2].decode()).items()}
    assert (fields["PhoneNumber"], fields["Message"]) == (NUMBER, TEXT)
    entries = [name.removesuffix(".Name") for name in fields if name.endswith(".Name")]
    return {fields[f"{e}.Name"]: (fields[f"{e}.Value.DataType"], fields[f"{e}.Value.StringValue"]) for e in entries}


@pytest.mark.parametrize(
    "reply", [None, b"", http(400, failure("InvalidParameter", f"{NUMBER} opted out")), http(500, b"")]
)
def test_no_number_and_no_text_reaches_a_log_or_a_detail(reply: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with wire(reply) as server:
        sent = over_wire(server.url, 0.3).send(NUMBER, TEXT)
    for said in (repr(sent), caplog.text):
        assert NUMBER not in said
        assert "张三" not in said


# Who may get anything outside production.


@pytest.mark.parametrize(
    ("address", "goes_out"),
    [
        ("+15005550001", True),
        ("+150055500011", False),
        ("+1500555000", False),
        ("+447700900000", True),
        ("+447700900999", True),
        ("+447700901000", False),
        (NUMBER, False),
        ("", False),
    ],
)
def test_only_listed_numbers_get_anything(address: str, goes_out: bool) -> None:
    memory = MemoryChannel()
    sent = AllowList(memory, parse_allow_list("+15005550001, +447700900*")).send(address, TEXT)
    assert len(memory.sent) == goes_out
    assert (sent.result is SendResult.SENT) == goes_out
    assert goes_out or sent == NOT_ALLOWED == Sent(SendResult.REFUSED, None, "not-allowed-here")


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_list_allows_nobody(text: str) -> None:
    memory = MemoryChannel()
    assert AllowList(memory, parse_allow_list(text)).send(NUMBER, TEXT) == NOT_ALLOWED
    assert memory.sent == []


@pytest.mark.parametrize(
    ("text", "place"),
    [("*", 1), ("+8613900000001,*", 2), ("+8613900000001x", 1), ("+8613900000001,", 2), ("+0139", 1), ("+86 139", 1)],
)
def test_a_list_that_cannot_be_read_names_the_place_and_not_the_number(text: str, place: int) -> None:
    with pytest.raises(InputError, match=rf"^allowed phones: entry {place} is no number") as raised:
        parse_allow_list(text)
    assert "139" not in str(raised.value)


def test_what_the_wrapped_channel_says_is_handed_on() -> None:
    memory = MemoryChannel([SendResult.UNKNOWN])
    assert AllowList(memory, [NUMBER]).send(NUMBER, TEXT).result is SendResult.UNKNOWN
