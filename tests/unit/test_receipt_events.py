"""Receipts and messages of borrowers, read from the shapes that the providers document."""

import gzip
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.ses_email import tag_of
from shared.domain.errors import EventError
from shared.ports.messages import Inbound, Receipt, What
from shared.runtime.receipt_events import Heard, News, event_news, message_news
from shared.runtime.receipt_logs import MOST_LOG_BYTES
from shared.runtime.receipt_words import EUM_EVENTS, SMS_REASONS

PHONE, EMAIL, NAME = "+8613800000001", "zhang.san@example.com", "张三"
KEY = "B1#REMIND_7#L1#001#1"
RECEIVED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AT = datetime(2026, 3, 2, 2, 0, 0, 470_000, tzinfo=UTC)
MILLISECONDS = 1_772_416_800_470


def news(document: object) -> tuple[News, ...]:
    return message_news(json.dumps(document), RECEIVED)


def one(document: object) -> News:
    (found,) = news(document)
    return found


def receipt(document: object) -> Receipt:
    found = one(document)
    assert isinstance(found, Receipt)
    return found


def outcome(found: Receipt) -> tuple[What, str, bool]:
    return found.what, found.code, found.address_is_dead


def log_receipts(event: object) -> tuple[Receipt, ...]:
    heard = event_news(event, RECEIVED)
    for problem in heard.problems:
        raise problem
    return tuple(each for each in heard.news if isinstance(each, Receipt))


def without(document: dict[str, Any], path: str) -> dict[str, Any]:
    copy = json.loads(json.dumps(document))
    *outer, last = path.split(".")
    inner = copy
    for name in outer:
        inner = inner[name]
    del inner[last]
    assert isinstance(copy, dict)
    return copy


# SNS: delivery logs.

SMS_GROUP = "sns/us-east-1/123456789012/DirectPublishToPhoneNumber"
PUSH_GROUP = "sns/us-east-1/123456789012/app/GCM/duebell/Failure"


def logged(*entries: object, group: str = SMS_GROUP, **changes: Any) -> dict[str, Any]:
    batch = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": group,
        "logStream": "x",
        "subscriptionFilters": ["receipts"],
        "logEvents": [
            {"id": str(number), "timestamp": MILLISECONDS, "message": json.dumps(entry)}
            for number, entry in enumerate(entries)
        ],
    } | changes
    return {"awslogs": {"data": b64encode(gzip.compress(json.dumps(batch).encode())).decode()}}


def sms_entry(status: str, said: str | None) -> dict[str, Any]:
    delivery = {"mnc": 0, "mcc": 460, "destination": PHONE, "priceInUSD": 0.02, "smsType": "Transactional"}
    return {
        "notification": {"messageId": "34d9b400-c6dd-5444-820d-fbeb0f1f54cf", "timestamp": "2026-03-02 01:59:59.9"},
        "delivery": delivery | ({} if said is None else {"providerResponse": said}),
        "status": status,
    }


def test_a_delivered_sms_is_known_by_the_reference_of_sns_and_logged_when_it_was() -> None:
    (found,) = log_receipts(logged(sms_entry("SUCCESS", "Message has been accepted by phone carrier")))
    assert found == Receipt(
        "sns-sms", What.DELIVERED, AT, "delivered", provider_ref="34d9b400-c6dd-5444-820d-fbeb0f1f54cf"
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Blocked as spam by phone carrier", (What.FAILED_FOR_GOOD, "carrier-spam", False)),
        ("Destination is on a blocked list", (What.FAILED_FOR_GOOD, "blocked-list", True)),
        ("Invalid phone number", (What.FAILED_FOR_GOOD, "invalid-number", True)),
        ("Message body is invalid", (What.FAILED_FOR_GOOD, "invalid-text", False)),
        ("Phone carrier has blocked this message", (What.FAILED_FOR_GOOD, "carrier-blocked", False)),
        ("Phone carrier is currently unreachable/unavailable", (What.FAILED_FOR_NOW, "carrier-unreachable", False)),
        ("Phone has blocked SMS", (What.FAILED_FOR_GOOD, "phone-blocks-sms", True)),
        ("Phone is on a blocked list", (What.FAILED_FOR_GOOD, "blocked-list", True)),
        ("Phone is currently unreachable/unavailable", (What.FAILED_FOR_NOW, "phone-unreachable", False)),
        ("Phone number is opted out", (What.OPTED_OUT, "opted-out", False)),
        ("This delivery would exceed max price", (What.FAILED_FOR_GOOD, "max-price", False)),
        ("No quota left for account", (What.FAILED_FOR_NOW, "spend-limit", False)),
        ("Unknown error attempting to reach phone", (What.UNKNOWN, "unknown-error", False)),
        (f"A sentence of next year about {PHONE}", (What.UNKNOWN, "unlisted", False)),
        (None, (What.UNKNOWN, "unlisted", False)),
    ],
)
def test_why_an_sms_failed(said: str | None, expected: tuple[What, str, bool]) -> None:
    (found,) = log_receipts(logged(sms_entry("FAILURE", said), group=f"{SMS_GROUP}/Failure"))
    assert outcome(found) == expected


