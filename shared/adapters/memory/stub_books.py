"""The payment stub's books in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import RLock

from shared.domain.gateway import PAID, PENDING
from shared.domain.money import Money
from shared.ports.stub import StubPayment, StubRefund, Taken


class MemoryStubBooks:
    """StubBooks in dicts, atomic under one lock."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._payments: dict[str, StubPayment] = {}
        self._undelivered: set[str] = set()
        self._refunds: dict[str, StubRefund] = {}
        self._credits: dict[tuple[str, str], Money] = {}
        self._balances: dict[tuple[str, str], int] = {}

    def payment(self, key: str) -> StubPayment | None:
        return self._payments.get(key)

    def take(self, payment: StubPayment, from_balance: bool = False) -> Taken:
        with self._lock:
            if payment.key in self._payments:
                return Taken.EXISTS
            if from_balance:
                account = payment.account_ref, payment.amount.currency
                left = self._balances.get(account, 0) - payment.amount.minor
                if left < 0:
                    return Taken.SHORT
                self._balances[account] = left
            self._payments[payment.key] = payment
            self._undelivered.add(payment.key)
            return Taken.YES

    def complete(self, key: str, code: str) -> StubPayment:
        with self._lock:
            if self._payments[key].status == PENDING:
                self._payments[key] = replace(self._payments[key], status=PAID, code=code)
            return self._payments[key]

    def refund(self, key: str) -> StubRefund | None:
        return self._refunds.get(key)

    def give_back(self, refund: StubRefund, payment: StubPayment, to_balance: bool = False) -> Taken:
        with self._lock:
            if refund.key in self._refunds or refund.key in self._payments:
                return Taken.EXISTS
            before = sum(r.amount.minor for r in self._refunds.values() if r.payment_key == payment.key)
            if before + refund.amount.minor > payment.amount.minor:
                return Taken.SHORT
            self._refunds[refund.key] = refund
            if to_balance:
                account = payment.account_ref, payment.amount.currency
                self._balances[account] = self._balances.get(account, 0) + refund.amount.minor
            return Taken.YES

    def refunds(self) -> Iterator[StubRefund]:
        with self._lock:
            return iter([self._refunds[key] for key in sorted(self._refunds)])

    def credit(self, account_ref: str, credit_id: str, amount: Money) -> Money | None:
        with self._lock:
            before = self._credits.get((account_ref, credit_id))
            if before is None:
                self._credits[account_ref, credit_id] = amount
                account = account_ref, amount.currency
                self._balances[account] = self._balances.get(account, 0) + amount.minor
            return before

    def balance(self, account_ref: str, currency: str) -> Money:
        return Money(self._balances.get((account_ref, currency), 0), currency)

    def undelivered(self) -> Iterator[StubPayment]:
        with self._lock:
            waiting = sorted(self._undelivered)
        return (self._payments[key] for key in waiting)

    def mark_delivered(self, keys: Sequence[str]) -> None:
        with self._lock:
            self._undelivered.difference_update(keys)

    def payments(self) -> Iterator[StubPayment]:
        with self._lock:
            return iter([self._payments[key] for key in sorted(self._payments)])

    def charges(self) -> Iterator[StubPayment]:
        return (payment for payment in self.payments() if payment.status == PAID)


class KeptEvents:
    """EventQueue that keeps what it was sent, until somebody takes it."""

    def __init__(self) -> None:
        self._bodies: list[str] = []
        self._lock = RLock()

    def send(self, bodies: Sequence[str]) -> None:
        with self._lock:
            self._bodies.extend(bodies)

    def take(self) -> list[str]:
        """The messages that came in since the last call, in order."""
        with self._lock:
            taken, self._bodies = self._bodies, []
            return taken
