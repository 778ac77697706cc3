"""Crashes, silence and lost answers everywhere: whatever the workflows leave behind, no check objects to it."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from random import Random

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.domain.book import Outcome
from shared.domain.changes import Change
from shared.domain.errors import GatewayError
from shared.domain.money import Money
from shared.ports.world import DebitAnswer, DebitRequest, MessageChannel, PaymentGateway, SendResult, Sent
from tests.snapshots import breaches_of
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment, at
from tests.unit.town import SLOTS, Town

ACCOUNTS = ("paid-", "insufficient-", "balance-", "limit-", "mandate-dead-", "account-dead-", "risk-", None)
ZONES = ("Asia/Shanghai", "America/Los_Angeles", "Europe/Prague")
UNRESOLVED = timedelta(days=30)


class CrashError(Exception):
    """The process died here."""


class FaultyBook(MemoryBook):
    """Dies now and then, before or after it has written. `chance` is None while the book is being filled."""

    chance: Random | None = None

    def commit(self, changes: Sequence[Change]) -> bool:
        at_random = self.chance.random() if self.chance else 0.5
        if at_random < 0.02:
            raise CrashError
        made = super().commit(changes)
        if at_random > 0.98:
            raise CrashError
        return made


class FaultyGateway:
    not_found_is_final = True

    def __init__(self, gateway: PaymentGateway, chance: Random) -> None:
        self._gateway = gateway
        self._chance = chance

    def present(self, request: DebitRequest) -> DebitAnswer:
        at_random = self._chance.random()
        if at_random < 0.1:
            return DebitAnswer(Outcome.UNKNOWN)  # it never arrived
        if at_random < 0.13:
            raise CrashError
        answer = self._gateway.present(request)
        if at_random < 0.2:
            return DebitAnswer(Outcome.UNKNOWN)  # the answer was lost
        if at_random < 0.25:
            raise CrashError
        return answer

    def enquire(self, key: str) -> DebitAnswer | None:
        if self._chance.random() < 0.3:
            raise GatewayError("silent")
        return self._gateway.enquire(key)


class FaultyChannel:
    def __init__(self, channel: MessageChannel, chance: Random) -> None:
        self._channel = channel
        self._chance = chance

    def send(self, address: str, text: str) -> Sent:
        at_random = self._chance.random()
        if at_random < 0.1:
            return Sent(SendResult.RETRY_LATER, detail="throttled")
        if at_random < 0.15:
            return Sent(SendResult.REFUSED)
        sent = self._channel.send(address, text)
        if at_random < 0.2:
            return Sent(SendResult.UNKNOWN)
        if at_random < 0.23:
            raise CrashError
        return sent


def a_town(chance: Random) -> tuple[Town, list[tuple[str, str | None]]]:
    """Three borrowers, one to three loans each, on accounts of every kind; gives (loan, its account) as well."""
    town = Town(
        loan=a_loan(loan_id="l-0", borrower_id="b-0", principal_minor=0), borrower=a_borrower(borrower_id="b-0")
    )
    book = FaultyBook()
    town.store = town.book = book
    loans: list[tuple[str, str | None]] = []
    for owner in ("b-1", "b-2", "b-3"):
        phone = chance.choice((None, f"+44770090000{owner[-1]}", f"+44770090000{owner[-1]}"))
        borrower = a_borrower(borrower_id=owner, phone=phone, time_zone=chance.choice(ZONES))
        for _ in range(chance.randint(1, 3)):
            loan_id, count = f"l-{len(loans) + 1}", chance.randint(1, 4)
            first = date(2026, 2, 20) + timedelta(days=chance.randint(0, 40))
            instalments = [
                an_instalment(loan_id=loan_id, number=n + 1, due_on=first + timedelta(days=30 * n))
                for n in range(count)
            ]
            kind = chance.choice(ACCOUNTS)
            account = kind and kind + loan_id
            mandate = account and a_mandate(mandate_id=f"m-{loan_id}", loan_id=loan_id, account_ref=account)
            loan = a_loan(loan_id=loan_id, borrower_id=owner, principal_minor=100_000 * count)
            town.take_on(borrower, loan, instalments, mandate or None)
            loans.append((loan_id, account))
    book.chance = chance
    town.gateway, town.sms = FaultyGateway(town.stub, chance), FaultyChannel(town.inbox, chance)
    return town, loans


def a_slot(town: Town, loans: list[tuple[str, str | None]], chance: Random, runs: bool) -> None:
    """Money may come by hand or to an account; and unless the day is skipped, everything runs, again after a crash."""
    loan_id, account = chance.choice(loans)
    if chance.random() < 0.03:
        with suppress(CrashError):
            town.repay(chance.choice(("50.00", "400.00", "1015.00", "3000.00")), f"r-{town.clock.now()}", loan_id)
    if account and account.startswith("balance-") and chance.random() < 0.2:
        town.stub_books.credit(account, f"c-{town.clock.now()}", Money.parse("1500.00", "CNY"))
    for _ in range(3 if runs else 0):
        with suppress(CrashError):
            town.pass_now()
            return


@pytest.mark.parametrize("seed", range(5))
def test_four_months_of_faults(seed: int) -> None:
    chance = Random(seed)
    town, loans = a_town(chance)
    day = date(2026, 3, 1)
    while day < date(2026, 7, 1):
        runs = chance.random() > 0.1
        for slot in SLOTS:
            town.clock.set(at(f"{day} {slot}") + timedelta(minutes=chance.randint(0, 90)))
            a_slot(town, loans, chance, runs)
            found = breaches_of(town.store, town.clock.now(), town.stub_books.charges(), UNRESOLVED)
            assert found == [], f"{town.clock.now()}"
        day += timedelta(days=1)
    assert town.total.counts["failed"]
    assert town.total.counts["act.SLOT_OPEN"]
