"""Seeds, one after another or over several processes, and what they add up to."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context

from shared.adapters.policy_files import PolicyFiles, read_packs
from shared.cli.rules import read_rules
from shared.invariants.rules import RuleBook
from shared.simulation.actors import Baton
from shared.simulation.boundaries import of_loan
from shared.simulation.engine import Options, Simulation, Verdict
from shared.simulation.faults import CALLS, Fault, Tally
from tests.simulation.breaks import BREAKS, broken

_LOAN = 5  # characters of a simulated loan's id: l-001
_SHOWN = 40


@cache
def _world() -> tuple[PolicyFiles, Options]:
    packs = read_packs()
    products = [pack.id for pack in packs if pack.type == "product"]
    rails = [pack.id for pack in packs if pack.type == "rail"]
    return PolicyFiles(packs), Options(products, rails)


@cache
def _baton() -> Baton:
    return Baton()


@cache
def _rules() -> RuleBook:
    return read_rules()


@dataclass(frozen=True, slots=True)
class Task:
    """One seed to run, the workflows as they are or broken."""

    seed: int
    loans: int = 50
    days: int = 120
    broken_as: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a seed, small enough to cross a process; `story` is told only of a breach."""

    task: Task
    breaches: tuple[str, ...]
    story: tuple[str, ...]
    calls: Counter[str]
    hits: Counter[tuple[str, Fault]]
    counts: Counter[str]
    charges: int
    charged_minor: int

    @property
    def line(self) -> str:
        """What runs this seed alone again."""
        also = f" --break {self.task.broken_as}" if self.task.broken_as else ""
        size = (
            ""
            if (self.task.loans, self.task.days) == (50, 120)
            else f" --loans {self.task.loans} --days {self.task.days}"
        )
        return f'make faults ARGS="--seed {self.task.seed}{size}{also}"'


@dataclass(slots=True)
class Sum:
    """Everything that the seeds did."""

    seeds: int = 0
    tally: Tally = field(default_factory=Tally)
    counts: Counter[str] = field(default_factory=Counter)
    charges: int = 0
    charged_minor: int = 0
    failed: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.seeds += 1
        self.tally.calls += result.calls
        self.tally.hits += result.hits
        self.counts += result.counts
        self.charges += result.charges
        self.charged_minor += result.charged_minor
        if result.breaches:
            self.failed.append(result)

    @property
    def never(self) -> list[tuple[str, Fault]]:
        return self.tally.never()


def run(task: Task) -> Result:
    """One seed in this process."""
    shelf, options = _world()
    sized = Options(options.products, options.rails, task.loans, task.days)
    with broken(task.broken_as):
        simulation = Simulation(task.seed, sized, shelf, _rules(), _baton())
        verdict = simulation.run()
    return Result(
        task,
        tuple(f"{b.check}: {b.subject}: {b.problem}" for b in verdict.breaches),
        tuple(_story(verdict, simulation)) if verdict.breaches else (),
        verdict.tally.calls,
        verdict.tally.hits,
        verdict.counts,
        verdict.charges,
        verdict.charged_minor,
    )


def _story(verdict: Verdict, simulation: Simulation) -> Iterator[str]:
    yield f"{verdict.at:%Y-%m-%d %H:%M} UTC, {simulation.model.manners}"
    for error in simulation.lender.unexpected[:2]:
        yield f"{error.at:%m-%d %H:%M:%S} {error.job}: {error.error}"
    subject = verdict.breaches[0].subject
    start = subject.find("l-")
    if start < 0:
        return
    loan_id = subject[start : start + _LOAN]
    steps = list(of_loan(verdict.story, loan_id))
    yield f"loan {loan_id}, the last {min(_SHOWN, len(steps))} of {len(steps)} steps:"
    yield from (str(step) for step in steps[-_SHOWN:])


def run_all(tasks: Iterable[Task], jobs: int) -> Iterator[Result]:
    """Each task's result, in order."""
    if jobs == 1:
        yield from map(run, tasks)
        return
    with get_context("spawn").Pool(jobs, initializer=_nicely) as pool:
        yield from pool.imap(run, tasks, chunksize=4)


def _nicely() -> None:
    os.nice(5)


@dataclass(frozen=True, slots=True)
class Caught:
    """How a patch of the workflows was noticed: at which seed, and by which check."""

    name: str
    seed: int | None
    breach: str = ""


def first_caught(name: str, seeds: Sequence[int], loans: int = 50, days: int = 120) -> Caught:
    """The first seed that objects to the broken workflows, and does not to the real ones."""
    for seed in seeds:
        result = run(Task(seed, loans, days, name))
        noticed = [b for b in result.breaches if b.partition(":")[0] in BREAKS[name].noticed_by]
        if noticed and not run(Task(seed, loans, days)).breaches:
            return Caught(name, seed, noticed[0])
    return Caught(name, None)


def pairs() -> int:
    """How many pairs of call and fault there are to try."""
    return sum(len(faults) for faults in CALLS.values())
