"""`make faults`: many seeds of a lender whose every port fails, and patches of its workflows that must be noticed."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context

from tests.simulation.breaks import BREAKS
from tests.simulation.runs import Caught, Result, Sum, Task, first_caught, pairs, run, run_all

_EVERY_SECONDS = 20
_SEEDS_FOR_A_BREAK = 60


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _asked(arguments)
    if asked.seed is not None:
        return _one(Task(asked.seed, asked.loans, asked.days, asked.broken_as), as_json=asked.json)
    total, started = _series(asked)
    caught = [] if asked.no_breaks else _breaks(asked)
    missing = total.never if total.seeds >= 2 * pairs() else []
    if asked.json:
        print(json.dumps(_document(total, caught, missing), indent=1))
    else:
        _table(total, caught, time.monotonic() - started)
    lost = [one for one in caught if one.seed is None]
    return 1 if total.failed or lost or missing else 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults ARGS=…", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (make faults SEEDS=5000)")
    parser.add_argument("--start", type=int, default=0, help="the first one")
    parser.add_argument("--seed", type=int, help="this one alone, with its story where it fails")
    parser.add_argument("--loans", type=int, default=50)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--break", dest="broken_as", choices=sorted(BREAKS), help="with this patch of the workflows")
    parser.add_argument("--no-breaks", action="store_true", help="without the patches")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the tenth failing seed")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _one(task: Task, *, as_json: bool) -> int:
    result = run(task)
    if as_json:
        print(json.dumps({"seed": task.seed, "breaches": result.breaches, "story": result.story}, indent=1))
    else:
        _tell(result)
    return 1 if result.breaches else 0


def _tell(result: Result) -> None:
    if not result.breaches:
        print(f"seed {result.task.seed}: no breach; {result.charges} charges, {sum(result.hits.values())} faults")
        return
    print(f"seed {result.task.seed} FAILS    again: {result.line}")
    for breach in result.breaches[:5]:
        print(f"  {breach}")
    for line in result.story:
        print(f"    {line}")


def _series(asked: argparse.Namespace) -> tuple[Sum, float]:
    total, started = Sum(), time.monotonic()
    told = started
    seeds = range(asked.start, asked.start + asked.seeds)
    for result in run_all((Task(seed, asked.loans, asked.days, asked.broken_as) for seed in seeds), asked.jobs):
        total.add(result)
        if result.breaches and not asked.json:
            _tell(result)
        if len(total.failed) >= 10 and not asked.keep_going:
            print("ten seeds failed: stopping (--keep-going goes on)", file=sys.stderr)
            break
        if time.monotonic() - told > _EVERY_SECONDS:
            told = time.monotonic()
            print(_progress(total, asked.seeds, told - started), file=sys.stderr, flush=True)
    return total, started


def _progress(total: Sum, seeds: int, seconds: float) -> str:
    left = seconds / total.seeds * (seeds - total.seeds)
    return (
        f"{total.seeds} of {seeds} seeds in {seconds:.0f} s, {left / 60:.0f} min to go; "
        f"{sum(total.tally.hits.values()):,} faults, {total.charges:,} charges, {len(total.failed)} failed"
    )


def _breaks(asked: argparse.Namespace) -> list[Caught]:
    seeds = range(asked.start, asked.start + _SEEDS_FOR_A_BREAK)
    one = partial(first_caught, seeds=seeds, loans=asked.loans, days=asked.days)
    if asked.jobs == 1:
        return [one(name) for name in BREAKS]
    with get_context("spawn").Pool(asked.jobs) as pool:
        return pool.map(one, BREAKS, chunksize=1)


def _table(total: Sum, caught: Sequence[Caught], seconds: float) -> None:
    print(
        f"\n{total.seeds} seeds in {seconds:.0f} s: {total.charges:,} charges, {total.charged_minor / 100:,.2f} in all"
    )
    print(f"{sum(total.tally.calls.values()):,} port calls, {sum(total.tally.hits.values()):,} faults\n")
    tally = total.tally
    for call in sorted(tally.calls | {name: 0 for name, _ in tally.hits}, key=lambda name: (-tally.calls[name], name)):
        hits = {fault: count for (name, fault), count in tally.hits.items() if name == call}
        told = ", ".join(f"{fault} {count:,}" for fault, count in sorted(hits.items()))
        print(f"{call:<30} {tally.calls[call]:>12,}  {told}")
    missing = total.never
    if missing:
        word = "NEVER HAPPENED" if total.seeds >= 2 * pairs() else "not reached in so few seeds"
        print(f"\n{word}: " + "; ".join(f"{call}: {fault}" for call, fault in missing))
    for one in caught:
        found = f"caught by seed {one.seed}: {one.breach}" if one.seed is not None else "NOT CAUGHT"
        print(f"broken as {one.name:<28} {found}")
    print(f"\n{len(total.failed)} of {total.seeds} seeds breached an invariant")
    for result in total.failed:
        print(f"  {result.breaches[0]}    {result.line}")


def _document(total: Sum, caught: Sequence[Caught], missing: Sequence[tuple[str, str]]) -> dict[str, object]:
    return {
        "seeds": total.seeds,
        "charges": total.charges,
        "charged_minor": total.charged_minor,
        "calls": dict(total.tally.calls),
        "faults": [{"call": c, "fault": f, "count": n} for (c, f), n in sorted(total.tally.hits.items())],
        "never": [{"call": call, "fault": fault} for call, fault in missing],
        "breaks": [asdict(one) for one in caught],
        "failed": [
            {"seed": r.task.seed, "again": r.line, "breaches": r.breaches, "story": r.story} for r in total.failed
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
