"""Seeds, one after another or over several processes, and what they add up to."""

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from shlex import quote

from shared.simulation.actors import Baton
from shared.simulation.breaks import BREAKS, broken
from shared.simulation.engine import Options, Simulation, Verdict
from shared.simulation.eras import World
from shared.simulation.faults import CALLS, Fault, Place, Tally
from shared.simulation.story import named_in, of_subject

LOANS, DAYS = 50, 120
_SHOWN = 40
_BATON: list[Baton] = []

type WorldOf = Callable[[], World]
"""Makes the world of a process; a function of a module, so that other processes find it by its name."""


@dataclass(frozen=True, slots=True)
class Task:
    """One seed to run, the workflows as they are or broken, with all faults or only those at some places."""

    seed: int
    loans: int = LOANS
    days: int = DAYS
    broken_as: str | None = None
    only: frozenset[Place] | None = None

    @property
    def line(self) -> str:
        """What runs this seed alone again."""
        size = "" if (self.loans, self.days) == (LOANS, DAYS) else f" --loans {self.loans} --days {self.days}"
        also = f" --break {self.broken_as}" if self.broken_as else ""
        if self.only is not None:
            also += f" --faults {quote(','.join(sorted(self.only)) or 'none')}"
        return f"duebell simulate --seed {self.seed}{size}{also}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a seed, small enough to cross a process; `story` is told only of a breach."""

    task: Task
    era: str
    breaches: tuple[str, ...]
    story: tuple[str, ...]
    drawn: tuple[Place, ...]  # the places of all faults that were drawn, in order; told only of a breach
    near: tuple[Place, ...]  # those of them that stand in the story of the loan
    calls: Counter[str]
    hits: Counter[tuple[str, Fault]]
    counts: Counter[str]
    charges: int
    charged_minor: int
    returned_minor: int
    transferred_minor: int
    messages: int
    lived: timedelta

    @property
    def check(self) -> str:
        """The check that the first breach is of."""
        return self.breaches[0].partition(":")[0] if self.breaches else ""


@dataclass(slots=True)
class Sum:
    """Everything that the seeds did."""

    seeds: int = 0
    tally: Tally = field(default_factory=Tally)
    counts: Counter[str] = field(default_factory=Counter)
    eras: Counter[str] = field(default_factory=Counter)
    charges: int = 0
    charged_minor: int = 0
    returned_minor: int = 0
    transferred_minor: int = 0
    messages: int = 0
    lived: timedelta = timedelta()
    failed: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.seeds += 1
        self.tally.calls += result.calls
        self.tally.hits += result.hits
        self.counts += result.counts
        self.eras[result.era] += 1
        self.charges += result.charges
        self.charged_minor += result.charged_minor
        self.returned_minor += result.returned_minor
        self.transferred_minor += result.transferred_minor
        self.messages += result.messages
        self.lived += result.lived
        if result.breaches:
            self.failed.append(result)

    @property
    def years(self) -> float:
        """Virtual years of the lender."""
        return self.lived / timedelta(days=365.25)

    @property
    def never(self) -> list[tuple[str, Fault]]:
        return self.tally.never()


def run(task: Task, world: World) -> Result:
    """One seed in this process, checked alike whether the workflows are broken on purpose or as they are."""
    era = world.era(task.seed)
    options = Options(world.names("product"), world.names("rail"), task.loans, task.days, only=task.only)
    with broken(task.broken_as):
        simulation = Simulation(task.seed, options, era, world.fill, _baton())
        verdict = simulation.run()
    subject = named_in(verdict.breaches[0].subject) if verdict.breaches else ""
    story = list(of_subject(verdict.story, subject)) if subject else []
    return Result(
        task,
        era.name.value,
        tuple(f"{b.check}: {b.subject}: {b.problem}" for b in verdict.breaches),
        (*_head(verdict, simulation), *_tail(subject, [str(step) for step in story])) if verdict.breaches else (),
        tuple(verdict.drawn) if verdict.breaches else (),
        tuple(step.place for step in story if step.place),
        verdict.tally.calls,
        verdict.tally.hits,
        verdict.counts,
        verdict.charges,
        verdict.charged_minor,
        verdict.returned_minor,
        verdict.transferred_minor,
        verdict.messages,
        verdict.lived,
    )


def _baton() -> Baton:
    """One for each process: its threads are kept."""
    if not _BATON:
        _BATON.append(Baton())
    return _BATON[0]


def _head(verdict: Verdict, simulation: Simulation) -> Iterator[str]:
    manners = simulation.model.manners
    final = "final" if manners.not_found_is_final else "not final"
    yield f"{verdict.at:%Y-%m-%d %H:%M} UTC; a gateway whose keys live {manners.key_life}, whose not-found is {final}"
    for error in simulation.lender.unexpected[:2]:
        yield f"{error.at:%m-%d %H:%M:%S} {error.job}: {error.error}"


def _tail(subject: str, steps: Sequence[str]) -> Iterator[str]:
    if subject:
        yield f"{subject}, the last {min(_SHOWN, len(steps))} of {len(steps)} steps:"
        yield from steps[-_SHOWN:]


def run_all(tasks: Iterable[Task], jobs: int, world_of: WorldOf) -> Iterator[Result]:
    """Each task's result, in order."""
    if jobs == 1:
        world = world_of()
        for task in tasks:
            yield run(task, world)
        return
    with get_context("spawn").Pool(jobs, _begin, (world_of,)) as pool:
        yield from pool.imap(_run, tasks, chunksize=2)


_WORLD: list[World] = []
_COLLECTED_EVERY = 8


def _begin(world_of: WorldOf) -> None:
    os.nice(5)
    _WORLD.append(world_of())
    gc.disable()  # a life leaves some megabytes of cycles, and to look for them all along takes a tenth of its time


def _run(task: Task) -> Result:
    result = run(task, _WORLD[0])
    _collect(task.seed)
    return result


def _collect(seed: int) -> None:
    if seed % _COLLECTED_EVERY == 0:
        gc.collect()


@dataclass(frozen=True, slots=True)
class Caught:
    """How a patch of the workflows was noticed: at which seed, and by which check."""

    name: str
    seed: int | None
    breach: str = ""


def first_caught(name: str, seeds: Sequence[int], world: World, loans: int = LOANS, days: int = DAYS) -> Caught:
    """The first seed that objects to the broken workflows, and does not to the real ones."""
    for seed in seeds:
        result = run(Task(seed, loans, days, name), world)
        noticed = [b for b in result.breaches if b.partition(":")[0] in BREAKS[name].noticed_by]
        if noticed and not run(Task(seed, loans, days), world).breaches:
            return Caught(name, seed, noticed[0])
    return Caught(name, None)


def all_caught(
    names: Sequence[str], seeds: Sequence[int], jobs: int, world_of: WorldOf, loans: int = LOANS, days: int = DAYS
) -> Iterator[Caught]:
    """For each patch the first seed that objects to it."""
    if jobs == 1:
        world = world_of()
        yield from (first_caught(name, seeds, world, loans, days) for name in names)
        return
    with get_context("spawn").Pool(jobs, _begin, (world_of,)) as pool:
        yield from pool.imap(_catch, [(name, seeds, loans, days) for name in names])


def _catch(asked: tuple[str, Sequence[int], int, int]) -> Caught:
    gc.enable()
    name, seeds, loans, days = asked
    return first_caught(name, seeds, _WORLD[0], loans, days)


def pairs() -> int:
    """How many pairs of call and fault there are to try."""
    return sum(len(faults) for faults in CALLS.values())
