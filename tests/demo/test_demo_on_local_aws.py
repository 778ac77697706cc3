"""The demo as people run it, on a local AWS of its own: a few days, twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import LocalAws, free_port
from infra.local.deployment import SAM
from infra.local.emulator import EMULATOR
from tests.local_aws import require

pytestmark = [pytest.mark.local_aws, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
UNSET = {"PORTFOLIO": "", "FROM": "", "SKIP": "", "KEEP": "", "PORT": ""}


def demo(out: Path, days: int, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    require(EMULATOR, SAM)
    return subprocess.run(
        [sys.executable, "-m", "demo", "--days", str(days), "--out", str(out)],
        env=os.environ | UNSET | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_two_demos_come_to_the_same_and_leave_nothing_running(tmp_path: Path) -> None:
    port = free_port()

    first = demo(tmp_path / "first", 10, {"SKIP": "6-7", "PORT": str(port)})
    second = demo(tmp_path / "second", 10, {"SKIP": "6-7"})

    assert (first.returncode, first.stderr) == (0, "")
    assert (second.returncode, second.stderr) == (0, "")
    assert (tmp_path / "first/demo.json").read_bytes() == (tmp_path / "second/demo.json").read_bytes()
    assert (tmp_path / "first/report.html").read_bytes() == (tmp_path / "second/report.html").read_bytes()
    assert "no breach" in first.stdout
    assert not LocalAws(port).is_running()


def test_a_demo_that_fails_says_why_in_one_line_and_leaves_nothing_running(tmp_path: Path) -> None:
    """A day on which nothing is due: most functions have nothing to do."""
    port = free_port()

    done = demo(tmp_path, 1, {"PORT": str(port)})

    assert done.returncode == 1
    assert done.stderr.startswith("demo: never invoked: attempt_deductions")
    assert done.stderr.count("\n") == 1
    assert not LocalAws(port).is_running()
