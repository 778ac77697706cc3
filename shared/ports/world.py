"""The clock, the outside channels, the queues, the policy shelf."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from shared.domain.book import AuditEntry, Line, Outcome
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.switches import Switches

HINTS_PER_MESSAGE = 20
"""Keys that one message of a line's queue holds at most."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The instant, aware and in UTC."""


class Tokens(Protocol):
    def fresh(self) -> str:
        """A token that no other call ever got: it tells one's own repeated write from a lost race."""


class Codes(Protocol):
    def fresh(self) -> str:
        """Six digits that nobody can guess, for a one-time code."""


class PolicyShelf(Protocol):
    def policy(self, product: str, now: datetime) -> Policy:
        """The product's policy at an instant, on the lender's date; raises PolicyError when there is none."""

    def today(self, now: datetime) -> date:
        """The lender's business date; raises PolicyError when no pack of the lender is valid on it."""


@dataclass(frozen=True, slots=True)
class DebitRequest:
    """One request on the wire; `key` is the idempotency key."""

    key: str
    amount: Money
    account_ref: str
    mandate_id: str
    funding: tuple[str, ...] = ()  # accounts to try in this order, where the rail takes the order in one call


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Gives back money of an earlier payment; `key` is the refund's own idempotency key, `payment_key` that of the
    payment, `amount` positive and at most what it took."""

    key: str
    payment_key: str
    amount: Money


@dataclass(frozen=True, slots=True)
class DebitAnswer:
    """The gateway's answer; UNKNOWN where it gave none in time, or none that can be read."""

    outcome: Outcome
    gateway_ref: str | None = None
    amount: Money | None = None  # what the gateway says that it moved, where it says

    def other_amount(self, asked: Money) -> Money | None:
        """The sum that it says was paid, where that is not the one asked for: a person looks."""
        return self.amount if self.outcome is Outcome.PAID and self.amount != asked else None


class PaymentGateway(Protocol):
    not_found_is_final: bool
    """Its lookup is authoritative: what it does not find, it never got."""

    key_life: timedelta
    """How long it remembers a key: after that, the same key would charge again, so it is only looked up."""

    def present(self, request: DebitRequest) -> DebitAnswer:
        """One request on the wire, never repeated by the transport."""

    def refund(self, request: RefundRequest) -> DebitAnswer:
        """One request on the wire; PAID says that the money went back. `enquire` knows refunds by their own key too."""

    def enquire(self, key: str) -> DebitAnswer | None:
        """What became of a key; None when the gateway never saw it. Raises GatewayError when it cannot be asked."""


class SendResult(StrEnum):
    SENT = "sent"
    UNKNOWN = "unknown"  # perhaps sent: never send again
    RETRY_LATER = "retry-later"  # certainly not sent; trying later may help
    REFUSED = "refused"  # certainly not sent, and no later try would help
    OPTED_OUT = "opted-out"  # certainly not sent: the provider knows that this address said stop


@dataclass(frozen=True, slots=True)
class Sent:
    result: SendResult
    provider_ref: str | None = None
    detail: str | None = None  # a code, never an address or a text


class Callers(Protocol):
    def principal(self, proof: Mapping[str, str], order: str) -> str:
        """Who signed the proof, for this very order (its digest): an ARN. Raises CallerError where nobody did."""


class SwitchBoard(Protocol):
    """What operators have stopped. Fails closed: no board, or one that cannot be read, stops everything."""

    def read(self, *, fresh: bool = False) -> Switches:
        """The switches as of at most ten seconds ago; as of now where `fresh`, which every act asks for."""


class SwitchWriter(Protocol):
    def stored(self) -> Switches:
        """The board as it stands; raises StoreError or BookError where it cannot be read."""

    def write(self, switches: Switches, was: Switches, note: AuditEntry) -> bool:
        """Puts the board as it shall stand, and who turned it, at once; False when it is not `was` any more."""


class WorkQueue(Protocol):
    def send(self, line: Line, keys: Sequence[str], run: str) -> int:
        """Queues hints, `HINTS_PER_MESSAGE` keys a message; returns the number of messages."""

    def depth(self, line: Line) -> int:
        """Messages waiting or in work, roughly."""
