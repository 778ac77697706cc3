"""What comes by itself: reports of the gateway, files of the bank, receipts of providers, words of borrowers.

Each is on its way for a while; some of it comes late, twice, out of order or never.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from shared.domain import keys
from shared.domain.bank_file import BankFile, BankFileNews, BankRow, BankRows
from shared.domain.book import Line, Outcome
from shared.domain.money import Money
from shared.domain.repayment import GatewayReport, GivenAgain, TakenBack, reference_of
from shared.ports.messages import Inbound, Receipt
from shared.simulation.actors import Baton, Job
from shared.simulation.bank import Line as BankLine
from shared.simulation.faults import Fault, Plan
from shared.simulation.lender import Lender

type Later = Callable[[timedelta, Callable[[], None]], None]
type Invoke = Callable[[Job, Sequence[Job]], None]


@dataclass(slots=True)
class News:
    """`later` calls something after a time; `invoke` runs a job, alone or in a race."""

    lender: Lender
    plan: Plan
    chance: Random
    baton: Baton
    later: Later
    invoke: Invoke
    untold: set[tuple[str, str]] = field(default_factory=set)
    """Charges, by key and reference, of which the news is still on its way."""
    _fresh: list[GatewayReport] = field(default_factory=list)
    _lines: list[tuple[BankLine, tuple[str, str] | None]] = field(default_factory=list)
    _told_by: dict[str, dict[int, tuple[str, str]]] = field(default_factory=dict)

    # the gateway

    def report(self, report: GatewayReport) -> None:
        """A report leaves the gateway: soon, late, twice, or never; a bank file tells of some of them days later."""
        if report.outcome is Outcome.PAID:
            self.untold.add((report.key, report.gateway_ref or ""))
        fault = self.plan.draw("deliver webhook")
        wait = timedelta(seconds=self.chance.choice((0, 0, 2, 60, 900)))
        if fault is Fault.DELAYED:
            wait = timedelta(hours=self.chance.choice((3, 30, 80)))
        if fault is Fault.REORDERED:
            wait = timedelta(seconds=self.chance.randint(0, 7200))
        if fault is not Fault.LOST:
            if not wait and self.baton.racing:
                self._fresh.append(report)
            self.later(wait, lambda: self._deliver(report))
        if fault is Fault.DOUBLED:
            again = timedelta(seconds=self.chance.choice((0, 1, 3600)))
            self.later(wait + again, lambda: self._deliver(report))
        if report.outcome is Outcome.PAID and (fault is Fault.LOST or self.chance.random() < 0.3):
            days = timedelta(days=self.chance.randint(1, 4))
            line = BankLine(report.key, self._as_the_bank_sees(report))
            self.later(days, lambda: self._lines.append((line, (report.key, report.gateway_ref or ""))))

    def fresh(self) -> Job | None:
        """A report that came in the middle of a race."""
        return self._webhook(self._fresh.pop()) if self._fresh else None

    def _as_the_bank_sees(self, report: GatewayReport) -> Money:
        """A refund's money leaves the lender's account."""
        attempt = self.lender.store.attempt(*keys.parse_intent_key(report.key))
        is_refund = attempt is not None and attempt.refunds is not None
        return Money(-report.amount.minor, report.amount.currency) if is_refund else report.amount

    def _webhook(self, report: GatewayReport) -> Job:
        return self.lender.book_money(f"webhook {report.key}", [report], lambda: self._told([report]))

    def _told(self, reports: Sequence[GatewayReport]) -> None:
        self.untold -= {(r.key, r.gateway_ref or "") for r in reports if r.outcome is Outcome.PAID}

    def _deliver(self, report: GatewayReport) -> None:
        rivals: list[Job] = []
        if self.plan.armed and self.chance.random() < 0.15:
            loan_id, _ = keys.parse_intent_key(report.key)
            rivals = self.chance.sample(
                (self._webhook(report), self.lender.reconcile(), self.lender.work(Line.STAGE, [loan_id])),
                self.chance.choice((1, 2)),
            )
        self.invoke(self._webhook(report), rivals)

    # the bank

    def comes_in_a_file(self, line: BankLine, days: int) -> None:
        self.later(timedelta(days=days), lambda: self._lines.append((line, None)))

    def bank_file(self) -> None:
        """The day's file: late news of charges and transfers that were told of before, or not."""
        if not self._lines:
            return
        name = self.lender.files.write(self.lender.clock.at.date(), [line for line, _ in self._lines])
        self._told_by[name] = {row: news for row, (_, news) in enumerate(self._lines, 2) if news}
        self._lines = []
        fault = self.plan.draw("deliver bank file")
        wait = timedelta(hours=20) if fault is Fault.DELAYED else timedelta(0)
        for _ in range(2 if fault is Fault.DOUBLED else 1):
            self.later(wait, lambda: self.invoke(self.lender.take_in(BankFileNews((BankFile(name),))), ()))

    def rows_come(self, rows: BankRows, wait: timedelta) -> None:
        """Rows of a file, on their way through the queue."""
        news = {told for row in rows.rows if (told := self._told_by.get(rows.name, {}).get(row.line))}

        def done() -> None:
            self.untold -= news

        self.later(wait, lambda: self.invoke(self.lender.take_in(rows, done), ()))

    def taken_back(self, back: TakenBack, ref: str, in_a_file: bool) -> None:
        """Money of a charge was taken back, and the lender is told: by the gateway, and perhaps by the bank's file too,
        days later or at the very same moment."""
        rivals: Callable[[], Sequence[Job]] = tuple
        if in_a_file:
            line = BankLine(back.reference, Money(-back.amount.minor, back.amount.currency))
            if self.plan.armed and self.chance.random() < 0.5:
                rivals = lambda: [self.lender.take_in(self._row_of(line))]  # noqa: E731 - as `tuple` above
            else:
                self.comes_in_a_file(line, self.chance.randint(0, 2))
        self._tell(back, f"taken back {back.reference}", (back.reference, ref), rivals)

    def _row_of(self, line: BankLine) -> BankRows:
        """A file of one row."""
        today = self.lender.clock.at.date()
        row = BankRow(2, line.reference, line.amount.minor, line.amount.currency, today, "")
        return BankRows(f"bank-{today}-{line.reference}.csv", (row,))

    def given_again(self, news: GivenAgain | GatewayReport, ref: str) -> None:
        """What was taken back came again, and the lender is told."""
        reference = reference_of(news)

        def twice() -> Sequence[Job]:
            again = self.lender.book_money(f"again {reference}", [news])
            return [again] if self.plan.armed and self.chance.random() < 0.3 else []

        self._tell(news, f"came again {reference}", (reference, ref), twice)

    def _tell(
        self,
        news: TakenBack | GivenAgain | GatewayReport,
        name: str,
        charge: tuple[str, str],
        rivals: Callable[[], Sequence[Job]],
    ) -> None:
        """Once or twice; the first time others may undo the same payment at the same moment."""
        self.untold.add(charge)
        wait = timedelta(minutes=self.chance.choice((0, 1, 600)))
        job = self.lender.book_money(name, [news], lambda: self.untold.discard(charge))
        self.later(wait, lambda: self.invoke(job, rivals()))
        if self.chance.random() < 0.2:
            again = self.lender.book_money(name, [news])
            self.later(wait, lambda: self.invoke(again, ()))

    # providers and borrowers

    def receipt(self, receipt: Receipt, wait: timedelta) -> None:
        """A provider's word about a message: late, twice, out of order, or never."""
        fault = self.plan.draw("deliver receipt")
        if fault is Fault.LOST:
            return
        if fault is Fault.DELAYED:
            wait += timedelta(hours=self.chance.choice((2, 30, 100)))
        if fault is Fault.REORDERED:
            wait += timedelta(seconds=self.chance.randint(0, 9000))
        for number in range(2 if fault is Fault.DOUBLED else 1):
            again = timedelta(seconds=self.chance.choice((0, 5)) * number)
            self.later(wait + again, lambda: self.invoke(self.lender.hear(f"receipt {receipt.what}", [receipt]), ()))

    def word(self, inbound: Inbound, rivals: Callable[[], Sequence[Job]]) -> None:
        """A borrower's message, on its way to us."""
        fault = self.plan.draw("deliver a borrower's word")
        wait = timedelta(0)
        if fault is Fault.DELAYED:
            wait = timedelta(hours=self.chance.choice((1, 20)))
        if fault is Fault.REORDERED:
            wait = timedelta(seconds=self.chance.randint(0, 4000))
        for number in range(2 if fault is Fault.DOUBLED else 1):
            job = self.lender.hear("a borrower's word", [inbound], must_arrive=True)
            self.later(wait + timedelta(seconds=3) * number, lambda job=job: self.invoke(job, rivals()))  # type: ignore[misc]
