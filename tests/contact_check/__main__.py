"""`make contact-check`: many decisions of the contact line, judged by code that shares nothing with what decides."""

import argparse
import json
import sys
import time
from collections.abc import Sequence

from tests.contact_check.lives import Lived, live
from tests.contact_check.planted import PLANTED
from tests.contact_check.probes import ask_all
from tests.contact_check.report import Report
from tests.contact_check.runs import results

_HOURS = 40
_EVERY_SECONDS = 20


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _asked(arguments)
    if asked.life is not None:
        return _tell(live(asked.seed, asked.life, fault=asked.fault))
    started, used = time.monotonic(), 0.0
    told, lives = started, Lived()
    for lived, seconds in results(asked.seed, asked.decisions, asked.jobs, asked.fault):
        used += seconds
        lives.add(lived)
        if time.monotonic() - told > _EVERY_SECONDS:
            told = time.monotonic()
            print(_progress(lives, asked.decisions, told - started), file=sys.stderr, flush=True)
    report = Report(asked.seed, lives, ask_all(asked.seed, _HOURS, asked.fault))
    if asked.json:
        print(json.dumps(report.document(), indent=1, ensure_ascii=False))
    else:
        print(*report.lines(), sep="\n")
    rate = lives.decisions.total() / used
    print(f"{time.monotonic() - started:.0f} s; {rate:,.0f} decisions a second of one core, judged", file=sys.stderr)
    return 1 if report.failed else 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make contact-check ARGS=…", description=__doc__)
    parser.add_argument("--decisions", type=int, default=100_000, help="how many (make contact-check N=1000000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--life", type=int, help="this one alone, as a WRONG line names it")
    parser.add_argument("--fault", choices=sorted(PLANTED), help="with this fault planted, to see it caught")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _progress(lives: Lived, wanted: int, seconds: float) -> str:
    done = lives.decisions.total()
    left = seconds / done * (wanted - done)
    return f"{done:,} of {wanted:,} in {seconds:.0f} s, {left:.0f} s to go; {len(lives.faults):,} wrong"


def _tell(lived: Lived) -> int:
    for (home, outcome, reason), count in sorted(lived.decisions.items()):
        print(f"{home:<16} {outcome:<8} {reason:<24} {count:>4}")
    print(*lived.faults, sep="\n")
    return 1 if lived.faults else 0


if __name__ == "__main__":
    sys.exit(main())
