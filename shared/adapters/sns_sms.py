"""SMS over SNS, one request on the wire a message: SNS has no key by which it would know a repeated one."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError

from shared.ports.world import SendResult, Sent

READ_TIMEOUT_SECONDS = 5

_REFUSED = frozenset(
    {
        "InvalidParameter",
        "ParameterValueInvalid",
        "ValidationException",
        "OptedOut",
        "OptInRequired",
        "EndpointDisabled",
    }
)
"""Answers about this number or this text: a later try gets the same. An opted-out number is an invalid parameter."""

_NEVER_LEFT: Mapping[type[Exception], SendResult] = {
    ParamValidationError: SendResult.REFUSED,
    NoCredentialsError: SendResult.RETRY_LATER,
    CredentialRetrievalError: SendResult.RETRY_LATER,
    ConnectTimeoutError: SendResult.RETRY_LATER,
    EndpointConnectionError: SendResult.RETRY_LATER,
}
"""Errors raised before the request was on the wire. After any other one the message may be on its way."""


def sns_client(read_timeout_seconds: float = READ_TIMEOUT_SECONDS, **options: Any) -> Any:
    """A client that sends once. With the SDK's default, a slow answer put the same SMS on the wire three times."""
    config = Config(connect_timeout=1, read_timeout=read_timeout_seconds, retries={"total_max_attempts": 1})
    return boto3.client("sns", config=config, **options)


class SnsSms:
    """MessageChannel over SNS direct SMS; `client` is one of `sns_client`. `max_price` is in US dollars."""

    def __init__(self, client: Any, sender_id: str | None = None, max_price: str | None = None) -> None:
        self._client = client
        self._attributes = {"AWS.SNS.SMS.SMSType": _text("Transactional")}
        if sender_id:
            self._attributes["AWS.SNS.SMS.SenderID"] = _text(sender_id)
        if max_price:
            self._attributes["AWS.SNS.SMS.MaxPrice"] = {"DataType": "Number", "StringValue": max_price}

    def send(self, address: str, text: str) -> Sent:
        """Never raises for what SNS or the wire does; the detail is a code, and holds neither number nor text."""
        try:
            answer = self._client.publish(PhoneNumber=address, Message=text, MessageAttributes=self._attributes)
        except ClientError as error:
            return _refusal(error)
        except (BotoCoreError, ResponseParserError) as error:
            return Sent(_NEVER_LEFT.get(type(error), SendResult.UNKNOWN), detail=type(error).__name__)
        return Sent(SendResult.SENT, answer.get("MessageId"))


def _refusal(error: ClientError) -> Sent:
    """A refusal with 4xx certainly sent nothing; the service's own failure may have."""
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    if not 400 <= status < 500:
        return Sent(SendResult.UNKNOWN, detail=code)
    return Sent(SendResult.REFUSED if code in _REFUSED else SendResult.RETRY_LATER, detail=code)


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}
