"""`duebell simulate`: many seeded lives of a lender whose every port fails, and patches that must be noticed."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.adapters.clock import SystemClock
from shared.adapters.jinja_texts import fill
from shared.adapters.policy_files import PolicyFiles
from shared.cli.output import Json, complain, say, say_json
from shared.cli.rules import read_documents
from shared.domain.errors import InputError
from shared.simulation.breaks import BREAKS
from shared.simulation.eras import World
from shared.simulation.faults import CALLS, Place
from shared.simulation.report import Machine, Run, as_document, as_page, as_table
from shared.simulation.series import (
    DAYS,
    LOANS,
    Result,
    Sum,
    Task,
    all_caught,
    pairs,
    run,
    run_all,
)
from shared.simulation.shrinking import shrunk

_TOLD_EVERY = 20  # seconds
_MOST_FAILED = 10

Seeds = Annotated[int, typer.Option(help="How many.", min=1)]
Days = Annotated[int, typer.Option(help="Days of each life, before the quiet ones at its end.", min=1)]
Loans = Annotated[int, typer.Option(help="Loans of each life, at least.", min=1)]
Faults = Annotated[
    str, typer.Option(help="all, none, or the places that a failing seed printed.", metavar="all|none|CALL#N,...")
]
Seed = Annotated[int | None, typer.Option(help="This one alone, with its story where it fails.")]
Broken = Annotated[str | None, typer.Option("--break", help="With this patch of the workflows.", metavar="NAME")]
Start = Annotated[int, typer.Option(help="The first seed.", min=0)]
Jobs = Annotated[int, typer.Option(help="Processes.", min=1)]
Minutes = Annotated[int | None, typer.Option(help="Stop after so many, with the number of seeds reached.", min=1)]
Breaks = Annotated[
    int, typer.Option(help="Seeds to try each patch of the workflows on; 0: no patches.", min=0, metavar="SEEDS")
]
Shrink = Annotated[bool, typer.Option("--shrink/--no-shrink", help="Look for the fewest faults that a failure needs.")]
Report = Annotated[Path | None, typer.Option(help="Write the report there, as docs/reliability.md.", metavar="FILE")]


def world() -> World:
    """The packs that ship, for the simulated workers and for who judges them."""
    return World(read_documents(), PolicyFiles, fill)


def simulate_command(
    seeds: Seeds = 200,
    days: Days = DAYS,
    loans: Loans = LOANS,
    faults: Faults = "all",
    seed: Seed = None,
    broken_as: Broken = None,
    start: Start = 0,
    jobs: Jobs = 2,
    minutes: Minutes = None,
    breaks: Breaks = 0,
    shrink: Shrink = True,
    report: Report = None,
    as_json: Json = False,
) -> None:
    """Live through months with a lender whose every port fails, by seed, and look whether anything went wrong.

    Everything runs in memory, in virtual time: the real workflows and packs, models of gateway, providers, bank and
    borrowers. Exit code 1: a seed breached an invariant, a patch was noticed by nobody, or a fault never happened.
    """
    if broken_as is not None and broken_as not in BREAKS:
        raise InputError(f"--break {broken_as} is none of {', '.join(BREAKS)}")
    only = _places(faults)
    _check_report(report)
    if seed is not None:
        if breaks or report is not None:
            raise InputError(
                "--seed runs one seed alone, without --breaks and --report: or give --seeds 1 --start SEED"
            )
        raise typer.Exit(_one(Task(seed, loans, days, broken_as, only), shrink=shrink, as_json=as_json))
    began = time.monotonic()
    tasks = [Task(number, loans, days, broken_as, only) for number in range(start, start + seeds)]
    total = Sum()
    for result in _in_time(run_all(tasks, jobs, world), total, seeds, minutes):
        if result.breaches and not as_json:
            _tell(_shrunk(result, shrink=shrink), result.task)
    broke = time.monotonic()
    lasted = broke - began
    caught = tuple(all_caught(list(BREAKS), range(start, start + breaks), jobs, world, loans, days)) if breaks else ()
    patched = time.monotonic() - broke
    all_faults = _expects_all(total, only)
    done = Run(total, seeds, faults, caught, start, loans, days, jobs, lasted, patched, breaks, expects_all=all_faults)
    if as_json:
        say_json(as_document(done))
    else:
        say("\n".join(as_table(done)))
    if report is not None:
        _write(report, as_page(done, Machine.here(), SystemClock().now().date()))
    raise typer.Exit(0 if done.is_clean else 1)


def _in_time(results: Iterator[Result], total: Sum, seeds: int, minutes: int | None) -> Iterator[Result]:
    """Adds each to the total and says how far it is, until the time is over or too many have failed."""
    told = began = time.monotonic()
    for result in results:
        total.add(result)
        yield result
        if len(total.failed) >= _MOST_FAILED:
            complain(f"{_MOST_FAILED} seeds failed: stopping")
            return
        passed = time.monotonic() - began
        if minutes is not None and passed >= 60 * minutes:
            complain(f"{minutes} minutes are over: {total.seeds} of {seeds} seeds were reached")
            return
        if time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            complain(_so_far(total, seeds, passed))


def _check_report(report: Path | None) -> None:
    """Before hours are spent on it."""
    if report is not None and not report.parent.is_dir():
        raise InputError(f"--report {report}: there is no folder {report.parent}; make it, or name another")


def _write(report: Path, page: str) -> None:
    try:
        report.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--report {report}: it cannot be written ({error.strerror}); name another file") from error


def _places(text: str) -> frozenset[Place] | None:
    """The places at which faults are drawn; None for everywhere."""
    if text == "all":
        return None
    places = frozenset() if text == "none" else frozenset(text.split(","))
    for place in places:
        call, _, number = place.partition("#")
        if call not in CALLS or not number.isdigit():
            raise InputError(f"--faults {place}: write all, none, or places such as present#12")
    return places


def _expects_all(total: Sum, only: frozenset[Place] | None) -> bool:
    """Seeds enough to lean on every pair of call and fault twice: then each of them must have happened."""
    return only is None and total.seeds >= 2 * pairs()


def _one(task: Task, *, shrink: bool, as_json: bool) -> int:
    result = run(task, world())
    if result.breaches and task.only is None:
        result = _shrunk(result, shrink=shrink)
    if as_json:
        say_json(_seed_document(result))
    else:
        _tell(result, task)
    return 1 if result.breaches else 0


def _shrunk(result: Result, *, shrink: bool) -> Result:
    if not shrink:
        return result
    complain(f"seed {result.task.seed} failed ({result.breaches[0]}); looking for the fewest faults that it needs")
    return shrunk(result, world())


def _seed_document(result: Result) -> dict[str, Any]:
    return {
        "seed": result.task.seed,
        "again": result.task.line,
        "packs": result.era,
        "breaches": result.breaches,
        "faults": result.drawn,
        "story": result.story,
    }


def _tell(result: Result, asked: Task) -> None:
    """A seed as it was asked for; a failing one with the fewest faults that were found to do."""
    if not result.breaches:
        faults = sum(result.hits.values())
        say(
            f"seed {result.task.seed}: no breach; {result.charges} charges, {result.messages} messages, {faults} faults"
        )
        return
    say(f"seed {asked.seed} FAILS    again: {asked.line}")
    if result.task != asked:
        say(f"  with {len(result.drawn)} faults: {result.task.line}")
    for breach in result.breaches[:5]:
        say(f"  {breach}")
    for line in result.story:
        say(f"    {line}")


def _so_far(total: Sum, seeds: int, passed: float) -> str:
    left = passed / total.seeds * (seeds - total.seeds)
    return (
        f"{total.seeds} of {seeds} seeds in {passed:.0f} s, {left / 60:.0f} min to go; "
        f"{sum(total.tally.hits.values()):,} faults, {total.charges:,} charges, {len(total.failed)} failed"
    )