def test_one_subscription_event_holds_many_entries() -> None:
    entries = [sms_entry("SUCCESS", "x"), sms_entry("FAILURE", "Invalid phone number")]
    assert [found.what for found in log_receipts(logged(*entries))] == [What.DELIVERED, What.FAILED_FOR_GOOD]


def test_the_message_with_which_a_subscription_is_tried_says_nothing() -> None:
    assert log_receipts(logged(messageType="CONTROL_MESSAGE", logGroup="", logEvents=[{"message": "x"}])) == ()


def push_entry(status: str, status_code: object, said: str) -> dict[str, Any]:
    return {
        "status": status,
        "notification": {"timestamp": "2026-03-02 01:59:59.9", "messageId": "m-1"},
        "delivery": {"token": "secret", "destination": "arn:x", "statusCode": status_code, "providerResponse": said},
    }


@pytest.mark.parametrize(
    ("status", "status_code", "said", "expected"),
    [
        ("SUCCESS", 200, "{}", (What.ACCEPTED, "accepted", False)),
        ("FAILURE", 410, '{"reason":"Unregistered"}', (What.FAILED_FOR_GOOD, "dead-token", True)),
        ("FAILURE", 400, '{"reason":"BadDeviceToken"}', (What.FAILED_FOR_GOOD, "dead-token", True)),
        (
            "FAILURE",
            404,
            '{"error":{"details":[{"errorCode":"UNREGISTERED"}]}}',
            (What.FAILED_FOR_GOOD, "dead-token", True),
        ),
        ("FAILURE", 429, "{}", (What.FAILED_FOR_NOW, "HTTP-429", False)),
        ("FAILURE", 503, "{}", (What.FAILED_FOR_NOW, "HTTP-503", False)),
        ("FAILURE", 400, '{"reason":"PayloadTooLarge"}', (What.UNKNOWN, "HTTP-400", False)),
        ("FAILURE", None, "", (What.UNKNOWN, "unlisted", False)),
    ],
)
def test_what_a_push_log_says(status: str, status_code: object, said: str, expected: tuple[What, str, bool]) -> None:
    entry = push_entry(status, status_code, said or "x")
    (found,) = log_receipts(logged(entry, group=PUSH_GROUP))
    assert (found.provider, found.provider_ref) == ("sns-push", "m-1")
    assert outcome(found) == expected


def test_a_malformed_entry_costs_no_other_entry() -> None:
    heard = event_news(logged(sms_entry("SUCCESS", "x"), {}, sms_entry("SUCCESS", "x")), RECEIVED)
    assert len(heard.news) == 2
    assert [str(problem) for problem in heard.problems] == ["delivery log entry: notification is missing"]


def packed(text: bytes) -> dict[str, Any]:
    return {"awslogs": {"data": b64encode(text).decode()}}


