"""What the payment stub needs, and what it offers to whoever drives it in process."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from shared.domain.money import Money


@dataclass(frozen=True, slots=True)
class StubPayment:
    """A request that the stub answered, and its answer, which changes at most once: from pending to paid."""

    key: str
    account_ref: str
    mandate_id: str
    amount: Money
    status: str  # of shared.domain.gateway
    code: str
    gateway_ref: str

    def is_same_request(self, other: "StubPayment") -> bool:
        mine, theirs = (replace(p, status="", code="", gateway_ref="") for p in (self, other))
        return mine == theirs


@dataclass(frozen=True, slots=True)
class StubRefund:
    """Money of a payment that the stub gave back."""

    key: str
    payment_key: str
    amount: Money
    gateway_ref: str


class Taken(Enum):
    YES = "written now"
    EXISTS = "its key was there before"
    SHORT = "the account's money, or what is left of the payment, does not suffice; nothing was written"


class StubBooks(Protocol):
    """All reads are consistent; every write is atomic and safe to repeat."""

    def payment(self, key: str) -> StubPayment | None: ...

    def take(self, payment: StubPayment, from_balance: bool = False) -> Taken:
        """Puts a payment whose key is free, to be reported; with its amount off the account's money where asked."""

    def complete(self, key: str, code: str) -> StubPayment:
        """A payment as it stands once what was pending is paid, with this code; any other is left as it is."""

    def refund(self, key: str) -> StubRefund | None: ...

    def give_back(self, refund: StubRefund, payment: StubPayment, to_balance: bool = False) -> Taken:
        """Puts a refund of a paid payment whose key no payment and no refund holds; SHORT where all refunds of the
        payment together would exceed it, whoever races. Back onto the account's money where asked."""

    def refunds(self) -> Iterator[StubRefund]:
        """Every refund, in key order."""

    def credit(self, account_ref: str, credit_id: str, amount: Money) -> Money | None:
        """Puts money on an account once; None when put, else the amount that this credit put before."""

    def balance(self, account_ref: str, currency: str) -> Money: ...

    def undelivered(self) -> Iterator[StubPayment]:
        """Payments that were not reported yet, in key order."""

    def mark_delivered(self, keys: Sequence[str]) -> None: ...

    def payments(self) -> Iterator[StubPayment]:
        """Every payment, declined ones too, in key order."""

    def charges(self) -> Iterator[StubPayment]:
        """Every payment that moved money, in key order."""


class EventQueue(Protocol):
    def send(self, bodies: Sequence[str]) -> None:
        """Queues or delivers messages, in their order; raises StoreError when one of them may not have arrived."""


class Pause(Protocol):
    def __call__(self, seconds: float, /) -> None:
        """Lets time pass; not at all in tests."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status, JSON body, and how long the gateway keeps it back."""

    status: int
    body: Mapping[str, object]
    after_seconds: float = 0


class Stub(Protocol):
    """The stub's interface as HTTP would carry it, without HTTP."""

    def present(self, body: str) -> Reply: ...

    def refund(self, body: str) -> Reply: ...

    def look_up(self, key: str) -> Reply: ...
