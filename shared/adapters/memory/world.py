"""The world around the book, in memory: a clock that is set by hand, queues, switches, tokens."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, count
from threading import Lock

from shared.domain.book import AuditEntry, Line
from shared.domain.switches import ALL_ON, Switches
from shared.ports.world import HINTS_PER_MESSAGE


class FixedClock:
    """Stands still until it is set or advanced. The instant is aware and in UTC."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def set(self, at: datetime) -> None:
        self.at = at

    def advance(self, by: timedelta) -> datetime:
        self.at += by
        return self.at


class CountingTokens:
    """T1, T2, ...: each is given once, to whichever thread asks. Two stores need two prefixes."""

    def __init__(self, prefix: str = "T") -> None:
        self._prefix = prefix
        self._numbers = count(1)
        self._lock = Lock()

    def fresh(self) -> str:
        with self._lock:
            return f"{self._prefix}{next(self._numbers)}"


class CountingCodes:
    """100001, 100002, ...; a test knows what was sent."""

    def __init__(self) -> None:
        self._numbers = count(100_001)

    def fresh(self) -> str:
        return str(next(self._numbers))


@dataclass(frozen=True, slots=True)
class Hints:
    """One queued message: at most 20 keys of a line, and the run that sent them."""

    line: Line
    keys: tuple[str, ...]
    run: str


class MemorySwitches:
    """The board in memory; all on by default, unlike a stack's."""

    def __init__(self, switches: Switches = ALL_ON) -> None:
        self._switches = switches
        self._lock = Lock()
        self.notes: list[AuditEntry] = []

    def read(self, *, fresh: bool = False) -> Switches:  # noqa: ARG002 - here it always is
        return self._switches

    def write(self, switches: Switches, was: Switches, note: AuditEntry) -> bool:
        with self._lock:
            if self._switches != was:
                return False
            self._switches = switches
            self.notes.append(note)
            return True

    def set(self, switches: Switches) -> None:
        self._switches = switches

    def stored(self) -> Switches:
        return self._switches


class MemoryQueue:
    """One first-in-first-out queue for each line. A received message is gone: to deliver twice, send twice."""

    def __init__(self) -> None:
        self._queues: dict[Line, deque[Hints]] = {line: deque() for line in Line}

    def send(self, line: Line, keys: Sequence[str], run: str) -> int:
        messages = [Hints(line, part, run) for part in batched(keys, HINTS_PER_MESSAGE, strict=False)]
        self._queues[line].extend(messages)
        return len(messages)

    def depth(self, line: Line) -> int:
        return len(self._queues[line])

    def receive(self, line: Line) -> Hints | None:
        """The oldest message, None when nothing waits."""
        try:
            return self._queues[line].popleft()
        except IndexError:
            return None
