"""One message to one address, the providers that carry it, and what comes back: receipts and answers of borrowers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from shared.domain.provider_rules import ProviderRules
from shared.ports.world import SendResult, Sent

MARKETING = "marketing"
"""The one message class that providers bill, time and filter as commercial."""

TOO_LATE = Sent(SendResult.RETRY_LATER, detail="too-late")
"""What every provider answers after `until`: nothing was sent, and a later claim decides anew."""

DEFINITELY_NOT_SENT = frozenset({SendResult.RETRY_LATER, SendResult.REFUSED, SendResult.OPTED_OUT})
"""After these, and no other answer, may the next channel be tried under the same claim."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it goes out. Neither address nor text appears in its repr.

    `key` is the notice's, written by `keys.notice_hint` (borrower and notice): it holds ids only, goes to the provider
    where the provider takes one, and a receipt that brings it back finds its row without an index.
    """

    key: str
    address: str = field(repr=False)  # E.164, an e-mail address, or the ARN of a push endpoint
    text: str = field(repr=False)
    until: datetime  # aware: from this instant on it must not go
    message_class: str
    language: str  # of the text: zh-CN, en
    subject: str | None = field(default=None, repr=False)  # of an e-mail, and the title of a push message
    max_price: Decimal | None = None  # of the whole message, in the currency that the provider bills in (AWS: USD)
    parts: int = 1  # message parts, in which providers bill and pace
    template_id: str | None = None  # under which the text is registered, where that is asked for (India's DLT)

    def __post_init__(self) -> None:
        if self.until.tzinfo is None:
            raise ValueError("until is a naive instant")

    @property
    def is_commercial(self) -> bool:
        return self.message_class == MARKETING

    def seconds_left(self, now: datetime) -> int:
        """Whole seconds until `until`; nothing or less: too late."""
        return int((self.until - now).total_seconds() // 1)


class Provider(Protocol):
    def send(self, message: Outgoing) -> Sent:
        """At most one request on the wire, never repeated by the transport, none at all from `until` on.

        Never raises for what a provider or the wire does: what is not definite is UNKNOWN. The detail is a code.
        """


@dataclass(frozen=True, slots=True)
class Sender:
    """A provider under the name of its pack, which switches and rules know it by."""

    name: str
    provider: Provider


class Pace(Protocol):
    """How fast a provider is handed messages. Asked before a claim: what has to wait costs no claim and no contact."""

    def take(self, provider: ProviderRules, parts: int, has_time: Callable[[], bool]) -> bool:
        """Waits until so many parts may go; False, and nothing was taken, where there is no time to wait for them."""

    def slow_down(self, provider: ProviderRules) -> None:
        """It throttled all the same, or did not answer a request that never left: what may go at once is used up."""


class Lookup(Protocol):
    def lookup(self, key: str) -> Sent | None:
        """What became of a message; None where the provider says that it never got this key.

        Raises StoreError when it cannot be asked. Only a provider that keeps our key can offer it.
        """


class What(StrEnum):
    """What a receipt says."""

    ACCEPTED = "accepted"  # the provider has it: an unknown one is sent
    DELIVERED = "delivered"
    ANSWERED = "answered"  # a call was picked up: it counts as connected
    FAILED_FOR_NOW = "failed-for-now"  # not delivered; the address may well take a later message
    FAILED_FOR_GOOD = "failed-for-good"  # not delivered, and the same message never would be
    OPTED_OUT = "opted-out"  # not delivered, or complained about: nothing more of this kind to this address
    OPENED = "opened"
    CLICKED = "clicked"
    UNKNOWN = "unknown"  # the provider does not know, or says what no table of ours knows


@dataclass(frozen=True, slots=True)
class Receipt:
    """One thing that a provider says of one message. It may come twice, late, and out of order.

    `key` is there where the provider keeps ours, `provider_ref` where it gave its own at the send; one of them is.
    """

    provider: str
    what: What
    at: datetime  # aware, UTC
    code: str  # the reason, of a table or of the provider; never an address
    key: str | None = None
    provider_ref: str | None = None
    address_is_dead: bool = False  # no message to this address will ever arrive

    def __post_init__(self) -> None:
        if self.key is None and self.provider_ref is None:
            raise ValueError("a receipt names no message")


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message from a borrower; who and what appear in no repr."""

    provider: str
    address: str = field(repr=False)  # of the borrower, E.164
    text: str = field(repr=False)
    to: str  # our own number
    at: datetime  # aware, UTC
    inbound_ref: str  # the provider's: the same for the same message delivered twice
