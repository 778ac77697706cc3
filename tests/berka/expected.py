"""What has to happen to the Berka loans, counted by plain date arithmetic from the rules as they are written down.

Nothing of the product is imported: the numbers below are the rules' own. Every event is counted by day, and a message
covers all instalments of a borrower that ask for the same kind of message on that day.

The passes are at 08:00, 12:00 and 20:00 in Shanghai. Only the last of them falls into Prague's contact hours, so that
all messages of a day go in the evening, after the day's deductions.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

REMINDERS = (7, 3, 1)
OVERDUE = (1, 3, 7, 15, 30, 60)
STAGES = (("M1", 1, 1), ("M2", 31, 30), ("M3", 61, 60), ("legal", 91, 60))
"""Name, days past due, and the overdue notice that comes before it."""
ATTEMPTS = 3
CATCH_UP_DAYS = 3
FOREVER = 100_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """A loan's unpaid instalments on the first day: their due dates, and whether the money is there on the due date."""

    borrower_id: str
    unpaid: Sequence[tuple[date, bool]]
    has_mandate: bool = True


type Event = tuple[date, str, str]
"""Day; message, attempt or stage; and of what kind."""


def expected(schedules: Iterable[Schedule], first_day: date, last_day: date) -> Counter[Event]:
    """How many of each event there are on each day, from the first day's morning to the last one's evening."""
    messages: set[tuple[date, str, str]] = set()
    others: Counter[Event] = Counter()
    for schedule in schedules:
        for day, kind, what in _events_of(schedule, first_day):
            if day > last_day:
                continue
            if kind == "message":
                messages.add((day, schedule.borrower_id, what))
            else:
                others[day, kind, what] += 1
    return Counter((day, "message", what) for day, _, what in messages) + others


def _events_of(schedule: Schedule, first_day: date) -> Iterator[Event]:
    repaid_with = max((due for due, _ in schedule.unpaid), default=None)
    if not all(pays for _, pays in schedule.unpaid):
        repaid_with = None
    told: dict[date, list[tuple[date, int]]] = {}
    for due, pays in schedule.unpaid:
        yield from _reminders(due, first_day, up_to=2 if schedule.has_mandate else 1)
        debit_day = _debit_day(due, first_day) if schedule.has_mandate else None
        if debit_day:
            yield max(first_day, due - timedelta(days=1)), "message", "pre-debit"
            yield from _debit(due, debit_day, pays, is_last=due == repaid_with)
        elif due >= first_day:
            yield due, "message", "due"
        if not (debit_day and pays):
            told[due] = list(_overdue(due, max(debit_day or first_day, first_day)))
            yield from ((day, "message", "overdue") for day, _ in told[due])
    if told:
        yield from _stages(min(told), told[min(told)], first_day)


def _reminders(due: date, first_day: date, up_to: int) -> Iterator[Event]:
    """One in each range of days that has a day left: 7 to 4 days before, 3 to 2, and where nothing else comes, 1."""
    for far, near in pairwise((*REMINDERS, 0)):
        day = max(first_day, due - timedelta(days=far))
        if far >= up_to and day < due - timedelta(days=near):
            yield day, "message", "remind"


def _debit_day(due: date, first_day: date) -> date | None:
    """The due date, or the day after a notice that could not be given before it; None when that is too late."""
    day = due if due > first_day else first_day + timedelta(days=1)
    return day if day <= due + timedelta(days=CATCH_UP_DAYS) else None


def _debit(due: date, day: date, pays: bool, is_last: bool) -> Iterator[Event]:
    if pays:
        yield day, "attempt", "paid"
        yield day, "message", "settled" if is_last else "received"
        return
    for _ in range(ATTEMPTS):
        yield day, "attempt", "insufficient"
    if day == due:  # later it is overdue by then, and told so
        yield day, "message", "failed"


def _overdue(due: date, earliest: date) -> Iterator[tuple[date, int]]:
    """The day and the step of each overdue notice; of steps that are over by the earliest day only the newest."""
    for step, following in pairwise((*OVERDUE, FOREVER)):
        day = max(earliest, due + timedelta(days=step))
        if (day - due).days < following:
            yield day, step


def _stages(due: date, told: Sequence[tuple[date, int]], first_day: date) -> Iterator[Event]:
    """Each stage on the first day on which it is reached and its notice, or a later one, was sent."""
    for name, dpd, notice in STAGES:
        reached = max(first_day, due + timedelta(days=dpd))
        yield max(reached, min(day for day, step in told if step >= notice)), "stage", name
