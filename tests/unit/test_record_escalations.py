"""The stage line's worker: what it counts is what it recorded."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from shared.domain.book import Line, Stage
from shared.domain.changes import Change, SaveStage
from tests.unit.builders import an_instalment, at
from tests.unit.town import Town


class Racing:
    """A book in which somebody else is always quicker."""

    def __init__(self, book: Any) -> None:
        self._book = book

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    def commit(self, changes: Sequence[Change]) -> bool:
        return False


class PaidJustBefore(Racing):
    """A book in which money arrives between the decision and its commit."""

    def __init__(self, town: Town) -> None:
        super().__init__(town.book)
        self._town = town

    def commit(self, changes: Sequence[Change]) -> bool:
        if any(isinstance(change, SaveStage) for change in changes):
            self._town.book = self._book
            self._town.repay("1015.00")
        return bool(self._book.commit(changes))


def test_a_payment_just_before_the_commit_wins_over_the_escalation() -> None:
    town = Town(an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10)), account=None)
    town.clock.set(at("2026-03-11 09:00"))
    town.work(Line.CONTACT, ["b-1"])
    town.book = PaidJustBefore(town)
    assert town.work(Line.STAGE, ["l-1"]).counts["lost"] == 1
    assert town.escalations() == []
    assert town.loan().step == town.clock.now()  # it is due, and decided anew


@pytest.mark.parametrize("raced", [False, True])
def test_a_stage_is_counted_when_it_was_recorded_and_not_when_the_race_was_lost(raced: bool) -> None:
    town = Town(account=None)
    town.live_through("2026-03-01", "2026-03-10")
    town.clock.set(at("2026-03-11 09:00"))
    town.work(Line.CONTACT, ["b-1"])
    if raced:
        town.book = Racing(town.book)
    counts = town.work(Line.STAGE, ["l-1"]).counts
    assert counts["stage.entered.M1"] == (0 if raced else 1)
    assert counts["lost"] == (1 if raced else 0)
    assert (town.loan().stage is Stage.M1) is not raced


def test_a_worker_whose_clock_is_behind_does_not_leave_a_stage_on_the_day_before_it_was_entered() -> None:
    town = Town(account=None)
    town.clock.set(at("2026-03-11 09:00"))
    town.work(Line.CONTACT, ["b-1"])
    town.work(Line.STAGE, ["l-1"])
    entered, due = town.escalations(), town.loan().step
    town.clock.set(at("2026-03-10 23:59"))
    assert town.work(Line.STAGE, ["l-1"]).counts["clock-behind"] == 1
    assert town.escalations() == entered
    assert town.loan().stage is Stage.M1
    assert town.loan().step == due


def test_a_repaid_loan_leaves_its_stage_by_whatever_clock_and_not_before_it_entered() -> None:
    town = Town(account=None)
    town.clock.set(at("2026-03-11 09:00"))
    town.work(Line.CONTACT, ["b-1"])
    town.work(Line.STAGE, ["l-1"])
    town.clock.set(at("2026-03-10 23:59"))
    town.repay("1015.00")
    town.work(Line.STAGE, ["l-1"])
    (left,) = town.escalations()
    assert (left.entered_on, left.left_on) == (date(2026, 3, 11), date(2026, 3, 11))
    assert town.loan().stage is Stage.CURRENT
