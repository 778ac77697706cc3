"""The words of providers and what each means. A word that stands in no table means UNKNOWN.

"Dead" is said of an address only where the provider blames the address itself: a filter that dislikes a text, a price
or a rule of our own account says nothing of it. Sources: the services' public event references, named at each table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from shared.ports.messages import What


@dataclass(frozen=True, slots=True)
class Meaning:
    what: What
    code: str
    address_is_dead: bool = False

    def with_code(self, code: str) -> Self:
        return replace(self, code=code)


def _dead(code: str) -> Meaning:
    return Meaning(What.FAILED_FOR_GOOD, code, address_is_dead=True)


SMS_REASONS: Mapping[str, Meaning] = {
    "Blocked as spam by phone carrier": Meaning(What.FAILED_FOR_GOOD, "carrier-spam"),
    "Destination is on a blocked list": _dead("blocked-list"),
    "Invalid phone number": _dead("invalid-number"),
    "Message body is invalid": Meaning(What.FAILED_FOR_GOOD, "invalid-text"),
    "Phone carrier has blocked this message": Meaning(What.FAILED_FOR_GOOD, "carrier-blocked"),
    "Phone carrier is currently unreachable/unavailable": Meaning(What.FAILED_FOR_NOW, "carrier-unreachable"),
    "Phone has blocked SMS": _dead("phone-blocks-sms"),
    "Phone is on a blocked list": _dead("blocked-list"),
    "Phone is currently unreachable/unavailable": Meaning(What.FAILED_FOR_NOW, "phone-unreachable"),
    "Phone number is opted out": Meaning(What.OPTED_OUT, "opted-out"),
    "This delivery would exceed max price": Meaning(What.FAILED_FOR_GOOD, "max-price"),
    "No quota left for account": Meaning(What.FAILED_FOR_NOW, "spend-limit"),
    "Unknown error attempting to reach phone": Meaning(What.UNKNOWN, "unknown-error"),
}
"""`providerResponse` of SNS's delivery log, and `messageStatusDescription` of End User Messaging: "SMS delivery failure
reasons" of the SNS developer guide; the spend limit's is seen in logs and not listed there."""

_TEXT_AND_VOICE: Mapping[What, tuple[str, ...]] = {
    What.ACCEPTED: ("TEXT_QUEUED", "TEXT_PENDING", "TEXT_SENT", "VOICE_INITIATED", "VOICE_RINGING"),
    What.DELIVERED: ("TEXT_SUCCESSFUL", "TEXT_DELIVERED", "VOICE_COMPLETED"),
    What.ANSWERED: ("VOICE_ANSWERED",),
    What.FAILED_FOR_NOW: (
        *("TEXT_UNREACHABLE", "TEXT_CARRIER_UNREACHABLE", "TEXT_TTL_EXPIRED"),
        *("VOICE_BUSY", "VOICE_NO_ANSWER", "VOICE_FAILED", "VOICE_TTL_EXPIRED"),
    ),
    What.FAILED_FOR_GOOD: ("TEXT_INVALID_MESSAGE", "TEXT_CARRIER_BLOCKED", "TEXT_SPAM", "TEXT_PROTECT_BLOCKED"),
    What.UNKNOWN: ("TEXT_UNKNOWN",),
}

EUM_EVENTS: Mapping[str, Meaning] = {
    **{word: Meaning(what, word) for what, words in _TEXT_AND_VOICE.items() for word in words},
    "TEXT_INVALID": _dead("TEXT_INVALID"),
    "TEXT_BLOCKED": _dead("TEXT_BLOCKED"),
}
"""`eventType`: "Event types for SMS, MMS, and voice" of the End User Messaging guide. VOICE_COMPLETED says that the
message was played, to a person or to a mailbox. TEXT_UNKNOWN comes after 72 hours without a word of the carrier."""

PUSH_FAILURES: Mapping[str, Meaning] = {
    word: _dead(word) for word in ("InvalidPlatformToken", "EndpointNotFound", "EndpointDisabled")
}
"""`FailureType` of a platform application's DeliveryFailure; there is no public list of them."""

DEAD_TOKEN_WORDS = ("Unregistered", "UNREGISTERED", "NotRegistered", "BadDeviceToken", "InvalidRegistration")
"""Of the phone makers' services, within `providerResponse` of a push delivery log: the app is gone from the phone."""

SES_EVENTS: Mapping[str, Meaning] = {
    "Send": Meaning(What.ACCEPTED, "Send"),
    "DeliveryDelay": Meaning(What.ACCEPTED, "DeliveryDelay"),
    "Delivery": Meaning(What.DELIVERED, "Delivery"),
    "Open": Meaning(What.OPENED, "Open"),
    "Click": Meaning(What.CLICKED, "Click"),
    "Complaint": Meaning(What.OPTED_OUT, "Complaint"),
    "Reject": Meaning(What.FAILED_FOR_GOOD, "Reject"),
    "Rendering Failure": Meaning(What.FAILED_FOR_GOOD, "RenderingFailure"),
}
"""`eventType`: "Contents of event data that Amazon SES publishes". Who marks a message as spam wants no more."""

SES_BOUNCES: Mapping[str, Meaning] = {
    "Permanent": _dead("Bounce"),
    "Transient": Meaning(What.FAILED_FOR_NOW, "Bounce"),
    "Transient.UnsubscribedRecipient": Meaning(What.OPTED_OUT, "Bounce"),
    "Permanent.UnsubscribedRecipient": Meaning(What.OPTED_OUT, "Bounce"),
}
"""`bounceType`, and before it `bounceType.bounceSubType`; Undetermined is UNKNOWN. SES gives up on a transient one only
after hours of tries of its own."""

GATEWAY_WORDS: Mapping[str, Meaning] = {
    "accepted": Meaning(What.ACCEPTED, "accepted"),
    "delivered": Meaning(What.DELIVERED, "delivered"),
    "failed-for-now": Meaning(What.FAILED_FOR_NOW, "failed-for-now"),
    "failed-for-good": Meaning(What.FAILED_FOR_GOOD, "failed-for-good"),
    "dead-number": _dead("dead-number"),
    "opted-out": Meaning(What.OPTED_OUT, "opted-out"),
    "unknown": Meaning(What.UNKNOWN, "unknown"),
}
"""`status` of a receipt in our own format."""