WHOLE = sms_entry("SUCCESS", "x")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (None, "receipt: not a JSON object"),
        ({"awslogs": None}, "delivery log: awslogs must be an object"),
        ({"awslogs": {}}, "awslogs.data is not"),
        ({"awslogs": {"data": 7}}, "awslogs.data is not"),
        ({"awslogs": {"data": "%%%"}}, "awslogs.data is not"),
        (packed(b"plain"), "awslogs.data is not"),
        (packed(gzip.compress(b"\xff")), "awslogs.data is not"),
        (packed(gzip.compress(b"{}")[:-4]), "cut short"),
        (packed(gzip.compress(b" " * (MOST_LOG_BYTES + 1))), "more than 8388608 bytes"),
        (packed(gzip.compress(b"[")), "delivery log: not JSON"),
        (packed(gzip.compress(b"{}")), "messageType is missing"),
        (logged(WHOLE, group="/aws/lambda/x"), "not a log group of SMS or mobile push"),
        (logged(logEvents={}), "logEvents must be a list"),
        (logged(logEvents=[7]), "delivery log entry: not a JSON object"),
        (logged(logEvents=[{"timestamp": "x", "message": "{}"}]), "timestamp must be milliseconds"),
        (logged(logEvents=[{"timestamp": 1, "message": PHONE}]), "delivery log entry: not JSON"),
        (logged(without(WHOLE, "status")), "status is missing"),
        (logged(without(WHOLE, "delivery")), "delivery is missing"),
        (logged(without(WHOLE, "notification.messageId")), "messageId is missing"),
        (logged(WHOLE | {"notification": {"messageId": f"{NAME} {PHONE}"}}), "messageId must be"),
    ],
)
def test_a_malformed_log_is_refused_and_nothing_of_it_repeated(event: object, message: str) -> None:
    with pytest.raises(EventError) as raised:
        log_receipts(event)
    assert message in str(raised.value)
    assert PHONE not in str(raised.value)


# SNS: an endpoint of mobile push.

FAILURE = {
    "DeliveryAttempts": 1,
    "EndpointArn": "arn:aws:sns:us-east-1:123456789012:endpoint/APNS/duebell/3f08fd15",
    "EventType": "DeliveryFailure",
    "FailureMessage": "Platform token associated with the endpoint is not valid",
    "FailureType": "InvalidPlatformToken",
    "MessageId": "m-1",
    "Resource": "arn:aws:sns:us-east-1:123456789012:app/APNS/duebell",
    "Service": "SNS",
    "Time": "2026-03-02T02:00:00.470Z",
}


@pytest.mark.parametrize(
    ("word", "dead"),
    [("InvalidPlatformToken", True), ("EndpointNotFound", True), ("EndpointDisabled", True), ("PayloadTooBig", False)],
)
def test_a_push_message_that_fails_for_good(word: str, dead: bool) -> None:
    assert receipt(FAILURE | {"FailureType": word}) == Receipt(
        "sns-push", What.FAILED_FOR_GOOD, AT, word, provider_ref="m-1", address_is_dead=dead
    )


@pytest.mark.parametrize("word", ["EndpointCreated", "EndpointUpdated", "EndpointDeleted"])
def test_an_endpoint_that_comes_or_goes_is_no_receipt(word: str) -> None:
    assert news(FAILURE | {"EventType": word}) == ()


# End User Messaging.

TEXT = {
    "eventType": "TEXT_DELIVERED",
    "eventVersion": "1.0",
    "eventTimestamp": MILLISECONDS,
    "isFinal": True,
    "originationPhoneNumber": "+12065550152",
    "destinationPhoneNumber": PHONE,
    "isoCountryCode": "CN",
    "messageId": "862a8790-60c0-4430-9b2b-658bdexample",
    "messageRequestTimestamp": 1_772_416_800_170,
    "messageEncoding": "GSM",
    "messageType": "TRANSACTIONAL",
    "messageStatus": "DELIVERED",
    "messageStatusDescription": "Message has been accepted by phone",
    "context": {"notice": KEY},
    "totalMessageParts": 1,
    "totalMessagePrice": 0.09582,
}
IN_TEXT = Receipt("eum-sms", What.DELIVERED, AT, "TEXT_DELIVERED", KEY, "862a8790-60c0-4430-9b2b-658bdexample")


