"""What goes wrong, where, how often, and the count of how often it did."""

from collections import Counter
from collections.abc import Mapping
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
    OPTED_OUT = "opted out"
    LOST = "lost"
    DOUBLED = "doubled"
    DELAYED = "delayed"
    REORDERED = "out of order"
    UNREADABLE = "cannot be read"
    RETRIED = "done, and retried as its own"  # by the transport, while others may write
    SKEWED = "a clock apart from the others"
    FROZEN = "frozen while others run"
    STALLED = "held up, and goes on within its life"
    NEVER_DELIVERED = "accepted, never delivered, never told of"
    FAILED_FOR_NOW = "accepted, not delivered"
    DEAD_ADDRESS = "accepted, and the address is dead"
    LOST_FOR_DAYS = "missed for days"
    FIRED_TWICE = "fired twice at once"


_CRASHES = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
_COMMIT = (*_CRASHES, Fault.NO_ANSWER, Fault.ANSWER_LOST, Fault.RETRIED)
_QUEUED = (*_CRASHES, Fault.NO_ANSWER, Fault.ANSWER_LOST)
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
    "commit hold": _COMMIT,
    "commit receipt": _COMMIT,
    "commit a borrower's word": _COMMIT,
    "commit money come again": _COMMIT,
    "read book": _READ,
    "read agenda": (*_READ, Fault.LAGS),
    "read open attempts": (*_READ, Fault.LAGS),
    "read open notices": (*_READ, Fault.LAGS),
    "read switches": (Fault.CRASH_BEFORE, Fault.UNREADABLE),
    "present": _WIRE,
    "refund": _WIRE,
    "enquire": (*_CRASHES, Fault.NO_ANSWER, Fault.LAGS),
    "send message": (*_CRASHES, Fault.NO_ANSWER, Fault.ANSWER_LOST, Fault.THROTTLED, Fault.REFUSED, Fault.OPTED_OUT),
    "carry message": (Fault.NEVER_DELIVERED, Fault.FAILED_FOR_NOW, Fault.DEAD_ADDRESS, Fault.OPTED_OUT),
    "deliver receipt": _DELIVERY,
    "deliver a borrower's word": (Fault.DOUBLED, Fault.DELAYED, Fault.REORDERED),
    "fire planner": (Fault.LOST_FOR_DAYS, Fault.FIRED_TWICE, Fault.DELAYED),
    "fire reconciliation": (Fault.LOST_FOR_DAYS, Fault.FIRED_TWICE, Fault.DELAYED),
    "read clock": (Fault.SKEWED,),
    "a turn of a race": (Fault.FROZEN, Fault.STALLED),
    "queue hints": _QUEUED,
    "deliver hints": _DELIVERY,
    "deliver webhook": _DELIVERY,
    "deliver bank file": (Fault.DOUBLED, Fault.DELAYED),
    "read bank file": (*_CRASHES, Fault.NO_ANSWER),
    "keep file result": (*_CRASHES, Fault.NO_ANSWER),
    "queue bank rows": _QUEUED,
    "deliver bank rows": (Fault.DOUBLED, Fault.DELAYED),
}
"""Every call over a boundary with what can go wrong at it. A run in which one of these never happened has shown
nothing about it. `KILLED` may come on top at every call: of a worker that stood there when its race was frozen."""

_RARE = (
    "commit contact deferral",
    "commit notice claim",
    "commit notice settle",
    "commit receipt",
    "send message",
    "carry message",
    "a turn of a race",
)
"""Calls made so often that a fault at one in a hundred would stop everything."""

_OFTEN = ("deliver webhook", "present", "read clock", "deliver a borrower's word")
_SCHEDULES = ("fire planner", "fire reconciliation")

type Place = str
"""A call by its name and the how manieth it was in its seed: `present#12`."""


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
    """The faults of one seed: a function of the seed, the call and the how manieth it is, whatever came before.

    Each seed leans on one pair of call and fault, so that all come up in turn. `only` leaves out all faults but those
    at these places, and the others stay as they were: so a failing seed is told with the fewest that it needs.
    """

    def __init__(self, seed: int, tally: Tally, only: frozenset[Place] | None = None) -> None:
        self._tally = tally
        self._only = only
        self.armed = False
        self.drawn: list[Place] = []
        pairs = [(call, fault) for call, faults in CALLS.items() for fault in faults]
        self.focus = pairs[seed % len(pairs)]
        weather = Random(f"weather {seed}").choice((0.3, 1.0, 1.0, 3.0))
        self._odds = {
            call: [(fault, self._odds_of(call, fault, weather)) for fault in faults] for call, faults in CALLS.items()
        }
        self._any = {call: sum(odds for _, odds in faults) for call, faults in self._odds.items()}
        self._chances = {call: Random(f"faults {seed} {call}") for call in self._odds}

    def _odds_of(self, call: str, fault: Fault, weather: float) -> float:
        if call == "read book":
            return 0.02 if (call, fault) == self.focus else 0.0003 * weather
        if call == "a turn of a race":
            return 0.02 if (call, fault) == self.focus else 0.005
        if call in _SCHEDULES:
            if fault is Fault.LOST_FOR_DAYS:
                return 0.002 if (call, fault) == self.focus else 0.0002 * weather
            return 0.15 if (call, fault) == self.focus else 0.03 * weather
        if (call, fault) == self.focus:
            return 0.15
        if call in _RARE:
            return 0.002 * weather
        return (0.05 if call in _OFTEN else 0.012) * weather

    def draw(self, call: str) -> Fault | None:
        """The fault of this call, counted; None mostly. Whoever finds that it changes nothing says so (`spared`)."""
        self._tally.calls[call] += 1
        if not self.armed:
            return None
        at = self._chances[call].random() if call in self._chances else 1.0
        if at >= self._any.get(call, 0.0):
            return None
        place = self.place(call)
        if self._only is not None and place not in self._only:
            return None
        for fault, odds in self._odds[call]:
            if at < odds:
                self._tally.hits[call, fault] += 1
                self.drawn.append(place)
                return fault
            at -= odds
        return None

    def spared(self, call: str, fault: Fault) -> None:
        """The fault that was drawn for a call changed nothing, so that it does not count as one that happened."""
        self._tally.hits[call, fault] -= 1

    def place(self, call: str) -> Place:
        """Where the call stands that was drawn for last."""
        return f"{call}#{self._tally.calls[call]}"

    def note(self, call: str, fault: Fault) -> None:
        """Counts a fault that came otherwise than by a draw."""
        self._tally.hits[call, fault] += 1
