"""SMS over AWS End User Messaging (`SendTextMessage`), one request on the wire a message.

The service has no idempotency key, but it gives back what `Context` carries: the notice's key in every receipt of its
SNS event destination, so that a receipt settles a message whose answer was lost. It stops trying at `TimeToLive`, which
ends inside the window, and it refuses at once what opted out.
"""

from dataclasses import dataclass
from typing import Any

from shared.adapters.aws_sending import READ_TIMEOUT_SECONDS, Answers, asking_once, send_once
from shared.ports.messages import TOO_LATE, Outgoing
from shared.ports.world import Clock, Sent

CONTEXT_KEY = "notice"
LEAST_SECONDS = 5
MOST_SECONDS = 72 * 60 * 60
"""`TimeToLive`, as the service model bounds it."""

_ABOUT_THIS_MESSAGE = (
    *("CANNOT_PARSE", "COUNTRY_CODE_MISMATCH", "DESTINATION_COUNTRY_BLOCKED", "FIELD_VALIDATION_FAILED"),
    *("INVALID_PARAMETER", "INVALID_REQUEST", "MAXIMUM_SIZE_EXCEEDED", "PRICE_OVER_THRESHOLD"),
)

ANSWERS = Answers(
    refused=frozenset(
        {
            "ValidationException",
            *(f"ValidationException.{reason}" for reason in _ABOUT_THIS_MESSAGE),
            "ConflictException.DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
            "ConflictException.DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
            "ConflictException.DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
        }
    ),
    opted_out=frozenset({"ConflictException.DESTINATION_PHONE_NUMBER_OPTED_OUT"}),
)
"""Answers about this number or this text. Quotas, access, a pool without a number, a sender that is not registered yet:
the next message would get the same, and a person or a later hour helps."""


@dataclass(frozen=True, slots=True)
class EumRoute:
    """Over which number, pool or sender a message goes, and what watches it. The configuration set is that whose event
    destination brings the receipts."""

    configuration_set: str
    origination: str | None = None  # a pool, a number or a sender id; the account's choice without one
    protect_configuration: str | None = None
    entity_id: str | None = None  # of the lender in India's register of senders (DLT)


def eum_client(read_timeout_seconds: float = READ_TIMEOUT_SECONDS, **options: Any) -> Any:
    """A client of End User Messaging that sends once."""
    return asking_once("pinpoint-sms-voice-v2", read_timeout_seconds, **options)


def common_request(message: Outgoing, route: EumRoute, seconds_left: int) -> dict[str, Any]:
    """What texts and calls have in common."""
    request: dict[str, Any] = {
        "DestinationPhoneNumber": message.address,
        "ConfigurationSetName": route.configuration_set,
        "TimeToLive": min(seconds_left, MOST_SECONDS),
        "Context": {CONTEXT_KEY: message.key},
        "DryRun": False,
    }
    if route.origination:
        request["OriginationIdentity"] = route.origination
    if route.protect_configuration:
        request["ProtectConfigurationId"] = route.protect_configuration
    return request


class EumSms:
    """Provider over End User Messaging SMS; `client` is one of `eum_client`."""

    def __init__(self, client: Any, clock: Clock, route: EumRoute) -> None:
        self._client = client
        self._clock = clock
        self._route = route

    def send(self, message: Outgoing) -> Sent:
        left = message.seconds_left(self._clock.now())
        if left < LEAST_SECONDS:
            return TOO_LATE
        request = common_request(message, self._route, left) | {
            "MessageBody": message.text,
            "MessageType": "PROMOTIONAL" if message.is_commercial else "TRANSACTIONAL",
        }
        if message.template_id and self._route.entity_id:
            ids = {"IN_ENTITY_ID": self._route.entity_id, "IN_TEMPLATE_ID": message.template_id}
            request["DestinationCountryParameters"] = ids
        if message.max_price is not None:
            request["MaxPrice"] = f"{message.max_price:.5f}"
        return send_once(lambda: self._client.send_text_message(**request), ANSWERS)
