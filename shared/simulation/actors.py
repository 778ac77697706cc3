"""Workers that take turns: each a thread that runs only while it holds the baton, from one port call to the next.

The workflows are plain functions, so that nothing but a thread can stop one in its middle. Only one runs at a time and
the order is drawn from the seed: the same seed gives the same interleaving.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from threading import Lock, Thread

from shared.simulation.faults import CrashError


@dataclass(slots=True, eq=False)
class Job:
    """One invocation: what it is called, and what it does. `must_arrive`: it is repeated until it ends well."""

    name: str
    run: Callable[[], None]
    must_arrive: bool = False
    clock_off: timedelta | None = None  # how far its own clock is from the true time, once it has read it


class _Actor:
    """A thread kept for the next job when one is over."""

    def __init__(self, baton: "Baton") -> None:
        self._baton = baton
        self._turn = Lock()
        self._turn.acquire()
        self.job: Job | None = None
        self.doomed = False
        self.done = False
        self.error: BaseException | None = None
        Thread(target=self._live, daemon=True).start()

    def begin(self, job: Job) -> None:
        self.job, self.doomed, self.done, self.error = job, False, False, None

    def turn(self) -> None:
        """Lets it run to its next port call; called by whoever holds the stage."""
        self._turn.release()
        self._baton.back.acquire()

    def pause(self) -> None:
        """Gives the baton back and waits for the next turn; called within its own thread."""
        self._baton.back.release()
        self._turn.acquire()
        if self.doomed:
            raise CrashError

    def _live(self) -> None:
        while True:
            self._turn.acquire()
            try:
                if self.doomed:  # killed before its first call: all that it was to do is left
                    self.error = CrashError()
                elif self.job:
                    self.job.run()
            except BaseException as error:  # noqa: BLE001 - the thread's edge: the stage raises it
                self.error = error
            self.done = True
            self._baton.back.release()


class Baton:
    """`job` is the one that runs now."""

    def __init__(self) -> None:
        self.back = Lock()
        self.back.acquire()
        self.job: Job | None = None
        self._running: _Actor | None = None
        self._idle: list[_Actor] = []

    def pause(self) -> None:
        """A port call begins: in a race, somebody else may be next."""
        if self._running:
            self._running.pause()

    @property
    def name(self) -> str:
        return self.job.name if self.job else ""

    @property
    def racing(self) -> bool:
        return self._running is not None

    def race(
        self, jobs: list[Job], chance: Random, between: Callable[[], tuple[list[Job], bool]]
    ) -> Iterator[tuple[Job, BaseException | None]]:
        """Runs jobs at once; yields each with the error that ended it.

        After each turn `between` says which jobs join, and whether all that run now are killed.
        """
        live = [self._actor(job) for job in jobs]
        while live:
            actor = chance.choice(live)
            self._running, self.job = actor, actor.job
            actor.turn()
            self._running, self.job = None, None
            if actor.done:
                live.remove(actor)
                self._idle.append(actor)
                if actor.job:
                    yield actor.job, actor.error
            if not live:
                break
            joining, killed = between()
            for actor in live:
                actor.doomed = actor.doomed or killed
            live += [self._actor(job) for job in joining]

    def straight(self, job: Job) -> BaseException | None:
        """Runs a job alone, in this thread."""
        self.job = job
        try:
            job.run()
        except (Exception, CrashError) as error:  # noqa: BLE001 - the invocation's edge: the engine judges it
            return error
        finally:
            self.job = None
        return None

    def _actor(self, job: Job) -> _Actor:
        actor = self._idle.pop() if self._idle else _Actor(self)
        actor.begin(job)
        return actor
