"""What the checks make of a second claim, of the first hour after days without packs, and of news on its way."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from shared.invariants import checks
from shared.invariants.rows import ChargeRow, HoldRow
from shared.invariants.rules import RuleBook
from shared.invariants.terms import Terms
from tests.invariants.test_boundaries import book, documents, loan, names, part, place, the_book, try_
from tests.unit.builders import at

FIRST = at("2026-03-10 08:00")
AGAIN = at("2026-03-11 08:00")


@pytest.mark.parametrize(
    ("since", "until", "wrong"),
    [
        (FIRST - timedelta(minutes=1), None, True),
        (FIRST + timedelta(hours=1), None, True),
        (FIRST + timedelta(hours=1), date(2026, 3, 11), True),
        (FIRST + timedelta(hours=1), date(2026, 3, 10), False),  # over by the day of the second claim
        (AGAIN + timedelta(minutes=1), None, False),
    ],
)
def test_a_hold_wins_over_a_second_claim(since: datetime, until: date | None, wrong: bool) -> None:
    (first,) = (row for row in the_book().attempts if row.loan_id == "l-1")
    assert first.slot.startswith("2026-03-10")
    again = {"claimed_at": AGAIN, "first_claimed_at": FIRST, "presented": 2, "settled_at": AGAIN}
    hold = HoldRow("dispute", frozenset({"debit"}), since, until)
    of = book(("attempts", try_("l-1", 1), again), ("loans", loan("l-1"), {"holds": (hold,)}))
    assert ("holds-win" in names(of)) is wrong


@pytest.mark.parametrize(("minutes", "wrong"), [(59, False), (61, True)])
def test_a_line_that_found_no_packs_looks_again_within_the_hour(minutes: int, wrong: bool) -> None:
    """The lender's packs are missing on 9 April; the loan is cured, and its line looks at it at one o'clock."""
    before: list[dict[str, Any]] = [
        {**d, "valid_to": date(2026, 4, 8)} if d["id"] == "lender" else d for d in documents()
    ]
    after = [{**d, "valid_from": date(2026, 4, 10)} for d in documents() if d["id"] == "lender"]
    cured = {"paid_minor": 101_500, "state": "paid"}
    waits = ("loans", loan("l-2"), {"place": place("2026-05-01 00:00")})
    moment = at("2026-04-10 00:00") + timedelta(minutes=minutes)
    terms = Terms(moment, RuleBook([*before, *after]), timedelta(days=60))
    found = checks.run(book(("instalments", part("l-2", 1), cured), waits), terms).breaches
    assert ("stages-follow" in {breach.check for breach in found}) is wrong


@pytest.mark.parametrize(("untold", "wrong"), [((), True), ((0,), True), ((2,), False), ((0, 2), False)])
def test_of_news_on_their_way_any_may_have_come_by_enquiry(untold: tuple[int, ...], wrong: bool) -> None:
    """A payment, taken back and booked so, comes again."""
    charges = the_book().charges or []
    (paid,) = (c for c in charges if c.key == "l-1:P000001")
    again = ChargeRow(paid.key, 700, paid.currency)
    three = [paid, ChargeRow(paid.key, 0, paid.currency), again]
    told = [replace(c, untold=True) if number in untold else c for number, c in enumerate(three)]
    of = replace(book(), charges=[*(c for c in charges if c is not paid), *told])
    assert ("gateway-agrees" in names(of)) is wrong
