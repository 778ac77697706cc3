"""The lender of one seed: its stores, its ports with faults before them, and its workers as jobs."""

import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.memory.world import FixedClock, MemoryQueue, MemorySwitches
from shared.domain.bank_file import BankFileNews, BankRows
from shared.domain.book import ContactCard, Line
from shared.domain.changes import Change
from shared.domain.contact_rules import Channel
from shared.domain.messages import Fill
from shared.domain.repayment import Arrived
from shared.ports.messages import Inbound, Receipt, Sender
from shared.ports.portfolio import Imported, ImportedRow
from shared.ports.world import PolicyShelf
from shared.simulation.actors import Job
from shared.simulation.bank import RowsQueue, SimulatedFiles
from shared.simulation.boundaries import Boundary, SimulatedQueue, SimulatedSwitches, SkewedClock
from shared.simulation.gateway import GatewayModel
from shared.simulation.grown import GrowingBook
from shared.simulation.portfolio import Holding
from shared.simulation.provider import Carriers, SimulatedProvider
from shared.simulation.stored import SimulatedBook
from shared.simulation.wire import Request, SimulatedGateway
from shared.workflows.attempt_deductions import Deductions
from shared.workflows.opt_outs import OptOuts
from shared.workflows.passes import Summary
from shared.workflows.plan_work import Planner
from shared.workflows.reconcile import Reconciliation
from shared.workflows.record_escalations import Escalations
from shared.workflows.record_receipts import Receipts
from shared.workflows.record_repayments import Repayments
from shared.workflows.repayments_intake import RepaymentsIntake
from shared.workflows.send_reminders import Reminders

BUSINESS_ZONE = "Asia/Shanghai"

PROVIDERS = {Channel.SMS: "sandbox", Channel.EMAIL: "ses"}
"""By channel, the packs of the providers that the deployment has."""

CODE = "135790"
"""The digits of every one-time code: what a borrower reads on his phone."""


@dataclass(frozen=True, slots=True)
class Unexpected:
    """An error that a worker met and that no fault explains."""

    at: datetime
    job: str
    error: str


class _OneCode:
    """Codes: always the same, which the simulated borrower knows."""

    def fresh(self) -> str:
        return CODE


class Lender:
    """`counts` sums what every pass reports of itself."""

    def __init__(
        self,
        model: GatewayModel,
        boundary: Boundary,
        chance: Random,
        shelf: PolicyShelf,
        seen: Callable[[Sequence[Change]], None],
        presented: Callable[[Request], None],
        rows_come: Callable[[BankRows, timedelta], None],
        carriers: Carriers,
        fill: Fill,
    ) -> None:
        self.clock: FixedClock = boundary.clock
        self.store = GrowingBook()
        self.hints = MemoryQueue()
        self.board = MemorySwitches()
        self.gateway = SimulatedGateway(model, self.store, boundary, chance, presented)
        self.files = SimulatedFiles(boundary)
        self.rows = RowsQueue(boundary, rows_come)
        self.counts: Counter[str] = Counter()
        self.unexpected: list[Unexpected] = []
        self._boundary = boundary
        ways = {
            channel: SimulatedProvider(name, channel, MemoryOutbox(self.clock), self.store, carriers)
            for channel, name in PROVIDERS.items()
        }
        senders = {channel: Sender(way.name, way) for channel, way in ways.items()}
        switches = SimulatedSwitches(self.board, boundary)
        self.ports: Mapping[str, Any] = {
            "book": SimulatedBook(self.store, boundary, chance, seen, self._failed),
            "gateway": self.gateway,
            "sms": senders[Channel.SMS],
            "senders": senders,
            "fill": fill,
            "shelf": shelf,
            "clock": SkewedClock(boundary, chance),
            "queue": SimulatedQueue(self.hints, boundary),
            "switches": switches,
            "board": self.board,
            "business_zone": BUSINESS_ZONE,
            "codes": _OneCode(),
            "capacity": 1000,
        }

    def worker[W](self, kind: type[W], **more: Any) -> W:
        """A worker with the ports that its fields name."""
        named = {f.name for f in fields(kind)}  # type: ignore[arg-type]  # every worker is a dataclass
        return kind(**{name: port for name, port in {**self.ports, **more}.items() if name in named})

    def unfaulted[W](self, kind: type[W]) -> W:
        """A worker over the store itself, for whoever only looks."""
        return self.worker(kind, book=self.store)

    def take_on(self, book: Sequence[Holding]) -> None:
        """Imports the book without faults, and opens it."""
        now = self.clock.now()
        rows: list[ImportedRow] = []
        for owner in {h.borrower.borrower_id: h.borrower for h in book}.values():
            rows += [owner, ContactCard(owner.borrower_id, ())]
        for holding in book:
            rows += [*holding.instalments, *holding.mandates, holding.loan]
        self.store.write([Imported(row, "") for row in rows])
        for holding in book:
            steps = [replace(i, step=now) for i in holding.instalments if holding.mandates]
            self.store.open([*steps, replace(holding.loan, step=now)], now)

    # one job for each function

    def work(self, line: Line, hints: Sequence[str]) -> Job:
        kinds: Mapping[Line, type[Reminders] | type[Deductions] | type[Escalations]] = {
            Line.CONTACT: Reminders,
            Line.DEBIT: Deductions,
            Line.STAGE: Escalations,
        }
        worker = self.worker(kinds[line])
        return self._job(f"{line} {hints[0]}", lambda: worker.work(hints, "run"))

    def plan(self) -> Job:
        worker = self.worker(Planner)
        return Job("plan", lambda: self._planned(worker))

    def reconcile(self) -> Job:
        worker = self.worker(Reconciliation)
        return self._job("reconcile", lambda: worker.work("run"))

    def book_money(self, name: str, arrived: Sequence[Arrived], done: Callable[[], None] = lambda: None) -> Job:
        """Books what arrived; its queue hands it out until it was booked. `done` is called then."""
        worker = self.worker(Repayments)

        def run() -> None:
            self.add(worker.work(arrived, "run"))
            done()

        return Job(name, run, must_arrive=True)

    def take_in(self, news: BankFileNews | BankRows, done: Callable[[], None] = lambda: None) -> Job:
        """Reads a bank's file, or books rows of one; handed out until it ended well."""
        worker = RepaymentsIntake(self.worker(Repayments), self.files, self.rows)
        name = f"file {news.files[0].name}" if isinstance(news, BankFileNews) else f"rows of {news.name}"

        def run() -> None:
            self.add(worker.work(news, "run"))
            done()

        return Job(name, run, must_arrive=True)

    def hear(self, name: str, news: Sequence[Receipt | Inbound], *, must_arrive: bool = False) -> Job:
        """What a provider says of a message, or a borrower writes, whose word is handed out until it was heard."""
        worker = self.worker(Receipts, opt_outs=self.worker(OptOuts))
        return Job(name, lambda: self.add(worker.work(news)), must_arrive)

    def _planned(self, worker: Planner) -> None:
        worker.plan("run")

    def add(self, summary: Summary) -> None:
        self.counts.update(summary.counts)
        for failure in summary.failures:
            self.unexpected.append(Unexpected(self.clock.at, self._boundary.baton.name, failure))

    def _job(self, name: str, act: Callable[[], Summary]) -> Job:
        def run() -> None:
            self.add(act())

        return Job(name, run)

    def _failed(self, line: Line, key: str) -> None:
        """Called while the error is being handled, so that it can be told whole."""
        self.unexpected.append(Unexpected(self.clock.at, f"{line} {key}", traceback.format_exc()))
