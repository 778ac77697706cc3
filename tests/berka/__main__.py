"""`make berka`: the whole book in memory, a slice of it on a local AWS, each compared with the plain count by day."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from demo.driver import Lived, Plan
from demo.stack import Stack, StackError
from infra.local import LocalAws, LocalAwsError, free_port
from tests.berka.comparison import DAYS, FIRST_DAY, Comparison, compare, without_caps
from tests.data.berka import BerkaLoan, busiest, read_loans, write_portfolio
from tests.demo.memory_world import MemoryWorld

ROOT = Path(__file__).parents[2]
BESIDE = ROOT.parent / "shared" / "data" / "berka"
SLICE = Plan(FIRST_DAY, 21)
SLICE_LOANS = 60
PARAMETERS = {"VirtualTime": "on", "Schedules": "off", "AllowedPhones": "+447700900*"}


def main() -> int:
    data = Path(os.environ.get("DUEBELL_BERKA") or BESIDE)
    if not (data / "loan.asc").is_file():
        print(f"berka: there is no loan.asc in {data}: set DUEBELL_BERKA to the folder with the data", file=sys.stderr)
        return 2
    began = time.monotonic()
    loans = read_loans(data)
    try:
        agreed = [
            in_memory(loans, Plan(FIRST_DAY, DAYS)),
            on_local_aws(busiest(loans, SLICE.first_day, SLICE.days, SLICE_LOANS), SLICE),
        ]
    except (LocalAwsError, StackError) as error:
        print(f"berka: {error}", file=sys.stderr)
        return 1
    print(f"took {time.monotonic() - began:.0f} s")
    return 0 if all(agreed) else 1


def in_memory(loans: Sequence[BerkaLoan], plan: Plan) -> bool:
    announce(loans, plan, "through the workflows in memory, about half a minute")
    with tempfile.TemporaryDirectory() as folder:
        write_portfolio(loans, Path(folder), plan.first_day)
        world = MemoryWorld(plan.morning(), without_caps())
        world.import_from(Path(folder))
        return agrees(compare(loans, world, plan, tick))


def on_local_aws(loans: Sequence[BerkaLoan], plan: Plan) -> bool:
    announce(loans, plan, "through the functions on a local AWS, about two minutes")
    with tempfile.TemporaryDirectory() as folder, LocalAws(free_port()) as aws:
        stack = Stack(aws, aws.deploy(PARAMETERS, plan.morning()))
        write_portfolio(loans, Path(folder), plan.first_day)
        duebell = [sys.executable, "-m", "shared.cli.main", "import", "--dir", folder]
        done = subprocess.run(duebell, check=False, cwd=ROOT, env=aws.environment, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise StackError("the import of the slice failed, as said above")
        return agrees(compare(loans, stack, plan, tick))


def announce(loans: Sequence[BerkaLoan], plan: Plan, how: str) -> None:
    print(f"{len(loans)} loans from {plan.first_day} to {plan.last_day} {how}", flush=True)


def tick(lived: Lived) -> None:
    """One dot a week, where somebody is looking."""
    if lived.number % 7 == 0 and sys.stderr.isatty():
        print(".", end="", file=sys.stderr, flush=True)


def agrees(comparison: Comparison) -> bool:
    """Prints both totals, and every day on which they differ."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(f"  {'':24}{'counted':>9}{'happened':>10}")
    for kind, what, counted, happened in comparison.totals():
        print(f"  {f'{kind} {what}':24}{counted:>9}{happened:>10}")
    print(f"  {'all':24}{comparison.expected.total():>9}{comparison.happened.total():>10}")
    for difference in comparison.differences:
        print(f"  differs: {difference}")
    print(
        "  every day agrees" if not comparison.differences else f"  {len(comparison.differences)} differences",
        flush=True,
    )
    return not comparison.differences


if __name__ == "__main__":
    sys.exit(main())
