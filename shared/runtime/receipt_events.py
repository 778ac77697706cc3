"""What providers say of messages, as typed values: delivery logs, delivery events, and messages from borrowers.

Providers add fields and words when they like: what is not needed is passed over, and a word that no table knows becomes
UNKNOWN with that word as its code. What lacks the fields that it needs raises EventError. No error, and nothing of a
receipt, repeats an address, a text, or a sentence of a provider.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.errors import EventError
from shared.domain.provider_codes import safe_code
from shared.ports.messages import Inbound, Receipt, What
from shared.runtime import receipt_shapes as shapes
from shared.runtime.fields import Fields, read_json
from shared.runtime.receipt_logs import log_entries
from shared.runtime.receipt_words import (
    EUM_EVENTS,
    GATEWAY_WORDS,
    PUSH_FAILURES,
    SES_BOUNCES,
    SES_EVENTS,
    SMS_REASONS,
    Meaning,
)

type News = Receipt | Inbound


@dataclass(frozen=True, slots=True)
class Heard:
    """What one invocation brought. A part that is malformed costs no other part: the caller books the news first, and
    then lets the problems be seen."""

    news: tuple[News, ...]
    problems: tuple[EventError, ...] = ()


def event_news(event: object, received_at: datetime) -> Heard:
    """What a function's own event says: a subscription of CloudWatch Logs, a topic of SNS, or a rule of EventBridge.

    Straight into the function, and through no queue: what borrowers write, and the numbers in delivery events, are not
    for a queue to hold. Raises EventError where the event as a whole is none of the three.
    """
    if isinstance(event, dict) and "awslogs" in event:
        entries, read = log_entries(event)
        return _each(entries, lambda entry: (read(entry),))
    if isinstance(event, dict) and "Records" in event:
        records = Fields(event, "receipts").take("Records", shapes.a_list)
        if not records:
            raise EventError("receipts: Records is empty")
        return _each(records, lambda record: message_news(_sns_envelope(record), received_at))
    return Heard(_document_news(shapes.an_object(event, "receipt"), received_at))


def message_news(body: str, received_at: datetime) -> tuple[News, ...]:
    """What one message says: an SNS notification around it or none, an EventBridge event around it or none.

    `received_at` stands where a provider gives no time. Events of other kinds give nothing.
    """
    return _document_news(shapes.an_object(read_json(body, "receipt"), "receipt"), received_at)


def _document_news(document: Mapping[str, Any], received_at: datetime) -> tuple[News, ...]:
    if document.get("Type") == "Notification" and "Message" in document:
        envelope = Fields(document, "notification")
        received_at = envelope.take_if("Timestamp", shapes.instant) or received_at
        document = shapes.an_object(read_json(envelope.take("Message", shapes.text), "receipt"), "receipt")
    if "detail-type" in document:
        document = shapes.an_object(document.get("detail"), "receipt")
    found = _read(document, received_at)
    return () if found is None else (found,)


def _sns_envelope(record: object) -> str:
    return json.dumps(Fields(record, "record").take("Sns", shapes.mapping))


def _each(parts: list[Any], read: Callable[[Any], tuple[News, ...]]) -> Heard:
    news: list[News] = []
    problems: list[EventError] = []
    for part in parts:
        try:
            news.extend(read(part))
        except EventError as problem:
            problems.append(problem)
    return Heard(tuple(news), tuple(problems))


def _read(document: Mapping[str, Any], received_at: datetime) -> News | None:
    if "inboundMessageId" in document:
        return _inbound(document, received_at)
    if document.get("EventType") == "DeliveryFailure":
        return _push_failure(document)
    if isinstance(document.get("EventType"), str) and "EndpointArn" in document:
        return None  # an endpoint came, went or changed
    if isinstance(document.get("mail"), dict):
        return _ses(document)
    if "eventType" in document:
        return _eum(document)
    if document.get("kind") in ("receipt", "inbound"):
        return _gateway(document)
    raise EventError("receipt: no event of a provider that is known here")


# SNS: an endpoint of mobile push.


def _push_failure(document: Mapping[str, Any]) -> Receipt:
    """A platform application's DeliveryFailure, which SNS sends for permanent failures only."""
    fields = Fields(document, "push failure")
    word = fields.take("FailureType", shapes.text)
    meaning = PUSH_FAILURES.get(word, Meaning(What.FAILED_FOR_GOOD, safe_code(word)))
    return shapes.receipt_of(
        "sns-push",
        meaning,
        fields.take("Time", shapes.instant),
        provider_ref=fields.take("MessageId", shapes.reference),
    )


# AWS End User Messaging: SMS, voice, and messages from borrowers.


