"""Lives through the days: at each slot sets the instant, lets borrowers act, has the stack work, and waits.

The world is driven from outside through the few calls of `World`; `demo.stack` makes them on a deployed stack.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Protocol

from demo.borrowers import Credit, Debt, Habit, Heard, Pay, Seen
from demo.records import R, Records, parse_tier_key
from shared.domain.book import (
    Attempt,
    Borrower,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    Mandate,
    NoticeRecord,
    NoticeState,
)
from shared.domain.calendar import at_local
from shared.domain.tiers import NoticeKind

BUSINESS_ZONE = "Asia/Shanghai"
SLOTS = (time(8), time(12), time(20))
"""When the driver lets the stack work each day: the deduction slots of the lender's policy."""


class World(Protocol):
    """A deployed stack and what stands around it, as the driver needs them."""

    def set_clock(self, now: datetime) -> None:
        """Every function reads this instant from now on."""

    def reconcile(self) -> bool:
        """Runs the enquiries; whether they had anything to do."""

    def plan_work(self) -> int:
        """Runs the planner; the number of hints that it gave."""

    def wait(self) -> None:
        """Returns when no message waits anywhere and none is in work."""

    def repay(self, pay: Pay, paid_on: date) -> None:
        """A payment by hand reaches the lender's queue."""

    def credit(self, credit: Credit) -> None:
        """Money comes in on an account at the gateway."""

    def deliver_webhooks(self) -> int:
        """Has the gateway report what it did not report yet; the number of reports."""

    def hold(self) -> None:
        """From now on queued messages wait: nothing is processed."""

    def go_on(self) -> None:
        """Ends the hold."""

    def rows(self, kind: type[R], since: date | None = None) -> Iterable[R]:
        """All stored rows of a kind; with `since`, for notices and money, those of that day and later."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which days are lived through; `skipped` are numbers of days, the first being 1, on which nothing runs."""

    first_day: date
    days: int = 120
    skipped: frozenset[int] = frozenset()

    @property
    def last_day(self) -> date:
        return self.first_day + timedelta(days=self.days - 1)

    def day(self, number: int) -> date:
        return self.first_day + timedelta(days=number - 1)

    @property
    def skipped_days(self) -> frozenset[date]:
        return frozenset(self.day(number) for number in self.skipped)

    def morning(self) -> datetime:
        """The instant at which the portfolio is imported."""
        return at_local(self.first_day, time(7), BUSINESS_ZONE)


@dataclass(frozen=True, slots=True)
class Lived:
    """One day that is over, and everything that happened up to then."""

    number: int
    day: date
    records: Records


@dataclass(slots=True)
class Driver:
    """`habit_of` says how the borrower of each loan behaves; `told` hears of each day when it is over."""

    world: World
    plan: Plan
    habit_of: Callable[[str], Habit]
    told: Callable[[Lived], None] = lambda _: None
    _books: "_Books" = field(init=False)
    _done: set[str] = field(init=False, default_factory=set)
    _held: bool = field(init=False, default=False)

    def run(self) -> None:
        """Lives through all days of the plan, over a world in which the portfolio stands."""
        self._books = _Books(self.world)
        for number in range(1, self.plan.days + 1):
            day, skipped = self.plan.day(number), number in self.plan.skipped
            for slot, clock in enumerate(SLOTS):
                self._slot(day, slot, at_local(day, clock, BUSINESS_ZONE), skipped)
            self.told(Lived(number, day, self._books.records()))
        if self._held:
            self.world.go_on()
            self.world.wait()

    def _slot(self, day: date, slot: int, now: datetime, skipped: bool) -> None:
        if skipped and not self._held:
            self.world.hold()
            self._held = True
        self.world.set_clock(now)
        worked = self._borrowers(day, slot)
        if skipped:
            return
        if self._held:
            self.world.go_on()
            self._held, worked = False, True
        if worked:
            self.world.wait()
        if slot == len(SLOTS) - 1 and self.world.deliver_webhooks():
            worked = True
            self.world.wait()
        if self.world.reconcile():
            worked = True
            self.world.wait()
        if self.world.plan_work():
            worked = True
            self.world.wait()
        if worked or slot == len(SLOTS) - 1:
            self._books.read(day, with_messages=slot > 0)

    def _borrowers(self, day: date, slot: int) -> bool:
        """Whether anybody's deed reached a queue of the lender."""
        paid = False
        for seen in self._books.seen():
            for deed in self.habit_of(seen.loan_id).deeds(seen, day, slot):
                if deed.key in self._done:
                    continue
                self._done.add(deed.key)
                if isinstance(deed, Pay):
                    self.world.repay(deed, day)
                    self._books.pays(deed)
                    paid = True
                else:
                    self.world.credit(deed)
        return paid


