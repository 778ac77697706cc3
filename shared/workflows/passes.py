"""A pass over hints: each key on its own, counted by what became of it."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.book import Line, Outcome
from shared.domain.decision import Act, Defer, Drop
from shared.domain.errors import StoreError
from shared.domain.outcomes import RULES, Tell
from shared.ports.book import Book

LONGEST_DEFERRAL = timedelta(days=7)
"""A row is looked at again after a week at the latest, whatever its decision said."""


@dataclass(slots=True)
class Summary:
    """What a pass did: counts by `act.REASON`, `defer.REASON`, `drop.REASON`, and `lost`, `failed`, `left`.

    Whoever starts the pass may hand it in, and then has what was counted before a store's silence ended it: the counts
    that page are made once, at the write, and a repeat makes them no more. `failures` names the exception types (never
    their texts, which may hold what is personal), `broken` what failed, by its key.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    broken: dict[str, Exception] = field(default_factory=dict)

    def note(self, decision: Act[object] | Defer | Drop) -> None:
        self.counts[f"{type(decision).__name__.lower()}.{decision.reason.name}"] += 1

    def note_failure(self, key: str, error: Exception) -> None:
        """Counts what failed unexpectedly and stops no other; `key` is an id, and nothing personal."""
        self.counts["failed"] += 1
        self.failures[type(error).__name__] += 1
        self.broken[key] = error

    def note_settled(self, outcome: Outcome) -> None:
        """Counts `settled.<outcome>` where an operator hears of it, once for each attempt, whoever settled it."""
        if Tell.OPERATOR in RULES[outcome].tells:
            self.counts[f"settled.{outcome}"] += 1


@dataclass(slots=True)
class TimeLeft:
    """What is left of an invocation; it is over, too, once nothing that waits could go within it."""

    has_time: Callable[[], bool]
    is_over: bool = False

    def __call__(self) -> bool:
        return not self.is_over and self.has_time()


def for_each(
    line: Line,
    keys: Iterable[str],
    book: Book,
    one: Callable[[str, Summary], None],
    has_time: Callable[[], bool],
    summary: Summary | None = None,
) -> Summary:
    """Works through hints. A key that fails unexpectedly is counted on its row and does not stop the others.

    What there is no time for is left: its row still stands on the agenda. A store that does not answer ends the pass.
    """
    summary = summary or Summary()
    for key in dict.fromkeys(keys):
        if not has_time():
            summary.counts["left"] += 1
            continue
        try:
            one(key, summary)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - the batch boundary: this row is reported, the rest goes on
            summary.note_failure(key, error)
            if book.note_failure(line, key) >= 3:
                summary.counts["quarantined"] += 1
    return summary


def next_step(decision: Act[object] | Defer | Drop, now: datetime) -> datetime | None:
    """When a row is looked at again after its decision; None takes it off the agenda."""
    match decision:
        case Act():
            return now
        case Defer(until):
            return min(until, now + LONGEST_DEFERRAL)
        case Drop():
            return None
