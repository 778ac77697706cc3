"""Lives one after the other, or over several processes; what they come to is the same."""

import time
from collections.abc import Iterator
from multiprocessing import get_context

from tests.contact_check.lives import EACH, Lived, live

_LIVES_IN_ONE_GO = 25

type Task = tuple[int, int, int, int, str | None]
"""Seed, first life and the one after the last, decisions in all, planted fault."""


def results(seed: int, decisions: int, jobs: int = 1, fault: str | None = None) -> Iterator[tuple[Lived, float]]:
    """Some lives at a time and the CPU seconds that they took, in the order of the lives."""
    lives = -(-decisions // EACH)
    starts = range(0, lives, _LIVES_IN_ONE_GO)
    tasks = [(seed, n, min(n + _LIVES_IN_ONE_GO, lives), decisions, fault) for n in starts]
    if jobs == 1:
        yield from map(_run, tasks)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_run, tasks)


def _run(task: Task) -> tuple[Lived, float]:
    seed, first, end, decisions, fault = task
    started, found = time.process_time(), Lived()
    for number in range(first, end):
        found.add(live(seed, number, min(EACH, decisions - number * EACH), fault))
    return found, time.process_time() - started
