"""A lender in memory who lives through days: the real workers, planned every quarter of an hour."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import FixedClock, MemoryQueue, MemorySwitches
from shared.domain import keys
from shared.domain.book import Attempt, Escalation, Instalment, LedgerEntry, Line, Loan, Mandate, MandateStatus
from shared.domain.calendar import at_local
from shared.domain.changes import Change, SaveCard, SaveInstalment, SaveMandate, WakeContact
from shared.domain.contact_rules import Channel
from shared.domain.errors import BookError
from shared.domain.mandates import to_wake
from shared.domain.messages import Fill
from shared.domain.policy import Policy
from shared.domain.portfolio import IMPORT, Portfolio
from shared.domain.portfolio_rows import Prepared, Sourced, prepare
from shared.domain.repayment import Repayment
from shared.domain.switches import ALL_ON, Switches
from shared.ports.decisions import DecisionSink
from shared.ports.messages import Outgoing, Sender
from shared.ports.portfolio import Imported
from shared.ports.world import PaymentGateway, PolicyShelf, SendResult, Sent
from shared.workflows.attempt_deductions import Deductions
from shared.workflows.passes import Summary
from shared.workflows.reconcile import Reconciliation
from shared.workflows.record_escalations import Escalations
from shared.workflows.record_repayments import Repayments
from shared.workflows.send_reminders import Reminders

EVERY = timedelta(minutes=15)
"""Between two passes, as the planner is deployed."""

_AT_MOST = 10_000
"""Keys of one line worked through at a time."""
_MOST_ROUNDS = 100
"""Of work at one instant; more would be a fault of ours."""
_SHARD = keys.shard_name(0)


class Mute:
    """A provider that takes every message and sends none. `texts` takes a digest of each text by the message's key."""

    def __init__(self, texts: dict[str, str] | None = None) -> None:
        self._texts = texts

    def send(self, message: Outgoing) -> Sent:
        if self._texts is not None:
            whole = f"{message.subject or ''}\n{message.text}"
            self._texts[message.key] = sha256(whole.encode()).hexdigest()[:8]
        return Sent(SendResult.SENT)