def notified(document: object) -> dict[str, Any]:
    """In SNS's envelope, as a queue gets it without raw delivery."""
    return {
        "Type": "Notification",
        "MessageId": "n-1",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:receipts",
        "Message": json.dumps(document),
        "Timestamp": "2026-03-02T08:59:58.776Z",
        "SignatureVersion": "1",
    }


def bridged(document: object) -> dict[str, Any]:
    """In EventBridge's envelope."""
    return {
        "version": "0",
        "id": "5c0fa4f8-e4ba-ed02-6101-c795472fccd0",
        "detail-type": "Text Message Delivery Status Updated",
        "source": "aws.sms-voice",
        "time": "2026-03-02T02:00:01Z",
        "detail": document,
    }


@pytest.mark.parametrize(
    "document", [TEXT, notified(TEXT), bridged(TEXT), notified(bridged(TEXT))], ids=["raw", "sns", "bus", "both"]
)
def test_a_text_s_receipt_names_the_notice_whatever_it_came_in(document: object) -> None:
    assert one(document) == IN_TEXT


def test_a_topic_or_a_rule_may_call_the_function_itself() -> None:
    records = [{"EventSource": "aws:sns", "Sns": notified(TEXT)}, {"EventSource": "aws:sns", "Sns": notified({})}, 7]
    heard = event_news({"Records": records}, RECEIVED)
    assert heard.news == (IN_TEXT,)
    assert [str(problem) for problem in heard.problems] == [
        "receipt: no event of a provider that is known here",
        "record: not a JSON object",
    ]
    assert event_news(bridged(TEXT), RECEIVED) == Heard((IN_TEXT,))


def test_without_our_context_the_reference_alone_says_which_message() -> None:
    found = receipt(bridged(without(TEXT, "context")))
    assert (found.key, found.provider_ref) == (None, IN_TEXT.provider_ref)
    assert receipt(TEXT | {"context": {"notice": 7}}).key is None


WORDS = {
    "TEXT_QUEUED": What.ACCEPTED,
    "TEXT_PENDING": What.ACCEPTED,
    "TEXT_SENT": What.ACCEPTED,
    "TEXT_SUCCESSFUL": What.DELIVERED,
    "TEXT_DELIVERED": What.DELIVERED,
    "TEXT_INVALID": What.FAILED_FOR_GOOD,
    "TEXT_INVALID_MESSAGE": What.FAILED_FOR_GOOD,
    "TEXT_UNREACHABLE": What.FAILED_FOR_NOW,
    "TEXT_CARRIER_UNREACHABLE": What.FAILED_FOR_NOW,
    "TEXT_BLOCKED": What.FAILED_FOR_GOOD,
    "TEXT_CARRIER_BLOCKED": What.FAILED_FOR_GOOD,
    "TEXT_SPAM": What.FAILED_FOR_GOOD,
    "TEXT_UNKNOWN": What.UNKNOWN,
    "TEXT_TTL_EXPIRED": What.FAILED_FOR_NOW,
    "TEXT_PROTECT_BLOCKED": What.FAILED_FOR_GOOD,
    "VOICE_INITIATED": What.ACCEPTED,
    "VOICE_RINGING": What.ACCEPTED,
    "VOICE_ANSWERED": What.ANSWERED,
    "VOICE_COMPLETED": What.DELIVERED,
    "VOICE_BUSY": What.FAILED_FOR_NOW,
    "VOICE_NO_ANSWER": What.FAILED_FOR_NOW,
    "VOICE_FAILED": What.FAILED_FOR_NOW,
    "VOICE_TTL_EXPIRED": What.FAILED_FOR_NOW,
}


@pytest.mark.parametrize(("word", "what"), WORDS.items())
def test_what_a_text_or_a_call_became(word: str, what: What) -> None:
    dead = word in {"TEXT_INVALID", "TEXT_BLOCKED"}
    found = receipt(TEXT | {"eventType": word})
    assert outcome(found) == (what, word, dead)
    assert found.provider == ("eum-voice" if word.startswith("VOICE_") else "eum-sms")


def test_every_word_that_the_installed_sdk_knows_stands_in_the_table() -> None:
    model = botocore.session.get_session().get_service_model("pinpoint-sms-voice-v2")
    known = {word for word in model.shape_for("EventType").enum if word.startswith(("TEXT_", "VOICE_"))}
    assert known - {"TEXT_ALL", "VOICE_ALL"} == set(EUM_EVENTS) == set(WORDS)


