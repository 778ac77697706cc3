"""What goes wrong, where, how often, and the count of how often it did."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from random import Random


class CrashError(BaseException):
    """The process died here. No `except Exception` keeps it alive."""


class Fault(StrEnum):
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    KILLED = "killed while others ran"  # in a race: at its port call, when time passed the worker's own limit
    NO_ANSWER = "nothing done, no answer"
    ANSWER_LOST = "done, answer lost"
    ARRIVES_LATE = "arrives after the time-out"
    LAGS = "an older state is read"
    THROTTLED = "throttled"
    REFUSED = "refused"
    LOST = "lost"
    DOUBLED = "doubled"
    DELAYED = "delayed"
    REORDERED = "out of order"
    UNREADABLE = "cannot be read"


_CRASHES = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
_COMMIT = (*_CRASHES, Fault.NO_ANSWER, Fault.ANSWER_LOST)
_READ = (Fault.CRASH_BEFORE, Fault.NO_ANSWER)
_WIRE = (*_CRASHES, Fault.NO_ANSWER, Fault.ANSWER_LOST, Fault.ARRIVES_LATE)
_DELIVERY = (Fault.LOST, Fault.DOUBLED, Fault.DELAYED, Fault.REORDERED)

CALLS: Mapping[str, tuple[Fault, ...]] = {
    "commit claim": _COMMIT,
    "commit claim of a borrower": _COMMIT,
    "commit claim of an operator": _COMMIT,
    "commit settle": _COMMIT,
    "commit void": _COMMIT,
    "commit unknown": _COMMIT,
    "commit re-claim": _COMMIT,
    "commit late money": _COMMIT,
    "commit deferral": _COMMIT,
    "commit repayment": _COMMIT,
    "commit taking back": _COMMIT,
    "commit resolution": _COMMIT,
    "commit mandate": _COMMIT,
    "commit code": _COMMIT,
    "commit note": _COMMIT,
    "commit notice claim": _COMMIT,
    "commit notice settle": _COMMIT,
    "commit contact deferral": _COMMIT,
    "commit stage": _COMMIT,
    "read book": _READ,
    "read agenda": (*_READ, Fault.LAGS),
    "read open attempts": (*_READ, Fault.LAGS),
    "read open notices": (*_READ, Fault.LAGS),
    "read switches": (Fault.CRASH_BEFORE, Fault.UNREADABLE),
    "present": _WIRE,
    "refund": _WIRE,
    "enquire": (*_CRASHES, Fault.NO_ANSWER, Fault.LAGS),
    "send message": (*_CRASHES, Fault.NO_ANSWER, Fault.ANSWER_LOST, Fault.THROTTLED, Fault.REFUSED),
    "queue hints": (*_CRASHES, Fault.NO_ANSWER, Fault.ANSWER_LOST),
    "deliver hints": _DELIVERY,
    "deliver webhook": _DELIVERY,
    "deliver bank file": (Fault.DOUBLED, Fault.DELAYED),
    "read bank file": (*_CRASHES, Fault.NO_ANSWER),
    "keep file result": (*_CRASHES, Fault.NO_ANSWER),
    "queue bank rows": _COMMIT,
    "deliver bank rows": (Fault.DOUBLED, Fault.DELAYED),
}
"""Every call over a boundary with what can go wrong at it. A run in which one of these never happened has shown
nothing about it. `KILLED` may come on top at every call."""

_RARE = ("read book", "commit contact deferral", "commit notice claim", "commit notice settle", "send message")
"""Calls made so often that a fault at one in a hundred would stop everything."""


class Tally:
    """How often each call was made and each fault happened at it."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.hits: Counter[tuple[str, Fault]] = Counter()

    def add(self, other: "Tally") -> None:
        self.calls += other.calls
        self.hits += other.hits

    def never(self) -> list[tuple[str, Fault]]:
        """What the table promises and no seed has shown."""
        return [(call, fault) for call, faults in CALLS.items() for fault in faults if not self.hits[call, fault]]


class Plan:
    """Draws the faults of one seed. Each seed leans on one pair of call and fault, so that all come up in turn."""

    def __init__(self, seed: int, tally: Tally, but: Iterable[str] = ()) -> None:
        self._chance = Random(f"faults {seed}")
        self._tally = tally
        self.armed = False
        but = frozenset(but)
        pairs = [(call, fault) for call, faults in CALLS.items() if call not in but for fault in faults]
        self.focus = pairs[seed % len(pairs)]
        weather = self._chance.choice((0.3, 1.0, 1.0, 3.0))
        self._odds = {
            call: [(fault, self._odds_of(call, fault, weather)) for fault in faults]
            for call, faults in CALLS.items()
            if call not in but
        }
        self._any = {call: sum(odds for _, odds in faults) for call, faults in self._odds.items()}

    def _odds_of(self, call: str, fault: Fault, weather: float) -> float:
        if (call, fault) == self.focus:
            return 0.02 if call == "read book" else 0.15
        if call == "read book":
            return 0.0003 * weather
        if call in _RARE:
            return 0.002 * weather
        return (0.05 if call in ("deliver webhook", "present") else 0.012) * weather

    def draw(self, call: str) -> Fault | None:
        """The fault of this call, counted; None mostly."""
        self._tally.calls[call] += 1
        if not self.armed:
            return None
        at = self._chance.random()
        if at >= self._any.get(call, 0.0):
            return None
        for fault, odds in self._odds[call]:
            if at < odds:
                self._tally.hits[call, fault] += 1
                return fault
            at -= odds
        return None

    def note(self, call: str, fault: Fault) -> None:
        """Counts a fault that came otherwise than by a draw."""
        self._tally.hits[call, fault] += 1
