"""What goes wrong at which call of a deployed function, as a function of the seed."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    LOST = "request lost"
    ANSWER_LOST = "answer lost"
    GONE = "endpoint gone"


KILLS = (Fault.KILLED_BEFORE, Fault.KILLED_AFTER)
_CUTS = (Fault.LOST, Fault.ANSWER_LOST)
_WRITE = (*KILLS, *_CUTS, Fault.GONE)
_WIRE = (*KILLS, *_CUTS)
_READ = (Fault.KILLED_BEFORE, Fault.LOST, Fault.GONE)

CALLS: Mapping[str, tuple[Fault, ...]] = {
    "claim a debit": _WRITE,
    "present": _WIRE,
    "settle a debit": _WRITE,
    "enquire": _WIRE,
    "claim a message": _WRITE,
    "send a message": _WIRE,
    "settle a message": _WRITE,
    "book money": _WRITE,
    "record a stage": _WRITE,
    "write besides": _WRITE,
    "queue": _WRITE,
    "read": _READ,
    "deliver a webhook": _CUTS,
}
"""Every call of a function to the local AWS or to the gateway. A run in which one of these never happened fails."""

_ODDS = {"read": 0.002, "write besides": 0.02, "queue": 0.04, "record a stage": 0.04}
_USUAL = 0.08
_PLACED_WITHIN = {
    "read": 400,
    "record a stage": 40,
    "queue": 30,
    "write besides": 20,
    "claim a message": 12,
    "book money": 5,
}
_FIRST = 8
"""Each fault of a call is placed once among its first so many, so that a short run shows all of them."""

GONE_FOR = 6
"""Calls of a function that find no endpoint: twice what an SDK tries."""


class Faults:
    """The plan of a seed. What it says of a call depends on the seed, the call and the how manieth it is.

    `only` leaves out the faults of all calls but these; the others stay as they were.
    """

    def __init__(self, seed: int, only: Collection[str] = tuple(CALLS)) -> None:
        self._seed = seed
        self.only = frozenset(only)
        self._placed = {call: self._places(call, faults) for call, faults in CALLS.items()}

    def _places(self, call: str, faults: Sequence[Fault]) -> dict[int, Fault]:
        within = _PLACED_WITHIN.get(call, _FIRST)
        numbers = Random(f"places {self._seed} {call}").sample(range(1, within + 1), len(faults))
        return dict(zip(numbers, faults, strict=True))

    def at(self, call: str, number: int) -> Fault | None:
        """The fault of the `number`th call of its kind, the first being 1."""
        if call not in self.only:
            return None
        if placed := self._placed[call].get(number):
            return placed
        chance = Random(f"fault {self._seed} {call} {number}")
        return chance.choice(CALLS[call]) if chance.random() < _ODDS.get(call, _USUAL) else None

    def copy_comes_after(self, number: int) -> int:
        """In how many slots the second copy of the `number`th message is delivered; 0 is at once, beside the first."""
        chance = Random(f"copy {self._seed} {number}")
        return 0 if chance.random() < 0.5 else chance.randint(1, 9)

    def order_of(self, slot: int) -> Random:
        """Shuffles what comes late in a slot."""
        return Random(f"order {self._seed} {slot}")

    def fires_twice(self, schedule: str, number: int) -> bool:
        """Whether the `number`th run of a schedule starts twice at once."""
        return number == 2 or Random(f"fire {self._seed} {schedule} {number}").random() < 0.15
