"""What money brings forward on the other lines, in the transaction that books it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.book import Stage
from shared.domain.changes import WakeContact, WakeStage
from shared.workflows.waking import wakes
from tests.unit.builders import DUE, a_file, a_loan, an_instalment, day

NOW = day(0)
STAGE, CONTACT = WakeStage("l-1", NOW), WakeContact("b-1", NOW)


@pytest.mark.parametrize(
    ("stage", "blocked", "left", "expected"),
    [
        (Stage.CURRENT, False, 1, []),
        (Stage.M1, False, 1, [STAGE]),
        (Stage.CURRENT, True, 1, [STAGE]),  # seed 614: it stood still for the instalment that money paid
        (Stage.CURRENT, False, 0, [CONTACT, STAGE]),
    ],
)
def test_money_wakes_the_lines_that_may_have_waited_for_it(
    stage: Stage, blocked: bool, left: int, expected: list[object]
) -> None:
    first, second = an_instalment(blocked=blocked), an_instalment(number=2)
    entered = () if stage is Stage.CURRENT else ("000#M1",)
    file = a_file(first, second, loan=a_loan(entered=entered))
    paid = [replace(i, paid_minor=i.due_minor) for i in (first, second)]
    assert wakes(file, paid[: 2 - left], NOW, DUE) == expected


@pytest.mark.parametrize(("today", "origin", "woken"), [(0, 0, False), (1, 0, True), (-1, 1, False), (0, 1, True)])
def test_money_for_what_is_late_wakes_a_stage_that_may_be_entered_at_this_moment(
    today: int, origin: int, woken: bool
) -> None:
    first, later = an_instalment(), an_instalment(number=2, due_on=DUE + timedelta(days=31))
    paid = replace(first, paid_minor=500)
    found = wakes(a_file(first, later), [paid], NOW, DUE + timedelta(days=today), origin)
    assert found == ([STAGE] if woken else [])
