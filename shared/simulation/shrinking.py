"""A failing seed told with the fewest faults: delta debugging over its fault plan.

A fault is a function of the seed, the call and the how manieth it is, so that leaving one out leaves the others where
they were. What is left breaks the same check, and each fault of it is needed, as far as the runs that are allowed tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from shared.simulation.eras import World
from shared.simulation.faults import Place
from shared.simulation.series import Result, run

MOST_RUNS = 60


def shrunk(failed: Result, world: World, most_runs: int = MOST_RUNS) -> Result:
    """The same breach after as few faults as could be found; the result itself where none of them could be left out."""
    found = [failed]

    def still_fails(places: Sequence[Place]) -> bool:
        result = run(replace(failed.task, only=frozenset(places)), world)  # as the line that is printed runs it
        if result.check != failed.check:
            return False
        found.append(result)
        return True

    fewest(_candidates(failed), still_fails, most_runs)
    return found[-1]


def _candidates(failed: Result) -> list[Sequence[Place]]:
    """What may do already: no fault at all, those in the story of the loan, and all of them."""
    return [(), failed.near, failed.drawn]


def fewest(
    candidates: Sequence[Sequence[Place]], still_fails: Callable[[Sequence[Place]], bool], most_runs: int
) -> Sequence[Place] | None:
    """The shortest list found that still fails, from the first candidate that does; None where none does."""
    left = most_runs
    for candidate in candidates:
        left -= 1
        if still_fails(candidate):
            return _without_parts(list(candidate), still_fails, left)
    return None


def _without_parts(places: list[Place], still_fails: Callable[[Sequence[Place]], bool], left: int) -> list[Place]:
    """Leaves out halves, then quarters, and so on down to single faults, whatever of them is not needed."""
    parts = 2
    while places and left > 0:
        size = -(-len(places) // parts)
        for start in range(0, len(places), size):
            fewer = places[:start] + places[start + size :]
            left -= 1
            if still_fails(fewer):
                places, parts = fewer, max(2, parts - 1)
                break
            if left <= 0:
                break
        else:
            if size == 1:
                break
            parts = min(len(places), parts * 2)
    return places
