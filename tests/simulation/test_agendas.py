"""Who is days behind his stage although everything ran, and whom nothing could be told of."""

from datetime import date, timedelta

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.cli.simulate import world
from shared.ports.portfolio import Imported
from shared.simulation.agendas import never_arrived
from shared.simulation.eras import CHANGED_ON, EraName
from tests.unit.builders import a_borrower, a_card, a_loan, an_instalment, at

NOW = at(f"{CHANGED_ON + timedelta(days=20)} 12:00")
RULES = next(era.rules for seed in range(40) if (era := world().era(seed)).name is EraName.TIGHTENED)


@pytest.mark.parametrize(
    ("other_zones", "late", "found"),
    [
        ((), 30, ["l-1"]),
        (("Asia/Urumqi",), 30, ["l-1"]),
        (("America/Los_Angeles",), 30, ["l-1"]),  # half an hour is open on both clocks
        (("America/Los_Angeles", "Asia/Urumqi"), 30, []),  # and none on these three
        ((), 5, []),  # the days within which it may still arrive
    ],
)
def test_who_is_behind_and_could_have_been_told(other_zones: tuple[str, ...], late: int, found: list[str]) -> None:
    store = MemoryBook()
    due_on: date = NOW.date() - timedelta(days=late)
    rows = (a_borrower(other_zones=other_zones), a_card(), an_instalment(due_on=due_on), a_loan())
    store.write([Imported(row, "") for row in rows])
    assert [breach.subject for breach in never_arrived(store, RULES, NOW)] == found
