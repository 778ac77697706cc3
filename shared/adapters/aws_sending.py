"""Sending over AWS, shared by its services: a client that asks once, and answers read by tables.

None of these services has a key by which it would know a repeated request. So the SDK repeats nothing, and only an
answer that proves that nothing left counts as not sent: a refusal with 4xx, or an error from before the request was on
the wire. Everything else is unknown. So no connection is used again after a pause either: one that went stale while the
function slept would turn the next message into an unknown.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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

from shared.domain.provider_codes import safe_code
from shared.ports.world import SendResult, Sent

READ_TIMEOUT_SECONDS = 5
IDLE_SECONDS = 5
"""How long a connection may rest and still be used again; services close theirs after some tens of seconds."""

_NEVER_LEFT: Mapping[type[Exception], SendResult] = {
    ParamValidationError: SendResult.REFUSED,
    NoCredentialsError: SendResult.RETRY_LATER,
    CredentialRetrievalError: SendResult.RETRY_LATER,
    ConnectTimeoutError: SendResult.RETRY_LATER,
    EndpointConnectionError: SendResult.RETRY_LATER,
}
"""Errors raised before the request was on the wire. After any other one the message may be on its way."""

_UNREADABLE = Sent(SendResult.UNKNOWN, detail="no-reference")
"""An answer without the id that every message gets: the SDK reads half a document as an empty one."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A service's refusals, by name: `code.reason` where the answer gives a reason, the code alone where it gives none.

    What stands in neither table is about our account or the moment, not about this message: a later try may help.
    """

    refused: frozenset[str]
    opted_out: frozenset[str] = frozenset()

    def result(self, name: str) -> SendResult:
        if name in self.opted_out:
            return SendResult.OPTED_OUT
        return SendResult.REFUSED if name in self.refused else SendResult.RETRY_LATER


def asking_once(
    service: str,
    read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
    wall_seconds: Callable[[], float] = time.time,
    **options: Any,
) -> Any:
    """A client that sends once, and after a pause on a new connection.

    With the SDK's default, a slow answer put the same SMS on the wire three times.
    """
    config = Config(connect_timeout=1, read_timeout=read_timeout_seconds, retries={"total_max_attempts": 1})
    client = boto3.client(service, config=config, **options)
    client.meta.events.register("before-call", _Rested(client, wall_seconds).wake)
    return client


class _Rested:
    """Closes a client's connections before a call that follows a pause.

    By the wall clock: the monotonic one may stand still while a function is frozen. One that was set back counts as a
    pause.
    """

    def __init__(self, client: Any, wall_seconds: Callable[[], float]) -> None:
        self._client = client
        self._wall_seconds = wall_seconds
        self._called_at = wall_seconds()

    def wake(self, **_: Any) -> None:
        now = self._wall_seconds()
        if not 0 <= now - self._called_at < IDLE_SECONDS:
            self._client.close()  # its session opens new ones when it is asked again
        self._called_at = now


def send_once(call: Callable[[], Mapping[str, Any]], answers: Answers) -> Sent:
    """One call of a client of `asking_once`, and what it means. Never raises for what AWS or the wire does."""
    try:
        reference = call().get("MessageId")
    except ClientError as error:
        return _refusal(error, answers)
    except BotoCoreError as error:
        return Sent(_NEVER_LEFT.get(type(error), SendResult.UNKNOWN), detail=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - the SDK's parsers raise whatever they stumble over in an answer
        return Sent(SendResult.UNKNOWN, detail=type(error).__name__)
    if not isinstance(reference, str):
        return _UNREADABLE
    return Sent(SendResult.SENT, reference)


def _refusal(error: ClientError, answers: Answers) -> Sent:
    """A refusal with 4xx certainly sent nothing, where it says so in a word; the service's own failure may have."""
    code, reason = error.response.get("Error", {}).get("Code"), error.response.get("Reason")
    words = [word for word in (code, reason) if isinstance(word, str) and word]
    detail = safe_code(".".join(words))
    if not 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500 or not isinstance(code, str):
        return Sent(SendResult.UNKNOWN, detail=detail)
    return Sent(answers.result(".".join(words)), detail=detail)