class WatchedBook(MemoryBook):
    """A book that remembers which instalments were saved since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self._saved: dict[tuple[str, int], Instalment] = {}

    def commit(self, changes: Sequence[Change]) -> bool:
        done = super().commit(changes)
        if done:
            self._saved |= {(c.row.loan_id, c.row.number): c.row for c in changes if isinstance(c, SaveInstalment)}
        return done

    def saved(self) -> list[Instalment]:
        """As they stand, each once."""
        found, self._saved = list(self._saved.values()), {}
        return found


class ShelfOfNow:
    """A PolicyShelf that asks another one once for each product and instant: of these there are few in a pass."""

    def __init__(self, shelf: PolicyShelf) -> None:
        self._shelf = shelf
        self._now: datetime | None = None
        self._known: dict[str, Policy] = {}

    def policy(self, product: str, now: datetime) -> Policy:
        if now != self._now:
            self._now, self._known = now, {}
        if product not in self._known:
            self._known[product] = self._shelf.policy(product, now)
        return self._known[product]

    def today(self, now: datetime) -> date:
        return self._shelf.today(now)


class Lender:
    """The book and the workers; `zoneless` borrowers are left out of the contact line.

    `wiring` names the provider of each channel at an instant. It is asked as each day begins: packs that name another
    one change on their day, and whoever deploys them deploys its sender with them.
    """

    def __init__(
        self,
        start: datetime,
        business_zone: str,
        shelf: PolicyShelf,
        gateway: PaymentGateway,
        fill: Fill,
        sink: DecisionSink,
        wiring: Callable[[datetime], Mapping[Channel, str]],
        zoneless: frozenset[str] = frozenset(),
        switches: Switches = ALL_ON,
        texts: dict[str, str] | None = None,
    ) -> None:
        self.book, self.clock, self.shelf = WatchedBook(), FixedClock(start), ShelfOfNow(shelf)
        self.total = Summary()
        self._zone, self._zoneless = business_zone, zoneless
        self._queue, board = MemoryQueue(), MemorySwitches(switches)
        ports = (self.shelf, self.clock, self._queue)
        self._wiring, self._provider = wiring, Mute(texts)
        self._senders: dict[Channel, Sender] = {}
        self._wire()
        reminders = Reminders(self.book, self._senders, fill, *ports, board, sink=sink)
        deductions = Deductions(self.book, gateway, *ports, board, sink=sink)
        escalations = Escalations(self.book, self.shelf, self.clock, sink=sink)
        self._reconciliation = Reconciliation(self.book, gateway, *ports, board)
        self._repayments = Repayments(self.book, *ports)
        self._workers = {
            Line.DEBIT: deductions.work,
            Line.CONTACT: reminders.work,
            Line.STAGE: escalations.work,
        }

    def take_on(self, portfolio: Portfolio, policies: dict[str, Policy]) -> Prepared:
        """Borrowers and loans as they stand by now; on the agendas at once."""
        now = self.clock.now()
        prepared = prepare(portfolio, policies, now)
        for rows in (prepared.cards, prepared.borrowers, prepared.parts, prepared.loans):
            self._write(rows)
        opened = [row for rows in prepared.agenda.values() for row in rows]
        self.book.open([row for row in opened if isinstance(row, Instalment)], now)
        self.book.open([row for row in opened if isinstance(row, Loan)], now)
        return prepared

    def _write(self, rows: Sequence[Sourced]) -> None:
        self.book.write([Imported(sourced.row, "") for sourced in rows])

    def hand_over(self, mandates: Sequence[Mandate]) -> None:
        """Mandates of loans that were taken on. One that debits wakes what has waited for it, as a new authorisation
        does: its instalments, and the borrower, to whom the debit may have to be announced."""
        now = self.clock.now()
        for mandate in mandates:
            file = self.book.loan_file(mandate.loan_id)
            if file is None:
                raise BookError(f"mandate {mandate.mandate_id} is of loan {mandate.loan_id}, which does not exist")
            changes: list[Change] = [SaveMandate(mandate, file.loan.gate_rev)]
            if mandate.status is MandateStatus.ACTIVE:
                changes += [SaveInstalment(replace(i, step=now, rev=i.rev + 1)) for i in to_wake(file)]
                changes.append(WakeContact(file.loan.borrower_id, now))
            self.book.commit(changes)

    def pay(self, payments: Sequence[LedgerEntry]) -> None:
        """Books payments, each under its own name: one that was booked before changes nothing."""
        for entry in payments:
            repayment = Repayment(IMPORT, entry.external_id, entry.loan_id, entry.amount, entry.booked_on)
            self._add(self._repayments.work([repayment], "replay"))

    def attempts(self) -> Iterator[Attempt]:
        return (row for row in self.book.scan(Attempt) if isinstance(row, Attempt))

    def escalations(self) -> Iterator[Escalation]:
        return (row for row in self.book.scan(Escalation) if isinstance(row, Escalation))

    def begin(self, day: date) -> None:
        """The first moment of a business date, with the senders that the packs of that day name."""
        self.clock.set(at_local(day, time.min, self._zone))
        self._wire()

    def _wire(self) -> None:
        wired = self._wiring(self.clock.now())
        if wired != {channel: sender.name for channel, sender in self._senders.items()}:
            self._senders.clear()
            self._senders.update({channel: Sender(name, self._provider) for channel, name in wired.items()})

    def live(self, day: date) -> None:
        """The passes of a business date, from its first moment on; ends at its last."""
        ends = at_local(day + timedelta(days=1), time.min, self._zone)
        now = self.clock.now()
        while now < ends:
            self.clock.set(now)
            self._pass(now)
            now += EVERY

    def _pass(self, now: datetime) -> None:
        self._add(self._reconciliation.work("replay"))
        for _ in range(_MOST_ROUNDS):
            worked = [self._work(line, now) for line in Line]
            if not any(worked):
                return
        raise BookError(f"work at {now:%Y-%m-%d %H:%M} UTC does not end")

    def _work(self, line: Line, now: datetime) -> bool:
        """Works through what is due, and through hints of what an outcome brought; says whether there was any."""
        due = list(self.book.agenda(line, _SHARD, now, _AT_MOST).keys)
        while hints := self._queue.receive(line):
            due += hints.keys
        if line is Line.CONTACT and self._zoneless:
            due = [key for key in due if not self._is_left_out(key)]
        if due:
            self._add(self._workers[line](due, "replay"))
        return bool(due)

    def _is_left_out(self, borrower_id: str) -> bool:
        if borrower_id not in self._zoneless:
            return False
        file = self.book.borrower_file(borrower_id)
        if file and file.card.step is not None:
            self.book.commit([SaveCard(replace(file.card, step=None, rev=file.card.rev + 1))])
        return True

    def _add(self, summary: Summary) -> None:
        self.total.counts += summary.counts
        self.total.failures += summary.failures