def test_successful_is_delivered_only_where_it_is_the_last_word() -> None:
    for is_final in (False, None, "true"):
        found = receipt(TEXT | {"eventType": "TEXT_SUCCESSFUL", "isFinal": is_final})
        assert outcome(found) == (What.ACCEPTED, "TEXT_SUCCESSFUL", False)


def test_an_opted_out_number_is_told_from_other_blocked_ones_by_the_description() -> None:
    blocked = TEXT | {"eventType": "TEXT_BLOCKED", "messageStatusDescription": "Phone number is opted out"}
    assert outcome(receipt(blocked)) == (What.OPTED_OUT, "opted-out", False)
    assert receipt(blocked | {"eventType": "TEXT_DELIVERED"}).what is What.DELIVERED


def test_a_word_of_next_year_is_unknown() -> None:
    assert outcome(receipt(TEXT | {"eventType": "TEXT_TELEPATHY"})) == (What.UNKNOWN, "TEXT_TELEPATHY", False)
    assert outcome(receipt(TEXT | {"eventType": f"TEXT_{PHONE}"})) == (What.UNKNOWN, "unlisted", False)


@pytest.mark.parametrize("word", ["MEDIA_DELIVERED", "RCS_READ", "REGISTRATION_STATUS_CHANGED"])
def test_events_of_what_is_never_sent_say_nothing(word: str) -> None:
    assert news(TEXT | {"eventType": word}) == ()


# Messages from borrowers.

STOP = {
    "originationNumber": PHONE,
    "destinationNumber": "+12125550101",
    "messageKeyword": "KEYWORD_123",
    "messageBody": f"退订 {NAME}",
    "inboundMessageId": "cae173d2-66b9-564c-8309-21f858e9fb84",
    "previousPublishedMessageId": "862a8790-60c0-4430-9b2b-658bdexample",
}


def test_a_message_from_a_borrower_keeps_its_text() -> None:
    assert one(STOP) == Inbound(
        "eum-sms",
        PHONE,
        f"退订 {NAME}",
        "+12125550101",
        RECEIVED,
        "cae173d2-66b9-564c-8309-21f858e9fb84",
    )


def test_it_came_when_sns_says_so() -> None:
    assert one(notified(STOP)).at == datetime(2026, 3, 2, 8, 59, 58, 776_000, tzinfo=UTC)


def test_an_empty_message_is_one() -> None:
    found = one(STOP | {"messageBody": ""})
    assert isinstance(found, Inbound)
    assert found.text == ""


# E-mail.


def email(word: str, part: str | None = None, about: dict[str, Any] | None = None, **mail: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "eventType": word,
        "mail": {
            "timestamp": "2026-03-02T02:00:00.470Z",
            "source": "Duebell <pay@lender.example>",
            "messageId": "EXAMPLE7c191be45-e9aedb9a",
            "destination": [EMAIL],
            "headers": [{"name": "To", "value": EMAIL}],
            "tags": {"ses:configuration-set": ["duebell"], "notice": [tag_of(KEY)]},
        }
        | mail,
    }
    return document | ({} if part is None else {part: about})


