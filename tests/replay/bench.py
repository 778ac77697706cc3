"""How fast and how big a replay is: a portfolio made by seed, played in a process of its own and measured.

    python -m tests.replay.bench --borrowers 30000

Each borrower has one loan with a bill a month: six bills, played over seven months. Most pay in time, some late, in
parts or never; a third are debited under a mandate. CPU seconds and peak memory are those of the whole command, which
runs on one core. What takes more than the budget ends with 1.
"""

import argparse
import os
import subprocess
import sys
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from timeit import repeat

from shared.domain.portfolio import BORROWERS, COLUMNS, INSTALMENTS, LOANS, MANDATES, PAYMENTS

FIRST, LAST = date(2026, 1, 1), date(2026, 7, 31)
BILLS = 6
WHOLE, SECONDS, MEBIBYTES = 30_000, 600, 2_000_000_000 / 2**20
"""The budget: so many borrowers in ten minutes of one core and two gigabytes."""

_LATE_DAYS = (*[0] * 60, *[2] * 10, *[12] * 10, *[40] * 8, *[None] * 12)
"""How many days after the due day each of a hundred borrowers pays a bill; None: never."""


def write_portfolio(folder: Path, borrowers: int, seed: int = 1) -> Path:
    """The files of an import; the same for the same number and seed."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {name: [",".join(columns) + "\n"] for name, columns in COLUMNS.items()}
    random = Random(seed)
    for number in range(borrowers):
        for name, line in _borrower(number, random):
            parts[name].append(line + "\n")
    for name, lines in parts.items():
        (folder / name).write_text("".join(lines), encoding="utf-8")
    return folder


def _borrower(number: int, random: Random) -> Iterator[tuple[str, str]]:
    one, loan = f"b-{number:06d}", f"l-{number:06d}"
    yield BORROWERS, f"{one},Name {number},+86138{number:08d},zh-CN,Asia/Shanghai,CN"
    bill = random.randrange(200, 5000)
    yield LOANS, f"{loan},{one},jiebei,CNY,2025-12-15,{BILLS * bill}.00"
    is_debited = random.random() < 1 / 3
    if is_debited:
        account = random.choice(("paid", "paid", "paid", "insufficient", "pending"))
        yield MANDATES, f"m-{number:06d},{loan},stub,{account}-{number},2025-12-15,active"
    late = random.choice(_LATE_DAYS)
    day = random.randrange(1, 29)
    for place in range(1, BILLS + 1):
        due = date(2026, place, min(day, monthrange(2026, place)[1]))
        yield INSTALMENTS, f"{loan},{place},{due},{bill}.00,{bill // 50}.00,0.00"
        if not is_debited and late is not None:
            paid = due + timedelta(days=late)
            yield PAYMENTS, f"p-{number:06d}-{place},{loan},{bill + bill // 50}.00,{paid}"


def measured(borrowers: int, seed: int) -> tuple[float, float]:
    """CPU seconds and peak mebibytes of a replay in a process of its own."""
    with TemporaryDirectory() as place:
        folder, out = write_portfolio(Path(place) / "in", borrowers, seed), Path(place) / "out"
        days = ("--from", str(FIRST), "--to", str(LAST))
        command = (sys.executable, "-m", "shared.cli.main", "replay", "--dir", str(folder), *days, "--out", str(out))
        with (Path(place) / "said").open("w") as said, subprocess.Popen(command, stdout=said) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"the replay ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def budget(borrowers: int) -> tuple[float, float]:
    """CPU seconds and mebibytes that so many borrowers may take: those of `WHOLE`, by the number.

    A process takes time and room before its first borrower: few of them have a tenth of the time, and all of the room.
    """
    share = borrowers / WHOLE
    return SECONDS * max(0.1, share), MEBIBYTES * max(1, share)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.replay.bench")
    parser.add_argument("--borrowers", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    seconds, mebibytes = measured(asked.borrowers, asked.seed)
    allowed = budget(asked.borrowers)
    print(f"{asked.borrowers:>6} borrowers: {seconds:6.1f} CPU seconds, {mebibytes:5.0f} MiB at most")
    print(f"       the budget: {allowed[0]:6.1f} CPU seconds, {allowed[1]:5.0f} MiB")
    loop = min(repeat("for i in range(10**7): pass", number=1, repeat=3))
    print(f"ten million turns of an empty loop take {loop:.2f} s here and now; 0.12 s on a quiet core of 2026")
    return int(seconds > allowed[0] or mebibytes > allowed[1])


if __name__ == "__main__":
    sys.exit(main())
