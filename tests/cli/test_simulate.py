"""`duebell simulate`: what it prints, what it exits with, and the page that it writes."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Duebell

SMALL = ("simulate", "--loans", "5", "--days", "20", "--jobs", "1")


def test_a_clean_series_ends_with_0_and_says_what_it_did_not_exercise(duebell: Duebell) -> None:
    ran = duebell(*SMALL, "--seeds", "2")
    assert ran.code == 0
    assert "0 of 2 seeds breached an invariant" in ran.out
    assert "not exercised: " in ran.out


def test_a_page_is_written_with_the_numbers_of_the_run(duebell: Duebell, tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    ran = duebell(*SMALL, "--seeds", "2", "--report", str(page), "--json")
    document = json.loads(ran.out)
    text = page.read_text(encoding="utf-8")
    assert ran.code == 0
    assert document["clean"] is True
    assert "| seeds | 2, from 0; each at least 5 loans and 20 days |" in text
    assert "| seeds with a violation | **0** |" in text
    assert "duebell simulate --seeds 2 --start 0 --loans 5 --days 20 --faults all" in text


def test_a_patch_makes_a_seed_fail_and_the_line_says_how_to_see_it_again(duebell: Duebell) -> None:
    patched = ("--loans", "20", "--days", "75", "--break", "claim-after-act", "--seed", "0")
    ran = duebell("simulate", *patched, "--no-shrink")
    assert ran.code == 1
    assert "seed 0 FAILS    again: duebell simulate --seed 0 --loans 20 --days 75 --break claim-after-act" in ran.out
    assert "requests-were-claimed" in ran.out


def test_a_page_that_cannot_be_written_costs_nobody_the_result(duebell: Duebell, tmp_path: Path) -> None:
    ran = duebell(*SMALL, "--seeds", "1", "--report", str(tmp_path))
    assert ran.code == 2
    assert "0 of 1 seeds breached an invariant" in ran.out
    assert f"--report {tmp_path}: it cannot be written" in ran.err


def test_a_failing_series_prints_the_line_with_the_faults_that_were_asked_for(duebell: Duebell) -> None:
    patched = ("--loans", "20", "--days", "75", "--break", "claim-after-act", "--faults", "none", "--jobs", "1")
    ran = duebell("simulate", *patched, "--seeds", "1", "--no-shrink")
    again = "again: duebell simulate --seed 0 --loans 20 --days 75 --break claim-after-act --faults none"
    assert (ran.code, again in ran.out) == (1, True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--break", "nothing"), "--break nothing is none of"),
        (("--faults", "present"), "--faults present: write all, none, or places such as present#12"),
        (("--report", "nowhere/page.md"), "--report nowhere/page.md: there is no folder nowhere"),
        (("--seed", "1", "--breaks", "2"), "--seed runs one seed alone"),
        (("--seed", "1", "--report", "page.md"), "--seed runs one seed alone"),
        (("--faults", "dinner#3"), "--faults dinner#3: write all, none, or places such as present#12"),
    ],
)
def test_what_cannot_be_meant_is_refused(duebell: Duebell, wrong: tuple[str, ...], said: str) -> None:
    ran = duebell("simulate", *wrong)
    assert ran.code == 2
    assert said in ran.err
