"""The stage line's worker: what it counts is what it recorded."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.domain.book import Line, Stage
from shared.domain.changes import Change
from tests.unit.builders import at
from tests.unit.town import Town


class Racing:
    """A book in which somebody else is always quicker."""

    def __init__(self, book: Any) -> None:
        self._book = book

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    def commit(self, changes: Sequence[Change]) -> bool:
        return False


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
