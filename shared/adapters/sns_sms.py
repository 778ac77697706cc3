"""SMS over SNS, one request on the wire a message: SNS has no key by which it would know a repeated one.

What is refused at once is little. SNS takes a message to a number that opted out, is over the price or over the month's
limit, and says so in its delivery log only, up to 72 hours later and by its own message id; `Receipt` is made of that.
"""

from typing import Any

from botocore.exceptions import ClientError

from shared.adapters.aws_sending import READ_TIMEOUT_SECONDS, Answers, asking_once, send_once
from shared.ports.messages import TOO_LATE, Outgoing
from shared.ports.world import Clock, Sent

_ANSWERS = Answers(
    refused=frozenset({"InvalidParameter", "ParameterValueInvalid", "ValidationException", "EndpointDisabled"}),
    opted_out=frozenset({"OptedOut"}),
)
"""Answers about this number or this text: a later try gets the same."""


def sns_client(read_timeout_seconds: float = READ_TIMEOUT_SECONDS, **options: Any) -> Any:
    """A client of SNS that sends once."""
    return asking_once("sns", read_timeout_seconds, **options)


class SnsSmsProvider:
    """Provider over SNS direct SMS; `client` is one of `sns_client`.

    SNS has no time to live: `until` is looked at just before the request, and no later.
    """

    def __init__(self, client: Any, clock: Clock, sender_id: str | None = None, entity_id: str | None = None) -> None:
        """`entity_id` is the lender's in India's register of senders (DLT)."""
        self._client = client
        self._clock = clock
        self._sender_id = sender_id
        self._entity_id = entity_id

    def send(self, message: Outgoing) -> Sent:
        if message.seconds_left(self._clock.now()) <= 0:
            return TOO_LATE
        attributes = {"AWS.SNS.SMS.SMSType": _text("Promotional" if message.is_commercial else "Transactional")}
        if self._sender_id:
            attributes["AWS.SNS.SMS.SenderID"] = _text(self._sender_id)
        if message.template_id and self._entity_id:
            attributes["AWS.MM.SMS.EntityId"] = _text(self._entity_id)
            attributes["AWS.MM.SMS.TemplateId"] = _text(message.template_id)
        if message.max_price is not None:
            attributes["AWS.SNS.SMS.MaxPrice"] = {"DataType": "Number", "StringValue": f"{message.max_price:f}"}
        return _publish(self._client, message.address, message.text, attributes)


def _publish(client: Any, address: str, text: str, attributes: dict[str, dict[str, str]]) -> Sent:
    def call() -> Any:
        try:
            return client.publish(PhoneNumber=address, Message=text, MessageAttributes=attributes)
        except ClientError as error:
            _name_opt_out(error)
            raise

    return send_once(call, _ANSWERS)


def _name_opt_out(error: ClientError) -> None:
    """An opted-out number comes as an invalid parameter, told from others by its message alone."""
    said = error.response.get("Error", {})
    if said.get("Code") == "InvalidParameter" and "opted out" in str(said.get("Message")):
        said["Code"] = "OptedOut"


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}
