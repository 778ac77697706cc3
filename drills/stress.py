"""The demo's book many times over, through the deployed functions: what waits, how old it gets, whether all is done.

Unlike the demo it lets two workers of each line run beside each other, as the local stack is deployed.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.driver import Driver, Lived, Plan
from demo.figures import days_of
from demo.history import Check, buckets
from demo.options import OWN_PHONES
from demo.portfolio import FIRST_DAY, generate
from demo.run import checks, deploy_stack, import_book, records_of
from drills.expected import Work, work
from drills.packs import countries
from drills.watched import Waiting, Watched
from infra.local import LocalAws, free_port
from shared.cli.output import say
from shared.cli.tables import a_table, show
from shared.domain.book import Line

TIMES, DAYS = 10, 14
"""The size that ends within a quarter of an hour on two cores; the days hold the due days of some four in ten loans."""
MOST_TIMES = 16
_LINES = (*(line.value for line in Line), "repayments")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. `waiting` is by day and line; `at_end` what was still due once all was quiet."""

    times: int
    days: int
    loans: int
    seconds: float  # of the days alone: no start, no import, no checks
    waiting: Mapping[date, Mapping[str, Waiting]]
    at_end: Mapping[str, int]
    invocations: Mapping[str, int]
    messages: Mapping[str, int]
    debits: Mapping[str, int]
    dead: int
    checks: Sequence[Check]
    work: Sequence[Work]

    @property
    def faults(self) -> list[str]:
        """Whatever a good run never shows, a line each."""
        return [
            *(f"{done.what}: {name} is missing" for done in self.work for name in done.missing),
            *(f"{done.what}: {name} was done twice" for done in self.work for name in done.twice),
            *(f"{check.name}: {breach}" for check in self.checks for breach in check.breaches),
            *(f"{count} rows are still due on the {line} line" for line, count in self.at_end.items() if count),
            *([f"{self.dead} dead letters"] if self.dead else []),
        ]

    def most(self) -> Mapping[str, Waiting]:
        """By line, the most of every day."""
        found = {line: Waiting() for line in _LINES}
        for day in self.waiting.values():
            for line, seen in day.items():
                most = found[line]
                for name in ("due", "oldest_due", "left", "oldest_left", "messages", "hints", "oldest_message_s"):
                    setattr(most, name, max(getattr(most, name), getattr(seen, name)))
        return found


def stress(times: int, days: int, port: int | None, tell: Callable[[str], None]) -> Result:
    """Raises what the demo's own run raises. The local AWS is stopped on every way out."""
    plan, book = Plan(FIRST_DAY, days), generate(FIRST_DAY, times=times)
    with LocalAws(port or free_port()) as aws, TemporaryDirectory() as scratch:
        stack = Watched(aws, deploy_stack(aws, OWN_PHONES, plan.morning()))
        stack.warm_gateway()
        tell(f"the stack stands at {aws.url}")
        tell(import_book(aws, book.write(Path(scratch) / "portfolio")))
        began = time.monotonic()
        Driver(stack, plan, book.habits.__getitem__, _teller(stack, plan, began, tell)).run()
        at_end = stack.quiet()
        seconds = time.monotonic() - began
        tell("the days are over; counting")
        records, outside = records_of(stack), stack.outside()
        return Result(
            times,
            days,
            len(book.habits),
            seconds,
            {day: dict(found) for day, found in stack.seen.items() if day >= plan.first_day},
            at_end,
            stack.invocations(),
            Counter(str(notice.state) for notice in records.notices),
            Counter(str(attempt.outcome or attempt.state) for attempt in records.attempts),
            stack.dead,
            checks(aws),
            work(book, plan, outside, records, buckets(plan), countries()),
        )


