"""What a run says of itself: money both ways, time for seeds and patches, and no more than holds."""

from collections import Counter
from dataclasses import replace
from datetime import date

from shared.simulation.liveness import DEBITS
from shared.simulation.report import NOT_EXERCISED, Machine, Run, as_document, as_page, as_table
from shared.simulation.series import Caught, Sum

TOTAL = Sum(seeds=2, charges=3, charged_minor=10_000, returned_minor=10_000, transferred_minor=2_050)
RUN = Run(TOTAL, 10, "all", (), 0, 50, 120, 2, 120.0, 0.0, 0, expects_all=False)


def page(run: Run) -> str:
    return as_page(run, Machine(2, "Linux", "3.13"), date(2026, 3, 10))


def test_what_is_given_back_does_not_hide_what_was_taken() -> None:
    told = "3: 100.00 in, 100.00 back out, 20.50 in by transfer"
    assert told in page(RUN)
    assert told.replace(":", " charges, refunds and returns:", 1) in "\n".join(as_table(RUN))
    assert as_document(RUN)["returned_minor"] == 10_000


def test_the_time_names_the_patches_that_the_command_repeats() -> None:
    assert "| time | 2.0 minutes for the seeds, 2 processes |" in page(RUN)
    patched = replace(RUN, caught=[Caught("claim-after-act", 1, "x: y")], patch_seconds=90.0, patch_seeds=10)
    assert "| time | 2.0 minutes for the seeds and 1.5 for the patches, 2 processes |" in page(patched)
    assert "--breaks 10" in page(patched)


def test_a_fault_that_never_happened_is_said_to_fail_only_a_run_that_it_fails() -> None:
    sentence = "that never happened fails the run"
    assert sentence not in page(RUN)
    assert sentence in page(replace(RUN, expects_all=True))
    assert RUN.is_clean
    assert not replace(RUN, expects_all=True).is_clean


def test_how_much_was_judged_is_told() -> None:
    total = replace(TOTAL, counts=Counter({DEBITS: 7}))
    assert "7 debits, 0 due-days, 0 arrears" in page(replace(RUN, total=total))


def test_each_check_is_told_with_when_it_is_asked() -> None:
    lines = {line.partition(": ")[0]: line.partition(": ")[2] for line in page(RUN).splitlines() if ": " in line}
    weekly, at_once = lines["Every 7 days and at the end"], lines["At every commit and every request"]
    rest = lines["At the end, after the days without faults"]
    assert "fields-survive" in weekly
    assert "rows-can-be-read" not in page(RUN)
    assert "switches-hold" in at_once
    assert rest == "lines-move, stages-arrive, debits-arrive, notices-arrive, news-arrives."
    assert not {name.strip(" .") for name in rest.split(",")} & {name.strip(" .") for name in weekly.split(",")}


def test_the_workflows_that_no_seed_runs_are_named() -> None:
    told = " ".join(NOT_EXERCISED)
    for name in ("turn_switches", "set_consent", "order_resolutions", "receive_webhooks", "open_links", "explain"):
        assert name in told
        assert f"- {next(one for one in NOT_EXERCISED if name in one)}" in page(RUN)
