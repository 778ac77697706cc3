"""One seed from the first day to the last: events in virtual time, workers alone or in races, and checks in between."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

from shared.adapters.memory.world import FixedClock
from shared.domain.bank_file import BankRows
from shared.domain.book import EntryKind, LedgerEntry, Line
from shared.domain.calendar import at_local
from shared.domain.changes import Change
from shared.domain.errors import StoreError
from shared.domain.messages import Fill
from shared.domain.repayment import GATEWAY, GatewayReport
from shared.invariants import checks
from shared.invariants.terms import Breach, Terms
from shared.ports.messages import Receipt
from shared.simulation.actors import Baton, Job
from shared.simulation.agendas import FAR, earliest_open, earliest_step, never_arrived, standing_still
from shared.simulation.boundaries import MOST_APART, Boundary
from shared.simulation.eras import Era
from shared.simulation.faults import CrashError, Fault, Place, Plan, Tally
from shared.simulation.gateway import GatewayModel, Manners
from shared.simulation.lender import BUSINESS_ZONE, Lender, Unexpected
from shared.simulation.life import Life
from shared.simulation.liveness import QuietDays
from shared.simulation.news import News
from shared.simulation.people import People
from shared.simulation.portfolio import START, draw_book, draw_young_loans
from shared.simulation.provider import Carriers, OnTheWire
from shared.simulation.snapshot import snapshot_of
from shared.simulation.story import Step
from shared.simulation.wire import Request
from shared.simulation.witness import Witness, request_row

PLANNED_EVERY = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=1), timedelta(hours=3))
"""How often a seed's planner runs: every quarter of an hour as it is deployed, or more rarely, as if it were late."""
RECONCILED_EVERY = timedelta(minutes=10)
WORKER_LIFE = timedelta(seconds=150)
"""How long a function's invocation lives at most: what takes longer is killed, so that nobody outlives a lease."""
STALLS = tuple(timedelta(seconds=seconds) for seconds in (20, 90, 140))
"""For how long a worker is held up, and goes on: past the time within which a claim may be acted on."""
MISSED_FOR = tuple(timedelta(hours=hours) for hours in (20, 40, 80, 110))
"""For how long a schedule does not fire: within and past the days on which a debit may catch up."""
CHECKED_EVERY = 7
"""Days between two checks of all rows; less would cost a run more than a tenth of its time."""
QUIET = timedelta(days=8)
"""The end of every seed, without new faults: what is open by then must come to rest."""
GROWS_EVERY = timedelta(hours=5)
"""How often a later deploy writes to what was claimed since."""
YOUNG = timedelta(days=10)
"""How long before the quiet days the last loans are taken on."""
UNRESOLVED = timedelta(days=1) + max(MISSED_FOR)
"""How long a debit may be without an answer before it stands in front of a person: a day and the longest silence of the
schedule, which is not missed for days again before that."""

RESOLVED = timedelta(days=2)
"""The same in the quiet days, in which no schedule is missed: a day, and the longest wait between two enquiries."""
TOLD_WITHIN = timedelta(days=5)
"""After a charge, once no news is lost any more: the bank's file is the last to tell of it, after four days."""
AT_REST = ("lines-move", "stages-arrive", "debits-arrive", "notices-arrive", "news-arrives")
"""What is asked for at the end alone, once nothing fails."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is simulated. `products` and `rails` are names of packs."""

    products: Sequence[str]
    rails: Sequence[str]
    loans: int = 50
    days: int = 120
    checked_every: int = CHECKED_EVERY
    only: frozenset[Place] | None = None  # the places at which a fault is drawn, and at no other; None: everywhere


@dataclass(slots=True)
class Verdict:
    """What became of a seed."""

    seed: int
    breaches: list[Breach] = field(default_factory=list)
    at: datetime | None = None
    story: list[Step] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    counts: Counter[str] = field(default_factory=Counter)
    drawn: list[Place] = field(default_factory=list)
    charged_minor: int = 0  # what came in through the gateway
    returned_minor: int = 0  # what left again: refunds, returns, disputes
    transferred_minor: int = 0  # what came in otherwise
    charges: int = 0
    messages: int = 0
    lived: timedelta = timedelta()


