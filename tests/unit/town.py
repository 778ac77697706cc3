"""A lender in memory: the real workflows and rules, a clock set by hand, a gateway that is the stub."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from shared.adapters.jinja_texts import fill
from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.gateway import MemoryGateway
from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.memory.stub_books import MemoryStubBooks
from shared.adapters.memory.world import FixedClock, MemoryQueue, MemorySwitches
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import (
    Attempt,
    Borrower,
    ContactCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    Mandate,
    NoticeRecord,
)
from shared.domain.contact_rules import Channel
from shared.domain.money import Money
from shared.domain.repayment import Repayment
from shared.ports.book import Book
from shared.ports.messages import Provider, Sender
from shared.ports.portfolio import Imported, ImportedRow
from shared.ports.world import PaymentGateway, PolicyShelf, SwitchBoard
from shared.workflows.attempt_deductions import Deductions
from shared.workflows.passes import Summary
from shared.workflows.payment_stub import PaymentStub
from shared.workflows.plan_work import Planner
from shared.workflows.reconcile import Reconciliation
from shared.workflows.record_escalations import Escalations
from shared.workflows.record_repayments import Repayments
from shared.workflows.send_reminders import Reminders
from tests.unit.builders import SHANGHAI, a_borrower, a_loan, a_mandate, an_instalment, at

SLOTS = ("08:00", "12:00", "20:00")
SANDBOX = "sandbox"
"""The provider of SMS in the packs that ship."""


class Reports:
    """The stub's webhooks, as bodies."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send(self, bodies: Sequence[str]) -> None:
        self.bodies += bodies


class Town:
    """One borrower's loan by default; `book`, `gateway`, `sms`, `shelf` can be replaced by faulty ones."""

    def __init__(
        self,
        *instalments: Instalment,
        account: str | None = "paid-1",
        loan: Loan | None = None,
        borrower: Borrower | None = None,
        start: str = "2026-03-01 00:00",
    ) -> None:
        self.clock = FixedClock(at(start))
        self.store = MemoryBook()
        self.book: Book = self.store
        self.stub_books, self.reports = MemoryStubBooks(), Reports()
        self.stub = MemoryGateway(PaymentStub(self.stub_books, self.reports))
        self.gateway: PaymentGateway = self.stub
        self.inbox = MemoryOutbox(self.clock)
        self.sms: Provider = self.inbox
        self.more: dict[Channel, Sender] = {}
        self.queue = MemoryQueue()
        self.switches: SwitchBoard = MemorySwitches()
        self.shelf: PolicyShelf = PolicyFiles()
        self.total = Summary()
        mandate = a_mandate(account_ref=account) if account else None
        self.take_on(borrower or a_borrower(), loan or a_loan(), instalments or (an_instalment(),), mandate)

    def take_on(
        self, borrower: Borrower, loan: Loan, instalments: Sequence[Instalment], mandate: Mandate | None = None
    ) -> None:
        now = self.clock.now()
        rows: list[ImportedRow] = [
            borrower,
            ContactCard(borrower.borrower_id, ()),
            *instalments,
            *([mandate] if mandate else []),
            loan,
        ]
        self.store.write([Imported(row, "") for row in rows])
        steps = [replace(i, step=now) for i in instalments if mandate and not i.is_paid]
        self.store.open([*steps, replace(loan, step=now)], now)

    # the workers, wired anew so that a test can replace a port at any time

    def work(self, line: Line, keys: Sequence[str], run: str = "test") -> Summary:
        worker: Reminders | Deductions | Escalations
        match line:
            case Line.CONTACT:
                worker = self.reminders()
            case Line.DEBIT:
                worker = Deductions(self.book, self.gateway, self.shelf, self.clock, self.queue, self.switches)
            case Line.STAGE:
                worker = Escalations(self.book, self.shelf, self.clock)
        summary = worker.work(keys, run)
        self._add(summary)
        return summary

    @property
    def senders(self) -> dict[Channel, Sender]:
        """A provider for each channel that the packs wire: `sms`, and those of `more`, which a test may fill."""
        return {Channel.SMS: Sender(SANDBOX, self.sms)} | self.more

    def reminders(self) -> Reminders:
        return Reminders(self.book, self.senders, fill, self.shelf, self.clock, self.queue, self.switches)

    def planner(self, capacity: int = 1000) -> Planner:
        return Planner(self.book, self.queue, self.clock, self.shelf, SHANGHAI, self.switches, capacity)

    def reconcile(self) -> Summary:
        summary = Reconciliation(self.book, self.gateway, self.shelf, self.clock, self.queue, self.switches).work(
            "test"
        )
        self._add(summary)
        return summary

    def repay(self, amount: str, external_id: str = "r-1", loan_id: str = "l-1", currency: str = "CNY") -> Summary:
        today = self.clock.now().date()
        arrived = Repayment("transfer", external_id, loan_id, Money.parse(amount, currency), today)
        return Repayments(self.book, self.shelf, self.clock, self.queue).work([arrived], "test")

    def _add(self, summary: Summary) -> None:
        self.total.counts += summary.counts
        self.total.failures += summary.failures

    # time

    def pass_now(self) -> None:
        """Reconciles, plans and works until every queue is empty."""
        self.reconcile()
        self.planner().plan("test")
        while any(self._drain(line) for line in Line):
            pass

    def _drain(self, line: Line) -> bool:
        hints = self.queue.receive(line)
        if hints:
            self.work(line, hints.keys, hints.run)
        return hints is not None

    def live(self, first: str, last: str, skip: Sequence[str] = ()) -> Iterator[date]:
        """Passes at the day's slots, from the first day to the last; yields each day after its last slot."""
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last):
            if day.isoformat() not in skip:
                for slot in SLOTS:
                    self.clock.set(at(f"{day} {slot}"))
                    self.pass_now()
            yield day
            day += timedelta(days=1)

    def live_through(self, first: str, last: str, skip: Sequence[str] = ()) -> None:
        for _ in self.live(first, last, skip):
            pass

    # what became of it

    def notices(self) -> list[NoticeRecord]:
        return sorted(self._rows(NoticeRecord), key=lambda n: (n.claimed_at, n.notice_key))

    def told(self) -> list[tuple[str, str]]:
        """(business date, tier) of every notice, in order."""
        return [(n.business_date.isoformat(), n.notice_key.split("#")[0]) for n in self.notices()]

    def attempts(self) -> list[Attempt]:
        return sorted(self._rows(Attempt), key=lambda a: a.seq)

    def entries(self) -> list[LedgerEntry]:
        return sorted(self._rows(LedgerEntry), key=lambda e: (e.loan_id, e.source, e.external_id))

    def escalations(self) -> list[Escalation]:
        return sorted(self._rows(Escalation), key=lambda e: (e.entered_on, e.dpd, e.stage.rank))

    def instalment(self, number: int = 1) -> Instalment:
        return next(i for i in self._rows(Instalment) if i.number == number)

    def loan(self) -> Loan:
        return next(iter(self._rows(Loan)))

    def charged(self) -> int:
        return sum(p.amount.minor for p in self.stub_books.charges())

    def _rows[R](self, kind: type[R]) -> list[R]:
        return [row for row in self.store.scan(kind) if isinstance(row, kind)]  # type: ignore[arg-type]


def instants(first: datetime, minutes: int, count: int) -> Iterator[datetime]:
    """`count` instants, `minutes` apart."""
    return (first + timedelta(minutes=minutes * n) for n in range(count))