class _Books:
    """What happened so far, kept up to date by reading only what is new, and what borrowers see of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loans = {loan.loan_id: loan for loan in sorted(world.rows(Loan), key=lambda loan: loan.loan_id)}
        due = sorted(world.rows(Instalment), key=lambda i: (i.loan_id, i.due_on, i.number))
        self._due = {loan_id: tuple(found) for loan_id, found in groupby(due, key=lambda i: i.loan_id)}
        self._borrowers = tuple(world.rows(Borrower))
        self._mandates = tuple(sorted(world.rows(Mandate), key=lambda m: (m.signed_on, m.mandate_id)))
        self._accounts = {mandate.loan_id: mandate.account_ref for mandate in self._mandates}
        self._entries: dict[tuple[str, str, str], LedgerEntry] = {}
        self._notices: dict[tuple[str, str], NoticeRecord] = {}
        self._on_the_way: dict[str, Pay] = {}
        self._since: date | None = None
        self._seen: dict[str, Seen] = {}
        self.read(None, with_messages=True)

    def seen(self) -> Sequence[Seen]:
        """Of every loan that is not repaid, in order."""
        return tuple(self._seen.values())

    def records(self) -> Records:
        """All rows as of now; loans, instalments and mandates as they were at the start."""
        return Records(
            self._borrowers,
            tuple(self._loans.values()),
            tuple(instalment for found in self._due.values() for instalment in found),
            self._mandates,
            tuple(self._world.rows(Attempt)),
            tuple(self._notices.values()),
            tuple(self._world.rows(Escalation)),
            tuple(self._entries.values()),
        )

    def read(self, day: date | None, *, with_messages: bool) -> None:
        """Reads what came since the last reading; messages may be heard a slot later, which saves time."""
        for entry in self._world.rows(LedgerEntry, self._since):
            self._entries[entry.loan_id, entry.source, entry.external_id] = entry
        if with_messages:
            for notice in self._world.rows(NoticeRecord, self._since):
                self._notices[notice.borrower_id, notice.notice_key] = notice
        self._since = day - timedelta(days=1) if day else None
        paid: dict[tuple[str, int], int] = {}
        for entry in self._entries.values():
            for number, minor in entry.split:
                paid[entry.loan_id, number] = paid.get((entry.loan_id, number), 0) + minor
        heard: dict[str, list[Heard]] = {}
        for notice in self._notices.values():
            for loan_id, what in _heard(notice):
                heard.setdefault(loan_id, []).append(what)
        booked = {external_id for _, _, external_id in self._entries}
        self._on_the_way = {key: pay for key, pay in self._on_the_way.items() if key not in booked}
        self._seen = {}
        for loan_id, loan in self._loans.items():
            on_the_way = sum(pay.amount_minor for pay in self._on_the_way.values() if pay.loan_id == loan_id)
            if debts := tuple(_debts(self._due[loan_id], paid, on_the_way)):
                account = self._accounts.get(loan_id)
                self._seen[loan_id] = Seen(loan_id, loan.currency, debts, heard.get(loan_id, ()), account)

    def pays(self, pay: Pay) -> None:
        """A borrower knows what he paid, also while nobody books it."""
        self._on_the_way[pay.key] = pay
        seen = self._seen[pay.loan_id]
        debts = tuple(_less(seen.debts, pay.amount_minor))
        if debts:
            self._seen[pay.loan_id] = replace(seen, debts=debts)
        else:
            del self._seen[pay.loan_id]


def _heard(notice: NoticeRecord) -> Iterator[tuple[str, Heard]]:
    if notice.state is NoticeState.SENT:
        for _, loan_id, number in map(parse_tier_key, notice.covers):
            yield loan_id, Heard(number, NoticeKind(notice.kind), notice.business_date)


def _debts(due: Iterable[Instalment], paid: Mapping[tuple[str, int], int], on_the_way: int) -> Iterator[Debt]:
    debts = []
    for instalment in due:
        so_far = paid.get((instalment.loan_id, instalment.number), 0)
        if so_far < instalment.due_minor:
            debts.append(Debt(instalment.number, instalment.due_on, instalment.due_minor - so_far, so_far))
    return _less(debts, on_the_way)


def _less(debts: Iterable[Debt], minor: int) -> Iterator[Debt]:
    """What is left of debts after a payment, oldest first."""
    for debt in debts:
        part = min(minor, debt.outstanding_minor)
        minor -= part
        if part < debt.outstanding_minor:
            yield Debt(debt.number, debt.due_on, debt.outstanding_minor - part, debt.paid_minor + part)
