"""One seed from the first day to the last: events in virtual time, workers alone or in races, and checks in between."""

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random

from shared.adapters.memory.world import FixedClock
from shared.domain import keys
from shared.domain.bank_file import BankFileNews, BankRows
from shared.domain.book import Attempt, AttemptState, Line, Outcome
from shared.domain.calendar import at_local, zone
from shared.domain.changes import Change, Insert, TakeSeq
from shared.domain.errors import StoreError
from shared.domain.mandates import Purpose
from shared.domain.money import Money
from shared.domain.operations import Verb
from shared.domain.repayment import Channel, GatewayReport, TakenBack, arrived
from shared.invariants import checks
from shared.invariants.rows import ClaimRow, RequestRow
from shared.invariants.rules import RuleBook
from shared.invariants.terms import Breach, Terms
from shared.ports.world import PolicyShelf
from shared.simulation.actors import Baton, Job
from shared.simulation.bank import Line as BankLine
from shared.simulation.boundaries import Boundary, Request, Step
from shared.simulation.faults import CrashError, Fault, Plan, Tally
from shared.simulation.gateway import GatewayModel, Manners
from shared.simulation.lender import BUSINESS_ZONE, Lender, Unexpected
from shared.simulation.people import People
from shared.simulation.portfolio import START, draw_book
from shared.simulation.snapshot import snapshot_of

PLANNED_EVERY = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=1), timedelta(hours=3))
"""How often a seed's planner runs: every quarter of an hour as it is deployed, or more rarely, as if it were late."""
RECONCILED_EVERY = timedelta(minutes=10)
LEASE = timedelta(minutes=5)
WORKER_LIFE = timedelta(seconds=150)
"""How long a function's invocation lives at most: what takes longer is killed."""
QUIET = timedelta(days=8)
"""The end of every seed, without new faults: what is open by then must come to rest."""
UNRESOLVED = timedelta(days=3)
"""How long a debit may be without an answer before it stands in front of a person."""

_FAR = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Options:
    """What is simulated. `products` and `rails` are names of packs."""

    products: Sequence[str]
    rails: Sequence[str]
    loans: int = 50
    days: int = 120
    checked_every: int = 30  # days
    but: frozenset[str] = frozenset()  # calls at which no fault is drawn


@dataclass(slots=True)
class Verdict:
    """What became of a seed."""

    seed: int
    breaches: list[Breach] = field(default_factory=list)
    at: datetime | None = None
    story: list[Step] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    counts: Counter[str] = field(default_factory=Counter)
    charged_minor: int = 0
    charges: int = 0


