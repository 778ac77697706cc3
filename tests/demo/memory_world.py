"""The driver's world without a deployment: the real workflows over the adapters in memory, queues taken in turn."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

from demo.borrowers import Credit, Pay
from demo.driver import BUSINESS_ZONE, Driver, Lived, Plan
from demo.history import OWN_BOOK, Check, History, Outside
from demo.messages import credit_request, repayment_message
from demo.portfolio import Portfolio, generate
from demo.records import R, Records, Row
from shared.adapters.csv_files import open_portfolio
from shared.adapters.jinja_texts import fill
from shared.adapters.memory.bank_files import MemoryBankFiles
from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.gateway import MemoryGateway
from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.memory.stub_books import KeptEvents, MemoryStubBooks
from shared.adapters.memory.world import FixedClock, MemoryQueue, MemorySwitches
from shared.adapters.phones import phone_problem, phone_zones
from shared.adapters.policy_files import PolicyFiles, rail_codes
from shared.domain.book import (
    Attempt,
    Borrower,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    Mandate,
    NoticeRecord,
)
from shared.domain.contact_rules import Channel
from shared.domain.packs import Pack
from shared.invariants.checks import CHECKS
from shared.ports.messages import Outgoing, Sender
from shared.ports.world import Clock, Sent
from shared.runtime.repayment_events import repayment
from shared.workflows.attempt_deductions import Deductions
from shared.workflows.import_portfolio import Report, import_portfolio
from shared.workflows.passes import Summary
from shared.workflows.payment_stub import PaymentStub
from shared.workflows.plan_work import Planner
from shared.workflows.reconcile import Reconciliation
from shared.workflows.record_escalations import Escalations
from shared.workflows.record_repayments import Repayments
from shared.workflows.repayments_intake import RepaymentsIntake
from shared.workflows.send_reminders import Reminders


class _Outbox(MemoryOutbox):
    """Keeps each text under the reference that it answered with, as the emulator's inbox does."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.texts: dict[str, str] = {}

    def send(self, message: Outgoing) -> Sent:
        answer = super().send(message)
        self.texts[answer.provider_ref or ""] = message.text
        return answer


class MemoryWorld:
    """A `World`; `invoked` counts what would be invocations."""

    def __init__(self, morning: datetime, packs: Iterable[Pack] | None = None) -> None:
        self.book, self.queue, self.clock = MemoryBook(), MemoryQueue(), FixedClock(morning)
        self.sms = _Outbox(self.clock)
        self.shelf, self.events, self.switches = PolicyFiles(packs), KeptEvents(), MemorySwitches()
        self.stub = PaymentStub(MemoryStubBooks(), self.events)
        self.invoked: Counter[str] = Counter()
        self._bag: list[str] = []
        self._held = False
        gateway = MemoryGateway(self.stub)
        shared = (self.shelf, self.clock, self.queue)
        self._planner = Planner(self.book, self.queue, self.clock, self.shelf, BUSINESS_ZONE, self.switches)
        self._reconciliation = Reconciliation(self.book, gateway, *shared, self.switches)
        self._intake = RepaymentsIntake(Repayments(self.book, *shared), MemoryBankFiles(), self.events)
        deductions = Deductions(self.book, gateway, *shared, self.switches)
        senders = {Channel.SMS: Sender("sandbox", self.sms)}
        reminders = Reminders(self.book, senders, fill, *shared, self.switches)
        escalations = Escalations(self.book, self.shelf, self.clock)
        self._workers = {
            Line.DEBIT: ("attempt_deductions", deductions.work),
            Line.CONTACT: ("send_reminders", reminders.work),
            Line.STAGE: ("record_escalations", escalations.work),
        }

    def import_from(self, folder: Path) -> None:
        files = open_portfolio(folder)
        done = import_portfolio(files, self.book, self.shelf, phone_problem, phone_zones, self.clock.now())
        assert isinstance(done, Report), done

    def set_clock(self, now: datetime) -> None:
        self.clock.set(now)

    def reconcile(self) -> bool:
        self.invoked["reconcile"] += 1
        return bool(self._reconciliation.work("run").counts)

    def plan_work(self) -> int:
        self.invoked["plan_work"] += 1
        return sum(self._planner.plan("run").values())

    def wait(self) -> None:
        while True:
            self._bag += self.events.take()
            if self._held:
                return
            bodies, self._bag = self._bag, []
            for body in bodies:
                self.invoked["record_repayments"] += 1
                _succeeded(self._intake.work(repayment(body, rail_codes("stub")), "run"))
            worked = bool(bodies)
            for line, (name, work) in self._workers.items():
                if hints := self.queue.receive(line):
                    self.invoked[name] += 1
                    _succeeded(work(hints.keys, hints.run))
                    worked = True
            if not worked:
                return

    def repay(self, pay: Pay, paid_on: date) -> None:
        self._bag.append(repayment_message(pay, paid_on))

    def credit(self, credit: Credit) -> None:
        self.invoked["payment_stub"] += 1
        assert self.stub.credit(credit.account_ref, credit_request(credit)).status == 200

    def deliver_webhooks(self) -> int:
        self.invoked["payment_stub"] += 1
        delivered = self.stub.deliver().body["delivered"]
        assert isinstance(delivered, int)
        self.invoked["receive_webhooks"] += delivered
        return delivered

    def hold(self) -> None:
        self._held = True

    def go_on(self) -> None:
        self._held = False

    def rows(self, kind: type[R], since: date | None = None) -> Iterable[R]:
        for row in self.book.scan(kind):
            assert isinstance(row, kind)
            if since is None or _day_of(row) >= since:
                yield row


def _day_of(row: Row) -> date:
    if isinstance(row, NoticeRecord):
        return row.business_date
    assert isinstance(row, LedgerEntry)
    return row.booked_on


def _succeeded(summary: Summary) -> None:
    assert not summary.failures, summary.failures


def live(plan: Plan, folder: Path, book: Portfolio | None = None) -> tuple[MemoryWorld, list[Lived]]:
    """The demo's own book, lived through in memory; `folder` is scratch."""
    book, told = book or generate(plan.first_day), list[Lived]()
    world = MemoryWorld(plan.morning())
    world.import_from(book.write(folder))
    Driver(world, plan, book.habits.__getitem__, told.append).run()
    return world, told


def history_of(world: MemoryWorld, plan: Plan) -> History:
    """The run as the report gets it; the checks found nothing, since there is no table to look at."""
    records = Records(
        tuple(world.rows(Borrower)),
        tuple(world.rows(Loan)),
        tuple(world.rows(Instalment)),
        tuple(world.rows(Mandate)),
        tuple(world.rows(Attempt)),
        tuple(world.rows(NoticeRecord)),
        tuple(world.rows(Escalation)),
        tuple(world.rows(LedgerEntry)),
    )
    outside = Outside(
        world.sms.texts,
        len({message.address for message in world.sms.sent}),
        dict(sorted(world.invoked.items())),
        {},
        tuple(Check(check.name, check.sentence, 0, check.counted) for check in CHECKS),
    )
    return History(plan, OWN_BOOK, records, outside)