def _eum(document: Mapping[str, Any]) -> Receipt | None:
    fields = Fields(document, "messaging event")
    word = fields.take("eventType", shapes.text)
    if not word.startswith(("TEXT_", "VOICE_")):
        return None  # registrations, media
    at, reference = fields.take("eventTimestamp", shapes.milliseconds), fields.take("messageId", shapes.reference)
    context = fields.take_if("context", shapes.mapping) or {}
    meaning = EUM_EVENTS.get(word, Meaning(What.UNKNOWN, safe_code(word)))
    if word == "TEXT_SUCCESSFUL" and fields.take_if("isFinal", shapes.anything) is not True:
        meaning = Meaning(What.ACCEPTED, word)
    said = SMS_REASONS.get(fields.take_if("messageStatusDescription", shapes.any_text) or "")
    if said is not None and said.what is What.OPTED_OUT and meaning.what is not What.DELIVERED:
        meaning = said
    key = context.get("notice")
    provider = "eum-voice" if word.startswith("VOICE_") else "eum-sms"
    return shapes.receipt_of(provider, meaning, at, key=key if isinstance(key, str) else None, provider_ref=reference)


def _inbound(document: Mapping[str, Any], received_at: datetime) -> Inbound:
    fields = Fields(document, "inbound message")
    return Inbound(
        "eum-sms",
        fields.take("originationNumber", shapes.phone),
        fields.take("messageBody", shapes.any_text),
        fields.take("destinationNumber", shapes.ours),
        received_at,
        fields.take("inboundMessageId", shapes.reference),
    )


# SES.


def _ses(document: Mapping[str, Any]) -> Receipt | None:
    fields = Fields(document, "e-mail event")
    word = fields.take("eventType" if "eventType" in document else "notificationType", shapes.text)
    mail = Fields(fields.take("mail", shapes.mapping), "e-mail event: mail")
    about = document.get(_ses_part(word))
    about = about if isinstance(about, dict) else {}
    meaning = _ses_meaning(word, about)
    if meaning is None:
        return None
    at = Fields(about, "e-mail event").take_if("timestamp", shapes.instant) or mail.take("timestamp", shapes.instant)
    tags = mail.take_if("tags", shapes.mapping) or {}
    return shapes.receipt_of(
        "ses",
        meaning,
        at,
        key=_tagged_key(tags.get("notice")),
        provider_ref=mail.take("messageId", shapes.reference),
    )


def _ses_part(word: str) -> str:
    """The object of an event: `bounce` of Bounce, `deliveryDelay` of DeliveryDelay, `failure` of Rendering Failure."""
    return "failure" if word == "Rendering Failure" else word[:1].lower() + word[1:]


def _ses_meaning(word: str, about: Mapping[str, Any]) -> Meaning | None:
    match word:
        case "Bounce":
            kind, sub = about.get("bounceType"), about.get("bounceSubType")
            listed = SES_BOUNCES.get(f"{kind}.{sub}") or SES_BOUNCES.get(f"{kind}")
            code = safe_code(f"Bounce.{kind}.{sub}")
            return listed.with_code(code) if listed else Meaning(What.UNKNOWN, code)
        case "Complaint" if about.get("complaintFeedbackType") == "not-spam":
            return None
        case "Subscription":
            left = about.get("newTopicPreferences")
            gone = isinstance(left, dict) and left.get("unsubscribeAll") is True
            return Meaning(What.OPTED_OUT, "Subscription") if gone else None
        case _:
            return SES_EVENTS.get(word, Meaning(What.UNKNOWN, safe_code(word)))


def _tagged_key(values: object) -> str | None:
    """The notice's key out of its tag; None for a tag that is not ours."""
    if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], str):
        return None
    tag = values[0]
    try:
        return urlsafe_b64decode(tag + "=" * (-len(tag) % 4)).decode() or None
    except ValueError:
        return None


# A gateway of `http_sms`, whose format is ours: docs/channels.md.


def _gateway(document: Mapping[str, Any]) -> News:
    fields = Fields(document, "gateway message")
    at = fields.take("at", shapes.instant)
    if fields.take("kind", shapes.text) == "inbound":
        return Inbound(
            "http-sms",
            fields.take("from", shapes.phone),
            fields.take("text", shapes.any_text),
            fields.take("to", shapes.ours),
            at,
            fields.take("id", shapes.reference),
        )
    word = fields.take("status", shapes.text)
    meaning = GATEWAY_WORDS.get(word, Meaning(What.UNKNOWN, safe_code(word)))
    code = fields.take_if("code", shapes.anything)
    return shapes.receipt_of(
        "http-sms",
        meaning.with_code(safe_code(code)) if code is not None else meaning,
        at,
        key=fields.take("key", shapes.reference),
        provider_ref=fields.take_if("ref", shapes.maybe_reference),
    )