BOUNCED = {
    "bouncedRecipients": [{"emailAddress": EMAIL, "diagnosticCode": f"smtp; 550 {EMAIL} unknown"}],
    "timestamp": "2026-03-02T03:00:00.000Z",
}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (email("Send", "send", {}), (What.ACCEPTED, "Send", False)),
        (email("DeliveryDelay", "deliveryDelay", {"delayType": "x"}), (What.ACCEPTED, "DeliveryDelay", False)),
        (email("Delivery", "delivery", {"recipients": [EMAIL]}), (What.DELIVERED, "Delivery", False)),
        (email("Open", "open", {"ipAddress": "192.0.2.1"}), (What.OPENED, "Open", False)),
        (email("Click", "click", {"link": "https://x.example"}), (What.CLICKED, "Click", False)),
        (email("Complaint", "complaint", {"complaintFeedbackType": "abuse"}), (What.OPTED_OUT, "Complaint", False)),
        (email("Reject", "reject", {"reason": "Bad content"}), (What.FAILED_FOR_GOOD, "Reject", False)),
        (email("Rendering Failure", "failure", {}), (What.FAILED_FOR_GOOD, "RenderingFailure", False)),
        (email("Telepathy", "telepathy", {}), (What.UNKNOWN, "Telepathy", False)),
        (
            email("Subscription", "subscription", {"newTopicPreferences": {"unsubscribeAll": True}}),
            (What.OPTED_OUT, "Subscription", False),
        ),
    ],
    ids=lambda value: value["eventType"] if isinstance(value, dict) else "",
)
def test_what_an_e_mail_became(document: dict[str, Any], expected: tuple[What, str, bool]) -> None:
    found = receipt(document)
    assert outcome(found) == expected
    assert (found.provider, found.key, found.provider_ref, found.at) == ("ses", KEY, "EXAMPLE7c191be45-e9aedb9a", AT)


@pytest.mark.parametrize(
    ("kind", "sub", "what", "dead"),
    [
        ("Permanent", "General", What.FAILED_FOR_GOOD, True),
        ("Permanent", "NoEmail", What.FAILED_FOR_GOOD, True),
        ("Permanent", "OnAccountSuppressionList", What.FAILED_FOR_GOOD, True),
        ("Permanent", "UnsubscribedRecipient", What.OPTED_OUT, False),
        ("Transient", "MailboxFull", What.FAILED_FOR_NOW, False),
        ("Transient", "UnsubscribedRecipient", What.OPTED_OUT, False),
        ("Undetermined", "Undetermined", What.UNKNOWN, False),
    ],
)
def test_a_bounce_goes_by_its_type(kind: str, sub: str, what: What, dead: bool) -> None:
    found = receipt(email("Bounce", "bounce", BOUNCED | {"bounceType": kind, "bounceSubType": sub}))
    assert outcome(found) == (what, f"Bounce.{kind}.{sub}", dead)
    assert found.at == datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def test_what_takes_back_a_complaint_or_a_subscription_that_stays_is_no_receipt() -> None:
    assert news(email("Complaint", "complaint", {"complaintFeedbackType": "not-spam"})) == ()
    assert news(email("Subscription", "subscription", {"newTopicPreferences": {"unsubscribeAll": False}})) == ()


@pytest.mark.parametrize("tags", [None, {}, {"notice": []}, {"notice": ["/"]}, {"notice": ["_w"]}, {"notice": [7]}])
def test_a_tag_that_is_not_ours_leaves_the_reference(tags: object) -> None:
    document = email("Delivery", tags=tags) if tags is not None else without(email("Delivery"), "mail.tags")
    assert receipt(document).key is None


def test_a_notification_without_event_publishing_is_read_too() -> None:
    document = email("Delivery")
    document["notificationType"] = document.pop("eventType")
    assert receipt(document).what is What.DELIVERED


# A gateway of an operator's own.

OWN = {
    "v": 1,
    "kind": "receipt",
    "key": KEY,
    "ref": "r-1",
    "status": "delivered",
    "at": "2026-03-02T10:00:00.470+08:00",
}


def test_a_gateway_s_receipt() -> None:
    assert one(OWN) == Receipt("http-sms", What.DELIVERED, AT, "delivered", KEY, "r-1")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "accepted"}, (What.ACCEPTED, "accepted", False)),
        ({"status": "failed-for-now", "code": "DB:0141"}, (What.FAILED_FOR_NOW, "DB:0141", False)),
        ({"status": "failed-for-good", "code": PHONE}, (What.FAILED_FOR_GOOD, "unlisted", False)),
        ({"status": "dead-number", "code": "MK:0001"}, (What.FAILED_FOR_GOOD, "MK:0001", True)),
        ({"status": "opted-out"}, (What.OPTED_OUT, "opted-out", False)),
        ({"status": "unknown"}, (What.UNKNOWN, "unknown", False)),
        ({"status": "lost"}, (What.UNKNOWN, "lost", False)),
    ],
)
def test_what_a_gateway_s_receipt_says(changes: dict[str, Any], expected: tuple[What, str, bool]) -> None:
    assert outcome(receipt(OWN | changes)) == expected


