"""What every call over a boundary passes through, and the smaller ports behind it: queue, switches, workers' clocks.

Nothing here decides for the workflows; a call that is let through reaches the real adapter or a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from shared.adapters.memory.world import FixedClock, MemoryQueue, MemorySwitches
from shared.domain.book import AuditEntry, Line
from shared.domain.errors import StoreError
from shared.domain.switches import NEVER_WRITTEN, Switches
from shared.simulation.actors import Baton
from shared.simulation.faults import CrashError, Fault, Plan
from shared.simulation.story import Step

MOST_APART = 20.0
"""Seconds that a worker's clock is from the true time at most: far more than a cloud's clocks are."""


@dataclass(slots=True)
class Boundary:
    """Everything that crosses one goes through here: others may run first, a fault may be drawn, the call is noted."""

    baton: Baton
    plan: Plan
    clock: FixedClock
    story: list[Step] = field(default_factory=list)

    def reach(self, call: str, detail: object = None) -> Fault | None:
        """Called before the act. Raises CrashError where the process dies before it."""
        try:
            self.baton.pause()
        except CrashError:
            self.plan.note(call, Fault.KILLED)
            self.note(call, detail, Fault.KILLED)
            raise
        fault = self.plan.draw(call)
        if fault or detail is not None:
            self.note(call, detail, fault)
        if fault is Fault.CRASH_BEFORE:
            raise CrashError
        return fault

    def left(self, fault: Fault | None) -> None:
        """Called after the act. Raises CrashError where the process dies after it."""
        if fault is Fault.CRASH_AFTER:
            raise CrashError

    def note(self, call: str, detail: object, fault: Fault | None = None) -> None:
        place = self.plan.place(call) if fault and fault is not Fault.KILLED else None
        self.story.append(Step(self.clock.at, self.baton.name, call, detail, fault, place))


class SimulatedQueue:
    """WorkQueue."""

    def __init__(self, queue: MemoryQueue, boundary: Boundary) -> None:
        self._queue = queue
        self._boundary = boundary

    def send(self, line: Line, keys: Sequence[str], run: str) -> int:
        fault = self._boundary.reach("queue hints")
        if fault is Fault.NO_ANSWER:
            raise StoreError("simulated: not queued")
        sent = self._queue.send(line, keys, run)
        if fault is Fault.ANSWER_LOST:
            raise StoreError("simulated: queued or not")
        self._boundary.left(fault)
        return sent

    def depth(self, line: Line) -> int:
        return self._queue.depth(line)


class SimulatedSwitches:
    """SwitchBoard. One that cannot be read stops everything, as the port says."""

    def __init__(self, switches: MemorySwitches, boundary: Boundary) -> None:
        self._switches = switches
        self._boundary = boundary

    def read(self, *, fresh: bool = False) -> Switches:
        fault = self._boundary.reach("read switches")
        return NEVER_WRITTEN if fault is Fault.UNREADABLE else self._switches.read(fresh=fresh)

    def write(self, switches: Switches, was: Switches, note: AuditEntry) -> bool:
        return self._switches.write(switches, was, note)


class SkewedClock:
    """Clock. An invocation's own may go ahead of the true time or behind it, by seconds, as long as it lives."""

    def __init__(self, boundary: Boundary, chance: Random) -> None:
        self._boundary = boundary
        self._chance = chance

    def now(self) -> datetime:
        at, job = self._boundary.clock.at, self._boundary.baton.job
        if job is None:
            return at
        if job.clock_off is None:
            skewed = self._boundary.plan.draw("read clock") is Fault.SKEWED
            job.clock_off = timedelta(seconds=self._chance.uniform(-MOST_APART, MOST_APART) if skewed else 0)
        return at + job.clock_off
