"""App push over SNS mobile push, one request on the wire a message. The address is the ARN of a platform endpoint.

That SNS took a message says nothing of the phone: the app's own word that it showed it is a receipt of its own.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from shared.adapters.aws_sending import Answers, send_once
from shared.ports.messages import TOO_LATE, Outgoing
from shared.ports.world import Clock, SendResult, Sent

_ENDPOINT = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:endpoint/([A-Z_]+)/[^/\s]+/[^/\s]+", re.ASCII)

_TTL: Mapping[str, str] = {"APNS": "APNS", "APNS_SANDBOX": "APNS_SANDBOX", "GCM": "FCM"}
"""The platforms served, by the name in an endpoint's ARN, and the name that the attribute of its time to live has."""

_MOST_SECONDS = 28 * 24 * 60 * 60

_ANSWERS = Answers(
    refused=frozenset(
        {"EndpointDisabled", "NotFound", "InvalidParameter", "ParameterValueInvalid", "ValidationException"}
    )
)
"""A disabled endpoint is an app that is gone or refuses messages; nobody opts out of push but in the phone itself."""

NO_ENDPOINT = Sent(SendResult.REFUSED, detail="no-endpoint")


class SnsPush:
    """Provider over SNS mobile push; `client` is one of `sns_client`. Phones drop what waits for them past `until`."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def send(self, message: Outgoing) -> Sent:
        left = message.seconds_left(self._clock.now())
        if left <= 0:
            return TOO_LATE
        found = _ENDPOINT.fullmatch(message.address)
        platform = found[1] if found else ""
        if platform not in _TTL:
            return NO_ENDPOINT
        seconds = {"DataType": "String", "StringValue": str(min(left, _MOST_SECONDS))}
        request = {
            "TargetArn": message.address,
            "MessageStructure": "json",
            "Message": _payload(message, platform),
            "MessageAttributes": {f"AWS.SNS.MOBILE.{_TTL[platform]}.TTL": seconds},
        }
        return send_once(lambda: self._client.publish(**request), _ANSWERS)


def _payload(message: Outgoing, platform: str) -> str:
    """The platform's own document as a text within SNS's; the notice's key goes along, for the app to report it."""
    shown = {"title": message.subject, "body": message.text} if message.subject else {"body": message.text}
    if platform == "GCM":
        document: dict[str, object] = {"notification": shown, "data": {"notice": message.key}}
    else:
        document = {"aps": {"alert": shown}, "notice": message.key}
    return _json({"default": message.text, platform: _json(document)})


def _json(document: Mapping[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
