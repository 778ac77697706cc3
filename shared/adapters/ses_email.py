"""E-mail over SES (`SendEmail` of its API v2), one request on the wire a message, plain text to one address.

The notice's key rides as a message tag, which every event of the configuration set brings back.
"""

from base64 import urlsafe_b64encode
from typing import Any

from botocore.exceptions import ClientError

from shared.adapters.aws_sending import READ_TIMEOUT_SECONDS, Answers, asking_once, send_once
from shared.ports.messages import TOO_LATE, Outgoing
from shared.ports.world import Clock, SendResult, Sent

TAG = "notice"
MOST_TAG_CHARACTERS = 256

_ANSWERS = Answers(refused=frozenset({"MessageRejected", "BadRequestException"}))
"""Answers about this address or this text. SES takes what goes to an address that it suppresses, and says so later."""

NO_SUBJECT = Sent(SendResult.REFUSED, detail="no-subject")
KEY_TOO_LONG = Sent(SendResult.REFUSED, detail="key-too-long")


def ses_client(read_timeout_seconds: float = READ_TIMEOUT_SECONDS, **options: Any) -> Any:
    """A client of SES that sends once."""
    return asking_once("sesv2", read_timeout_seconds, **options)


def tag_of(key: str) -> str:
    """A notice's key within the characters that a tag may have; `shared.runtime.receipt_events` reads it back."""
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


class SesEmail:
    """Provider over SES; `client` is one of `ses_client`, `sender` a verified address."""

    def __init__(self, client: Any, clock: Clock, sender: str, configuration_set: str) -> None:
        self._client = client
        self._clock = clock
        self._sender = sender
        self._configuration_set = configuration_set

    def send(self, message: Outgoing) -> Sent:
        if message.seconds_left(self._clock.now()) <= 0:
            return TOO_LATE
        if not message.subject:
            return NO_SUBJECT
        tag = tag_of(message.key)
        if len(tag) > MOST_TAG_CHARACTERS:
            return KEY_TOO_LONG
        request = {
            "FromEmailAddress": self._sender,
            "Destination": {"ToAddresses": [message.address]},
            "Content": {"Simple": {"Subject": _text(message.subject), "Body": {"Text": _text(message.text)}}},
            "EmailTags": [{"Name": TAG, "Value": tag}],
            "ConfigurationSetName": self._configuration_set,
        }
        return send_once(lambda: self._asked(request), _ANSWERS)

    def _asked(self, request: dict[str, Any]) -> Any:
        try:
            return self._client.send_email(**request)
        except ClientError as error:
            _name_own_fault(error)
            raise


def _name_own_fault(error: ClientError) -> None:
    """A sender of ours that is not verified comes as a rejected message, told from others by its words alone."""
    said = error.response.get("Error", {})
    if said.get("Code") == "MessageRejected" and "not verified" in str(said.get("Message")):
        said["Code"] = "SenderNotVerified"


def _text(value: str) -> dict[str, str]:
    return {"Data": value, "Charset": "UTF-8"}
