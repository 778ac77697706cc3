"""What goes to each provider on the wire, and what its own answers mean."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, CredentialRetrievalError, NoCredentialsError

from shared.adapters.allowed_outgoing import NOT_ALLOWED, AllowedOutgoing, parse_addresses
from shared.adapters.eum_sms import EumRoute
from shared.adapters.eum_voice import NO_VOICE, EumVoice
from shared.adapters.http_sms import NO_SIGNATURE, HttpSms
from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.memory.world import FixedClock
from shared.adapters.seals import HmacSeals
from shared.adapters.ses_email import KEY_TOO_LONG, NO_SUBJECT
from shared.adapters.sns_push import NO_ENDPOINT
from shared.adapters.sns_sms import SnsSmsProvider, sns_client
from shared.domain.errors import InputError, SettingsError, StoreError
from shared.domain.webhook import Signature, read_signature, signed_bytes
from shared.ports.messages import TOO_LATE
from shared.ports.world import SendResult, Sent
from tests.contract.providers import (
    EMAIL,
    ENDPOINT,
    KEY,
    PROVIDERS,
    Answer,
    Opened,
    eum_sms,
    gateway,
    http_sms,
    opened,
    seals,
    ses_error,
    sns_sms,
)
from tests.outgoing import MESSAGE, NOW, outgoing
from tests.wire import Wire, http, wire

BY_NAME = {provider.name: provider for provider in PROVIDERS}


@contextmanager
def taken(name: str) -> Iterator[Opened]:
    with opened(BY_NAME[name], Answer.SENT) as told:
        yield told


def document(request: bytes) -> dict[str, Any]:
    found = json.loads(request.partition(b"\r\n\r\n")[2])
    assert isinstance(found, dict)
    return found


def form(request: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.partition(b"\r\n\r\n")[2].decode()).items()}


def attributes(request: bytes) -> dict[str, str]:
    fields = form(request)
    entries = [name.removesuffix(".Name") for name in fields if name.endswith(".Name")]
    return {fields[f"{e}.Name"]: fields[f"{e}.Value.StringValue"] for e in entries}


# SMS over SNS.


def test_sns_gets_type_price_and_sender() -> None:
    with taken("sns-sms") as told:
        provider = sns_sms(told.url, 5, told.clock, sender_id="DUEBELL", entity_id="E1")
        provider.send(outgoing(max_price=Decimal("0.20")))
        provider.send(outgoing(message_class="marketing", template_id="T1"))
    assert [attributes(request) for request in told.requests] == [
        {"AWS.SNS.SMS.SMSType": "Transactional", "AWS.SNS.SMS.SenderID": "DUEBELL", "AWS.SNS.SMS.MaxPrice": "0.20"},
        {
            "AWS.SNS.SMS.SMSType": "Promotional",
            "AWS.SNS.SMS.SenderID": "DUEBELL",
            "AWS.MM.SMS.EntityId": "E1",
            "AWS.MM.SMS.TemplateId": "T1",
        },
    ]
    assert (form(told.requests[0])["PhoneNumber"], form(told.requests[0])["Message"]) == (MESSAGE.address, MESSAGE.text)


def test_a_refusal_without_a_word_is_none() -> None:
    for body in (b"<ErrorResponse><Error/></ErrorResponse>", b"<ErrorResponse><Error><Code/></Error></ErrorResponse>"):
        with wire(http(403, body, "Content-Type: text/xml")) as server:
            assert sns_sms(server.url, 5, FixedClock(NOW)).send(MESSAGE).result is SendResult.UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="x"),
        NoCredentialsError(),
        CredentialRetrievalError(provider="x", error_msg="gone"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_what_stops_before_the_wire_may_go_later(error: Exception) -> None:
    def stop(**_: object) -> None:
        raise error

    with taken("sns-sms") as told:
        client = sns_client(region_name="us-east-1", endpoint_url=told.url)
        client.meta.events.register("before-sign.sns.Publish", stop)
        sent = SnsSmsProvider(client, told.clock).send(MESSAGE)
        assert sent == Sent(SendResult.RETRY_LATER, detail=type(error).__name__)
        assert told.requests == []


# SMS and voice over End User Messaging.


def test_eum_gets_the_notice_s_key_as_context_and_the_window_as_its_time_to_live() -> None:
    route = EumRoute("duebell", "pool-1", "protect-1", entity_id="E1")
    with taken("eum-sms") as told:
        eum_sms(told.url, 5, told.clock, route).send(outgoing(max_price=Decimal("0.2"), template_id="T1"))
    assert b"PinpointSMSVoiceV2.SendTextMessage" in told.requests[0]
    assert document(told.requests[0]) == {
        "DestinationPhoneNumber": MESSAGE.address,
        "OriginationIdentity": "pool-1",
        "MessageBody": MESSAGE.text,
        "MessageType": "TRANSACTIONAL",
        "ConfigurationSetName": "duebell",
        "ProtectConfigurationId": "protect-1",
        "MaxPrice": "0.20000",
        "TimeToLive": 12 * 60 * 60,
        "Context": {"notice": MESSAGE.key},
        "DestinationCountryParameters": {"IN_ENTITY_ID": "E1", "IN_TEMPLATE_ID": "T1"},
        "DryRun": False,
    }


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (timedelta(days=4), 259_200),
        (timedelta(seconds=61, microseconds=999_999), 61),
        (timedelta(seconds=5), 5),
        (timedelta(seconds=4, microseconds=999_999), None),
    ],
)
@pytest.mark.parametrize("name", ["eum-sms", "eum-voice"])
def test_the_time_to_live_never_ends_after_until(name: str, left: timedelta, seconds: int | None) -> None:
    with taken(name) as told:
        sent = told.provider.send(outgoing(until=NOW + left))
    assert [document(request)["TimeToLive"] for request in told.requests] == ([] if seconds is None else [seconds])
    assert (sent == TOO_LATE) == (seconds is None)


def test_marketing_is_promotional() -> None:
    with taken("eum-sms") as told:
        told.provider.send(outgoing(message_class="marketing"))
    assert document(told.requests[0])["MessageType"] == "PROMOTIONAL"


@pytest.mark.parametrize(
    ("status", "code", "reason", "result"),
    [
        (400, "ValidationException", None, SendResult.REFUSED),
        (400, "ValidationException", "PRICE_OVER_THRESHOLD", SendResult.REFUSED),
        (400, "ValidationException", "DESTINATION_COUNTRY_BLOCKED", SendResult.REFUSED),
        (400, "ValidationException", "SENDER_ID_NOT_REGISTERED", SendResult.RETRY_LATER),
        (400, "ValidationException", "A_REASON_OF_NEXT_YEAR", SendResult.RETRY_LATER),
        (409, "ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED", SendResult.REFUSED),
        (409, "ConflictException", "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION", SendResult.REFUSED),
        (409, "ConflictException", "NO_ORIGINATION_IDENTITIES_FOUND", SendResult.RETRY_LATER),
        (402, "ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", SendResult.RETRY_LATER),
        (403, "AccessDeniedException", "ACCOUNT_DISABLED", SendResult.RETRY_LATER),
        (404, "ResourceNotFoundException", None, SendResult.RETRY_LATER),
        (500, "ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT", SendResult.UNKNOWN),
    ],
)
def test_what_eum_refuses_goes_by_its_reason(status: int, code: str, reason: str | None, result: SendResult) -> None:
    answer = {"__type": code, "Message": "no"} | ({"Reason": reason} if reason else {})
    with wire(http(status, json.dumps(answer).encode())) as server:
        sent = eum_sms(server.url, 5, FixedClock(NOW)).send(MESSAGE)
    assert sent == Sent(result, detail=f"{code}.{reason}" if reason else code)


def test_a_call_is_spoken_in_the_message_s_language() -> None:
    with taken("eum-voice") as told:
        told.provider.send(outgoing(max_price=Decimal(1)))
        told.provider.send(outgoing(language="en", text="Your instalment is due."))
        assert told.provider.send(outgoing(language="sv")) == NO_VOICE
    first, second = (document(request) for request in told.requests)
    assert b"PinpointSMSVoiceV2.SendVoiceMessage" in told.requests[0]
    assert (first["VoiceId"], second["VoiceId"]) == ("ZHIYU", "AMY")
    assert (first["MaxPricePerMinute"], first["OriginationIdentity"]) == ("1.00000", "+12065550152")
    assert first["Context"] == {"notice": MESSAGE.key}


def test_without_a_number_to_call_from_no_call_is_set_up() -> None:
    with pytest.raises(SettingsError, match="no number to call from"):
        EumVoice(None, FixedClock(NOW), EumRoute("duebell"))


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        (
            "pinpoint-sms-voice-v2",
            "send_text_message",
            {"DestinationPhoneNumber": MESSAGE.address, "MessageBody": "x", "ConfigurationSetName": "duebell"},
        ),
        (
            "sesv2",
            "send_email",
            {"Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {}}}},
        ),
    ],
)
def test_the_sdk_s_default_would_have_sent_more_than_once(service: str, operation: str, request_: Any) -> None:
    with wire(http(500, b"{}")) as server:
        client = boto3.client(service, region_name="us-east-1", endpoint_url=server.url)
        with pytest.raises(ClientError):
            getattr(client, operation)(**request_)
        client.close()
        assert len(server.requests) > 1


# App push.


def pushed(request: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = form(request)
    outer = json.loads(fields["Message"])
    (platform,) = set(outer) - {"default"}
    return outer, json.loads(outer[platform])


@pytest.mark.parametrize(
    ("platform", "ttl", "inner"),
    [
        (
            "GCM",
            "FCM",
            {"notification": {"title": "还款提醒", "body": MESSAGE.text}, "data": {"notice": MESSAGE.key}},
        ),
        ("APNS", "APNS", {"aps": {"alert": {"title": "还款提醒", "body": MESSAGE.text}}, "notice": MESSAGE.key}),
        (
            "APNS_SANDBOX",
            "APNS_SANDBOX",
            {"aps": {"alert": {"title": "还款提醒", "body": MESSAGE.text}}, "notice": MESSAGE.key},
        ),
    ],
)
def test_a_push_message_speaks_the_platform_s_own_language(platform: str, ttl: str, inner: object) -> None:
    arn = ENDPOINT.replace("/GCM/", f"/{platform}/")
    with taken("sns-push") as told:
        told.provider.send(outgoing(address=arn, subject="还款提醒"))
    outer, document_ = pushed(told.requests[0])
    assert set(outer) == {"default", platform}
    assert document_ == inner
    assert form(told.requests[0])["TargetArn"] == arn
    assert form(told.requests[0])["MessageStructure"] == "json"
    assert attributes(told.requests[0]) == {f"AWS.SNS.MOBILE.{ttl}.TTL": "43200"}


def test_a_push_message_without_a_title_has_none() -> None:
    with taken("sns-push") as told:
        told.provider.send(outgoing(address=ENDPOINT))
    assert pushed(told.requests[0])[1]["notification"] == {"body": MESSAGE.text}


@pytest.mark.parametrize(
    "address",
    [
        "",
        MESSAGE.address,
        ENDPOINT.replace("/GCM/", "/BAIDU/"),
        "arn:aws:sns:us-east-1:123456789012:topic",
        f"{ENDPOINT}/x",
    ],
)
def test_what_is_no_endpoint_of_a_served_platform_gets_no_push(address: str) -> None:
    with taken("sns-push") as told:
        assert told.provider.send(outgoing(address=address)) == NO_ENDPOINT
    assert told.requests == []


def test_a_push_message_lives_for_28_days_at_most() -> None:
    with taken("sns-push") as told:
        told.provider.send(outgoing(address=ENDPOINT, until=NOW + timedelta(days=29)))
    assert attributes(told.requests[0]) == {"AWS.SNS.MOBILE.FCM.TTL": "2419200"}


# E-mail.


def test_an_e_mail_carries_the_key_as_a_tag() -> None:
    with taken("ses") as told:
        told.provider.send(outgoing(address=EMAIL, subject="还款提醒"))
    assert document(told.requests[0]) == {
        "FromEmailAddress": "Duebell <pay@lender.example>",
        "Destination": {"ToAddresses": [EMAIL]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "还款提醒", "Charset": "UTF-8"},
                "Body": {"Text": {"Data": MESSAGE.text, "Charset": "UTF-8"}},
            }
        },
        "EmailTags": [{"Name": "notice", "Value": "QjEjUkVNSU5EXzcjTDEjMDAxIzE"}],
        "ConfigurationSetName": "duebell",
    }


def test_an_e_mail_without_a_subject_or_with_too_long_a_key_is_not_sent() -> None:
    with taken("ses") as told:
        assert told.provider.send(outgoing(address=EMAIL)) == NO_SUBJECT
        assert told.provider.send(outgoing(address=EMAIL, subject="x", key="k" * 193)) == KEY_TOO_LONG
        assert told.requests == []
        assert told.provider.send(outgoing(address=EMAIL, subject="x", key="k" * 192)).result is SendResult.SENT


@pytest.mark.parametrize(
    ("status", "code", "result"),
    [
        (400, "BadRequestException", SendResult.REFUSED),
        (400, "AccountSuspendedException", SendResult.RETRY_LATER),
        (400, "SendingPausedException", SendResult.RETRY_LATER),
        (400, "MailFromDomainNotVerifiedException", SendResult.RETRY_LATER),
        (400, "LimitExceededException", SendResult.RETRY_LATER),
        (404, "NotFoundException", SendResult.RETRY_LATER),
    ],
)
def test_what_ses_refuses_is_about_the_message_or_about_the_account(status: int, code: str, result: SendResult) -> None:
    with wire(ses_error(status, code)) as server:
        provider = BY_NAME["ses"].open(server.url, 5, FixedClock(NOW))
        assert provider.send(outgoing(address=EMAIL, subject="x")) == Sent(result, detail=code)


def test_a_sender_of_ours_that_ses_does_not_know_is_no_word_about_the_message() -> None:
    says = "Email address is not verified. The following identities failed the check in region US-EAST-1: pay@l.example"
    with wire(ses_error(400, "MessageRejected", says)) as server:
        provider = BY_NAME["ses"].open(server.url, 5, FixedClock(NOW))
        answer = provider.send(outgoing(address=EMAIL, subject="x"))
    assert answer == Sent(SendResult.RETRY_LATER, detail="SenderNotVerified")


# A gateway of an operator's own.


def signature_of(request: bytes) -> Signature:
    head = request.partition(b"\r\n\r\n")[0].decode()
    value = next(line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("Duebell-Signature"))
    found = read_signature(value)
    assert isinstance(found, Signature)
    return found


def test_the_gateway_gets_signed_json_under_our_key() -> None:
    with taken("http-sms") as told:
        http_sms(told.url, 5, told.clock, sender_id="10690001").send(
            outgoing(max_price=Decimal("0.05"), template_id="T1", parts=2)
        )
    request = told.requests[0]
    assert request.startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert f"Idempotency-Key: {KEY}\r\n".encode() in request
    assert document(request) == {
        "v": 1,
        "key": KEY,
        "to": MESSAGE.address,
        "text": MESSAGE.text,
        "class": "service-reminder",
        "language": "zh-CN",
        "parts": 2,
        "valid_until": "2026-03-02T14:00:00Z",
        "sender": "10690001",
        "max_price": "0.05",
        "template": "T1",
    }
    signature = signature_of(request)
    assert signature.at == NOW.timestamp()
    assert seals().is_sealed(signed_bytes(signature.at, request.partition(b"\r\n\r\n")[2]), signature.digests)


@pytest.mark.parametrize(
    ("status", "fields", "sent"),
    [
        (200, {"status": "accepted", "ref": "r-1"}, Sent(SendResult.SENT, "r-1")),
        (200, {"status": "accepted"}, Sent(SendResult.SENT)),
        (200, {"status": "rejected", "code": "MK:0001"}, Sent(SendResult.REFUSED, detail="MK:0001")),
        (409, {"status": "opted-out"}, Sent(SendResult.OPTED_OUT)),
        (429, {"status": "retry"}, Sent(SendResult.RETRY_LATER)),
        (200, {"status": "queued"}, Sent(SendResult.UNKNOWN, detail="HTTP-200")),
        (200, {"key": "another", "status": "rejected"}, Sent(SendResult.UNKNOWN, detail="HTTP-200")),
        (200, {}, Sent(SendResult.UNKNOWN, detail="HTTP-200")),
        (400, {}, Sent(SendResult.REFUSED, detail="HTTP-400")),
        (413, {}, Sent(SendResult.REFUSED, detail="HTTP-413")),
        (422, {}, Sent(SendResult.REFUSED, detail="HTTP-422")),
        (401, {}, Sent(SendResult.RETRY_LATER, detail="HTTP-401")),
        (403, {}, Sent(SendResult.RETRY_LATER, detail="HTTP-403")),
        (404, {}, Sent(SendResult.RETRY_LATER, detail="HTTP-404")),
        (429, {}, Sent(SendResult.RETRY_LATER, detail="HTTP-429")),
        (408, {}, Sent(SendResult.UNKNOWN, detail="HTTP-408")),
        (409, {}, Sent(SendResult.UNKNOWN, detail="HTTP-409")),
        (502, {}, Sent(SendResult.UNKNOWN, detail="HTTP-502")),
    ],
)
def test_what_the_gateway_answers(status: int, fields: dict[str, Any], sent: Sent) -> None:
    with wire(gateway(status, **fields)) as server:
        assert http_sms(server.url, 5, FixedClock(NOW)).send(MESSAGE) == sent
        assert len(server.requests) == 1


def test_a_code_that_could_be_a_number_is_not_kept() -> None:
    with wire(gateway(200, status="rejected", code="13800000001")) as server:
        assert http_sms(server.url, 5, FixedClock(NOW)).send(MESSAGE).detail == "unlisted"


def looked_up(reply: bytes) -> tuple[Sent | None, Wire]:
    with wire(reply) as server:
        return http_sms(server.url, 0.2, FixedClock(NOW)).lookup(KEY), server


def test_a_lookup_tells_what_became_of_a_key_and_is_signed() -> None:
    found, server = looked_up(gateway(200, status="accepted", ref="r-1"))
    assert found == Sent(SendResult.SENT, "r-1")
    request = server.requests[0]
    path = b"/v1/messages/B1%23REMIND_7%23L1%23001%231"
    assert request.startswith(b"GET " + path + b" HTTP/1.1")
    signature = signature_of(request)
    assert seals().is_sealed(signed_bytes(signature.at, b"GET " + path), signature.digests)


def test_only_the_gateway_s_own_word_says_that_it_never_got_a_key() -> None:
    assert looked_up(gateway(404, status="not-found"))[0] is None


@pytest.mark.parametrize(
    "reply",
    [
        http(404, b"{}"),
        gateway(404, key="another", status="not-found"),
        gateway(404, status="accepted"),
        gateway(200, key="another", status="accepted"),
        gateway(500, status="accepted"),
        http(200, b"<html"),
        b"",
    ],
)
def test_any_other_answer_to_a_lookup_is_none(reply: bytes) -> None:
    with pytest.raises(StoreError, match="SMS gateway") as raised:
        looked_up(reply)
    assert KEY not in str(raised.value)


def test_a_lookup_that_gets_no_answer_in_time_is_none() -> None:
    with wire(None) as server, pytest.raises(StoreError, match="ReadTimeoutError"):
        http_sms(server.url, 0.2, FixedClock(NOW)).lookup(KEY)


def test_without_a_secret_nothing_is_sent() -> None:
    def gone(**_: object) -> tuple[bytes, ...]:
        raise StoreError("gone")

    with wire(gateway(200, status="accepted")) as server:
        assert HttpSms(server.url, HmacSeals(gone), FixedClock(NOW)).send(MESSAGE) == NO_SIGNATURE
        assert server.requests == []


def test_numbers_go_over_tls_only() -> None:
    HttpSms("https://sms.operator.example/", seals(), FixedClock(NOW))
    with pytest.raises(SettingsError, match="https"):
        HttpSms("http://sms.operator.example/", seals(), FixedClock(NOW))


# Who may get anything outside production.


@pytest.mark.parametrize(
    ("address", "goes_out"),
    [
        ("+15005550001", True),
        ("+150055500011", False),
        ("+447700900999", True),
        ("+447700901000", False),
        ("a@example.com", True),
        ("b@example.com", False),
        (ENDPOINT, True),
        (f"{ENDPOINT}0", False),
        ("", False),
    ],
)
def test_only_listed_addresses_get_anything(address: str, goes_out: bool) -> None:
    outbox = MemoryOutbox(FixedClock(NOW))
    allowed = parse_addresses(f"+15005550001, +447700900*, a@example.com, {ENDPOINT}")
    sent = AllowedOutgoing(outbox, allowed).send(outgoing(address=address))
    assert len(outbox.sent) == goes_out
    assert (sent == NOT_ALLOWED) == (not goes_out)


def test_an_empty_list_allows_nobody() -> None:
    assert AllowedOutgoing(MemoryOutbox(FixedClock(NOW)), parse_addresses(" ")).send(MESSAGE) == NOT_ALLOWED


@pytest.mark.parametrize("text", ["*", "a*@example.com", "arn:*", "+8613900000001,", "example.com"])
def test_a_list_that_cannot_be_read_names_the_place_and_not_the_entry(text: str) -> None:
    with pytest.raises(InputError, match=r"^allowed addresses: entry \d is no number") as raised:
        parse_addresses(text)
    assert "139" not in str(raised.value)