class Simulation:
    """One lender, one gateway, one seed."""

    def __init__(self, seed: int, options: Options, shelf: PolicyShelf, rules: RuleBook, baton: Baton) -> None:
        self.verdict = Verdict(seed)
        self.chance = Random(f"events {seed}")
        self.clock = FixedClock(at_local(START, time(0), BUSINESS_ZONE))
        self.plan = Plan(seed, self.verdict.tally, options.but)
        self.boundary = Boundary(baton, self.plan, self.clock)
        self.model = GatewayModel(
            Manners.drawn(self.chance),
            Random(f"gateway {seed}"),
            self.clock.now,
            self._at_the_gateway,
            self._on_its_way,
        )
        self.lender = Lender(self.model, self.boundary, Random(f"ports {seed}"), shelf, self._saw, self._rows_come)
        self.people = People(self.lender, self.model, Random(f"people {seed}"))
        self._options = options
        self._rules = rules
        self._baton = baton
        self._numbers = count()
        self._gateway_events: list[tuple[datetime, int, str, Callable[[], None]]] = []
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._fresh_reports: list[GatewayReport] = []
        self._lines: list[tuple[BankLine, tuple[str, str] | None]] = []
        self._told_by: dict[str, dict[int, tuple[str, str]]] = {}
        self._claims: list[ClaimRow] = []
        self._is_at_rest = False
        self._untold: set[tuple[str, str]] = set()
        self._planned_at = self.clock.at
        self._planned_every = self.chance.choice(PLANNED_EVERY)
        self._reconciled_at = self.clock.at
        self._holdings = draw_book(
            Random(f"book {seed}"), options.loans, options.products, options.rails, self.model.accounts
        )

    # time

    def run(self) -> Verdict:
        """Lives through all days, then lets everything come to rest without new faults. Stops at the first breach."""
        self.lender.take_on(self._holdings)
        ends = self.clock.at + timedelta(days=self._options.days)
        self._schedule_life(ends)
        self.plan.armed = True
        self._live(ends, self._options.checked_every)
        if not self.verdict.breaches:
            self.plan.armed = False
            self._is_at_rest = True
            self._live(self.clock.at + QUIET, int(QUIET.days))
        self.verdict.story = self.boundary.story
        self.verdict.counts = self.lender.counts
        self.verdict.charges = len(self.model.charges)
        self.verdict.charged_minor = sum(c.amount.minor for c in self.model.charges)
        return self.verdict

    def _live(self, ends: datetime, checked_every: int) -> None:
        checked_at = self.clock.at + timedelta(days=checked_every)
        while not self.verdict.breaches:
            at = self._next()
            if self.lender.unexpected:
                self._check()
                return
            if at >= min(checked_at, ends):
                self.clock.set(max(self.clock.at, min(checked_at, ends)))
                self._check()
                if checked_at >= ends:
                    return
                checked_at = min(ends, checked_at + timedelta(days=checked_every))
                continue
            self.clock.set(max(self.clock.at, at))
            self._pass()

    def _next(self) -> datetime:
        """When anything happens next."""
        events = [heap[0][0] for heap in (self._gateway_events, self._events) if heap]
        return min([*events, self._next_plan(), self._next_reconciliation()])

    def _next_plan(self) -> datetime:
        due = self._earliest_step()
        return max(due, self._planned_at + self._planned_every) if due else _FAR

    def _next_reconciliation(self) -> datetime:
        due = self._earliest_open()
        return max(due, self._reconciled_at + RECONCILED_EVERY) if due else _FAR

    def _earliest_step(self) -> datetime | None:
        store = self.lender.store
        found: list[datetime] = []
        for number in range(store.shards()):
            for line in Line:
                for key in store.agenda(line, keys.shard_name(number), None, 1).keys:
                    step = self._step_of(line, key)
                    if step:
                        found.append(step)
        return min(found, default=None)

    def _step_of(self, line: Line, key: str) -> datetime | None:
        store = self.lender.store
        if line is Line.CONTACT:
            card = store.borrower_file(key)
            return card.card.step if card else None
        loan_id, number = (key, 0) if line is Line.STAGE else keys.parse_debit_key(key)
        file = store.loan_file(loan_id)
        if file is None:
            return None
        if line is Line.STAGE:
            return file.loan.step
        row = file.instalment(number)
        return row.step if row else None

    def _earliest_open(self) -> datetime | None:
        store, found = self.lender.store, []
        for number in range(store.shards()):
            for key in store.open_attempts(keys.shard_name(number), _FAR, 1).keys:
                attempt = store.attempt(*keys.parse_intent_key(key))
                if attempt:
                    found.append(attempt.enquire_at or attempt.claimed_at + LEASE)
            for key in store.open_notices(keys.shard_name(number), _FAR, 1).keys:
                notice = store.notice(*keys.parse_notice_hint(key))
                if notice:
                    found.append(notice.claimed_at + LEASE)
        return min(found, default=None)

    def _later(self, at: datetime, act: Callable[[], None]) -> None:
        heappush(self._events, (at, next(self._numbers), act))

    def _at_the_gateway(self, at: datetime, name: str, act: Callable[[], None]) -> None:
        heappush(self._gateway_events, (at, next(self._numbers), name, act))

    def _gateway_moves(self) -> None:
        """What happened at the gateway by now."""
        while self._gateway_events and self._gateway_events[0][0] <= self.clock.at:
            _, _, name, act = heappop(self._gateway_events)
            self.boundary.story.append(Step(self.clock.at, "gateway", name, None))
            act()

    # what happens

    def _pass(self) -> None:
        self._gateway_moves()
        while self._events and self._events[0][0] <= self.clock.at:
            heappop(self._events)[2]()
        if self._next_reconciliation() <= self.clock.at:
            self._reconciled_at = self.clock.at
            self._invoke(self.lender.reconcile())
        if self._next_plan() <= self.clock.at:
            self._planned_at = self._late(self.clock.at)
            self._invoke(self.lender.plan())
        self._drain()

    def _late(self, at: datetime) -> datetime:
        """A scheduler that now and then is late, or silent for a day."""
        lateness = self.chance.random()
        if not self.plan.armed or lateness < 0.9:
            return at
        return at + timedelta(minutes=self.chance.randint(1, 60) if lateness < 0.998 else self.chance.randint(60, 1500))

    def _drain(self) -> None:
        lines = list(Line)
        while any(self.lender.hints.depth(line) for line in lines):
            line = self.chance.choice([line for line in lines if self.lender.hints.depth(line)])
            hints = self.lender.hints.receive(line)
            if hints:
                self._deliver_hints(line, hints.keys)

    def _deliver_hints(self, line: Line, hints: Sequence[str]) -> None:
        fault = self.plan.draw("deliver hints")
        if fault is Fault.LOST:
            return
        if fault in (Fault.DOUBLED, Fault.DELAYED, Fault.REORDERED):
            longest = 30 if fault is Fault.REORDERED else 30_000
            at = self.clock.at + timedelta(seconds=self.chance.randint(0, longest))
            self._later(at, lambda: self._invoke(self.lender.work(line, hints), self._rivals(line, hints)))
        if fault not in (Fault.DELAYED, Fault.REORDERED):
            self._invoke(self.lender.work(line, hints), self._rivals(line, hints))

    def _invoke(self, job: Job, rivals: Sequence[Job] = ()) -> None:
        """Runs a job, alone or against others; one that died is perhaps delivered again."""
        ended: list[tuple[Job, BaseException | None]] = []
        if rivals:
            race = self._baton.race([job, *rivals], self.chance, self._between)
            ended = [(one, error) for one, error, _ in race]
        else:
            ended.append((job, self._baton.straight(job)))
        for one, error in ended:
            if error is None:
                continue
            if not isinstance(error, CrashError | StoreError):
                told = "".join(traceback.format_exception(error))
                self.lender.unexpected.append(Unexpected(self.clock.at, one.name, told))
                continue
            if one.must_arrive or (self.plan.armed and self.chance.random() < 0.5):
                wait = timedelta(minutes=self.chance.choice((0, 1, 15)))
                self._later(self.clock.at + wait, lambda one=one: self._invoke(one))  # type: ignore[misc]

    def _between(self) -> tuple[list[Job], bool]:
        """Between two turns of a race: time passes, mostly little of it; reports come in; the gateway moves."""
        roll, killed = self.chance.random(), False
        if roll < 0.03:
            self.clock.advance(timedelta(seconds=1))
        elif roll < 0.04:
            self.clock.advance(timedelta(seconds=6))
        elif roll < 0.045 and self.plan.armed:
            self.clock.advance(self.chance.choice((WORKER_LIFE, timedelta(minutes=7), timedelta(hours=7))))
            killed = True
        self._gateway_moves()
        joining: list[Job] = []
        if self._fresh_reports and self.chance.random() < 0.3:
            joining.append(self._webhook(self._fresh_reports.pop()))
        return joining, killed

    def _rivals(self, line: Line, hints: Sequence[str]) -> list[Job]:
        """Who else is at work at this very moment, mostly on the same loans."""
        odds = {Line.DEBIT: 0.35, Line.STAGE: 0.04, Line.CONTACT: 0.03}[line]
        if not self.plan.armed or self.chance.random() > odds:
            return []
        found = [self.lender.work(line, self.chance.sample(hints, len(hints)))]
        if line is Line.DEBIT:
            loan_id, _ = keys.parse_debit_key(self.chance.choice(hints))
            others = self.chance.sample(
                (
                    self.lender.reconcile,
                    lambda: self._by_hand(loan_id),
                    lambda: self.lender.work(Line.STAGE, [loan_id]),
                    lambda: self.lender.work(line, hints),
                    lambda: self.people.pays_now(loan_id),
                    lambda: self.people.pays_now(loan_id),
                    lambda: self.people.changes_mandate_by_hand(loan_id),
                    lambda: self.people.changes_mandate_by_hand(loan_id),
                    lambda: self._operation(loan_id),
                    self._switch_off,
                ),
                self.chance.choice((0, 1, 1, 2)),
            )
            found += [other() for other in others]
        return found

    # money that comes by itself

    def _on_its_way(self, report: GatewayReport) -> None:
        """A report leaves the gateway: soon, late, twice, or never; a bank file tells of some of them days later."""
        if report.outcome is Outcome.PAID:
            self._untold.add((report.key, report.gateway_ref or ""))
        fault = self.plan.draw("deliver webhook")
        wait = timedelta(seconds=self.chance.choice((0, 0, 2, 60, 900)))
        if fault is Fault.DELAYED:
            wait = timedelta(hours=self.chance.choice((3, 30, 80)))
        if fault is Fault.REORDERED:
            wait = timedelta(seconds=self.chance.randint(0, 7200))
        if fault is not Fault.LOST:
            if not wait and self._baton.racing:
                self._fresh_reports.append(report)
            self._later(self.clock.at + wait, lambda: self._deliver(report))
        if fault is Fault.DOUBLED:
            again = timedelta(seconds=self.chance.choice((0, 1, 3600)))
            self._later(self.clock.at + wait + again, lambda: self._deliver(report))
        if report.outcome is Outcome.PAID and (fault is Fault.LOST or self.chance.random() < 0.3):
            days = timedelta(days=self.chance.randint(1, 4))
            line = BankLine(report.key, self._as_the_bank_sees(report))
            self._later(
                self.clock.at + days, lambda: self._lines.append((line, (report.key, report.gateway_ref or "")))
            )

    def _as_the_bank_sees(self, report: GatewayReport) -> Money:
        """A refund's money leaves the lender's account."""
        attempt = self.lender.store.attempt(*keys.parse_intent_key(report.key))
        is_refund = attempt is not None and attempt.refunds is not None
        return Money(-report.amount.minor, report.amount.currency) if is_refund else report.amount

    def _webhook(self, report: GatewayReport) -> Job:
        return self.lender.book_money(f"webhook {report.key}", [report], lambda: self._told([report]))

    def _told(self, reports: Sequence[GatewayReport]) -> None:
        self._untold -= {(r.key, r.gateway_ref or "") for r in reports if r.outcome is Outcome.PAID}

    def _deliver(self, report: GatewayReport) -> None:
        rivals: list[Job] = []
        if self.plan.armed and self.chance.random() < 0.15:
            loan_id, _ = keys.parse_intent_key(report.key)
            rivals = self.chance.sample(
                (self._webhook(report), self.lender.reconcile(), self.lender.work(Line.STAGE, [loan_id])),
                self.chance.choice((1, 2)),
            )
        self._invoke(self._webhook(report), rivals)

    def _bank_file(self) -> None:
        """The day's file: late news of charges and transfers that were told of before, or not."""
        if not self._lines:
            return
        name = self.lender.files.write(self.clock.at.date(), [line for line, _ in self._lines])
        self._told_by[name] = {row: news for row, (_, news) in enumerate(self._lines, 2) if news}
        self._lines = []
        fault = self.plan.draw("deliver bank file")
        wait = timedelta(hours=20) if fault is Fault.DELAYED else timedelta(0)
        for _ in range(2 if fault is Fault.DOUBLED else 1):
            self._later(self.clock.at + wait, lambda: self._invoke(self.lender.take_in(BankFileNews((name,)))))

    def _rows_come(self, rows: BankRows, wait: timedelta) -> None:
        news = {told for row in rows.rows if (told := self._told_by.get(rows.name, {}).get(row.line))}

        def done() -> None:
            self._untold -= news

        self._later(self.clock.at + wait, lambda: self._invoke(self.lender.take_in(rows, done)))

    def _by_hand(self, loan_id: str) -> Job:
        """A transfer for a loan: a part, the very amount, or too much."""
        file = self.lender.store.loan_file(loan_id)
        owed = [i.outstanding_minor for i in file.unpaid] if file else []
        minor = self.chance.choice((500, owed[0] if owed else 100, sum(owed) or 100, sum(owed) + 7_000))
        reference = f"t-{next(self._numbers)}"
        money = arrived(reference, loan_id, Money(minor, "CNY"), self.clock.at.date())
        if self.chance.random() < 0.3:  # the file tells of it too
            line = BankLine(reference, Money(minor, "CNY"), loan_id)
            self._later(
                self.clock.at + timedelta(days=self.chance.randint(0, 3)), lambda: self._lines.append((line, None))
            )
        return self.lender.book_money(f"transfer {loan_id}", [money])

    def _operation(self, loan_id: str) -> Job:
        """An operator at work on one of the loan's attempts."""
        attempts = self.lender.store.attempts(loan_id)
        if not attempts:
            return self.lender.reconcile()
        attempt = self.chance.choice(attempts)
        verb = self.chance.choice((Verb.RECHECK, Verb.RECHARGE, Verb.RECHARGE, Verb.REFUND))
        return self.people.operates(verb, attempt)

    def _switch_off(self) -> Job:
        """Something is switched off, and on again some hours later."""
        name = self.people.switch_names(self._options.rails, self._options.products)
        on_again = self.clock.at + timedelta(minutes=self.chance.choice((1, 45, 600)))
        self._later(on_again, lambda: self._invoke(self.people.turns_switch(name, on=True)))
        return self.people.turns_switch(name, on=False)

    def _somebody(self) -> None:
        """A borrower, an operator or a bank does something."""
        loan_id = self.chance.choice(self._holdings).loan.loan_id
        job = self.chance.choice(
            (
                lambda: self._by_hand(loan_id),
                lambda: self._by_hand(loan_id),
                lambda: self.people.pays_now(loan_id),
                lambda: self.people.pays_now(loan_id),
                lambda: self.people.changes_mandate_by_hand(loan_id),
                lambda: self.people.changes_mandate_by_hand(loan_id),
                lambda: self._operation(loan_id),
                self._switch_off,
            )
        )()
        rivals: list[Job] = []
        if self.plan.armed and self.chance.random() < 0.3:
            rivals = [self.people.pays_now(loan_id), self.lender.reconcile()]
            file = self.lender.store.loan_file(loan_id)
            if file and file.unpaid:
                hint = keys.debit_key(loan_id, file.unpaid[0].number)
                rivals.append(self.lender.work(Line.DEBIT, [hint]))
        self._invoke(job, rivals)

    def _change_mandate(self) -> None:
        """A borrower turns deduction off or on, perhaps while it is at work."""
        loan = self.chance.choice(self._holdings).loan.loan_id
        job = self.people.changes_mandate(loan, self.chance.choice((Purpose.CANCEL, Purpose.ENABLE)))
        rivals = [self.people.pays_now(loan)] if self.plan.armed and self.chance.random() < 0.5 else []
        self._invoke(job, rivals)

    def _told_of_taking(self, back: TakenBack) -> None:
        name = back.reference, self.model.charges[-1].ref
        if back.channel is Channel.FILE:
            line = BankLine(back.reference, Money(-back.amount.minor, back.amount.currency))
            days = timedelta(days=self.chance.randint(0, 2))
            self._later(self.clock.at + days, lambda: self._lines.append((line, None)))
            return
        self._untold.add(name)
        wait = timedelta(minutes=self.chance.choice((0, 1, 600)))
        times = 2 if self.chance.random() < 0.2 else 1
        for _ in range(times):
            job = self.lender.book_money(f"taken back {back.reference}", [back], lambda: self._untold.discard(name))
            self._later(self.clock.at + wait, lambda job=job: self._invoke(job))  # type: ignore[misc]

    def _review(self) -> None:
        for job in self.people.reviews():
            self._invoke(job)

    def _schedule_life(self, ends: datetime) -> None:
        """What people do, day by day."""
        at = self.clock.at
        while at < ends + QUIET:
            self._later(at + timedelta(hours=10), self._bank_file)
            self._later(at + timedelta(hours=11), self._review)
            if at < ends:
                for _ in range(self.chance.choice((0, 1, 1, 2))):
                    self._later(at + timedelta(minutes=self.chance.randint(0, 1439)), self._somebody)
                if self.chance.random() < 0.06:  # few: hashing the codes takes longer than all the rest of a day
                    moment = at + timedelta(minutes=self.chance.randint(0, 1439))
                    self._later(moment, self._change_mandate)
                if self.chance.random() < 0.08:
                    moment = at + timedelta(minutes=self.chance.randint(0, 1439))
                    self._later(moment, lambda: self.people.takes_back(self._told_of_taking))
            at += timedelta(days=1)

    # checks

    def _saw(self, changes: Sequence[Change]) -> None:
        """Every commit at the moment at which it was made: of a claim, what stood in the book."""
        if not any(isinstance(change, TakeSeq) for change in changes):
            return
        for change in changes:
            if isinstance(change, Insert) and isinstance(change.row, Attempt) and change.row.refunds is None:
                self._claims.append(self._claim_row(change.row))

    def _claim_row(self, attempt: Attempt) -> ClaimRow:
        store = self.lender.store
        file = store.loan_file(attempt.loan_id)
        held = [i for i in file.instalments if i.number in attempt.numbers] if file else []
        mandate = next((m for m in file.mandates if m.mandate_id == attempt.mandate_id), None) if file else None
        today = self.clock.at.astimezone(zone(BUSINESS_ZONE)).date()
        others = [
            keys.intent_key(a.loan_id, a.seq)
            for a in store.attempts(attempt.loan_id)
            if a.seq != attempt.seq
            and a.refunds is None
            and a.state is not AttemptState.SETTLED
            and set(a.numbers) & set(attempt.numbers)
        ]
        return ClaimRow(
            key=keys.intent_key(attempt.loan_id, attempt.seq),
            at=self.clock.at,
            outstanding_minor=sum(i.outstanding_minor for i in held),
            open_others=tuple(others),
            mandate_status=mandate.status if mandate else None,
            mandate_expired=bool(mandate and mandate.expires_on and mandate.expires_on < today),
        )

    def _request_row(self, request: Request) -> RequestRow:
        is_open = request.claimed is not None and request.claimed.state is not AttemptState.SETTLED
        presented = request.claimed.presented if is_open and request.claimed else None
        return RequestRow(request.key, request.parameters, request.at, presented)

    def _standing_still(self) -> list[Breach]:
        """Rows that have been due for a day, though everything ran: nothing that is decided about them ever holds."""
        store, found = self.lender.store, []
        for line in Line:
            for number in range(store.shards()):
                page = store.agenda(line, keys.shard_name(number), self.clock.at - timedelta(days=1), 10)
                found += [Breach("lines-move", key, f"due for a day on the {line} line") for key in page.keys]
        return found

    def _check(self) -> None:
        found = [
            Breach("unexpected-error", error.job, error.error.strip().splitlines()[-1])
            for error in self.lender.unexpected
        ]
        terms = Terms(self.clock.at, self._rules, UNRESOLVED)
        requests = map(self._request_row, self.lender.gateway.requests)
        if self._is_at_rest:
            found += self._standing_still()
        book = snapshot_of(self.lender.store, self.model.charges, self._claims, requests, self._untold)
        found += checks.run(book, terms).breaches
        if found:
            self.verdict.breaches = found
            self.verdict.at = self.clock.at