def _teller(stack: Watched, plan: Plan, began: float, tell: Callable[[str], None]) -> Callable[[Lived], None]:
    bucket_of = buckets(plan)

    def told(lived: Lived) -> None:
        (figures,) = days_of(lived.records, [lived.day], bucket_of)
        seen = stack.seen[lived.day]
        due = ", ".join(f"{line} {seen[line].due}" for line in _LINES[:3])
        queued = ", ".join(f"{line} {seen[line].hints}" for line in _LINES)
        left = (time.monotonic() - began) / lived.number * (plan.days - lived.number)
        tell(
            f"day {lived.number:>3} {lived.day}: {sum(figures.messages.values())} messages,"
            f" {sum(figures.deductions.values())} debits; most due at once: {due}; most queued: {queued};"
            f" {timedelta(seconds=round(left))} to go"
        )

    return told


def show_result(result: Result) -> None:
    """For people: three tables, and what is wrong."""
    say(
        f"{result.loans} loans ({result.times} times the demo's book), {result.days} days,"
        f" {result.seconds:.0f} s: {sum(result.invocations.values())} invocations,"
        f" {sum(result.messages.values())} messages, {sum(result.debits.values())} debits, {result.dead} dead letters"
    )
    columns = ("due at once", "oldest due", "left over", "oldest left", "still due", "queued", "hints", "oldest, s")
    lines = a_table("line", *columns, right=columns)
    for line, most in result.most().items():
        agenda = (str(most.due), _hours(most.oldest_due), str(most.left), _hours(most.oldest_left))
        cells = (*agenda, str(result.at_end[line])) if line in result.at_end else ("",) * 5
        lines.add_row(line, *cells, str(most.messages), str(most.hints), f"{most.oldest_message_s:.0f}")
    show(lines)
    right = ("due", "done", "missing", "twice", "capped")
    done = a_table("work", *right, right=right)
    for one in result.work:
        counts = [one.due, one.done, len(one.missing), len(one.twice), one.capped]
        done.add_row(one.what, *map(str, counts))
    show(done)
    for what, by_name in (("functions", result.invocations), ("messages", result.messages), ("debits", result.debits)):
        say(f"{what}: " + ", ".join(f"{name} {count}" for name, count in sorted(by_name.items())))
    examined = sum(check.examined for check in result.checks)
    breaches = sum(len(check.breaches) for check in result.checks)
    say(f"{len(result.checks)} checks over {examined} rows: {breaches} breaches")
    for line in _first(result.faults):
        say(f"wrong: {line}")
    say("nothing lost" if not result.faults else f"{len(result.faults)} things are wrong")


def _first(faults: Sequence[str]) -> Iterator[str]:
    yield from faults[:_SHOWN]
    if len(faults) > _SHOWN:
        yield f"… and {len(faults) - _SHOWN} more (--json lists all)"


def document(result: Result) -> dict[str, object]:
    """For programs."""
    return {
        "times": result.times,
        "days": result.days,
        "loans": result.loans,
        "seconds": round(result.seconds, 1),
        "lines": {line: _of(most) for line, most in result.most().items()},
        "still_due": result.at_end,
        "by_day": {str(day): {line: _of(one) for line, one in found.items()} for day, found in result.waiting.items()},
        "invocations": result.invocations,
        "messages": result.messages,
        "debits": result.debits,
        "dead_letters": result.dead,
        "work": [asdict(one) for one in result.work],
        "checks": [asdict(check) for check in result.checks],
        "faults": result.faults,
    }


def _of(seen: Waiting) -> dict[str, object]:
    return {
        "due": seen.due,
        "oldest_due_hours": round(seen.oldest_due / timedelta(hours=1), 1),
        "left": seen.left,
        "oldest_left_hours": round(seen.oldest_left / timedelta(hours=1), 1),
        "messages": seen.messages,
        "hints": seen.hints,
        "oldest_message_seconds": round(seen.oldest_message_s, 1),
    }


def _hours(age: timedelta) -> str:
    return f"{age / timedelta(hours=1):.1f} h"