def test_a_gateway_s_message_from_a_borrower() -> None:
    document = {"v": 1, "kind": "inbound", "id": "i-1", "from": PHONE, "to": "10690001", "text": "R", "at": OWN["at"]}
    assert one(document) == Inbound("http-sms", PHONE, "R", "10690001", AT, "i-1")


# What is malformed.


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "receipt: not a JSON object"),
        ({}, "no event of a provider that is known here"),
        ({"kind": ["receipt"]}, "no event of a provider that is known here"),
        ({"Type": "Notification", "Message": 7}, "notification: Message must be a text"),
        ({"Type": "Notification", "Message": PHONE}, "receipt: not JSON"),
        (notified(TEXT) | {"Timestamp": "yesterday"}, "notification: Timestamp must be an instant"),
        ({"detail-type": "x", "detail": [PHONE]}, "receipt: not a JSON object"),
        (without(TEXT, "messageId"), "messaging event: messageId is missing"),
        (TEXT | {"messageId": PHONE + " x"}, "messaging event: messageId must be"),
        (TEXT | {"eventTimestamp": True}, "eventTimestamp must be milliseconds"),
        (TEXT | {"eventTimestamp": 10**14}, "eventTimestamp must be milliseconds"),
        (TEXT | {"context": PHONE}, "context must be an object"),
        (without(STOP, "messageBody"), "inbound message: messageBody is missing"),
        (STOP | {"originationNumber": EMAIL}, "originationNumber must be a phone number"),
        (without(email("Bounce"), "mail.messageId"), "messageId is missing"),
        (email("Bounce", timestamp="2026-13-02T02:00:00Z"), "timestamp must be an instant"),
        (email("Bounce", "bounce", {"timestamp": EMAIL}), "timestamp must be an instant"),
        (FAILURE | {"Time": "2026-03-02"}, "push failure: Time must be an instant"),
        (without(OWN, "key"), "gateway message: key is missing"),
        (OWN | {"at": "2026-03-02T10:00:00"}, "gateway message: at must be an instant"),
    ],
)
def test_a_malformed_message_is_refused_and_nothing_of_it_repeated(document: object, message: str) -> None:
    with pytest.raises(EventError) as raised:
        news(document)
    assert message in str(raised.value)
    for personal in (PHONE, EMAIL, NAME):
        assert personal not in str(raised.value)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(EventError, match=r"^receipt: not JSON$"):
        message_news(PHONE + "{", RECEIVED)


WHOLE_MESSAGES: list[dict[str, Any]] = [TEXT, STOP, FAILURE, OWN, email("Bounce", "bounce", BOUNCED), notified(TEXT)]
values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(WHOLE_MESSAGES), st.data())
def test_any_field_may_hold_anything_and_nothing_but_event_error_is_raised(
    document: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(document)))
    inner = document[name]
    if isinstance(inner, dict) and inner and data.draw(st.booleans()):
        changed: object = inner | {data.draw(st.sampled_from(sorted(inner))): data.draw(values)}
    else:
        changed = data.draw(values)
    try:
        found = news(document | {name: changed})
    except EventError:
        return
    assert all(each.at.utcoffset() == timedelta(0) for each in found)


@pytest.mark.parametrize("document", WHOLE_MESSAGES, ids=["text", "stop", "push", "own", "email", "sns"])
def test_fields_of_next_year_change_nothing(document: dict[str, Any]) -> None:
    assert news(document | {"added2027": {"x": [1]}}) == news(document)


@pytest.mark.parametrize(
    "document",
    [TEXT, FAILURE, OWN | {"code": PHONE}, email("Bounce", "bounce", BOUNCED)],
    ids=["eum", "push", "own", "ses"],
)
def test_no_receipt_holds_an_address(document: dict[str, Any]) -> None:
    for personal in (PHONE, EMAIL):
        assert personal not in repr(receipt(document))


def test_no_code_of_a_table_is_a_sentence() -> None:
    assert all(" " not in meaning.code for meaning in SMS_REASONS.values())
