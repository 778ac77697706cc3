"""A little book that the real workflows lived through, from 1 March to 9 April 2026.

    l-1  b-1  paid-1           #1 deducted on 10 March, #2 announced for 10 April
    l-2  b-1  insufficient-2   three attempts on 10 March, in M1, told on day 30
    l-3  b-2  balance-3        fails twice on 9 April, is charged at 20:00, and the answer is lost
    l-4  b-2  no mandate       400.00 of #1 paid by hand on 5 March, in M1
    l-5  b-2  no mandate       overpaid by hand on 18 March, settled
    l-6  b-3  mandate-dead-6   revoked on 15 March, paid by hand on 25 March: entered M1 and left it

A payment for a loan that does not exist is in suspense.
"""

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

from shared.adapters.dynamodb.attributes import present, text
from shared.adapters.dynamodb.rows import key_of, open_values, step_values, values_of
from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.adapters.row_keys import row_key
from shared.domain.book import (
    Attempt,
    AuditEntry,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
    Outcome,
)
from shared.domain.money import Money
from shared.ports.portfolio import StoredRow
from shared.ports.world import DebitAnswer, DebitRequest, PaymentGateway, RefundRequest
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment, at
from tests.unit.town import SLOTS, Town

LAST_SLOT = at("2026-04-09 20:00")
KINDS: tuple[type[StoredRow], ...] = (
    Loan,
    Instalment,
    Mandate,
    Escalation,
    Borrower,
    ContactCard,
    Attempt,
    NoticeRecord,
    LedgerEntry,
    DebitCard,
    MoneyMark,
    AuditEntry,
)


class LosesAnswers:
    """A gateway whose answers do not arrive."""

    not_found_is_final = True

    def __init__(self, gateway: PaymentGateway) -> None:
        self.key_life = gateway.key_life
        self._gateway = gateway

    def present(self, request: DebitRequest) -> DebitAnswer:
        self._gateway.present(request)
        return DebitAnswer(Outcome.UNKNOWN)

    def refund(self, request: RefundRequest) -> DebitAnswer:
        self._gateway.refund(request)
        return DebitAnswer(Outcome.UNKNOWN)

    def enquire(self, key: str) -> DebitAnswer | None:
        return self._gateway.enquire(key)


@cache
def town() -> Town:
    """The lender on the evening of 9 April. Nobody may change it: it is made once."""
    lives = Town(*_instalments("l-1", "2026-03-10", "2026-04-10", "2026-05-10"), account="paid-1", loan=_loan("l-1", 3))
    others = (
        ("l-2", "b-1", "insufficient-2", ("2026-03-10", "2026-05-10")),
        ("l-3", "b-2", "balance-3", ("2026-04-09",)),
        ("l-4", "b-2", None, ("2026-03-10", "2026-05-08")),
        ("l-5", "b-2", None, ("2026-03-20",)),
        ("l-6", "b-3", "mandate-dead-6", ("2026-03-15",)),
    )
    borrowers = {
        "b-1": a_borrower(),
        "b-2": a_borrower(borrower_id="b-2", phone="+447700900002", time_zone="America/Los_Angeles", locale="en"),
        "b-3": a_borrower(borrower_id="b-3", phone="+447700900003"),
    }
    for loan_id, borrower_id, account, due in others:
        mandate = a_mandate(mandate_id=f"m-{loan_id}", loan_id=loan_id, account_ref=account) if account else None
        loan = replace(_loan(loan_id, len(due)), borrower_id=borrower_id)
        lives.take_on(borrowers[borrower_id], loan, _instalments(loan_id, *due), mandate)
    paid = {
        date(2026, 3, 5): ("400.00", "l-4"),
        date(2026, 3, 18): ("2000.00", "l-5"),
        date(2026, 3, 25): ("1015.00", "l-6"),
        date(2026, 3, 26): ("70.00", "l-9"),
    }
    for day in lives.live("2026-03-01", "2026-04-08"):
        if day in paid:
            amount, loan_id = paid[day]
            lives.repay(amount, f"r-{day}", loan_id)
    for slot in SLOTS:
        lives.clock.set(at(f"2026-04-09 {slot}"))
        if slot == "20:00":
            lives.stub_books.credit("balance-3", "c-1", Money.parse("2000.00", "CNY"))
            lives.gateway = LosesAnswers(lives.stub)
        lives.pass_now()
    assert not lives.total.failures
    return lives


def _loan(loan_id: str, instalments: int) -> Loan:
    return a_loan(loan_id=loan_id, principal_minor=100_000 * instalments)


def _instalments(loan_id: str, *due: str) -> tuple[Instalment, ...]:
    return tuple(
        an_instalment(loan_id=loan_id, number=number, due_on=date.fromisoformat(day))
        for number, day in enumerate(due, 1)
    )


def put(client: Any, tables: dict[str, str]) -> None:
    """Writes the book to tables by the book's own mapping, and the charges to the stub's books."""
    for kind in KINDS:
        for row in town().store.scan(kind):
            key = row_key(row)
            item = key_of(key) | present(values_of(row)) | _places(row)
            client.put_item(TableName=tables[key.table], Item=item)
    stub_books = DynamoStubBooks(client, tables["stub_books"])
    for payment in town().stub_books.payments():
        stub_books.take(payment)


def _places(row: StoredRow) -> dict[str, Any]:
    match row:
        case Loan():
            return present(step_values(row, 1)) | {"opened": text("2026-03-01T00:00:00Z")}
        case Instalment() | ContactCard():
            return present(step_values(row, 1))
        case Attempt() | NoticeRecord():
            return present(open_values(row, 1))
        case _:
            return {}
