"""Runs every small mutation of the three decisions against their tests, and accepts only survivors that are explained.

`make mutants`. `tests/mutants.toml` holds, for each survivor that changes nothing, the two lines and why. A survivor
that is not listed fails, and so does a listed one that is caught by now.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

MUTMUT = Path(sys.executable).with_name("mutmut")
EXPLAINED = Path(__file__).with_suffix(".toml")
LOG = Path("build/mutants.log")

type Change = tuple[str, str]


def main() -> int:
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w") as log:
        shown = None if sys.stdout.isatty() else log
        ran = subprocess.run([MUTMUT, "run", *sys.argv[1:]], stdout=shown, stderr=subprocess.STDOUT, check=False)
    if ran.returncode:
        print(f"mutants: mutmut failed, see {LOG}", file=sys.stderr)
        return 1
    survivors = {change(name): name for name in survived()}
    explained = {(c["was"], c["becomes"]) for c in tomllib.loads(EXPLAINED.read_text())["explained"]}
    for was, becomes in sorted(set(survivors) - explained):
        print(f"survived, and nobody says why: {survivors[was, becomes]}\n  - {was}\n  + {becomes}")
    for was, becomes in sorted(explained - set(survivors)):
        print(f"explained, but caught by now: take it out of {EXPLAINED.name}\n  - {was}\n  + {becomes}")
    print(f"mutants: {len(survivors)} survived, {len(set(survivors) & explained)} of them explained")
    return int(set(survivors) != explained)


def survived() -> list[str]:
    listed = subprocess.run([MUTMUT, "results"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^\s*(\S+): survived$", listed, re.MULTILINE)


def change(name: str) -> Change:
    """The line before and after."""
    diff = subprocess.run([MUTMUT, "show", name], capture_output=True, text=True, check=True).stdout
    was = re.findall(r"^-(?!--)(.*)$", diff, re.MULTILINE)
    becomes = re.findall(r"^\+(?!\+\+)(.*)$", diff, re.MULTILINE)
    return " ".join(line.strip() for line in was), " ".join(line.strip() for line in becomes)


if __name__ == "__main__":
    sys.exit(main())
