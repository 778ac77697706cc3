"""A payment gateway as a model with its own books: what it really took is known, whatever became of its answers.

A key holds a request for `key_life`. The same request under a living key gets the answer that stands by then; under a
key whose life has ended it is a new one, and charges again. A lookup knows a key no longer than that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from random import Random

from shared.domain.book import Outcome
from shared.domain.money import Money
from shared.domain.repayment import GatewayReport
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest

_DECLINES = (
    Outcome.INSUFFICIENT,
    Outcome.INSUFFICIENT,
    Outcome.INSUFFICIENT,
    Outcome.LIMIT,
    Outcome.WINDOW,
    Outcome.CONFIG,
    Outcome.RISK,
    Outcome.MANDATE_DEAD,
    Outcome.ACCOUNT_DEAD,
)


class Habit(StrEnum):
    """How an account answers."""

    PAYS = "pays"
    WAGES = "wages"  # pays while its money suffices; wages come on its payday
    EMPTY = "empty"
    WAITS = "waits"  # pending at first
    ERRATIC = "erratic"
    LIMITED = "limited"
    CLOSED_AT_NOON = "closed"
    NO_MANDATE = "no-mandate"
    DEAD = "dead"
    RISKY = "risky"
    MISCONFIGURED = "misconfigured"


_ANSWERS = {
    Habit.PAYS: Outcome.PAID,
    Habit.EMPTY: Outcome.INSUFFICIENT,
    Habit.WAITS: Outcome.PENDING,
    Habit.LIMITED: Outcome.LIMIT,
    Habit.CLOSED_AT_NOON: Outcome.WINDOW,
    Habit.NO_MANDATE: Outcome.MANDATE_DEAD,
    Habit.DEAD: Outcome.ACCOUNT_DEAD,
    Habit.RISKY: Outcome.RISK,
    Habit.MISCONFIGURED: Outcome.CONFIG,
}


@dataclass(slots=True)
class Account:
    """`money` is in minor units, `None` where it always suffices."""

    habit: Habit
    money: int | None = None
    payday: int = 10
    wages: int = 0
    paid_until: date = date(2026, 3, 1)

    def holds(self, today: date) -> int | None:
        """The money by a day, wages included."""
        while self.money is not None and self.paid_until < today:
            self.paid_until += timedelta(days=1)
            if self.paid_until.day == self.payday:
                self.money += self.wages
        return self.money


@dataclass(frozen=True, slots=True)
class Charge:
    """Money that the gateway took (or, under a refund's key, gave back: negative).

    `contradicts`: it had said no, or said so later.
    """

    key: str
    ref: str
    amount: Money
    at: datetime
    contradicts: bool = False

    @property
    def name(self) -> tuple[str, str]:
        return self.key, self.ref


@dataclass(slots=True)
class _Payment:
    request: DebitRequest | RefundRequest
    ref: str
    at: datetime
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Manners:
    """What kind of gateway it is, by seed."""

    not_found_is_final: bool
    key_life: timedelta

    @classmethod
    def drawn(cls, chance: Random) -> "Manners":
        life = chance.choice((timedelta(minutes=30), timedelta(hours=6), timedelta(days=1), timedelta(days=365)))
        return cls(chance.random() < 0.7, life)


@dataclass(slots=True)
class GatewayModel:
    """`later` calls a function at an instant; `send` puts a report on its way to the lender."""

    manners: Manners
    chance: Random
    now: Callable[[], datetime]
    later: Callable[[datetime, str, Callable[[], None]], None]
    send: Callable[[GatewayReport], None]
    accounts: dict[str, Account] = field(default_factory=dict)
    charges: list[Charge] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    """Keys that came with another request than before."""
    came_again: set[str] = field(default_factory=set)
    """References of charges that were undone, and came back."""
    _payments: dict[str, list[_Payment]] = field(default_factory=dict)
    _missed: set[str] = field(default_factory=set)
    """Keys of debits that a person did not find in the list: what comes under them later contradicts it."""

    def present(self, request: DebitRequest) -> DebitAnswer:
        known = self._living(request.key)
        if known is None:
            known = self._taken(request, self._decided(request))
        elif known.request != request:
            self.reused.append(request.key)
            return DebitAnswer(Outcome.UNKNOWN)
        return DebitAnswer(known.outcome, known.ref)

    def refund(self, request: RefundRequest) -> DebitAnswer:
        known = self._living(request.key)
        if known is None:
            left = sum(c.amount.minor for c in self.charges if c.key == request.payment_key)
            left -= sum(
                p.request.amount.minor
                for payments in self._payments.values()
                for p in payments
                if isinstance(p.request, RefundRequest)
                and p.request.payment_key == request.payment_key
                and p.outcome is Outcome.PAID
            )
            known = self._taken(request, Outcome.PAID if 0 < request.amount.minor <= left else Outcome.CONFIG)
        elif known.request != request:
            self.reused.append(request.key)
            return DebitAnswer(Outcome.UNKNOWN)
        return DebitAnswer(known.outcome, known.ref)

    def enquire(self, key: str) -> DebitAnswer | None:
        known = self._living(key)
        return DebitAnswer(known.outcome, known.ref) if known else None

    def taken_back(self, key: str, amount: Money) -> str:
        """The payer's bank took money of a payment back. Gives the event's id."""
        event = f"e{len(self.charges)}"
        self.charges.append(Charge(key, event, Money(-amount.minor, amount.currency), self.now()))
        return event

    def given_again(self, charge: Charge) -> str:
        """Money that had left came again. Gives the new charge's reference."""
        ref = f"{charge.ref}-again"
        self.came_again.add(charge.ref)
        came = replace(charge.amount, minor=-charge.amount.minor)
        self.charges.append(Charge(charge.key, ref, came, self.now(), contradicts=True))
        return ref

    def is_refunded(self, key: str) -> bool:
        """A refund of the payment was asked for."""
        return any(
            isinstance(p.request, RefundRequest) and p.request.payment_key == key
            for payments in self._payments.values()
            for p in payments
        )

    def in_books(self, key: str) -> DebitAnswer | None:
        """What a person finds in the gateway's own list of payments, which forgets nothing."""
        found = self._payments.get(key)
        if not found:
            self._missed.add(key)
            return None
        paid = next((p for p in found if p.outcome is Outcome.PAID), found[-1])
        return DebitAnswer(paid.outcome, paid.ref)

    def _living(self, key: str) -> _Payment | None:
        found = self._payments.get(key)
        if not found or self.now() - found[-1].at > self.manners.key_life:
            return None
        return found[-1]

    def _decided(self, request: DebitRequest) -> Outcome:
        outcome = Outcome.CONFIG
        for ref in request.funding or (request.account_ref,):
            outcome = self._answer_of(ref, request.amount.minor)
            if outcome in (Outcome.PAID, Outcome.PENDING):
                break
        return outcome

    def _answer_of(self, ref: str, minor: int) -> Outcome:
        account = self.accounts.get(ref)
        if account is None:
            return Outcome.CONFIG
        if account.habit is Habit.WAGES:
            money = account.holds(self.now().date())
            if money is None or money < minor:
                return Outcome.INSUFFICIENT
            account.money = money - minor
            return Outcome.PAID
        if account.habit is Habit.ERRATIC:
            return self.chance.choice((Outcome.PAID, Outcome.PENDING, *_DECLINES))
        if account.habit is Habit.CLOSED_AT_NOON:
            return self.chance.choice((Outcome.WINDOW, Outcome.PAID))
        return _ANSWERS[account.habit]

    def _taken(self, request: DebitRequest | RefundRequest, outcome: Outcome) -> _Payment:
        of_key = self._payments.setdefault(request.key, [])
        payment = _Payment(request, f"GW-{request.key}-{len(of_key)}", self.now(), outcome)
        of_key.append(payment)
        if outcome is Outcome.PENDING:
            waits = self.chance.choice((timedelta(minutes=4), timedelta(hours=5), timedelta(days=1), timedelta(days=5)))
            became = self.chance.choice((Outcome.PAID, Outcome.PAID, Outcome.INSUFFICIENT))
            self.later(self.now() + waits, "pending ends", lambda: self._became(payment, became))
            if self.chance.random() < 0.5:
                self._report(payment)
            return payment
        self._booked(payment)
        if outcome.is_failure and isinstance(request, DebitRequest) and self.chance.random() < 0.03:
            waits = self.chance.choice((timedelta(seconds=20), timedelta(hours=2), timedelta(days=2)))
            self.later(
                self.now() + waits, "paid after all", lambda: self._became(payment, Outcome.PAID, contradicts=True)
            )
        return payment

    def _became(self, payment: _Payment, outcome: Outcome, *, contradicts: bool = False) -> None:
        payment.outcome = outcome
        self._booked(payment, contradicts=contradicts)

    def _booked(self, payment: _Payment, *, contradicts: bool = False) -> None:
        """A wrong report is of a debit: of a refund that was paid, it would say that its money came again."""
        is_debit = isinstance(payment.request, DebitRequest)
        tells_no = is_debit and payment.outcome is Outcome.PAID and self.chance.random() < 0.03
        if payment.outcome is Outcome.PAID and is_debit:
            key, amount = payment.request.key, payment.request.amount
            contradicts = contradicts or tells_no or key in self._missed
            self.charges.append(Charge(key, payment.ref, amount, self.now(), contradicts))
        elif payment.outcome is Outcome.PAID:
            amount = Money(-payment.request.amount.minor, payment.request.amount.currency)
            self.charges.append(Charge(payment.request.key, payment.ref, amount, self.now()))
        self._report(payment)
        if tells_no:
            said_no = replace(self._report_of(payment), outcome=Outcome.INSUFFICIENT)
            self.later(self.now() + timedelta(hours=1), "a wrong report", lambda: self.send(said_no))

    def _report(self, payment: _Payment) -> None:
        self.send(self._report_of(payment))

    def _report_of(self, payment: _Payment) -> GatewayReport:
        return GatewayReport(payment.request.key, payment.outcome, payment.request.amount, payment.ref)
