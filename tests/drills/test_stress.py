"""What a stress run tells, and what makes it fail."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from demo.history import Check
from drills.expected import Work
from drills.stress import Result, document, show_result
from drills.watched import Agenda, Waiting

GOOD = Result(
    times=1,
    days=2,
    loans=59,
    seconds=12,
    waiting={
        date(2026, 3, 2): {"contact": Waiting(due=40, oldest_due=timedelta(hours=3), messages=2, hints=40)},
        date(2026, 3, 3): {"contact": Waiting(due=7, oldest_due=timedelta(hours=12), oldest_message_s=4)},
    },
    at_end={"contact": 0, "debit": 0, "stage": 0},
    invocations={"plan_work": 6},
    messages={"sent": 3},
    debits={"paid": 1},
    dead=0,
    checks=(Check("told-once", "Each is told once.", 3, "messages"),),
    work=(Work("debits on the due day", 1, 1),),
)


def test_the_most_of_a_line_is_that_of_all_days() -> None:
    assert GOOD.most()["contact"] == Waiting(
        due=40, oldest_due=timedelta(hours=12), messages=2, hints=40, oldest_message_s=4
    )


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, dead=1),
        replace(GOOD, at_end={"contact": 2}),
        replace(GOOD, work=(Work("debits on the due day", 2, 1, ("L-1#1",)),)),
        replace(GOOD, work=(Work("payments by hand, booked", 1, 1, (), ("hand-1",)),)),
        replace(GOOD, checks=(Check("told-once", "Each is told once.", 3, "messages", ("twice",)),)),
    ],
)
def test_whatever_is_wrong_is_told_and_fails(bad: Result, capsys: pytest.CaptureFixture[str]) -> None:
    show_result(bad)

    assert len(bad.faults) == 1
    said = capsys.readouterr().out
    assert f"wrong: {bad.faults[0]}" in said
    assert said.endswith("1 things are wrong\n")
    assert document(bad)["faults"] == bad.faults


def test_a_good_run_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_result(GOOD)

    said = capsys.readouterr().out
    assert GOOD.faults == []
    assert "59 loans (1 times the demo's book), 2 days, 12 s" in said
    assert said.endswith("nothing lost\n")


def test_the_most_is_kept_of_each_look() -> None:
    seen = Waiting()
    for due in (3, 1):
        seen.found_due(Agenda(due, timedelta(hours=due)))
        seen.found_left(Agenda(due - 1, timedelta(minutes=due)))
        seen.found_queued(due, due * 20, due / 2)

    assert seen == Waiting(3, timedelta(hours=3), 2, timedelta(minutes=3), 3, 60, 1.5)
