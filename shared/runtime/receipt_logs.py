"""SNS's delivery logs, as a subscription of CloudWatch Logs brings them: of SMS and of mobile push."""

import zlib
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from typing import Any

from shared.domain.errors import EventError
from shared.ports.messages import Receipt, What
from shared.runtime import receipt_shapes as shapes
from shared.runtime.fields import Fields, read_json
from shared.runtime.receipt_words import DEAD_TOKEN_WORDS, SMS_REASONS, Meaning

MOST_LOG_BYTES = 8 * 1024 * 1024
"""Of a log event, unpacked; CloudWatch packs at most 6 MB into one."""

_ENTRY = "delivery log entry"


def log_entries(event: object) -> tuple[list[Any], Callable[[object], Receipt]]:
    """The entries of a subscription's event, and what reads one; none in the event with which it is tried.

    SMS are logged under `DirectPublishToPhoneNumber`, mobile push under `app/<platform>/<name>`.
    """
    batch = Fields(read_json(_unpacked(event), "delivery log"), "delivery log")
    if batch.take("messageType", shapes.text) == "CONTROL_MESSAGE":
        return [], lambda entry: _log_entry(entry, _sms_log)
    group, entries = batch.take("logGroup", shapes.text), batch.take("logEvents", shapes.a_list)
    if "/DirectPublishToPhoneNumber" in group:
        return entries, lambda entry: _log_entry(entry, _sms_log)
    if "/app/" in group:
        return entries, lambda entry: _log_entry(entry, _push_log)
    raise EventError("delivery log: not a log group of SMS or mobile push")


def _unpacked(event: object) -> str:
    packed = Fields(event, "delivery log").take("awslogs", shapes.mapping)
    try:
        stream = zlib.decompressobj(wbits=31)
        unpacked = stream.decompress(b64decode(packed["data"], validate=True), MOST_LOG_BYTES)
        if not stream.eof:
            raise EventError(f"delivery log: cut short, or more than {MOST_LOG_BYTES} bytes")
        return unpacked.decode()
    except (KeyError, TypeError, ValueError, zlib.error):
        raise EventError("delivery log: awslogs.data is not base64 of gzip of UTF-8") from None


def _log_entry(entry: object, read: Callable[[Fields, Fields, str, datetime], Receipt]) -> Receipt:
    line = Fields(entry, _ENTRY)
    at = line.take("timestamp", shapes.milliseconds)
    fields = Fields(read_json(line.take("message", shapes.text), _ENTRY), _ENTRY)
    reference = Fields(fields.take("notification", shapes.mapping), "notification").take("messageId", shapes.reference)
    return read(fields, Fields(fields.take("delivery", shapes.mapping), "delivery"), reference, at)


def _sms_log(fields: Fields, delivery: Fields, reference: str, at: datetime) -> Receipt:
    said = delivery.take_if("providerResponse", shapes.text) or ""
    if fields.take("status", shapes.text) == "SUCCESS":
        meaning = Meaning(What.DELIVERED, "delivered")
    else:
        meaning = SMS_REASONS.get(said, Meaning(What.UNKNOWN, "unlisted"))
    return shapes.receipt_of("sns-sms", meaning, at, provider_ref=reference)


def _push_log(fields: Fields, delivery: Fields, reference: str, at: datetime) -> Receipt:
    """A success says that the phone maker's service took it, and nothing of the phone."""
    said, status = (
        delivery.take_if("providerResponse", shapes.text) or "",
        delivery.take_if("statusCode", shapes.anything),
    )
    if fields.take("status", shapes.text) == "SUCCESS":
        meaning = Meaning(What.ACCEPTED, "accepted")
    elif any(word in said for word in DEAD_TOKEN_WORDS):
        meaning = Meaning(What.FAILED_FOR_GOOD, "dead-token", address_is_dead=True)
    elif type(status) is int and (status == 429 or status >= 500):
        meaning = Meaning(What.FAILED_FOR_NOW, f"HTTP-{status}")
    else:
        meaning = Meaning(What.UNKNOWN, f"HTTP-{status}" if type(status) is int else "unlisted")
    return shapes.receipt_of("sns-push", meaning, at, provider_ref=reference)
