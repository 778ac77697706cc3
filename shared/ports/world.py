"""The clock, the outside channels, the queues, the policy shelf."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.domain.book import Line, Outcome
from shared.domain.money import Money
from shared.domain.policy import Policy

HINTS_PER_MESSAGE = 20
"""Keys that one message of a line's queue holds at most."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The instant, aware and in UTC."""


class Tokens(Protocol):
    def fresh(self) -> str:
        """A token that no other call ever got: it tells one's own repeated write from a lost race."""


class PolicyShelf(Protocol):
    def policy(self, product: str, now: datetime) -> Policy:
        """The product's policy at an instant, on the lender's date; raises PolicyError when there is none."""


@dataclass(frozen=True, slots=True)
class DebitRequest:
    """One request on the wire; `key` is the idempotency key."""

    key: str
    amount: Money
    account_ref: str
    mandate_id: str


@dataclass(frozen=True, slots=True)
class DebitAnswer:
    """The gateway's answer; UNKNOWN where it gave none in time, or none that can be read."""

    outcome: Outcome
    gateway_ref: str | None = None


class PaymentGateway(Protocol):
    not_found_is_final: bool
    """Its lookup is authoritative: what it does not find, it never got (and its keys outlive our enquiries)."""

    def present(self, request: DebitRequest) -> DebitAnswer:
        """One request on the wire, never repeated by the transport."""

    def enquire(self, key: str) -> DebitAnswer | None:
        """What became of a key; None when the gateway never saw it. Raises GatewayError when it cannot be asked."""


class SendResult(StrEnum):
    SENT = "sent"
    UNKNOWN = "unknown"  # perhaps sent: never send again
    RETRY_LATER = "retry-later"  # certainly not sent; trying later may help
    REFUSED = "refused"  # certainly not sent, and no later try would help


@dataclass(frozen=True, slots=True)
class Sent:
    result: SendResult
    provider_ref: str | None = None
    detail: str | None = None  # a code, never an address or a text


class MessageChannel(Protocol):
    def send(self, address: str, text: str) -> Sent:
        """One request on the wire, never repeated by the transport."""


class WorkQueue(Protocol):
    def send(self, line: Line, keys: Sequence[str], run: str) -> int:
        """Queues hints, `HINTS_PER_MESSAGE` keys a message; returns the number of messages."""

    def depth(self, line: Line) -> int:
        """Messages waiting or in work, roughly."""
