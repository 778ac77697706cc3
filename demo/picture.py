"""The picture in the terminal: a line for each day, with progress where somebody looks; plain lines where not."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from demo.charts import short_amount
from demo.figures import BUCKETS, DayFigures, total
from shared.domain.book import Stage
from shared.domain.tiers import rank

_SHORT = {
    "REMIND": "remind",
    "PRE": "pre-debit",
    "DUE": "due",
    "FAILED": "failed",
    "RECEIVED": "received",
    "SETTLED": "settled",
    "OVERDUE": "overdue",
}
_COLOURS = {
    Stage.CURRENT: "green",
    Stage.M1: "yellow",
    Stage.M2: "dark_orange",
    Stage.M3: "red",
    Stage.LEGAL: "magenta",
}


class Picture(Protocol):
    """Where the run tells of itself."""

    def say(self, text: str) -> None: ...

    def day(self, number: int, figures: DayFigures, skipped: bool) -> None: ...


class _Lines:
    def __init__(self, console: Console, progress: Progress | None, days: int) -> None:
        self._console, self._progress = console, progress
        self._task = progress.add_task("", total=days) if progress else None
        self._sent = self._tried = self._entered = 0

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def day(self, number: int, figures: DayFigures, skipped: bool) -> None:
        line = day_line(number, figures, skipped)
        self._console.print(line if self._progress else line.plain, highlight=False, soft_wrap=True)
        self._sent += sum(figures.messages.values())
        self._tried += sum(figures.deductions.values())
        self._entered += sum(figures.entered.values())
        if self._progress and self._task is not None:
            told = f"{self._sent} messages · {self._tried} deductions · {self._entered} stages entered"
            self._progress.update(self._task, completed=number, description=told)


@contextmanager
def picture(days: int, console: Console | None = None) -> Iterator[Picture]:
    """A picture for so many days."""
    console = console or Console()
    if not console.is_terminal:
        yield _Lines(console, None, days)
        return
    columns = (BarColumn(24), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Lines(console, progress, days)


def heading() -> str:
    """What stands between the bars of a day's line."""
    parts = ("messages by tier", "deductions by outcome", "by hand", "stages", "outstanding by bucket, in thousands")
    return "day  date        " + " | ".join(parts)


def day_line(number: int, figures: DayFigures, skipped: bool) -> Text:
    """`12 Fri 13 Mar  remind 4, overdue 1:2 | paid 3 | 2 by hand 1.2k | +M1 -M2 | current 930 M1 44`."""
    line = Text(f"{number:>3}  {figures.day:%a %d %b}  ")
    if skipped:
        line.append("nothing runs", "dim")
        line.append(" | ")
    else:
        line.append(_counts({_tier(tier): n for tier, n in _ordered(figures.messages)}) or "no message", "cyan")
        line.append(" | ")
        line.append(
            _counts(figures.deductions) or "no deduction", "green" if set(figures.deductions) <= {"paid"} else ""
        )
        line.append(" | ")
    line.append(
        f"{figures.payments} by hand {short_amount(figures.paid_minor)}" if figures.payments else "none by hand"
    )
    line.append(" | ")
    line.append(" ".join(_moves(figures)) or "no stage")
    line.append(" |")
    for bucket in BUCKETS:
        if figures.book[bucket] or bucket is Stage.CURRENT:
            line.append(f" {bucket} {figures.book[bucket] / 100_000:,.1f}", _COLOURS[bucket])
    return line


def _moves(figures: DayFigures) -> Iterator[str]:
    for sign, moves in (("+", figures.entered), ("-", figures.left)):
        for stage, count in sorted(moves.items()):
            yield f"{sign}{stage}" + (f"x{count}" if count > 1 else "")


def _ordered(messages: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(messages.items(), key=lambda item: rank(item[0]))


def _tier(tier: str) -> str:
    name, _, number = tier.partition("_")
    return _SHORT[name] + (number if number.isdigit() else "")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def totals(days: Sequence[DayFigures], last: date) -> Iterator[str]:
    """What the whole run came to, in a few lines."""
    messages, deductions = total(day.messages for day in days), total(day.deductions for day in days)
    entered, left = total(day.entered for day in days), total(day.left for day in days)
    paid = sum(day.paid_minor for day in days)
    deducted = sum(day.deducted_minor for day in days)
    yield f"messages    {sum(messages.values()):>6}  " + _counts({_tier(t): n for t, n in _ordered(messages)})
    yield f"deductions  {sum(deductions.values()):>6}  " + _counts(dict(deductions.most_common()))
    yield f"money               {short_amount(deducted)} deducted, {short_amount(paid)} paid by hand"
    came, went = (_counts(dict(sorted(moves.items()))) or "none" for moves in (entered, left))
    yield f"stages              entered {came}; left {went}"
    book = ", ".join(f"{bucket} {short_amount(days[-1].book[bucket])}" for bucket in BUCKETS)
    yield f"book on {last}  {book}"
