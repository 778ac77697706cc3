"""How the demo's borrowers behave: pure functions of what a borrower sees, the day and the slot of the day.

A borrower sees the debts of a loan and the messages that reached the phone. What he does is a payment by hand, or money
coming in on the account that the gateway debits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol
from zlib import crc32

from shared.domain.tiers import NoticeKind

SLOTS_A_DAY = 3
_WAGES_LAST = timedelta(days=15)
"""Money that was not asked for by then was spent on something else: old debts stay."""
_ASKS = frozenset({NoticeKind.FAILED, NoticeKind.OVERDUE, NoticeKind.DUE})


@dataclass(frozen=True, slots=True)
class Debt:
    """An unpaid instalment as the borrower's app shows it."""

    number: int
    due_on: date
    outstanding_minor: int
    paid_minor: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that reached the borrower, about one instalment."""

    number: int
    kind: NoticeKind
    on: date


@dataclass(frozen=True, slots=True)
class Seen:
    """What a borrower knows of one loan: its debts, earliest first, and what was heard about them."""

    loan_id: str
    currency: str
    debts: Sequence[Debt]
    heard: Sequence[Heard] = ()
    account_ref: str | None = None  # of the mandate, whatever its status

    def asked_on(self, number: int) -> date | None:
        """The day on which the borrower first heard that an instalment is due, failed or overdue."""
        return min((h.on for h in self.heard if h.number == number and h.kind in _ASKS), default=None)

    def owed_by(self, day: date) -> int:
        return sum(debt.outstanding_minor for debt in self.debts if debt.due_on <= day)


@dataclass(frozen=True, slots=True)
class Pay:
    """A payment by hand; `key` names this money and no other."""

    key: str
    loan_id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Money that comes in on an account of the gateway."""

    key: str
    account_ref: str
    amount_minor: int
    currency: str


type Deed = Pay | Credit


class Habit(Protocol):
    """How a borrower treats a loan. Asked at each slot of each day; a deed of the same key is done once."""

    def deeds(self, seen: Seen, today: date, slot: int) -> Iterable[Deed]: ...


@dataclass(frozen=True, slots=True)
class ByMandate:
    """Lets the gateway collect."""

    def deeds(self, seen: Seen, today: date, slot: int) -> Iterable[Deed]:
        del seen, today, slot
        return ()


@dataclass(frozen=True, slots=True)
class Never:
    """Has no money and does not answer."""

    def deeds(self, seen: Seen, today: date, slot: int) -> Iterable[Deed]:
        del seen, today, slot
        return ()


@dataclass(frozen=True, slots=True)
class AfterMessage:
    """Pays all that is due so many days after the first message that asks for it; 0: at the next slot."""

    days: int
    rounds_up: bool = False  # to the next hundred: the rest becomes credit, or pays what is due next

    def deeds(self, seen: Seen, today: date, slot: int) -> Iterator[Deed]:
        asked_on = seen.asked_on(seen.debts[0].number) if seen.debts else None
        if asked_on is None or today < asked_on + timedelta(days=self.days):
            return
        if self.days and slot < _slot_of(seen.loan_id):
            return
        owed = seen.owed_by(today)
        yield _by_hand(seen, _to_the_hundred(owed) if self.rounds_up else owed, today, slot)


@dataclass(frozen=True, slots=True)
class InParts:
    """Pays half of the oldest debt so many days after the first message about it, and all that is due later on."""

    days: tuple[int, int]

    def deeds(self, seen: Seen, today: date, slot: int) -> Iterator[Deed]:
        asked_on = seen.asked_on(seen.debts[0].number) if seen.debts else None
        if asked_on is None or slot < _slot_of(seen.loan_id):
            return
        half, rest = (asked_on + timedelta(days=days) for days in self.days)
        if today >= rest:
            yield _by_hand(seen, seen.owed_by(today), today, slot)
        elif today >= half and seen.debts[0].paid_minor == 0:
            yield _by_hand(seen, seen.debts[0].outstanding_minor // 2, today, slot)


@dataclass(frozen=True, slots=True)
class Early:
    """Pays an instalment some days before it is due."""

    days: int

    def deeds(self, seen: Seen, today: date, slot: int) -> Iterator[Deed]:
        if slot >= _slot_of(seen.loan_id) and (ahead := seen.owed_by(today + timedelta(days=self.days))):
            yield _by_hand(seen, ahead, today, slot)


@dataclass(frozen=True, slots=True)
class PayOff:
    """Pays the whole loan on a day, in a round sum: the rest is the borrower's credit."""

    on: date

    def deeds(self, seen: Seen, today: date, slot: int) -> Iterator[Deed]:
        if today >= self.on and seen.debts:
            owed = sum(debt.outstanding_minor for debt in seen.debts)
            yield _by_hand(seen, _to_the_hundred(owed), today, slot)


@dataclass(frozen=True, slots=True)
class Wages:
    """Has the money from a slot of a day on, counted from the due date, and none any more after `until`.

    Up to the due day it is put on the account, from which the gateway may still take it; later it is paid by hand.
    """

    days: int
    slot: int
    until: date | None = None

    def deeds(self, seen: Seen, today: date, slot: int) -> Iterator[Deed]:
        for debt in seen.debts:
            comes_on = debt.due_on + timedelta(days=self.days)
            spent = today > comes_on + _WAGES_LAST or (self.until is not None and comes_on > self.until)
            if spent or (today, slot) < (comes_on, self.slot):
                continue
            if self.days > 0:
                yield _by_hand(seen, debt.outstanding_minor, today, slot)
                return
            if seen.account_ref:
                key = f"wages-{seen.loan_id}-{debt.number}"
                yield Credit(key, seen.account_ref, debt.outstanding_minor, seen.currency)


def habit_for(loan_id: str, account_ref: str | None) -> Habit:
    """A habit for a loan of another book, drawn from its id: the same one every time."""
    lot = crc32(f"habit of {loan_id}".encode()) % 100
    prefix = (account_ref or "").partition("-")[0]
    if prefix in ("paid", "slow", "lost"):
        return ByMandate()
    if prefix == "balance":
        return Never() if lot < 5 else Wages(days=(-1, 0, 0, 0, 4)[lot % 5], slot=lot % SLOTS_A_DAY)
    return Never() if lot < 12 else AfterMessage(days=(0, 1, 2, 4, 9, 20)[lot % 6])


def _by_hand(seen: Seen, minor: int, today: date, slot: int) -> Pay:
    return Pay(f"hand-{seen.loan_id}-{today:%Y%m%d}-{slot}", seen.loan_id, minor, seen.currency)


def _to_the_hundred(minor: int) -> int:
    return -(-minor // 10_000) * 10_000


def _slot_of(loan_id: str) -> int:
    """The slot of the day before which somebody pays by hand."""
    return crc32(loan_id.encode()) % SLOTS_A_DAY