class Simulation:
    """One lender, one gateway, its providers, one seed."""

    def __init__(self, seed: int, options: Options, era: Era, fill: Fill, baton: Baton) -> None:
        self.verdict = Verdict(seed)
        self.chance = Random(f"events {seed}")
        self.clock = FixedClock(at_local(START, time(0), BUSINESS_ZONE))
        self.plan = Plan(seed, self.verdict.tally, options.only)
        self.boundary = Boundary(baton, self.plan, self.clock)
        self.model = GatewayModel(
            Manners.drawn(self.chance),
            Random(f"gateway {seed}"),
            self.clock.now,
            self._at_the_gateway,
            self._report,
        )
        self.carriers = Carriers(
            self.boundary,
            Random(f"carriers {seed}"),
            self._receipt,
            self._sent,
            knows_our_key=self.chance.random() < 0.5,
        )
        self.lender = Lender(
            self.model,
            self.boundary,
            Random(f"ports {seed}"),
            era.shelf,
            self._saw,
            self._presented,
            self._rows_come,
            self.carriers,
            fill,
        )
        self.witness = Witness(self.lender.store, self.lender.board, self.clock, era.rules, BUSINESS_ZONE)
        self.people = People(self.lender, self.model, Random(f"people {seed}"))
        self.news = News(self.lender, self.plan, self.chance, baton, self._after, self._invoke)
        holdings = draw_book(
            Random(f"book {seed}"), options.loans, options.products, options.rails, self.model.accounts
        )
        self.life = Life(
            self.lender,
            self.people,
            self.news,
            self.plan,
            self.chance,
            holdings,
            options.products,
            options.rails,
            self._after,
            self._invoke,
        )
        self._options = options
        self._era = era
        self._baton = baton
        self._numbers = count()
        self._gateway_events: list[tuple[datetime, int, str, Callable[[], None]]] = []
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._is_at_rest = False
        self._planned_at = self.clock.at
        self._planned_every = self.chance.choice(PLANNED_EVERY)
        self._reconciled_at = self.clock.at
        self._missed_at = self.clock.at - UNRESOLVED
        self._race_ends = self.clock.at

    # what the models hand on; news and witness are made after them

    def _report(self, report: GatewayReport) -> None:
        self.news.report(report)

    def _receipt(self, receipt: Receipt, wait: timedelta) -> None:
        self.news.receipt(receipt, wait)

    def _rows_come(self, rows: BankRows, wait: timedelta) -> None:
        self.news.rows_come(rows, wait)

    def _sent(self, on_wire: OnTheWire) -> None:
        self.witness.sent(on_wire)

    def _saw(self, changes: Sequence[Change]) -> None:
        self.witness.saw(changes)

    def _presented(self, request: Request) -> None:
        self.witness.presented(request)

    # time

    def run(self) -> Verdict:
        """Lives through all days, then lets everything come to rest without new faults. Stops at the first breach."""
        began = self.clock.at
        self.lender.take_on(self.life.holdings)
        ends = began + timedelta(days=self._options.days)
        for number in range(self._options.days + QUIET.days):
            self.life.day(timedelta(days=number), is_last=number >= self._options.days)
        self._after(timedelta(days=self.chance.randint(1, self._options.days)), self._deploy)
        self._after(max(timedelta(0), ends - YOUNG - began), lambda: self._take_on_more(ends))
        self.plan.armed = True
        self._live(ends, self._options.checked_every)
        if not self.verdict.breaches:
            self.plan.armed = False
            self._is_at_rest = True
            self._planned_every = PLANNED_EVERY[0]  # as often as deployed, lest it always pass a narrow window by
            self._planned_at = min(self._planned_at, self.clock.at)  # a schedule that was missing is back
            self._reconciled_at = min(self._reconciled_at, self.clock.at)
            rest = self.clock.at
            self._live(rest + QUIET, int(QUIET.days))
            self._judge_quiet_days(rest)
        self.verdict.story = self.boundary.story
        self.verdict.counts = self.lender.counts
        self.verdict.drawn = self.plan.drawn
        self.verdict.charges = len(self.model.charges)
        moved = [c.amount.minor for c in self.model.charges]
        self.verdict.charged_minor = sum(minor for minor in moved if minor > 0)
        self.verdict.returned_minor = -sum(minor for minor in moved if minor < 0)
        entries = [entry for entry in self.lender.store.scan(LedgerEntry) if isinstance(entry, LedgerEntry)]
        arrived = (e.amount.minor for e in entries if e.kind is EntryKind.PAYMENT and e.source != GATEWAY)
        self.verdict.transferred_minor = sum(minor for minor in arrived if minor > 0)
        self.verdict.messages = len(self.carriers.wire)
        self.verdict.lived = self.clock.at - began
        return self.verdict

    def _take_on_more(self, rest: datetime) -> None:
        """Loans that fall due in the quiet days, after some days among the others, most of them with nothing amiss."""
        due_from = (rest + timedelta(days=1)).astimezone(ZoneInfo(BUSINESS_ZONE)).date()
        chance, options = Random(f"young loans {self.verdict.seed}"), self._options
        young = draw_young_loans(chance, 8, due_from, options.products, options.rails, self.model.accounts)
        self.lender.take_on(young)
        self.life.holdings = (*self.life.holdings, *young)

    def _live(self, ends: datetime, checked_every: int) -> None:
        checked_at = self.clock.at + timedelta(days=checked_every)
        while not self.verdict.breaches:
            at = self._next()
            if self.lender.unexpected or self.witness.breaches:
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
        due = earliest_step(self.lender.store)
        return max(due, self._planned_at + self._planned_every) if due else FAR

    def _next_reconciliation(self) -> datetime:
        due = earliest_open(self.lender.store)
        return max(due, self._reconciled_at + RECONCILED_EVERY) if due else FAR

    def _after(self, wait: timedelta, act: Callable[[], None]) -> None:
        heappush(self._events, (self.clock.at + wait, next(self._numbers), act))

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
            self._reconciled_at = self._fired("fire reconciliation", self.lender.reconcile)
        if self._next_plan() <= self.clock.at:
            self._planned_at = self._fired("fire planner", self.lender.plan)
        self._drain()

    def _fired(self, name: str, job: Callable[[], Job]) -> datetime:
        """A schedule's turn: late, missed for days, or twice at once. Gives from when the next one waits."""
        fault = self.plan.draw(name)
        if fault is Fault.LOST_FOR_DAYS and self.clock.at > self._missed_at + UNRESOLVED:
            self._missed_at = self.clock.at
            return self.clock.at + self.chance.choice(MISSED_FOR)
        if fault is Fault.LOST_FOR_DAYS:
            self.plan.spared(name, fault)
        if fault is Fault.DELAYED:
            return self.clock.at + timedelta(minutes=self.chance.randint(1, 60))
        self._invoke(job(), [job()] if fault is Fault.FIRED_TWICE else ())
        return self.clock.at

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
            wait = timedelta(seconds=self.chance.randint(0, 30 if fault is Fault.REORDERED else 30_000))
            self._after(wait, lambda: self._invoke(self.lender.work(line, hints), self.life.rivals(line, hints)))
        if fault not in (Fault.DELAYED, Fault.REORDERED):
            self._invoke(self.lender.work(line, hints), self.life.rivals(line, hints))

    def _invoke(self, job: Job, rivals: Sequence[Job] = ()) -> None:
        """Runs a job, alone or against others; one that died is perhaps delivered again."""
        ended: list[tuple[Job, BaseException | None]] = []
        if rivals:
            self._race_ends = self.clock.at + WORKER_LIFE
            ended += self._baton.race([job, *rivals], self.chance, self._between)
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
                self._after(wait, lambda one=one: self._invoke(one))  # type: ignore[misc]

    def _between(self) -> tuple[list[Job], bool]:
        """Between two turns of a race: time passes, mostly little of it; reports come in; the gateway moves."""
        roll, call = self.chance.random(), "a turn of a race"
        fault = self.plan.draw(call)
        if fault is Fault.FROZEN:
            self.clock.advance(self.chance.choice((WORKER_LIFE, timedelta(minutes=7), timedelta(hours=7))))
        elif fault is Fault.STALLED:
            stall = self.chance.choice(STALLS)
            if self.clock.at + stall < self._race_ends:
                self.clock.advance(stall)
            else:
                self.plan.spared(call, fault)
        elif roll < 0.04:
            self.clock.advance(timedelta(seconds=1 if roll < 0.03 else 6))
        self._gateway_moves()
        report = self.news.fresh() if self.chance.random() < 0.3 else None
        return [report] if report else [], self.clock.at >= self._race_ends

    def _deploy(self) -> None:
        self.lender.store.grow(self.chance, self.chance.choice((0.0, 0.3, 1.0)))
        self._after(GROWS_EVERY, self._grow_on)

    def _grow_on(self) -> None:
        self.lender.store.grow_on()
        self._after(GROWS_EVERY, self._grow_on)

    # checks

    def _judge_quiet_days(self, since: datetime) -> None:
        """Liveness, where nothing else is wrong."""
        if self.verdict.breaches:
            return
        days = QuietDays(self.lender.store, self._era.rules, self.lender.board.read(), since, self.clock.at)
        for work in days.work():
            self.lender.counts[work.kind] += 1
            if work.breach:
                self.verdict.breaches.append(work.breach)
                self.verdict.at = self.clock.at

    def _never_told(self) -> Iterator[Breach]:
        """Charges of whose news none arrived: without it nobody has shown that their money is booked."""
        for charge in self.model.charges:
            if charge.name in self.news.untold and charge.at < self.clock.at - TOLD_WITHIN:
                yield Breach("news-arrives", charge.key, "the news of its charge never came")

    def _check(self) -> None:
        found = [
            Breach("unexpected-error", error.job, error.error.strip().splitlines()[-1])
            for error in self.lender.unexpected
        ]
        found += self.witness.breaches
        if self._is_at_rest:
            found += standing_still(self.lender.store, self.clock.at)
            found += never_arrived(self.lender.store, self._era.rules, self.clock.at)
            found += self._never_told()
        shrunk = self.lender.store.shrunk()
        found += [Breach("fields-survive", row, "lost the field of a later deploy") for row in shrunk]
        found += [Breach("requests-were-claimed", key, "asked for anew, and otherwise") for key in self.model.reused]
        limit = RESOLVED if self._is_at_rest else UNRESOLVED
        terms = Terms(self.clock.at, self._era.rules, limit, timedelta(seconds=2 * MOST_APART))
        requests = map(request_row, self.lender.gateway.requests)
        book = snapshot_of(self.lender.store, self.model.charges, self.witness.claims, requests, self.news.untold)
        found += checks.run(book, terms).breaches
        if found:
            self.verdict.breaches = found
            self.verdict.at = self.clock.at
