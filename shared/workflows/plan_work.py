"""Reads the agendas and hints at what is due; or, by hand, tells what would be decided.

Safe to run twice: a hint is only a key, rows stay on their agenda until a worker writes, and a queue is topped up to
what its workers clear in two intervals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from shared.domain import keys
from shared.domain.bandit import Drawn
from shared.domain.book import Line
from shared.domain.calendar import at_local, business_date
from shared.domain.debit import Presentment
from shared.domain.decision import Act, Defer, Drop
from shared.domain.errors import EventError, StoreError
from shared.domain.learning import Arm
from shared.domain.notices import Notice
from shared.domain.request import ByHand
from shared.domain.stage import StageMove
from shared.domain.switches import DEBIT, SEND
from shared.ports.book import Book
from shared.ports.world import HINTS_PER_MESSAGE, Clock, PolicyShelf, SwitchBoard, WorkQueue
from shared.workflows.decisions import decision_for

PAGE = 500
"""Decisions a dry run returns at once."""

_READ = 1000
_STOPPED_BY = {Line.CONTACT: SEND, Line.DEBIT: DEBIT}
_MOST_STEPS = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """One decision of a dry run: `key` is the line's unit, `until` set where it waits."""

    key: str
    decision: str  # act, defer, drop
    reason: str
    sentence: str
    until: datetime | None = None
    what: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    business_date: date
    decisions: tuple[Finding, ...]
    after: str | None  # hand in again for the next page


@dataclass(frozen=True, slots=True)
class Planner:
    """The ports of planning. `capacity` is how many messages a line's workers clear in two intervals."""

    book: Book
    queue: WorkQueue
    clock: Clock
    shelf: PolicyShelf
    business_zone: str
    switches: SwitchBoard
    capacity: int = 20_000

    def plan(self, run: str) -> dict[Line, int]:
        """Hints at everything due by now, as far as the queues have room; returns hints by line.

        While all debiting is off, the debit line gets none, and the contact line while all sending is: their rows stay
        on the agenda, due as they are. A line whose agenda or queue does not answer stops no other: its StoreError is
        raised once the others have their hints.
        """
        now, held = self.clock.now(), self.held()
        hinted, silent = dict[Line, int](), list[StoreError]()
        for line in Line:
            try:
                hinted[line] = 0 if line in held else self._top_up(line, now, run)
            except StoreError as error:
                silent.append(error)
        if silent:
            raise silent[0]
        return hinted

    def held(self) -> frozenset[Line]:
        """The lines whose work is switched off as a whole."""
        board = self.switches.read()
        return frozenset(line for line, name in _STOPPED_BY.items() if board.stops(name))

    def _top_up(self, line: Line, now: datetime, run: str) -> int:
        room = (self.capacity - self.queue.depth(line)) * HINTS_PER_MESSAGE
        batch: list[str] = []
        sent = 0
        for key in self._due(line, now):
            if sent + len(batch) >= room:
                break
            batch.append(key)
            if len(batch) == _READ:
                self.queue.send(line, batch, run)
                sent, batch = sent + len(batch), []
        if batch:
            self.queue.send(line, batch, run)
        return sent + len(batch)

    def _due(self, line: Line, until: datetime | None) -> Iterator[str]:
        for number in range(self.book.shards()):
            after: str | None = None
            while True:
                page = self.book.agenda(line, keys.shard_name(number), until, _READ, after)
                yield from page.keys
                after = page.after
                if after is None:
                    break

    def by_hand(self, asked: ByHand, run: str) -> Preview | dict[Line, int]:
        """A dry run's decisions, or the number of hints given. Raises EventError for a live run on another day."""
        now = self.clock.now()
        today = business_date(now, self.business_zone)
        day = asked.business_date or today
        if asked.dry_run:
            return self._preview(asked, day, now)
        if day != today:
            raise EventError(f"business_date: a live run is for today, {today}; {day} can only be a dry run")
        units = (
            self._units(asked.line, asked.loan_ids) if asked.loan_ids is not None else list(self._due(asked.line, None))
        )
        if units:
            self.queue.send(asked.line, units, run)
        return {asked.line: len(units)}

    def _preview(self, asked: ByHand, day: date, now: datetime) -> Preview:
        if asked.loan_ids is not None:
            units, after = self._units(asked.line, asked.loan_ids), None
            start = int(asked.after or 0)
            after = str(start + PAGE) if len(units) > start + PAGE else None
            units = units[start : start + PAGE]
        else:
            units, after = self._page(asked.line, asked.after)
        return Preview(day, tuple(self._tell(asked.line, unit, day, now) for unit in units), after)

    def _page(self, line: Line, after: str | None) -> tuple[list[str], str | None]:
        shard, _, within = (after or "0:").partition(":")
        units: list[str] = []
        for number in range(int(shard), self.book.shards()):
            page = self.book.agenda(line, keys.shard_name(number), None, PAGE - len(units), within or None)
            units += page.keys
            within = ""
            if page.after is not None:
                return units, f"{number}:{page.after}"
            if len(units) == PAGE and number + 1 < self.book.shards():
                return units, f"{number + 1}:"
        return units, None

    def _units(self, line: Line, loan_ids: Sequence[str]) -> list[str]:
        units: list[str] = []
        for loan_id in loan_ids:
            file = self.book.loan_file(loan_id)
            if file is None:
                raise EventError(f"loan_ids: there is no loan {loan_id}")
            match line:
                case Line.CONTACT:
                    units.append(file.loan.borrower_id)
                case Line.DEBIT:
                    units += [keys.debit_key(loan_id, i.number) for i in file.unpaid]
                case Line.STAGE:
                    units.append(loan_id)
        return list(dict.fromkeys(units))

    def _tell(self, line: Line, unit: str, day: date, now: datetime) -> Finding:
        """The first thing done on the day, on the facts as they stand; else the decision at the day's end."""
        starts = at_local(day, time.min, self.business_zone)
        ends = at_local(day + timedelta(days=1), time.min, self.business_zone)
        at = now if starts <= now < ends else starts
        decision = decision_for(line, self.book, self.shelf, unit, at)
        for _ in range(_MOST_STEPS):
            if not isinstance(decision, Defer) or not at < decision.until < ends:
                break
            at = decision.until
            decision = decision_for(line, self.book, self.shelf, unit, at)
        return _told(unit, decision)


def _told(unit: str, decision: Act[Notice] | Act[Presentment] | Act[StageMove] | Defer | Drop) -> Finding:
    name, reason = type(decision).__name__.lower(), decision.reason
    until = decision.until if isinstance(decision, Defer) else None
    what = what_of(decision.do) if isinstance(decision, Act) else {}
    return Finding(unit, name, reason.name, reason.value, until, what)


def _learned(won: Drawn[Arm]) -> dict[str, object]:
    """Why this channel and hour: what is known of them, and the share that was drawn from it, the highest of all."""
    return {"arm": str(won.arm), "told": won.tally.told, "repaid": won.tally.repaid, "drawn": won.share}


def what_of(do: Notice | Presentment | StageMove) -> dict[str, object]:
    """What an act would do, as plain values."""
    match do:
        case Notice():
            covers = [step.key for step in do.covers]
            amount = {"amount": do.amount.decimal(), "currency": do.amount.currency}
            learned = {} if do.learned is None else {"learned": _learned(do.learned)}
            return {"notice": do.key, "covers": covers, **amount, **learned}
        case Presentment():
            return {"slot": do.slot, "amount": do.amount.decimal(), "currency": do.amount.currency}
        case StageMove():
            return {"enter": [e.stage for e in do.enter], "leave": list(do.leave), "close": do.close}
